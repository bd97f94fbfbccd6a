"""What a simulated OpenRouter can be made to do wrong.

As with the daemon, a fault is asked for with `sim.fail_next(CloudFault(...))` or by the model's name:
`openai/gpt-4o-fault-cut-12` is `openai/gpt-4o`, ended without a word after 12 tokens; `openai/gpt-4o-fault-limit` is
refused with 429. The names of refusals are the keys of `REFUSALS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_DOCS = "https://openrouter.ai/docs/errors#"


class CloudFaultKind(StrEnum):
    """What goes wrong; `after` tokens have been said where it happens in mid-stream."""

    REFUSED = "refused"
    """An answer of `REFUSALS` instead of the request's own; `text` is its name."""
    ERROR = "error"
    """A chunk with a top-level error, integer code, and finish reason `error`; no usage, no `[DONE]`."""
    STRING_CODE = "stringcode"
    """The same with the string code of the streaming page."""
    CHOICE_ERROR = "choice"
    """The error stands inside the choice."""
    CUT = "cut"
    """The stream ends cleanly without a finish reason, usage or `[DONE]`."""
    CLOSE = "close"
    """The connection is closed, the chunked body unfinished."""
    RESET = "reset"
    """The connection is reset."""
    HALF_LINE = "half"
    """The stream ends inside an event."""
    STALL = "stall"
    """Nothing comes for `seconds`, then it goes on."""
    SILENCE = "silence"
    """`seconds` pass before the first byte, headers included."""
    COMMENTS = "comments"
    """`seconds` of nothing but comments before the first token."""
    MALFORMED = "malformed"
    """An event that is not JSON; then the stream goes on."""
    HTML = "html"
    """An HTML page, with `status` (200 unless given)."""
    REFUSE = "refuse"
    """The connection is closed without a byte."""
    REDIRECT = "redirect"
    """307 to `text`, an address elsewhere: whoever follows it must not take the key along."""
    NO_DONE = "nodone"
    """Everything but `[DONE]`."""
    NO_USAGE = "nousage"
    """Finish reason and `[DONE]`, but no usage."""
    LATE_USAGE = "finishusage"
    """The usage stands on the chunk with the finish reason."""
    FILTER = "filter"
    """Finish reason `content_filter`."""
    EMPTY = "empty"
    """No tokens and no finish reason: nothing is billed."""
    PENDING = "pending"
    """A good answer, but `/generation` doesn't know it for `after` more look-ups."""
    REPEAT = "repeat"
    """The model says the same for ever."""
    ENDLESS = "endless"
    """The model never stops by itself."""
    HOSTILE = "hostile"
    """The answer is full of terminal escapes and markup."""
    SEPARATORS = "separators"
    """The answer is full of characters at which only careless readers split lines."""
    THINK_TAGS = "thinktags"
    """Thoughts come as `<think>` text inside the content."""
    PIECES = "pieces"
    """Every byte arrives in pieces of 1 to 37, cut inside characters."""
    RAW = "raw"
    """`text` is the whole answer, with `status`, `headers` and `content_type`: a contract example, replayed."""


@dataclass(frozen=True, slots=True)
class CloudFault:
    """One thing that goes wrong once.

    Attributes:
        after: Tokens that are said properly before it.
        seconds: How long a stall, a silence or comments last, on the simulator's clock.
        text: A refusal's name, an error's message, an address, a raw body; each kind has its own default.
        path: Which endpoint it is for; `None` is any.
        model: Which model, as it is named in the request; `None` is any.
    """

    kind: CloudFaultKind
    after: int = 3
    seconds: float = 3.0
    text: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    path: str | None = None
    model: str | None = None

    def fits(self, path: str, model: str | None) -> bool:
        """Whether it is meant for a request to `path` naming `model`."""
        return self.path in (None, path) and self.model in (None, model)


