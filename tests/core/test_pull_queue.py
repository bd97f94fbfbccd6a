"""The queue of pulls, without a screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.models import Manifest, ManifestLayer, PullEvent
from llmhub.core.pull_queue import PullQueue, PullState, asks_loopback_registry
from support.fake_host import FakeHost, PullStep, failure

LAYER = "sha256:" + "a" * 64


def line(completed: int, total: int = 1000) -> PullEvent:
    return PullEvent("pulling aaaaaaaaaaaa", LAYER, total, completed)


BEGIN, VERIFY, SUCCESS = PullEvent("pulling manifest"), PullEvent("verifying sha256 digest"), PullEvent("success")


class FakeRegistry:
    """Knows what the test says, after the gate if there is one."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes
        self.gate: asyncio.Event | None = None
        self.error: BackendError | None = None

    async def manifest(self, model: str) -> Manifest | None:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        size = self.sizes.get(model)
        return None if size is None else Manifest("f" * 64, (ManifestLayer(LAYER, size, "model"),))


class Bench:
    """A queue with everything around it in the test's hand."""

    def __init__(self) -> None:
        self.host = FakeHost()
        self.registry = FakeRegistry()
        self.now = 100.0
        self.tasks: set[asyncio.Task[Any]] = set()
        self.settled: list[str] = []
        self.remembered: list[tuple[str, ...]] = []
        self.told = 0
        self.queue = PullQueue(
            self.host,
            self.registry,
            spawn=self.spawn,
            settle=self.settle,
            remember=self.remembered.append,
            clock=lambda: self.now,
            tick_s=0.005,
        )
        self.queue.listen(self.tell)

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def settle(self, name: str) -> None:
        self.settled.append(name)

    def tell(self) -> None:
        self.told += 1

    def states(self) -> dict[str, PullState]:
        return {pull.name: pull.state for pull in self.queue.pulls}

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)

    async def close(self) -> None:
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


def held(*before: PullStep) -> tuple[asyncio.Event, list[PullStep]]:
    """Steps that stand at a gate, and succeed once it is open."""
    gate = asyncio.Event()
    return gate, [*before, gate, VERIFY, SUCCESS]


async def test_a_pull_that_succeeds_leaves_the_queue_after_the_list_was_read_again(bench: Bench) -> None:
    bench.queue.add("qwen3:8b")

    assert await bench.queue.finished("qwen3:8b")

    assert bench.queue.pulls == ()
    assert bench.settled == ["qwen3:8b"]
    assert [model.name for model in bench.host.models] == ["qwen3:8b"]


async def test_pulls_run_one_after_the_other_in_the_order_of_asking(bench: Bench) -> None:
    gate, steps = held(BEGIN)
    bench.host.will_pull("a:1", *steps)

    for name in ("a:1", "b:1", "c:1"):
        bench.queue.add(name)
    await bench.until(lambda: bench.host.open_pulls == 1)

    assert bench.states() == {"a:1": "pulling", "b:1": "waiting", "c:1": "waiting"}
    assert [pull.position for pull in bench.queue.pulls] == [None, 1, 2]
    gate.set()
    await bench.queue.finished("c:1")
    assert bench.settled == ["a:1", "b:1", "c:1"]


async def test_the_same_name_is_pulled_once_whatever_its_spelling(bench: Bench) -> None:
    _, steps = held(BEGIN)
    bench.host.will_pull("llama3.2", *steps)

    bench.queue.add("llama3.2")
    bench.queue.add(" Llama3.2:latest ")

    assert [pull.name for pull in bench.queue.pulls] == ["llama3.2"]


async def test_progress_is_that_of_the_whole_model_as_the_registry_tells_it(bench: Bench) -> None:
    bench.registry.sizes["a:1"] = 4000
    _, steps = held(BEGIN, line(500))
    bench.host.will_pull("a:1", *steps)
    bench.queue.add("a:1")

    await bench.until(lambda: (p := bench.queue.active) and p.progress and p.progress.fraction)

    progress = bench.queue.pulls[0].progress
    assert progress is not None
    assert (progress.completed_bytes, progress.total_bytes, progress.fraction) == (500, 4000, 0.125)


async def test_a_registry_that_does_not_answer_holds_nothing_up(bench: Bench) -> None:
    bench.registry.gate = asyncio.Event()

    bench.queue.add("a:1")

    assert await bench.queue.finished("a:1")


