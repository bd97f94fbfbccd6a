"""A turn that was under way when llmhub died is in the ledger, once; a live llmhub's turn is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from llmhub.core.turns import BilledFacts, TurnStatus
from llmhub.ledger.desk import Desk
from llmhub.ledger.history import Booked, History
from llmhub.ledger.intents import COMPACT_BYTES, REASON
from llmhub.storage.disk import Disk
from support.booking import CLOUD, Clock, a_turn, an_intent, booked_ids, stock, turns_in
from support.disks import FailingDisk, every_call
from support.nursery import Acknowledged, Nursery


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


def opened(folder: Path, clock: Clock | None = None, disk: Disk | None = None) -> Desk:
    desk = Desk(folder, disk or Disk(), clock or Clock())
    desk.open()
    desk.recover()
    return desk


def all_booked(folder: Path) -> list[Booked]:
    return list(History(folder).turns())


def abandon(desk: Desk) -> None:
    """What the kernel does at a process's death: the locks go, and nothing else is done."""
    desk._intents.close()
    for owned in desk._owned.values():
        owned.close()


@pytest.mark.parametrize("cloud", [False, True])
def test_a_turn_that_was_killed_in_mid_stream_is_booked_as_interrupted_at_the_next_start(
    nursery: Nursery, folder: Path, acknowledged: Acknowledged, cloud: bool
) -> None:
    child = nursery.start("begin_and_stay", folder=str(folder), acknowledged=str(acknowledged.path), cloud=cloud)
    acknowledged.wait_for(1)
    nursery.kill(child)

    desk = opened(folder)

    (booked,) = all_booked(folder)
    assert booked.turn.id == acknowledged.ids()[0]
    assert (booked.turn.status, booked.turn.reason) == (TurnStatus.INTERRUPTED, REASON)
    assert booked.turn.bytes.prompt == 7011
    expected = ("gen-1", BilledFacts(reconciled="pending")) if cloud else (None, BilledFacts())
    assert (booked.turn.generation_id, booked.turn.billed) == expected
    assert turns_in(desk.totals) == 1
    desk.close()
    opened(folder).close()
    assert len(all_booked(folder)) == 1


def test_a_live_processs_turn_is_never_taken(nursery: Nursery, folder: Path, acknowledged: Acknowledged) -> None:
    child = nursery.start("begin_and_stay", folder=str(folder), acknowledged=str(acknowledged.path), cloud=False)
    acknowledged.wait_for(1)

    desk = opened(folder)
    assert all_booked(folder) == []
    turn = a_turn(2)
    desk.begin(an_intent(turn), Clock()())
    desk.book(turn, Clock()())
    desk.close()

    nursery.kill(child)
    opened(folder).close()
    assert {booked.turn.id for booked in all_booked(folder)} == {acknowledged.ids()[0], turn.id}


def test_a_cloud_turn_without_a_generation_id_is_asked_for_too(folder: Path) -> None:
    desk = opened(folder)
    turn = a_turn(1, place=CLOUD)
    desk.begin(an_intent(turn), Clock()())
    abandon(desk)

    opened(folder).close()

    (booked,) = all_booked(folder)
    assert (booked.turn.generation_id, booked.turn.billed.reconciled) == (None, "pending")


def test_a_kill_between_a_turn_and_its_settling_does_not_double_it(folder: Path) -> None:
    desk, clock = opened(folder), Clock()
    turn = a_turn(1)
    desk.begin(an_intent(turn), clock())
    before = (folder / "intents.json").read_bytes()
    desk.book(turn, clock())
    abandon(desk)
    (folder / "intents.json").write_bytes(before)

    opened(folder).close()

    assert booked_ids(folder) == [turn.id]


def test_a_turn_that_ended_in_another_month_than_it_began_is_found_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, clock = opened(folder), Clock()
    turn = a_turn(1)
    desk.begin(an_intent(turn), clock())
    clock.move(days=30)
    monkeypatch.setattr(desk._intents, "settle", lambda _turn_id, _now: None)
    desk.book(turn, clock())
    abandon(desk)

    opened(folder).close()

    assert booked_ids(folder) == [turn.id]
    assert [path.name for path in folder.glob("turns-*")] == ["turns-2026-12.json"]


def test_of_several_turns_under_way_only_the_open_ones_were_interrupted(folder: Path) -> None:
    desk, clock = opened(folder), Clock()
    turns = [a_turn(number) for number in range(4)]
    for turn in turns:
        desk.begin(an_intent(turn), clock())
    desk.book(turns[1], clock())
    desk.book(turns[3], clock())
    abandon(desk)

    opened(folder).close()

    statuses = {booked.turn.id: booked.turn.status for booked in all_booked(folder)}
    assert [statuses[turn.id] for turn in turns] == ["interrupted", "complete", "interrupted", "complete"]


