"""OpenRouter's backend against the replay server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from llmhub.backends.openrouter import OpenRouter
from llmhub.core.chat import Accepted, ChatEvent, ChatRequest, Message
from llmhub.core.cloud import SIMULATED_KEY, KeptPages
from llmhub.core.errors import BackendError
from llmhub.net import make_client
from support.ollama_replay import Heard
from support.replay import Answer, Replay, Route, contract_answer, replay

HELLO = ChatRequest("openai/gpt-4o", (Message.of("user", "Hi"),))
CHAT = "POST /api/v1/chat/completions"
MODELS = "GET /api/v1/models"


@dataclass
class CloudHeard(Heard):
    """What came of one chat with a provider."""

    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def accepted(self) -> list[str | None]:
        return [event.generation_id for event in self.events if isinstance(event, Accepted)]


@dataclass
class KeptList:
    """A cache in memory."""

    kept: dict[str, KeptPages] = field(default_factory=dict)

    def load(self, source: str) -> KeptPages | None:
        return self.kept.get(source)

    def save(self, source: str, kept: KeptPages) -> None:
        self.kept[source] = kept


def sse(*chunks: object, done: bool = True) -> Answer:
    """A stream of these chunks."""
    data = [json.dumps(chunk) for chunk in chunks] + (["[DONE]"] if done else [])
    return Answer("".join(f"data: {chunk}\n\n" for chunk in data).encode(), content_type="text/event-stream")


def chunk(delta: object = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "gen-1", "model": "m", "provider": "P", "choices": [choice]} | more


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}


@asynccontextmanager
async def provider(routes: Mapping[str, Route], **settings: Any) -> AsyncIterator[tuple[OpenRouter, Replay]]:
    """OpenRouter's backend, and the server it talks to."""
    client = make_client()
    chosen: dict[str, Any] = {"key": lambda: SIMULATED_KEY, "pause_s": 0.0} | settings
    async with replay(routes) as server:
        try:
            yield OpenRouter(client, f"{server.url}/api/v1", **chosen), server
        finally:
            await client.aclose()


async def listen(openrouter: OpenRouter, request: ChatRequest = HELLO) -> CloudHeard:
    """One chat to its end."""
    events: list[ChatEvent] = []
    failure: BackendError | None = None
    try:
        async with aclosing(openrouter.chat(request)) as coming:
            async for event in coming:
                events.append(event)
    except BackendError as error:
        failure = error
    return CloudHeard(events, failure, {})


async def chat(answer: Route | str, request: ChatRequest = HELLO, **settings: Any) -> CloudHeard:
    """One chat that is answered so (or by the contract file of that name), to its end."""
    route = contract_answer(answer) if isinstance(answer, str) else answer
    async with provider({CHAT: route}, **settings) as (openrouter, server):
        heard = await listen(openrouter, request)
        heard.requests = [asked.json for asked in server.asked]
        heard.asked = heard.requests[0] if heard.requests else {}
        return heard
