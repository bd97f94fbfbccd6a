"""Cloud models: what a provider lists, what it asks, what it billed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from llmhub.core.errors import BackendError

SIMULATED_KEY = "sk-or-v1-simulated"
"""The simulators' key. It opens nothing, so it alone may be sent without TLS, on loopback."""


@dataclass(frozen=True, slots=True)
class CloudModel:
    """One model of a provider's list."""

    id: str
    name: str = ""
    canonical_slug: str | None = None
    context_tokens: int | None = None
    max_completion_tokens: int | None = None
    pricing: Mapping[str, Any] = field(default_factory=dict)
    """The pricing object exactly as it came (strings of dollars per token)."""
    prompt_usd_per_token: Decimal | None = None
    completion_usd_per_token: Decimal | None = None
    """`None` is unknown: a router's "-1" as well. 0 is free."""
    input_modalities: frozenset[str] = frozenset({"text"})
    supported_parameters: frozenset[str] = frozenset()
    reasoning: Mapping[str, Any] | None = None
    hugging_face_id: str | None = None
    """The join key to open weights."""
    expires_on: date | None = None
    alias_target: str | None = None

    @property
    def is_free(self) -> bool:
        """Whether both prices are exactly zero."""
        return self.prompt_usd_per_token == 0 and self.completion_usd_per_token == 0


@dataclass(frozen=True, slots=True)
class CloudEndpoint:
    """One provider that serves a model."""

    provider: str
    tag: str | None = None
    quantization: str | None = None
    context_tokens: int | None = None
    max_completion_tokens: int | None = None
    pricing: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    """0 is good, negative degraded or down."""
    uptime_percent: Decimal | None = None
    latency: Mapping[str, Any] | None = None
    throughput: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CloudListing:
    """A list of models and how old it is."""

    models: tuple[CloudModel, ...] = ()
    fetched_at: datetime | None = None
    from_cache: bool = False
    problem: BackendError | None = field(default=None, compare=False)
    """Why it comes from the cache although a newer one was wanted."""

    def model(self, model_id: str) -> CloudModel | None:
        """The model of that id, or of that dated slug."""
        return next((m for m in self.models if model_id in {m.id, m.canonical_slug}), None)


@dataclass(frozen=True, slots=True)
class KeptPages:
    """A list of models as it is kept on disk: the pages exactly as they came."""

    pages: tuple[str, ...]
    fetched_at: datetime
    """UTC."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What a key may spend; every amount in US dollars."""

    label: str = ""
    limit_usd: Decimal | None = None
    """`None`: no cap."""
    remaining_usd: Decimal | None = None
    limit_reset: str | None = None
    used_usd: Decimal | None = None
    used_today_usd: Decimal | None = None
    used_month_usd: Decimal | None = None
    is_free_tier: bool | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """What became of one request, looked up later."""

    id: str
    total_cost_usd: Decimal | None
    upstream_usd: Decimal | None = None
    is_byok: bool = False
    cancelled: bool | None = None
    provider: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    """Native counts: the ones billed."""
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    finish_reason: str | None = None
    raw: str = ""
    """The record as it came, as text."""
