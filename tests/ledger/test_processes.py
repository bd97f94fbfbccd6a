"""Any number of llmhubs: nothing lost, doubled or refused, none waits for another. And limits of a process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from llmhub.ledger.books import BookKeeper
from llmhub.ledger.desk import Desk
from llmhub.storage.disk import Disk
from support.booking import Clock, a_turn, booked_ids, recount, sums, turns_in
from support.ledger_jobs import NOBODY
from support.nursery import LIMIT_S, Acknowledged, Nursery, until


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def acknowledged(tmp_path: Path) -> Acknowledged:
    return Acknowledged(tmp_path / "acknowledged")


def test_two_writers_and_a_reader_lose_nothing_and_counts_never_go_back(nursery: Nursery, folder: Path) -> None:
    told = [Acknowledged(folder.with_name(f"acknowledged-{number}")) for number in range(2)]
    children = [nursery.start("book_some", folder=str(folder), acknowledged=str(a.path), count=150) for a in told]
    reader = Desk(folder, Disk(), Clock())
    reader.open()
    seen = [0]

    def look() -> bool:
        reader.poll()
        seen.append(turns_in(reader.totals))
        return seen[-1] == 300

    until(look)

    assert seen == sorted(seen)
    assert [nursery.wait(child) for child in children] == [0, 0]
    assert sorted(booked_ids(folder)) == sorted(told[0].ids() + told[1].ids())
    assert sums(reader.totals) == recount(folder)
    assert reader.totals.damaged_lines == 0
    reader.close()


def test_a_live_ledger_shows_another_processes_turns_by_itself(
    nursery: Nursery, folder: Path, acknowledged: Acknowledged
) -> None:
    keeper = BookKeeper(folder, poll_s=0.01)
    keeper.start().result(LIMIT_S)

    nursery.wait(nursery.start("book_some", folder=str(folder), acknowledged=str(acknowledged.path), count=3))

    until(lambda: turns_in(keeper.totals) == 3)
    keeper.close()


def test_eight_threads_at_two_ledgers_lose_nothing(nursery: Nursery, folder: Path, acknowledged: Acknowledged) -> None:
    child = nursery.start(
        "book_in_threads", folder=str(folder), acknowledged=str(acknowledged.path), threads=8, count=25
    )

    assert nursery.wait(child) == 0

    booked = booked_ids(folder)
    assert len(booked) == 200
    assert set(booked) == set(acknowledged.ids())


@pytest.mark.parametrize("at", [3, 9, 13, 17, 21])
def test_nobody_waits_for_a_writer_that_is_stopped_in_mid_call(
    nursery: Nursery, folder: Path, acknowledged: Acknowledged, at: int
) -> None:
    stopped = nursery.start("die_at_call", folder=str(folder), acknowledged=str(acknowledged.path), at=at, stop=True)
    until(lambda: _is_stopped(stopped))
    keeper = BookKeeper(folder, poll_s=None)

    began = monotonic()
    ours = [a_turn(number) for number in range(3)]
    assert all(keeper.record(turn).result(LIMIT_S) for turn in ours)
    keeper.poll().result(LIMIT_S)
    took = monotonic() - began

    assert took < 5
    assert {turn.id for turn in ours} <= set(booked_lines(folder))
    os.kill(stopped, signal.SIGCONT)
    assert nursery.wait(stopped) == 0
    keeper.poll().result(LIMIT_S)
    assert turns_in(keeper.totals) == 6
    assert len(set(booked_ids(folder))) == 6
    assert set(acknowledged.ids()) <= set(booked_ids(folder))
    keeper.close()


def booked_lines(folder: Path) -> list[str]:
    """Ids in files that may have an unfinished end: another writer stands still in one."""
    text = "".join(path.read_text("ascii") for path in folder.glob("turns-*.json"))
    return [part.split('"')[0] for part in text.split('"kind":"turn","id":"')[1:]]


def _is_stopped(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


@pytest.mark.parametrize("room", [0, 1, 700, 1400, 2000])
def test_a_file_size_limit_stops_booking_and_nothing_else(
    nursery: Nursery, folder: Path, acknowledged: Acknowledged, room: int
) -> None:
    child = nursery.start("book_under_a_size_limit", folder=str(folder), acknowledged=str(acknowledged.path), room=room)

    assert nursery.wait(child) == 0

    assert sorted(booked_ids(folder)) == sorted(acknowledged.ids())


# -- a full disk ------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mountpoint = tmp_path / "small"
    mountpoint.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", mountpoint], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"this machine mounts no tmpfs: {mounted.stderr!r}")
    yield mountpoint
    subprocess.run(["umount", mountpoint], check=True)


@pytest.mark.root
def test_on_a_full_disk_turns_are_kept_counted_and_saved_when_there_is_room(small_disk: Path) -> None:
    folder = small_disk / "ledger"
    filler = small_disk / "filler"
    keeper = BookKeeper(folder, poll_s=None)
    durable = 0
    while keeper.record(a_turn(durable)).result(LIMIT_S):
        durable += 1
    assert durable > 10
    for number in range(3):
        assert keeper.record(a_turn(number)).result(LIMIT_S) is False

    assert keeper.totals.unsaved_turns == 4
    assert turns_in(keeper.totals) == durable + 4
    assert [notice.happened for notice in keeper.take_notices()] == ["The disk is full"]
    assert len(booked_ids(folder)) == durable

    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    filler.write_bytes(b"x" * 1000)
    keeper.poll().result(LIMIT_S)
    assert keeper.totals.unsaved_turns == 0
    assert keeper.problem is None
    assert len(booked_ids(folder)) == durable + 4
    assert sums(keeper.totals) == recount(folder)
    keeper.close()


@pytest.mark.root
def test_a_ledger_on_a_disk_that_is_already_full_opens_books_in_memory_and_closes(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * 60_000)
    with (small_disk / "rest").open("ab", buffering=0) as rest:
        try:
            while rest.write(b"x" * 512):
                pass
        except OSError:
            pass
    keeper = BookKeeper(small_disk / "ledger", poll_s=None)

    assert keeper.start().result(LIMIT_S).buckets is not None
    assert keeper.record(a_turn(1)).result(LIMIT_S) is False
    assert turns_in(keeper.totals) == 1
    closing = keeper.close(LIMIT_S)

    assert len(closing.unsaved) == 1
    assert closing.in_time


# -- rights -----------------------------------------------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an ordinary user can get at, which pytest's own is not for root."""
    folder = Path(tempfile.mkdtemp(prefix="llmhub-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("exists", [False, True])
def test_without_rights_chat_goes_on_and_turns_are_saved_once_there_are(
    nursery: Nursery, open_folder: Path, exists: bool
) -> None:
    data, report = open_folder / "data", open_folder / "report"
    folder = data / "ledger"
    data.mkdir(mode=0o755)
    report.touch()
    told = Acknowledged(open_folder / "acknowledged")
    if exists:
        folder.mkdir()
        Desk(folder, Disk(), Clock()).book(a_turn(5), Clock()())
        for path in [folder, *folder.iterdir()]:
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        folder.chmod(0o500)
        for path in folder.iterdir():
            path.chmod(0o400)
    data.chmod(0o555)

    child = nursery.start("without_rights", folder=str(folder), acknowledged=str(told.path), report=str(report))
    until(lambda: len(told) == 1)
    first = report.read_text().strip().split("|")
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
    data.chmod(0o700)
    if exists:
        folder.chmod(0o700)
    os.kill(child, signal.SIGUSR1)

    assert nursery.wait(child) == 0
    assert first[:2] == ["False", "1"]
    assert first[2].startswith("llmhub may not write here")
    assert report.read_text().strip().splitlines()[1] == "0|None"
    assert set(told.ids()) <= set(booked_ids(folder))
