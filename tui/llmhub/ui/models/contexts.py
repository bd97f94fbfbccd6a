"""The contexts that `[` and `]` lead through, and how a context is written in the head of a column."""

from __future__ import annotations

from typing import Any

LEAST = 1024
MOST = 2**20
"""Where a model does not say what it was trained for."""


def steps(most: int | None, own: int | None = None) -> tuple[int, ...]:
    """1,024, 2,048, 4,096 ... up to `most`, with `most` and `own` among them.

    Args:
        most: The largest context that a model of the table was trained for.
        own: What the selected one was trained for.
    """
    end = max(most or 0, own or 0) or MOST
    found = {end, own or end}
    step = LEAST
    while step < end:
        found.add(step)
        step *= 2
    return tuple(sorted(found))


def moved(context: int, by: int, most: int | None, own: int | None = None) -> int:
    """The next step above or below `context`; itself where there is none."""
    if by > 0:
        return next((step for step in steps(most, own) if step > context), context)
    return next((step for step in reversed(steps(most, own)) if step < context), context)


def remembered(value: Any, default: int) -> int:
    """The context that was kept, where it is one."""
    is_one = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST * 16
    return value if is_one else default


def short(context: int) -> str:
    """`8k`, `128k`, `1M`; a context that is no round number as it stands: `8,000`."""
    if context % MOST == 0 and context:
        return f"{context // MOST}M"
    if context % LEAST == 0 and context:
        return f"{context // LEAST}k"
    return f"{context:,}"


def head(context: int, width: int) -> str:
    """`8k context`, `128k ctx` where the column is narrow."""
    whole = f"{short(context)} context"
    return whole if len(whole) <= width else f"{short(context)} ctx"
