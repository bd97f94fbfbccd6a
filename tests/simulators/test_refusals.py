"""What the real daemon refuses is refused with its status, its content type and its words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llmhub.simulators.catalogue import LLAMA32_3B
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from simulators.talking import HELLO, ask, chat, contract, recorded_body, recording

LONG = [{"role": "user", "content": "word " * 2000}]
IMAGE = [{"role": "user", "content": "x", "images": ["iVBORw0KGgo="]}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def table(when: str) -> dict[str, Any]:
    """A row of the contract's error table."""
    found: dict[str, Any] = next(row for row in contract("ollama-errors.json") if row["when"] == when)
    return found


@pytest.mark.parametrize(
    ("when", "method", "path", "body"),
    [
        ("daemon alive", "GET", "/", None),
        ("unknown path, or endpoint newer than the daemon", "GET", "/api/nope", None),
        ("wrong method", "GET", "/api/chat", None),
        ("empty body", "POST", "/api/chat", None),
        ("model name missing", "POST", "/api/chat", {"messages": HELLO}),
        ("name cannot be parsed", "POST", "/api/pull", {"model": "no spaces allowed!!"}),
        ("model not installed", "POST", "/api/chat", {"model": "nope:1b", "messages": HELLO}),
        ("model not installed (generate the same)", "POST", "/api/show", {"model": "nope:1b"}),
        ("model not installed (generate the same)", "POST", "/api/generate", {"model": "nope:1b", "prompt": "x"}),
        ("delete: not installed", "DELETE", "/api/delete", {"model": "nope:1b"}),
        ("copy: source not installed", "POST", "/api/copy", {"source": "nope:1b", "destination": "x"}),
        ("delete or copy done", "DELETE", "/api/delete", {"model": "llama3.2:3b"}),
        ("delete or copy done", "POST", "/api/copy", {"source": "llama3.2:3b", "destination": "mine"}),
        (
            "think asked of a model without the capability",
            "POST",
            "/api/chat",
            {"model": "llama3.2:3b", "messages": HELLO, "think": True},
        ),
        (
            "chat asked of an embedding model",
            "POST",
            "/api/chat",
            {"model": "nomic-embed-text", "messages": HELLO},
        ),
        (
            "option of the wrong type",
            "POST",
            "/api/chat",
            {"model": "llama3.2:3b", "messages": HELLO, "options": {"stop": "x"}},
        ),
        ("pull, stream false, name unknown to the registry", "POST", "/api/pull", {"model": "nope", "stream": False}),
    ],
)
async def test_the_error_table_of_the_contract_holds(
    sim: OllamaSimulator, when: str, method: str, path: str, body: Any
) -> None:
    row = table(when)

    answer = await ask(sim.url, method, path, body)

    told = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"], separators=(",", ":"))
    assert (answer.status, answer.body.decode()) == (row["status"], told)
    assert answer.headers.get("content-type") == row["content_type"]


async def test_tools_for_a_model_without_them_name_the_whole_model(sim: OllamaSimulator) -> None:
    answer = await chat(sim.url, "gemma3:4b", tools=[TOOL])

    assert (answer.status, answer.error) == (400, "registry.ollama.ai/library/gemma3:4b does not support tools")


async def test_a_host_header_from_elsewhere_is_an_empty_403(sim: OllamaSimulator) -> None:
    row = table("Host header not local while bound to loopback")

    answer = await ask(sim.url, "GET", "/api/tags", headers={"Host": "evil.example.org"})

    assert (answer.status, answer.body, answer.headers.get("content-type")) == (row["status"], b"", None)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:5", "my.localhost", "box.local", "10.0.0.7:99"])
async def test_a_local_host_header_is_let_in(sim: OllamaSimulator, host: str) -> None:
    answer = await ask(sim.url, "GET", "/api/version", headers={"Host": host})

    assert answer.status == 200


async def test_cloud_models_need_an_account_and_may_be_switched_off() -> None:
    async with OllamaSimulator(OllamaScript(signed_in=False).at_once()) as sim:
        unknown = await chat(sim.url, "gpt-oss:120b-cloud")
    async with OllamaSimulator(OllamaScript(cloud_disabled=True).at_once()) as sim:
        off, status = await chat(sim.url, "gpt-oss:120b-cloud"), await ask(sim.url, "GET", "/api/status")

    assert (unknown.status, unknown.json) == (401, table("cloud model, not signed in")["body"])
    assert (off.status, off.json) == (403, table("cloud disabled by setting")["body"])
    assert status.json["cloud"]["disabled"] is True


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"keep_alive": "5"}, 400, 'time: missing unit in duration "5"'),
        ({"keep_alive": "soon"}, 400, 'time: invalid duration "soon"'),
        ({"options": {"num_ctx": "big"}}, 500, 'option "num_ctx" must be of type integer'),
        ({"options": {"temperature": "hot"}}, 500, 'option "temperature" must be of type float32'),
        (
            {"think": "very"},
            400,
            'invalid think value: "very" (must be "high", "medium", "low", "max", true, or false)',
        ),
        (
            {"messages": "x"},
            400,
            "json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message",
        ),
    ],
)
async def test_a_request_that_go_cannot_read_is_refused(
    sim: OllamaSimulator, fields: dict[str, Any], status: int, error: str
) -> None:
    answer = await chat(sim.url, **fields)

    assert (answer.status, answer.error) == (status, error)


