"""What the cloud would have charged for a local turn (cost-model.md, section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from decimal import Decimal

from llmhub.core.costs.labels import Label
from llmhub.core.costs.money import ZERO, decimal, exact, refuse_float_fields
from llmhub.core.costs.pricing import Pricing, Tokens, cloud_cost, effective_pricing

UNKNOWN_TOKENIZER_BAND = (Decimal("0.73"), Decimal("1.37"))
"""Measured spread between five tokenizers on English, code, JSON and tables."""
MIN_RATIO_BYTES = 2000


@dataclass(frozen=True, slots=True)
class SeenText:
    """Text of one model and side that the ledger has seen."""

    bytes: int
    tokens: int


@exact
def token_ratio(local: SeenText, cloud: SeenText, min_bytes: int = MIN_RATIO_BYTES) -> tuple[Decimal, Label]:
    """Cloud tokens for each local token, from bytes per token on either side; 1 where too little text was seen."""
    if min(local.bytes, cloud.bytes) < min_bytes or min(local.tokens, cloud.tokens) <= 0:
        return Decimal(1), Label.DEFAULT
    return decimal(local.bytes) / local.tokens / (decimal(cloud.bytes) / cloud.tokens), Label.ESTIMATED


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """What is known about a repeated beginning of the prompt."""

    policy: str = "prefix"
    prefix_tokens: int = 0
    gap_s: Decimal | None = None
    """Seconds since the turn before ended; `None` when there was none."""
    ttl_s: Decimal = Decimal(300)
    min_tokens: int = 1024

    def __post_init__(self) -> None:
        refuse_float_fields(self)


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """US dollars; low ≤ point ≤ high."""

    low: Decimal
    point: Decimal
    high: Decimal
    label: Label


@exact
def cloud_counterfactual(
    pricing: Pricing,
    *,
    prompt_tokens: int,
    completion_tokens: int,
    prompt_ratio: Decimal = Decimal(1),
    completion_ratio: Decimal = Decimal(1),
    ratio_band: tuple[Decimal, Decimal] = (Decimal(1), Decimal(1)),
    ratio_label: Label = Label.MEASURED,
    cache: PrefixCache | None = None,
    at_utc: time | None = None,
) -> Counterfactual:
    """The same text at a cloud model's price; low is the band's low end with caching, high its high end without."""
    known_cache = cache or PrefixCache()

    def priced(scale: Decimal, *, caching: bool) -> Decimal:
        prompt, completion = prompt_tokens * prompt_ratio * scale, completion_tokens * completion_ratio * scale
        plain = cloud_cost(pricing, Tokens(prompt, completion), at_utc).total
        cached = known_cache.prefix_tokens * prompt_ratio * scale
        if not caching or not _is_cached(known_cache, cached, pricing, prompt, at_utc):
            return plain
        return min(plain, cloud_cost(pricing, Tokens(prompt, completion, cached=min(cached, prompt)), at_utc).total)

    low_scale, high_scale = ratio_band
    point = priced(Decimal(1), caching=known_cache.policy == "prefix")
    label = max(effective_pricing(pricing, prompt_tokens, at_utc).label, ratio_label, key=lambda label: label.strength)
    low = min(point, priced(low_scale, caching=True))
    high = max(point, priced(high_scale, caching=False))
    return Counterfactual(low, point, high, label)


def _is_cached(cache: PrefixCache, cached: Decimal, pricing: Pricing, prompt: Decimal, at_utc: time | None) -> bool:
    if cache.gap_s is None or cache.gap_s > cache.ttl_s or cached < cache.min_tokens:
        return False
    return effective_pricing(pricing, prompt, at_utc).cache_read is not None


@dataclass(frozen=True, slots=True)
class FreeAllowance:
    """How many requests of `:free` variants a day allows."""

    limit_per_day: int
    would_fit: bool


@exact
def free_allowance(
    *, credits_purchased_usd: Decimal, requests_today: int, threshold_usd: Decimal = Decimal(10)
) -> FreeAllowance:
    """OpenRouter's allowance: 50 a day, 1,000 with purchased credits (OpenRouterTeam/docs, faq.mdx)."""
    limit = 1000 if credits_purchased_usd >= max(threshold_usd, ZERO) else 50
    return FreeAllowance(limit, requests_today <= limit)
