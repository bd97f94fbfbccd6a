"""Medians, percentiles, and the one table in which every benchmark tells what it found."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        group: Which benchmark it is from.
        what: What was measured.
        figure: The result with its unit.
        goal: What it must be, in words; empty for a figure that is only context.
        holds: Whether the goal is met; `None` where there is none.
    """

    group: str
    what: str
    figure: str
    goal: str = ""
    holds: bool | None = None

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, or nothing."""
        if self.holds is None:
            return ""
        return "ok" if self.holds else "MISSED"


def at_most(group: str, what: str, value: float, limit: float, unit: str = "", digits: int = 2) -> Row:
    """A line whose goal is an upper bound; the unrounded value is what is judged."""
    return Row(group, what, f"{value:.{digits}f}{unit}", f"≤ {limit:g}{unit}", value <= limit)


def context(group: str, what: str, value: float, unit: str = "", digits: int = 2) -> Row:
    """A line without a goal."""
    return Row(group, what, f"{value:.{digits}f}{unit}")


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed (nearest rank).

    Args:
        values: At least one.
        share: Above 0, up to 1; 0.95 for p95.

    Raises:
        ValueError: there is no value, or the share is not one.
    """
    ordered = sorted(values)
    if not ordered or not 0 < share <= 1:
        raise ValueError(f"percentile {share} of {len(ordered)} values")
    return ordered[math.ceil(share * len(ordered)) - 1]


def median(values: Iterable[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    return statistics.median(values)


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over rounds of ours / theirs.

    Both values of a round were measured one after the other under the same load, so that a machine that is busy for a
    while slows both; the ratio of the two medians would not forgive that.

    Raises:
        ValueError: the rounds do not match.
    """
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def interpolated(samples: Sequence[tuple[float, float]], at: float) -> float:
    """The value at `at` on the line through `samples`, pairs of a growing x and its y.

    Raises:
        ValueError: `at` is outside the samples.
    """
    for (x0, y0), (x1, y1) in pairwise(samples):
        if x0 <= at <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (at - x0) / (x1 - x0)
    raise ValueError(f"{at} is outside the samples")


def table(rows: Sequence[Row]) -> str:
    """The rows as text, columns aligned, a line's verdict last."""
    cells = [("benchmark", "measured", "figure", "goal", "verdict")]
    cells += [(row.group, row.what, row.figure, row.goal, row.verdict) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (cells[0], rule, *cells[1:])
    )
