"""Why something could not be looked up, in three parts, and when to ask again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from llmhub.core.catalog import CatalogError
from llmhub.core.names import DEFAULT_HOST, DEFAULT_NAMESPACE, ModelName
from llmhub.core.plain import one_line
from llmhub.net import GarbledError, NetError, OfflineError, as_json

HUGGING_FACE = "huggingface.co"
_MOST_WORDS = 160
_NO_PAGE = "a proxy or a sign-in page of this network may stand between: open a page in a browser, or set [net] proxy"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked for what, as messages name it."""

    subject: str
    """The model's name, or the query."""
    host: str
    """Whom a person would say was asked: `registry.ollama.ai`, also where a simulator stands for it."""
    page: str | None = None
    """Where a person can look: the model's page."""

    @property
    def is_hugging_face(self) -> bool:
        """Whether the answers are Hugging Face's."""
        return self.host == HUGGING_FACE

    @classmethod
    def of(cls, name: ModelName) -> Asked:
        """For a model."""
        if name.is_hugging_face:
            repository = f"{name.namespace}/{name.model}"
            return cls(name.short, HUGGING_FACE, f"https://{HUGGING_FACE}/{repository}")
        if name.host.lower() != DEFAULT_HOST:
            return cls(name.short, name.host)
        folder = "library" if name.namespace.lower() == DEFAULT_NAMESPACE else name.namespace
        return cls(name.short, DEFAULT_HOST, f"https://ollama.com/{folder}/{name.model}")


def refused(asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> CatalogError:
    """An answer whose status says no."""
    if status == 429:
        return _too_often(asked, headers)
    if status >= 500:
        return CatalogError(f"{asked.host} is out of order ({status})", asked.subject, _later(delay_s(headers)))
    if asked.is_hugging_face:
        return _refused_by_hugging_face(asked, status, headers, body)
    if status == 404:
        remedy = (
            f"its page lists its tags: {asked.page}" if asked.page else f"check the name and the tag at {asked.host}"
        )
        return CatalogError("There is no such model or tag", asked.subject, remedy, is_unknown=True)
    if status in {401, 403}:
        return CatalogError(
            "The registry wants to know who asks: the model is private, or there is none of this name",
            asked.subject,
            "check the name; Ollama has a key of its own and can pull a private one without being sized",
        )
    if status == 412:
        said = _words(body)
        return CatalogError(
            "The registry gives this model to newer versions of Ollama only" + (f" ({said})" if said else ""),
            asked.subject,
            "update Ollama, then look again: https://ollama.com/download",
        )
    said = _words(body)
    return CatalogError(
        f"{asked.host} refused with {status}" + (f": {said}" if said else ""), asked.subject, "check the name"
    )


def failed(asked: Asked, error: NetError) -> CatalogError:
    """No answer at all, or none of HTTP."""
    if isinstance(error, OfflineError):
        return CatalogError("llmhub is offline", asked.subject, "switch offline off to look it up")
    if isinstance(error, GarbledError):
        return CatalogError(f"What {asked.host} sent makes no sense: {error}", asked.subject, _NO_PAGE)
    return CatalogError(
        f"{asked.host} cannot be reached: {error}",
        asked.subject,
        "check the network, or set [net] proxy; then try again",
    )


def nonsense(asked: Asked, what: str) -> CatalogError:
    """A whole answer that is not what it ought to be: `what` says what it is, "a web page"."""
    return CatalogError(f"{asked.host} sent {what}", asked.subject, _NO_PAGE)


def is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer is a web page: nothing here ever asks for one."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in {"text/html", "application/xhtml+xml"} or body.lstrip()[:9].lower().startswith(
        (b"<!doctype", b"<html")
    )


def is_gated(error_code: str | None) -> bool:
    """Whether Hugging Face's `X-Error-Code` says that the owner grants access one by one."""
    return (error_code or "").strip().lower() == "gatedrepo"


def delay_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds after which the server wants to be asked again, from Retry-After or RateLimit; `None` when not told."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit() and len(told) < 10:
        return float(told)
    if told:
        try:
            at = parsedate_to_datetime(told)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
    # `"api";r=0;t=55`: so many requests left, so many seconds until there are more
    for part in headers.get("ratelimit", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit() and len(value) < 10:
            return float(value)
    return None


def host_of(url: str) -> str:
    """Host and port, for a message."""
    return one_line(urlsplit(url).netloc.rpartition("@")[2], 80)


def _refused_by_hugging_face(asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> CatalogError:
    if is_gated(headers.get("x-error-code")):
        return CatalogError(
            "This repository is gated: its owner grants access one by one",
            asked.subject,
            f"ask for access at {asked.page or f'https://{HUGGING_FACE}'}, and give Ollama's key to your account there",
        )
    if status in {401, 403, 404}:
        return CatalogError(
            "Hugging Face has no such repository or file, or it is private: it says the same of both",
            asked.subject,
            "check the spelling; Ollama can pull a private one when its key is in your account there",
            is_unknown=True,
        )
    said = _words(body)
    return CatalogError(
        f"Hugging Face refused with {status}" + (f": {said}" if said else ""),
        asked.subject,
        f"look at its files: {asked.page}/tree/main" if asked.page else "check the name",
        is_unknown=status == 400,
    )


def _too_often(asked: Asked, headers: Mapping[str, str]) -> CatalogError:
    return CatalogError(f"{asked.host} was asked too often", asked.subject, _later(delay_s(headers)))


def _later(delay: float | None) -> str:
    return f"try again in {max(1, ceil(delay)):,} s" if delay is not None else "try again in a minute"


def _words(body: bytes) -> str:
    """What a refusal says, in whichever of the two forms."""
    told: Any = as_json(body)
    if not isinstance(told, dict):
        return ""
    said = told.get("error")
    errors = told.get("errors")
    if said is None and isinstance(errors, list) and errors and isinstance(errors[0], dict):
        said = errors[0].get("message")
    return one_line(said, _MOST_WORDS) if isinstance(said, str) else ""
