"""What was spent, what became of every request, and which beginnings of prompts are remembered."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmhub.simulators.openrouter_prices import Counts, Price
from llmhub.simulators.openrouter_routing import Chosen
from llmhub.simulators.openrouter_script import OpenRouterScript

_NS = 1_000_000_000
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_KEEP = 5000
"""Requests and beginnings that are remembered at most."""
ZERO = Decimal(0)


@dataclass(eq=False, slots=True)
class GenerationRecord:
    """One request, as `/generation` will tell it. Amounts are US dollars, moments nanoseconds since 1970."""

    id: str
    chosen: Chosen
    begun_ns: int
    streamed: bool
    headers: dict[str, str]
    session_id: str | None = None
    counts: Counts = Counts()
    normalised: tuple[int, int] = (0, 0)
    """Prompt and completion tokens as one vocabulary for all models counts them; not the ones billed."""
    price: Price = Price(ZERO, ZERO, ZERO, ZERO)
    cost_usd: Decimal = ZERO
    """What OpenRouter charges; with a key of one's own its fee alone."""
    upstream_usd: Decimal = ZERO
    is_byok: bool = False
    cancelled: bool = False
    finish: str | None = None
    first_ns: int = 0
    ended_ns: int = 0
    misses: int = 0
    """So many more look-ups answer 404."""

    @property
    def settled(self) -> bool:
        """Whether it has ended and is booked."""
        return bool(self.ended_ns)

    def body(self) -> dict[str, Any]:
        """The record (contract examples `openrouter-generation*`)."""
        model, provider = self.chosen.model, self.chosen.endpoint.provider
        seed = hashlib.sha256(self.id.encode()).hexdigest()
        native = None if self.finish is None else provider.native_end(self.finish)
        latency_ns = (self.first_ns or self.ended_ns) - self.begun_ns
        return {
            "id": self.id,
            "upstream_id": f"chatcmpl-{seed[:24]}",
            "request_id": self.request_id,
            "model": model.served,
            "provider_name": provider.name,
            "api_type": "completions",
            "router": self.chosen.router,
            "created_at": datetime.fromtimestamp(self.begun_ns / _NS, UTC).isoformat(timespec="microseconds"),
            "data_region": "global",
            "origin": self.headers.get("http-referer", ""),
            "http_referer": self.headers.get("http-referer"),
            "user_agent": self.headers.get("user-agent"),
            "app_id": 12345 if "http-referer" in self.headers else None,
            "external_user": None,
            "session_id": self.session_id,
            "preset_id": None,
            "service_tier": self.chosen.endpoint.tier or None,
            "web_search_engine": None,
            "workspace_id": None,
            "streamed": self.streamed,
            "cancelled": self.cancelled,
            "is_byok": self.is_byok,
            "cache_discount": self.price.saved or None,
            "upstream_inference_cost": self.upstream_usd if self.is_byok else 0,
            "moderation_latency": 84 if model.is_moderated else None,
            "finish_reason": self.finish,
            "native_finish_reason": native,
            "num_media_prompt": self.counts.images or None,
            "num_input_audio_prompt": None,
            "num_media_completion": None,
            "num_search_results": None,
            "num_fetches": 0,
            "native_tokens_completion_images": None,
            "provider_responses": None,
            "total_cost": self.cost_usd,
            "usage": self.cost_usd,
            "latency": round(latency_ns / 1e6),
            "generation_time": round((self.ended_ns - (self.first_ns or self.ended_ns)) / 1e6),
            "tokens_prompt": self.normalised[0],
            "tokens_completion": self.normalised[1],
            "native_tokens_prompt": self.counts.prompt,
            "native_tokens_completion": self.counts.completion,
            "native_tokens_reasoning": self.counts.reasoning,
            "native_tokens_cached": self.counts.cached,
        }

    @property
    def request_id(self) -> str:
        """Its other name."""
        return f"req-{self.begun_ns // _NS}-{hashlib.sha256(self.id.encode()).hexdigest()[:20]}"

    def usage(self) -> dict[str, Any]:
        """The usage of the last chunk, or of the whole reply."""
        counts = self.counts
        return {
            "prompt_tokens": counts.prompt,
            "completion_tokens": counts.completion,
            "total_tokens": counts.prompt + counts.completion,
            "cost": self.cost_usd,
            "is_byok": self.is_byok,
            "prompt_tokens_details": {
                "cached_tokens": counts.cached,
                "cache_write_tokens": counts.written,
                "audio_tokens": 0,
                "video_tokens": 0,
            },
            "cost_details": {
                "upstream_inference_cost": self.upstream_usd if self.is_byok else None,
                "upstream_inference_prompt_cost": self.price.prompt,
                "upstream_inference_completions_cost": self.price.completion,
            },
            "completion_tokens_details": {"reasoning_tokens": counts.reasoning, "audio_tokens": 0},
        }


