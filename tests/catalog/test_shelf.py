"""What was looked up on disk: never a reason to fail, and never more than so much."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmhub.catalog.shelf import Kept, Shelf

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BODY = {"manifest": "{}\u2028é\ud800", "list": [1, None, True]}


def only_file(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def test_what_is_saved_is_loaded_exactly(tmp_path: Path) -> None:
    Shelf(tmp_path / "catalog").save("package", "qwen3:8b", BODY, NOON)

    assert Shelf(tmp_path / "catalog").load("package", "qwen3:8b") == Kept(BODY, NOON)


def test_kinds_and_keys_do_not_meet(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)

    shelf.save("package", "a", BODY, NOON)

    assert shelf.load("package", "b") is shelf.load("facts", "a") is None


def test_nothing_is_kept_at_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Shelf(tmp_path / "none").load("package", "a") is None
    assert (caplog.text, list(tmp_path.iterdir())) == ("", [])


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.save("package", "a", BODY, NOON)

    shelf.forget("package", "a")
    shelf.forget("package", "never there")

    assert shelf.load("package", "a") is None


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"kind": "facts"},
        {"key": "b"},
        {"body": {}},
        {"sha256": "0" * 64},
        {"fetched_at": "2026-11-20T09:00:00"},
        {"fetched_at": "soon"},
        {"fetched_at": 5},
        {"fetched_at": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_whatever_is_changed_makes_it_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    shelf = Shelf(tmp_path)
    shelf.save("package", "a", BODY, NOON)
    path = only_file(tmp_path)

    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")

    assert shelf.load("package", "a") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"\0" * 500, b"7" * 5000])
def test_a_broken_file_is_nothing_and_the_next_save_mends_it(tmp_path: Path, content: bytes) -> None:
    shelf = Shelf(tmp_path)
    shelf.save("package", "a", BODY, NOON)
    only_file(tmp_path).write_bytes(content)

    assert shelf.load("package", "a") is None

    shelf.save("package", "a", BODY, NOON)
    assert shelf.load("package", "a") is not None


def test_a_file_cut_anywhere_is_nothing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.save("package", "a", BODY, NOON)
    path = only_file(tmp_path)
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert shelf.load("package", "a") is None


def test_a_file_too_large_to_be_ours_is_not_read(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.save("package", "a", "x" * (8 * 1024 * 1024), NOON)

    assert shelf.load("package", "a") is None


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, most=3)
    for number in range(3):
        shelf.save("package", f"m{number}", number, NOON)
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_atime - 100, path.stat().st_mtime - 100))
    assert shelf.load("package", "m0") is not None  # used just now

    shelf.save("package", "m3", 3, NOON)

    assert [shelf.load("package", f"m{number}") is not None for number in range(4)] == [True, False, True, True]


def test_what_a_killed_llmhub_left_is_taken_away_and_what_another_writes_is_not(tmp_path: Path) -> None:
    old, young = tmp_path / "package-x.json.new-old", tmp_path / "package-x.json.new-young"
    old.write_text("{")
    young.write_text("{")
    os.utime(old, (0, 0))

    Shelf(tmp_path).save("package", "a", BODY, NOON)

    assert not old.exists()
    assert young.exists()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_folder_and_file_are_for_their_owner_alone(tmp_path: Path) -> None:
    Shelf(tmp_path / "catalog").save("package", "a", BODY, NOON)

    assert stat.S_IMODE((tmp_path / "catalog").stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(tmp_path / "catalog").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_is_told_in_the_log_and_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "catalog").write_text("a file")

    Shelf(tmp_path / "catalog").save("package", "a", BODY, NOON)

    assert Shelf(tmp_path / "catalog").load("package", "a") is None
    assert "could not be kept" in caplog.text


def test_two_llmhubs_may_save_at_once(tmp_path: Path) -> None:
    bodies = [str(number) * 20_000 for number in range(8)]
    threads = [threading.Thread(target=Shelf(tmp_path).save, args=("package", "a", body, NOON)) for body in bodies]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    kept = Shelf(tmp_path).load("package", "a")
    assert kept is not None
    assert kept.body in bodies
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("hours", "fresh"), [(0.0, True), (0.9, True), (1.0, False), (-0.1, False)])
def test_what_is_older_than_an_hour_or_from_the_future_is_not_fresh(hours: float, fresh: bool) -> None:
    assert Kept(BODY, NOON).is_fresh(NOON + timedelta(hours=hours), 3600) is fresh