class CloudRefusal(Exception):  # noqa: N818  it is an answer, not a mistake
    """The request is answered with an error before the first token.

    Args:
        status: The HTTP status.
        body: The whole body.
        headers: Further headers.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def plain(status: int, message: str, **metadata: Any) -> CloudRefusal:
    """A refusal of the first family: `code`, `message`, sometimes `metadata`."""
    error: dict[str, Any] = {"code": status, "message": message}
    return CloudRefusal(status, {"error": {**error, "metadata": metadata} if metadata else error})


def unavailable(
    status: int, message: str, code: str, models: list[str], *, retryable: bool = False, **more: Any
) -> CloudRefusal:
    """A refusal of the second family: no `code`, but `http_status` and `availability`."""
    kinds = {400: "invalid_request", 404: "not_found", 429: "rate_limit_exceeded", 503: "provider_unavailable"}
    availability = {"code": code, "retryable": retryable, "requested_models": models, **more, "docs_url": _DOCS + code}
    error = {
        "message": message,
        "error_type": kinds.get(status, "unmapped"),
        "http_status": status,
        "availability": availability,
    }
    headers = {"Retry-After": str(more["retry_after"])} if "retry_after" in more else {}
    return CloudRefusal(status, {"error": error}, headers)


def rate_limited(limit: int, reset_ms: int, retry_after_s: int) -> CloudRefusal:
    """429 of the platform, with its headers; the unit of the reset is not documented, milliseconds are our guess."""
    refusal = plain(429, "Rate limit exceeded")
    refusal.headers = {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(reset_ms),
        "Retry-After": str(retry_after_s),
    }
    return refusal


_MODERATION = {
    "reasons": ["violence"],
    "flagged_input": "first fifty characters ... last fifty characters",
    "provider_name": "OpenAI",
    "model_slug": "openai/gpt-4o",
}
_FREE = "meta-llama/llama-3.2-3b-instruct"


def _busy() -> CloudRefusal:
    refusal = plain(503, "Service temporarily unavailable")
    refusal.headers["Retry-After"] = "10"
    return refusal


def _capacity() -> CloudRefusal:
    refusal = unavailable(
        429, "All providers are at capacity", "capacity_exhausted", ["anthropic/claude-sonnet-4.5"], retryable=True,
        retry_after=40, affected_providers=["anthropic", "amazon-bedrock"],
        fallback_models=["anthropic/claude-haiku-4.5"],
    )  # fmt: skip
    before = [{"provider": "anthropic", "code": "capacity_exhausted", "status": 429}]
    error = {**refusal.body["error"], "metadata": {"previous_errors": before}}
    return CloudRefusal(429, {"error": error}, refusal.headers)


REFUSALS: Mapping[str, CloudRefusal] = {
    "parameters": plain(400, "Invalid request parameters"),
    "context": plain(
        400, "This endpoint's maximum context length is 40960 tokens.", error_type="context_length_exceeded"
    ),
    "unknown": unavailable(400, "acme/fake-1.0 is not a valid model ID", "model_not_found", ["acme/fake-1.0"]),
    "key": plain(401, "Missing Authentication header"),
    "credit": plain(402, "Insufficient credits. Add more using https://openrouter.ai/credits"),
    "management": plain(403, "Only management keys can perform this operation"),
    "moderation": plain(403, "Your input was flagged", **_MODERATION),
    "guardrail": plain(403, "Request blocked: prompt injection patterns detected", patterns=["ignore previous"]),
    "missing": plain(404, "Resource not found"),
    "privacy": unavailable(
        404, "No endpoint satisfies the data policy", "privacy_restricted", ["openai/gpt-4o"],
        affected_providers=["openai", "azure"], excluded_by=["data_policy:zdr"],
    ),
    "ended": unavailable(
        404, "The free variant has ended", "free_variant_ended", [f"{_FREE}:free"], fallback_models=[_FREE]
    ),
    "filtered": unavailable(
        404, "No endpoint costs so little", "constraint_filtered", ["qwen/qwen3-8b"], excluded_by=["max_price"],
        constraint={"field": "max_price", "detail": "every endpoint is dearer"},
    ),
    "timeout": plain(408, "Operation timed out. Please try again later."),
    "large": plain(413, "Request payload too large"),
    "semantics": plain(422, "Invalid argument"),
    "limit": rate_limited(20, 1795165080000, 19),
    "ratelimit": plain(
        429, "Rate limit exceeded", error_type="rate_limit_exceeded", provider_code="rate_limited"
    ),
    "capacity": _capacity(),
    "server": plain(500, "Internal Server Error", error_type="server"),
    "upstream": plain(502, "Provider returned error", error_type="provider_unavailable"),
    "busy": _busy(),
    "edge": plain(524, "Request timed out. Please try again later."),
    "overloaded": plain(529, "Provider returned error"),
}  # fmt: skip
"""Every refusal of the contract's table (openrouter-errors.json), in its order, by a short name."""


def refused(name: str) -> CloudRefusal:
    """A refusal of the table, fresh: an exception that is raised again and again keeps every traceback."""
    known = REFUSALS[name]
    return CloudRefusal(known.status, known.body, known.headers)


_SUFFIX = re.compile(r"^(?P<model>.+)-fault-(?P<kind>[a-z]+)(?:-(?P<number>\d{1,6}))?$")
_TIMED = (CloudFaultKind.STALL, CloudFaultKind.SILENCE, CloudFaultKind.COMMENTS)


def from_model(name: str) -> tuple[str, CloudFault | None]:
    """The model a name means, and the fault it asks for.

    The number is seconds for a stall, a silence and comments, tokens for the others.
    """
    match = _SUFFIX.match(name)
    if match is None:
        return name, None
    kind, number = match["kind"], match["number"]
    if kind in REFUSALS:
        return match["model"], CloudFault(CloudFaultKind.REFUSED, text=kind)
    if kind not in set(CloudFaultKind):
        return name, None
    fault_kind = CloudFaultKind(kind)
    if number is None:
        return match["model"], CloudFault(fault_kind)
    if fault_kind in _TIMED:
        return match["model"], CloudFault(fault_kind, seconds=float(number))
    return match["model"], CloudFault(fault_kind, after=int(number))
