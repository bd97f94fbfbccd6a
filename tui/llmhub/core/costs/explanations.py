"""The explanations of the panel's figures, made of the same numbers that the figures were made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from decimal import Decimal

from llmhub.core.costs.energy import label_of_method, price_at
from llmhub.core.costs.explain import Explanation, Input
from llmhub.core.costs.hardware import HardwareMonth
from llmhub.core.costs.labels import Figure, Label, weakest
from llmhub.core.costs.loaded import RULE_A, RULE_B
from llmhub.core.costs.money import ZERO, exact
from llmhub.core.costs.month import CloudSpending, MonthView
from llmhub.core.costs.spending import EnergyPortion, MachinePortion, Spending
from llmhub.core.costs.turn import fixed_inputs, hardware_of, joules_declared, price_label
from llmhub.core.profile_keys import KEYS
from llmhub.core.profiles import Profile

SHARE_NOTE = "the whole machine is charged to the models: an upper bound for one that does other things too"


def not_known(title: str, figure: Figure) -> Explanation:
    """Why there is no figure; `figure.missing` names what to set."""
    if figure.missing in KEYS:
        key = KEYS[figure.missing]
        return Explanation(title, figure, f"not known: set the {key.words}")
    return Explanation(title, figure, f"not known: {figure.why or 'no input for it'}")


def key_input(profile: Profile, key: str, *, label: Label | None = None, amount: Decimal | None = None) -> Input:
    """One number of the profile."""
    about = KEYS[key]
    value = amount if amount is not None else Decimal(getattr(profile, key))
    return Input(key, about.words, value, about.unit, label or profile.label(key), profile.source(key))


def joules_from_watts(profile: Profile, busy_ms: int, figure: Figure) -> Explanation:
    """Energy from stated watts; booked in whole millijoules."""
    busy_s = Input("busy_s", "time the machine worked", Decimal(busy_ms) / 1000, "s", Label.MEASURED, "the ledger")
    busy_w = key_input(profile, "busy_w")
    takes_idle_off = profile.idle_attribution == "net" and profile.idle_w
    if takes_idle_off and joules_declared(profile, Decimal(1)) == 0:
        return Explanation("energy", figure, "it takes no more than at rest", "0", unit="J")
    if takes_idle_off:
        inputs, words = (
            (busy_w, key_input(profile, "idle_w"), busy_s),
            "(watts while it answers − watts at rest) × time",
        )
        return Explanation("energy", figure, words, "(busy_w - idle_w) * busy_s", inputs, unit="J")
    return Explanation("energy", figure, "watts while it answers × time", "busy_w * busy_s", (busy_w, busy_s), unit="J")


def power_of_joules(
    title: str, figure: Figure, joules: Decimal, profile: Profile, *, at: time | None, method: str, busy_ms: int | None
) -> Explanation:
    """Power of one turn: its joules at the price of its hour."""
    label = label_of_method(method)
    by = None
    if method == "declared" and busy_ms is not None:
        by = joules_from_watts(profile, busy_ms, Figure(joules, label))
    price = key_input(
        profile, "usd_per_kwh", label=price_label(profile), amount=price_at(profile.usd_per_kwh, profile.tariff, at)
    )
    energy = Input("joules", "energy", joules, "J", label, "stated watts" if by else f"meter: {method}", by)
    notes = () if figure.label is not Label.ESTIMATED else ("the watts were stated after this turn ran",)
    return Explanation(
        title, figure, "energy in kWh × electricity price", "joules / 3600000 * usd_per_kwh", (energy, price), notes
    )


def machine_month(profile: Profile, day: date, figure: Figure) -> Explanation:
    """The machine's fixed cost of one month."""
    keys = fixed_inputs(profile, day)
    month: HardwareMonth = hardware_of(profile, day)
    if "price_usd" not in keys:
        return Explanation("the machine, a month", figure, "no part of it is charged to the models", "0")
    inputs = [key_input(profile, key) for key in keys if key != "purchased"]
    terms, words = [], []
    if profile.month_index(day) < 0:
        return Explanation("the machine, a month", figure, "it was bought later", "0")
    if month.depreciation:
        terms.append("(price_usd - price_usd * residual_fraction) / life_months")
        words.append("(price − resale value) ÷ life")
    if month.capital:
        tied = "price_usd * residual_fraction"
        if month.depreciation or profile.month_index(day) < profile.life_months:
            tied = (
                "(price_usd + price_usd * residual_fraction) / 2" if profile.capital_basis == "average" else "price_usd"
            )
        terms.append(f"annual_cost_of_capital / 12 * {tied}")
        words.append("a twelfth of the yearly interest on what is tied up")
    if month.standby:
        terms.append("standby_w * standby_hours / 1000 * usd_per_kwh")
        words.append("standby")
    notes = (SHARE_NOTE,) if profile.share == 1 else ()
    return Explanation(
        "the machine, a month",
        figure,
        f"part charged to the models × ({' + '.join(words) or 'nothing'})",
        f"share * ({' + '.join(terms) or '0'})",
        tuple(inputs),
        notes,
    )


