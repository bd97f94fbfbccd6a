"""What is booked of a turn that holds what a record may not: a daemon or a provider sent absurd figures or a flood."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

from llmhub.core.turns import Turn
from llmhub.storage.records import MAX_INTEGER

MAX_TEXT = 120
"""Characters of any one text that are kept: forty texts of the widest characters still fit a record."""
MAX_ITEMS = 8


def reduced(turn: Turn) -> dict[str, Any]:
    """The facts of `turn` with everything that cannot be kept made unknown and every text cut; it always fits a record.

    The field `reduced` says that this was done. Counters and what a newer llmhub added go first.
    """
    slim = replace(turn, extra={}, energy=replace(turn.energy, counters=()), billed=replace(turn.billed, raw=None))
    raw = turn.billed.raw or {}
    facts = {key: _reduce(value) for key, value in slim.to_record().items()}
    scalars = {key: value for key, value in raw.items() if not isinstance(value, (dict, list, tuple))}
    facts["billed"] |= {"raw": _reduce(dict(list(scalars.items())[:MAX_ITEMS])) if raw else None}
    return facts | {"reduced": True}


def _reduce(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return value[:MAX_TEXT]
        case int():
            return value if -MAX_INTEGER <= value <= MAX_INTEGER else None
        case float():
            return value if isfinite(value) else None
        case dict():
            return {str(key)[:MAX_TEXT]: _reduce(item) for key, item in value.items()}
    return [] if isinstance(value, (list, tuple)) else None
