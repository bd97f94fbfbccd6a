"""What an error of OpenRouter's means for a person: what happened, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from llmhub.backends.openrouter_sayings import Saying
from llmhub.core.errors import FailureKind
from llmhub.core.plain import one_line

_AVAILABILITY = {
    "model_not_found": "unknown",
    "wrong_endpoint": "wrong_endpoint",
    "no_endpoints": "no_endpoints",
    "model_deprecated": "gone",
    "free_variant_ended": "free_ended",
    "model_unavailable_upstream": "down",
    "temporarily_unavailable": "down",
    "capacity_exhausted": "full",
    "region_restricted": "region",
    "privacy_restricted": "filtered",
    "constraint_filtered": "filtered",
}
_TYPES = {
    "context_length_exceeded": "overflow",
    "token_limit_exceeded": "overflow",
    "string_too_long": "overflow",
    "max_tokens_exceeded": "max_tokens",
    "authentication": "key",
    "permission_denied": "forbidden",
    "payment_required": "credit",
    "rate_limit_exceeded": "rate",
    "provider_overloaded": "down",
    "provider_unavailable": "down",
    "payload_too_large": "too_large",
    "content_policy_violation": "moderated",
    "refusal": "moderated",
    "invalid_image": "image",
    "image_too_large": "image",
    "image_too_small": "image",
    "unsupported_image_format": "image",
    "image_not_found": "image",
    "image_download_failed": "image",
    "server": "server",
    "timeout": "timeout",
    "not_found": "unknown",
}
_CODES = {
    401: "key",
    402: "credit",
    403: "forbidden",
    404: "unknown",
    408: "timeout",
    413: "too_large",
    429: "rate",
    500: "server",
    502: "down",
    503: "down",
    504: "timeout",
    524: "timeout",
    529: "down",
}
_LENGTH = re.compile(r"maximum context length is ([\d,]{1,12})", re.IGNORECASE)
_ASKED = re.compile(r"\(([\d,]{1,12}) (?:of|in) (?:the )?(?:text )?(?:input|messages|prompt)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """An error's meaning; the subject is known to whoever asked."""

    kind: FailureKind
    happened: str
    remedy: str
    prompt_tokens: int | None = None
    context_tokens: int | None = None


def meaning(saying: Saying, model: str) -> Told:
    """What `saying` means."""
    return _TELL[_cause(saying)](saying, model)


def _cause(saying: Saying) -> str:
    """The most exact thing that is said: availability, then what a moderation adds, then the type, then the code."""
    lower = saying.text.lower()
    if saying.availability in _AVAILABILITY:
        return _AVAILABILITY[saying.availability]
    if saying.excluded_by or (saying.code == 404 and "data policy" in lower):
        return "filtered"
    if saying.reasons:
        return "moderated"
    if saying.is_guardrail:
        return "guardrail"
    if saying.type in {"", "invalid_request", "unmapped"}:
        if "is not a valid model id" in lower:
            return "unknown"
        if "maximum context length" in lower:
            return "overflow"
    if saying.code == 403 and "management key" in lower:
        return "management"
    return _TYPES.get(saying.type) or _CODES.get(saying.code or 0, "refused")


def _wait(saying: Saying) -> str:
    seconds = saying.retry_after_s
    if seconds is None:
        return "wait a moment"
    if seconds >= 120:
        return f"wait {-(-seconds // 60)} minutes"
    return f"wait {seconds} {'second' if seconds == 1 else 'seconds'}"


def _key(_saying: Saying, _model: str) -> Told:
    return Told(FailureKind.KEY, "OpenRouter does not take the key", "set another one: llmhub keys set openrouter")


def _credit(_saying: Saying, model: str) -> Told:
    free = "free models stop too while the balance is below zero; " if model.endswith(":free") else ""
    return Told(
        FailureKind.CREDIT,
        "There is no credit left, or the key has reached its limit",
        f"{free}add credit at openrouter.ai/credits, raise the key's limit, or take a local model",
    )


def _moderated(saying: Saying, _model: str) -> Told:
    who = f"{saying.provider}'s moderation" if saying.provider else "A moderation"
    why = f" ({', '.join(saying.reasons)})" if saying.reasons else ""
    where = f' at "{saying.flagged}"' if saying.flagged else ""
    return Told(
        FailureKind.MODERATED, f"{who} refused the prompt{why}{where}", "put it in other words, or take another model"
    )


def _guardrail(saying: Saying, _model: str) -> Told:
    happened = f"A guardrail of the account blocked the request: {_words(saying)}"
    return Told(FailureKind.MODERATED, happened, "change the prompt, or the guardrail at openrouter.ai/settings")


def _region(saying: Saying, _model: str) -> Told:
    return Told(FailureKind.REFUSED, "This model is not served in your region", _instead(saying))


def _management(_saying: Saying, _model: str) -> Told:
    return Told(FailureKind.REFUSED, "Only a management key may see this", "look at openrouter.ai/activity instead")


def _forbidden(saying: Saying, _model: str) -> Told:
    return Told(
        FailureKind.REFUSED, f"OpenRouter refused: {_words(saying)}", "look at the key's rights at openrouter.ai/keys"
    )


def _unknown(saying: Saying, _model: str) -> Told:
    remedy = _instead(saying, "choose another one: llmhub models")
    return Told(FailureKind.NOT_FOUND, "OpenRouter knows no such model, or nobody serves it", remedy)


