"""What OpenRouter lists and looks up, read into ours. Nothing here raises: what cannot be read is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from llmhub.backends.openrouter_json import as_text, count, decoded, dict_of, money, text_of, texts_of
from llmhub.core.cloud import CloudEndpoint, CloudModel, Generation, KeyInfo
from llmhub.core.plain import one_line
from llmhub.core.run import as_decimal

_LEAST_PRICE_EXPONENT = -30
_MOST_RAW = 16_000
_MOST_OVERRIDES = 50


def models_of(pages: Iterable[str | bytes]) -> tuple[CloudModel, ...] | None:
    """The models of all pages, each once; `None` when a page is no list."""
    found: dict[str, CloudModel] = {}
    for page in pages:
        entries = dict_of(decoded(page)).get("data")
        if not isinstance(entries, list):
            return None
        for entry in entries:
            model = model_of(entry)
            if model is not None:
                found.setdefault(model.id, model)
    return tuple(found.values())


def next_page(page: bytes) -> str | None:
    """The path of the next page."""
    return text_of(dict_of(dict_of(decoded(page)).get("links")).get("next")) or None


def model_of(entry: Any) -> CloudModel | None:
    """One entry of the list."""
    told = dict_of(entry)
    model_id = _line(told.get("id"), 200)
    if model_id is None:
        return None
    pricing, architecture = pricing_of(told.get("pricing")), dict_of(told.get("architecture"))
    target = told.get("alias_target")
    reasoning = told.get("reasoning")
    return CloudModel(
        id=model_id,
        name=_line(told.get("name"), 200) or model_id,
        canonical_slug=_line(told.get("canonical_slug"), 200),
        context_tokens=count(told.get("context_length")) or None,
        max_completion_tokens=count(dict_of(told.get("top_provider")).get("max_completion_tokens")) or None,
        pricing=pricing,
        prompt_usd_per_token=price(pricing.get("prompt")),
        completion_usd_per_token=price(pricing.get("completion")),
        input_modalities=frozenset(texts_of(architecture.get("input_modalities"))) or frozenset({"text"}),
        supported_parameters=frozenset(texts_of(told.get("supported_parameters"))),
        reasoning=reasoning if isinstance(reasoning, dict) else None,
        hugging_face_id=_line(told.get("hugging_face_id"), 200),
        expires_on=_day(told.get("expiration_date")),
        alias_target=_line(target if isinstance(target, str) else dict_of(target).get("slug"), 200),
    )


def endpoints_of(answer: Any) -> tuple[CloudEndpoint, ...] | None:
    """Who serves a model; `None` when the answer is none."""
    entries = dict_of(dict_of(answer).get("data")).get("endpoints")
    return None if not isinstance(entries, list) else tuple(_endpoints(entries))


def _endpoints(entries: list[Any]) -> Iterator[CloudEndpoint]:
    for entry in entries:
        told = dict_of(entry)
        provider = _line(told.get("provider_name"), 120)
        if provider is None:
            continue
        quantization = _line(told.get("quantization"), 20)
        uptime = told.get("uptime_last_30m")
        uptime = told.get("uptime_last_1d") if uptime is None else uptime
        latency, throughput = told.get("latency_last_30m"), told.get("throughput_last_30m")
        yield CloudEndpoint(
            provider=provider,
            tag=_line(told.get("tag"), 120),
            quantization=None if quantization == "unknown" else quantization,
            context_tokens=count(told.get("context_length")) or None,
            max_completion_tokens=count(told.get("max_completion_tokens")) or None,
            pricing=pricing_of(told.get("pricing")),
            status=_status(told.get("status")),
            uptime_percent=money(uptime),
            # null without a key, and when too little is known
            latency=latency if isinstance(latency, dict) else None,
            throughput=throughput if isinstance(throughput, dict) else None,
        )


def key_info_of(answer: Any) -> KeyInfo | None:
    """What a key may spend; `None` when the answer is none."""
    told = dict_of(answer).get("data")
    if not isinstance(told, dict):
        return None
    free = told.get("is_free_tier")
    return KeyInfo(
        label=_line(told.get("label"), 80) or "",
        limit_usd=money(told.get("limit")),
        # overdrawn is a figure too
        remaining_usd=as_decimal(left) if isinstance(left := told.get("limit_remaining"), int | Decimal) else None,
        limit_reset=_line(told.get("limit_reset"), 40),
        used_usd=money(told.get("usage")),
        used_today_usd=money(told.get("usage_daily")),
        used_month_usd=money(told.get("usage_monthly")),
        is_free_tier=free if isinstance(free, bool) else None,
    )


def generation_of(answer: Any, asked: str) -> Generation | None:
    """What became of a request; `None` when the answer is none, or speaks of another request.

    The counts are the native ones: those that are billed.
    """
    told = dict_of(answer).get("data")
    if not isinstance(told, dict) or (told.get("id") or asked) != asked:
        return None
    cancelled = told.get("cancelled")
    cost = money(told.get("total_cost"))
    return Generation(
        id=asked,
        total_cost_usd=money(told.get("usage")) if cost is None else cost,
        upstream_usd=money(told.get("upstream_inference_cost")),
        is_byok=told.get("is_byok") is True,
        cancelled=cancelled if isinstance(cancelled, bool) else None,
        provider=_line(told.get("provider_name"), 120),
        model=_line(told.get("model"), 200),
        prompt_tokens=count(told.get("native_tokens_prompt")),
        completion_tokens=count(told.get("native_tokens_completion")),
        reasoning_tokens=count(told.get("native_tokens_reasoning")),
        cached_tokens=count(told.get("native_tokens_cached")),
        finish_reason=_line(told.get("finish_reason"), 40),
        raw=as_text(told)[:_MOST_RAW],
    )


def pricing_of(value: Any) -> dict[str, Any]:
    """A pricing object as it came, without what is no price and no condition: cost formulas may rely on its shape."""
    kept = {key: item for key, item in dict_of(value).items() if _is_figure(item)}
    overrides = dict_of(value).get("overrides")
    if isinstance(overrides, list):
        sound = [
            entry
            for entry in overrides[:_MOST_OVERRIDES]
            if isinstance(entry, dict) and all(_is_figure(item) for item in entry.values())
        ]
        if sound:
            kept["overrides"] = sound
    return kept


def price(value: Any) -> Decimal | None:
    """Dollars per token; `None` when it is missing, and when it is negative: a router's "-1"."""
    return money(value)


def _is_figure(value: Any) -> bool:
    number = as_decimal(value) if isinstance(value, str | int | Decimal) else None
    return number is not None and abs(number) <= 10**9 and number.as_tuple().exponent >= _LEAST_PRICE_EXPONENT  # type: ignore[operator]


def _status(value: Any) -> int | None:
    if isinstance(value, str):  # one page of the documents shows a text
        value = int(value) if value.lstrip("-").isdecimal() and value.isascii() and len(value) < 5 else None
    return value if type(value) is int else None


def _line(value: Any, most: int) -> str | None:
    return one_line(value, most) or None if isinstance(value, str) else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(text_of(value)[:10])
    except ValueError:
        return None
