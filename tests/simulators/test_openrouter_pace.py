"""How fast the simulated OpenRouter speaks, in its own process too, and in the demo."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmhub.simulators.clock import ManualClock
from llmhub.simulators.demo import DUMMY_KEY, DemoWorld
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_script import FIREHOSE, OpenRouterScript
from simulators.cloud_talking import KEY, chunks, finish, get, talk, text, usage
from simulators.talking import HELLO, ask, chat

TUI = Path(__file__).parents[2] / "tui"
HOSE = OpenRouterScript(has_firehose=True, firehose_tokens=3000)


async def test_the_firehose_says_exactly_its_tokens_whatever_limits_are_asked_for() -> None:
    async with OpenRouterSimulator(HOSE, clock=ManualClock(jumps=True)) as sim:
        answer = await talk(sim, FIREHOSE, max_tokens=10)
        named = await talk(sim, f"{FIREHOSE}:50x40")
        listed = {row["id"] for row in (await get(sim, "/models")).json["data"]}

    assert (usage(answer)["completion_tokens"], finish(answer)) == (3000, ["stop"])
    assert (usage(named)["completion_tokens"], usage(named)["cost"] > 0) == (40, True)
    assert FIREHOSE in listed
    for mark in ("```python", "| ", "\n- ", "\n1. ", "## ", "> "):
        assert mark in text(answer)


async def test_the_firehose_is_turned_between_two_runs() -> None:
    async with OpenRouterSimulator(HOSE, clock=ManualClock(jumps=True)) as sim:
        turned = await ask(sim.origin, "POST", "/_sim/firehose", {"rate": 500, "tokens": 70})
        refused = await ask(sim.origin, "POST", "/_sim/firehose", {"rate": "fast"})
        answer = await talk(sim, FIREHOSE)

    assert (turned.status, refused.status, usage(answer)["completion_tokens"]) == (200, 400, 70)


@pytest.mark.parametrize("rate", [50, 200, 1000, 5000])
async def test_the_rate_is_exact_on_the_clock_of_the_simulator(rate: int) -> None:
    clock = ManualClock(jumps=True)
    async with OpenRouterSimulator(replace(HOSE, first_token_s=0.5), clock=clock) as sim:
        await talk(sim, f"{FIREHOSE}:{rate}x{rate}")

    record = sim.generations[0]
    # the end is a token that takes its time as well
    assert (record.ended_ns - record.begun_ns) / 1e9 - 0.5 == pytest.approx(1 + 1 / rate, rel=0.01)
    assert (record.first_ns - record.begun_ns) / 1e9 == pytest.approx(0.5 + 1 / rate, rel=0.01)


async def test_the_rate_holds_in_real_time_and_the_last_token_is_stamped() -> None:
    async with OpenRouterSimulator(HOSE) as sim:
        began = time.monotonic_ns()
        await talk(sim, f"{FIREHOSE}:1000x400")
        ended = time.monotonic_ns()
        last = (await ask(sim.origin, "GET", "/_sim/last")).json["last"]

    assert last["tokens"] == 400
    assert began < last["request_ns"] < last["first_token_ns"] < last["last_token_ns"] < last["done_ns"] < ended
    assert 0.39 <= (last["last_token_ns"] - last["request_ns"]) / 1e9 < 5


@pytest.mark.parametrize(
    ("model", "per_s"),
    [
        ("openai/gpt-4o", 110),
        ("anthropic/claude-sonnet-4.5", 78),
        ("google/gemini-2.5-flash", 160),
        ("openai/gpt-oss-120b", 300),
    ],
)
async def test_models_speak_at_the_speeds_of_a_cloud(model: str, per_s: int) -> None:
    async with OpenRouterSimulator(clock=ManualClock(jumps=True)) as sim:
        said = usage(await talk(sim, model))["completion_tokens"]
        record = sim.generations[0].body()

    assert said / record["generation_time"] * 1000 == pytest.approx(per_s, rel=0.05)
    assert 400 <= record["latency"] <= 730


async def test_two_requests_stream_at_the_same_time() -> None:
    async with OpenRouterSimulator(HOSE) as sim:
        began = time.monotonic()
        answers = await asyncio.gather(*(talk(sim, f"{FIREHOSE}:400x120") for _ in range(4)))
        took_s = time.monotonic() - began

    assert [usage(answer)["completion_tokens"] for answer in answers] == [120] * 4
    assert 0.29 <= took_s < 1.1  # one after the other would take 1.2 s


async def test_the_demo_has_a_provider_that_answers_the_dummy_key_in_pleasant_words() -> None:
    async with DemoWorld(openrouter=OpenRouterScript().at_once()) as world:
        answer = await talk(world.openrouter)
        ours = asyncio.current_task()
        await world.openrouter.until(lambda: asyncio.all_tasks() == {ours})

        assert world.openrouter_url.startswith("http://127.0.0.1:")
        assert world.openrouter_url.endswith("/api/v1")
    assert f"Bearer {DUMMY_KEY}" in KEY.values()
    assert "merge" in text(answer).lower()
    assert {chunk["provider"] for chunk in chunks(answer)} == {"OpenAI"}


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
@pytest.mark.parametrize("with_daemon", [False, True])
async def test_as_a_process_it_prints_its_address_alone_or_beside_the_daemons(with_daemon: bool) -> None:
    both = ["--ollama", "--load", "0"] if with_daemon else []
    process, said = await asyncio.to_thread(started, "--openrouter", "--rate", "5000", "--tokens", "300", *both)
    try:
        url = f"{said['openrouter_url']}/chat/completions".partition("/api/")
        body = {"model": said["openrouter_model"], "messages": HELLO, "stream": True}
        headers = {"Authorization": f"Bearer {said['openrouter_key']}"}
        answer = await ask(url[0], "POST", f"/api/{url[2]}", body, headers=headers)
        local = await chat(said["url"], said["model"]) if with_daemon else None
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, 10)
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
        if process.stdout is not None:
            process.stdout.close()

    assert (usage(answer)["completion_tokens"], code) == (300, 0)
    assert ("url" in said) is with_daemon
    assert local is None or len(local.lines) == 301
