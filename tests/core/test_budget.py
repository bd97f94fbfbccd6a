"""A prompt that could pass a limit is refused before it is sent; what is allowed never passes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.costs.given import GROQ, NOV_20, turn
from llmhub.core.budget import BudgetError, BudgetGuard
from llmhub.core.costs.estimate import SendEstimate, send_estimate
from llmhub.core.costs.spending import buckets_of
from llmhub.core.totals import Totals
from llmhub.core.turns import BilledFacts, Turn

D = Decimal
TODAY = date(2026, 11, 20)
PRICING = {"prompt": "0.000001", "completion": "0.00001"}


class Book:
    """Turns that were booked, as the guard sees them."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.today = TODAY

    def guard(self, day: str | None = None, month: str | None = None) -> BudgetGuard:
        def limit(text: str | None) -> Decimal | None:
            return None if text is None else D(text)

        def totals() -> Totals:
            return Totals(buckets_of(self.turns))

        return BudgetGuard(limit(day), limit(month), totals=totals, today=lambda: self.today)


def estimate(high: str | None, model: str = "openai/gpt-4o") -> SendEstimate:
    return SendEstimate(model, 10, None if high is None else D(0), None if high is None else D(high))


def paid(cost: str, at: datetime = NOV_20, name: str = "t1") -> Turn:
    return turn(place=GROQ, billed=cost, at=at, name=name)


def waiting(cost: str) -> Turn:
    facts = BilledFacts(reconciled="pending", estimate_pico_usd=int(D(cost) * 10**12))
    return replace(turn(place=GROQ, name="p"), billed=facts)


def refused(act: Callable[[], Any]) -> BudgetError:
    with pytest.raises(BudgetError) as caught:
        act()
    return caught.value


def test_the_refusal_names_the_limit_what_is_spent_and_what_costs_nothing() -> None:
    guard = Book(paid("1.70"), waiting("0.02")).guard(day="2")
    guard.reserve({"running": estimate("0.10")})

    error = refused(lambda: guard.check(estimate("0.41")))

    assert error.span == "day"
    assert str(error) == (
        "The limit of $2.00 a day could be passed · "
        "openai/gpt-4o, up to $0.41; $1.70 billed today, about $0.02 pending, up to $0.10 in replies under way · "
        "ask a model on this machine, which bills nothing, or raise [budget] day_usd"
    )
    assert "free" not in str(error)


def test_the_limit_itself_may_be_reached_and_not_passed() -> None:
    guard = Book(paid("1")).guard(day="2")

    guard.check(estimate("1"))
    refused(lambda: guard.check(estimate("1.000000000001")))


def test_the_month_has_a_limit_of_its_own() -> None:
    book = Book(paid("1.5", datetime(2026, 11, 3, tzinfo=UTC)), paid("9", datetime(2026, 10, 30, tzinfo=UTC), "t2"))
    guard = book.guard(day="2", month="3")

    assert [(each.span, each.billed_usd) for each in guard.spent] == [("day", 0), ("month", D("1.5"))]
    assert refused(lambda: guard.check(estimate("1.6"))).span == "month"
    book.today = date(2026, 12, 1)
    guard.check(estimate("1.6"))


def test_all_lanes_of_a_prompt_are_looked_at_together_or_none_is_reserved() -> None:
    guard = Book().guard(day="1")

    refused(lambda: guard.reserve({"a": estimate("0.6"), "b": estimate("0.6", "other/model")}))
    assert guard.spent[0].reserved_usd == 0

    guard.reserve({"a": estimate("0.6")})
    refused(lambda: guard.reserve({"b": estimate("0.6")}))


def test_a_booked_turn_gives_its_room_back_and_its_bill_takes_it() -> None:
    book = Book()
    guard = book.guard(day="1")
    guard.reserve({"a": estimate("0.9")})
    refused(lambda: guard.check(estimate("0.2")))

    book.turns.append(paid("0.05"))
    guard.release("a")
    guard.release("a")

    guard.check(estimate("0.2"))
    (spent,) = guard.spent
    assert (spent.total_usd, spent.left_usd, spent.is_near) == (D("0.05"), D("0.95"), False)


