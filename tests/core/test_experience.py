"""A hub over a simulated daemon on a real socket: loads are compared, kept, told, and correct what comes later."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmhub.backends.ollama import Ollama
from llmhub.core.bench import Bench, BenchBook
from llmhub.core.chat import Durations
from llmhub.core.hub import Hub
from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.models import ModelDetails, Tensor
from llmhub.core.sizing.predictions import Basis, Prediction, PredictionBook
from llmhub.core.sizing.speeds import SpeedBasis
from llmhub.ledger.books import BookKeeper
from llmhub.net import Switch, make_client
from llmhub.simulators.catalogue import GPT_OSS_20B, LLAMA32_3B, SimModel
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from support.booking import a_turn
from support.fake_host import FakeHost, installed_model
from support.fake_ledger import FakeLedger
from support.hubs import services

VERSION = "0.32.15"
ON_CPU = replace(OllamaScript().at_once(), vram_bytes=0, memory_bytes=64 * GIB)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def memory_at(placement: Placement) -> Callable[[], Any]:
    async def memory() -> MemoryState:
        return MemoryState("memory", 64 * GIB, 60 * GIB, "a test", placement)

    return memory


@asynccontextmanager
async def hub_over(
    script: OllamaScript, home: Path, *, placement: Placement = Placement.CPU
) -> AsyncIterator[tuple[Hub, OllamaSimulator]]:
    """A hub with a real ledger, over the daemon's socket."""
    books = BookKeeper(home, poll_s=None)

    async def keep(one: Prediction) -> None:
        await books.keep("prediction", one.to_record(), one.id)

    async with OllamaSimulator(script) as sim:
        client = make_client(Switch(False))
        parts = services(
            FakeHost(),
            memory=memory_at(placement),
            predictions=PredictionBook.from_records(await books.kept("prediction")),
            keep_prediction=keep,
            machine_id="here",
        )
        hub = Hub(replace(parts, host=Ollama(client, sim.url)))
        try:
            await hub.watch.look()
            async with asyncio.timeout(10):
                while hub.memory_state is None or not all(
                    hub.advisor.sized(model.name) for model in hub.state.installed if model.place.is_local
                ):
                    await asyncio.sleep(0.01)
            yield hub, sim
        finally:
            await hub.stop()
            await client.aclose()
            await books.aclose()


async def load(hub: Hub, name: str, context: int = 8192) -> None:
    """Load a model and look twice; what is to be kept is queued."""
    await hub.services.host.load(name, context)
    await hub.watch.look()
    await hub.watch.look()
    await asyncio.sleep(0)


def kept(hub: Hub) -> dict[str, Prediction]:
    return {one.model: one for one in hub.predictions.predictions}


@pytest.mark.parametrize("placement", [Placement.CPU, Placement.UNIFIED])
async def test_loads_of_every_kind_are_predicted_and_the_forgotten_cache_is_out(
    tmp_path: Path, placement: Placement
) -> None:
    script = replace(ON_CPU, vram_bytes=0 if placement is Placement.CPU else None)
    async with hub_over(script, tmp_path, placement=placement) as (hub, sim):
        for model in ("llama3.2:3b", "qwen3:8b", "gpt-oss:20b"):
            await load(hub, model, 16384)
        await load(hub, "gemma3:4b")

        told = {runner.name: runner.told_bytes for runner in sim.engine.loaded()}
        found, words = kept(hub), hub.predictions.words(VERSION)
        report = hub.advisor.report("gpt-oss:20b", 16384)
        held = hub.advisor.held_bytes(next(one for one in hub.state.loaded if one.name == "gpt-oss:20b"))

    counted = Basis.CPU if placement is Placement.CPU else Basis.GPU
    assert {name: (one.basis, one.two_caches) for name, one in found.items()} == {
        "llama3.2:3b": (counted, False),
        "qwen3:8b": (counted, False),
        "gpt-oss:20b": (counted, True),
        "gemma3:4b": (Basis.APART, True),
    }
    assert all(one.error == 0 for one in found.values())
    assert words == f"last 3 predictions{'' if counted is Basis.CPU else ' on the GPU'} within 0.1 %"
    left_out = 12 * 16384 * 2 * 2 * 8 * 64
    assert found["gpt-oss:20b"].left_out_bytes == left_out
    assert found["gpt-oss:20b"].measured_bytes == told["gpt-oss:20b"]
    assert held == told["gpt-oss:20b"] + left_out
    note = "ollama ps leaves out one of this model's two caches (0.38 GiB, 402,653,184 bytes)"
    assert any(one.startswith(note) for one in report.notes)
    assert report.verdict.need is not None
    assert report.verdict.need.correction_bytes == 0


