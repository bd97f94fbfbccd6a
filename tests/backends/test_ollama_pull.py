"""A pull: lines in, events out, and success only where the daemon says so."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from llmhub.core.errors import FailureKind
from llmhub.core.models import PullEvent
from support.ollama_replay import daemon, pull
from support.replay import Answer, contract, contract_answer

GOOD = ["ok", "cached", "resume", "safetensors"]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("pieces", [None, 1, 2])
async def test_every_line_is_an_event_and_the_last_is_success(name: str, pieces: int | None) -> None:
    lines = [json.loads(line) for line in contract(f"ollama-pull-{name}.ndjson").splitlines()]

    events, failure = await pull(contract_answer(f"ollama-pull-{name}.ndjson").but(pieces=pieces))

    assert failure is None
    assert events == [
        PullEvent(line["status"], line.get("digest"), line.get("total"), line.get("completed", 0)) for line in lines
    ]
    assert events[-1].status == "success"


async def test_an_answer_that_is_not_streamed_is_success_too() -> None:
    events, failure = await pull(contract_answer("ollama-pull-nonstream.json"))

    assert (events, failure) == ([PullEvent("success")], None)


@pytest.mark.parametrize(
    ("name", "kind", "happened", "remedy"),
    [
        ("error", FailureKind.NOT_FOUND, "No such model or tag", "check its name at ollama.com/library"),
        (
            "hf-badquant",
            FailureKind.NOT_FOUND,
            "There is no such tag",
            "choose one of those at huggingface.co/user/repo",
        ),
        (
            "digest-mismatch",
            FailureKind.PROTOCOL,
            "What was downloaded is damaged, and Ollama threw it away",
            "pull it again from the start",
        ),
        (
            "network-error",
            FailureKind.UNREACHABLE,
            "Ollama could not fetch it from the registry",
            "check the connection and pull again; what was fetched is kept",
        ),
    ],
)
async def test_a_failed_pull_answers_200_and_is_a_failure_all_the_same(
    name: str, kind: FailureKind, happened: str, remedy: str
) -> None:
    model = "hf.co/user/repo:Q9" if name.startswith("hf") else "qwen3:8b"

    events, failure = await pull(contract_answer(f"ollama-pull-{name}.ndjson"), model)

    assert events[0] == PullEvent("pulling manifest")
    assert failure is not None
    assert (failure.kind, failure.happened, failure.remedy) == (kind, happened, remedy)
    assert failure.subject == model


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("unauthorized: access denied", FailureKind.REFUSED),
        ("this model requires MLX support, but the MLX runtime is not available", FailureKind.REFUSED),
        ("write /models/blobs/sha256-x-partial: no space left on device", FailureKind.DISK),
        (
            'pull model manifest: Get "https://registry.ollama.ai/v2/": dial tcp: lookup: no such host',
            FailureKind.UNREACHABLE,
        ),
        ("pull model manifest: 412: this model requires a newer version of Ollama", FailureKind.REFUSED),
        ("something nobody has seen before", FailureKind.REFUSED),
    ],
)
async def test_other_failures_of_a_pull(text: str, kind: FailureKind) -> None:
    _, failure = await pull(Answer.lines({"status": "pulling manifest"}, {"error": text}))

    assert failure is not None
    assert (failure.kind, failure.detail) == (kind, text)


@pytest.mark.parametrize("end", ["proper", "vanish", "reset"])
@pytest.mark.parametrize("until", [700, 1600])
async def test_a_pull_that_ends_without_success_is_broken_off_and_resumable(end: str, until: int) -> None:
    events, failure = await pull(contract_answer("ollama-pull-ok.ndjson").but(until=until, end=end))

    assert failure is not None
    assert failure.kind is FailureKind.CUT
    assert "goes on where it was" in failure.remedy
    assert events[0].status == "pulling manifest"


async def test_a_figure_that_falls_is_passed_on_as_it_is() -> None:
    events, _ = await pull(contract_answer("ollama-pull-resume.ndjson"))

    figures = [event.completed_bytes for event in events if event.digest]
    assert 2398093312 in figures
    assert figures[figures.index(2398093312) + 1] == 2331000832


async def test_a_digest_that_is_no_hash_is_left_as_it_is() -> None:
    events, _ = await pull(contract_answer("ollama-pull-safetensors.ndjson"))

    assert {event.digest for event in events if event.digest} == {"sha256:model"}


async def test_closing_the_generator_closes_the_connection_and_pauses_the_pull() -> None:
    answer = contract_answer("ollama-pull-ok.ndjson").but(until=700, end="hang")

    async with daemon({"POST /api/pull": answer}) as (ollama, server):
        async with aclosing(ollama.pull("qwen3:8b")) as events:
            async for event in events:
                if event.completed_bytes:
                    break
        await asyncio.wait_for(server.left.wait(), 5)

    assert server.asked[0].json == {"model": "qwen3:8b", "stream": True}


async def test_cancelling_before_the_first_line_closes_the_connection() -> None:
    async with daemon({"POST /api/pull": Answer(before_s=60)}) as (ollama, server):

        async def listen() -> None:
            async with aclosing(ollama.pull("qwen3:8b")) as events:
                async for _ in events:
                    pass

        listening = asyncio.create_task(listen())
        await asyncio.wait_for(server.got.wait(), 5)
        listening.cancel()
        await asyncio.wait({listening})

        await asyncio.wait_for(server.left.wait(), 5)


async def test_plain_http_is_allowed_only_when_it_is_asked_for() -> None:
    async with daemon({"POST /api/pull": contract_answer("ollama-pull-ok.ndjson")}) as (ollama, server):
        events = [event async for event in ollama.pull("localhost:5000/library/x", insecure=True)]

    assert events[-1].status == "success"

    assert server.asked[0].json["insecure"] is True


async def test_a_web_page_or_a_broken_line_is_said_to_be_one() -> None:
    _, page = await pull(Answer(b"<html></html>", 200, "text/html"))
    _, line = await pull(Answer(b'{"status":"pulling manifest"}\n{"status":"pul\n'))
    _, refused = await pull(Answer(b"<html></html>", 502, "text/html", chunked=False))

    assert page is not None
    assert line is not None
    assert refused is not None
    assert {page.kind, line.kind, refused.kind} == {FailureKind.PROTOCOL}
    assert page.happened == refused.happened == "A web page came instead of an answer"


async def test_a_daemon_that_stops_in_the_middle_is_to_be_started_and_the_pull_goes_on() -> None:
    _, failure = await pull(contract_answer("ollama-pull-ok.ndjson").but(until=700, end="reset"))

    assert failure is not None
    assert failure.happened == "The pull broke off: Ollama stopped answering"
    assert failure.remedy == "start it again if it is gone: ollama serve; then pull again, it goes on where it was"
