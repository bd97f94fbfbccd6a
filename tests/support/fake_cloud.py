"""A provider in memory: what it lists, says, bills and refuses is what the test set; nothing waits but for an event."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmhub.core.chat import Accepted, Bill, ChatEvent, ChatRequest, Finished, Served, TextDelta, Usage
from llmhub.core.cloud import CloudEndpoint, CloudListing, CloudModel, Generation, KeyInfo
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.places import Place, PlaceKind

CloudStep = ChatEvent | asyncio.Event | BackendError
"""One step of a chat script: an event to send, a gate to wait at, or a failure to raise."""
GenerationStep = Generation | None | BackendError
"""One answer to a look-up: the record, not there yet, or a failure to raise."""

FETCHED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OPENROUTER = Place(PlaceKind.PROVIDER, "OpenRouter")


def priced_model(
    model_id: str,
    prompt: str = "0.00000015",
    completion: str = "0.0000006",
    *,
    name: str = "",
    hugging_face_id: str | None = None,
    context_tokens: int | None = 131_072,
    max_completion_tokens: int | None = 32_768,
    canonical_slug: str | None = None,
    **pricing: Any,
) -> CloudModel:
    """A listed model at these prices, dollars per token as the provider writes them; more keys go into the pricing."""

    def price(text: str) -> Decimal | None:
        return None if text.startswith("-") else Decimal(text)

    return CloudModel(
        model_id,
        name or model_id,
        canonical_slug=canonical_slug or f"{model_id}-20260815",
        context_tokens=context_tokens,
        max_completion_tokens=max_completion_tokens,
        pricing={"prompt": prompt, "completion": completion, **pricing},
        prompt_usd_per_token=price(prompt),
        completion_usd_per_token=price(completion),
        supported_parameters=frozenset({"max_tokens", "temperature", "tools"}),
        hugging_face_id=hugging_face_id,
    )


def bill(cost: str | None, *, is_byok: bool = False, upstream: str | None = None) -> Bill:
    """What a provider says it charged."""
    raw = {"cost": cost, "is_byok": is_byok, "cost_details": {"upstream_inference_cost": upstream}}
    return Bill(
        None if cost is None else Decimal(cost),
        json.dumps(raw),
        is_byok=is_byok,
        upstream_usd=None if upstream is None else Decimal(upstream),
    )


def cloud_failure(
    kind: FailureKind = FailureKind.REFUSED,
    *,
    happened: str = "OpenRouter refused",
    subject: str = "the request",
    remedy: str = "try again",
    detail: str = "",
    status: int | None = None,
) -> BackendError:
    """A `BackendError` of the provider's."""
    return BackendError(
        kind, backend="openrouter", happened=happened, subject=subject, remedy=remedy, detail=detail, status=status
    )


def no_connection() -> BackendError:
    """What every call raises while the provider cannot be reached."""
    return cloud_failure(
        FailureKind.UNREACHABLE,
        happened="Nothing answers",
        subject="OpenRouter at https://openrouter.ai/api/v1",
        remedy="look at your network",
    )


