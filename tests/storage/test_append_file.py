"""One file, one owner: appends are whole or absent, and failure leaves no trace."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydb import TinyDB

from llmhub.core.errors import StorageError
from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk, LockState
from llmhub.storage.faults import failure
from llmhub.storage.layout import CLOSING, HEADER
from llmhub.storage.owned import OwnedFile
from llmhub.storage.reading import Reading, in_order, newest_first, read_on
from llmhub.storage.records import encode
from support.booking import stock
from support.disks import CountingDisk, FailingDisk, every_call


def claimed(path: Path, disk: Disk | None = None) -> AppendFile:
    file = AppendFile.claim(path, disk or Disk())
    assert file is not None
    return file


def record(number: int) -> dict[str, object]:
    return {"v": 1, "kind": "turn", "id": f"turn-{number}", "figure": 1_234_567_000 + number, "text": "ä€😀 \n }}"}


def numbers(path: Path) -> list[int]:
    return [int(str(document["id"]).removeprefix("turn-")) for document in stock(path).values()]


def read(path: Path) -> tuple[list[str], Reading]:
    found: list[str] = []
    reading = read_on(Disk(), path, lambda record: found.append(record["id"]), restart=found.clear)
    return found, reading


def test_a_file_is_one_record_per_line_and_strict_json_after_every_append(tmp_path: Path) -> None:
    path = tmp_path / "turns-2026-11.json"
    file = claimed(path)

    for number in range(1, 6):
        assert file.append([record(number)]) == [number]
        assert numbers(path) == list(range(1, number + 1))

    lines = path.read_bytes().splitlines(keepends=True)
    assert lines[0] == HEADER
    assert lines[-1] == CLOSING
    assert len(lines) == 7


def test_an_append_is_one_write_and_one_sync_and_leaves_every_earlier_line_alone(tmp_path: Path) -> None:
    path, disk = tmp_path / "a.json", CountingDisk()
    file = claimed(path, disk)
    file.append([record(1)])
    before = path.read_bytes()
    disk.calls.clear()

    file.append([record(2), record(3)])

    assert [call for call in disk.calls if call in {"write", "sync", "truncate", "replace", "sync_folder"}] == [
        "write",
        "sync",
    ]
    assert path.read_bytes().startswith(before.removesuffix(CLOSING))


def test_the_name_of_a_new_file_is_durable_before_its_first_record_is(tmp_path: Path) -> None:
    disk = CountingDisk()
    file = claimed(tmp_path / "a.json", disk)

    file.append([record(1)])

    assert disk.calls.index("sync_folder") < disk.calls.index("write")


def test_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "ledger" / "a.json"
    Disk().make_folder(path.parent)
    claimed(path).append([record(1)])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_and_a_folder_that_others_can_read_are_closed_to_them(tmp_path: Path) -> None:
    folder, path = tmp_path / "ledger", tmp_path / "ledger" / "a.json"
    folder.mkdir(mode=0o755)
    path.write_bytes(b"")
    path.chmod(0o644)

    Disk().make_folder(folder)
    claimed(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_has_one_owner_until_it_is_closed(tmp_path: Path) -> None:
    first = claimed(tmp_path / "a.json")

    assert AppendFile.claim(tmp_path / "a.json", Disk()) is None
    first.append([record(1)])
    first.close()
    claimed(tmp_path / "a.json").append([record(2)])
    assert numbers(tmp_path / "a.json") == [1, 2]


def test_the_second_owner_takes_a_numbered_file_and_a_later_one_the_first_that_is_free(tmp_path: Path) -> None:
    owners = [OwnedFile(tmp_path, "turns-2026-11", Disk()) for _ in range(3)]
    for number, owner in enumerate(owners, 1):
        owner.append([record(number)])
    owners[1].close()
    late = OwnedFile(tmp_path, "turns-2026-11", Disk())
    late.append([record(4)])

    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "turns-2026-11.2.json",
        "turns-2026-11.3.json",
        "turns-2026-11.json",
    ]
    assert numbers(tmp_path / "turns-2026-11.2.json") == [2, 4]


def test_where_locks_are_not_supported_a_name_is_used_that_no_one_else_can_have(tmp_path: Path) -> None:
    class Lockless(Disk):
        def lock(self, fd: int) -> LockState:
            return LockState.UNSUPPORTED

    owners = [OwnedFile(tmp_path, "turns-2026-11", Lockless()) for _ in range(2)]
    for number, owner in enumerate(owners, 1):
        owner.append([record(number)])
        owner.append([record(10 + number)])

    assert sorted(numbers(path) for path in tmp_path.iterdir()) == [[1, 11], [2, 12]]
    assert all(".x" in path.name for path in tmp_path.iterdir())


def test_a_file_that_cannot_be_used_is_left_alone_and_the_next_number_taken(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    os.mkfifo(tmp_path / "a.2.json")
    owner = OwnedFile(tmp_path, "a", Disk())

    owner.append([record(1)])

    assert numbers(tmp_path / "a.3.json") == [1]


def test_a_file_that_is_taken_away_is_begun_anew(tmp_path: Path) -> None:
    owner = OwnedFile(tmp_path / "ledger", "a", Disk())
    owner.append([record(1)])
    (tmp_path / "ledger" / "a.json").rename(tmp_path / "moved.json")
    (tmp_path / "ledger").rmdir()

    owner.append([record(2)])

    assert numbers(tmp_path / "ledger" / "a.json") == [2]
    assert numbers(tmp_path / "moved.json") == [1]


def test_an_owner_that_locked_a_file_which_was_replaced_meanwhile_locks_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    claimed(path).close()
    path.write_bytes(b"")

    class Overtaken(Disk):
        done = False

        def lock(self, fd: int) -> LockState:
            if not self.done:
                self.done = True
                path.unlink()
                path.write_bytes(b"")
            return super().lock(fd)

    claimed(path, Overtaken()).append([record(1)])

    assert numbers(path) == [1]


# -- failure ----------------------------------------------------------------------------------


def test_any_call_may_fail_once_and_trying_again_never_doubles(tmp_path: Path) -> None:
    def book(folder: Path, disk: Disk) -> tuple[list[int], Exception | None]:
        """Five records, each tried until it is accepted; the first failure is returned."""
        owner, accepted, first = OwnedFile(folder, "a", disk), [], None
        for number in range(1, 6):
            for _ in range(3):
                before = contents(folder)
                try:
                    owner.append([record(number)])
                except StorageError as error:
                    first = first or error
                    assert contents(folder) == before, "a failed append left a trace"
                    continue
                accepted.append(number)
                break
        return accepted, first

    calls = every_call(lambda disk: book(tmp_path / "clean", disk))
    failed: set[str] = set()
    for at in range(1, calls + 1):
        for error in (errno.EIO, errno.ENOSPC):
            folder = tmp_path / f"{at}-{error}"
            disk = FailingDisk(at, error)
            accepted, first = book(folder, disk)
            assert accepted == [1, 2, 3, 4, 5]
            held = [number for path in sorted(folder.glob("a*.json")) for number in numbers(path)]
            assert held == [1, 2, 3, 4, 5], f"call {at} ({disk.failed}) failed with {first}"
            failed.add(str(disk.failed))

    assert failed >= {"open", "write", "sync", "lock", "sync_folder", "make_folder", "stat", "read"}


def contents(folder: Path) -> dict[str, bytes]:
    """What is in the record files; an empty file counts as none."""
    return {path.name: data for path in sorted(folder.glob("*.json")) if (data := path.read_bytes())}


def test_a_file_that_could_not_be_put_back_is_put_back_before_the_next_append(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    broken = {"now": False}

    def fail(name: str, _number: int) -> None:
        if broken["now"] and name in {"sync", "truncate"}:
            raise OSError(errno.EIO, "gone")

    file = claimed(path, CountingDisk(fail))
    file.append([record(1)])
    broken["now"] = True
    for _ in range(2):
        with pytest.raises(StorageError):
            file.append([record(2)])
    broken["now"] = False

    file.append([record(2)])

    assert numbers(path) == [1, 2]


def test_a_record_that_stands_there_whole_but_was_never_acknowledged_is_not_doubled(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    writes = {"left": -1}

    def fail(name: str, _number: int) -> None:
        if name == "sync" and writes["left"] >= 0:
            raise OSError(errno.EIO, "gone")
        if name == "write" and writes["left"] >= 0:
            if writes["left"] == 0:
                raise OSError(errno.EIO, "gone")
            writes["left"] -= 1

    file = claimed(path, CountingDisk(fail))
    file.append([record(1)])
    writes["left"] = 1  # the record is written, its sync fails, and so does putting the end back
    with pytest.raises(StorageError):
        file.append([record(2)])
    assert numbers(path) == [1, 2]
    writes["left"] = -1

    file.append([record(2)])

    assert numbers(path) == [1, 2]


def test_what_another_program_did_to_the_file_is_noticed_before_the_next_append(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    file = claimed(path)
    file.append([record(1)])
    with TinyDB(path) as stock_db:
        stock_db.insert(record(2))
    file.append([record(3)])
    path.write_bytes(path.read_bytes() + b"junk\n" * 500)
    file.append([record(4)])
    path.write_bytes(path.read_bytes().replace(b"turn-1", b"turn-7"))
    file.append([record(5)])

    assert numbers(path) == [7, 2, 3, 4, 5]
    assert max(aside.read_bytes()[-5:] for aside in tmp_path.glob("*.cut-*")) == b"junk\n"


def test_a_refused_record_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    file = claimed(path)
    file.append([record(1)])
    before = path.read_bytes()

    with pytest.raises(StorageError):
        file.append([record(2), {"figure": float("nan")}])

    assert path.read_bytes() == before


def test_an_error_of_the_disk_is_told_in_three_parts() -> None:
    told = [
        str(failure(OSError(number, ""), Path("a.json")))
        for number in (errno.ENOSPC, errno.EROFS, errno.EFBIG, errno.EIO)
    ]

    assert [words.split(" · ")[0] for words in told] == [
        "The disk is full",
        "llmhub may not write here",
        "A file reached the size limit set for this session",
        "The disk reported an error",
    ]


# -- torn ends --------------------------------------------------------------------------------


class Unsynced(Disk):
    """Every prefix of an append is a thousand files: without waiting for the drive."""

    def sync(self, fd: int) -> None: ...

    def sync_folder(self, folder: Path) -> None: ...


FILLERS: dict[str, Callable[[bytes], bytes]] = {
    "bare": lambda _rest: b"",
    "zero-filled": lambda rest: bytes(len(rest)),
    "junk-filled": lambda rest: (b'\x7f"}}\n,"9":{"' * len(rest))[: len(rest)],
}


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("before", [0, 1, 3])
def test_an_append_that_was_torn_anywhere_is_whole_or_absent(tmp_path: Path, before: int, filler: str) -> None:
    whole = tmp_path / "whole.json"
    file = claimed(whole)
    for number in range(1, before + 1):
        file.append([record(number)])
    old = whole.read_bytes() if before else b""
    file.append([record(before + 1)])
    new = whole.read_bytes()
    start = len(old) - len(CLOSING) if before else 0
    change = new[start:]

    path = tmp_path / "a.json"
    for cut in range(len(change) + 1):
        rest = FILLERS[filler](change[cut:])
        torn = new[:start] + change[:cut] + rest
        path.write_bytes(torn if len(torn) >= len(old) or filler != "bare" else torn + old[len(torn) :])
        seen, _ = read(path)
        assert seen in (ids(before), ids(before + 1)), f"a reader saw {seen} after {cut} bytes"

        again = claimed(path, Unsynced())
        found = numbers(path) if path.stat().st_size else []
        assert found in (list(range(1, before + 1)), list(range(1, before + 2)))
        assert len(found) >= len(seen), "what a reader had counted is gone"
        again.append([record(99)])
        assert numbers(path) == [*found, 99]
        again.close()
        path.unlink()


def ids(count: int) -> list[str]:
    return [f"turn-{number}" for number in range(1, count + 1)]


def test_only_the_owner_closes_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    owner = claimed(path)
    owner.append([record(1)])
    torn = path.read_bytes().removesuffix(CLOSING) + b',"2":{"v":1,"fig'
    path.write_bytes(torn)

    assert AppendFile.claim(path, Disk()) is None
    _, reading = read(path)
    assert path.read_bytes() == torn
    assert not reading.closed
    owner.append([record(2)])
    assert numbers(path) == [1, 2]


def test_what_is_cut_from_an_end_is_set_aside_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    file = claimed(path)
    file.append([record(1)])
    file.close()
    path.write_bytes(path.read_bytes().removesuffix(CLOSING) + b',"2":{"v":1,"fig')

    file = claimed(path)

    (repair,) = file.repairs
    assert repair.aside is not None
    assert repair.aside.read_bytes() == b',"2":{"v":1,"fig'
    assert (repair.cut_lines, repair.cut_bytes) == (1, 16)


def test_a_long_unfinished_record_is_no_reason_to_read_the_whole_file(tmp_path: Path) -> None:
    path, disk = tmp_path / "a.json", CountingDisk()
    file = claimed(path)
    for number in range(1, 40):
        file.append([record(number) | {"pad": "x" * 60_000}])
    file.close()
    path.write_bytes(path.read_bytes().removesuffix(CLOSING) + b',"40":{"pad":"' + b"x" * 64_000)

    file = claimed(path, disk)

    assert disk.calls.count("read") == 1
    assert "replace" not in disk.calls
    assert len(numbers(path)) == 39


# -- reading ----------------------------------------------------------------------------------


def test_a_reader_goes_on_where_it_was_and_notices_when_what_precedes_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    file = claimed(path)
    file.append([record(1), record(2)])
    _, reading = read(path)
    file.append([record(3)])
    found: list[str] = []

    onward = read_on(Disk(), path, lambda r: found.append(r["id"]), start=reading.end, guard=reading.guard)
    assert found == ["turn-3"]

    file.rewrite([(1, encode(record(7))), (2, encode(record(8)))])
    found.clear()
    read_on(Disk(), path, lambda r: found.append(r["id"]), start=onward.end, guard=onward.guard, restart=found.clear)
    assert found == ["turn-7", "turn-8"]


def test_records_are_read_in_either_order_over_many_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmhub.storage.reading.CHUNK_BYTES", 1000)
    path = tmp_path / "a.json"
    file = claimed(path)
    file.append([record(number) | {"pad": "y" * (number * 37)} for number in range(1, 60)])

    forwards = [found["id"] for found in in_order(Disk(), path)]
    backwards = [found["id"] for found in newest_first(Disk(), path)]

    assert forwards == ids(59)
    assert backwards == forwards[::-1]
    assert read(path)[0] == forwards
