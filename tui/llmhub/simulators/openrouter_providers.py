"""Who serves the simulated models, and what each does when the client leaves.

Which providers stop billing when a stream is closed, and which finish the answer and bill all of it, is OpenRouter's
own list (openrouter-api.md, section 3, "Cancelling and billing"). Speeds are made up, at the order of magnitude of such
services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

_ANTHROPIC_ENDS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_GOOGLE_ENDS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider behind OpenRouter."""

    name: str
    slug: str
    stops: bool
    """Whether closing the connection stops the answer and its bill; if not, the whole answer is billed."""
    decode_per_s: float = 100.0
    first_token_s: float = 0.5
    caches: Literal["implicit", "explicit", "no"] = "implicit"
    """Whether repeated beginnings are cached by themselves, only where `cache_control` asks for it, or never."""
    usage_in: Literal["empty", "choice"] = "empty"
    """Whether the usage chunk has no choice, or one with an empty delta: both are seen."""
    zdr: bool = False
    """Keeps nothing."""
    collects: bool = False
    """May store or train on prompts: left out by `data_collection: "deny"`."""
    ends: Mapping[str, str] = field(default_factory=dict)
    """Its own words for how an answer ended, where they differ."""

    def native_end(self, reason: str) -> str:
        """`native_finish_reason` for a finish reason."""
        return self.ends.get(reason, reason)


OPENAI = Provider("OpenAI", "openai", stops=True, decode_per_s=110.0, first_token_s=0.45)
AZURE = Provider("Azure", "azure", stops=True, decode_per_s=95.0, first_token_s=0.55, zdr=True)
ANTHROPIC = Provider(
    "Anthropic", "anthropic", stops=True, decode_per_s=78.0, first_token_s=0.7, caches="explicit", usage_in="choice",
    ends=_ANTHROPIC_ENDS,
)  # fmt: skip
BEDROCK = Provider(
    "Amazon Bedrock", "amazon-bedrock", stops=False, decode_per_s=70.0, first_token_s=0.7, caches="explicit",
    usage_in="choice", zdr=True, ends=_ANTHROPIC_ENDS,
)  # fmt: skip
GOOGLE = Provider(
    "Google", "google-vertex", stops=False, decode_per_s=160.0, first_token_s=0.5, zdr=True, ends=_GOOGLE_ENDS
)
AI_STUDIO = Provider(
    "Google AI Studio", "google-ai-studio", stops=False, decode_per_s=170.0, first_token_s=0.45, collects=True,
    ends=_GOOGLE_ENDS,
)  # fmt: skip
GROQ = Provider("Groq", "groq", stops=False, decode_per_s=300.0, first_token_s=0.4, zdr=True)
MISTRAL = Provider("Mistral", "mistral", stops=False, decode_per_s=120.0, first_token_s=0.4, caches="no")
ALIBABA = Provider("Alibaba", "alibaba", stops=False, decode_per_s=85.0, first_token_s=0.6)
DEEPINFRA = Provider("DeepInfra", "deepinfra", stops=True, decode_per_s=98.0, first_token_s=0.41, zdr=True)
NOVITA = Provider("Novita", "novita", stops=True, decode_per_s=72.0, first_token_s=0.64, caches="no")
TOGETHER = Provider("Together", "together", stops=True, decode_per_s=140.0, first_token_s=0.42, usage_in="choice")
FIREWORKS = Provider("Fireworks", "fireworks", stops=True, decode_per_s=150.0, first_token_s=0.4, zdr=True)
DEEPSEEK = Provider("DeepSeek", "deepseek", stops=True, decode_per_s=70.0, first_token_s=0.7, collects=True)
CHUTES = Provider("Chutes", "chutes", stops=True, decode_per_s=75.0, first_token_s=0.7, caches="no", collects=True)
NEBIUS = Provider("Nebius", "nebius", stops=False, decode_per_s=90.0, first_token_s=0.55, caches="no", zdr=True)

PROVIDERS: tuple[Provider, ...] = (
    OPENAI, AZURE, ANTHROPIC, BEDROCK, GOOGLE, AI_STUDIO, GROQ, MISTRAL, ALIBABA, DEEPINFRA, NOVITA, TOGETHER,
    FIREWORKS, DEEPSEEK, CHUTES, NEBIUS,
)  # fmt: skip