def test_a_model_without_a_known_price_is_refused_where_there_is_a_limit_only() -> None:
    error = refused(lambda: Book().guard(day="1").check(estimate(None, "openrouter/auto")))

    assert error.happened == "The limit of $1.00 a day cannot be kept: the price of the model is not known"
    Book().guard().check(estimate(None))
    assert not Book().guard().is_set


def test_what_costs_nothing_may_be_sent_also_above_the_limit() -> None:
    Book(paid("5")).guard(day="1").check(estimate("0"))


def test_small_amounts_in_a_refusal_are_not_shown_as_nothing() -> None:
    error = refused(lambda: Book(paid("0.0000314")).guard(day="0.0001").check(estimate("0.00042")))

    assert "up to $0.000420; $0.0000314 billed today" in error.subject


def test_near_is_from_four_fifths_on() -> None:
    assert [Book(paid(cost)).guard(day="1").spent[0].is_near for cost in ("0.79", "0.80")] == [False, True]


def test_the_price_of_a_prompt_is_between_the_prompt_alone_and_the_longest_reply() -> None:
    found = send_estimate("m", PRICING, prompt_bytes=4000, max_tokens=1000, messages=2)

    assert found == SendEstimate("m", 1000, D("0.00073"), D("0.00137") + D("0.000016") + D("0.01"))
    assert send_estimate("m", None, prompt_bytes=9, max_tokens=9) == SendEstimate("m", 3, None, None)
    assert not send_estimate("m", {"prompt": "-1", "completion": "-1"}, prompt_bytes=9, max_tokens=9).known


def test_thought_that_is_dearer_than_the_reply_is_in_the_dearest_case() -> None:
    dear = PRICING | {"internal_reasoning": "0.0001"}

    found = send_estimate("m", dear, prompt_bytes=0, max_tokens=1000, messages=0)

    assert found.high_usd == D("0.1")


STEP = st.tuples(
    st.sampled_from(["reserve", "book", "cancel"]),
    st.lists(st.decimals(0, 2, places=4), min_size=1, max_size=4),
    st.decimals(0, 1, places=2),
)


@given(st.lists(STEP, max_size=25), st.decimals("0.1", 5, places=2))
@settings(max_examples=80, deadline=None)
def test_what_is_spent_and_reserved_never_passes_the_limit(
    steps: list[tuple[str, list[Decimal], Decimal]], limit: Decimal
) -> None:
    book = Book()
    guard = book.guard(day=str(limit), month=str(limit * 2))
    running: dict[str, Decimal] = {}
    for number, (what, highs, part) in enumerate(steps):
        if what == "reserve":
            lanes = {f"{number}-{lane}": high for lane, high in enumerate(highs)}
            try:
                guard.reserve({key: estimate(str(high)) for key, high in lanes.items()})
            except BudgetError:
                continue
            running |= lanes
        elif running:
            key, high = running.popitem()
            cost = (high * part).quantize(D("1e-12"))
            book.turns.append(paid(str(cost), name=key) if what == "book" else replace(waiting(str(cost)), id=key))
            guard.release(key)

        day, _ = guard.spent
        assert day.total_usd <= limit
        assert day.reserved_usd == sum(running.values())


@given(
    prompt_bytes=st.integers(0, 100_000), max_tokens=st.integers(0, 32_000), more=st.integers(0, 5000),
    prices=st.fixed_dictionaries({key: st.decimals(0, "0.001", places=9).map(str) for key in ("prompt", "completion")}),
)  # fmt: skip
@settings(deadline=None)
def test_a_longer_prompt_or_reply_never_lowers_what_sending_may_cost(
    prompt_bytes: int, max_tokens: int, more: int, prices: dict[str, str]
) -> None:
    first = send_estimate("m", prices, prompt_bytes=prompt_bytes, max_tokens=max_tokens)
    longer = send_estimate("m", prices, prompt_bytes=prompt_bytes + more, max_tokens=max_tokens + more)

    assert first.low_usd is not None
    assert first.high_usd is not None
    assert longer.low_usd is not None
    assert longer.high_usd is not None
    assert 0 <= first.low_usd <= first.high_usd
    assert first.low_usd <= longer.low_usd
    assert first.high_usd <= longer.high_usd
