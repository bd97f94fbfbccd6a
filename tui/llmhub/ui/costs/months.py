"""Steps from month to month."""

from __future__ import annotations

from datetime import date, timedelta

from llmhub.core.costs.month import month_of
from llmhub.core.totals import Totals


def neighbour(first: date, by: int) -> date:
    """The first day of the month before (-1) or after (1) the one of `first`."""
    return month_of(first - timedelta(days=1) if by < 0 else month_of(first)[1] + timedelta(days=1))[0]


def may_go(totals: Totals, first: date, today: date, by: int) -> bool:
    """Whether there is anything that way: not before the first turn, nor in the future."""
    goal = f"{neighbour(first, by):%Y-%m}"
    begin = totals.first_month
    return goal <= f"{today:%Y-%m}" if by > 0 else begin is not None and begin <= goal
