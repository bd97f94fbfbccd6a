"""How far a figure can be trusted: its label, its bound, and what is missing (cost-model.md, section 10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from llmhub.core.costs.money import ZERO, exact, refuse_float_fields


class Label(StrEnum):
    """Where a figure comes from, the strongest first."""

    BILLED = "billed"
    MEASURED = "measured"
    DECLARED = "declared"
    DEFAULT = "default"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"

    @property
    def strength(self) -> int:
        """0 for the strongest."""
        return _ORDER[self]


_ORDER = {label: place for place, label in enumerate(Label)}


class Bound(StrEnum):
    """Whether the true amount may be larger or smaller than the figure."""

    NONE = ""
    LOW = "low"
    """The truth is at least this: `≥`."""
    HIGH = "high"
    """The truth is at most this: `≤`."""
    BOTH = "both"
    """A lower and an upper bound in one sum: `~`."""

    def __or__(self, other: object) -> Bound:
        """The bound of a sum."""
        if not isinstance(other, Bound):
            return NotImplemented
        if Bound.NONE in {self, other} or self is other:
            return other if self is Bound.NONE else self
        return Bound.BOTH

    @property
    def opposite(self) -> Bound:
        """The bound of a figure that is taken off."""
        return {Bound.LOW: Bound.HIGH, Bound.HIGH: Bound.LOW}.get(self, self)


def weakest(labels: Iterable[Label | str]) -> Label:
    """The label of a figure derived from these inputs; billed when there are none."""
    return max((Label(label) for label in labels), key=lambda label: label.strength, default=Label.BILLED)


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount with what must be said beside it. US dollars, dollars per million tokens, or what its name says."""

    amount: Decimal | None
    """`None` is unknown, and shown as `—`."""
    label: Label = Label.UNKNOWN
    bound: Bound = Bound.NONE
    missing: str | None = None
    """For an unknown figure: the profile's key that would make it known."""
    why: str | None = None
    """For an unknown figure that no key can mend: the reason, in words."""
    low: Decimal | None = None
    high: Decimal | None = None
    """A range, where there is one; low ≤ amount ≤ high."""
    pending: bool = False
    """A bill that has not come yet."""

    def __post_init__(self) -> None:
        refuse_float_fields(self)
        if (self.amount is None) != (self.label is Label.UNKNOWN):
            raise ValueError("a figure is unknown when it has no amount, and only then")

    @property
    def known(self) -> bool:
        """Whether there is an amount."""
        return self.amount is not None


def unknown(missing: str | None = None, why: str | None = None) -> Figure:
    """A figure that nobody knows, and what would make it known."""
    return Figure(None, Label.UNKNOWN, missing=missing, why=why)


UNKNOWN = unknown()
NO_REFERENCE = unknown("reference_model")
"""A comparison with the cloud for which no cloud model is named."""


def nothing(label: Label = Label.MEASURED) -> Figure:
    """Exactly zero."""
    return Figure(ZERO, label)


@exact
def added(*figures: Figure) -> Figure:
    """The sum. One unknown makes it unknown: who wants to leave turns out must count them."""
    for figure in figures:
        if figure.amount is None:
            return unknown(figure.missing, figure.why)
    bound = Bound.NONE
    for figure in figures:
        bound = bound | figure.bound
    amount = sum((figure.amount or ZERO for figure in figures), ZERO)
    ranged = any(figure.low is not None for figure in figures)
    return Figure(
        amount,
        weakest(figure.label for figure in figures) if figures else Label.MEASURED,
        bound,
        low=_ends(figures, "low") if ranged else None,
        high=_ends(figures, "high") if ranged else None,
        pending=any(figure.pending for figure in figures),
    )


@exact
def less(minuend: Figure, subtrahend: Figure) -> Figure:
    """The difference; a lower bound that is taken off leaves an upper one."""
    if minuend.amount is None or subtrahend.amount is None:
        return added(minuend, subtrahend)
    return Figure(
        minuend.amount - subtrahend.amount,
        weakest((minuend.label, subtrahend.label)),
        minuend.bound | subtrahend.bound.opposite,
        pending=minuend.pending or subtrahend.pending,
    )


def _ends(figures: tuple[Figure, ...], end: str) -> Decimal:
    ends = (getattr(figure, end) for figure in figures)
    return sum(
        ((figure.amount or ZERO) if value is None else value for figure, value in zip(figures, ends, strict=True)), ZERO
    )
