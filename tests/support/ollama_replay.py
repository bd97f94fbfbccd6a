"""Ollama's backend against the replay server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from llmhub.backends.ollama import Ollama
from llmhub.core.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    SamplingParams,
    Served,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from llmhub.core.errors import BackendError
from llmhub.core.models import PullEvent
from llmhub.net import make_client
from support.replay import Answer, Recording, Replay, Route, replay

HELLO = ChatRequest("qwen3:8b", (Message.of("user", "Hi"),))


@dataclass
class Heard:
    """What came of one chat."""

    events: list[ChatEvent]
    failure: BackendError | None
    asked: dict[str, Any]
    """The body that was sent."""

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def thinking(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ThinkingDelta))

    @property
    def calls(self) -> list[ToolCallDelta]:
        return [event for event in self.events if isinstance(event, ToolCallDelta)]

    @property
    def served(self) -> list[Served]:
        return [event for event in self.events if isinstance(event, Served)]

    @property
    def finished(self) -> Finished:
        """The proper end; the failure is raised where there was one."""
        if self.failure is not None:
            raise self.failure
        assert isinstance(self.events[-1], Finished)
        return self.events[-1]

    @property
    def pieces(self) -> int:
        return sum(event.pieces for event in self.events if isinstance(event, TextDelta | ThinkingDelta))

    @property
    def failed(self) -> BackendError:
        assert self.failure is not None, f"no failure, but {self.events[-1:]}"
        assert not any(isinstance(event, Finished) for event in self.events)
        return self.failure


@asynccontextmanager
async def daemon(routes: Mapping[str, Route], **settings: Any) -> AsyncIterator[tuple[Ollama, Replay]]:
    """Ollama's backend, and the server it talks to."""
    client = make_client()
    async with replay(routes) as server:
        try:
            yield Ollama(client, server.url, **settings), server
        finally:
            await client.aclose()


async def chat(answer: Answer, request: ChatRequest = HELLO, **settings: Any) -> Heard:
    """One chat that is answered so, to its end."""
    async with daemon({"POST /api/chat": answer}, **settings) as (ollama, server):
        events: list[ChatEvent] = []
        failure: BackendError | None = None
        try:
            async with aclosing(ollama.chat(request)) as coming:
                async for event in coming:
                    events.append(event)
        except BackendError as error:
            failure = error
        return Heard(events, failure, server.asked[0].json if server.asked else {})


async def pull(answer: Answer, model: str = "qwen3:8b") -> tuple[list[PullEvent], BackendError | None]:
    """One pull that is answered so, to its end."""
    events: list[PullEvent] = []
    async with daemon({"POST /api/pull": answer}) as (ollama, _):
        try:
            async with aclosing(ollama.pull(model)) as coming:
                async for event in coming:
                    events.append(event)
        except BackendError as error:
            return events, error
    return events, None


def request_of(recording: Recording) -> ChatRequest:
    """The request of ours that comes nearest to the recorded one; what was not sent there is as if unlimited."""
    options = recording.sent.get("options", {})
    num_ctx = options.get("num_ctx")
    return ChatRequest(
        recording.sent["model"],
        tuple(Message.of(message["role"], message["content"]) for message in recording.sent.get("messages", [])),
        SamplingParams(stop=tuple(options.get("stop", ()))),
        think=recording.sent.get("think"),
        num_ctx=num_ctx if isinstance(num_ctx, int) else 4096,
        max_tokens=options.get("num_predict", 10**9),
    )


def merged(events: list[ChatEvent]) -> list[ChatEvent]:
    """Neighbouring deltas of one kind joined: how they fall into pieces of the network is chance."""
    out: list[ChatEvent] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            out[-1] = TextDelta(last.text + event.text, last.pieces + event.pieces)
        elif isinstance(event, ThinkingDelta) and isinstance(last, ThinkingDelta):
            out[-1] = ThinkingDelta(last.text + event.text, last.pieces + event.pieces, last.details + event.details)
        else:
            out.append(event)
    return out
