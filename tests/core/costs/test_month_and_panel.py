from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from core.costs.given import GROQ, LAN, NOV_1, NOV_20, booked, ledgers, profile, totals, turn
from llmhub import formats
from llmhub.core.costs.energy import TariffWindow
from llmhub.core.costs.explain import Explanation, evaluated
from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.live import LiveCost
from llmhub.core.costs.loaded import RULE_A, RULE_B
from llmhub.core.costs.month import local_month, month_rows
from llmhub.core.costs.panel import PanelView, balance_of, panel_view
from llmhub.core.costs.spending import buckets_of, local_spending
from llmhub.core.costs.turn import turn_cost
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE, PlaceKind
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.totals import BucketKey, Sums, Totals
from llmhub.core.turns import BilledFacts, Turn

D = Decimal
TODAY = date(2026, 11, 20)


def sketch(*, compared: bool = False) -> tuple[Totals, Profile]:
    """The worked example of screens.md: 1.9 M tokens, 0.38 of power, a machine of $1,999, the 20th of November.

    `compared`: with the same weights in the cloud at 0.29 a million.
    """
    assumed = profile(busy_w=60, usd_per_kwh="0.34", price_usd=1999)
    key = BucketKey("2026-11-20", PlaceKind.THIS_MACHINE, "", "ollama", "qwen3:8b", assumed.profile_id, "declared")
    joules = D("0.38") / D("0.34") * 3_600_000
    sums = Sums(
        turns=1204,
        prompt_tokens=1_500_000,
        completion_tokens=400_000,
        token_turns=1204,
        busy_ms=67_058_824,
        busy_turns=1204,
        energy_mj=round(joules * 1000),
        energy_turns=1204,
        energy_tokens=1_900_000,
    )
    if compared:
        sums += Sums(
            avoided_pico_usd=551_000_000_000,
            avoided_low_pico_usd=410_000_000_000,
            avoided_high_pico_usd=770_000_000_000,
            avoided_turns=1204,
            paired_turns=1204,
            paired_avoided_pico_usd=551_000_000_000,
            paired_energy_mj=sums.energy_mj,
            paired_busy_ms=sums.busy_ms,
        )
    cloud = BucketKey(
        "2026-11-03", PlaceKind.PROVIDER, "Groq", "openrouter", "gpt-oss-120b", assumed.profile_id, "none"
    )
    charged = Sums(
        turns=311, prompt_tokens=1_100_000, token_turns=311, billed_pico_usd=6_920_000_000_000, billed_turns=311
    )
    return Totals(((key, sums), (cloud, charged))), assumed


def test_the_month_of_the_sketch_adds_up_as_the_sketch_says() -> None:
    ledger_totals, assumed = sketch()

    view = local_month(ledger_totals, assumed, TODAY)

    assert formats.usd(view.local.power) == "~$0.3800"
    assert formats.usd(view.with_machine) == "~$33.33"
    assert formats.usd(view.fixed_month) == "~$49.42"
    assert formats.usd(view.accrued) == "~$32.95"
    assert formats.usd(view.cloud.billed) == "$6.92"
    assert formats.usd(view.cloud.cash) == "~$7.47"
    assert (view.local.turns, view.local.tokens, view.cloud.turns, view.provisional) == (1204, 1_900_000, 311, True)


def test_the_balance_of_the_sketch_reads_as_the_sketch_says() -> None:
    ledger_totals, assumed = sketch(compared=True)

    view = local_month(ledger_totals, assumed, TODAY)
    both = balance_of(view)

    assert formats.usd(view.avoided) == "~$0.5510 (0.4100–0.7700)"
    assert formats.usd(view.avoided_cash.amount) == "~$0.5951"
    assert both is not None
    assert (both.turns, both.left_out) == (1204, 0)
    assert formats.balance(both) == "local saved ~$0.2151 on power; with the machine it cost ~$32.73 more"


def test_there_is_no_balance_while_one_side_is_unknown() -> None:
    ledger_totals, assumed = sketch()

    assert balance_of(local_month(ledger_totals, assumed, TODAY)) is None
    assert panel_view(ledger_totals, assumed, TODAY).balance is None


