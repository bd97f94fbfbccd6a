"""Our files as TinyDB: stock TinyDB reads them, and our own table appends where stock would rewrite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tinydb import Query, TinyDB
from tinydb.table import Document

from llmhub.core.errors import StorageError
from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.layout import CLOSING
from llmhub.storage.records import MAX_RECORD_BYTES
from llmhub.storage.tables import AppendDB, AppendTable, table_of
from support.disks import CountingDisk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "turns-2026-11.json"


@pytest.fixture
def disk() -> CountingDisk:
    return CountingDisk()


@pytest.fixture
def table(path: Path, disk: CountingDisk) -> AppendTable:
    file = AppendFile.claim(path, disk)
    assert file is not None
    return table_of(file)


def test_stock_tinydb_with_a_stock_query_reads_the_file_after_every_insert(table: AppendTable, path: Path) -> None:
    for number in range(1, 20):
        table.insert({"model": "a" if number % 2 else "b", "nested": {"figure": number}})

        with TinyDB(path, access_mode="r") as stock:
            assert len(stock) == number
            assert stock.search(Query().nested.figure == number)[0].doc_id == number
    with TinyDB(path, access_mode="r") as stock:
        assert stock.count(Query().model == "a") == 10


def by_stock(path: Path) -> list[int]:
    with TinyDB(path, access_mode="r") as stock:
        return [document["n"] for document in stock]


def test_an_insert_appends_and_the_rest_is_tinydbs_own(table: AppendTable, path: Path, disk: CountingDisk) -> None:
    table.insert_multiple([{"n": number} for number in range(1, 6)])
    disk.calls.clear()
    assert table.insert({"n": 6}) == 6
    assert disk.calls.count("write") == 1
    assert "replace" not in disk.calls

    table.update({"seen": True}, Query().n == 2)
    assert "replace" in disk.calls
    table.remove(Query().n == 6)
    table.upsert({"n": 3, "seen": True}, Query().n == 3)
    table.upsert({"n": 7}, Query().n == 7)

    assert [document["n"] for document in table.search(Query().seen.exists())] == [2, 3]
    assert [document["n"] for document in table] == [1, 2, 3, 4, 5, 7]
    assert by_stock(path) == [1, 2, 3, 4, 5, 7]


def test_a_table_that_was_emptied_can_be_appended_to(table: AppendTable, path: Path) -> None:
    table.insert({"n": 1})
    table.truncate()
    assert len(table) == 0

    table.insert({"n": 2})

    assert by_stock(path) == [2]


def test_ids_go_on_behind_the_last_one_even_when_others_were_removed(table: AppendTable) -> None:
    table.insert_multiple([{"n": number} for number in range(1, 4)])
    table.remove(doc_ids=[1])

    assert table.insert({"n": 4}) == 4
    assert [document.doc_id for document in table] == [2, 3, 4]


def test_insert_multiple_is_all_or_none(table: AppendTable, path: Path) -> None:
    table.insert({"n": 1})

    with pytest.raises(StorageError):
        table.insert_multiple([{"n": 2}, {"n": "x" * MAX_RECORD_BYTES}])
    with pytest.raises(ValueError, match="Mapping"):
        table.insert_multiple([{"n": 2}, ["no mapping"]])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="ids are given"):
        table.insert(Document({"n": 2}, doc_id=1))

    assert table.insert_multiple([]) == []
    assert len(table) == 1


def test_the_query_cache_is_off(table: AppendTable, path: Path) -> None:
    table.insert({"n": 1})
    first = table.search(Query().n == 1)
    first[0]["n"] = "changed by its reader"

    assert [document["n"] for document in table.search(Query().n == 1)] == [1]


def test_a_file_holds_one_table(path: Path) -> None:
    file = AppendFile.claim(path, Disk())
    assert file is not None

    with pytest.raises(StorageError, match="one table"):
        AppendDB(file).table("other").insert({"n": 1})
    with pytest.raises(StorageError, match="one table"):
        AppendDB(file).storage.write({"other": {"1": {}}})


def test_a_file_that_another_program_broke_is_an_error_with_three_parts(table: AppendTable, path: Path) -> None:
    table.insert({"n": 1})
    path.write_bytes(path.read_bytes().removesuffix(CLOSING))

    with pytest.raises(StorageError, match="damaged"):
        table.all()


def test_what_stock_tinydb_wrote_is_taken_over(path: Path) -> None:
    with TinyDB(path) as stock:
        stock.insert_multiple([{"n": 1}, {"n": 2}])
    file = AppendFile.claim(path, Disk())
    assert file is not None

    table_of(file).insert({"n": 3})

    assert by_stock(path) == [1, 2, 3]


@pytest.mark.parametrize("module", ["llmhub.ledger.books", "llmhub.chats.files", "llmhub.storage.owned"])
def test_importing_loads_neither_tinydb_nor_anything_else_that_is_heavy(module: str) -> None:
    heavy = {"tinydb", "textual", "ollama", "pydantic", "httpx", "humanize"}
    probe = f"import sys, {module}; print(*sorted({heavy!r} & sys.modules.keys()))"

    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert done.stdout.split() == []
