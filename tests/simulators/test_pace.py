"""How fast a simulator speaks, in its own process too, and how soon it is there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmhub.simulators.clock import ManualClock
from llmhub.simulators.demo import DemoWorld
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from simulators.talking import HELLO, ask, chat

TUI = Path(__file__).parents[2] / "tui"
HEAVY = {"textual", "rich", "httpx", "ollama", "pydantic", "tinydb", "humanize", "click", "psutil", "keyring"}


async def test_the_firehose_says_exactly_its_tokens_whatever_limits_are_asked_for() -> None:
    script = OllamaScript(has_firehose=True, firehose_tokens=5000, load_s=0.0)
    async with OllamaSimulator(script, clock=ManualClock(jumps=True)) as sim:
        answer = await chat(sim.url, "firehose", options={"num_predict": 10, "num_ctx": 512}, shift=False)
        named = await chat(sim.url, "firehose:50x40")

    assert (len(answer.lines), answer.lines[-1]["eval_count"]) == (5001, 5001)
    assert (len(named.lines), named.lines[0]["model"]) == (41, "firehose:50x40")
    for mark in ("```python", "| ", "\n- ", "\n1. ", "## ", "> "):
        assert mark in answer.text


@pytest.mark.parametrize("rate", [50, 200, 1000, 5000])
async def test_the_rate_is_exact_on_the_clock_of_the_simulator(rate: int) -> None:
    clock = ManualClock(jumps=True)
    async with OllamaSimulator(OllamaScript(has_firehose=True, load_s=0.0), clock=clock) as sim:
        answer = await chat(sim.url, f"firehose:{rate}x{rate}")

    end = answer.lines[-1]
    assert end["eval_count"] / end["eval_duration"] * 1e9 == pytest.approx(rate, rel=0.02)


async def test_the_rate_holds_in_real_time_and_the_last_token_is_stamped() -> None:
    async with OllamaSimulator(OllamaScript(has_firehose=True, load_s=0.0)) as sim:
        began = time.monotonic_ns()
        await chat(sim.url, "firehose:1000x400")
        ended = time.monotonic_ns()
        last = (await ask(sim.url, "GET", "/_sim/last")).json["last"]

    assert last["tokens"] == 400
    assert began < last["request_ns"] < last["first_token_ns"] < last["last_token_ns"] < last["done_ns"] < ended
    # not faster than asked for; how much slower is the machine's affair, so this side has room
    took_s = (last["last_token_ns"] - last["request_ns"]) / 1e9
    assert 0.39 <= took_s < 5


async def test_models_speak_at_their_own_speeds() -> None:
    speeds = {}
    for model in ("llama3.2:3b", "qwen3:8b"):
        async with OllamaSimulator(OllamaScript(), clock=ManualClock(jumps=True)) as sim:
            end = (await chat(sim.url, model)).lines[-1]
            speeds[model] = end["eval_count"] / end["eval_duration"] * 1e9

    assert speeds["llama3.2:3b"] == pytest.approx(92, rel=0.05)
    assert speeds["qwen3:8b"] == pytest.approx(47, rel=0.05)


def test_importing_the_demos_world_loads_nothing_heavy() -> None:
    probe = f"import sys, llmhub.simulators.demo; print(*sorted({HEAVY!r} & sys.modules.keys()))"

    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(TUI)},
    )

    assert done.stdout.split() == []


async def test_the_demos_world_is_there_at_once_and_at_rest_does_nothing() -> None:
    began = time.perf_counter()
    async with DemoWorld() as world:
        started_s = time.perf_counter() - began
        answer = await ask(world.ollama_url, "GET", "/api/tags")
        ours = asyncio.current_task()
        await world.ollama.until(lambda: asyncio.all_tasks() == {ours})

        assert started_s < 0.1
        assert len(answer.json["models"]) >= 8
        assert world.ollama_url.startswith("http://127.0.0.1:")
        assert world.registry_url != world.ollama_url


def started(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "llmhub.simulators", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TUI)},
    )
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(process.stdout.readline())
    return process, said


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
async def test_as_a_process_it_prints_its_address_and_goes_when_told() -> None:
    process, said = await asyncio.to_thread(
        started, "--ollama", "--port", "0", "--rate", "5000", "--tokens", "300", "--load", "0", "--registry"
    )
    try:
        answer = await chat(said["url"], said["model"], messages=HELLO)
        manifest = await ask(said["registry_url"], "GET", "/v2/library/qwen3/manifests/8b")
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, 10)
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
        if process.stdout is not None:
            process.stdout.close()

    assert (len(answer.lines), manifest.status, code) == (301, 200, 0)
