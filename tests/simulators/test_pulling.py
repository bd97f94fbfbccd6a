"""Pulls: the lines of the contract, a tick every 60 ms, resumed, cancelled, shared, and failing late."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from llmhub.simulators.clock import ManualClock
from llmhub.simulators.faults import Fault, FaultKind
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript, PullScript
from simulators.talking import Answer, ask, contract, recording, shape, talking

NAME = "qwen3:0.6b"
SIZE = 396_719_635
FAST = PullScript(bytes_per_s=4e9, first_byte_s=0.0, verify_bytes_per_s=math.inf, tick_s=0.002)


def simulated(pull: PullScript | None = None, **fields: Any) -> OllamaSimulator:
    """A daemon whose pulls take no real time but tell the truth about it."""
    script = replace(OllamaScript().at_once(), pull=pull or PullScript(), **fields)
    return OllamaSimulator(script, clock=ManualClock(jumps=True))


async def pull(sim: OllamaSimulator, name: str = NAME, **fields: Any) -> Answer:
    return await ask(sim.url, "POST", "/api/pull", {"model": name, **fields})


def layers(lines: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The figures of each layer, in the order in which the layers come."""
    found: dict[str, list[int]] = {}
    for line in lines:
        if "digest" in line:
            found.setdefault(line["digest"], []).append(line.get("completed", 0))
    return found


def phases(lines: list[dict[str, Any]]) -> list[str]:
    return [line["status"] for line in lines if "digest" not in line]


async def test_a_fresh_pull_speaks_the_lines_of_the_contract_and_installs_the_model() -> None:
    example = contract("ollama-pull-ok.ndjson")
    async with simulated() as sim:
        answer = await pull(sim)
        listed = {model["name"]: model for model in (await ask(sim.url, "GET", "/api/tags")).json["models"]}

    lines = answer.lines
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert phases(lines) == phases(example)
    assert {str(shape(line)) for line in lines} == {str(shape(line)) for line in example}
    assert "completed" not in lines[1]
    figures = next(iter(layers(lines).values()))
    assert figures == sorted(figures)
    assert figures[-1] < next(line["total"] for line in lines if "total" in line)
    assert listed[NAME]["size"] == SIZE


async def test_a_line_comes_every_60_ms_of_the_daemons_clock() -> None:
    clock = ManualClock()
    async with (
        OllamaSimulator(replace(OllamaScript(), pull=PullScript()), clock=clock) as sim,
        talking(sim.url) as talk,
    ):
        await talk.send("POST", "/api/pull", {"model": NAME})
        await talk.head()
        await talk.chunk()
        for _ in range(10):
            await sim.until(lambda: clock.sleeping == 1)
            before = sim.pulls[0].lines
            clock.advance(0.059)
            await asyncio.sleep(0.002)
            assert sim.pulls[0].lines == before
            clock.advance(0.001)
            assert b"pulling" in await talk.chunk()


async def test_what_is_there_already_is_one_full_line_a_layer() -> None:
    async with simulated() as sim:
        lines = (await pull(sim, "llama3.2:3b")).lines

    assert phases(lines) == phases(contract("ollama-pull-cached.ndjson"))
    assert {shape(line)["completed"] for line in lines if "digest" in line} == {"number"}
    assert all(line["completed"] == line["total"] for line in lines if "digest" in line)
    assert len(lines) == len(layers(lines)) + 4


async def test_the_old_daemon_repeats_the_last_line_with_the_whole_figure() -> None:
    async with simulated(version="0.24.0") as sim:
        lines = (await pull(sim)).lines

    totals = {line["digest"]: line["total"] for line in lines if "digest" in line}
    assert all(figures[-1] == totals[digest] for digest, figures in layers(lines).items())


async def test_the_figure_may_step_back_once() -> None:
    async with simulated(PullScript(step_back_at=0.5)) as sim:
        lines = (await pull(sim)).lines

    figures = next(iter(layers(lines).values()))
    falls = [after - before for before, after in pairwise(figures) if after < before]
    assert len(falls) == 1
    assert phases(lines)[-1] == "success"


async def test_while_a_transfer_stands_still_the_same_figure_is_repeated() -> None:
    async with simulated(PullScript(stall_at=0.3, stall_s=6.0)) as sim:
        lines = (await pull(sim)).lines

    figures = next(iter(layers(lines).values()))
    most = max(figures.count(figure) for figure in set(figures))
    assert most == pytest.approx(6.0 / 0.06, abs=2)
    assert phases(lines)[-1] == "success"


async def test_closing_the_connection_pauses_a_pull_and_the_next_one_goes_on() -> None:
    async with OllamaSimulator(replace(OllamaScript(), pull=replace(FAST, bytes_per_s=1e9))) as sim:
        async with talking(sim.url) as talk:
            await talk.send("POST", "/api/pull", {"model": NAME})
            await talk.head()
            while sim.puller.records[0].completed_bytes < 50e6:
                await talk.chunk()
        await sim.until(lambda: sim.pulls[0].state == "cancelled")
        reached = sim.pulls[0].completed_bytes
        sent = sim.requests[0].bytes_sent
        await asyncio.sleep(0.05)

        again = await pull(sim)

        figures = next(iter(layers(again.lines).values()))
        assert (sim.requests[0].outcome, sim.requests[0].bytes_sent) == ("client left", sent)
        assert sim.requests[0].bytes_after_leaving == 0
        assert reached <= figures[0] < SIZE
        assert again.lines[-1] == {"status": "success"}


