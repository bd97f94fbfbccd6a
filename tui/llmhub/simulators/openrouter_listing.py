"""Pages, filters and orders of the list of models (openrouter-api.md, section 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from llmhub.simulators.openrouter_faults import plain

_DEFAULT_LIMIT, _HIGHEST_LIMIT = 500, 1000
_MILLION = 1_000_000
Row = dict[str, Any]


def page(rows: list[Row], query: Mapping[str, str]) -> dict[str, Any]:
    """The reply for a query.

    Raises:
        CloudRefusal: 400 for a parameter that is no number or out of its range.
    """
    kept = [row for row in rows if _fits(row, query)]
    if "sort" in query:
        kept = sorted(kept, key=_order(query["sort"]))
    following = None
    total = len(kept)
    if "limit" in query or "offset" in query:
        limit, offset = _number(query, "limit", _DEFAULT_LIMIT), _number(query, "offset", 0)
        if not 1 <= limit <= _HIGHEST_LIMIT or offset < 0:
            raise plain(400, "Invalid request parameters: limit")
        kept = kept[offset : offset + limit]
        if offset + limit < total:
            following = "/api/v1/models?" + urlencode({**query, "limit": limit, "offset": offset + limit})
    return {"data": kept, "total_count": total, "links": {"next": following}}


def _fits(row: Row, query: Mapping[str, str]) -> bool:
    words = query.get("q", "").lower().split()
    wanted = [name for name in query.get("supported_parameters", "").split(",") if name]
    inputs = [kind for kind in query.get("input_modalities", "").split(",") if kind]
    prompt, completion = (Decimal(row["pricing"][key]) * _MILLION for key in ("prompt", "completion"))
    return (
        all(word in f"{row['id']} {row['name']}".lower() for word in words)
        and set(wanted) <= set(row["supported_parameters"])
        and set(inputs) <= set(row["architecture"]["input_modalities"])
        and _number(query, "min_price", -_MILLION) <= prompt <= _number(query, "max_price", _MILLION)
        and _number(query, "min_output_price", -_MILLION) <= completion <= _number(query, "max_output_price", _MILLION)
        and (row["context_length"] or 0) >= _number(query, "context", 0)
    )


def _order(name: str) -> Callable[[Row], Any]:
    orders: dict[str, Callable[[Row], Any]] = {
        "pricing-low-to-high": lambda row: Decimal(row["pricing"]["prompt"]),
        "pricing-high-to-low": lambda row: -Decimal(row["pricing"]["prompt"]),
        "context-high-to-low": lambda row: -(row["context_length"] or 0),
        "newest": lambda row: -row["created"],
    }
    return orders.get(name, lambda _: 0)


def _number(query: Mapping[str, str], name: str, default: int) -> Any:
    if name not in query:
        return default
    try:
        return int(query[name]) if name in ("limit", "offset", "context") else Decimal(query[name])
    except (ValueError, ArithmeticError) as error:
        raise plain(400, f"Invalid request parameters: {name}") from error
