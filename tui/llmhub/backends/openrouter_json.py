"""OpenRouter's JSON: money without floats, and pieces of it as text again."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from llmhub.core.plain import whole
from llmhub.core.run import as_decimal

_DEEPEST = 40
_MOST_MONEY = Decimal(10) ** 9

# `1.775e-05` stays exact; NaN and Infinity are no JSON, and nothing that could be added up
_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _name: None)


def decoded(text: str | bytes) -> Any:
    """JSON from outside, its fractions as Decimal; `None` when it is not JSON."""
    try:
        return _decoder.decode(text if isinstance(text, str) else text.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def as_text(value: Any, depth: int = _DEEPEST) -> str:
    """What `decoded` gave, as JSON on one line: the same keys in the same order, and every number exactly."""
    if depth <= 0:
        return "null"
    if isinstance(value, dict):
        members = (f"{json.dumps(whole(str(key)))}:{as_text(member, depth - 1)}" for key, member in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(as_text(member, depth - 1) for member in value) + "]"
    if isinstance(value, str):
        return json.dumps(whole(value), ensure_ascii=False)
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def money(value: Any) -> Decimal | None:
    """An amount in US dollars, a number or a text; `None` when it is none, negative, or out of all reason."""
    amount = as_decimal(value) if isinstance(value, str | int | Decimal) else None
    return amount if amount is not None and 0 <= amount <= _MOST_MONEY else None


def count(value: Any) -> int | None:
    """A number of tokens; `None` when it is none."""
    return value if type(value) is int and 0 <= value < 2**53 else None


def text_of(value: Any) -> str:
    """A text; empty when it is none."""
    return value if isinstance(value, str) else ""


def texts_of(value: Any) -> tuple[str, ...]:
    """The texts of a list; empty when it is none."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def dict_of(value: Any) -> dict[str, Any]:
    """An object; empty when it is none."""
    return value if isinstance(value, dict) else {}
