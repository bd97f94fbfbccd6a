"""How a person names a model: `ollama:qwen3:8b`, `openrouter:openai/gpt-4o`, or a bare name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

from llmhub.core.errors import LLMHubError

OLLAMA = "ollama"
OPENROUTER = "openrouter"
BACKENDS = (OLLAMA, OPENROUTER)


class AddressError(LLMHubError):
    """A name that leads nowhere."""


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """A model and the backend that has it."""

    backend: str
    model: str

    def __str__(self) -> str:
        """As a person would type it."""
        return f"{self.backend}:{self.model}"


def model_address(text: str, backends: Collection[str] = (OLLAMA,)) -> ModelAddress:
    """The model that `text` names; a bare name is Ollama's.

    A tag is not mistaken for a backend: `qwen3:8b` is Ollama's model, while `openruter:openai/gpt-4o` is a slip.
    Ollama's own names may carry a host (`hf.co/user/repo:Q4_K_M`, `host:5000/ns/model`); those stay whole.

    Args:
        text: What was typed.
        backends: The entries that can be asked here.

    Raises:
        AddressError: for an empty name, or a backend that is unknown or not set up.
    """
    name = text.strip()
    head, colon, rest = name.partition(":")
    known = {entry.lower(): entry for entry in (*BACKENDS, *backends)}
    if not name:
        raise AddressError(
            "The model's name is empty", "MODEL", "write one, such as qwen3:8b; llmhub models lists yours"
        )
    if colon and head.lower() in known:
        backend = known[head.lower()]
        if backend not in backends:
            entries = ", ".join(f"{entry}:" for entry in backends)
            raise AddressError(f"{backend} is not set up here", text, f"use one of: {entries}")
        if not rest.strip():
            raise AddressError("The model's name is missing", text, f"write {backend}:NAME, such as ollama:qwen3:8b")
        return ModelAddress(backend, rest.strip())
    if colon and _is_prefix(head, rest):
        near = get_close_matches(head.lower(), list(known), n=1, cutoff=0.6)
        hint = f"did you mean {known[near[0]]}:{rest}?" if near else f"write {OLLAMA}:NAME"
        raise AddressError(f"There is no backend called {head}", text, hint)
    return ModelAddress(OLLAMA, name)


def _is_prefix(head: str, rest: str) -> bool:
    """Whether `head:rest` can only be a backend and a model: a tag has neither a slash nor a second colon.

    Apart from `host:port/…`, and from `name:tag:cloud` and `name:tag:local`, which are Ollama's (ollama-api.md,
    section 11).
    """
    if "/" in head or not ("/" in rest or ":" in rest):
        return False
    if rest.split("/")[0].isdigit():
        return False
    return not (rest.count(":") == 1 and "/" not in rest and rest.endswith((":cloud", ":local")))
