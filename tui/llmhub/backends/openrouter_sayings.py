"""What OpenRouter says when something goes wrong: both families of its errors, read into one form.

OpenRouterTeam/docs, api_reference/errors-and-debugging.mdx, read at c26125a. One family has `code` and `metadata`, the
other `http_status`, `error_type` and `availability`; in the middle of a stream the code may be a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from llmhub.backends.openrouter_json import dict_of, text_of, texts_of
from llmhub.core.plain import one_line, plain

_MOST_DETAIL = 4000
_LONGEST_WAIT_S = 7 * 24 * 3600
_WORD_CODES = {"server_error": "server", "internal_error": "server", "overloaded": "provider_overloaded"}


@dataclass(frozen=True, slots=True)
class Saying:
    """An error of OpenRouter's."""

    text: str = ""
    """Its own words, plain."""
    code: int | None = None
    """`code`, else `http_status`, else the status of the answer."""
    type: str = ""
    """`error_type`: stable, so it counts before the code."""
    availability: str = ""
    """Why no endpoint can serve: more exact than the type."""
    retryable: bool | None = None
    retry_after_s: int | None = None
    excluded_by: tuple[str, ...] = ()
    """Filters that left no endpoint."""
    fallbacks: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """Of a moderation."""
    flagged: str = ""
    provider: str = ""
    is_guardrail: bool = False
    limit: int | None = None
    """Requests that the platform allows, where it was the platform's own limit."""

    @classmethod
    def of(cls, error: Any, status: int | None = None, headers: Mapping[str, str] | None = None) -> Saying:
        """Read what stood under `error`; a text is taken for its message."""
        told = dict_of(error)
        metadata = dict_of(told.get("metadata"))
        availability = dict_of(told.get("availability"))
        constraint = dict_of(availability.get("constraint"))
        code, word = _code(told.get("code"))
        kind = text_of(metadata.get("error_type")) or text_of(told.get("error_type")) or _WORD_CODES.get(word, word)
        excluded = texts_of(availability.get("excluded_by")) or texts_of([constraint.get("field")])
        headers = headers or {}
        message = error if isinstance(error, str) else text_of(told.get("message"))
        return cls(
            text=plain(message)[:_MOST_DETAIL].strip(),
            code=code or _code(told.get("http_status"))[0] or status,
            type=kind,
            availability=text_of(availability.get("code")),
            retryable=availability.get("retryable") if isinstance(availability.get("retryable"), bool) else None,
            retry_after_s=_seconds(availability.get("retry_after")) or _retry_after(headers.get("retry-after", "")),
            excluded_by=tuple(one_line(item, 60) for item in excluded[:8]),
            fallbacks=tuple(one_line(item, 120) for item in texts_of(availability.get("fallback_models"))[:3]),
            reasons=tuple(one_line(item, 60) for item in texts_of(metadata.get("reasons"))[:8]),
            flagged=one_line(text_of(metadata.get("flagged_input")), 120),
            provider=one_line(text_of(metadata.get("provider_name")), 80),
            is_guardrail="patterns" in metadata,
            limit=_code(headers.get("x-ratelimit-limit"))[0],
        )

    @property
    def may_be_tried_again(self) -> bool:
        """Whether the same request, sent again at once, may well succeed: a timeout, or a fault of the server's."""
        if self.retryable is False or self.availability:
            return False
        return self.type in {"timeout", "server"} or (self.type in {"", "unmapped"} and self.code in {408, 500, 524})


def _code(value: Any) -> tuple[int | None, str]:
    """A code as a number, or as a word."""
    if isinstance(value, str):
        word = value.strip()
        if word.isascii() and word.isdigit() and len(word) < 9:
            return int(word), ""
        return None, word[:80]
    return (value, "") if type(value) is int else (None, "")


def _seconds(value: Any) -> int | None:
    return (
        int(value) if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LONGEST_WAIT_S else None
    )


def _retry_after(value: str) -> int | None:
    """Seconds of the header: a number, or a date."""
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 9:
        return _seconds(int(value))
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return _seconds(round((until - datetime.now(UTC)).total_seconds()))