@pytest.mark.parametrize(
    ("today", "elapsed", "provisional"),
    [
        (date(2026, 11, 1), D(1) / 30, True),
        (date(2026, 11, 15), D("0.5"), True),
        (date(2026, 11, 30), D(1), False),
        (date(2026, 12, 5), D(1), False),
        (date(2026, 10, 5), D(0), True),
    ],
)
def test_the_machine_accrues_with_the_days_of_the_month(today: date, elapsed: Decimal, provisional: bool) -> None:
    ledger_totals, assumed = sketch()

    view = local_month(ledger_totals, assumed, today, month=date(2026, 11, 9))

    assert abs(view.elapsed - elapsed) < D("1e-27")
    assert view.provisional is provisional


def test_a_month_without_tokens_keeps_what_accrued_as_unallocated() -> None:
    view = local_month(Totals(), profile(price_usd=1999, busy_w=60), TODAY)

    assert view.unallocated == view.accrued == view.with_machine
    assert view.usd_per_m == Figure(None, why="no tokens yet")


def test_turns_before_the_watts_were_stated_are_worked_out_again_and_marked() -> None:
    before = profile()
    after = before.setting({"busy_w": 60, "idle_w": 8}, NOV_20)
    old, new = booked(before, name="old", at=NOV_1 + timedelta(days=2)), booked(after, name="new")

    view = local_month(totals(old, new), ProfileBook((before, after)), TODAY)

    assert view.local.power == Figure(D("0.000104"), Label.ESTIMATED)
    assert view.local.left_out == 0


def test_turns_without_energy_are_left_out_and_counted() -> None:
    assumed = profile(busy_w=60, idle_w=8, usd_per_kwh="0.18")
    interrupted = booked(assumed, name="t2", busy_s=None)

    view = local_month(totals(booked(assumed), interrupted), assumed, TODAY)

    assert view.local.power == Figure(D("0.000052"), Label.DECLARED)
    assert (view.local.left_out, view.local.turns) == (1, 2)
    row = panel_view(totals(booked(assumed), interrupted), assumed, TODAY).row("month")
    assert row is not None
    assert formats.left_out(row) == "1 of 2 turns not counted"


def test_when_no_turn_is_known_the_power_is_not_zero() -> None:
    view = local_month(totals(turn()), Profile(), TODAY)

    assert view.local.power == Figure(None, missing="busy_w")
    assert view.with_machine == Figure(None, missing="price_usd")


def test_a_model_in_ollamas_cloud_is_never_counted_as_local() -> None:
    assumed = profile(busy_w=60)

    view = local_month(totals(booked(assumed, place=OLLAMA_CLOUD), booked(assumed, name="t2")), assumed, TODAY)

    assert (view.local.turns, view.ollama_cloud.turns, view.cloud.turns) == (1, 1, 0)
    assert view.ollama_cloud.billed.why == "Ollama cloud named no price"


def test_bills_are_added_and_those_to_come_are_said() -> None:
    paid, waiting = (
        turn(place=GROQ, billed="0.000310"),
        replace(turn(place=GROQ), billed=BilledFacts(reconciled="pending")),
    )

    view = local_month(totals(paid, waiting, turn(place=GROQ)), Profile(), TODAY)

    assert formats.usd(view.cloud.billed) == "$0.000310 pending"
    assert (view.cloud.pending_turns, view.cloud.unpriced_turns) == (1, 1)


def test_a_tariff_is_charged_by_the_hour_of_each_turn_also_in_a_sum() -> None:
    assumed = profile(
        busy_w=3600, usd_per_kwh="0.30", tariff=[{"start": "22:00", "end": "06:00", "usd_per_kwh": "0.11"}]
    )
    turns = [
        booked(assumed, name=f"t{hour}", busy_s="1000", at=datetime(2026, 11, 20, hour, tzinfo=UTC)) for hour in (3, 12)
    ]

    assert local_spending(buckets_of(turns), assumed).power.amount == D("0.41")
    assert isinstance(assumed.tariff[0], TariffWindow)


def test_the_parts_of_a_machine_past_its_life_or_before_its_purchase() -> None:
    old = profile(price_usd=6000, purchased="2020-01-01", busy_w=60)
    coming = profile(price_usd=6000, purchased="2027-01-01", busy_w=60)

    assert local_month(Totals(), old, TODAY).fixed_month.amount == 5
    assert local_month(Totals(), coming, TODAY).fixed_month.amount == 0


def test_a_closed_month_before_the_price_was_stated_is_an_estimate() -> None:
    bare = profile(busy_w=60, since=datetime(2026, 9, 1, tzinfo=UTC))
    priced = bare.setting({"price_usd": 1999, "usd_per_kwh": 1}, NOV_20)
    book = ProfileBook((bare, priced))

    assert local_month(Totals(), book, TODAY, month=date(2026, 9, 1)).fixed_month.label is Label.ESTIMATED
    assert local_month(Totals(), book, TODAY).fixed_month.label is Label.DEFAULT