def test_an_orderly_end_leaves_nothing_to_recover(folder: Path) -> None:
    desk = opened(folder)
    turn = a_turn(1)
    desk.begin(an_intent(turn), Clock()())
    desk.book(turn, Clock()())
    desk.close()

    later = opened(folder)

    assert turns_in(later.totals) == 1
    later.close()


def test_the_intents_of_an_llmhub_that_dies_while_another_runs_are_found_by_its_next_turn(folder: Path) -> None:
    first = opened(folder)
    lost = a_turn(1)
    first.begin(an_intent(lost), Clock()())
    second = opened(folder)
    abandon(first)

    turn = a_turn(2)
    second.begin(an_intent(turn), Clock()())
    second.book(turn, Clock()())

    assert {booked.turn.id for booked in all_booked(folder)} == {lost.id, turn.id}
    second.close()
    opened(folder).close()
    assert len(booked_ids(folder)) == 2


def test_files_of_intents_do_not_grow_for_ever(folder: Path) -> None:
    desk, clock = opened(folder), Clock()
    largest = 0
    for number in range(400):
        turn = replace(a_turn(number), id=f"{number:026d}")
        desk.begin(an_intent(turn), clock())
        desk.book(turn, clock())
        largest = max(largest, (folder / "intents.json").stat().st_size)
    desk.close()

    assert largest < COMPACT_BYTES + 4000
    assert len(stock(folder / "intents.json")) < 400


def test_a_file_of_intents_never_begins_anew_while_a_turn_is_under_way(folder: Path) -> None:
    desk, clock = opened(folder), Clock()
    long = a_turn(1)
    desk.begin(an_intent(long), clock())
    for number in range(200):
        turn = replace(a_turn(number), id=f"{number:026d}")
        desk.begin(an_intent(turn), clock())
        desk.book(turn, clock())
    assert (folder / "intents.json").stat().st_size > COMPACT_BYTES
    abandon(desk)

    opened(folder).close()

    assert booked_ids(folder).count(long.id) == 1


def test_an_intent_that_could_not_be_written_is_written_later_unless_its_turn_is_booked(folder: Path) -> None:
    class Full(Disk):
        full = True

        def write(self, fd: int, data: bytes, at: int) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            super().write(fd, data, at)

    disk = Full()
    desk, clock = opened(folder, disk=disk), Clock()
    early, late = a_turn(1, place=CLOUD), a_turn(2)
    desk.begin(an_intent(early), clock())
    desk.accepted(early.id, "gen-1", clock())
    desk.begin(an_intent(late), clock())
    disk.full = False
    desk.book(late, clock())
    desk.poll()
    abandon(desk)

    opened(folder).close()

    by_id = {booked.turn.id: booked.turn for booked in all_booked(folder)}
    assert by_id[early.id].status == "interrupted"
    assert by_id[early.id].generation_id == "gen-1"
    assert by_id[late.id].status == "complete"
    assert len(booked_ids(folder)) == 2


def test_any_call_may_fail_once_during_recovery_and_the_turn_is_booked_once(tmp_path: Path) -> None:
    def prepared(folder: Path) -> str:
        desk = opened(folder)
        turn = a_turn(1)
        desk.begin(an_intent(turn), Clock()())
        abandon(desk)
        return turn.id

    def recover(folder: Path, disk: Disk) -> None:
        desk = opened(folder, disk=disk)
        desk.poll()
        desk.poll()
        desk.close()

    prepared(tmp_path / "whole")
    calls = every_call(lambda disk: recover(tmp_path / "whole", disk))
    for at in range(1, calls + 1):
        folder = tmp_path / str(at)
        turn_id = prepared(folder)

        recover(folder, FailingDisk(at))
        opened(folder).close()

        assert booked_ids(folder) == [turn_id], f"call {at}"


def test_damage_in_a_file_of_intents_costs_the_damaged_lines_only(folder: Path) -> None:
    desk = opened(folder)
    turns = [a_turn(number) for number in range(3)]
    for turn in turns:
        desk.begin(an_intent(turn), Clock()())
    abandon(desk)
    path = folder / "intents.json"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b'{"junk":\n', *lines[3:]]))

    desk = opened(folder)
    desk.close()

    assert {booked.turn.id for booked in all_booked(folder)} == {turns[0].id, turns[2].id}
    assert (folder / "intents.json.cut-1").read_bytes() == b'{"junk":'
    stock(path)


def test_a_field_of_an_intent_chooses_no_path(folder: Path, tmp_path: Path) -> None:
    desk = opened(folder)
    turn = a_turn(1)
    desk._intents.begin(an_intent(turn), "../../escaped", Clock()())
    abandon(desk)

    opened(folder).close()

    assert len(booked_ids(folder)) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name != "llmhub-home"] == ["ledger"]
