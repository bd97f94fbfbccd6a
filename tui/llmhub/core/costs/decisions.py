"""Figures to decide by: rates from the ledger, break-even, payback, savings (cost-model.md, section 9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from llmhub.core.costs.labels import Figure, Label, unknown
from llmhub.core.costs.money import MILLION, ZERO, decimal, exact, refuse_float_fields

MONTH_DAYS = Decimal(365) / 12
_MOST_MONTHS = 1200
"""A hundred years: whoever has not been paid back by then never will be."""


@dataclass(frozen=True, slots=True)
class RatedTurn:
    """What the rates need of a turn."""

    prompt_tokens: int
    completion_tokens: int
    energy_usd: Decimal | None
    busy_s: Decimal

    def __post_init__(self) -> None:
        refuse_float_fields(self)


@dataclass(frozen=True, slots=True)
class LedgerRates:
    """What a local model's tokens take; `None` without tokens or time."""

    energy_usd_per_m: Decimal | None
    busy_s_per_1k: Decimal | None
    tok_per_s: Decimal | None
    turns: int
    """Turns whose energy is known; the others are left out."""


@exact
def ledger_rates(turns: Iterable[RatedTurn]) -> LedgerRates:
    """Energy per million and speed over billable tokens, prompt included."""
    counted = [turn for turn in turns if turn.energy_usd is not None]
    tokens = sum(turn.prompt_tokens + turn.completion_tokens for turn in counted)
    energy = sum((turn.energy_usd or ZERO for turn in counted), ZERO)
    busy = sum((turn.busy_s for turn in counted), ZERO)
    return LedgerRates(
        energy * MILLION / tokens if tokens else None,
        busy * 1000 / tokens if tokens else None,
        tokens / busy if busy else None,
        len(counted),
    )


@exact
def capacity(tok_per_s: Decimal, hours_per_day: Decimal = Decimal(24)) -> Decimal:
    """Millions of tokens that a machine can make in an average month."""
    return tok_per_s * 3600 * hours_per_day * 365 / 12 / MILLION


