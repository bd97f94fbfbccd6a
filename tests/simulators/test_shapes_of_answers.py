"""Every answer has the shape of its contract example: the same keys, the same kinds."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from llmhub.simulators.catalogue import LLAMA32_3B, QWEN3_8B
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from simulators.talking import HELLO, ask, chat, contract, shape

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius"]}},
            "required": ["city", "unit"],
        },
    },
}


def kinds(lines: list[dict[str, Any]]) -> list[Any]:
    """The different shapes of a stream's lines, in the order in which they first come."""
    found: list[Any] = []
    for line in lines:
        if shape(line) not in found:
            found.append(shape(line))
    return found


@pytest.mark.parametrize(
    ("path", "example"),
    [("/api/version", "ollama-version.json"), ("/api/status", "ollama-status.json")],
)
async def test_version_and_status_equal_the_contract(sim: OllamaSimulator, path: str, example: str) -> None:
    answer = await ask(sim.url, "GET", path)

    assert answer.json == contract(example)


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags"])
async def test_head_has_the_length_and_no_body(sim: OllamaSimulator, path: str) -> None:
    whole = await ask(sim.url, "GET", path)

    head = await ask(sim.url, "HEAD", path)

    assert (head.status, head.body, int(head.headers["content-length"])) == (200, b"", len(whole.body))


async def test_the_list_of_models_has_the_shape_of_the_contract(sim: OllamaSimulator) -> None:
    example = {model["name"]: shape(model) for model in contract("ollama-tags.json")["models"]}

    listed = {model["name"]: model for model in (await ask(sim.url, "GET", "/api/tags")).json["models"]}

    assert len(listed) >= 8
    for name in (set(listed) & set(example)) - {"scratch:latest"}:
        assert shape(listed[name]) == example[name], name
    assert {"qwen3:8b", "gpt-oss:120b-cloud", "nomic-embed-text:latest"} <= set(listed) & set(example)


async def test_the_list_is_newest_first_and_its_digests_are_64_hex(sim: OllamaSimulator) -> None:
    models = (await ask(sim.url, "GET", "/api/tags")).json["models"]

    moments = [datetime.fromisoformat(model["modified_at"]) for model in models]

    assert moments == sorted(moments, reverse=True)
    assert all(len(model["digest"]) == 64 and int(model["digest"], 16) for model in models)


async def test_a_daemon_before_0_30_lists_neither_capabilities_nor_context(old_sim: OllamaSimulator) -> None:
    models = (await ask(old_sim.url, "GET", "/api/tags")).json["models"]

    assert not any("capabilities" in model or "context_length" in model["details"] for model in models)


async def test_nothing_installed_and_nothing_loaded_are_empty_lists() -> None:
    async with OllamaSimulator(OllamaScript(installed=())) as empty:
        tags, loaded = await ask(empty.url, "GET", "/api/tags"), await ask(empty.url, "GET", "/api/ps")

    assert tags.json == contract("ollama-tags-empty.json")
    assert loaded.json == contract("ollama-ps-empty.json")


async def test_a_loaded_model_has_the_shape_of_the_contract(sim: OllamaSimulator) -> None:
    await chat(sim.url)

    loaded = await ask(sim.url, "GET", "/api/ps")

    assert shape(loaded.json) == shape(contract("ollama-ps.json"))


async def test_show_has_every_key_of_the_contract(sim: OllamaSimulator) -> None:
    example = contract("ollama-show.json")

    told = (await ask(sim.url, "POST", "/api/show", {"model": "qwen3:8b"})).json

    assert list(told) == list(example)
    missing = set(example["model_info"]) - set(told["model_info"])
    assert missing <= {
        "tokenizer.ggml.add_bos_token",
        "tokenizer.ggml.bos_token_id",
        "tokenizer.ggml.eos_token_id",
        "tokenizer.ggml.padding_token_id",
        "tokenizer.ggml.pre",
    }
    same = {
        "general.architecture",
        "general.parameter_count",
        *(key for key in example["model_info"] if "qwen3." in key),
    }
    assert {key: told["model_info"][key] for key in same} == {key: example["model_info"][key] for key in same}
    assert told["parameters"] == example["parameters"]
    assert told["model_info"]["tokenizer.ggml.tokens"] is None
    assert shape(told["tensors"]) == shape(example["tensors"])


async def test_only_a_verbose_show_has_the_arrays() -> None:
    async with OllamaSimulator(OllamaScript(verbose_vocabulary=None)) as sim:
        told = await ask(sim.url, "POST", "/api/show", {"model": "llama3.2:3b", "verbose": True})

    assert len(told.json["model_info"]["tokenizer.ggml.tokens"]) == 128_256
    assert len(told.body) > 2**20


async def test_a_chat_streams_the_lines_of_the_contract(sim: OllamaSimulator) -> None:
    answer = await chat(sim.url)

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert kinds(answer.lines) == kinds(contract("ollama-chat-stream.ndjson"))
    assert len(answer.chunks) == len(answer.lines)


async def test_a_thinking_model_thinks_first_and_without_being_asked(sim: OllamaSimulator) -> None:
    answer = await chat(sim.url, "qwen3:8b")

    assert kinds(answer.lines) == kinds(contract("ollama-chat-thinking.ndjson"))
    thoughts = [bool(line["message"].get("thinking")) for line in answer.lines]
    assert thoughts == sorted(thoughts, reverse=True)