def test_what_the_plan_left_uncovered_is_shown() -> None:
    ledger_totals, assumed = sketch()

    view = local_month(ledger_totals, assumed, TODAY)

    # 49.42 a month over 876,000 planned seconds, 67,059 of them worked
    assert formats.usd(view.unabsorbed) == "~$29.16"


def test_rows_by_model_keep_places_apart_and_add_up() -> None:
    assumed = profile(busy_w=60, price_usd=1999)
    ledger_totals = totals(
        booked(assumed),
        booked(assumed, name="t2", model="other"),
        booked(assumed, name="t3", place=LAN),
        booked(assumed, name="t4", place=GROQ, billed="0.1"),
    )
    view = local_month(ledger_totals, assumed, TODAY)

    rows = month_rows(ledger_totals, assumed, view, ["model"])

    assert [(row.model, row.turns, row.billed.amount) for row in rows] == [
        ("other", 1, None),
        ("qwen3:8b", 1, None),
        ("qwen3:8b", 1, D("0.1")),
        ("qwen3:8b", 1, None),
    ]
    assert [row.place.words for row in rows] == ["this machine", "gpu-box", "Groq", "this machine"]
    parts = [row.with_machine.amount for row in rows if row.with_machine.amount is not None]
    assert sum(parts) == view.with_machine.amount


# -- the panel ----------------------------------------------------------------------------------------------------


def panel(**values: Any) -> tuple[PanelView, Profile, Turn]:
    assumed = profile(**values)
    made = booked(assumed)
    earlier = booked(assumed, name="t0", at=NOV_20 - timedelta(days=3))
    view = panel_view(totals(made, earlier), assumed, TODAY, turn=made, chat=buckets_of([made]))
    return view, assumed, made


def test_the_panel_sets_turn_chat_today_and_month_below_each_other() -> None:
    view, assumed, made = panel(busy_w=60, idle_w=8, price_usd=1999)

    assert [formats.row_title(row) for row in view.rows] == ["this turn", "this chat", "today", "November 1–20"]
    turn_row, chat, today, month = view.rows
    cost = turn_cost(made, assumed)
    assert (turn_row.power, turn_row.with_machine) == (cost.power, cost.with_machine)
    assert (chat.power, chat.with_machine) == (cost.power, cost.with_machine)
    assert (today.power, today.with_machine) == (cost.power, cost.with_machine)
    assert month.power.amount == 2 * (cost.power.amount or 0)
    assert [row.rule for row in view.rows] == [RULE_A, RULE_A, RULE_A, RULE_B]
    assert view.hints == ()


@pytest.mark.parametrize(
    ("values", "hints"),
    [
        ({}, ["set the watts: [profile] busy_w", "set the price of the machine: [profile] price_usd"]),
        ({"busy_w": 60}, ["set the price of the machine: [profile] price_usd"]),
        ({"price_usd": 1999}, ["set the watts: [profile] busy_w"]),
    ],
)
def test_each_missing_input_is_asked_for_once(values: dict[str, Any], hints: list[str]) -> None:
    view, _, _ = panel(**values)

    assert [formats.hint(each) for each in view.hints] == hints
    assert all(
        formats.usd(figure) == "—" for row in view.rows for figure in (row.power, row.with_machine) if not figure.known
    )


def test_a_streaming_turn_stands_first_while_it_runs() -> None:
    assumed = profile(busy_w=60, price_usd=1999)
    meter = LiveCost(assumed, THIS_MACHINE, started=NOV_20.time(), day=TODAY)

    view = panel_view(Totals(), assumed, TODAY, live=meter.tick(5000, 200), place=THIS_MACHINE)

    row = view.rows[0]
    assert (row.kind, row.live, row.tokens, row.power) == ("turn", True, 200, meter.view.power)


def test_nothing_local_yet_is_zero_turns_and_not_unknown() -> None:
    view = panel_view(Totals(), profile(busy_w=60, price_usd=1999), TODAY)

    today = view.row("today")
    assert today is not None
    assert (today.turns, formats.usd(today.power), formats.usd(today.with_machine)) == (0, "$0.00", "$0.00")


def every_explanation(view: PanelView) -> list[Explanation]:
    found = [explained for row in view.rows for _, explained in row.explained]
    for explained in found:
        found += [given.by for given in explained.inputs if given.by is not None]
    return found


