"""How a reply ended: the reason, the counts, the bill."""

from __future__ import annotations

from typing import Any

from llmhub.backends.openrouter_json import as_text, count, dict_of, money, text_of
from llmhub.core.chat import Bill, FinishReason, Usage

_MOST_RAW = 4000
_BILLED = ("cost", "is_byok", "cost_details", "prompt_tokens", "completion_tokens")
_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
_NATIVE: dict[str, FinishReason] = {
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "context_full",
    "model_context_window_exceeded": "context_full",
    "context_length_exceeded": "context_full",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "safety": "content_filter",
    "recitation": "content_filter",
    "prohibited_content": "content_filter",
    "blocklist": "content_filter",
    "spii": "content_filter",
    "refusal": "content_filter",
}
"""A provider's own words, lower case, where they say more than OpenRouter's."""


def reason_of(told: Any, native: Any, *, called: bool) -> FinishReason:
    """The reason; the provider's own word counts where it is more exact: a full context, a refusal called a stop."""
    own = _NATIVE.get(text_of(native).lower())
    reason = _REASONS.get(text_of(told).lower())
    if reason is None:
        return own or _NATIVE.get(text_of(told).lower()) or ("tool_calls" if called else "stop")
    if (reason, own) in {("length", "context_full"), ("stop", "content_filter"), ("stop", "length")}:
        return own or reason
    return "tool_calls" if called and reason == "stop" else reason


def usage_of(usage: dict[str, Any]) -> Usage:
    """The counts that are billed; each one unknown that was not told."""
    if not usage:
        return Usage()
    prompt, completion = (dict_of(usage.get(f"{side}_tokens_details")) for side in ("prompt", "completion"))
    return Usage(
        prompt=count(usage.get("prompt_tokens")),
        completion=count(usage.get("completion_tokens")),
        reasoning=count(completion.get("reasoning_tokens")),
        cached=count(prompt.get("cached_tokens")),
        cache_write=count(prompt.get("cache_write_tokens")),
        source="provider",
    )


def bill_of(usage: dict[str, Any]) -> Bill | None:
    """What was charged; `None` when the stream did not tell, so that it is asked for later."""
    cost = money(usage.get("cost"))
    if cost is None:
        return None
    raw = as_text(usage)
    if len(raw) > _MOST_RAW:
        raw = as_text({key: usage.get(key) for key in _BILLED})[:_MOST_RAW]
    return Bill(
        cost,
        raw,
        is_byok=usage.get("is_byok") is True,
        upstream_usd=money(dict_of(usage.get("cost_details")).get("upstream_inference_cost")),
    )
