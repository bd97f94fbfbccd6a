"""Reading what was booked: in either order, by month, over several processes' files, without holding it all."""

from __future__ import annotations

import tracemalloc
from itertools import islice
from pathlib import Path

import pytest

from llmhub.core.errors import StorageError
from llmhub.ledger.desk import Desk
from llmhub.ledger.history import History
from llmhub.storage.disk import Disk
from support.booking import Clock, a_turn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def opened(folder: Path, clock: Clock) -> Desk:
    desk = Desk(folder, Disk(), clock)
    desk.open()
    return desk


def test_turns_come_back_exactly_as_they_were_booked(folder: Path) -> None:
    desk, turn = opened(folder, Clock()), a_turn(7)
    desk.book(turn, Clock()())

    (booked,) = History(folder).turns()

    assert booked.turn == turn
    assert (booked.day, booked.at, booked.newer) == ("2026-11-20", Clock()(), False)
    desk.close()


def test_the_newest_come_first_over_months_and_over_the_files_of_several_processes(folder: Path) -> None:
    clock = Clock()
    desks = [opened(folder, clock) for _ in range(3)]
    order = []
    for number in range(30):
        turn = a_turn(number)
        desks[number % 3].book(turn, clock())
        order.append(turn.id)
        clock.move(days=3)
    history = History(folder)

    assert [booked.turn.id for booked in history.turns()] == order[::-1]
    assert [booked.turn.id for booked in history.turns(oldest_first=True)] == order
    assert history.months() == ["2027-02", "2027-01", "2026-12", "2026-11"]
    assert len(list(history.turns("2026-12"))) + len(list(history.turns("2026-11"))) == 14
    assert list(history.turns("1999-01")) == []
    for desk in desks:
        desk.close()


def test_a_page_of_a_long_history_takes_little_memory(folder: Path) -> None:
    desk = opened(folder, Clock())
    owned = desk._owned_for("turns-2026-11")
    record = {"v": 1, "kind": "turn", "at": "2026-11-20T12:00:00.000Z", "day": "2026-11-20"} | a_turn(1).to_record()
    for _ in range(20):
        owned.append([record] * 500)
    desk.close()
    list(islice(History(folder).turns(), 1))  # what is loaded once is not the history's

    tracemalloc.start()
    found = list(islice(History(folder).turns(), 20))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(found) == 20
    assert peak < 8_000_000


def test_a_ledger_that_is_not_there_has_no_history_and_is_not_made(folder: Path) -> None:
    assert list(History(folder).turns()) == []
    assert History(folder).months() == []
    assert History(folder).records("profiles") == []
    assert not folder.exists()


def test_a_folder_that_is_none_is_an_error_in_three_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_disk: Disk, _folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Disk, "names", refuse)

    with pytest.raises(StorageError, match="may not write here"):
        History(folder).months()


def test_lines_that_are_no_turns_are_passed_over(folder: Path) -> None:
    desk = opened(folder, Clock())
    for number in range(4):
        desk.book(a_turn(number), Clock()())
    desk.close()
    (path,) = folder.glob("turns-*.json")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"junk\n", lines[2][:-5] + b"\n", *lines[3:]]))

    assert len(list(History(folder).turns())) == 3
    assert len(list(History(folder).turns(oldest_first=True))) == 3