async def test_broken_json_is_a_400_in_the_decoders_words(sim: OllamaSimulator) -> None:
    half, wrong = [await ask(sim.url, "POST", "/api/chat", body) for body in (b'{"model":', b"<html>")]

    assert (half.status, half.error) == (400, "unexpected EOF")
    assert (wrong.status, wrong.error) == (400, "invalid character '<' looking for beginning of value")


@pytest.mark.parametrize("fields", [{"options": {"nonsense": 1}}, {"messages": [{"role": "x", "content": "y"}]}])
async def test_an_unknown_option_or_role_is_accepted(sim: OllamaSimulator, fields: dict[str, Any]) -> None:
    answer = await chat(sim.url, **fields)

    assert answer.lines[-1]["done_reason"] == "stop"


async def test_the_old_daemon_repeats_the_name_as_typed_and_the_new_one_adds_the_tag(
    sim: OllamaSimulator, old_sim: OllamaSimulator
) -> None:
    new, old = [await ask(url, "POST", "/api/show", {"model": "nope"}) for url in (sim.url, old_sim.url)]

    assert new.json == recorded_body("show-missing")
    assert old.json == recorded_body("show-missing", "0.24.0")


async def test_an_image_for_a_model_without_eyes_is_a_nested_400_or_ignored(
    sim: OllamaSimulator, old_sim: OllamaSimulator
) -> None:
    new, old = await chat(sim.url, messages=IMAGE), await chat(old_sim.url, messages=IMAGE)
    seen = await chat(sim.url, "gemma3:4b", messages=IMAGE)

    real = recording("chat-image-unsupported")
    assert (new.status, new.json, new.headers["content-type"]) == (
        400,
        recorded_body("chat-image-unsupported"),
        real["headers"]["content-type"],
    )
    assert old.status == seen.status == 200
    assert seen.lines[-1]["prompt_eval_count"] > 256


async def test_a_prompt_that_is_too_long_is_refused_with_its_true_length_inside_the_text(sim: OllamaSimulator) -> None:
    options = {"num_ctx": 512}

    answer = await chat(sim.url, messages=LONG, truncate=False, shift=False, options=options)

    inner, real = (
        json.loads(answer.error)["error"],
        json.loads(recorded_body("chat-overflow-refused")["error"])["error"],
    )
    count = inner["n_prompt_tokens"]
    message = f"request ({count} tokens) exceeds the available context size (512 tokens), try increasing it"
    assert (answer.status, answer.headers["transfer-encoding"]) == (400, "chunked")
    assert inner == {**real, "message": message, "n_prompt_tokens": count}
    assert 2500 <= count <= 2520


async def test_the_old_daemon_refuses_a_long_prompt_in_plain_words(old_sim: OllamaSimulator) -> None:
    answer = await chat(old_sim.url, messages=LONG, truncate=False, options={"num_ctx": 512})

    assert (answer.status, answer.json) == (400, recorded_body("chat-overflow-refused", "0.24.0"))


async def test_with_truncate_a_long_prompt_is_cut_in_silence(sim: OllamaSimulator, old_sim: OllamaSimulator) -> None:
    options = {"num_ctx": 512, "num_predict": 4}

    new, old = [await chat(url, messages=LONG, options=options) for url in (sim.url, old_sim.url)]

    assert new.lines[-1]["prompt_eval_count"] == 258  # as 0.32.15 did (recording, prompt-too-long-default)
    assert old.lines[-1]["prompt_eval_count"] == 512


async def test_old_messages_are_dropped_in_silence_but_not_the_system_prompt(sim: OllamaSimulator) -> None:
    turn = {"role": "user", "content": "q" * 1000}
    messages = [{"role": "system", "content": "s" * 400}, turn, turn, {"role": "user", "content": "short"}]

    answer = await chat(sim.url, messages=messages, options={"num_ctx": 512, "num_predict": 1})

    assert answer.lines[-1]["prompt_eval_count"] == (4 + 100) + (4 + 250) + (4 + 2)


async def test_one_long_message_with_shift_off_is_refused(sim: OllamaSimulator) -> None:
    answer = await chat(sim.url, messages=LONG, shift=False, options={"num_ctx": 512})

    prefix = table("prompt too long, shift false, template or parser model")["body"]["error"].split(";")[0]
    assert answer.status == 400
    assert answer.error.startswith(prefix)


@pytest.mark.parametrize("version", ["0.32.15", "0.24.0"])
async def test_a_model_larger_than_the_memory_fails_in_the_words_of_its_version(version: str) -> None:
    script = replace(OllamaScript(version=version, memory_bytes=2 * 2**30).at_once(), installed=(LLAMA32_3B,))

    async with OllamaSimulator(script) as sim:
        answer = await chat(sim.url)

    assert answer.status == recording("too-big-for-memory", version)["status"]
    real = recorded_body("too-big-for-memory", version)["error"]
    assert answer.error.startswith(real.split("(")[0])