async def test_two_clients_share_one_download() -> None:
    async with OllamaSimulator(replace(OllamaScript(), pull=replace(FAST, bytes_per_s=1e9))) as sim:
        both = await asyncio.gather(pull(sim), pull(sim))

        took = [len(next(iter(layers(answer.lines).values()))) for answer in both]
        assert all(answer.lines[-1] == {"status": "success"} for answer in both)
        assert abs(took[0] - took[1]) < max(took) / 2


@pytest.mark.parametrize(
    ("name", "fields", "last"),
    [
        ("nope", {}, recording("pull-missing")["lines"][-1][1]),
        ("127.0.0.1:9/library/x:latest", {"insecure": True}, recording("pull-dead-registry")["lines"][-1][1]),
        ("127.0.0.1:5555/library/tiny-llama:latest", {}, recording("pull-not-insecure")["lines"][-1][1]),
    ],
)
async def test_a_failure_is_a_line_in_a_200_stream(name: str, fields: dict[str, Any], last: str) -> None:
    async with simulated() as sim:
        answer = await pull(sim, name, **fields)

    assert answer.status == 200
    assert answer.body.decode().splitlines() == ['{"status":"pulling manifest"}', last]


async def test_an_unknown_quantization_on_hugging_face_is_told_in_a_nested_line() -> None:
    async with simulated() as sim:
        answer = await pull(sim, "hf.co/bartowski/Qwen2.5-7B-Instruct-GGUF:Q9_Z")

    assert answer.lines == contract("ollama-pull-hf-badquant.ndjson")


async def test_the_first_line_is_out_before_the_name_is_looked_up() -> None:
    clock = ManualClock()
    async with OllamaSimulator(OllamaScript(), clock=clock) as sim, talking(sim.url) as talk:
        await talk.send("POST", "/api/pull", {"model": "nope"})
        answer = await talk.head()
        first = await talk.chunk()

    assert (answer.status, first) == (200, b'{"status":"pulling manifest"}\n')


async def test_late_failures_have_the_words_of_the_recordings() -> None:
    async with simulated() as sim:
        sim.pull_next(
            PullScript(fail_at=0.4),
            PullScript(corrupt=True),
            PullScript(disk_free_bytes=1000),
            PullScript(error="unauthorized: access denied"),
        )
        cut, corrupt, full, denied = [await pull(sim) for _ in range(4)]
        fine = await pull(sim)

    assert cut.lines[-1] == contract("ollama-pull-network-error.ndjson")[-1]
    assert (
        corrupt.lines[-1]["error"].split(":")[0]
        == contract("ollama-pull-digest-mismatch.ndjson")[-1]["error"].split(":")[0]
    )
    assert full.lines[-1]["error"].endswith("-partial: no space left on device")
    assert denied.lines == [{"status": "pulling manifest"}, {"error": "unauthorized: access denied"}]
    assert next(iter(layers(corrupt.lines).values()))[0] > 0.39 * SIZE  # went on from what was there
    assert next(iter(layers(fine.lines).values()))[0] == 0  # a wrong file is thrown away
    assert [record.state for record in sim.pulls] == ["failed"] * 4 + ["done"]


async def test_stream_false_is_one_object_or_a_500() -> None:
    async with simulated() as sim:
        fine, unknown = await pull(sim, stream=False), await pull(sim, "nope", stream=False)

    assert fine.json == contract("ollama-pull-nonstream.json")
    assert (unknown.status, unknown.error) == (500, "pull model manifest: file does not exist")


async def test_old_layers_may_be_removed_before_the_success() -> None:
    async with simulated(PullScript(removes_old_layers=True)) as sim:
        assert phases((await pull(sim)).lines) == phases(contract("ollama-pull-resume.ndjson"))


@pytest.mark.parametrize(
    ("kind", "ended"),
    [
        (FaultKind.CUT, "properly"),
        (FaultKind.HALF_LINE, "properly"),
        (FaultKind.CLOSE, "early"),
        (FaultKind.RESET, "by reset"),
    ],
)
async def test_a_pulls_stream_may_break(kind: FaultKind, ended: str) -> None:
    async with simulated() as sim:
        sim.fail_next(Fault(kind, after=4))
        answer = await pull(sim)

    assert answer.ended == ended
    assert b"success" not in answer.body
    assert answer.body.endswith(b"\n") == (kind is not FaultKind.HALF_LINE)


async def test_a_deleted_model_is_fetched_again_but_for_what_others_share() -> None:
    async with simulated() as sim:
        await ask(sim.url, "DELETE", "/api/delete", {"model": "llama3.2:3b"})
        lines = (await pull(sim, "llama3.2:3b")).lines

    figures = list(layers(lines).values())
    assert figures[0][0] == 0
    assert any(len(one) == 1 and one[0] > 0 for one in figures)  # the licence, which another model has as well