async def test_what_was_compared_is_there_after_a_restart_and_is_not_written_twice(tmp_path: Path) -> None:
    async with hub_over(ON_CPU, tmp_path) as (hub, _):
        await load(hub, "llama3.2:3b")
        before = hub.predictions.predictions

    async with hub_over(ON_CPU, tmp_path) as (hub, _):
        after = hub.predictions.predictions
        await load(hub, "llama3.2:3b")
        again = hub.predictions.predictions

    [file] = tmp_path.glob("predictions*")
    assert [replace(one, at=NOW) for one in before] == [replace(one, at=NOW) for one in after]
    assert len(before) == len(again) == 1
    assert file.read_text("utf-8").count('"predicted_bytes"') == 1


async def test_until_the_daemon_has_read_its_engines_log_the_size_of_the_file_is_not_compared(tmp_path: Path) -> None:
    script = replace(ON_CPU, log_read_after_s=3600.0)
    async with hub_over(script, tmp_path) as (hub, sim):
        await load(hub, "llama3.2:3b")
        shown = hub.state.loaded[0].size_bytes
        early = kept(hub)
        sim.engine.script = replace(script, log_read_after_s=0.0)
        await hub.watch.look()
        await hub.watch.look()
        late = kept(hub)

    assert shown < LLAMA32_3B.total_bytes
    assert early == {}
    assert late["llama3.2:3b"].error == 0


async def test_of_an_old_daemon_nothing_is_compared_and_nothing_breaks(tmp_path: Path) -> None:
    async with hub_over(replace(ON_CPU, version="0.24.0"), tmp_path) as (hub, _):
        for model in ("llama3.2:3b", "gpt-oss:20b"):
            await load(hub, model)
        report = hub.advisor.report("llama3.2:3b")
        words = hub.predictions.words("0.24.0")

    assert (kept(hub), words) == ({}, "")
    assert report.verdict.need is not None
    assert list(tmp_path.glob("predictions*")) == []


def details_of(model: SimModel) -> ModelDetails:
    tensors = tuple(Tensor(name, kind, tuple(shape)) for name, kind, shape in model.tensors())
    return ModelDetails(model.name, model_info=model.model_info(), tensors=tensors)


async def hub_with(
    model: SimModel, digest: str, *, placement: Placement = Placement.CPU, **parts: Any
) -> tuple[Hub, FakeHost]:
    """A hub over a host in memory that has one model, looked at and sized."""
    host = FakeHost(replace(installed_model(model.name, model.total_bytes, digest=digest), context_trained=131_072))
    host.shown[model.name] = details_of(model)
    hub = Hub(services(host, memory=memory_at(placement), machine_id="here", **parts))
    await hub.watch.look()
    async with asyncio.timeout(10):
        while hub.advisor.sized(model.name) is None or hub.memory_state is None:
            await asyncio.sleep(0)
    return hub, host


