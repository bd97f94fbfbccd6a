"""JSON as a JavaScript server writes it."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from typing import Any


def dumps(value: Any) -> str:
    """JSON as JavaScript writes it: nothing escaped that need not be, an amount as the shortest number.

    Amounts here have fewer than 16 digits, so the number read as a decimal is the amount, exact.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_number)


def _number(value: Any) -> float | int:
    if not isinstance(value, Decimal):
        raise TypeError(f"no JSON for {type(value).__name__}")
    return int(value) if value == value.to_integral_value() else float(value)


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    """`text` as a JSON string. Cached: a stream says the same words over and over."""
    return dumps(text)
