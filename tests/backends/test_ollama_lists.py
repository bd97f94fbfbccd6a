"""What is installed, loaded and told of a model, whoever answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from llmhub.backends.ollama import Ollama
from llmhub.core.models import DaemonInfo, InstalledModel, LoadedModel, ModelDetails, Tensor
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE
from llmhub.net import make_client
from support.ollama_replay import daemon
from support.replay import Answer, Route, contract, contract_answer, contract_errors


async def installed(answer: Answer) -> dict[str, InstalledModel]:
    async with daemon({"GET /api/tags": answer}) as (ollama, _):
        return {model.name: model for model in await ollama.installed()}


async def loaded(answer: Answer) -> dict[str, LoadedModel]:
    async with daemon({"GET /api/ps": answer}) as (ollama, _):
        return {model.name: model for model in await ollama.loaded()}


async def details(body: Any, *, verbose: bool = False) -> ModelDetails:
    async with daemon({"POST /api/show": Answer.of(body)}) as (ollama, server):
        told = await ollama.details("qwen3:8b", verbose=verbose)
    assert server.asked[0].json == {"model": "qwen3:8b"} | ({"verbose": True} if verbose else {})
    return told


async def test_the_whole_entry_of_an_installed_model() -> None:
    models = await installed(contract_answer("ollama-tags.json"))

    assert models["qwen3:8b"] == InstalledModel(
        name="qwen3:8b",
        place=THIS_MACHINE,
        size_bytes=5225387716,
        digest="7e1b201dc34147401a6ed32da64a6f872e34029c11ebc90b58c93866d1640228",
        modified_at=datetime(2026, 11, 18, 21, 4, 37, 512883, tzinfo=timezone(timedelta(hours=1))),
        family="qwen3",
        parameter_size="8.2B",
        quantization="Q4_K_M",
        format="gguf",
        context_trained=40960,
        capabilities=frozenset({"completion", "tools", "thinking"}),
    )
    assert list(models) == [entry["name"] for entry in json.loads(contract("ollama-tags.json"))["models"]]


async def test_a_cloud_stub_is_marked_and_its_few_bytes_are_no_size() -> None:
    stub = (await installed(contract_answer("ollama-tags.json")))["gpt-oss:120b-cloud"]

    assert (stub.place, stub.size_bytes) == (OLLAMA_CLOUD, None)
    assert (stub.remote_model, stub.remote_host) == ("gpt-oss:120b", "https://ollama.com:443")


@pytest.mark.parametrize("name", ["glm-5:cloud", "qwen3-coder:480b-cloud"])
async def test_a_cloud_name_alone_is_enough(name: str) -> None:
    models = await installed(Answer.of({"models": [{"name": name, "size": 384}]}))

    assert models[name].place == OLLAMA_CLOUD


async def test_a_stub_under_a_name_of_one_s_own_is_cloud_too() -> None:
    models = await installed(Answer.of({"models": [{"name": "mine:latest", "remote_host": "https://ollama.com"}]}))

    assert models["mine:latest"].place == OLLAMA_CLOUD


async def test_unknown_quantization_and_absent_families_are_unknown() -> None:
    models = await installed(contract_answer("ollama-tags.json"))

    assert models["hf.co/bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M"].quantization is None
    assert models["scratch:latest"].family == "llama"


async def test_no_models_are_an_empty_list() -> None:
    assert await installed(contract_answer("ollama-tags-empty.json")) == {}
    assert await loaded(contract_answer("ollama-ps-empty.json")) == {}
    assert await installed(Answer.of({"models": None})) == {}


async def test_a_look_alike_with_strings_for_sizes_is_listed_without_them() -> None:
    models = await installed(contract_answer("llamacpp-models.json"))

    assert models == {
        "unsloth/Qwen3-8B-GGUF:Q4_K_M": InstalledModel(
            name="unsloth/Qwen3-8B-GGUF:Q4_K_M",
            place=THIS_MACHINE,
            size_bytes=None,
            format="gguf",
            capabilities=frozenset({"completion"}),
        )
    }


async def test_nonsense_in_an_entry_harms_only_that_entry() -> None:
    entries = [
        7,
        {},
        {"name": 5},
        {"name": "a", "size": -1, "details": [], "capabilities": "chat", "modified_at": "yesterday", "digest": 9},
        {"model": "b", "size": 12, "details": {"context_length": "4096"}, "modified_at": "0001-01-01T00:00:00Z"},
        {"name": "c\x1b[31m\u202e:x", "size": True, "modified_at": "2026-01-01T00:00:00"},
    ]

    models = await installed(Answer.of({"models": entries}))

    assert models == {
        "a": InstalledModel("a", THIS_MACHINE, None),
        "b": InstalledModel("b", THIS_MACHINE, 12),
        "c:x": InstalledModel("c:x", THIS_MACHINE, None),
    }


async def test_loaded_models_with_their_split_and_their_end() -> None:
    models = await loaded(contract_answer("ollama-ps.json"))

    assert [(m.name, m.gpu_fraction, m.never_expires, m.context_tokens) for m in models.values()] == [
        ("llama3.2:3b", 1.0, True, 4096),
        ("qwen3:8b", 0.75, False, 16384),
        ("nomic-embed-text:latest", 0.0, False, 2048),
    ]
    assert models["qwen3:8b"].expires_at == datetime(2026, 11, 20, 9, 2, 41, 774902, tzinfo=UTC)


async def test_the_year_2319_means_never() -> None:
    model = (await loaded(contract_answer("ollama-ps.json")))["llama3.2:3b"]

    assert (model.never_expires, model.expires_at) == (True, None)


async def test_an_end_that_is_not_set_and_figures_left_out_because_they_are_zero() -> None:
    entry = {"name": "m", "expires_at": "0001-01-01T00:00:00Z"}

    assert await loaded(Answer.of({"models": [entry]})) == {"m": LoadedModel("m", 0, 0)}


async def test_show_tells_what_sizing_needs() -> None:
    told = await details(json.loads(contract("ollama-show.json")))

    assert (told.architecture, told.parameter_count, told.context_trained) == ("qwen3", 8190735360, 40960)
    assert (told.parameter_size, told.quantization, told.family) == ("8.2B", "Q4_K_M", "qwen3")
    assert told.capabilities == frozenset({"completion", "tools", "thinking"})
    assert told.tensors[0] == Tensor("output.weight", "Q6_K", (4096, 151936))
    assert told.parameters is not None
    assert told.parameters.splitlines()[0].split() == ["repeat_penalty", "1"]
    assert told.license is not None
    assert told.template is not None
    assert "{{- range .Messages }}" in told.template


async def test_arrays_come_only_when_they_are_asked_for_and_never_the_vocabulary() -> None:
    info = {"general.architecture": "gemma3", "gemma3.attention.head_count_kv": None, "tokenizer.ggml.tokens": None}
    full = info | {"gemma3.attention.head_count_kv": [1, 4], "tokenizer.ggml.tokens": ["a"] * 100_000}

    short = await details({"details": {}, "model_info": info})
    verbose = await details({"details": {}, "model_info": full}, verbose=True)

    assert short.model_info["gemma3.attention.head_count_kv"] is None
    assert verbose.model_info["gemma3.attention.head_count_kv"] == [1, 4]
    assert "tokenizer.ggml.tokens" not in verbose.model_info


async def test_show_of_a_cloud_model_and_of_next_to_nothing() -> None:
    cloud = await details({"details": {}, "model_info": {}, "remote_model": "big", "remote_host": "https://ollama.com"})
    bare = await details({"details": None, "model_info": None, "tensors": [{"shape": "x"}, 1], "capabilities": None})

    assert (cloud.remote_model, cloud.remote_host) == ("big", "https://ollama.com")
    assert bare == ModelDetails("qwen3:8b")


async def test_the_preset_context_is_read_from_the_parameters() -> None:
    told = await details({"details": {}, "parameters": 'num_ctx                        32768\nstop      "<|im_end|>"'})

    assert told.preset_context == 32768


def root_routes(root: Answer, **more: Route) -> dict[str, Route]:
    return {"GET /": root, "GET /api/version": contract_answer("ollama-version.json"), **more}


async def test_who_answers() -> None:
    routes = root_routes(contract_errors()["daemon alive"]) | {"GET /api/status": contract_answer("ollama-status.json")}

    async with daemon(routes) as (ollama, _):
        assert await ollama.info() == DaemonInfo("0.32.15", is_ollama=True, cloud_disabled=False)


async def test_an_old_daemon_does_not_say_whether_its_cloud_is_off() -> None:
    async with daemon(root_routes(contract_errors()["daemon alive"])) as (ollama, _):
        assert await ollama.info() == DaemonInfo("0.32.15", is_ollama=True, cloud_disabled=None)


async def test_another_program_on_the_port_is_not_taken_for_ollama() -> None:
    page = Answer(b"<!doctype html><title>llama.cpp</title>", 200, "text/html", chunked=False)

    async with daemon({"GET /": page, "GET /api/version": page}) as (ollama, _):
        assert await ollama.info() == DaemonInfo("", is_ollama=False)


async def test_a_model_behind_ollama_com_itself_runs_in_the_cloud() -> None:
    assert Ollama(make_client(), "https://ollama.com:443").place == OLLAMA_CLOUD
