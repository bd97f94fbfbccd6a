"""The calls to the operating system, where systems differ."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from llmhub.storage.disk import Disk, LockState
from llmhub.storage.names import MONTH, Pattern, month_stem, names_to_try


@pytest.fixture
def fd(tmp_path: Path) -> int:
    return Disk().open(tmp_path / "a.json", create=True)


def test_a_short_write_is_continued(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, bytes(data)[:3], at))

    Disk().write(fd, b"0123456789", 0)

    assert Disk().read(fd, 100, 0) == b"0123456789"


def test_a_write_that_writes_nothing_is_an_error(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda _fd, _data, _at: 0)

    with pytest.raises(OSError, match="nothing was written"):
        Disk().write(fd, b"0", 0)


@pytest.mark.parametrize("refusal", [None, errno.ENOTSUP, errno.EIO])
def test_on_macos_the_drive_is_flushed_too_unless_the_file_system_refuses(
    fd: int, monkeypatch: pytest.MonkeyPatch, refusal: int | None
) -> None:
    calls: list[str] = []

    def full(_fd: int, command: Any) -> int:
        calls.append(f"fcntl {command}")
        if refusal:
            raise OSError(refusal, "refused")
        return 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", full)
    monkeypatch.setattr(os, "fsync", lambda _fd: calls.append("fsync"))

    if refusal == errno.EIO:
        with pytest.raises(OSError, match="refused"):
            Disk().sync(fd)
    else:
        Disk().sync(fd)

    assert calls == (["fcntl 51", "fsync"] if refusal == errno.ENOTSUP else ["fcntl 51"])


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errno.EWOULDBLOCK, LockState.TAKEN),
        (errno.EOPNOTSUPP, LockState.UNSUPPORTED),
        (errno.ENOLCK, LockState.UNSUPPORTED),
    ],
)
def test_a_lock_is_got_taken_or_not_to_be_had(
    fd: int, monkeypatch: pytest.MonkeyPatch, error: int, state: LockState
) -> None:
    def flock(_fd: int, _operation: int) -> None:
        raise OSError(error, "no")

    assert Disk().lock(fd) is LockState.GOT
    monkeypatch.setattr(fcntl, "flock", flock)

    assert Disk().lock(fd) is state


def test_a_lock_error_is_an_error(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_fd: int, _operation: int) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(fcntl, "flock", flock)

    with pytest.raises(OSError, match="no"):
        Disk().lock(fd)


def test_only_strict_names_are_record_files(tmp_path: Path) -> None:
    pattern = Pattern(rf"turns-{MONTH}")
    ours = ["turns-2026-11.json", "turns-2026-11.2.json", "turns-2026-11.1000.json", f"turns-1970-01.x{'0' * 26}.json"]
    others = [
        "turns-2026-13.json", "turns-2026-11.1.json", "turns-2026-11.02.json", "turns-2026-11 (1).json",
        "turns-2026-11.sync-conflict-20261120.json", "turns-2026-11.json.cut-1", "turns-2026-11.json.new-01",
        "Turns-2026-11.json", "turns-2026-11.json~", "turns-20261-1.json", "turns-2026-11.10000.json",
        "totals.json", "turns-2026-11.json\n",
    ]  # fmt: skip
    for name in ours + others:
        (tmp_path / name).write_bytes(b"")

    assert sorted(name.name for name, _ in pattern.files(Disk(), tmp_path)) == sorted(ours)


def test_no_date_leads_out_of_the_pattern() -> None:
    pattern = Pattern(rf"turns-{MONTH}")

    assert all(
        pattern.fits(month_stem("turns", day)) for day in (date.min, date.max, date(1970, 1, 1), date(2099, 12, 31))
    )
    assert month_stem("turns", date(999, 1, 1)) == "turns-0999-01"
    assert all(pattern.parse(name) for name in islice(names_to_try("turns-2026-11"), 10_000))
