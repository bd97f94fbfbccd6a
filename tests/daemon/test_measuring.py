"""Loads and speeds with a real daemon: what is measured and kept, and what an older one is not compared for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("gguf")
pytest.importorskip("numpy")

from llmhub.backends.ollama import Ollama
from llmhub.core.hub import Hub
from llmhub.core.memory import MemoryState
from llmhub.core.sizing.advisor import counts_its_buffers
from llmhub.core.sizing.predictions import Basis
from llmhub.net import Switch, make_client
from support.fake_host import GIB, FakeHost
from support.homes import Home
from support.hubs import services
from support.real_daemon import FOREVER, RECITE, Daemon

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(300)]


async def memory() -> MemoryState:
    return MemoryState("RAM", 20 * GIB, 20 * GIB, "a test")


async def test_a_load_is_compared_with_a_daemon_that_counts_its_buffers_and_with_no_other(daemon: Daemon) -> None:
    client = make_client(Switch(False))
    host = Ollama(client, daemon.url)
    hub = Hub(replace(services(FakeHost(), memory=memory, machine_id="here"), host=host))
    name = f"{RECITE}:latest"

    await hub.watch.look()
    async with asyncio.timeout(60):
        while hub.advisor.sized(name) is None or hub.memory_state is None:
            await asyncio.sleep(0.02)
    await host.load(name, 4096)
    for _ in range(3):
        await hub.watch.look()
        await asyncio.sleep(0.5)
    loaded, info = hub.state.resident(name), hub.state.info
    report = hub.advisor.report(name, 4096)
    compared = hub.predictions.predictions
    await hub.stop()
    await client.aclose()

    assert loaded is not None
    assert info is not None
    assert report.verdict.need is not None
    assert report.verdict.need.correction_bytes == 0
    if counts_its_buffers(info.version):
        assert [one.model for one in compared] == [name]
        assert all(one.error <= 0.01 for one in compared if one.basis is Basis.CPU)
    else:
        assert (compared, hub.predictions.words(info.version)) == ((), "")


def test_a_bench_measures_keeps_and_shows_in_the_next_verdict(home: Home, daemon: Daemon) -> None:
    done = home.run("bench", FOREVER, "--runs", "2", "--tokens", "32", "--json")
    told = json.loads(home.run("fit", FOREVER, "--json").stdout)

    assert done.returncode == 0, done.stderr
    [one] = json.loads(done.stdout)
    assert one["runs"] == 2
    assert one["decode_per_s"] > 0
    assert one["prefill_per_s"] > 0
    assert one["completion_tokens"] == 32
    assert 400 <= one["prompt_tokens"] <= 620
    assert told["speed"]["basis"] == "measured"
    assert told["speed"]["estimate_per_s"] == pytest.approx(one["decode_per_s"], abs=0.1)
    assert len(home.turns) == 3
    assert not list((Path(home.folder) / "data" / "ledger").glob("predictions*")) or counts_its_buffers(
        one["daemon_version"]
    )


def test_a_short_answer_is_measured_as_far_as_it_went(home: Home) -> None:
    done = home.run("bench", RECITE, "--runs", "1", "--json")

    assert done.returncode == 0, done.stderr
    [one] = json.loads(done.stdout)
    assert 0 < one["completion_tokens"] <= 128