@exact
def with_machine_a(title: str, figure: Figure, power: Figure, portions: tuple[MachinePortion, ...]) -> Explanation:
    """Power, and by rule A the machine for the seconds it worked."""
    if power.amount is None or figure.amount is None:
        return not_known(title, figure)
    inputs = [Input("power", "power", power.amount, "$", power.label, "the line above")]
    terms = ["power"]
    for number, part in enumerate(portions, 1):
        fixed, busy, planned = f"machine_{number}", f"busy_s_{number}", f"planned_s_{number}"
        by = machine_month(part.profile, part.day, part.fixed)
        source = f"the profile, {part.day:%Y-%m}"
        inputs += [
            Input(fixed, "the machine, a month", part.fixed.amount or ZERO, "$", part.fixed.label, source, by),
            Input(
                planned,
                "work planned in a month",
                part.profile.planned_busy_s_per_month,
                "s",
                part.profile.label("planned_busy_s_per_month"),
                part.profile.source("planned_busy_s_per_month"),
            ),
            Input(busy, "time the machine worked", Decimal(part.busy_ms) / 1000, "s", Label.MEASURED, "the ledger"),
        ]
        terms.append(f"{fixed} / {planned} * {busy}")
    words = "power + the machine's month ÷ planned seconds × seconds worked"
    return Explanation(title, figure, words, " + ".join(terms), tuple(inputs), (f"the machine {RULE_A}",))


@exact
def spending_power(title: str, spending: Spending) -> Explanation:
    """Power of several turns."""
    figure = spending.power
    if figure.amount is None:
        return not_known(title, figure)
    inputs: list[Input] = []
    terms: list[str] = []
    for number, part in enumerate(spending.energy, 1):
        terms.append(_power_term(number, part, inputs))
    return Explanation(
        title,
        figure,
        "energy in kWh × electricity price",
        " + ".join(terms) or "0",
        tuple(inputs),
        tuple(_power_notes(spending)),
    )


def spending_with_machine(title: str, spending: Spending) -> Explanation:
    """Power and the machine by rule A of several turns."""
    return with_machine_a(title, spending.with_machine, spending.power, spending.machine)


@exact
def month_with_machine(view: MonthView) -> Explanation:
    """The month's line by rule B."""
    title = "this month, with the machine"
    power, accrued = view.local.power, view.accrued
    if power.amount is None or accrued.amount is None:
        return not_known(title, view.with_machine)
    inputs = (
        Input(
            "power", "power", power.amount, "$", power.label, "the month's turns", spending_power("power", view.local)
        ),
        Input("accrued", "the machine so far", accrued.amount, "$", accrued.label, "the profile", machine_so_far(view)),
    )
    notes = [f"the machine {RULE_B}"]
    if view.provisional:
        notes.append("provisional until the month has closed")
    return Explanation(
        title, view.with_machine, "power + what has accrued of the machine", "power + accrued", inputs, tuple(notes)
    )


@exact
def machine_so_far(view: MonthView) -> Explanation:
    """What has accrued of the machine's month."""
    title = "the machine so far"
    if view.fixed_month.amount is None:
        return not_known(title, view.accrued)
    passed = Decimal((view.last - view.first).days + 1) if view.elapsed else ZERO
    inputs = (
        Input(
            "machine",
            "the machine, a month",
            view.fixed_month.amount,
            "$",
            view.fixed_month.label,
            view.machine or "the profile",
            machine_month(view.profile, view.first, view.fixed_month),
        ),
        Input("passed", "days begun", passed, "days", Label.MEASURED, "the calendar"),
        Input("days", "days of the month", Decimal(view.days), "days", Label.MEASURED, "the calendar"),
    )
    return Explanation(
        title, view.accrued, "the machine's month × days begun ÷ days", "machine * passed / days", inputs
    )


