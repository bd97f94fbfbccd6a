"""A simulated model of the cloud, the endpoints that serve it, and both as OpenRouter lists them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from llmhub.simulators.openrouter_prices import Pricing, listed
from llmhub.simulators.openrouter_providers import Provider

DESCRIPTION = "Simulated. Nothing about this model is meant to be true, its price least of all."
USUAL = (
    "frequency_penalty", "max_tokens", "presence_penalty", "response_format", "seed", "stop", "structured_outputs",
    "temperature", "tool_choice", "tools", "top_p",
)  # fmt: skip
"""What most models can be asked for (contract example of the list)."""
THINKING = ("include_reasoning", "reasoning")
_MODALITIES = ("text", "image", "audio", "file", "video")


@dataclass(frozen=True, slots=True)
class SimEndpoint:
    """One provider's offer of one model."""

    provider: Provider
    pricing: Pricing
    quantization: str | None = "unknown"
    context_length: int = 0
    max_completion_tokens: int | None = None
    status: int = 0
    """0 good, negative degraded or down: such a one is asked last."""
    tier: Literal["", "flex", "priority"] = ""
    """A tier serves only who asks for it."""
    caches: bool = True
    decode_per_s: float | None = None
    first_token_s: float | None = None

    @property
    def tag(self) -> str:
        """Its routing slug: `deepinfra/bf16`, `openai/priority`."""
        suffix = self.tier or (self.quantization if self.quantization not in (None, "unknown") else "")
        return f"{self.provider.slug}/{suffix}" if suffix else self.provider.slug

    @property
    def rate(self) -> float:
        """Tokens a second of its answers."""
        return self.decode_per_s if self.decode_per_s is not None else self.provider.decode_per_s

    @property
    def delay_s(self) -> float:
        """Seconds before its first token."""
        return self.first_token_s if self.first_token_s is not None else self.provider.first_token_s


