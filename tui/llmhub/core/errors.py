"""What can go wrong, always in three parts: what happened, to what, what to do."""

from __future__ import annotations

from enum import StrEnum


class LLMHubError(Exception):
    """An expected failure, told in three parts.

    Args:
        happened: What happened, a clause without a full stop ("Ollama refused the request").
        subject: To what ("qwen3:8b, after 212 tokens (kept)").
        remedy: What the person can do ("pull it first: llmhub pull qwen3:8b").
    """

    def __init__(self, happened: str, subject: str, remedy: str) -> None:
        super().__init__(happened, subject, remedy)
        self.happened = happened
        self.subject = subject
        self.remedy = remedy

    def __str__(self) -> str:
        """All three parts on one line."""
        return f"{self.happened} · {self.subject} · {self.remedy}"


class ConfigError(LLMHubError):
    """A setting cannot be used as it stands."""


class StorageError(LLMHubError):
    """Something could not be written to disk, or read from it."""


class FailureKind(StrEnum):
    """Why a backend did not deliver; what a screen offers depends on it."""

    UNREACHABLE = "unreachable"
    """Nothing answered at the address."""
    NOT_FOUND = "not_found"
    """The model is not installed, or the name is unknown to the registry."""
    REFUSED = "refused"
    """It answered no: a bad request, no rights, no credit."""
    OVERFLOW = "overflow"
    """The prompt is longer than the context."""
    MEMORY = "memory"
    """The engine could not load or died, probably for want of memory."""
    BUSY = "busy"
    """Too many requests, or out of order at present; try again later."""
    CUT = "cut"
    """The stream ended without its final part."""
    REPEATED = "repeated"
    """The model repeated itself and the daemon stopped it."""
    PROTOCOL = "protocol"
    """What came is not what the protocol says: broken JSON, a web page."""
    DISK = "disk"
    """No space left where models are kept."""
    KEY = "key"
    """There is no key, or the provider does not take it."""
    CREDIT = "credit"
    """The account or the key may spend no more."""
    RATE = "rate"
    """Asked too often; the message says when to ask again."""
    MODERATED = "moderated"
    """A guardrail or a moderation refused it."""
    OFFLINE = "offline"
    """llmhub itself refused: the offline switch is on."""


class BackendError(LLMHubError):
    """A backend did not deliver. A vendor's own exceptions never leave its module.

    Attributes:
        kind: Why, for the program.
        backend: The configured entry's name.
        status: HTTP status when there was one.
        detail: The backend's own words, already stripped of control characters; may be empty.
    """

    def __init__(
        self,
        kind: FailureKind,
        *,
        backend: str,
        happened: str,
        subject: str,
        remedy: str,
        detail: str = "",
        status: int | None = None,
        prompt_tokens: int | None = None,
        context_tokens: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(happened, subject, remedy)
        self.kind = kind
        self.backend = backend
        self.detail = detail
        self.status = status
        self.prompt_tokens = prompt_tokens
        """For `OVERFLOW`: the true length of the prompt, when the backend told it."""
        self.context_tokens = context_tokens
        """For `OVERFLOW`: the context in force, when the backend told it."""
        self.retry_after_s = retry_after_s
        """For `RATE` and `BUSY`: seconds after which to ask again, when the backend told them."""