async def test_a_registry_that_refuses_costs_only_the_percentage(bench: Bench) -> None:
    bench.registry.error = failure(FailureKind.OFFLINE)
    _, steps = held(BEGIN, line(500))
    bench.host.will_pull("a:1", *steps)
    bench.queue.add("a:1")

    await bench.until(lambda: (p := bench.queue.active) and p.progress and p.progress.completed_bytes)

    progress = bench.queue.pulls[0].progress
    assert progress is not None
    assert (progress.total_bytes, progress.total_is_whole, progress.fraction) == (1000, False, None)


async def test_pausing_closes_the_stream_keeps_the_figure_and_lets_the_next_one_begin(bench: Bench) -> None:
    _, steps = held(BEGIN, line(500))
    bench.host.will_pull("a:1", *steps)
    _, other = held(BEGIN)
    bench.host.will_pull("b:1", *other)
    bench.queue.add("a:1")
    bench.queue.add("b:1")
    await bench.until(lambda: (p := bench.queue.active) and p.progress and p.progress.completed_bytes)

    bench.queue.pause("a:1")
    await bench.until(lambda: bench.host.closed_early == ["a:1"])
    await bench.until(lambda: bench.queue.active)

    assert bench.states() == {"a:1": "paused", "b:1": "pulling"}
    progress = bench.queue.pulls[0].progress
    assert progress is not None
    assert (progress.completed_bytes, progress.per_s) == (500, None)


async def test_a_paused_pull_goes_on_and_its_bar_does_not_fall(bench: Bench) -> None:
    _, steps = held(BEGIN, line(500))
    bench.host.will_pull("a:1", *steps)
    gate, rest = held(BEGIN)
    bench.host.will_pull("a:1", *rest)
    bench.queue.add("a:1")
    await bench.until(lambda: (p := bench.queue.active) and p.progress and p.progress.completed_bytes)
    bench.queue.pause("a:1")

    bench.queue.resume("a:1")
    await bench.until(lambda: len(bench.host.calls) == 2)

    progress = bench.queue.pulls[0].progress
    assert progress is not None
    assert progress.completed_bytes == 500
    gate.set()
    assert await bench.queue.finished("a:1")


async def test_a_waiting_pull_can_be_held_back(bench: Bench) -> None:
    gate, steps = held(BEGIN)
    bench.host.will_pull("a:1", *steps)
    bench.queue.add("a:1")
    bench.queue.add("b:1")

    bench.queue.toggle("b:1")
    gate.set()
    await bench.queue.finished("a:1")

    assert bench.states() == {"b:1": "paused"}
    bench.queue.toggle("b:1")
    assert await bench.queue.finished("b:1")


async def test_leaving_a_pull_closes_its_stream_and_tells_who_waits(bench: Bench) -> None:
    _, steps = held(BEGIN)
    bench.host.will_pull("a:1", *steps)
    bench.queue.add("a:1")
    await bench.until(lambda: bench.host.open_pulls == 1)
    waiting = asyncio.create_task(bench.queue.finished("a:1"))
    await asyncio.sleep(0)

    bench.queue.cancel("a:1")

    assert await waiting is False
    assert bench.queue.pulls == ()
    await bench.until(lambda: bench.host.closed_early == ["a:1"])


async def test_leaving_a_pull_before_its_first_step_does_not_block_the_queue(bench: Bench) -> None:
    bench.queue.add("a:1")
    bench.queue.cancel("a:1")
    bench.queue.add("b:1")

    assert await bench.queue.finished("b:1")
    assert bench.host.calls == [("pull", "b:1")]


async def test_a_failure_is_kept_with_how_far_it_came_and_the_next_one_begins(bench: Bench) -> None:
    error = failure(FailureKind.DISK, happened="The disk is full", subject="a:1", remedy="make room")
    bench.host.will_pull("a:1", BEGIN, line(500), error)
    gate, other = held(BEGIN)
    bench.host.will_pull("b:1", *other)
    bench.queue.add("a:1")
    bench.queue.add("b:1")

    with pytest.raises(BackendError) as told:
        await bench.queue.finished("a:1")

    assert told.value is error
    failed = bench.queue.pull("a:1")
    assert failed is not None
    assert failed.progress is not None
    assert (failed.state, failed.error, failed.progress.completed_bytes) == (PullState.FAILED, error, 500)
    gate.set()
    assert await bench.queue.finished("b:1")