@dataclass(frozen=True, slots=True)
class SimCloudModel:
    """One model of the list."""

    id: str
    name: str
    pricing: Pricing
    endpoints: tuple[SimEndpoint, ...] = ()
    created: int = 1_771_000_000
    canonical_slug: str = ""
    hugging_face_id: str | None = None
    context_length: int = 131072
    max_completion_tokens: int | None = None
    top_context: bool = True
    """Whether `top_provider` says a context length."""
    inputs: tuple[str, ...] = ("text",)
    tokenizer: str = "Other"
    instruct_type: str | None = None
    is_moderated: bool = False
    parameters: tuple[str, ...] = USUAL
    default_parameters: Mapping[str, Any] | None = None
    knowledge_cutoff: str | None = None
    expires_in_days: int | None = None
    """Counted from the day of asking, so that it is always near and never past."""
    reasoning: Mapping[str, Any] | None = None
    thoughts: Literal["signed", "summary", "text"] = "text"
    """How its reasoning comes: text with a signature, a summary and sealed text, or text alone."""
    alias_of: str | None = None
    routes_to: tuple[str, ...] = ()
    """A router picks one of these."""
    unlimited: bool = False
    """A benchmark's model: no limit shortens it."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """The dated, stable name."""
        return self.canonical_slug or self.id

    @property
    def served(self) -> str:
        """What an answer says it came from: the dated name, a free variant still marked as one."""
        return f"{self.slug}:free" if self.is_free and not self.slug.endswith(":free") else self.slug

    @property
    def is_free(self) -> bool:
        """Whether it is the free variant of a model."""
        return self.id.endswith(":free")

    def architecture(self) -> dict[str, Any]:
        """The `architecture` block."""
        inputs = [kind for kind in _MODALITIES if kind in self.inputs]
        return {
            "modality": "+".join(inputs) + "->text",
            "input_modalities": inputs,
            "output_modalities": ["text"],
            "tokenizer": self.tokenizer,
            "instruct_type": self.instruct_type,
        }

    def body(self, at: datetime, alias: SimCloudModel | None = None) -> dict[str, Any]:
        """Its row in the list at a moment (UTC); `alias` is what it stands for, if it is an alias."""
        expiry = None
        if self.expires_in_days is not None:
            expiry = (at + timedelta(days=self.expires_in_days)).date().isoformat()
        row: dict[str, Any] = {
            "id": self.id,
            "canonical_slug": self.slug,
            "hugging_face_id": self.hugging_face_id,
            "name": self.name,
            "created": self.created,
            "description": DESCRIPTION,
            "context_length": self.context_length,
            "architecture": self.architecture(),
            "pricing": listed(self.pricing, at),
            "top_provider": {
                "context_length": self.context_length if self.top_context else None,
                "max_completion_tokens": self.max_completion_tokens,
                "is_moderated": self.is_moderated,
            },
            "per_request_limits": None,
            "supported_parameters": list(self.parameters),
            "default_parameters": None if self.default_parameters is None else dict(self.default_parameters),
            "supported_voices": None,
            "knowledge_cutoff": self.knowledge_cutoff,
            "expiration_date": expiry,
            "links": {"details": f"/api/v1/models/{self.slug}/endpoints"},
        }
        if self.reasoning is not None:
            row["reasoning"] = dict(self.reasoning)
        if alias is not None:
            row["alias_target"] = {"slug": alias.id, "name": alias.name}
        return row

    def endpoints_body(self, at: datetime, *, with_key: bool) -> dict[str, Any]:
        """The reply of `/models/{author}/{slug}/endpoints`; statistics are for who has a key."""
        return {
            "id": self.id,
            "name": self.name,
            "created": self.created,
            "description": DESCRIPTION,
            "architecture": self.architecture(),
            "endpoints": [self._endpoint_body(endpoint, at, with_key=with_key) for endpoint in self.endpoints],
        }

    def _endpoint_body(self, endpoint: SimEndpoint, at: datetime, *, with_key: bool) -> dict[str, Any]:
        seed = zlib.crc32(f"{self.id} {endpoint.tag}".encode())
        up = endpoint.status >= 0
        shown = with_key and up
        return {
            "name": f"{endpoint.provider.name} | {self.slug}",
            "model_id": self.id,
            "model_name": self.name,
            "context_length": endpoint.context_length or self.context_length,
            "pricing": {"discount": 0, **listed(endpoint.pricing, at)},
            "provider_name": endpoint.provider.name,
            "tag": endpoint.tag,
            "quantization": endpoint.quantization,
            "max_completion_tokens": endpoint.max_completion_tokens or self.max_completion_tokens,
            "max_prompt_tokens": None,
            "supported_parameters": list(self.parameters),
            "status": endpoint.status,
            "uptime_last_5m": 100 if up else None,
            "uptime_last_30m": 100 - seed % 90 / 100 if up else None,
            "uptime_last_1d": (99.9 if up else 91.9) - seed % 80 / 100,
            "supports_implicit_caching": caches_by_itself(endpoint),
            "latency_last_30m": _percentiles(endpoint.delay_s * 1000, (1.0, 1.27, 1.9, 4.3)) if shown else None,
            "throughput_last_30m": _percentiles(endpoint.rate, (1.0, 0.9, 0.75, 0.4)) if shown else None,
        }


def caches_by_itself(endpoint: SimEndpoint) -> bool:
    """Whether a repeated beginning is cached there without being asked for."""
    return endpoint.caches and endpoint.provider.caches == "implicit" and "input_cache_read" in endpoint.pricing


def _percentiles(middle: float, factors: tuple[float, ...]) -> dict[str, float]:
    # of throughput the high percentiles are the slow end (openrouter-api.md, section 2)
    return {f"p{n}": round(middle * factor, 1) for n, factor in zip((50, 75, 90, 99), factors, strict=True)}
