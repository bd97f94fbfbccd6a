"""The promises of cost-model.md, section 13, as properties."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.costs.given import amounts, booked, fractions, ledgers, profile, small, totals
from llmhub.core.costs.counterfactual import PrefixCache, cloud_counterfactual
from llmhub.core.costs.decisions import break_even, effective
from llmhub.core.costs.energy import energy_split
from llmhub.core.costs.labels import added
from llmhub.core.costs.live import LiveCost
from llmhub.core.costs.loaded import TokenTurn, loaded_month_tokens
from llmhub.core.costs.month import local_month, month_rows
from llmhub.core.costs.turn import turn_cost
from llmhub.core.places import THIS_MACHINE
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.turns import Turn

D = Decimal
HARDLY = D("1e-20")
"""Below every digit that is kept, and above the rounding of the test's own arithmetic."""
TODAY = date(2026, 11, 20)


@given(ledgers(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_recomputing_a_ledger_in_any_order_gives_the_same_figures(
    ledger: tuple[ProfileBook, list[Turn]], order: random.Random
) -> None:
    book, turns = ledger
    shuffled, shuffled_versions = list(turns), list(book.versions)
    order.shuffle(shuffled)
    order.shuffle(shuffled_versions)
    stored = [Turn.from_record(each.to_record()) for each in shuffled]
    read = ProfileBook(tuple(Profile.from_record(version.to_record()) for version in shuffled_versions))

    first = local_month(totals(*turns), book, TODAY)
    again = local_month(totals(*stored), read, TODAY)

    for name in ("with_machine", "usd_per_m", "accrued", "unabsorbed"):
        a, b = getattr(first, name), getattr(again, name)
        assert (a.label, a.bound, a.missing) == (b.label, b.bound, b.missing)
        assert a.amount is b.amount is None or abs(a.amount - b.amount) < HARDLY
    assert first.cloud == again.cloud
    assert (first.local.power.amount is None) == (again.local.power.amount is None)


@given(ledgers())
@settings(max_examples=60, deadline=None)
def test_the_turns_of_a_month_add_up_to_its_power(ledger: tuple[ProfileBook, list[Turn]]) -> None:
    book, turns = ledger

    view = local_month(totals(*turns), book, TODAY)

    costs = [turn_cost(each, book).power for each in turns if each.place.is_local]
    known = [cost for cost in costs if cost.known]
    assert view.local.left_out == len(costs) - len(known)
    if known or not costs:
        total = added(*known)
        assert view.local.power.amount is not None
        assert total.amount is not None
        # a millijoule of rounding for each turn that was booked before its watts were stated
        assert abs(view.local.power.amount - total.amount) <= D("0.001") / 3_600_000 * len(known)
    else:
        assert not view.local.power.known


@given(
    st.lists(st.tuples(small, small), min_size=1, max_size=6),
    st.dictionaries(st.text(min_size=1, max_size=3), st.tuples(st.integers(0, 500), st.integers(1, 500)), max_size=5),
)
@settings(deadline=None)
def test_turns_never_get_more_energy_than_the_machine_used(
    pieces: list[tuple[Decimal, Decimal]], spans: dict[str, tuple[int, int]]
) -> None:
    samples, at = [], D(0)
    for length, joules in pieces:
        samples.append((at, at + length, joules))
        at += length

    shares, alone = energy_split(samples, {name: (D(start), D(start + long)) for name, (start, long) in spans.items()})

    whole = sum(Fraction(joules) for _, joules in pieces)
    given_out = sum(Fraction(share) for share in (*shares.values(), alone))
    assert given_out <= whole
    assert whole - given_out < HARDLY


@given(amounts, fractions, st.lists(st.tuples(st.integers(0, 10**7), amounts), max_size=12))
def test_the_parts_of_rule_b_add_up_to_what_accrued(
    fixed: Decimal, elapsed: Decimal, turns: list[tuple[int, Decimal]]
) -> None:
    month = loaded_month_tokens(fixed, elapsed, [TokenTurn(str(i), t, e) for i, (t, e) in enumerate(turns)])

    assert sum(month.fixed.values(), D(0)) + month.unallocated == month.accrued


@given(ledgers())
@settings(max_examples=60, deadline=None)
def test_the_rows_of_a_month_add_up_to_the_month(ledger: tuple[ProfileBook, list[Turn]]) -> None:
    book, turns = ledger
    ledger_totals = totals(*turns)
    view = local_month(ledger_totals, book, TODAY)

    rows = month_rows(ledger_totals, book, view, ["model", "day"])

    assert sum(row.turns for row in rows) == len(turns)
    local = [row for row in rows if row.place.is_local]
    if view.with_machine.amount is not None and view.local.tokens and all(row.with_machine.known for row in local):
        total = added(*(row.with_machine for row in local)).amount
        assert total is not None
        assert abs(total - view.with_machine.amount) < HARDLY


@given(st.sampled_from([{"share": 0}, {"price_usd": 0}, {"share": 0, "price_usd": 1999}]), small)
@settings(deadline=None)
def test_without_a_machine_to_pay_all_in_is_energy_only(values: dict[str, Any], busy_s: Decimal) -> None:
    assumed = profile(busy_w=60, **values)
    made = booked(assumed, busy_s=str(busy_s))

    cost, month = turn_cost(made, assumed), local_month(totals(made), assumed, TODAY)

    assert cost.with_machine.amount == cost.power.amount
    assert month.with_machine.amount == month.local.power.amount


@given(small, small, fractions, fractions)
def test_at_break_even_both_bills_are_the_same_and_change_places_there(
    fixed: Decimal, cloud: Decimal, fee: Decimal, energy: Decimal
) -> None:
    prices = {"cloud_usd_per_m": cloud, "credit_fee": fee, "local_energy_usd_per_m": energy, "fixed_month_usd": fixed}
    found = break_even(capacity_mtok=None, **prices)
    if found.mtok is None:
        assert cloud * (1 + fee) <= energy
        return

    at, below, above = (effective(found.mtok * factor, **prices) for factor in (D(1), D("0.5"), D(2)))

    assert abs(at.savings) < HARDLY
    assert (below.cheaper, above.cheaper) == ("cloud", "local")


@given(
    prompt=st.integers(0, 10**6),
    completion=st.integers(0, 10**5),
    prefix=st.integers(0, 10**6),
    gap=st.one_of(st.none(), st.integers(0, 600).map(D)),
    price=small,
    read=st.one_of(st.none(), small),
    band=st.tuples(fractions, fractions).map(lambda pair: (min(pair), 1 + max(pair))),
    ratio=small,
)
def test_caching_never_raises_the_counterfactual_and_the_range_holds_its_point(
    prompt: int,
    completion: int,
    prefix: int,
    gap: Decimal | None,
    price: Decimal,
    read: Decimal | None,
    band: tuple[Decimal, Decimal],
    ratio: Decimal,
) -> None:
    pricing = {"prompt": str(price), "completion": str(price)} | (
        {} if read is None else {"input_cache_read": str(read)}
    )
    cache = PrefixCache(prefix_tokens=prefix, gap_s=gap)

    def cost(policy: str) -> Any:
        return cloud_counterfactual(
            pricing,
            prompt_tokens=prompt,
            completion_tokens=completion,
            prompt_ratio=ratio,
            completion_ratio=ratio,
            ratio_band=band,
            cache=replace(cache, policy=policy),
        )

    cached, plain = cost("prefix"), cost("none")

    assert cached.point <= plain.point
    assert all(found.low <= found.point <= found.high for found in (cached, plain))


@given(fixed=small, energy=fractions, volume=small)
def test_doubling_the_tokens_halves_the_fixed_part_of_the_price_per_million(
    fixed: Decimal, energy: Decimal, volume: Decimal
) -> None:
    def local(mtok: Decimal) -> Decimal:
        return effective(
            mtok, fixed_month_usd=fixed, local_energy_usd_per_m=energy, cloud_usd_per_m=D(1), credit_fee=D(0)
        ).local_usd_per_m

    assert abs((local(volume) - energy) / 2 - (local(volume * 2) - energy)) < HARDLY
    assert local(volume * 2) < local(volume)


@given(
    st.lists(st.tuples(st.integers(-5, 5000), st.integers(-5, 3000)), max_size=30),
    st.sampled_from([{"busy_w": 60, "price_usd": 1999}, {"busy_w": "4.5", "idle_w": 4}, {"price_usd": 700}, {}]),
    small,
)
@settings(deadline=None)
def test_live_amounts_never_fall_before_the_end_and_then_equal_the_booked_turn(
    ticks: list[tuple[int, int]], values: dict[str, Any], busy_s: Decimal
) -> None:
    assumed = profile(**values)
    live = LiveCost(assumed, THIS_MACHINE, started=time(12), day=TODAY)
    before = live.view
    for elapsed_ms, pieces in ticks:
        now = live.tick(elapsed_ms, pieces)

        assert (now.elapsed_ms, now.tokens) >= (before.elapsed_ms, before.tokens)
        for lens in ("power", "with_machine"):
            fell, rose = getattr(now, lens), getattr(before, lens)
            assert fell.amount is rose.amount is None or fell.amount >= rose.amount
        before = now
    made = booked(assumed, busy_s=str(busy_s))

    final = live.settle(made)

    cost = turn_cost(made, assumed)
    assert (final.power, final.with_machine, final.tokens, final.final) == (cost.power, cost.with_machine, 350, True)
    assert live.tick(10**9, 10**9) is final


def test_the_low_end_stays_below_the_point_where_only_the_point_reaches_the_smallest_cached_prompt() -> None:
    pricing = {"prompt": "1", "completion": "1", "input_cache_read": "0.01"}

    found = cloud_counterfactual(
        pricing,
        prompt_tokens=1200,
        completion_tokens=0,
        ratio_band=(D("0.73"), D("1.37")),
        cache=PrefixCache(prefix_tokens=1200, gap_s=D(1)),
    )

    assert (found.low, found.point, found.high) == (D(12), D(12), D(1644))
