"""A bill that is missing is asked for until it comes, once for each turn, and quietly given up for now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from llmhub.core.booked import Booked
from llmhub.core.chat import Usage
from llmhub.core.cloud import Generation
from llmhub.core.errors import FailureKind, StorageError
from llmhub.core.reconcile import Reconciler, with_bill
from llmhub.core.turns import BilledFacts, Turn
from support.booking import CLOUD, a_turn
from support.fake_cloud import FakeCloud, cloud_failure, no_connection
from support.fake_ledger import FakeLedger

D = Decimal


def pending(number: int, *, backend: str = "openrouter", generation_id: str | None = None) -> Turn:
    turn = a_turn(number, place=CLOUD)
    return replace(
        turn,
        generation_id=generation_id if generation_id is not None else f"gen-{number}",
        context=replace(turn.context, backend_name=backend),
        tokens=Usage(completion=7, source="estimate"),
        billed=BilledFacts(reconciled="pending"),
    )


def found(number: int, cost: str | None = "0.001581") -> Generation:
    return Generation(
        f"gen-{number}",
        None if cost is None else D(cost),
        prompt_tokens=52,
        completion_tokens=95,
        reasoning_tokens=71,
        cached_tokens=0,
        cancelled=True,
        raw='{"total_cost": 0.001581}',
    )


class Bench:
    """A reconciler over fakes; its sleeps are remembered and take no time, unless a gate is set."""

    def __init__(self, *turns: Turn) -> None:
        self.cloud, self.ledger = FakeCloud(), FakeLedger()
        self.ledger.turns = list(turns)
        self.slept: list[float] = []
        self.settled: list[Turn] = []
        self.gate: asyncio.Event | None = None
        self.reconciler = Reconciler(self.cloud, self.ledger, sleep=self.sleep, settled=self.settled.append)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)

    @property
    def asked(self) -> list[str]:
        return [subject for method, subject in self.cloud.calls if method == "generation"]

    def billed(self, number: int = 0) -> BilledFacts:
        return self.ledger.turns[number].billed


async def test_a_bill_that_is_not_there_twice_is_booked_verbatim_when_it_comes() -> None:
    bench = Bench(pending(1))
    bench.cloud.will_bill("gen-1", None, None, found(1))

    await bench.reconciler.run()

    assert bench.slept == [1, 2]
    facts = bench.billed()
    assert (facts.reconciled, facts.pico_usd) == ("generation", 1_581_000_000)
    assert facts.raw is not None
    assert (facts.raw["cost"], facts.raw["verbatim"]) == ("0.001581", '{"total_cost": 0.001581}')
    assert bench.ledger.turns[0].tokens == Usage(52, 95, 71, 0, source="provider")
    assert bench.settled == bench.ledger.turns


async def test_a_bill_that_does_not_come_stays_pending_until_the_next_start() -> None:
    bench = Bench(pending(1))

    await bench.reconciler.run()
    await bench.reconciler.run()

    assert bench.slept == [1, 2, 4, 8, 16]
    assert len(bench.asked) == 6
    assert bench.billed().reconciled == "pending"
    await Reconciler(bench.cloud, bench.ledger, sleep=bench.sleep).run()
    assert len(bench.asked) == 12


async def test_a_record_without_a_cost_is_not_a_bill_and_a_zero_is() -> None:
    bench = Bench(pending(1), pending(2))
    bench.cloud.will_bill("gen-1", found(1, None), found(1))
    bench.cloud.will_bill("gen-2", found(2, "0"))

    await bench.reconciler.run()

    assert [bench.billed(number).pico_usd for number in (0, 1)] == [1_581_000_000, 0]


@pytest.mark.parametrize("way", ["down", "offline", "refused"])
async def test_what_cannot_be_reached_is_left_quietly_and_asked_when_wanted_again(way: str) -> None:
    bench = Bench(*(pending(number) for number in range(1, 9)))
    for number in range(1, 9):
        bench.cloud.will_bill(f"gen-{number}", found(number))
    if way == "refused":
        bench.cloud.failures["generation"] = cloud_failure(FailureKind.REFUSED, status=401)
    else:
        setattr(bench.cloud, way, True)

    await bench.reconciler.run()

    assert len(bench.asked) <= 4
    assert bench.slept == []
    bench.cloud.down = bench.cloud.offline = False
    bench.cloud.failures.clear()
    await bench.reconciler.run()
    assert all(turn.billed.reconciled == "generation" for turn in bench.ledger.turns)


async def test_a_record_that_cannot_be_read_keeps_no_other_bill_back() -> None:
    bench = Bench(pending(1), pending(2))
    bench.cloud.will_bill("gen-1", cloud_failure(FailureKind.PROTOCOL))
    bench.cloud.will_bill("gen-2", None, found(2))

    await bench.reconciler.run()

    assert [bench.billed(number).reconciled for number in (0, 1)] == ["pending", "generation"]


async def test_without_a_key_and_without_an_id_nothing_is_asked() -> None:
    bench = Bench(pending(1, generation_id=""), pending(2, backend="another"), a_turn(3, place=CLOUD))
    await bench.reconciler.run()
    assert bench.asked == []

    bench.ledger.turns = [pending(4)]
    bench.cloud.has_key = False
    await bench.reconciler.run()
    assert bench.asked == []


async def test_calls_that_overlap_ask_for_each_turn_once_and_a_new_one_does_not_wait_for_the_old() -> None:
    bench = Bench(pending(1))
    bench.cloud.will_bill("gen-1", None, found(1))
    bench.cloud.will_bill("gen-2", found(2))
    bench.gate = asyncio.Event()
    first = asyncio.create_task(bench.reconciler.run())
    while not bench.slept:
        await asyncio.sleep(0)
    bench.ledger.turns.append(pending(2))

    await bench.reconciler.run()

    assert bench.asked == ["gen-1", "gen-2"]
    assert bench.billed(1).reconciled == "generation"
    bench.gate.set()
    await first
    assert bench.asked == ["gen-1", "gen-2", "gen-1"]
    assert [turn_id for turn_id, _ in bench.ledger.corrections].count(bench.ledger.turns[0].id) == 1


async def test_a_ledger_that_cannot_write_yet_is_told_again() -> None:
    bench = Bench(pending(1))
    bench.cloud.will_bill("gen-1", found(1))
    correct, refusals = bench.ledger.correct, [True, True]

    async def busy(booked: Booked, billed: BilledFacts, tokens: Usage | None = None) -> bool:
        return False if refusals and refusals.pop() else await correct(booked, billed, tokens)

    bench.ledger.correct = busy  # type: ignore[method-assign]

    await bench.reconciler.run()

    assert bench.slept == [1, 2]
    assert bench.billed().reconciled == "generation"
    assert len(bench.settled) == 1


async def test_a_ledger_that_cannot_be_read_ends_it_quietly() -> None:
    class Unread(FakeLedger):
        async def pending_bills(self) -> list[Booked]:
            raise StorageError("The ledger cannot be read", "turns", "look at its rights")

    await Reconciler(FakeCloud(), Unread()).run()


async def test_a_cancelled_run_can_be_asked_again() -> None:
    bench = Bench(pending(1))
    bench.cloud.will_bill("gen-1", None, found(1))
    bench.gate = asyncio.Event()
    first = asyncio.create_task(bench.reconciler.run())
    while not bench.slept:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    bench.gate.set()

    await bench.reconciler.run()

    assert bench.billed().reconciled == "generation"


def test_a_bill_of_a_key_of_ones_own_needs_what_the_upstream_charged() -> None:
    whole = with_bill(pending(1), replace(found(1, "0.95"), is_byok=True, upstream_usd=D(19)))
    half = with_bill(pending(1), replace(found(1, "0.95"), is_byok=True))
    plain = with_bill(pending(1), replace(found(1, "0.95"), upstream_usd=D("0.5")))

    assert [each.billed.pico_usd for each in (whole, half, plain)] == [19_950 * 10**9, None, 950 * 10**9]


def test_counts_that_are_not_told_leave_what_was_known() -> None:
    bare = Generation("gen-1", D("0.1"))

    assert with_bill(pending(1), bare).tokens == Usage(completion=7, source="estimate")


async def test_no_connection_is_what_the_port_raises() -> None:
    bench = Bench(pending(1))
    bench.cloud.will_bill("gen-1", no_connection())

    await bench.reconciler.run()

    subjects: Sequence[str] = bench.asked
    assert subjects == ["gen-1"]