@pytest.mark.parametrize(
    "values",
    [
        {"busy_w": 60, "idle_w": 8, "price_usd": 1999},
        {"busy_w": "33.3", "price_usd": 4299, "share": "0.3", "capital_basis": "initial", "usd_per_kwh": "0.2999"},
        {"busy_w": 6, "idle_w": 8, "price_usd": 700, "purchased": "2020-01-01", "standby_w": 5, "standby_hours": 700},
        {"busy_w": 60, "share": 0},
        {"busy_w": 60, "tariff": [{"start": "10:00", "end": "14:00", "usd_per_kwh": "0.5"}]},
        {"price_usd": 1999},
        {},
    ],
)
def test_the_numbers_of_every_explanation_give_its_figure_again(values: dict[str, Any]) -> None:
    view, _, _ = panel(**values)

    for explained in every_explanation(view):
        worked_out = explained.evaluate()
        if explained.figure.amount is None:
            assert worked_out is None
            assert explained.words.startswith("not known: ")
            continue
        assert worked_out is not None
        # joules are booked in whole millijoules, what accrued in whole pico-dollars
        tolerance = D("0.0005") if explained.unit == "J" else D("1e-12")
        assert abs(worked_out - explained.figure.amount) <= tolerance, explained.title


def _calculated(shown: str) -> Decimal:
    """What arithmetic with the numbers as they are shown comes to."""
    numbers = {f"n{place}_": D(number) for place, number in enumerate(re.findall(r"[\d.]+", shown))}
    names = iter(numbers)
    return evaluated(re.sub(r"[\d.]+", lambda _: next(names), shown), numbers)


@given(ledgers())
@settings(max_examples=40, deadline=None)
def test_what_an_explanation_shows_gives_the_shown_figure_again(ledger: tuple[ProfileBook, list[Turn]]) -> None:
    book, turns = ledger
    last = turns[-1] if turns else None

    view = panel_view(totals(*turns), book, TODAY, turn=last, chat=buckets_of(turns))

    for explained in every_explanation(view):
        if explained.figure.amount is None or explained.unit == "J":
            continue
        shown = _calculated(formats.arithmetic(explained, units=False))
        assert abs(shown - explained.figure.amount) <= abs(explained.figure.amount) * D("1e-6") + D("1e-12")


def test_an_explanation_reads_as_the_cost_model_writes_it() -> None:
    _, assumed, made = panel(busy_w=60, idle_w=8)
    view = panel_view(totals(made), assumed, TODAY, turn=made)

    explained = view.rows[0].explanation("power")

    assert explained is not None
    assert formats.explanation(explained) == [
        "power of this turn: energy in kWh × electricity price",
        "~$0.0000520 = 1,040 J (declared) ÷ 3,600,000 × $0.18/kWh (default)",
        "  energy: 1,040 J · declared · stated watts",
        "    energy: (watts while it answers − watts at rest) × time",
        "    1,040 J = (60 W (declared) − 8 W (declared)) × 20 s",
        "      watts while it answers: 60 W · declared · your profile, busy_w",
        "      watts at rest: 8 W · declared · your profile, idle_w",
        "      time the machine worked: 20 s · measured · the ledger",
        "  electricity price: $0.18/kWh · default · US average 2026, EIA forecast",
    ]


def test_an_unknown_figure_is_explained_by_what_to_set() -> None:
    view, _, _ = panel()

    explained = view.rows[0].explanation("power")

    assert explained is not None
    assert formats.explanation(explained) == ["power of this turn: not known: set the watts while it answers"]


@pytest.mark.parametrize(
    "expression", ["__import__('os')", "a ** b", "a.b", "a[0]", "1.5 * a", "b + a", "a if a else a"]
)
def test_arithmetic_is_nothing_but_arithmetic(expression: str) -> None:
    with pytest.raises(ValueError, match="not plain arithmetic"):
        evaluated(expression, {"a": D(1)})


def test_the_month_costs_as_many_steps_as_it_has_buckets() -> None:
    assumed = profile(busy_w=60, price_usd=1999)
    key = BucketKey("2026-11-20", PlaceKind.THIS_MACHINE, "", "ollama", "m", assumed.profile_id, "declared")
    many = Sums(*(10**9 for _ in range(len(Sums.__dataclass_fields__))))

    view = local_month(Totals(((key, many),)), assumed, TODAY)

    assert view.local.turns == 10**9
