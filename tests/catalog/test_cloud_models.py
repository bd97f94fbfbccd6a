"""The list of cloud models on disk: never a reason to fail."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmhub.catalog.cloud_models import FILE_NAME, CloudModelCache
from llmhub.core.cloud import KeptPages

SOURCE = "https://openrouter.ai/api/v1"
FETCHED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
KEPT = KeptPages(('{"data":[{"id":"a/b","name":"\u2028é"}]}', '{"data":[]}'), FETCHED)


def saved(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / FILE_NAME).read_text("utf-8"))
    return document


def test_what_is_saved_is_loaded_exactly(tmp_path: Path) -> None:
    CloudModelCache(tmp_path / "cache").save(SOURCE, KEPT)

    assert CloudModelCache(tmp_path / "cache").load(SOURCE) == KEPT
    assert CloudModelCache(tmp_path / "cache").load(f"{SOURCE}/") == KEPT


def test_nothing_is_kept_at_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert CloudModelCache(tmp_path / "cache").load(SOURCE) is None
    assert caplog.text == ""
    assert list(tmp_path.iterdir()) == []


def test_a_newer_list_takes_the_place_of_the_older(tmp_path: Path) -> None:
    cache = CloudModelCache(tmp_path)
    newer = KeptPages(("{}",), FETCHED + timedelta(hours=1))

    cache.save(SOURCE, KEPT)
    cache.save(SOURCE, newer)

    assert cache.load(SOURCE) == newer
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_the_list_of_another_address_is_not_taken(tmp_path: Path) -> None:
    cache = CloudModelCache(tmp_path)
    cache.save("http://127.0.0.1:5000/api/v1", KEPT)

    assert cache.load(SOURCE) is None


def test_half_a_surrogate_can_be_kept(tmp_path: Path) -> None:
    cache = CloudModelCache(tmp_path)

    cache.save(SOURCE, KeptPages(("\ud800",), FETCHED))

    assert cache.load(SOURCE) == KeptPages(("\ud800",), FETCHED)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": None},
        {"pages": ["{}", "{}"]},
        {"pages": []},
        {"pages": "{}"},
        {"pages": [1, 2]},
        {"pages": None},
        {"sha256": "0" * 64},
        {"fetched_at": "2026-11-20"},
        {"fetched_at": "2026-11-20T09:00:00"},
        {"fetched_at": "soon"},
        {"fetched_at": 5},
        {"fetched_at": "0001-01-01T00:00:00+14:00"},
        {"source": None},
    ],
)
def test_whatever_is_changed_makes_it_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    cache = CloudModelCache(tmp_path)
    cache.save(SOURCE, KEPT)

    (tmp_path / FILE_NAME).write_text(json.dumps(saved(tmp_path) | change), "utf-8")

    assert cache.load(SOURCE) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"\0" * 500, b"7" * 5000])
def test_a_broken_file_is_nothing_and_the_next_save_mends_it(tmp_path: Path, content: bytes) -> None:
    cache = CloudModelCache(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(content)

    assert cache.load(SOURCE) is None

    cache.save(SOURCE, KEPT)
    assert cache.load(SOURCE) == KEPT


def test_a_file_cut_anywhere_is_nothing(tmp_path: Path) -> None:
    cache = CloudModelCache(tmp_path)
    cache.save(SOURCE, KEPT)
    whole = (tmp_path / FILE_NAME).read_bytes()

    for length in range(len(whole)):
        (tmp_path / FILE_NAME).write_bytes(whole[:length])
        assert cache.load(SOURCE) is None


def test_a_folder_in_its_place_is_nothing_and_saving_fails_quietly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME / "x").mkdir(parents=True)
    cache = CloudModelCache(tmp_path)

    cache.save(SOURCE, KEPT)

    assert cache.load(SOURCE) is None
    assert "could not be kept" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_folder_and_file_are_for_their_owner_alone(tmp_path: Path) -> None:
    CloudModelCache(tmp_path / "cache").save(SOURCE, KEPT)

    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "cache" / FILE_NAME).stat().st_mode) == 0o600


def test_what_a_killed_llmhub_left_is_taken_away_and_what_another_writes_is_not(tmp_path: Path) -> None:
    old, young = tmp_path / f"{FILE_NAME}.new-old", tmp_path / f"{FILE_NAME}.new-young"
    old.write_text("{")
    young.write_text("{")
    os.utime(old, (0, 0))

    CloudModelCache(tmp_path).save(SOURCE, KEPT)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([FILE_NAME, young.name])


def test_two_llmhubs_may_save_at_once(tmp_path: Path) -> None:
    lists = [KeptPages((str(number) * 20_000,), FETCHED) for number in range(8)]
    threads = [threading.Thread(target=CloudModelCache(tmp_path).save, args=(SOURCE, kept)) for kept in lists]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert CloudModelCache(tmp_path).load(SOURCE) in lists
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
