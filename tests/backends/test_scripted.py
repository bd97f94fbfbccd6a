"""The scripted host does what its script says."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from llmhub.backends.scripted import Gate, Pause, Scripted, reply
from llmhub.core.chat import Accepted, ChatEvent, Finished, Served, TextDelta, ThinkingDelta
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.models import InstalledModel, PullEvent
from llmhub.core.places import THIS_MACHINE
from llmhub.core.ports import ModelHost
from support.ollama_replay import HELLO, merged

GONE = BackendError(FailureKind.CUT, backend="ollama", happened="gone", subject="m", remedy="ask again")
MODEL = InstalledModel("qwen3:8b", THIS_MACHINE, 5_000)


async def test_a_reply_is_its_words_and_a_proper_end() -> None:
    host: ModelHost = Scripted(reply("one two", thinking="hm so"))

    events = [event async for event in host.chat(HELLO)]

    assert [type(event) for event in events] == [
        Accepted, Served, ThinkingDelta, ThinkingDelta, TextDelta, TextDelta, Finished,
    ]  # fmt: skip
    assert merged(events)[2:4] == [ThinkingDelta("hm so", 2), TextDelta("one two", 2)]
    assert isinstance(events[-1], Finished)
    assert events[-1].usage.completion == 4


async def test_a_script_can_be_made_from_the_request() -> None:
    host = Scripted(lambda request: reply(f"you said {request.messages[-1].text}"))

    events: list[ChatEvent] = [event async for event in host.chat(HELLO)]

    assert isinstance(merged(events)[2], TextDelta)
    assert host.requests == [HELLO]


async def test_a_failure_is_raised_where_it_stands() -> None:
    host = Scripted([Accepted(), TextDelta("a"), Pause(0), GONE])
    events: list[ChatEvent] = []

    async def listen() -> None:
        async for event in host.chat(HELLO):
            events.append(event)

    with pytest.raises(BackendError):
        await listen()
    assert events == [Accepted(), TextDelta("a")]
    assert host.closed == 0


async def test_closing_before_the_end_is_noticed() -> None:
    gate = asyncio.Event()
    host = Scripted([Accepted(), Gate(gate), TextDelta("never")])

    async with aclosing(host.chat(HELLO)) as events:
        async for _ in events:
            break

    assert host.closed == 1


async def test_a_gate_waits_for_the_test() -> None:
    gate = asyncio.Event()
    host = Scripted([Gate(gate), *reply("x")])
    listening = asyncio.create_task(anext(host.chat(HELLO)))
    await asyncio.sleep(0)
    assert not listening.done()

    gate.set()

    assert await listening == Accepted()


async def test_models_are_loaded_unloaded_copied_and_deleted() -> None:
    host = Scripted(installed=[MODEL])

    await host.load("qwen3:8b", 4096, -1)
    loaded = await host.loaded()
    await host.unload("QWEN3:8b")
    await host.copy("qwen3:8b", "mine:latest")
    await host.delete("qwen3:8b")

    assert [(model.name, model.context_tokens, model.never_expires) for model in loaded] == [("qwen3:8b", 4096, True)]
    assert await host.loaded() == ()
    assert [model.name for model in await host.installed()] == ["mine:latest"]


async def test_what_is_not_there_is_not_found() -> None:
    host = Scripted()

    for call in (host.load("x", 1), host.delete("x"), host.details("x"), anext(host.pull("x"))):
        with pytest.raises(BackendError) as raised:
            await call
        assert raised.value.kind is FailureKind.NOT_FOUND


async def test_a_pull_plays_its_script() -> None:
    host = Scripted(pulls={"big": [PullEvent("pulling manifest"), Pause(0), PullEvent("success")]})

    events = [event async for event in host.pull("big:latest", insecure=True)]

    assert [event.status for event in events] == ["pulling manifest", "success"]
    assert host.pulled == [("big:latest", True)]
