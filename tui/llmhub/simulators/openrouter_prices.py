"""What a simulated request costs: the sum of its parts by the pricing object, exact.

Written apart from the app's own price arithmetic on purpose: where the two differ, one of them is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

Pricing = Mapping[str, Any]
_CONDITIONS = ("min_prompt_tokens", "utc_start", "utc_end")


@dataclass(frozen=True, slots=True)
class Counts:
    """Native token counts of one request, the ones that are billed."""

    prompt: int = 0
    """Cached and written ones included."""
    cached: int = 0
    written: int = 0
    completion: int = 0
    """Reasoning included."""
    reasoning: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """What a request costs, US dollars."""

    prompt: Decimal
    completion: Decimal
    extra: Decimal
    """Per request and per image."""
    saved: Decimal
    """What the cache took off; negative where writing it cost more."""

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.prompt + self.completion + self.extra


def per_million(dollars: str) -> str:
    """A price per million tokens as the list has it: per token, a plain decimal string."""
    return written(Decimal(dollars) / 1_000_000)


def written(amount: Decimal) -> str:
    """A price as the list has it: no exponent, no zeros at the end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_force(pricing: Pricing, at: datetime, prompt_tokens: int = 0) -> dict[str, Any]:
    """The prices for a prompt of this length at this moment (UTC), without the overrides.

    Later overrides win key by key; keys they don't name are inherited. `discount` is left alone: nobody says whether
    it is already in the price, and here it is.
    """
    prices = {key: value for key, value in pricing.items() if key != "overrides"}
    clock = at.hour * 100 + at.minute
    for entry in pricing.get("overrides", ()):
        if "min_prompt_tokens" in entry and prompt_tokens <= entry["min_prompt_tokens"]:
            continue
        if "utc_start" in entry and not _within(clock, entry["utc_start"], entry["utc_end"]):
            continue
        prices |= {key: value for key, value in entry.items() if key not in _CONDITIONS}
    return prices


def listed(pricing: Pricing, at: datetime) -> dict[str, Any]:
    """The pricing object as the list shows it at this moment: with day and night prices the top one is today's."""
    timed = any("utc_start" in entry for entry in pricing.get("overrides", ()))
    if not timed:
        return dict(pricing)
    return {**in_force(pricing, at), "overrides": pricing["overrides"]}


def price(pricing: Pricing, counts: Counts, at: datetime) -> Price:
    """What a request of these counts, begun at this moment (UTC), costs."""
    prices = {
        key: Decimal(value) for key, value in in_force(pricing, at, counts.prompt).items() if isinstance(value, str)
    }
    prompt, completion = prices["prompt"], prices["completion"]
    if prompt < 0:  # a router has no price of its own
        prompt = completion = Decimal(0)
    read, write = prices.get("input_cache_read", prompt), prices.get("input_cache_write", prompt)
    fresh = counts.prompt - counts.cached - counts.written
    answer = counts.completion - counts.reasoning
    return Price(
        prompt=fresh * prompt + counts.cached * read + counts.written * write,
        completion=answer * completion + counts.reasoning * prices.get("internal_reasoning", completion),
        extra=prices.get("request", Decimal(0)) + counts.images * prices.get("image", Decimal(0)),
        saved=counts.cached * (prompt - read) + counts.written * (prompt - write),
    )


def _within(clock: int, start: int, end: int) -> bool:
    return start <= clock < end if start <= end else clock >= start or clock < end
