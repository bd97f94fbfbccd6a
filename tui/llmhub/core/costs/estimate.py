"""Our own arithmetic for cloud turns: before one is sent, while its bill is pending, and to check the bills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal

from llmhub.core.costs.counterfactual import UNKNOWN_TOKENIZER_BAND
from llmhub.core.costs.money import decimal, exact, refuse_float_fields
from llmhub.core.costs.pricing import CloudCost, Pricing, Tokens, cloud_cost
from llmhub.core.price_book import is_priced
from llmhub.core.turns import PICO, Turn

BYTES_PER_TOKEN = 4
"""Of ordinary text, where no backend has counted yet."""
TOKENS_AROUND_A_MESSAGE = 8
"""At most what a chat template puts around one message."""


def tokens_of_bytes(count: int) -> int:
    """About how many tokens a text of so many bytes has; rounded up."""
    return -(-count // BYTES_PER_TOKEN)


def counted_tokens(turn: Turn) -> Tokens | None:
    """The tokens of a turn as they were counted, an uncounted prompt by its bytes; `None` when nothing is known."""
    tokens = turn.tokens
    prompt = tokens.prompt
    if prompt is None:
        if turn.bytes.prompt is None:
            return None
        prompt = tokens_of_bytes(turn.bytes.prompt)
    return Tokens(prompt, tokens.completion or 0, tokens.cached or 0, tokens.cache_write or 0, tokens.reasoning or 0)


def estimate(turn: Turn, pricing: Pricing) -> CloudCost | None:
    """What a cloud turn costs by a price list; `None` without counts or without a price."""
    tokens = counted_tokens(turn)
    if tokens is None or not is_priced(pricing):
        return None
    return cloud_cost(pricing, tokens, clock_of(turn.started_at))


def estimate_pico(turn: Turn, pricing: Pricing) -> int | None:
    """The same in whole pico-dollars."""
    cost = estimate(turn, pricing)
    return None if cost is None else in_pico(cost.total)


def in_pico(amount: Decimal) -> int:
    """Dollars as whole pico-dollars."""
    return int((amount * PICO).to_integral_value(ROUND_HALF_EVEN))


def clock_of(moment: datetime) -> time:
    """The time of day that prices with windows go by: UTC."""
    return moment.astimezone(UTC).time()


@dataclass(frozen=True, slots=True)
class SendEstimate:
    """What sending a prompt may cost, US dollars, before a byte has left."""

    model: str
    prompt_tokens: int
    """About, from bytes."""
    low_usd: Decimal | None
    """The prompt alone; `None`: the model has no price that is known."""
    high_usd: Decimal | None
    """The longest reply that is allowed, and a prompt of many tokens."""

    def __post_init__(self) -> None:
        refuse_float_fields(self)

    @property
    def known(self) -> bool:
        """Whether the model has a price."""
        return self.high_usd is not None


@exact
def send_estimate(
    model: str,
    pricing: Pricing | None,
    *,
    prompt_bytes: int,
    max_tokens: int,
    messages: int = 1,
    at: datetime | None = None,
) -> SendEstimate:
    """What a prompt may cost: its bytes with the band of unknown tokenizers, and the reply from nothing to its cap.

    `pricing` is `None` for a model without a known price; `at` decides between prices by the hour.
    """
    about = tokens_of_bytes(prompt_bytes)
    if pricing is None or not is_priced(pricing):
        return SendEstimate(model, about, None, None)
    low_scale, high_scale = UNKNOWN_TOKENIZER_BAND
    clock = None if at is None else clock_of(at)
    low = cloud_cost(pricing, Tokens(decimal(prompt_bytes) / BYTES_PER_TOKEN * low_scale), clock).total
    most = decimal(prompt_bytes) / BYTES_PER_TOKEN * high_scale + TOKENS_AROUND_A_MESSAGE * messages
    # a provider may charge reasoning above the reply: the dearer of both is taken for every token of the cap
    plain = cloud_cost(pricing, Tokens(most, max_tokens), clock).total
    thought = cloud_cost(pricing, Tokens(most, max_tokens, reasoning=max_tokens), clock).total
    return SendEstimate(model, about, low, max(low, plain, thought))