def _gone(saying: Saying, _model: str) -> Told:
    return Told(FailureKind.NOT_FOUND, "This model is not offered any more", _instead(saying))


def _free_ended(saying: Saying, _model: str) -> Told:
    return Told(FailureKind.NOT_FOUND, "The free variant of this model has ended", _instead(saying))


def _no_endpoints(saying: Saying, _model: str) -> Told:
    return Told(FailureKind.NOT_FOUND, "Nobody serves this model at present", _instead(saying))


def _wrong_endpoint(saying: Saying, _model: str) -> Told:
    return Told(FailureKind.REFUSED, "This model cannot chat", _instead(saying))


_FILTERS = {
    "data_policy": "allow such providers at openrouter.ai/settings/privacy",
    "geo": "change the region at openrouter.ai/settings",
    "data_region": "change the region at openrouter.ai/settings",
    "allowed_providers": "allow more providers at openrouter.ai/settings",
    "max_price": "raise the highest price",
    "context_length": "shorten the prompt",
    "require_parameters": "send fewer parameters",
    "quantization": "allow more quantizations",
}


def _filtered(saying: Saying, _model: str) -> Told:
    filters = saying.excluded_by or ("data_policy",)
    remedies = dict.fromkeys(_FILTERS.get(name.partition(":")[0], "loosen the filter") for name in filters)
    happened = f"No endpoint is left by the filter {', '.join(filters)}"
    if any(name.startswith("data_policy") for name in filters):
        happened += "; llmhub asks for providers that keep no prompts"
    return Told(FailureKind.REFUSED, happened, f"{_instead(saying)}, or {'; '.join(remedies)}")


def _overflow(saying: Saying, _model: str) -> Told:
    length, asked = _LENGTH.search(saying.text), _ASKED.search(saying.text)
    return Told(
        FailureKind.OVERFLOW,
        "The prompt is longer than the context",
        "leave out older turns, or take a model with a larger context",
        prompt_tokens=_number(asked),
        context_tokens=_number(length),
    )


def _max_tokens(_saying: Saying, _model: str) -> Told:
    return Told(FailureKind.REFUSED, "This model gives no reply as long as asked for", "set fewer tokens for the reply")


def _too_large(_saying: Saying, _model: str) -> Told:
    return Told(FailureKind.REFUSED, "The request is too large for OpenRouter", "leave out images or older turns")


def _image(saying: Saying, _model: str) -> Told:
    return Told(
        FailureKind.REFUSED, f"An image cannot be used: {_words(saying)}", "send it as PNG or JPEG, smaller or larger"
    )


def _rate(saying: Saying, model: str) -> Told:
    if saying.limit is None:
        return Told(
            FailureKind.RATE,
            "The provider takes no more requests at present",
            f"{_wait(saying)} and ask again, or take another model",
        )
    free = " (free models: 20 a minute, and so many a day)" if model.endswith(":free") else ""
    return Told(
        FailureKind.RATE,
        f"OpenRouter's limit of {saying.limit:,} requests is reached{free}",
        f"{_wait(saying)} and ask again",
    )


def _full(saying: Saying, _model: str) -> Told:
    happened = "All providers of this model are at their capacity"
    return Told(FailureKind.RATE, happened, f"{_wait(saying)} and ask again, or {_instead(saying)}")


def _down(saying: Saying, _model: str) -> Told:
    remedy = f"{_wait(saying)} and ask again, or {_instead(saying)}"
    return Told(FailureKind.BUSY, f"The provider failed or is overloaded: {_words(saying)}", remedy)


def _timeout(_saying: Saying, _model: str) -> Told:
    return Told(FailureKind.BUSY, "OpenRouter had no answer in time", "ask again, or take another model")


def _server(_saying: Saying, _model: str) -> Told:
    return Told(FailureKind.BUSY, "Something failed inside OpenRouter", "ask again in a moment")


def _refused(saying: Saying, _model: str) -> Told:
    return Told(FailureKind.REFUSED, f"OpenRouter refused: {_words(saying)}", "change the request and try again")


def _instead(saying: Saying, otherwise: str = "take another model") -> str:
    return f"take {saying.fallbacks[0]}" if saying.fallbacks else otherwise


def _words(saying: Saying) -> str:
    return one_line(saying.text) or saying.type or f"status {saying.code}"


def _number(found: re.Match[str] | None) -> int | None:
    digits = found[1].replace(",", "") if found else ""
    return int(digits) if digits else None


_TELL: dict[str, Callable[[Saying, str], Told]] = {
    "key": _key,
    "credit": _credit,
    "moderated": _moderated,
    "guardrail": _guardrail,
    "region": _region,
    "management": _management,
    "forbidden": _forbidden,
    "unknown": _unknown,
    "gone": _gone,
    "free_ended": _free_ended,
    "no_endpoints": _no_endpoints,
    "wrong_endpoint": _wrong_endpoint,
    "filtered": _filtered,
    "overflow": _overflow,
    "max_tokens": _max_tokens,
    "too_large": _too_large,
    "image": _image,
    "rate": _rate,
    "full": _full,
    "down": _down,
    "timeout": _timeout,
    "server": _server,
    "refused": _refused,
}
