"""Watching a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from llmhub.core import watch as watch_module
from llmhub.core.errors import FailureKind
from llmhub.core.models import ModelDetails
from llmhub.core.watch import HostState, HostWatch
from support.fake_host import FakeHost, failure, installed_model


class Seen(list[HostState]):
    """The states that were told, and a way to wait for the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._came = asyncio.Event()

    def __call__(self, state: HostState) -> None:
        self.append(state)
        self._came.set()

    async def reached(self, number: int) -> None:
        async with asyncio.timeout(5):
            while len(self) < number:
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def watching(host: FakeHost) -> AsyncIterator[tuple[HostWatch, Seen]]:
    seen = Seen()
    watch = HostWatch(host, seen)
    task = asyncio.create_task(watch.run())
    try:
        yield watch, seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_before_the_first_look_nothing_is_claimed() -> None:
    watch = HostWatch(FakeHost(), lambda _: None)

    assert (watch.state.looked, watch.state.alive, watch.state.error) == (False, False, None)


async def test_a_look_tells_who_answers_what_is_installed_and_what_is_loaded() -> None:
    host = FakeHost(installed_model("qwen3:8b"))
    host.loaded_as("qwen3:8b")

    async with watching(host) as (watch, seen):
        await seen.reached(1)

    state = seen[0]
    assert state.alive
    assert state.info is not None
    assert state.info.version == "0.32.15"
    assert [model.name for model in state.installed] == ["qwen3:8b"]
    assert [model.name for model in state.loaded] == ["qwen3:8b"]
    assert watch.state is state


async def test_nothing_is_told_while_nothing_changes() -> None:
    host = FakeHost(installed_model("qwen3:8b"))
    seen = Seen()
    watch = HostWatch(host, seen)

    for _ in range(3):
        await watch.look()

    assert len(seen) == 1


async def test_a_poke_looks_at_once() -> None:
    host = FakeHost()

    async with watching(host) as (watch, seen):
        await seen.reached(1)
        host.models.append(installed_model("new:1b"))
        watch.poke()
        await seen.reached(2)

    assert [model.name for model in seen[1].installed] == ["new:1b"]


async def test_a_daemon_that_dies_leaves_its_error_and_the_list_but_nothing_loaded() -> None:
    host = FakeHost(installed_model("qwen3:8b"))
    host.loaded_as("qwen3:8b")

    async with watching(host) as (watch, seen):
        await seen.reached(1)
        host.down = True
        watch.poke()
        await seen.reached(2)

    state = seen[1]
    assert not state.alive
    assert state.error is not None
    assert state.error.kind is FailureKind.UNREACHABLE
    assert (state.info, state.loaded) == (None, ())
    assert [model.name for model in state.installed] == ["qwen3:8b"]


async def test_the_same_failure_again_is_not_news_and_another_one_is() -> None:
    host = FakeHost()
    host.down = True
    seen = Seen()
    watch = HostWatch(host, seen)

    await watch.look()
    await watch.look()
    host.down = False
    host.failures["info"] = failure(FailureKind.PROTOCOL, happened="A web page came", subject="here", remedy="look")
    await watch.look()

    assert [state.error and state.error.kind for state in seen] == [FailureKind.UNREACHABLE, FailureKind.PROTOCOL]


async def test_the_watch_goes_on_by_itself_once_a_daemon_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "MISSING_S", 0.01)
    host = FakeHost(installed_model("qwen3:8b"))
    host.down = True

    async with watching(host) as (_, seen):
        await seen.reached(1)
        host.down = False
        await seen.reached(2)

    assert seen[1].alive
    assert seen[1].error is None


async def test_a_daemon_that_came_back_is_asked_again_who_it_is() -> None:
    host = FakeHost()
    seen = Seen()
    watch = HostWatch(host, seen)
    await watch.look()
    host.down = True
    await watch.look()
    host.down = False
    host.version = "0.33.0"

    state = await watch.look()

    assert state.info is not None
    assert state.info.version == "0.33.0"


async def test_an_older_answer_never_comes_after_a_newer_one() -> None:
    host = FakeHost(installed_model("old:1b"))
    host.gates["loaded"] = gate = asyncio.Event()
    watch = HostWatch(host, lambda _: None)
    first = asyncio.create_task(watch.look())
    while ("loaded", "") not in host.calls:
        await asyncio.sleep(0)

    second = asyncio.create_task(watch.look())
    await asyncio.sleep(0)
    host.models = [installed_model("new:1b")]
    gate.set()
    await asyncio.gather(first, second)

    assert [model.name for model in watch.state.installed] == ["new:1b"]


def test_a_name_without_a_tag_means_latest() -> None:
    state = HostState(installed=(installed_model("llama3.2:latest"), installed_model("host:5000/me/mine:latest")))

    assert state.model("llama3.2") is state.installed[0]
    assert state.model("host:5000/me/mine") is state.installed[1]
    assert state.model("llama3.2:1b") is None


async def test_what_the_list_does_not_tell_is_asked_of_each_model_once() -> None:
    host = FakeHost(installed_model("old:7b", capabilities=None, context_trained=None), installed_model("new:8b"))
    host.shown["old:7b"] = ModelDetails("old:7b", context_trained=32_768, capabilities=frozenset({"completion"}))

    async with watching(host) as (watch, seen):
        await seen.reached(2)
        watch.poke()
        host.loaded_as("new:8b")
        await seen.reached(3)

    assert [model.context_trained for model in seen[0].installed] == [None, seen[0].installed[1].context_trained]
    assert seen[1].installed[0].context_trained == 32_768
    assert seen[2].installed[0].capabilities == frozenset({"completion"})
    assert [call for call in host.calls if call[0] == "details"] == [("details", "old:7b")]


async def test_a_model_that_cannot_be_asked_about_is_asked_once_and_stays_as_it_is() -> None:
    host = FakeHost(installed_model("old:7b", capabilities=None))
    host.failures["details"] = failure(FailureKind.REFUSED)

    async with watching(host) as (watch, seen):
        await seen.reached(1)
        watch.poke()
        host.loaded_as("old:7b")
        await seen.reached(2)

    assert seen[1].installed[0].capabilities is None
    assert [call[0] for call in host.calls].count("details") == 1