@exact
def per_million(view: MonthView) -> Explanation:
    """With the machine, per million tokens of the month."""
    title, figure = "local, per million tokens", view.usd_per_m
    if figure.amount is None or view.with_machine.amount is None:
        return not_known(title, figure)
    inputs = (
        Input(
            "cost",
            "with the machine",
            view.with_machine.amount,
            "$",
            view.with_machine.label,
            "the month's line",
            month_with_machine(view),
        ),
        Input("tokens", "tokens, prompt and reply", Decimal(view.local.tokens), "tokens", Label.MEASURED, "the ledger"),
    )
    return Explanation(title, figure, "cost ÷ tokens", "cost / tokens * 1000000", inputs, unit="$/M")


def billed_by_providers(title: str, spending: CloudSpending) -> Explanation:
    """What was charged in a month, as it was told."""
    told = billed_sum(title, spending.billed, spending.pending_turns)
    if not spending.unpriced_turns or spending.billed.amount is None:
        return told
    left_out = f"{spending.unpriced_turns} turns named no price and are not counted"
    return replace(told, notes=(*told.notes, left_out))


def billed_sum(title: str, figure: Figure, pending_turns: int) -> Explanation:
    """What was charged, as it was told; our estimates while no bill has come."""
    if figure.amount is None:
        return not_known(title, figure)
    if figure.label is not Label.BILLED:
        given = Input("estimate", "our estimates", figure.amount, "$", figure.label, "tokens × price of each turn")
        waiting = f"none of {pending_turns} bills has come yet"
        return Explanation(title, figure, "the sum of our estimates", "estimate", (given,), (waiting,))
    given = Input("billed", "sum of the bills", figure.amount, "$", figure.label, "the providers' own figures")
    notes = (f"{pending_turns} bills have not come yet",) if pending_turns else ()
    return Explanation(title, figure, "the sum of what was charged", "billed", (given,), notes)


@exact
def cloud_cash(title: str, spending: CloudSpending, profile: Profile) -> Explanation:
    """The bills with the fee on credits."""
    if spending.cash.amount is None or spending.billed.amount is None:
        return not_known(title, spending.cash)
    keys = ("topup_usd", "credit_fee_fraction", "credit_fee_minimum_usd")
    label = weakest(profile.label(key) for key in keys)
    inputs = (
        Input("billed", "sum of the bills", spending.billed.amount, "$", spending.billed.label, "the providers"),
        Input("fee", "fee on credits", spending.fee_fraction, "of a purchase", label, "the profile"),
    )
    return Explanation(title, spending.cash, "bills × (1 + fee on credits)", "billed * (1 + fee)", inputs)


def _power_term(number: int, part: EnergyPortion, inputs: list[Input]) -> str:
    joules, price = f"joules_{number}", f"price_{number}"
    label = label_of_method(part.method) if part.exact else Label.ESTIMATED
    by = None
    if not part.exact and part.method == "declared":
        by = joules_from_watts(part.profile, part.busy_ms, Figure(part.joules, label))
    source = f"{part.turns} turns, {'stated watts' if part.method == 'declared' else f'meter: {part.method}'}"
    if part.joules and part.profile.tariff and part.exact:
        words = "energy at the price of each turn's hour"
        inputs.append(Input(f"cost_{number}", words, part.usd, "$", part.label, source))
        return f"cost_{number}"
    inputs.append(Input(joules, "energy", part.joules, "J", label, source, by))
    about = key_input(part.profile, "usd_per_kwh")
    inputs.append(Input(price, about.words, about.amount, about.unit, about.label, about.source))
    return f"{joules} / 3600000 * {price}"


def _power_notes(spending: Spending) -> list[str]:
    notes = []
    if spending.left_out:
        notes.append(f"{spending.left_out} of {spending.turns} turns not counted: their energy is not known")
    if any(not part.exact for part in spending.energy):
        notes.append("some turns ran before the watts were stated; the first version that states them is used")
    return notes
