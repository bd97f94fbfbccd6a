"""Two ways to lay a machine's fixed cost upon its turns; never mixed in one sum (cost-model.md, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from llmhub.core.costs.money import MILLION, ZERO, decimal, exact, quantized, split

RULE_A = "per busy second of a planned month"
"""Known while a reply streams, and never changes afterwards: single turns, chats, days."""
RULE_B = "per token of this month"
"""Adds up to what was really spent: the month's line and `$/M`."""


@dataclass(frozen=True, slots=True)
class BusySecondCost:
    """Rule A for one turn, US dollars."""

    rate_per_busy_s: Decimal
    fixed_part: Decimal
    loaded: Decimal
    unabsorbed: Decimal
    """What the month's busy seconds left uncovered; negative when the machine worked more than planned."""


@exact
def rate_per_busy_second(fixed_month_usd: Decimal, planned_busy_s_per_month: Decimal) -> Decimal:
    """Dollars of fixed cost per second that the machine works."""
    return fixed_month_usd / planned_busy_s_per_month


@exact
def loaded_busy_second(
    *,
    fixed_month_usd: Decimal,
    planned_busy_s_per_month: Decimal,
    turn_busy_s: Decimal,
    turn_energy_usd: Decimal,
    month_busy_s: Decimal = ZERO,
) -> BusySecondCost:
    """Rule A: power, and the machine for the seconds it worked."""
    rate = rate_per_busy_second(fixed_month_usd, planned_busy_s_per_month)
    fixed = rate * turn_busy_s
    return BusySecondCost(rate, fixed, turn_energy_usd + fixed, fixed_month_usd - rate * month_busy_s)


@dataclass(frozen=True, slots=True)
class TokenTurn:
    """What rule B needs of a turn, or of several added up."""

    id: str
    tokens: int
    """Billable: prompt and completion."""
    energy_usd: Decimal


@dataclass(frozen=True, slots=True)
class MonthCost:
    """Rule B for a month, US dollars."""

    accrued: Decimal
    """The month's fixed cost so far, in whole pico-dollars."""
    fixed: dict[str, Decimal]
    """Each turn's part; they add up to `accrued` exactly."""
    loaded: dict[str, Decimal]
    unallocated: Decimal
    """All that accrued, in a month without tokens."""
    usd_per_m: Decimal | None
    provisional: bool
    """True until the month has closed."""


@exact
def loaded_month_tokens(fixed_month_usd: Decimal, accrued_fraction: Decimal, turns: Sequence[TokenTurn]) -> MonthCost:
    """Rule B: what has accrued, dealt out by billable tokens."""
    accrued = quantized(fixed_month_usd * accrued_fraction)
    tokens = sum(turn.tokens for turn in turns)
    parts = split(accrued, [turn.tokens for turn in turns])
    fixed = {turn.id: part for turn, part in zip(turns, parts, strict=True)}
    loaded = {turn.id: decimal(turn.energy_usd) + fixed[turn.id] for turn in turns}
    return MonthCost(
        accrued,
        fixed,
        loaded,
        ZERO if tokens else accrued,
        sum(loaded.values(), ZERO) * MILLION / tokens if tokens else None,
        accrued_fraction < 1,
    )