async def test_a_failed_pull_asked_for_again_begins_with_a_new_bar(bench: Bench) -> None:
    bench.host.will_pull("a:1", BEGIN, line(900), failure())
    _, steps = held(BEGIN)
    bench.host.will_pull("a:1", *steps)
    bench.queue.add("a:1")
    with pytest.raises(BackendError):
        await bench.queue.finished("a:1")

    bench.queue.add("a:1")
    await bench.until(lambda: bench.host.open_pulls == 1)

    again = bench.queue.pulls[0]
    assert (again.state, again.error) == (PullState.PULLING, None)
    assert again.progress is not None
    assert again.progress.completed_bytes == 0


async def test_a_stream_that_ends_without_success_is_a_failure(bench: Bench) -> None:
    class Careless(FakeHost):
        async def pull(self, model: str, *, insecure: bool = False) -> Any:
            yield BEGIN
            yield line(1000)

    bench.queue._host = Careless()
    bench.queue.add("a:1")

    with pytest.raises(BackendError) as told:
        await bench.queue.finished("a:1")

    assert told.value.kind is FailureKind.CUT


async def test_a_stall_is_told_while_the_stream_is_silent(bench: Bench) -> None:
    _, steps = held(BEGIN, line(500))
    bench.host.will_pull("a:1", *steps)
    bench.queue.add("a:1")
    await bench.until(lambda: (p := bench.queue.active) and p.progress and p.progress.completed_bytes)
    bench.now += 12
    before = bench.told

    await bench.until(lambda: bench.told > before)

    progress = bench.queue.pulls[0].progress
    assert progress is not None
    assert progress.stalled_s == 12


async def test_a_pull_can_be_made_the_next_one(bench: Bench) -> None:
    gate, steps = held(BEGIN)
    bench.host.will_pull("a:1", *steps)
    for name in ("a:1", "b:1", "c:1"):
        bench.queue.add(name)

    bench.queue.put_first("c:1")

    assert [pull.name for pull in bench.queue.pulls] == ["a:1", "c:1", "b:1"]
    gate.set()
    await bench.queue.finished("b:1")
    assert bench.settled == ["a:1", "c:1", "b:1"]


async def test_what_is_unfinished_is_remembered_by_name_and_forgotten_when_it_is_there(bench: Bench) -> None:
    bench.queue.add("a:1")
    bench.queue.add("b:1")
    await bench.queue.finished("b:1")

    assert bench.remembered[:2] == [("a:1",), ("a:1", "b:1")]
    assert bench.remembered[-1] == ()


async def test_what_was_left_unfinished_comes_back_paused_and_asks_for_nothing(bench: Bench) -> None:
    bench.queue.restore(["a:1", "b:1"])
    await asyncio.sleep(0)

    assert bench.states() == {"a:1": "paused", "b:1": "paused"}
    assert bench.host.calls == []


async def test_closing_llmhub_stops_the_pull_and_begins_no_other(bench: Bench) -> None:
    _, steps = held(BEGIN)
    bench.host.will_pull("a:1", *steps)
    bench.queue.add("a:1")
    bench.queue.add("b:1")
    await bench.until(lambda: bench.host.open_pulls == 1)

    await bench.close()
    await asyncio.sleep(0)

    assert bench.host.calls == [("pull", "a:1")]
    assert bench.states() == {"a:1": "paused", "b:1": "waiting"}
    assert bench.remembered[-1] == ("a:1", "b:1")


async def test_nothing_is_left_running_once_all_are_done(bench: Bench) -> None:
    bench.queue.add("a:1")
    await bench.queue.finished("a:1")

    await bench.until(lambda: not bench.tasks)
    told = bench.told
    for _ in range(5):
        await asyncio.sleep(0.005)
    assert bench.told == told


async def test_who_waits_for_a_pull_that_is_not_there_is_told_so(bench: Bench) -> None:
    assert await bench.queue.finished("nothing:1") is False


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwen3:8b", False),
        ("localhost/qwen3:8b", False),
        ("127.0.0.1:5000/library/tiny", True),
        ("localhost:5000/me/tiny:1b", True),
        ("localhost/me/tiny", True),
        ("hf.co/user/repo:Q4_K_M", False),
        ("registry.example.com:443/ns/model", False),
        ("", False),
    ],
)
async def test_only_a_registry_on_this_machine_is_asked_over_plain_http(
    bench: Bench, name: str, expected: bool
) -> None:
    assert asks_loopback_registry(name) is expected

    if name:
        bench.queue.add(name)
        await bench.queue.finished(name)
        assert bench.host.insecure_pulls == ([name] if expected else [])
