"""The errors of OpenRouter, told in three parts, and never with the key in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from llmhub.backends.openrouter_json import decoded
from llmhub.backends.openrouter_meanings import Told, meaning
from llmhub.backends.openrouter_sayings import Saying
from llmhub.core.addresses import host_of
from llmhub.core.config import KEY_VARIABLE
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.plain import one_line, plain
from llmhub.net import BrokenError, GarbledError, NetError, OfflineError, SilentError

_KEYS = re.compile(r"sk-or-[\w-]{12,}", re.ASCII)
_SET_KEY = f"set one: llmhub keys set openrouter, or the variable {KEY_VARIABLE}"
_CORRECT_URL = "another program or a proxy answers there; correct [openrouter] url"


class Failures:
    """Makes the `BackendError`s of OpenRouter.

    Args:
        backend: The configured entry's name.
        url: Its address.
        key: Asked when an error is told, to take it out of what a server repeats.
    """

    def __init__(self, backend: str, url: str, key: Callable[[], str | None]) -> None:
        self._backend = backend
        self._url = url
        self._key = key

    def refused(self, status: int, headers: Mapping[str, str], body: bytes, *, model: str = "") -> BackendError:
        """An answer whose status says no."""
        saying = self.saying(status, headers, body)
        if saying is not None:
            return self.said(saying, model=model, status=status)
        if 300 <= status < 400:
            told = Told(
                FailureKind.PROTOCOL, "The address sends on to another one, where no key may follow", _CORRECT_URL
            )
            return self._make(told, self._url, status=status)
        text = body.decode("utf-8", "replace")
        if status in {401, 402, 429, 500, 502, 503, 504, 524, 529}:
            # whoever stands at the edge answers with a page or with nothing, but the status is as good as words
            return self.said(Saying.of("", status, headers), model=model, status=status)
        if is_page(headers.get("content-type", ""), text):
            return self.page(status=status)
        return self.said(Saying.of(text, status, headers), model=model, status=status)

    def saying(self, status: int, headers: Mapping[str, str], body: bytes) -> Saying | None:
        """What an answer whose status says no says; `None` when it is none of OpenRouter's."""
        answer = decoded(body)
        if isinstance(answer, dict) and answer.get("error"):
            return Saying.of(answer["error"], status, headers)
        return None

    def said(self, saying: Saying, *, model: str = "", status: int | None = None, received: int = 0) -> BackendError:
        """An error of OpenRouter's, before a stream (`status`) or in the middle of one."""
        told = meaning(saying, model)
        subject = self._subject(model, received)
        if told.context_tokens is not None:
            subject = f"{subject}, whose context is {told.context_tokens:,} tokens"
        return self._make(told, subject, detail=saying.text, status=status, retry_after_s=saying.retry_after_s)

    def no_key(self, model: str, *, is_set: bool) -> BackendError:
        """There is no key that may be sent there."""
        if not is_set:
            return self._make(
                Told(FailureKind.KEY, "There is no key for OpenRouter", _SET_KEY), self._subject(model, 0)
            )
        happened = "The key for OpenRouter does not look like one, or would go out in the clear, so it was not sent"
        remedy = "correct [openrouter] url (https://), or set the key anew: llmhub keys set openrouter"
        return self._make(Told(FailureKind.KEY, happened, remedy), self._url)

    def ended(self, model: str, received: int) -> BackendError:
        """A stream that ended without an error and without its proper end."""
        told = Told(FailureKind.CUT, "The reply broke off before it was finished", "ask again")
        return self._make(told, self._subject(model, received))

    def gone_silent(self, model: str, received: int, seconds: float, *, opened: bool) -> BackendError:
        """A stream in which not even a comment came for long."""
        happened = f"Nothing came from OpenRouter for {round(seconds)} seconds"
        kind = FailureKind.CUT if opened else FailureKind.UNREACHABLE
        return self._make(
            Told(kind, happened, "look at the connection, then ask again"), self._subject(model, received)
        )

    def broken_event(self, data: str, model: str, received: int) -> BackendError:
        """An event that is not what the protocol says."""
        told = Told(
            FailureKind.PROTOCOL,
            "OpenRouter's answer could not be read",
            f"ask again; if it stays so, look what answers at {self._url}",
        )
        return self._make(told, self._subject(model, received), detail=plain(data[:500]))

    def page(self, *, status: int) -> BackendError:
        """A web page where JSON should be."""
        told = Told(FailureKind.PROTOCOL, "A web page came instead of an answer", _CORRECT_URL)
        return self._make(told, self._url, status=status)

    def not_openrouter(self, body: bytes, *, status: int | None = None) -> BackendError:
        """An answer that OpenRouter would not give."""
        told = Told(FailureKind.PROTOCOL, "What answers does not speak as OpenRouter does", _CORRECT_URL)
        detail = one_line(body[:500].decode("utf-8", "replace"))
        return self._make(told, self._url, detail=detail, status=status)

    def no_such_name(self, model: str) -> BackendError:
        """A name that no model of OpenRouter's can have; nothing was asked."""
        told = Told(
            FailureKind.NOT_FOUND, "This is no name of a model at OpenRouter", "a name looks like openai/gpt-4o"
        )
        return self._make(told, self._subject(model, 0))

    def net(self, error: NetError, *, model: str = "", received: int = 0, opened: bool = False) -> BackendError:
        """What went wrong on the wire."""
        reason = one_line(str(error))
        if isinstance(error, OfflineError):
            told = Told(FailureKind.OFFLINE, "llmhub is offline", "switch offline off, or take a local model")
            return self._make(told, error.host, detail=reason)
        if isinstance(error, GarbledError):
            told = Told(FailureKind.PROTOCOL, "What answers does not speak as OpenRouter does", _CORRECT_URL)
            return self._make(told, self._url, detail=reason)
        if isinstance(error, BrokenError) and opened:
            told = Told(FailureKind.CUT, "The connection to OpenRouter broke", "look at the connection, then ask again")
            return self._make(told, self._subject(model, received), detail=reason)
        host = host_of(self._url)
        if "certificate" in reason.lower() or "SSL" in reason:
            told = Told(
                FailureKind.UNREACHABLE,
                f"The certificate of {host} is not trusted, so nothing was sent",
                "does a proxy of your company stand between? name its authority: [net] ca_file",
            )
            return self._make(told, self._url, detail=reason)
        happened = "OpenRouter cannot be reached"
        if isinstance(error, SilentError):
            happened = "OpenRouter does not answer in time"
        elif isinstance(error, BrokenError):
            happened = "OpenRouter hung up without an answer"
        told = Told(FailureKind.UNREACHABLE, happened, "look at the connection and the proxy, or take a local model")
        return self._make(told, self._url, detail=reason)

    def _subject(self, model: str, received: int) -> str:
        name = one_line(model, 200) or self._url
        if not received:
            return name
        return f"{name}, after {received:,} {'token' if received == 1 else 'tokens'} (kept)"

    def _make(
        self, told: Told, subject: str, *, detail: str = "", status: int | None = None, retry_after_s: int | None = None
    ) -> BackendError:
        return BackendError(
            told.kind,
            backend=self._backend,
            happened=self._unsaid(told.happened),
            subject=self._unsaid(subject),
            remedy=self._unsaid(told.remedy),
            detail=self._unsaid(detail),
            status=status,
            prompt_tokens=told.prompt_tokens,
            context_tokens=told.context_tokens,
            retry_after_s=retry_after_s,
        )

    def _unsaid(self, text: str) -> str:
        """`text` without the key, which servers have been seen to repeat, nor any other."""
        key = (self._key() or "").strip()
        if len(key) >= 8:
            text = text.replace(key, "(a key)")
        return _KEYS.sub("(a key)", text)


def is_page(content_type: str, text: str) -> bool:
    """Whether an answer is a web page."""
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    return "text/html" in content_type.lower() or start.startswith(("<!doctype", "<html"))