Verdict = Literal["never_price", "always", "never_capacity", "reachable", "capacity_unknown"]


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From how many tokens a month the machine pays."""

    margin_usd_per_m: Decimal
    mtok: Decimal | None
    """Millions of tokens a month; `None`: never."""
    utilisation: Decimal | None
    """Of what the machine can make."""
    verdict: Verdict


@exact
def break_even(
    *,
    fixed_month_usd: Decimal,
    cloud_usd_per_m: Decimal,
    credit_fee: Decimal,
    local_energy_usd_per_m: Decimal,
    capacity_mtok: Decimal | None,
) -> BreakEven:
    """The volume at which both bills of a month are the same, held against what the machine can make."""
    margin = cloud_usd_per_m * (1 + credit_fee) - local_energy_usd_per_m
    if margin <= 0:
        return BreakEven(margin, None, None, "never_price")
    volume = fixed_month_usd / margin
    if fixed_month_usd == 0:
        return BreakEven(margin, volume, ZERO, "always")
    if not capacity_mtok:
        return BreakEven(margin, volume, None, "capacity_unknown")
    verdict: Verdict = "never_capacity" if volume > capacity_mtok else "reachable"
    return BreakEven(margin, volume, volume / capacity_mtok, verdict)


@dataclass(frozen=True, slots=True)
class MonthAtVolume:
    """Both bills of a month at one volume, US dollars."""

    local_usd_per_m: Decimal
    cloud_usd_per_m: Decimal
    local_month: Decimal
    cloud_month: Decimal
    savings: Decimal
    cheaper: Literal["local", "cloud", "even"]


@exact
def effective(
    mtok: Decimal,
    *,
    fixed_month_usd: Decimal,
    local_energy_usd_per_m: Decimal,
    cloud_usd_per_m: Decimal,
    credit_fee: Decimal,
) -> MonthAtVolume:
    """What `mtok` million tokens (more than 0) cost in a month here and there."""
    per_m = cloud_usd_per_m * (1 + credit_fee)
    local, cloud = fixed_month_usd + local_energy_usd_per_m * mtok, per_m * mtok
    cheaper: Literal["local", "cloud", "even"] = "even" if local == cloud else "local" if local < cloud else "cloud"
    return MonthAtVolume(local / mtok, per_m, local, cloud, cloud - local, cheaper)


@dataclass(frozen=True, slots=True)
class Payback:
    """When a machine that is bought for this has paid for itself."""

    first_month_saving: Decimal
    months: Decimal | None
    """`None` where prices fall: only whole months are counted there."""
    whole_month: int | None
    verdict: Literal["within_life", "after_life", "never"]


@exact
def payback(
    *,
    price_usd: Decimal,
    monthly_mtok: Decimal,
    cloud_usd_per_m: Decimal,
    credit_fee: Decimal,
    local_energy_usd_per_m: Decimal,
    life_months: int,
    standby_month_usd: Decimal = ZERO,
    annual_price_decline: Decimal = ZERO,
) -> Payback:
    """Add up the monthly savings until they reach the price; never, when they end before that."""

    def saving(month: int) -> Decimal:
        """Month counts from 1."""
        price = cloud_usd_per_m
        if annual_price_decline:
            price *= (1 - annual_price_decline) ** (decimal(month - 1) / 12)
        return monthly_mtok * (price * (1 + credit_fee) - local_energy_usd_per_m) - standby_month_usd

    first = saving(1)
    if first <= 0:
        return Payback(first, None, None, "never")
    if not annual_price_decline:
        months = price_usd / first
        whole = int(months.to_integral_value(ROUND_CEILING))
        return Payback(first, months, whole, "after_life" if whole > life_months else "within_life")
    saved = ZERO
    for month in range(1, _MOST_MONTHS + 1):
        this = saving(month)
        if this <= 0:
            break
        saved += this
        if saved >= price_usd:
            return Payback(first, None, month, "after_life" if month > life_months else "within_life")
    return Payback(first, None, None, "never")


@dataclass(frozen=True, slots=True)
class Savings:
    """What running locally saved in a period, US dollars, counted both ways."""

    energy: Decimal
    avoided: Decimal
    """What the same turns would have cost in the cloud, the fee on credits included."""
    cloud_cash: Decimal
    energy_only: Decimal
    fully_loaded: Decimal
    turns_counted: int
    turns_left_out: int


@exact
def savings(
    local: Iterable[tuple[Decimal | None, Decimal | None]],
    *,
    billed: Iterable[Decimal] = (),
    credit_fee: Decimal,
    fixed_period_usd: Decimal,
) -> Savings:
    """From (energy, counterfactual) of local turns; one without either is left out of both sides, and counted."""
    turns = list(local)
    counted = [(energy, cloud) for energy, cloud in turns if energy is not None and cloud is not None]
    energy = sum((energy for energy, _ in counted), ZERO)
    avoided = sum((cloud for _, cloud in counted), ZERO) * (1 + credit_fee)
    saved = avoided - energy
    return Savings(
        energy,
        avoided,
        sum(billed, ZERO) * (1 + credit_fee),
        saved,
        saved - fixed_period_usd,
        len(counted),
        len(turns) - len(counted),
    )


def saving_words(amount: Decimal) -> str:
    """The words that fit the sign."""
    return "even" if amount == 0 else "local saved" if amount > 0 else "local cost more by"


@exact
def cost_per_win(cost_usd: Decimal, *, wins: int, ties: int, losses: int, min_votes: int = 10) -> tuple[Figure, int]:
    """What a preferred answer cost, and how many votes that rests upon; unknown below `min_votes`."""
    votes = wins + ties + losses
    if votes < min_votes or wins + ties == 0:
        return unknown(why=f"{min_votes} votes are needed"), votes
    return Figure(cost_usd / (wins + decimal(ties) / 2), Label.ESTIMATED), votes


@exact
def rate_per_m(*, usd_per_year: Decimal, busy_hours_per_year: Decimal, tok_per_s: Decimal) -> Decimal:
    """Dollars per million tokens of a yearly cost, at full speed for the hours named."""
    return usd_per_year / busy_hours_per_year / (tok_per_s * 3600) * MILLION


@exact
def energy_per_m(*, busy_w: Decimal, tok_per_s: Decimal, usd_per_kwh: Decimal) -> tuple[Decimal, Decimal]:
    """Joules per token, and dollars of electricity per million."""
    joules = busy_w / tok_per_s
    return joules, joules * MILLION / 3_600_000 * usd_per_kwh


@dataclass(frozen=True, slots=True)
class Carbon:
    """Grams of CO2 equivalent; the local side only, since no provider publishes a figure per request."""

    operational_g: Decimal
    embodied_month_g: Decimal
    per_1k_tokens_g: Decimal | None


@exact
def co2(
    *,
    energy_kwh: Decimal,
    grid_g_per_kwh: Decimal,
    embodied_kg: Decimal,
    share: Decimal,
    life_months: int,
    month_tokens: int,
) -> Carbon:
    """A month's carbon: of its electricity, and its part of making the machine (cost-model.md, section 12)."""
    operational = energy_kwh * grid_g_per_kwh
    embodied = embodied_kg * 1000 * share / life_months
    return Carbon(operational, embodied, (operational + embodied) * 1000 / month_tokens if month_tokens else None)
