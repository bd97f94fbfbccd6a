"""A bill that comes late is counted once: told twice, by two processes, at one moment, or after a kill in between."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmhub.core.booked import Booked, LateBill
from llmhub.core.chat import Usage
from llmhub.core.totals import Sums, sums_of
from llmhub.core.turns import BilledFacts, Turn
from llmhub.ledger.books import BookKeeper
from llmhub.ledger.correcting import LOCK, alone
from llmhub.ledger.desk import Desk
from llmhub.ledger.history import History
from llmhub.storage.disk import Disk
from support.booking import CLOUD, Clock, a_turn, an_intent, sums

LIMIT_S = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def pending_turn(number: int = 1) -> Turn:
    turn = replace(a_turn(number, place=CLOUD), generation_id=f"gen-{number}")
    tokens = Usage(completion=7, source="estimate")
    return replace(turn, tokens=tokens, billed=BilledFacts(reconciled="pending", estimate_pico_usd=90_000_000))


def bill_of(pico: int) -> LateBill:
    billed = BilledFacts(raw={"cost": "x"}, reconciled="generation", pico_usd=pico, estimate_pico_usd=150_000_000)
    return LateBill(billed, Usage(52, 95, 71, 0, source="provider"))


def opened(folder: Path) -> Desk:
    desk = Desk(folder, Disk(), Clock())
    desk.open()
    return desk


def whole(desk: Desk) -> Sums:
    desk.poll()
    return sum(sums(desk.totals).values(), Sums())


def test_a_late_bill_brings_the_counts_that_were_billed_and_the_totals_equal_a_recount(folder: Path) -> None:
    desk, turn = opened(folder), pending_turn()
    desk.book(turn, Clock()())
    (booked,) = History(folder).turns()

    assert desk.correct(booked, bill_of(1_581_000_000), Clock()())

    settled = bill_of(1_581_000_000).on(turn)
    assert whole(desk) == sums_of(settled)
    (again,) = History(folder).turns()
    assert again.turn == settled
    assert (whole(desk).check_turns, whole(desk).pending_estimate_turns) == (1, 0)
    desk.close()


def test_the_same_bill_told_twice_is_written_once(folder: Path) -> None:
    desk, turn = opened(folder), pending_turn()
    desk.book(turn, Clock()())
    (stale,) = History(folder).turns()

    answers = [desk.correct(stale, bill_of(5), Clock()()) for _ in range(3)]

    assert answers == [True, True, True]
    assert len(History(folder).corrections()[turn.id]) == 1
    assert whole(desk).billed_pico_usd == 5
    desk.close()


def test_two_processes_with_the_same_stale_turn_count_its_bill_once(folder: Path) -> None:
    first, second = opened(folder), opened(folder)
    first.book(pending_turn(), Clock()())
    (stale,) = History(folder).turns()

    assert first.correct(stale, bill_of(5), Clock()())
    assert second.correct(stale, bill_of(5), Clock()())

    assert [whole(desk).billed_pico_usd for desk in (first, second)] == [5, 5]
    assert [whole(desk).pending_turns for desk in (first, second)] == [0, 0]
    for desk in (first, second):
        desk.close()


def test_a_bill_that_the_provider_changed_takes_the_place_of_the_first(folder: Path) -> None:
    first, second = opened(folder), opened(folder)
    first.book(pending_turn(), Clock()())
    (stale,) = History(folder).turns()

    first.correct(stale, bill_of(5), Clock()())
    second.correct(stale, bill_of(3), Clock()())

    assert whole(first).billed_pico_usd == whole(second).billed_pico_usd == 3
    for desk in (first, second):
        desk.close()


def test_while_another_process_is_at_it_nothing_is_written_and_it_may_be_told_again(folder: Path) -> None:
    desk = opened(folder)
    desk.book(pending_turn(), Clock()())
    (stale,) = History(folder).turns()

    with alone(folder, Disk()) as mine:
        assert mine
        assert not desk.correct(stale, bill_of(5), Clock()())

    assert whole(desk).pending_turns == 1
    assert desk.correct(stale, bill_of(5), Clock()())
    assert (folder / LOCK).stat().st_mode & 0o077 == 0
    desk.close()


def test_a_correction_that_cannot_be_written_is_not_kept_so_that_it_is_never_counted_twice(folder: Path) -> None:
    class Full(Disk):
        full = False

        def write(self, fd: int, data: bytes, at: int) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            super().write(fd, data, at)

    disk = Full()
    desk, other = Desk(folder, disk, Clock()), opened(folder)
    desk.open()
    desk.book(pending_turn(), Clock()())
    (stale,) = History(folder).turns()
    disk.full = True

    assert not desk.correct(stale, bill_of(5), Clock()())

    assert other.correct(stale, bill_of(5), Clock()())
    disk.full = False
    assert whole(desk).billed_pico_usd == 5
    assert desk.problem is None
    for each in (desk, other):
        each.close()


def test_many_threads_of_two_keepers_settle_each_turn_once(folder: Path) -> None:
    keepers = [BookKeeper(folder, poll_s=None) for _ in range(2)]
    turns = [pending_turn(number) for number in range(6)]
    for turn in turns:
        keepers[0].record(turn).result(LIMIT_S)
    stale = list(History(folder).turns())

    def settle(keeper: BookKeeper) -> None:
        for booked in stale:
            bill = bill_of(1000)
            while not keeper.correct(booked, bill.billed, bill.tokens).result(LIMIT_S):
                pass

    working = [threading.Thread(target=settle, args=(keepers[number % 2],)) for number in range(4)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()

    for keeper in keepers:
        total = sum(sums(keeper.poll().result(LIMIT_S)).values(), Sums())
        assert (total.billed_turns, total.billed_pico_usd, total.pending_turns) == (6, 6000, 0)
        keeper.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.sampled_from([3, 5, 8])), max_size=12))
def test_totals_equal_a_recount_of_the_corrected_turns_after_any_corrections(steps: list[tuple[int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "ledger"
        clock = Clock()
        desks = [opened(folder) for _ in range(2)]
        turns = [pending_turn(number) for number in range(3)]
        for turn in turns:
            desks[0].book(turn, clock())
        stale = {booked.turn.id: booked for booked in History(folder).turns()}
        expected = {turn.id: turn for turn in turns}

        for which, number, pico in steps:
            clock.move(seconds=1)
            turn = turns[number]
            assert desks[which].correct(stale[turn.id], bill_of(pico), clock())
            expected[turn.id] = bill_of(pico).on(turn)

        recounted = sum((sums_of(turn) for turn in expected.values()), Sums())
        assert {booked.turn.id: booked.turn for booked in History(folder).turns()} == expected
        for desk in desks:
            assert whole(desk) == recounted
            desk.close()
        fresh = opened(folder)
        assert whole(fresh) == recounted
        fresh.close()


def left_open(folder: Path, turn: Turn) -> None:
    """What a process that was killed while `turn` streamed leaves behind: the kernel frees its locks."""
    dead = opened(folder)
    dead.begin(an_intent(turn), Clock()())
    dead.accepted(turn.id, "gen-9", Clock()())
    dead._intents.close()


async def test_pending_bills_are_found_and_those_of_dead_processes_too(folder: Path) -> None:
    left = a_turn(9, place=CLOUD)
    await asyncio.to_thread(left_open, folder, left)
    keeper = BookKeeper(folder, poll_s=None, clock=Clock())
    waiting, paid = pending_turn(1), a_turn(2, place=CLOUD)
    for turn in (waiting, paid):
        await keeper.record(turn)

    found = await keeper.pending_bills()

    assert {booked.turn.id: booked.turn.generation_id for booked in found} == {waiting.id: "gen-1", left.id: "gen-9"}
    for booked in found:
        assert await keeper.correct(booked, bill_of(5).billed)
    assert await keeper.pending_bills() == []
    bills = await keeper.late_bills()
    assert bills[waiting.id].on(waiting).billed == bill_of(5).billed
    await keeper.aclose()


def test_a_correction_of_a_later_llmhub_with_more_sums_is_counted_as_far_as_known(folder: Path) -> None:
    desk = opened(folder)
    desk.book(pending_turn(), Clock()())
    (stale,) = History(folder).turns()
    desk.correct(stale, bill_of(5), Clock()())
    owned = desk._owned["corrections-2026-11"]
    (record,) = History(folder).corrections()[stale.turn.id]
    newer = {key: value for key, value in record.items() if key != "crc"} | {"id": "newer", "of": "another"}
    owned.append([newer | {"sums": {"billed_pico_usd": 2, "moonlight": 7}}])

    assert whole(desk).billed_pico_usd == 7
    assert desk.totals.damaged_lines == 0
    assert isinstance(stale, Booked)
    desk.close()
