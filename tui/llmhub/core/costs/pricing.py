"""What a provider's price list makes of token counts (cost-model.md, section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Any

from llmhub.core.costs.labels import Label
from llmhub.core.costs.money import MILLION, ZERO, decimal, exact, refuse_float_fields

Pricing = Mapping[str, Any]
"""A provider's pricing object as it came: decimal strings of dollars per token, and `overrides`."""

_MODELLED = {
    "prompt",
    "completion",
    "request",
    "input_cache_read",
    "input_cache_write",
    "internal_reasoning",
    "overrides",
    "discount",  # already in the displayed price; the check against bills decides
}
_CONDITIONS = {"min_prompt_tokens", "utc_start", "utc_end"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts as a price list sees them; not rounded, because a ratio may stand before them."""

    prompt: Decimal | int = 0
    """Cached and written ones included."""
    completion: Decimal | int = 0
    """Reasoning included."""
    cached: Decimal | int = 0
    cache_write: Decimal | int = 0
    reasoning: Decimal | int = 0

    def __post_init__(self) -> None:
        refuse_float_fields(self)


@dataclass(frozen=True, slots=True)
class EffectivePricing:
    """Prices per token in force for one request."""

    prompt: Decimal
    completion: Decimal
    request: Decimal
    cache_read: Decimal | None
    cache_write: Decimal | None
    reasoning: Decimal
    label: Label
    """Estimated when the list holds a condition or a price that is not modelled, else billed."""
    not_modelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloudCost:
    """What a request costs by a price list, US dollars."""

    fresh_prompt: Decimal
    cached_prompt: Decimal
    cache_write: Decimal
    completion: Decimal
    reasoning: Decimal
    request: Decimal
    total: Decimal
    label: Label


@exact
def effective_pricing(pricing: Pricing, prompt_tokens: Decimal | int, at_utc: time | None = None) -> EffectivePricing:
    """The prices for a prompt of this length at this time: overrides that hold, later ones winning, key by key.

    An entry with a condition that is not known here never applies.
    """
    prices = {key: value for key, value in pricing.items() if key != "overrides"}
    label = Label.BILLED
    for entry in pricing.get("overrides") or ():
        holds = _holds(entry, decimal(prompt_tokens), at_utc)
        if holds is None:
            label = Label.ESTIMATED
        elif holds:
            prices |= {key: value for key, value in entry.items() if key not in _CONDITIONS}
    strange = tuple(sorted(key for key, value in prices.items() if key not in _MODELLED and _price(value) != ZERO))
    completion = _price(prices.get("completion")) or ZERO
    return EffectivePricing(
        prompt=_price(prices.get("prompt")) or ZERO,
        completion=completion,
        request=_price(prices.get("request")) or ZERO,
        cache_read=_price(prices.get("input_cache_read")),
        cache_write=_price(prices.get("input_cache_write")),
        reasoning=_price(prices.get("internal_reasoning")) or completion,
        label=Label.ESTIMATED if strange else label,
        not_modelled=strange,
    )


@exact
def cloud_cost(pricing: Pricing, tokens: Tokens, at_utc: time | None = None) -> CloudCost:
    """What a request with these tokens costs by a price list."""
    prices = effective_pricing(pricing, tokens.prompt, at_utc)
    fresh = max(ZERO, decimal(tokens.prompt) - tokens.cached - tokens.cache_write) * prices.prompt
    cached = tokens.cached * (prices.prompt if prices.cache_read is None else prices.cache_read)
    written = tokens.cache_write * (prices.prompt if prices.cache_write is None else prices.cache_write)
    completion = max(ZERO, decimal(tokens.completion) - tokens.reasoning) * prices.completion
    reasoning = tokens.reasoning * prices.reasoning
    return CloudCost(
        fresh,
        cached,
        written,
        completion,
        reasoning,
        prices.request,
        fresh + cached + written + completion + reasoning + prices.request,
        prices.label,
    )


@exact
def blended_price(pricing: Pricing, *, prompt: Decimal, cached: Decimal, completion: Decimal) -> Decimal:
    """Dollars per million tokens at a mix of shares that add up to 1."""
    prices = effective_pricing(pricing, 0)
    read = prices.prompt if prices.cache_read is None else prices.cache_read
    return (prompt * prices.prompt + cached * read + completion * prices.completion) * MILLION


def _price(value: Any) -> Decimal | None:
    """A price of the list; `None` when it is not there."""
    if value is None or isinstance(value, (Mapping, list, tuple, bool)):
        return None
    try:
        return decimal(value)
    except ValueError:
        return None


def _holds(entry: Mapping[str, Any], prompt_tokens: Decimal, at_utc: time | None) -> bool | None:
    """Whether all conditions of an override hold; `None` when one cannot be judged."""
    unknown = [key for key in entry if key not in _CONDITIONS and key not in _MODELLED]
    timed = "utc_start" in entry or "utc_end" in entry
    if unknown or (timed and at_utc is None):
        return None
    least = entry.get("min_prompt_tokens")
    if least is not None and not prompt_tokens > decimal(least):
        return False
    if timed and at_utc is not None:
        now = at_utc.hour * 100 + at_utc.minute
        start, end = int(entry.get("utc_start", 0)), int(entry.get("utc_end", 2400))
        return start <= now < end if start <= end else now >= start or now < end
    return True