async def test_think_false_leaves_the_thoughts_out_and_levels_make_them_longer(sim: OllamaSimulator) -> None:
    def thoughts(lines: list[dict[str, Any]]) -> int:
        return sum("thinking" in line["message"] for line in lines)

    off = await chat(sim.url, "qwen3:8b", think=False)
    low = await chat(sim.url, "gpt-oss:20b", think="low")
    high = await chat(sim.url, "gpt-oss:20b", think="high")
    cannot = await chat(sim.url, "gpt-oss:20b", think=False)

    assert thoughts(off.lines) == 0
    assert 0 < thoughts(low.lines) < thoughts(high.lines)
    assert thoughts(cannot.lines) > 0


async def test_stream_false_is_one_object(sim: OllamaSimulator) -> None:
    answer = await chat(sim.url, "qwen3:8b", stream=False)

    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert shape(answer.json) == shape(contract("ollama-chat-nonstream.json"))


async def test_tool_calls_come_before_the_end_from_a_parser_and_in_it_from_llama(sim: OllamaSimulator) -> None:
    parsed = await chat(sim.url, "qwen3:8b", tools=[WEATHER])
    native = await chat(sim.url, "llama3.2:3b", tools=[WEATHER])

    assert kinds(parsed.lines) == kinds(contract("ollama-chat-tools-parser.ndjson"))
    assert kinds(native.lines) == kinds(contract("ollama-chat-tools-native.ndjson"))
    assert parsed.lines[-2]["message"]["tool_calls"][0]["id"].startswith("call_")


async def test_0_24_sends_every_tool_call_before_the_end(old_sim: OllamaSimulator) -> None:
    answer = await chat(old_sim.url, "llama3.2:3b", tools=[WEATHER])

    assert "tool_calls" in answer.lines[-2]["message"]
    assert "tool_calls" not in answer.lines[-1]["message"]


async def test_a_tools_result_is_answered_in_words(sim: OllamaSimulator) -> None:
    messages = [*HELLO, {"role": "tool", "tool_name": "get_weather", "content": "4 degrees, rain"}]

    answer = await chat(sim.url, messages=messages, tools=[WEATHER])

    assert "4 degrees, rain" in answer.text


async def test_a_cloud_model_names_its_host_and_has_few_figures(sim: OllamaSimulator) -> None:
    example = contract("ollama-chat-remote.ndjson")

    answer = await chat(sim.url, "gpt-oss:120b-cloud")

    assert shape(answer.lines[-1]) == shape(example[-1])
    assert answer.lines[-1]["remote_host"] == example[-1]["remote_host"]
    assert (await ask(sim.url, "GET", "/api/ps")).json == {"models": []}


@pytest.mark.parametrize(
    ("path", "body", "example"),
    [
        ("/api/chat", {"messages": []}, "ollama-load.json"),
        ("/api/chat", {"messages": [], "keep_alive": 0}, "ollama-unload.json"),
        ("/api/generate", {}, "ollama-generate-load.json"),
    ],
)
async def test_load_and_unload_are_one_object_although_streaming_is_on(
    sim: OllamaSimulator, path: str, body: dict[str, Any], example: str
) -> None:
    answer = await ask(sim.url, "POST", path, {"model": "qwen3:8b", **body})

    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    told, wanted = answer.json, contract(example)
    assert {**told, "created_at": ""} == {**wanted, "created_at": ""}


async def test_a_completion_streams_the_lines_of_the_contract(sim: OllamaSimulator) -> None:
    answer = await ask(sim.url, "POST", "/api/generate", {"model": "llama3.2:3b", "prompt": "Explain merge sort"})

    assert kinds(answer.lines) == kinds(contract("ollama-generate-stream.ndjson"))


async def test_the_model_is_echoed_as_it_was_typed(sim: OllamaSimulator) -> None:
    answer = await chat(sim.url, "Library/LLAMA3.2:3B", options={"num_predict": 1})

    assert {line["model"] for line in answer.lines} == {"Library/LLAMA3.2:3B"}


async def test_strings_are_escaped_as_go_escapes_them(sim: OllamaSimulator) -> None:
    answer = await ask(sim.url, "POST", "/api/show", {"model": LLAMA32_3B.name})

    assert b"\\u003c|eot_id|\\u003e" in answer.body
    assert "<|eot_id|>" in answer.json["template"]


async def test_what_is_said_depends_on_the_model_and_is_always_the_same(sim: OllamaSimulator) -> None:
    first, again = await chat(sim.url, QWEN3_8B.name), await chat(sim.url, QWEN3_8B.name)
    other = await chat(sim.url, LLAMA32_3B.name)

    assert first.text == again.text
    assert first.text != other.text


async def test_a_reply_that_is_long_is_chunked_and_a_short_one_is_not(sim: OllamaSimulator) -> None:
    tags, version = await ask(sim.url, "GET", "/api/tags"), await ask(sim.url, "GET", "/api/version")

    assert tags.headers["transfer-encoding"] == "chunked"
    assert version.headers["content-length"] == str(len(json.dumps({"version": "0.32.15"}, separators=(",", ":"))))
