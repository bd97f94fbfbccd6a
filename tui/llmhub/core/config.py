"""Settings as the rest of llmhub sees them: one frozen value, passed in. Where they come from is `settings`' affair."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmhub.core.limits import DEFAULT_CONTEXT_TOKENS, DEFAULT_MAX_TOKENS

DEFAULT_OLLAMA_URL = "http://127.0.0.1:11434"
DEFAULT_OPENROUTER_URL = "https://openrouter.ai/api/v1"
DEFAULT_THEME = "graphite"
OLLAMA_HOST = "OLLAMA_HOST"
"""The variable that Ollama's own client reads for the address of its daemon."""
KEY_VARIABLE = "OPENROUTER_API_KEY"

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, each with the default that holds when nobody set it."""

    ollama_url: str = DEFAULT_OLLAMA_URL
    """Where the Ollama daemon answers (`[ollama] url`)."""
    openrouter_url: str = DEFAULT_OPENROUTER_URL
    """Where OpenRouter answers (`[openrouter] url`)."""
    chat_context: int = DEFAULT_CONTEXT_TOKENS
    """Tokens of context a chat asks for (`[chat] context`)."""
    chat_max_tokens: int = DEFAULT_MAX_TOKENS
    """The most tokens of one reply (`[chat] max_tokens`)."""
    profile: Mapping[str, Any] = field(default_factory=_nothing)
    """The assumption profile as it stands in the file (`[profile]`); numbers are `int` or `Decimal`, never `float`."""
    theme: str = DEFAULT_THEME
    """Name of the colour theme (`[ui] theme`)."""
    keymap: Mapping[str, str] = field(default_factory=_nothing)
    """Keys per action, `{"app.quit": "ctrl+q,f10"}` (`[ui.keymap]`)."""
    offline: bool = False
    """Nothing leaves this machine (`offline`, at the top of the file)."""
    proxy: str | None = None
    """A proxy for everything but loopback (`[net] proxy`); `None` leaves it to the environment."""
    ca_file: Path | None = None
    """More certificate authorities to trust (`[net] ca_file`)."""
    day_budget_usd: Decimal | None = None
    """The most that a day may cost, US dollars (`[budget] day_usd`)."""
    month_budget_usd: Decimal | None = None
    """The most that a month may cost, US dollars (`[budget] month_usd`)."""
    memory_bytes: int | None = None
    """Memory that models may have, where the probe is wrong (`[machine] memory`); `None` measures it."""
    sources: Mapping[str, str] = field(default_factory=_nothing, compare=False)
    """Where each set key came from, in words; a key that is not here has its default."""


def parse_memory(text: str) -> int:
    """Bytes of `16GiB`, `24 GB` (a billion each) or `17179869184`.

    Raises:
        ValueError: when it is no positive amount.
    """
    match = _SIZE.fullmatch(text)
    unit = match and _UNITS.get(match[2].lower())
    if not match or unit is None:
        raise ValueError(f"not an amount of memory: {text!r}")
    try:
        amount = int(Decimal(match[1]) * unit)
    except (InvalidOperation, OverflowError) as error:
        raise ValueError(f"not an amount of memory: {text!r}") from error
    if amount <= 0:
        raise ValueError(f"not an amount of memory: {text!r}")
    return amount
