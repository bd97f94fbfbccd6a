"""The cloud side of turns, live and at rest, and how each of its figures is explained."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.costs.given import GROQ, LAN, NOV_1, NOV_20, profile, small, totals, turn
from llmhub import formats
from llmhub.core.booking import complete
from llmhub.core.chat import Bill, Usage
from llmhub.core.cloud import CloudListing
from llmhub.core.costs.avoided import TokenRatios, prefix_cache
from llmhub.core.costs.explain import Explanation
from llmhub.core.costs.explained_cloud import check
from llmhub.core.costs.labels import NO_REFERENCE, Bound, Figure, Label
from llmhub.core.costs.live import LiveCost, LivePrices
from llmhub.core.costs.month import local_month, month_rows
from llmhub.core.costs.panel import PanelView, balance_of, hint_for, live_row, panel_view, turn_row
from llmhub.core.costs.spending import buckets_of, power_per_m
from llmhub.core.costs.turn import turn_cost
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE, Place
from llmhub.core.price_book import PriceBook
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.run import billed_facts
from llmhub.core.turns import BilledFacts, Turn, TurnBytes
from support.fake_cloud import priced_model

D = Decimal
TODAY = date(2026, 11, 20)
QWEN, GPT, LONG = "qwen/qwen3-8b", "openai/gpt-4o", "vendor/long"
LISTING = CloudListing(
    (
        priced_model(QWEN, "0.00000015", "0.00000015", hugging_face_id="Qwen/Qwen3-8B"),
        priced_model(
            GPT, "0.0000025", "0.00001", input_cache_read="0.00000125", input_cache_write="0.000003125", request="0.001"
        ),
        priced_model(
            LONG,
            "0.0000025",
            "0.00001",
            internal_reasoning="0.00002",
            overrides=[{"min_prompt_tokens": 1000, "prompt": "0.000005"}],
            web_search="0.007",
        ),
    ),
    NOV_1 - timedelta(days=1),
)
PRICES, _ = PriceBook().noting(LISTING, [QWEN, GPT, LONG], NOV_1)


def local(assumed: Profile | None = None, **values: Any) -> Turn:
    return complete(turn(**values), assumed or Profile(), PRICES, LISTING)


def cloud(cost: str | None = None, *, model: str = GPT, facts: BilledFacts | None = None, **values: Any) -> Turn:
    made = replace(turn(place=GROQ, model=model, **values))
    made = replace(made, tokens=replace(made.tokens, source="provider"))
    if cost is not None:
        facts = billed_facts(Bill(D(cost), "{}"), "stream")
    return complete(replace(made, billed=facts or BilledFacts()), Profile(), PRICES, LISTING)


def stopped(**values: Any) -> Turn:
    """A cloud turn that was stopped: no usage came, and no bill."""
    made = turn(place=GROQ, model=GPT, **values)
    made = replace(
        made,
        tokens=Usage(completion=240, source="estimate"),
        bytes=TurnBytes(3600, 900, 0),
        billed=BilledFacts(reconciled="pending"),
    )
    return complete(made, Profile(), PRICES, LISTING)


# -- one turn ---------------------------------------------------------------------------------


def test_a_bill_is_what_was_charged_whatever_the_price_list_says_and_cash_has_the_fee() -> None:
    cost = turn_cost(cloud("0.00014"), Profile(), PRICES)

    assert cost.cloud == Figure(D("0.00014"), Label.BILLED)
    assert cost.cloud_cash == Figure(D("0.0001512"), Label.DEFAULT)


def test_a_zero_bill_is_a_bill_and_has_no_fee() -> None:
    cost = turn_cost(cloud("0"), Profile(), PRICES)

    assert cost.cloud == cost.cloud_cash == Figure(D(0), Label.BILLED)


def test_a_pending_turn_shows_our_estimate_until_the_bill_comes() -> None:
    cost = turn_cost(stopped(), Profile(), PRICES)

    assert cost.cloud == Figure(D("0.00565"), Label.ESTIMATED, pending=True)
    assert formats.usd(cost.cloud) == "~$0.00565 pending"
    assert turn_cost(stopped(), Profile()).cloud == cost.cloud


@pytest.mark.parametrize(
    ("bill", "expected"),
    [
        (Bill(D("0.95"), "{}", is_byok=True, upstream_usd=D(19)), Figure(D("19.95"), Label.BILLED)),
        (Bill(D("0.95"), "{}", upstream_usd=D(19)), Figure(D("0.95"), Label.BILLED)),
        (Bill(D("0.95"), "{}", is_byok=True), Figure(D("0.0075"), Label.ESTIMATED)),
        (Bill(None, "{}"), Figure(D("0.0075"), Label.ESTIMATED)),
    ],
)
def test_a_key_of_ones_own_needs_what_the_upstream_charged_else_it_is_an_estimate(bill: Bill, expected: Figure) -> None:
    made = cloud(facts=billed_facts(bill, "stream"))

    assert turn_cost(made, Profile(), PRICES).cloud == expected


def test_what_cannot_be_estimated_says_why() -> None:
    half = cloud(facts=billed_facts(Bill(D("0.95"), "{}", is_byok=True), "stream"), model="not/listed")

    assert turn_cost(half, Profile(), PRICES).cloud == Figure(None, why="what the upstream charged was not told")
    assert turn_cost(replace(stopped(), model="x", billed=BilledFacts(reconciled="pending")), Profile()).cloud.pending


def test_a_turn_in_ollamas_cloud_is_billed_by_plan() -> None:
    assert turn_cost(turn(place=OLLAMA_CLOUD), Profile(), PRICES).cloud == Figure(
        None, why="Ollama cloud named no price"
    )


def test_a_local_turn_has_the_same_in_the_cloud_beside_its_power() -> None:
    assumed = profile(busy_w=60)

    cost = turn_cost(local(assumed, prompt=1850, completion=412), assumed, PRICES)

    assert cost.cloud == Figure(D("0.0003393"), Label.DECLARED, low=D("0.0003393"), high=D("0.0003393"))
    assert formats.usd(cost.cloud_cash) == "~$0.000366"
    assert cost.power.known


def test_a_turn_that_was_compared_with_nothing_names_what_to_set() -> None:
    figure = turn_cost(local(model="mine"), Profile(), PRICES).cloud

    assert figure == NO_REFERENCE
    hint = hint_for(figure)
    assert hint is not None
    assert formats.hint(hint) == "name the cloud model to compare with: [profile] reference_model"


def test_a_stopped_local_turn_whose_tokens_nobody_counted_is_not_compared() -> None:
    made = complete(replace(turn(), tokens=Usage(completion=9, source="estimate")), Profile(), PRICES, LISTING)

    assert turn_cost(made, Profile(), PRICES).cloud.why == "its tokens were not counted"


# -- live -------------------------------------------------------------------------------------


def live_prices(model: str, **values: Any) -> LivePrices:
    return LivePrices(PRICES.in_force(model, NOV_20), **values)


def meter(place: Place, prices: LivePrices, assumed: Profile | None = None) -> LiveCost:
    return LiveCost(assumed or Profile(), place, started=time(9), day=TODAY, prices=prices, at_utc=time(8))


def test_a_cloud_lane_owes_its_prompt_before_the_first_token() -> None:
    live = meter(GROQ, live_prices(GPT, prompt_bytes=3600, local_usd_per_m=Figure(D("0.0161"), Label.DEFAULT)))

    before, later = live.tick(300, 0), live.tick(3000, 240)

    assert before.cloud == Figure(D("0.00325"), Label.ESTIMATED)
    assert later.cloud == Figure(D("0.00565"), Label.ESTIMATED)
    assert later.cloud_cash == Figure(D("0.006102"), Label.ESTIMATED)
    assert later.on_local == Figure(D("0.000018354"), Label.DEFAULT)
    row = live_row(later, GROQ, TODAY)
    assert (row.cloud, row.cloud_cash, row.on_local, row.avoided.known) == (
        later.cloud,
        later.cloud_cash,
        later.on_local,
        False,
    )


def test_the_bill_takes_the_place_of_the_live_estimate() -> None:
    live = meter(GROQ, live_prices(GPT, prompt_bytes=3600))
    live.tick(3000, 240)

    view = live.settle(cloud("0.0001"), PRICES)

    assert (view.final, view.cloud) == (True, Figure(D("0.0001"), Label.BILLED))
    assert live.tick(9000, 900) == view


def test_a_local_lane_shows_the_same_in_the_cloud_and_who_is_ahead() -> None:
    assumed = profile(busy_w=66, idle_w=8, price_usd=6000)
    live = meter(THIS_MACHINE, live_prices(QWEN, prompt_bytes=7400), assumed)

    view = live.tick(9700, 412)

    assert view.cloud == Figure(D("0.0003393"), Label.ESTIMATED)
    assert view.cloud_cash.amount == D("0.000366444")
    assert view.power.amount is not None
    assert view.ahead_power.amount == D("0.000366444") - view.power.amount
    assert view.ahead_with_machine.amount is not None
    assert view.ahead_power.amount > 0 > view.ahead_with_machine.amount
    assert live_row(view, THIS_MACHINE, TODAY).avoided_cash == view.cloud_cash


def test_a_repeated_beginning_is_cached_while_live_as_it_is_when_booked() -> None:
    made = turn(prompt=2000, completion=100)
    made = replace(made, context=replace(made.context, prefix_tokens=1536, gap_s="3"))
    named = profile(reference_model={"qwen3:8b": GPT})
    prices = live_prices(GPT, prompt_bytes=8000, cache=prefix_cache(made.context, named))

    live = meter(THIS_MACHINE, prices, named).tick(1000, 100)

    booked = complete(made, named, PRICES, LISTING)
    assert live.cloud.amount == turn_cost(booked, named, PRICES).cloud.amount == D("0.00508")


def test_without_a_price_list_the_live_cloud_is_unknown_and_says_why() -> None:
    assert meter(GROQ, LivePrices()).tick(1, 1).cloud == Figure(None, why="the bill has not come yet")
    assert meter(THIS_MACHINE, LivePrices()).tick(1, 1).cloud == NO_REFERENCE
    assert meter(THIS_MACHINE, LivePrices(why="offline")).tick(1, 1).cloud.why == "offline"
    assert meter(OLLAMA_CLOUD, live_prices(GPT)).tick(1, 1).cloud.known is False


ticks = st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 5000)), max_size=12)
ratios = st.decimals("0.2", 3, places=3)


@given(
    steps=ticks,
    prompt_bytes=st.integers(0, 50_000),
    place=st.sampled_from([THIS_MACHINE, LAN, GROQ]),
    model=st.sampled_from([QWEN, GPT, LONG]),
    ratio=ratios,
    prefix=st.integers(0, 20_000),
    assumed=st.builds(lambda watts, price: profile(busy_w=watts, price_usd=price), small, small),
)
@settings(deadline=None, max_examples=150)
def test_no_live_amount_ever_falls(
    steps: list[tuple[int, int]],
    prompt_bytes: int,
    place: Place,
    model: str,
    ratio: Decimal,
    prefix: int,
    assumed: Profile,
) -> None:
    context = replace(turn().context, prefix_tokens=prefix, gap_s="1")
    prices = live_prices(
        model,
        prompt_bytes=prompt_bytes,
        ratios=TokenRatios(ratio, ratio, Label.ESTIMATED),
        cache=prefix_cache(context, assumed),
        local_usd_per_m=Figure(D("0.02"), Label.DECLARED),
    )
    live = meter(place, prices, assumed)
    before = live.view

    for elapsed, tokens in steps:
        view = live.tick(elapsed, tokens)
        for name in ("power", "with_machine", "cloud", "cloud_cash", "on_local"):
            first, then = getattr(before, name), getattr(view, name)
            assert first.known == then.known
            assert not first.known or then.amount >= first.amount
        assert view.cloud.known
        before = view


# -- at rest ----------------------------------------------------------------------------------


def test_the_month_has_both_halves_and_counts_what_each_leaves_out() -> None:
    assumed = profile(busy_w=60, price_usd=1999)
    turns = [
        local(assumed, name="both"),
        local(assumed, name="uncompared", model="mine"),
        local(assumed, name="untimed", busy_s=None),
        cloud("0.00031"),
        stopped(name="waiting"),
    ]

    view = local_month(totals(*turns), assumed, TODAY)

    each = turn_cost(turns[0], assumed, PRICES)
    assert each.cloud.amount is not None
    assert view.avoided.amount == each.cloud.amount * 2
    assert (view.compared.turns, view.compared.left_out) == (2, 1)
    assert view.avoided_cash.amount == each.cloud.amount * 2 * D("1.08")
    assert view.paired is not None
    assert (view.paired.turns, view.paired.left_out) == (1, 2)
    assert (view.cloud.billed, view.cloud.pending_turns) == (Figure(D("0.00031"), Label.BILLED, pending=True), 1)
    assert view.cloud.estimate == Figure(D("0.00565"), Label.ESTIMATED, pending=True)
    both = balance_of(view)
    assert both is not None
    assert each.power.amount is not None
    assert both.power.amount == each.cloud.amount * D("1.08") - each.power.amount
    assert (both.turns, both.left_out) == (1, 2)


def test_while_no_bill_has_come_at_all_our_estimate_stands_there_as_pending() -> None:
    view = local_month(totals(stopped()), Profile(), TODAY)

    assert formats.usd(view.cloud.billed) == "~$0.00565 pending"


def test_power_of_a_turn_before_the_watts_were_stated_is_paired_too() -> None:
    before = profile()
    after = before.setting({"busy_w": 60, "idle_w": 8, "price_usd": 700}, NOV_20)
    old = local(before, at=NOV_1 + timedelta(days=2))
    book = ProfileBook((before, after))

    view = local_month(totals(old), book, TODAY)

    assert view.paired is not None
    assert view.paired.power == Figure(D("0.000052"), Label.ESTIMATED)
    assert balance_of(local_month(totals(local(before)), before, TODAY)) is None


def test_a_balance_of_metered_turns_leaves_out_those_that_nobody_metered_and_no_watts_explain() -> None:
    assumed = profile(price_usd=1999)
    bare = local(assumed, name="bare")
    metered = replace(local(assumed), energy=replace(bare.energy, method="smc", charged_mj=1_000_000))

    view = local_month(totals(bare, metered), assumed, TODAY)

    assert view.paired is not None
    assert (view.paired.turns, view.paired.left_out) == (1, 1)
    assert view.paired.avoided.amount == turn_cost(metered, assumed, PRICES).cloud.amount


def test_a_turn_before_the_first_price_list_is_compared_with_it_and_marked() -> None:
    early = local(at=NOV_1 - timedelta(days=9))

    figure = turn_cost(early, Profile(), PRICES).cloud

    assert (figure.known, figure.label) == (True, Label.ESTIMATED)
    assert early.avoided.label == "estimated"


def test_a_lower_bound_of_power_is_an_upper_bound_of_what_was_saved() -> None:
    assumed = profile(price_usd=1999)
    made = local(assumed)
    metered = replace(made, energy=replace(made.energy, method="ioreport", charged_mj=1000))

    both = balance_of(local_month(totals(metered), assumed, TODAY))

    assert both is not None
    assert both.power.bound is Bound.HIGH


def test_bills_far_from_our_arithmetic_warn_from_three_pairs_on() -> None:
    near = [cloud("0.0075", name=f"n{number}") for number in range(3)]
    far = [cloud("0.002", model=LONG, name=f"f{number}") for number in range(3)]

    view = local_month(totals(*near, *far), Profile(), TODAY)

    assert [(each.model, each.check.pairs, each.check.ok) for each in view.checks] == [(GPT, 3, True), (LONG, 3, False)]
    assert view.checks[0].off_by == 0
    assert [each.model for each in view.warnings] == [LONG]
    explained = check(view.checks[1])
    assert explained.evaluate() == view.checks[1].check.ratio
    assert local_month(totals(*far[:2]), Profile(), TODAY).warnings == ()


def test_rows_by_model_say_what_the_local_ones_avoided() -> None:
    assumed = profile(busy_w=60)
    ledger_totals = totals(local(assumed), local(assumed, name="t2", model="mine"), cloud("0.1", name="t3"))

    rows = month_rows(ledger_totals, assumed, local_month(ledger_totals, assumed, TODAY), ["model"])

    assert [(row.model, row.avoided.known) for row in rows] == [("mine", False), (GPT, False), ("qwen3:8b", True)]


def test_power_per_million_counts_the_turns_whose_energy_is_known() -> None:
    assumed = profile(busy_w=60, idle_w=8)
    turns = [local(assumed, prompt=1200, completion=400), local(assumed, name="t2", busy_s=None)]

    assert power_per_m(buckets_of(turns), assumed, "qwen3:8b") == Figure(D("0.0325"), Label.DEFAULT)
    assert power_per_m(buckets_of(turns), assumed, "other").missing == "busy_w"


def test_the_panel_has_the_cloud_beside_every_period() -> None:
    assumed = profile(busy_w=60, price_usd=1999)
    mine, theirs = local(assumed), cloud("0.00031", name="t2")

    view = panel_view(totals(mine, theirs), assumed, TODAY, turn=mine, chat=buckets_of([mine, theirs]), prices=PRICES)

    one, chat, today, month = view.rows
    assert one.avoided == turn_cost(mine, assumed, PRICES).cloud
    assert chat.avoided.amount == today.avoided.amount == month.avoided.amount == one.avoided.amount
    assert chat.avoided_cash.amount == one.avoided_cash.amount
    assert {row.cloud for row in (chat, today, month)} == {Figure(D("0.00031"), Label.BILLED)}
    assert {row.cloud_cash.amount for row in (chat, today, month)} == {D("0.0003348")}
    assert (chat.cloud_turns, chat.cloud_tokens, chat.not_compared) == (1, 1550, 0)
    row = turn_row(theirs, ProfileBook((assumed,)), PRICES)
    assert (row.cloud, row.cloud_cash.amount, row.avoided.known) == (month.cloud, D("0.0003348"), False)


# -- explanations -----------------------------------------------------------------------------


def every_explanation(view: PanelView, *rows: Any) -> list[Explanation]:
    found = [explained for row in (*view.rows, *rows) for _, explained in row.explained]
    if view.balance is not None:
        found += [explained for _, explained in view.balance.explained]
    found += [check(each) for each in view.month.checks]
    for explained in found:
        found += [given.by for given in explained.inputs if given.by is not None]
    return found


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[Profile, list[Turn]]:
    """Local and cloud turns of every kind, booked under a profile."""
    chosen: dict[str, Any] = draw(
        st.sampled_from([{}, {"reference_model": {"a": GPT, "b": LONG}}, {"reference_model": {"a": "gone"}}])
    )
    fee: dict[str, Any] = draw(st.sampled_from([{}, {"topup_usd": 50}]))
    assumed = profile(busy_w=60, idle_w=8, price_usd=1999, **chosen, **fee)
    turns = []
    for number in range(draw(st.integers(1, 6))):
        at = NOV_1 + timedelta(minutes=draw(st.integers(0, 19 * 1440)))
        prompt = draw(st.integers(0, 6000))
        cached = draw(st.one_of(st.none(), st.integers(0, prompt)))
        reasoning = draw(st.one_of(st.none(), st.integers(0, 300)))
        usage = Usage(prompt, draw(st.integers(300, 3000)), reasoning, cached, source="provider")
        kind = draw(st.sampled_from(["local", "local", "billed", "pending", "byok"]))
        model = draw(st.sampled_from(["a", "b", "qwen3:8b"]) if kind == "local" else st.sampled_from([GPT, LONG]))
        made = turn(name=f"t{number}", at=at, model=model, place=THIS_MACHINE if kind == "local" else GROQ)
        made = replace(made, tokens=usage, context=replace(made.context, prefix_tokens=prompt // 2, gap_s="20"))
        bill = {
            "billed": Bill(draw(st.decimals(0, 1, places=8)), "{}"),
            "byok": Bill(D("0.01"), "{}", is_byok=True, upstream_usd=draw(st.one_of(st.none(), st.just(D("0.2"))))),
        }.get(kind)
        facts = BilledFacts(reconciled="pending") if kind == "pending" else BilledFacts()
        made = replace(made, billed=facts if bill is None else billed_facts(bill, "stream"))
        turns.append(complete(made, assumed, PRICES, LISTING))
    return assumed, turns


@given(ledgers())
@settings(deadline=None, max_examples=60)
def test_the_numbers_of_every_explanation_give_its_figure_again(ledger: tuple[Profile, list[Turn]]) -> None:
    assumed, turns = ledger
    book = ProfileBook((assumed,))

    view = panel_view(totals(*turns), book, TODAY, turn=turns[-1], chat=buckets_of(turns), prices=PRICES)
    rows = [turn_row(each, book, prices) for each in turns for prices in (PRICES, None)]

    for explained in every_explanation(view, *rows):
        worked_out = explained.evaluate()
        if explained.figure.amount is None:
            assert worked_out is None
            assert explained.words.startswith("not known: ")
            continue
        assert worked_out is not None
        tolerance = D("0.0005") if explained.unit == "J" else D("1e-12")
        assert abs(worked_out - explained.figure.amount) <= tolerance, explained.title
        assert formats.explanation(explained)


@given(ledgers())
@settings(deadline=None, max_examples=60)
def test_the_turns_of_a_month_add_up_to_its_cloud_side(ledger: tuple[Profile, list[Turn]]) -> None:
    assumed, turns = ledger

    view = local_month(totals(*turns), assumed, TODAY)

    costs = [(each, turn_cost(each, assumed, PRICES)) for each in turns]
    avoided = [cost.cloud for each, cost in costs if each.place.is_local and cost.cloud.known]
    charged = [cost.cloud.amount or 0 for each, cost in costs if cost.cloud.label is Label.BILLED]
    assert view.compared.turns == len(avoided)
    if avoided:
        assert view.avoided.amount is not None
        assert view.avoided.low is not None
        assert view.avoided.high is not None
        assert abs(view.avoided.amount - sum(figure.amount or 0 for figure in avoided)) <= D("1e-12") * len(avoided)
        assert view.avoided.low <= view.avoided.amount <= view.avoided.high
        assert view.avoided.label is max((figure.label for figure in avoided), key=lambda label: label.strength)
    if charged:
        assert view.cloud.billed.amount == sum(charged)
    assert view.cloud.pending_turns == sum(each.billed.reconciled == "pending" for each in turns)


def test_an_explanation_of_a_comparison_reads_like_a_sum() -> None:
    assumed = profile()
    row = turn_row(local(assumed, prompt=1850, completion=412), ProfileBook((assumed,)), PRICES)

    explained = row.explanation("avoided")

    assert explained is not None
    assert formats.explanation(explained)[:3] == [
        "this turn in the cloud: the same text at qwen/qwen3-8b",
        "~$0.000339 = 1,850 tokens × $0.15/M ÷ 1,000,000 + 412 tokens × $0.15/M ÷ 1,000,000",
        "  tokens of the prompt: 1,850 tokens · measured · the daemon's count",
    ]


def test_an_explanation_of_a_free_variant_says_what_it_allows() -> None:
    listing = CloudListing((priced_model("x/y:free", "0", "0"),), NOV_1)
    prices, _ = PriceBook().noting(listing, ["x/y:free"], NOV_20)
    assumed = profile(reference_model={"qwen3:8b": "x/y:free"})
    made = complete(turn(), assumed, prices, listing)

    explained = turn_row(made, ProfileBook((assumed,)), prices).explanation("avoided")

    assert explained is not None
    assert explained.figure.amount == 0
    assert any("50 a day" in note for note in explained.notes)


def test_a_price_that_is_not_in_the_arithmetic_is_named_and_weakens_the_label() -> None:
    assumed = profile(reference_model={"qwen3:8b": LONG})
    made = complete(turn(prompt=5000, completion=10), assumed, PRICES, LISTING)

    row = turn_row(made, ProfileBook((assumed,)), PRICES)
    explained = row.explanation("avoided")

    assert row.avoided.label is Label.ESTIMATED
    assert row.avoided.amount == D("0.0251")  # above a thousand tokens the prompt costs twice as much
    assert explained is not None
    assert "not in this arithmetic: the price of web_search" in explained.notes


def test_the_hour_of_the_turn_decides_between_prices_by_the_hour() -> None:
    night = [{"utc_start": 1630, "utc_end": 30, "prompt": "0.000001", "completion": "0.000001"}]
    listing = CloudListing((priced_model("a/b", "0.000002", "0.000002", overrides=night),), NOV_1)
    prices, _ = PriceBook().noting(listing, ["a/b"], NOV_20)

    def charged(hour: int) -> Decimal | None:
        made = replace(
            turn(place=GROQ, model="a/b", prompt=900, completion=100), billed=BilledFacts(reconciled="pending")
        )
        at = datetime(2026, 11, 20, hour, 45, tzinfo=UTC)
        return turn_cost(
            complete(replace(made, started_at=at), Profile(), prices, listing), Profile(), prices
        ).cloud.amount

    assert [charged(hour) for hour in (15, 16, 23)] == [D("0.002"), D("0.001"), D("0.001")]