class FakeCloud:
    """Implements `core.ports.CloudHost` in memory.

    Attributes that a test sets: `listed`, `served_by`, `chat_scripts` (`will_say`), `generations` (`will_bill`), `key`,
    `has_key`, `failures` (by method name, raised until taken away), `gates` (by method name, waited for), `down`,
    `offline`.
    What it tells: `calls`, `requests`, `open_chats`, `closed_early`, `generation_ids`.
    """

    def __init__(
        self,
        *models: CloudModel,
        name: str = "openrouter",
        url: str = "https://openrouter.ai/api/v1",
        has_key: bool = True,
    ) -> None:
        self.name = name
        self.url = url
        self.place = OPENROUTER
        self.has_key = has_key
        self.listed: list[CloudModel] = list(models)
        self.fetched_at: datetime | None = FETCHED
        self.from_cache = False
        self.served_by: dict[str, tuple[CloudEndpoint, ...]] = {}
        self.key = KeyInfo("a key", Decimal(10), Decimal("4.12"), None, Decimal("5.88"), Decimal("0.31"), Decimal(2))
        self.chat_scripts: dict[str, deque[list[CloudStep]]] = defaultdict(deque)
        self.generations: dict[str, deque[GenerationStep]] = defaultdict(deque)
        self.failures: dict[str, BackendError] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.down = False
        self.offline = False
        self.calls: list[tuple[str, str]] = []
        self.requests: list[ChatRequest] = []
        self.generation_ids: list[str] = []
        """Of the chats, in order."""
        self.open_chats = 0
        self.closed_early: list[str] = []
        """Models whose chat was closed before its proper end."""

    # -- setting ------------------------------------------------------------------------------

    def will_say(self, model: str, *steps: CloudStep) -> None:
        """The next chat with `model` goes through `steps`; several calls make a queue."""
        self.chat_scripts[model].append(list(steps))

    def will_bill(self, generation_id: str, *answers: GenerationStep) -> None:
        """Look-ups of this id are answered in this order; the last answer stays."""
        self.generations[generation_id].extend(answers)

    # -- the port -----------------------------------------------------------------------------

    async def models(self, *, refresh: bool = False) -> CloudListing:
        """See `CloudHost.models`."""
        await self._enter("models", "refresh" if refresh else "")
        return CloudListing(tuple(self.listed), self.fetched_at, self.from_cache)

    async def endpoints(self, model: str) -> tuple[CloudEndpoint, ...]:
        """See `CloudHost.endpoints`."""
        await self._enter("endpoints", model)
        known = self._find(model)
        return self.served_by.get(model, (CloudEndpoint("DeepInfra", "deepinfra/bf16", "bf16", pricing=known.pricing),))

    async def key_info(self) -> KeyInfo:
        """See `CloudHost.key_info`."""
        await self._enter("key_info")
        if not self.has_key:
            raise self._no_key()
        return self.key

    async def generation(self, generation_id: str) -> Generation | None:
        """See `CloudHost.generation`. Without an answer set: not known yet."""
        await self._enter("generation", generation_id)
        answers = self.generations[generation_id]
        answer = (answers.popleft() if len(answers) > 1 else answers[0]) if answers else None
        if isinstance(answer, BackendError):
            raise answer
        return answer

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See `Backend.chat`. Without a script: a short answer, its counts and its bill."""
        self.requests.append(request)
        await self._enter("chat", request.model)
        if not self.has_key:
            raise self._no_key()
        script = self.chat_scripts[request.model]
        steps = script.popleft() if script else self._answer(request)
        self.generation_ids += [step.generation_id or "" for step in steps if isinstance(step, Accepted)]
        ended = False
        self.open_chats += 1
        try:
            for step in steps:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, BackendError):
                    ended = True
                    raise step
                else:
                    ended = isinstance(step, Finished)
                    yield step
            ended = True
        finally:
            self.open_chats -= 1
            if not ended:
                self.closed_early.append(request.model)

    # -- inside -------------------------------------------------------------------------------

    async def _enter(self, method: str, subject: str = "") -> None:
        self.calls.append((method, subject))
        if gate := self.gates.get(method):
            await gate.wait()
        if self.offline:
            raise cloud_failure(FailureKind.OFFLINE, happened="llmhub is offline", remedy="turn the switch off")
        if self.down:
            raise no_connection()
        if told := self.failures.get(method):
            raise told

    def _find(self, model: str) -> CloudModel:
        for known in self.listed:
            if model in {known.id, known.canonical_slug}:
                return known
        raise cloud_failure(
            FailureKind.NOT_FOUND, happened="OpenRouter does not know this model", subject=model, status=404
        )

    def _no_key(self) -> BackendError:
        return cloud_failure(
            happened="OpenRouter needs a key", remedy="set one: llmhub keys set openrouter", status=401
        )

    def _answer(self, request: ChatRequest) -> list[CloudStep]:
        known = self._find(request.model)
        prompt = (known.prompt_usd_per_token or Decimal(0)) * 12
        cost = prompt + (known.completion_usd_per_token or Decimal(0)) * 5
        return [
            Accepted(f"gen-{len(self.requests)}"),
            Served(Place(PlaceKind.PROVIDER, "DeepInfra"), request.model, "DeepInfra"),
            TextDelta(f"Hello from {request.model}.", pieces=5),
            Finished("stop", Usage(12, 5, source="provider"), bill=bill(format(cost, "f"))),
        ]