@dataclass(slots=True)
class Account:
    """The money of the one ordinary key, and its requests."""

    script: OpenRouterScript
    spent_usd: Decimal = ZERO
    """Since the simulator started."""
    upstream_usd: Decimal = ZERO
    """What providers billed to keys of the account's own."""
    generations: dict[str, GenerationRecord] = field(default_factory=dict)
    _free_ns: deque[int] = field(default_factory=deque)

    @property
    def remaining_usd(self) -> Decimal | None:
        """What the key may still spend; `None`: no cap."""
        if self.script.limit_usd is None:
            return None
        used = self.script.used_month_usd if self.script.limit_reset == "monthly" else self.script.used_usd
        return self.script.limit_usd - used - self.spent_usd

    def may_spend(self, *, free: bool) -> bool:
        """Whether a request is let through: a used-up limit stops paid models, a negative balance all of them."""
        balance = self.script.credits_usd - self.script.used_usd - self.spent_usd
        if balance < 0:
            return False
        return free or ((self.remaining_usd is None or self.remaining_usd > 0) and balance > 0)

    def free_wait_s(self, now_ns: int) -> int:
        """Count a request to a free model; seconds to wait when there were too many within a minute, else 0."""
        while self._free_ns and self._free_ns[0] <= now_ns - 60 * _NS:
            self._free_ns.popleft()
        if len(self._free_ns) >= self.script.free_per_minute:
            return 1 + (self._free_ns[0] + 60 * _NS - now_ns) // _NS
        self._free_ns.append(now_ns)
        return 0

    def open(
        self, chosen: Chosen, *, now_ns: int, streamed: bool, headers: dict[str, str], session_id: str | None
    ) -> GenerationRecord:
        """Begin a request."""
        digest = hashlib.sha256(f"{len(self.generations)} {now_ns}".encode()).digest()
        letters = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:20])
        record = GenerationRecord(
            f"gen-{now_ns // _NS}-{letters}", chosen, now_ns, streamed, headers, session_id,
            misses=self.script.lookups_unknown,
        )  # fmt: skip
        self.generations[record.id] = record
        if len(self.generations) > _KEEP:
            del self.generations[next(iter(self.generations))]
        return record

    def settle(self, record: GenerationRecord, price: Price, *, now_ns: int) -> None:
        """Book what a request cost; done once, when it ends."""
        record.price, record.ended_ns = price, now_ns
        record.is_byok = self.script.byok
        record.cost_usd = price.total
        if self.script.byok:
            record.upstream_usd, record.cost_usd = price.total, price.total * self.script.byok_fee
            self.upstream_usd += record.upstream_usd
        self.spent_usd += record.cost_usd

    def look_up(self, generation_id: str) -> GenerationRecord | None:
        """The record, once it has ended and was asked for often enough."""
        record = self.generations.get(generation_id)
        if record is None or not record.settled:
            return None
        if record.misses > 0:
            record.misses -= 1
            return None
        return record

    def body(self) -> dict[str, Any]:
        """The reply of `/key`."""
        script, spent, own = self.script, self.spent_usd, self.upstream_usd
        return {
            "label": f"{script.key[:12]}...{script.key[-3:]}",
            "limit": script.limit_usd,
            "limit_reset": script.limit_reset if script.limit_usd is not None else None,
            "limit_remaining": self.remaining_usd,
            "include_byok_in_limit": False,
            "usage": script.used_usd + spent,
            "usage_daily": script.used_today_usd + spent,
            "usage_weekly": script.used_week_usd + spent,
            "usage_monthly": script.used_month_usd + spent,
            "byok_usage": own,
            "byok_usage_daily": own,
            "byok_usage_weekly": own,
            "byok_usage_monthly": own,
            "is_free_tier": script.is_free_tier,
            "is_management_key": False,
            "is_provisioning_key": False,
            "creator_user_id": "user_2yOPcMpKoQhcd4bVgSMlELRaIah",
            "expires_at": None,
            "rate_limit": {
                "requests": 1000,
                "interval": "1h",
                "note": "This field is deprecated and safe to ignore.",
            },
        }


class PromptCache:
    """Beginnings of prompts, each at one endpoint, forgotten after a while without use."""

    def __init__(self, script: OpenRouterScript) -> None:
        self._script = script
        self._known: dict[tuple[str, str, bytes], int] = {}

    def read(self, chosen: Chosen, beginnings: list[bytes], tokens: list[int], now_ns: int) -> int:
        """Tokens of the longest known beginning, whole blocks of them; then all of this one's are known.

        At least one token is always fresh.
        """
        where = (chosen.model.id, chosen.endpoint.tag)
        last = now_ns - round(self._script.cache_s * _NS)
        known = 0
        for at, beginning in enumerate(beginnings):
            if self._known.get((*where, beginning), -1) > last:
                known = sum(tokens[: at + 1])
        for beginning in beginnings:
            self._known.pop((*where, beginning), None)
            self._known[(*where, beginning)] = now_ns
        while len(self._known) > _KEEP:
            del self._known[next(iter(self._known))]
        block = max(1, self._script.cache_block_tokens)
        return max(0, min(known, sum(tokens) - 1)) // block * block
