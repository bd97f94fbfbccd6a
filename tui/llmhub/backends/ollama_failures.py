"""The errors of one Ollama daemon, told in three parts."""

from __future__ import annotations

from typing import Any

from llmhub.backends.ollama_sayings import Doing, Saying, Told, told
from llmhub.core.addresses import host_of
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.places import is_loopback
from llmhub.core.plain import one_line, plain
from llmhub.net import BrokenError, GarbledError, NetError, OfflineError, SilentError, as_json


class Failures:
    """Makes the `BackendError`s of one daemon.

    Args:
        backend: The configured entry's name.
        url: Its address.
    """

    def __init__(self, backend: str, url: str) -> None:
        self._backend = backend
        self._url = url

    def refused(self, status: int, headers_type: str, body: bytes, *, doing: Doing, model: str = "") -> BackendError:
        """An answer whose status says no."""
        text = body.decode("utf-8", "replace")
        answer = as_json(text)
        if isinstance(answer, dict) and answer.get("error"):
            # Ollama's own errors are a text; an object is another program's
            if not isinstance(answer["error"], str) and (doing != "chat" or status == 404):
                return self.not_ollama(f"status {status}: {one_line(Saying.of(answer).text)}", status=status)
            return self.said(answer["error"], status=status, doing=doing, model=model)
        if status == 403 and not text.strip():
            return self._make(
                Told(
                    FailureKind.REFUSED,
                    "Ollama refused the host name that it was addressed by",
                    "address it as 127.0.0.1, or let it listen on the network (OLLAMA_HOST=0.0.0.0 where it starts)",
                ),
                self._url,
                status=status,
            )
        if is_page(headers_type, text):
            return self.page(status=status)
        if status in {404, 405}:
            return self.not_ollama(one_line(text) or f"status {status}", status=status)
        return self.said(text.strip() or f"status {status}", status=status, doing=doing, model=model)

    def said(
        self, error: Any, *, doing: Doing, model: str = "", status: int | None = None, received: int = 0
    ) -> BackendError:
        """What the daemon said under `error`, before a stream (`status`) or in the middle of one."""
        saying = Saying.of(error)
        meaning = told(saying, doing, model, status)
        subject = self._subject(model, received)
        if (
            meaning.kind is FailureKind.OVERFLOW
            and saying.prompt_tokens is not None
            and saying.context_tokens is not None
        ):
            subject = f"{subject}, {saying.prompt_tokens:,} tokens in a context of {saying.context_tokens:,}"
        return self._make(meaning, subject, saying=saying, status=status)

    def ended(self, model: str, received: int, *, repeats: bool) -> BackendError:
        """A chat's stream that ended, without an error and without its last line."""
        meaning = (
            Told(
                FailureKind.REPEATED,
                "The model repeated itself; Ollama stops after 31 equal pieces",
                "ask again with another seed, a higher temperature or a larger model",
            )
            if repeats
            else Told(FailureKind.CUT, "Ollama ended the reply before it was finished", "ask again")
        )
        return self._make(meaning, self._subject(model, received))

    def pull_ended(self, model: str) -> BackendError:
        """A pull's stream that ended without an error and without success."""
        meaning = Told(
            FailureKind.CUT,
            "The pull broke off",
            f"pull again, it goes on where it was: llmhub pull {one_line(model, 200)}",
        )
        return self._make(meaning, self._subject(model, 0))

    def broken_line(self, line: bytes, model: str, received: int) -> BackendError:
        """A line that is not what the protocol says."""
        if is_page("", line.decode("utf-8", "replace")):
            return self.page(status=200)
        meaning = Told(
            FailureKind.PROTOCOL,
            "Ollama's answer could not be read",
            f"ask again; if it stays so, look what answers at {self._url}",
        )
        detail = Saying(plain(line[:500].decode("utf-8", "replace")))
        return self._make(meaning, self._subject(model, received), saying=detail)

    def page(self, *, status: int) -> BackendError:
        """A web page where JSON should be."""
        meaning = Told(
            FailureKind.PROTOCOL,
            "A web page came instead of an answer",
            "another program or a proxy answers there; correct [ollama] url or OLLAMA_HOST",
        )
        return self._make(meaning, self._url, status=status)

    def not_ollama(self, detail: str, *, status: int | None = None) -> BackendError:
        """An answer that Ollama would not give."""
        meaning = Told(
            FailureKind.PROTOCOL,
            "What answers is another program, or an Ollama too old for this",
            "update Ollama, or correct [ollama] url or OLLAMA_HOST",
        )
        return self._make(meaning, self._url, saying=Saying(one_line(detail)), status=status)

    def still_loaded(self, model: str) -> BackendError:
        """An unload after which the model stays."""
        meaning = Told(FailureKind.BUSY, "The model is still in memory", "stop what uses it, then unload it again")
        return self._make(meaning, self._subject(model, 0))

    def net(
        self, error: NetError, *, doing: Doing, model: str = "", received: int = 0, opened: bool = False
    ) -> BackendError:
        """What went wrong on the wire."""
        saying = Saying(one_line(str(error)))
        if isinstance(error, OfflineError):
            meaning = Told(FailureKind.OFFLINE, "llmhub is offline", "switch offline off, or use this machine's Ollama")
            return self._make(meaning, error.host, saying=saying)
        if isinstance(error, GarbledError):
            meaning = Told(
                FailureKind.PROTOCOL,
                "What answers there does not speak as Ollama does",
                "correct [ollama] url or OLLAMA_HOST",
            )
            return self._make(meaning, self._url, saying=saying)
        if isinstance(error, BrokenError) and opened:
            happened = "The pull broke off: Ollama stopped answering" if doing == "pull" else "Ollama stopped answering"
            again = "pull again, it goes on where it was" if doing == "pull" else "ask again"
            meaning = Told(FailureKind.CUT, happened, f"{self._start_it('start it again if it is gone')}; then {again}")
            return self._make(meaning, self._subject(model, received), saying=saying)
        happened = "Ollama does not answer"
        if isinstance(error, SilentError):
            happened = "Ollama does not answer in time"
        elif isinstance(error, BrokenError):
            happened = "Ollama hung up without an answer"
        return self._make(Told(FailureKind.UNREACHABLE, happened, self._start_it("start it")), self._url, saying=saying)

    def _start_it(self, how: str) -> str:
        if is_loopback(host_of(self._url)):
            return f"{how}: ollama serve"
        return f"{how} on that machine, and let it listen there: OLLAMA_HOST=0.0.0.0 ollama serve"

    def _subject(self, model: str, received: int) -> str:
        name = one_line(model, 200) or self._url
        if not received:
            return name
        return f"{name}, after {received:,} {'token' if received == 1 else 'tokens'} (kept)"

    def _make(
        self, told: Told, subject: str, *, saying: Saying | None = None, status: int | None = None
    ) -> BackendError:
        return BackendError(
            told.kind,
            backend=self._backend,
            happened=told.happened,
            subject=subject,
            remedy=told.remedy,
            detail=saying.text if saying else "",
            status=status,
            prompt_tokens=saying.prompt_tokens if saying else None,
            context_tokens=saying.context_tokens if saying else None,
        )


def is_page(content_type: str, text: str) -> bool:
    """Whether an answer is a web page."""
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    return "text/html" in content_type.lower() or start.startswith(("<!doctype", "<html"))
