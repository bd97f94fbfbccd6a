"""The one road: whatever happens to a request, its turn is booked."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal

import pytest

from llmhub.core.chat import (
    Accepted,
    Bill,
    ChatEvent,
    ChatRequest,
    Durations,
    Finished,
    Message,
    Served,
    TextDelta,
    ThinkingDelta,
    Usage,
    Waiting,
)
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE, Place, PlaceKind
from llmhub.core.run import TurnMeter, as_decimal, billed_facts, run_turn
from llmhub.core.turns import Turn, TurnContext, TurnStatus
from support.fake_host import FakeHost, failure, installed_model, unreachable
from support.fake_ledger import FakeLedger

CONTEXT = TurnContext(chat_id="c1", lane=0, group_id="g1", seq=1, backend_name="ollama", place=THIS_MACHINE)
REQUEST = ChatRequest("qwen3:8b", (Message.of("user", "héllo"),))
DONE = Finished("stop", Usage(8, 2, source="daemon"), Durations(9_000_000, 1_000_000, 2_000_000, 6_000_000))


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def run(host: FakeHost, ledger: FakeLedger, meter: TurnMeter | None = None) -> tuple[Turn, list[ChatEvent]]:
    seen: list[ChatEvent] = []
    turn = await run_turn(host, REQUEST, ledger, seen.append, context=CONTEXT, meter=meter)
    return turn, seen


async def test_a_reply_is_passed_on_in_order_and_booked_with_the_daemons_own_counts() -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", Accepted(), TextDelta("Hi"), TextDelta(" there", 3), DONE)

    turn, seen = await run(host, ledger)

    assert seen == [Accepted(), TextDelta("Hi"), TextDelta(" there", 3), DONE]
    assert ledger.turns == [turn]
    assert (turn.status, turn.reason) == (TurnStatus.COMPLETE, None)
    assert turn.tokens == Usage(8, 2, source="daemon")
    assert turn.durations.eval_ns == 6_000_000
    assert (turn.bytes.prompt, turn.bytes.completion) == (6, 8)
    assert turn.busy_s == Decimal("0.009")


async def test_an_intent_with_the_turns_id_is_noted_before_the_first_event() -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    order: list[str] = []
    host.will_say("qwen3:8b", TextDelta("Hi"), DONE)

    turn = await run_turn(
        host,
        REQUEST,
        ledger,
        lambda event: order.append(f"{len(ledger.intents)} {type(event).__name__}"),
        context=CONTEXT,
    )

    assert order[0].startswith("1 ")
    assert [intent.id for intent in ledger.intents] == [turn.id]
    assert ledger.intents[0].interrupted("killed").status is TurnStatus.INTERRUPTED


@pytest.mark.parametrize(
    ("reason", "status", "words"),
    [
        ("stop", TurnStatus.COMPLETE, None),
        ("length", TurnStatus.LENGTH, "stopped at the most tokens a reply may have"),
        ("context_full", TurnStatus.CONTEXT_FULL, "the context is full"),
    ],
)
async def test_how_a_reply_ended_is_its_status(reason: str, status: TurnStatus, words: str | None) -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", TextDelta("x"), Finished(reason))  # type: ignore[arg-type]

    turn, _ = await run(host, ledger)

    assert (turn.status, turn.reason) == (status, words)


async def test_a_refusal_is_booked_as_an_error_even_before_the_first_word() -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", unreachable())

    with pytest.raises(BackendError):
        await run(host, ledger)

    assert [(turn.status, turn.reason, turn.tokens) for turn in ledger.turns] == [
        (TurnStatus.ERROR, "Nothing answers", Usage())
    ]


@pytest.mark.parametrize(
    ("kind", "status"), [(FailureKind.CUT, TurnStatus.CUT), (FailureKind.REPEATED, TurnStatus.REPEATED)]
)
async def test_a_broken_reply_is_booked_with_what_was_received(kind: FailureKind, status: TurnStatus) -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", TextDelta("ab", 2), failure(kind))

    with pytest.raises(BackendError):
        await run(host, ledger)

    (turn,) = ledger.turns
    assert turn.status is status
    assert turn.tokens == Usage(completion=2, source="estimate")


async def test_a_stream_without_a_final_part_is_cut_and_says_so() -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", TextDelta("ab", 2))

    with pytest.raises(BackendError) as told:
        await run(host, ledger)

    assert told.value.kind is FailureKind.CUT
    assert "after 2 tokens (kept)" in told.value.subject
    assert [turn.status for turn in ledger.turns] == [TurnStatus.CUT]


async def stopped(ledger: FakeLedger, *, closing: bool, second_cancel: bool = False) -> None:
    host = FakeHost(installed_model("qwen3:8b"))
    gate, came = asyncio.Event(), asyncio.Event()
    host.will_say("qwen3:8b", TextDelta("ab", 2), gate, DONE)
    meter = TurnMeter(REQUEST, CONTEXT)

    def on_event(event: ChatEvent) -> None:
        if isinstance(event, TextDelta):
            came.set()

    task = asyncio.create_task(run_turn(host, REQUEST, ledger, on_event, context=CONTEXT, meter=meter))
    await came.wait()
    meter.closing = closing
    task.cancel()
    if second_cancel:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        assert ledger.gate is not None
        ledger.gate.set()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert host.closed_early == ["qwen3:8b"]


async def test_a_stopped_reply_is_booked_as_cancelled_with_what_arrived_and_its_stream_is_closed() -> None:
    ledger = FakeLedger()

    await stopped(ledger, closing=False)

    assert [(turn.status, turn.tokens.completion) for turn in ledger.turns] == [(TurnStatus.CANCELLED, 2)]


async def test_a_reply_that_runs_while_llmhub_is_closed_is_booked_as_interrupted() -> None:
    ledger = FakeLedger()

    await stopped(ledger, closing=True)

    assert [(turn.status, turn.reason) for turn in ledger.turns] == [(TurnStatus.INTERRUPTED, "llmhub was closed")]


async def test_a_second_cancellation_does_not_undo_the_booking() -> None:
    ledger = FakeLedger()
    ledger.gate = asyncio.Event()

    await stopped(ledger, closing=False, second_cancel=True)
    for _ in range(5):
        await asyncio.sleep(0)

    assert [turn.status for turn in ledger.turns] == [TurnStatus.CANCELLED]
    assert f"turn {ledger.turns[0].id}" in ledger.durable


async def test_the_place_is_the_one_that_served_not_the_one_that_was_asked() -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", Served(OLLAMA_CLOUD, "gpt-oss:120b", "ollama.com"), TextDelta("Hi"), DONE)

    turn, _ = await run(host, ledger)

    assert turn.place == OLLAMA_CLOUD
    assert not turn.place.is_local
    assert (turn.served_model, turn.provider) == ("gpt-oss:120b", "ollama.com")


async def test_times_come_from_the_clock_and_waiting_is_no_token() -> None:
    host, ledger, clock = FakeHost(installed_model("qwen3:8b")), FakeLedger(), Clock()
    meter = TurnMeter(REQUEST, CONTEXT, clock=clock)
    moments = {"Waiting": 102.0, "ThinkingDelta": 103.0, "TextDelta": 104.5}
    host.will_say("qwen3:8b", Waiting(2.0, started=False), ThinkingDelta("hm", 4), TextDelta("a"), TextDelta("b"), DONE)

    def on_event(event: ChatEvent) -> None:
        if isinstance(event, TextDelta) and event.text == "a":
            clock.now = 106.5

    original = meter.observe

    def observe(event: ChatEvent) -> None:
        clock.now = max(clock.now, moments.get(type(event).__name__, clock.now))
        original(event)

    meter.observe = observe  # type: ignore[method-assign]
    turn = await run_turn(host, REQUEST, ledger, on_event, context=CONTEXT, meter=meter)

    assert turn.client_ms.first == 3000
    assert turn.client_ms.wall == 6500
    assert meter.thinking_s == pytest.approx(1.5)
    assert (meter.pieces, meter.thinking_pieces) == (6, 4)


async def test_what_the_backend_cannot_know_is_added_before_the_turn_is_booked() -> None:
    from dataclasses import replace

    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", TextDelta("Hi"), DONE)

    await run_turn(
        host, REQUEST, ledger, lambda _: None, context=CONTEXT, complete=lambda turn: replace(turn, price_snapshot="p1")
    )

    assert ledger.turns[0].price_snapshot == "p1"


async def test_a_failing_watcher_is_booked_and_raised() -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", TextDelta("Hi"), DONE)

    def broken(_: ChatEvent) -> None:
        raise RuntimeError("the screen broke")

    with pytest.raises(RuntimeError):
        await run_turn(host, REQUEST, ledger, broken, context=CONTEXT)

    assert [(turn.status, turn.reason) for turn in ledger.turns] == [
        (TurnStatus.ERROR, "llmhub itself failed: RuntimeError")
    ]


async def test_a_generation_id_is_noted_as_soon_as_it_is_known_and_its_bill_stays_pending() -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", Accepted("gen-1"), TextDelta("x"), failure(FailureKind.CUT))

    with pytest.raises(BackendError):
        await run(host, ledger)

    (turn,) = ledger.turns
    assert ledger.generation_ids == {turn.id: "gen-1"}
    assert (turn.generation_id, turn.billed.reconciled, turn.billed.pico_usd) == ("gen-1", "pending", None)


def test_a_bill_is_kept_verbatim_and_counted_in_pico_dollars() -> None:
    bill = Bill(Decimal("0.00014"), '{"cost":0.00014}')

    facts = billed_facts(bill, "stream")

    assert facts.pico_usd == 140_000_000
    assert facts.raw is not None
    assert (facts.raw["cost"], facts.raw["verbatim"]) == ("0.00014", '{"cost":0.00014}')


def test_the_fee_of_a_key_of_ones_own_is_not_the_cost_until_the_upstream_cost_is_known() -> None:
    fee_only = billed_facts(Bill(Decimal("0.00001"), "{}", is_byok=True), "stream")
    both = billed_facts(Bill(Decimal("0.00001"), "{}", is_byok=True, upstream_usd=Decimal("0.0002")), "stream")

    assert (fee_only.pico_usd, both.pico_usd) == (None, 210_000_000)


@pytest.mark.parametrize(
    ("text", "value"), [("0.5", Decimal("0.5")), (3, Decimal(3)), ("NaN", None), ("x", None), (True, None)]
)
def test_an_amount_is_a_finite_number_or_unknown(text: str | int, value: Decimal | None) -> None:
    assert as_decimal(text) == value


async def test_a_turn_survives_being_written_and_read_back_with_fields_of_a_newer_version() -> None:
    host, ledger = FakeHost(installed_model("qwen3:8b")), FakeLedger()
    host.will_say("qwen3:8b", Served(Place(PlaceKind.LAN_HOST, "box")), TextDelta("Hi"), DONE)

    turn, _ = await run(host, ledger)
    record = turn.to_record() | {"mood": "good"}
    again = Turn.from_record(record)

    assert again.extra == {"mood": "good"}
    assert again.to_record() == record
    assert again.place == Place(PlaceKind.LAN_HOST, "box")


@pytest.mark.parametrize("broken", [{}, {"id": "x"}, {"id": "x", "started_at": 5, "status": "complete", "model": "m"}])
def test_what_is_no_turn_is_refused_as_a_value_error(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Turn.from_record(broken)
