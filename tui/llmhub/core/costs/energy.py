"""Joules of a local turn and what they cost (cost-model.md, sections 4 and 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import ROUND_DOWN, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal

from llmhub.core.costs.labels import Bound, Label
from llmhub.core.costs.money import CONTEXT, ZERO, decimal, exact, refuse_float_fields

JOULES_PER_KWH = Decimal(3_600_000)

Attribution = Literal["net", "gross"]
"""Net takes the idle watts off (the machine is on anyway); gross charges all watts of the busy time."""

_JOULES = {
    "J": Decimal(1),
    "mJ": Decimal("1e-3"),
    "uJ": Decimal("1e-6"),
    "µJ": Decimal("1e-6"),
    "nJ": Decimal("1e-9"),
    "Wh": Decimal(3600),
    "pWh": Decimal("3.6e-9"),
}

_LABEL_OF_METHOD = {
    "smc": Label.MEASURED,
    "battery": Label.MEASURED,
    "nvml": Label.MEASURED,
    "amdsmi": Label.MEASURED,
    "ioreport": Label.MEASURED,
    "rapl": Label.MEASURED,
    "emi": Label.MEASURED,
    "declared": Label.DECLARED,
    "vendor_maximum": Label.DEFAULT,
}
_BOUND_OF_METHOD = {
    "nvml": Bound.LOW,
    "amdsmi": Bound.LOW,
    "ioreport": Bound.LOW,
    "rapl": Bound.LOW,
    "emi": Bound.LOW,
    "vendor_maximum": Bound.HIGH,
}


def label_of_method(method: str) -> Label:
    """How far energy from this source can be trusted."""
    return _LABEL_OF_METHOD.get(method, Label.UNKNOWN)


def bound_of_method(method: str) -> Bound:
    """`≥` for a meter that sees a part of the machine only."""
    return _BOUND_OF_METHOD.get(method, Bound.NONE)


@dataclass(frozen=True, slots=True)
class TariffWindow:
    """A time of day with its own electricity price; it may wrap midnight."""

    start: time
    """Local, inclusive."""
    end: time
    """Local, exclusive."""
    usd_per_kwh: Decimal

    def __post_init__(self) -> None:
        refuse_float_fields(self)

    def holds(self, at: time) -> bool:
        """Whether local time `at` lies in the window."""
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules of a turn."""

    metered_j: Decimal | None
    """What the counters said; `None` without counters, or when one of them makes no sense."""
    charged_j: Decimal | None
    """What is charged to the turn."""
    label: Label


@exact
def energy_from_counters(
    counters: Sequence[Mapping[str, Any]],
    *,
    window_s: Decimal,
    idle_w: Decimal = ZERO,
    attribution: Attribution = "net",
    wall_factor: Decimal = Decimal(1),
    unmetered_w: Decimal = ZERO,
    shortest_window_s: Decimal = ZERO,
) -> Energy:
    """Joules from cumulative counters: `{domain, start, end, unit, wrap}`.

    A counter that went backwards with an unknown range makes the energy unknown. A `wall_factor` (loss of the power
    supply) other than 1 makes the figure declared, and so do `unmetered_w`, watts above idle that the counters cannot
    see. In a window below `shortest_window_s` the meter's own steps are too coarse: the figure is estimated.
    """
    metered = ZERO
    for counter in counters:
        steps = decimal(counter["end"]) - decimal(counter["start"])
        if steps < 0:
            if counter.get("wrap") is None:
                return Energy(None, None, Label.UNKNOWN)
            steps += decimal(counter["wrap"])
        if steps < 0:
            return Energy(None, None, Label.UNKNOWN)
        metered += steps * _JOULES[counter["unit"]]
    charged = metered if attribution == "gross" else max(ZERO, metered - idle_w * window_s)
    charged = charged * wall_factor + unmetered_w * window_s
    label = Label.MEASURED if wall_factor == 1 and unmetered_w == 0 else Label.DECLARED
    return Energy(metered, charged, Label.ESTIMATED if window_s < shortest_window_s else label)


@exact
def energy_declared(
    *, busy_w: Decimal, busy_s: Decimal, idle_w: Decimal = ZERO, attribution: Attribution = "net"
) -> Energy:
    """Joules from watts that the person stated and the seconds that the machine worked."""
    watts = busy_w if attribution == "gross" else max(ZERO, busy_w - idle_w)
    return Energy(None, watts * busy_s, Label.DECLARED)


def price_at(usd_per_kwh: Decimal, tariff: Sequence[TariffWindow], at: time | None) -> Decimal:
    """Dollars per kWh at local time `at`; the first window that holds wins, else the base price."""
    if at is not None:
        for window in tariff:
            if window.holds(at):
                return window.usd_per_kwh
    return usd_per_kwh


@exact
def energy_cost(
    charged_j: Decimal,
    usd_per_kwh: Decimal,
    *,
    tariff: Sequence[TariffWindow] = (),
    local_time: time | None = None,
) -> Decimal:
    """Dollars of a turn that began at `local_time`."""
    return decimal(charged_j) * price_at(usd_per_kwh, tariff, local_time) / JOULES_PER_KWH


@exact
def energy_split(
    samples: Sequence[tuple[Decimal, Decimal, Decimal]], turns: Mapping[str, tuple[Decimal, Decimal]]
) -> tuple[dict[str, Decimal], Decimal]:
    """Share the machine's joules among turns that overlap.

    Energy is even within a sample; a sample is cut where a turn begins or ends, and each piece is shared equally by the
    turns that run in it. Parts are rounded down at the fiftieth digit, so that they never exceed the machine's.

    Args:
        samples: (from, to, joules), seconds on any clock.
        turns: (begin, end) by id, seconds on the same clock.

    Returns:
        Joules by turn, and those that belong to no turn.
    """
    shares = {turn: Fraction(0) for turn in turns}
    alone = Fraction(0)
    for begin, end, joules in samples:
        edges = {begin, end} | {edge for pair in turns.values() for edge in pair if begin < edge < end}
        ordered = sorted(edges)
        for left, right in pairwise(ordered):
            piece = Fraction(joules) * (Fraction(right) - Fraction(left)) / (Fraction(end) - Fraction(begin))
            running = [turn for turn, (start, stop) in turns.items() if start <= left and right <= stop]
            for turn in running:
                shares[turn] += piece / len(running)
            if not running:
                alone += piece
    return {turn: _rounded_down(share) for turn, share in shares.items()}, _rounded_down(alone)


def _rounded_down(value: Fraction) -> Decimal:
    with localcontext(CONTEXT) as context:
        context.rounding = ROUND_DOWN
        return Decimal(value.numerator) / Decimal(value.denominator)