def compared(**changes: Any) -> Prediction:
    facts: dict[str, Any] = {
        "model": "llama3.2:3b",
        "digest": "d",
        "architecture": "llama",
        "daemon_version": VERSION,
        "machine_id": "here",
        "context_tokens": 4096,
        "kv_type": "f16",
        "predicted_bytes": 1_000_000,
        "measured_bytes": 1_090_000,
        "vram_bytes": 0,
        "two_caches": False,
        "at": NOW,
    }
    return Prediction(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "placement", "share"),
    [
        ({}, Placement.CPU, 0.05),
        ({"measured_bytes": 1_020_000}, Placement.CPU, 0.02),
        ({"machine_id": "there"}, Placement.CPU, 0),
        ({"daemon_version": "0.32.14"}, Placement.CPU, 0),
        ({"digest": "another"}, Placement.CPU, 0),
        ({}, Placement.CARD, 0),
        ({"basis": Basis.GPU}, Placement.CARD, 0.05),
        ({"basis": Basis.APART}, Placement.CPU, 0),
    ],
)
async def test_a_load_that_took_more_raises_the_next_need_within_bounds(
    changes: dict[str, Any], placement: Placement, share: float
) -> None:
    book = PredictionBook((compared(**changes),))
    hub, _ = await hub_with(LLAMA32_3B, "d", placement=placement, predictions=book)
    plain, _ = await hub_with(LLAMA32_3B, "d", placement=placement)

    need, before = (one.advisor.report("llama3.2:3b", 8192).verdict.need for one in (hub, plain))
    await hub.stop()
    await plain.stop()

    assert need is not None
    assert before is not None
    assert need.correction_bytes == pytest.approx(math.ceil(before.total_bytes * share), abs=1)
    assert need.total_bytes == before.total_bytes + need.correction_bytes


async def test_what_is_compared_is_told_to_who_listens() -> None:
    hub, host = await hub_with(GPT_OSS_20B, "d")
    heard: list[str] = []
    hub.listen(lambda: heard.append(hub.predictions.words(VERSION)))
    host.loaded_as("gpt-oss:20b", 20 * GIB, 0)
    host.residents[0] = replace(host.residents[0], digest="d", context_tokens=8192)

    await hub.watch.look()
    await hub.watch.look()
    await hub.stop()

    assert heard[-1].startswith("last prediction within ")


def bench(**changes: Any) -> Bench:
    facts: dict[str, Any] = {
        "model": "llama3.2:3b",
        "digest": "d",
        "machine_id": "here",
        "daemon_version": VERSION,
        "context_tokens": 8192,
        "runs": 3,
        "prefill_per_s": 900.0,
        "decode_per_s": 77.5,
        "first_s": 0.5,
        "load_s": None,
        "prompt_tokens": 512,
        "completion_tokens": 128,
        "at": NOW,
    }
    return Bench(**(facts | changes))


@pytest.mark.parametrize(
    ("one", "turn_days_later", "per_s", "words"),
    [
        (bench(), None, 77.5, "measured here by llmhub bench, 3 runs"),
        (bench(runs=1), 0, 77.5, "measured here by llmhub bench, 1 run"),
        (bench(), -3, 77.5, "measured here by llmhub bench, 3 runs"),
        (bench(), 1, 20.0, "measured here over 1 turn"),
        (bench(digest="another"), 0, 20.0, "measured here over 1 turn"),
        (bench(machine_id="there"), 0, 20.0, "measured here over 1 turn"),
        (bench(decode_per_s=None), 0, 20.0, "measured here over 1 turn"),
        (None, 0, 20.0, "measured here over 1 turn"),
    ],
)
async def test_the_measured_speed_is_the_newer_of_bench_and_turns(
    one: Bench | None, turn_days_later: int | None, per_s: float, words: str
) -> None:
    ledger = FakeLedger()
    if turn_days_later is not None:
        at = NOW + timedelta(days=turn_days_later)
        turn = replace(a_turn(model="llama3.2:3b"), started_at=at)
        turn = replace(turn, tokens=replace(turn.tokens, completion=100), durations=Durations(eval_ns=5 * 10**9))
        await ledger.record(turn)
    hub, _ = await hub_with(LLAMA32_3B, "d", ledger=ledger, benches=BenchBook((one,) if one else ()))

    speed = hub.advisor.report("llama3.2:3b").speed
    await hub.stop()

    assert (speed.per_s, speed.words, speed.basis) == (per_s, words, SpeedBasis.MEASURED)
