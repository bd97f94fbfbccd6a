"""Loads, slots, the queue, eviction and expiry, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from llmhub.simulators.catalogue import LLAMA32_1B, LLAMA32_3B, QWEN3_06B, QWEN3_8B
from llmhub.simulators.clock import ManualClock
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from simulators.talking import HELLO, Answer, ask, chat, contract, talking

SHORT: dict[str, Any] = {"options": {"num_predict": 2}}
INSTANT = OllamaScript().at_once()


async def loaded(sim: OllamaSimulator) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = (await ask(sim.url, "GET", "/api/ps")).json["models"]
    return models


async def names(sim: OllamaSimulator) -> list[str]:
    return [model["name"] for model in await loaded(sim)]


async def test_a_first_chat_loads_and_the_next_finds_it_warm() -> None:
    clock = ManualClock(jumps=True)
    async with OllamaSimulator(replace(INSTANT, load_s=2.5), clock=clock) as sim:
        cold, warm = await chat(sim.url, **SHORT), await chat(sim.url, **SHORT)

        assert cold.lines[-1]["load_duration"] == 2_500_000_000
        assert warm.lines[-1]["load_duration"] == 2_000_000
        assert sim.engine.loads == ["llama3.2:3b"]


async def test_another_context_loads_the_model_again_and_so_does_shift() -> None:
    clock = ManualClock(jumps=True)
    async with OllamaSimulator(replace(INSTANT, load_s=2.5), clock=clock) as sim:
        for fields in ({"num_ctx": 8192}, {"num_ctx": 8192}, {"num_ctx": 16384}, {}):
            await chat(sim.url, options={"num_predict": 1, **fields})
        await chat(sim.url, options={"num_predict": 1}, shift=False)

        assert sim.engine.loads == ["llama3.2:3b"] * 4
        assert len(await loaded(sim)) == 1


async def test_ps_counts_weights_and_context_and_splits_them() -> None:
    gib = 2**30
    async with OllamaSimulator(replace(INSTANT, vram_bytes=4 * gib)) as sim:
        await chat(sim.url, "qwen3:8b", options={"num_ctx": 16384, "num_predict": 1})
        await chat(sim.url, "llama3.2:3b", **SHORT)

        by_name = {model["name"]: model for model in await loaded(sim)}

    split, cpu = by_name["qwen3:8b"], by_name["llama3.2:3b"]
    assert split["context_length"] == 16384
    assert split["size"] - QWEN3_8B.need_bytes(16384) == 0
    assert (split["size_vram"], cpu["size_vram"]) == (4 * gib, 0)


async def test_a_context_above_the_trained_one_is_cut_in_silence() -> None:
    async with OllamaSimulator(replace(INSTANT, memory_bytes=2**40)) as sim:
        await chat(sim.url, "qwen3:8b", options={"num_ctx": 1_000_000, "num_predict": 1})

        assert [model["context_length"] for model in await loaded(sim)] == [40960]


async def test_keep_alive_counts_down_and_every_request_starts_it_again() -> None:
    clock = ManualClock()
    async with OllamaSimulator(INSTANT, clock=clock) as sim:
        await chat(sim.url, **SHORT)
        first = (await loaded(sim))[0]["expires_at"]
        clock.advance(200)
        await chat(sim.url, **SHORT)
        second = (await loaded(sim))[0]["expires_at"]

        clock.advance(299)
        still = await names(sim)
        clock.advance(2)

        assert (first, second) == ("2026-11-20T10:02:41+01:00", "2026-11-20T10:06:01+01:00")
        assert (still, await names(sim)) == (["llama3.2:3b"], [])


async def test_keep_alive_is_kept_by_the_model_and_for_ever_is_the_year_2319() -> None:
    clock = ManualClock()
    async with OllamaSimulator(INSTANT, clock=clock) as sim:
        await chat(sim.url, keep_alive=-1, **SHORT)
        await chat(sim.url, **SHORT)

        shown = (await loaded(sim))[0]["expires_at"]
        clock.advance(10**6)

        assert contract("ollama-ps.json")["models"][0]["expires_at"].startswith("2319-")
        assert shown.startswith("2319-")
        assert await names(sim) == ["llama3.2:3b"]


async def test_keep_alive_zero_frees_the_memory_after_the_reply_and_by_an_unload(sim: OllamaSimulator) -> None:
    await chat(sim.url, keep_alive=0, **SHORT)
    after_reply = await names(sim)
    await ask(sim.url, "POST", "/api/generate", {"model": "llama3.2:3b", "keep_alive": "10m"})
    after_load = await names(sim)
    await ask(sim.url, "POST", "/api/generate", {"model": "llama3.2:3b", "keep_alive": 0})

    assert (after_reply, after_load, await names(sim)) == ([], ["llama3.2:3b"], [])


async def test_an_unload_of_what_is_not_loaded_or_not_there(sim: OllamaSimulator) -> None:
    idle = await ask(sim.url, "POST", "/api/generate", {"model": "llama3.2:3b", "keep_alive": 0})
    missing = await ask(sim.url, "POST", "/api/generate", {"model": "nope", "keep_alive": 0})

    assert (idle.status, idle.json["done_reason"]) == (200, "unload")
    assert (missing.status, missing.error) == (404, "model 'nope' not found")


async def test_ps_is_sorted_by_the_life_that_remains(sim: OllamaSimulator) -> None:
    await chat(sim.url, "llama3.2:3b", keep_alive="1m", **SHORT)
    await chat(sim.url, "qwen3:8b", keep_alive=-1, **SHORT)
    await chat(sim.url, "gemma3:4b", **SHORT)

    assert await names(sim) == ["qwen3:8b", "gemma3:4b", "llama3.2:3b"]


async def begin(sim: OllamaSimulator, model: str = "llama3.2:3b", tokens: int = 2) -> asyncio.Task[Answer]:
    """A chat under way: it has reached the daemon."""
    known = len(sim.requests)
    task = asyncio.create_task(chat(sim.url, model, options={"num_predict": tokens}))
    await sim.until(lambda: len(sim.requests) > known)
    return task


async def test_a_second_chat_waits_for_the_first_and_gets_no_byte_meanwhile() -> None:
    clock = ManualClock()
    async with OllamaSimulator(replace(INSTANT, tokens_per_s=1.0), clock=clock) as sim:
        first = await begin(sim)
        await sim.until(lambda: clock.sleeping == 1)
        second = await begin(sim)
        await sim.until(lambda: sim.engine.waiting == 1)
        clock.advance(1)
        await sim.until(lambda: sim.requests[0].tokens_sent == 1)
        waiting = sim.requests[1]
        silent = (waiting.status, waiting.bytes_sent)
        for _ in range(3):
            await sim.until(lambda: clock.sleeping == 1)
            clock.advance(1)

        ends = [(await task).lines[-1] for task in (first, second)]

    assert silent == (None, 0)
    assert [end["eval_count"] for end in ends] == [2, 2]
    assert ends[1]["total_duration"] > ends[0]["total_duration"]


async def test_two_slots_answer_two_chats_at_once() -> None:
    clock = ManualClock()
    async with OllamaSimulator(replace(INSTANT, tokens_per_s=1.0, parallel=2), clock=clock) as sim:
        tasks = [await begin(sim), await begin(sim)]

        await sim.until(lambda: clock.sleeping == 2)
        for _ in range(3):
            clock.advance(1)
            await asyncio.sleep(0.01)

        assert [(await task).lines[-1]["eval_count"] for task in tasks] == [2, 2]


async def test_past_the_queue_limit_a_chat_is_refused_with_503() -> None:
    clock = ManualClock()
    row = next(row for row in contract("ollama-errors.json") if row["status"] == 503)
    async with OllamaSimulator(replace(INSTANT, tokens_per_s=1.0, max_queue=1), clock=clock) as sim:
        running = await begin(sim)
        await sim.until(lambda: clock.sleeping == 1)
        queued = await begin(sim)
        await sim.until(lambda: sim.engine.waiting == 1)

        refused = await chat(sim.url)

        assert (refused.status, refused.json, "retry-after" in refused.headers) == (503, row["body"], False)
        for task in (running, queued):
            task.cancel()
        await asyncio.gather(running, queued, return_exceptions=True)


async def test_a_client_that_leaves_the_queue_or_a_load_is_forgotten() -> None:
    clock = ManualClock()
    async with OllamaSimulator(replace(INSTANT, load_s=30.0), clock=clock) as sim:
        for _ in range(2):
            async with talking(sim.url) as talk:
                known = len(sim.requests)
                await talk.send("POST", "/api/chat", {"model": "llama3.2:3b", "messages": HELLO})
                await sim.until(lambda known=known: len(sim.requests) > known and clock.sleeping > 0)  # type: ignore[misc]
            await sim.until(lambda: sim.requests[-1].outcome == "client left")
            await sim.until(lambda: clock.sleeping == 0)

        assert (sim.engine.waiting, sim.engine.runners) == (0, {})
        assert sim.engine.loads == ["llama3.2:3b"] * 2


async def test_idle_models_make_room_the_one_that_would_go_first_goes_first() -> None:
    need = LLAMA32_3B.need_bytes(4096) + LLAMA32_1B.need_bytes(4096) + 10
    script = replace(INSTANT, memory_bytes=need, installed=(LLAMA32_3B, QWEN3_06B, LLAMA32_1B))
    async with OllamaSimulator(script) as sim:
        await chat(sim.url, "llama3.2:3b", keep_alive="10m", **SHORT)
        await chat(sim.url, "qwen3:0.6b", keep_alive="1m", **SHORT)
        await chat(sim.url, "llama3.2:1b", **SHORT)

        assert set(await names(sim)) == {"llama3.2:3b", "llama3.2:1b"}


async def test_no_more_than_three_models_stay() -> None:
    async with OllamaSimulator(replace(INSTANT, memory_bytes=2**40)) as sim:
        for model in ("llama3.2:3b", "qwen3:8b", "gemma3:4b", "deepseek-r1:8b"):
            await chat(sim.url, model, **SHORT)

        assert len(await names(sim)) == 3


async def test_a_busy_model_is_waited_for_when_memory_is_short() -> None:
    clock = ManualClock()
    script = replace(INSTANT, tokens_per_s=1.0, memory_bytes=LLAMA32_3B.need_bytes(4096) + 10)
    async with OllamaSimulator(replace(script, installed=(LLAMA32_3B, LLAMA32_1B)), clock=clock) as sim:
        busy = await begin(sim, tokens=1)
        await sim.until(lambda: clock.sleeping == 1)
        other = await begin(sim, "llama3.2:1b", tokens=1)
        await sim.until(lambda: sim.engine.waiting == 1)
        while not other.done():
            clock.advance(1)
            await asyncio.sleep(0.005)

        assert (await busy).lines[-1]["done"]
        assert (await other).lines[-1]["done"]
        assert sim.engine.loads == ["llama3.2:3b", "llama3.2:1b"]


async def test_the_durations_add_up_and_speak_of_the_speeds_that_were_set() -> None:
    clock = ManualClock(jumps=True)
    script = OllamaScript(load_s=1.5, tokens_per_s=50.0, prefill_per_s=100.0)
    async with OllamaSimulator(script, clock=clock) as sim:
        answer = await chat(sim.url, messages=[{"role": "user", "content": "x" * 800}], options={"num_predict": 100})

    end = answer.lines[-1]
    assert (end["prompt_eval_count"], end["prompt_eval_duration"]) == (204, pytest.approx(2.04e9, rel=1e-6))
    assert end["eval_count"] / end["eval_duration"] * 1e9 == pytest.approx(50.0, rel=0.01)
    assert end["total_duration"] >= end["load_duration"] + end["prompt_eval_duration"] + end["eval_duration"]


async def test_a_prompt_that_begins_as_the_last_one_is_read_faster_but_counted_whole() -> None:
    clock = ManualClock(jumps=True)
    script = OllamaScript(load_s=0.0, tokens_per_s=1000.0, prefill_per_s=100.0)
    long = [{"role": "user", "content": "x" * 800}]
    async with OllamaSimulator(script, clock=clock) as sim:
        first = await chat(sim.url, messages=long, **SHORT)
        said = {"role": "assistant", "content": "y"}
        second = await chat(sim.url, messages=[*long, said, {"role": "user", "content": "and?"}], **SHORT)

    one, two = first.lines[-1], second.lines[-1]
    assert two["prompt_eval_count"] > one["prompt_eval_count"]
    assert two["prompt_eval_duration"] < one["prompt_eval_duration"] / 4


async def test_old_daemons_may_leave_the_count_of_a_cached_prompt_out() -> None:
    script = replace(INSTANT, version="0.24.0", omits_cached_prompt_count=True)
    async with OllamaSimulator(script) as sim:
        ends = [(await chat(sim.url, **SHORT)).lines[-1] for _ in range(2)]

    assert ["prompt_eval_count" in end for end in ends] == [True, False]


async def test_deleting_a_loaded_model_does_not_unload_it(sim: OllamaSimulator) -> None:
    await chat(sim.url, **SHORT)

    gone = await ask(sim.url, "DELETE", "/api/delete", {"model": "llama3.2:3b"})

    assert (gone.status, await names(sim)) == (200, ["llama3.2:3b"])
    assert (await chat(sim.url)).status == 404


async def test_a_copy_is_the_same_model_under_a_second_name(sim: OllamaSimulator) -> None:
    await ask(sim.url, "POST", "/api/copy", {"source": "llama3.2:3b", "destination": "mine"})

    models = {model["name"]: model for model in (await ask(sim.url, "GET", "/api/tags")).json["models"]}
    answer = await chat(sim.url, "mine", **SHORT)

    assert models["mine:latest"]["digest"] == models["llama3.2:3b"]["digest"]
    assert (answer.lines[0]["model"], await names(sim)) == ("mine", ["mine:latest"])
