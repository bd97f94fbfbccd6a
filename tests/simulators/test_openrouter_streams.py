"""How the simulated OpenRouter streams: comments, pieces, reasoning, tools, limits, and where the usage stands."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_faults import CloudFault, CloudFaultKind
from llmhub.simulators.openrouter_script import OpenRouterScript
from simulators.cloud_talking import (
    CHAT,
    COMMENT,
    KEY,
    WEATHER,
    blocks,
    chunks,
    deltas,
    example,
    finish,
    get,
    talk,
    text,
    usage,
)
from simulators.talking import HELLO, ask

CLAUDE = "anthropic/claude-sonnet-4.5"


async def test_comments_stand_before_and_between_the_chunks(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud)

    found = [at for at, block in enumerate(blocks(answer)) if block == COMMENT]
    assert found[0] == 0
    assert any(blocks(answer)[at - 1].startswith("data:") for at in found[1:])


async def test_the_generation_id_comes_with_the_headers_and_in_every_chunk(cloud: OpenRouterSimulator) -> None:
    answers = [await talk(cloud), await talk(cloud), await talk(cloud, stream=False)]

    ids = [answer.headers["x-generation-id"] for answer in answers]
    assert len(set(ids)) == 3
    assert {chunk["id"] for chunk in chunks(answers[0])} == {ids[0]}
    assert [record.id for record in cloud.generations] == ids
    assert all(name.startswith("gen-") and len(name.split("-")[2]) == 20 for name in ids)


@pytest.mark.parametrize(("model", "choices"), [("openai/gpt-4o", 0), (CLAUDE, 1)])
async def test_the_usage_chunk_has_no_choice_or_an_empty_one(
    cloud: OpenRouterSimulator, model: str, choices: int
) -> None:
    events = chunks(await talk(cloud, model))

    assert [("usage" in event, len(event["choices"])) for event in events[-2:]] == [(False, 1), (True, choices)]
    assert events[-2]["choices"][0]["finish_reason"] == "stop"


async def test_split_answers_are_the_same_bytes(cloud: OpenRouterSimulator) -> None:
    script = replace(OpenRouterScript().at_once(), splits=True)
    prompt = [{"role": "user", "content": "Translate good morning into Japanese"}]
    whole = text(await talk(cloud, messages=prompt))

    async with OpenRouterSimulator(script) as sim:
        answer = await talk(sim, messages=prompt)
    named = await talk(cloud, "openai/gpt-4o-fault-pieces", messages=prompt)

    assert text(answer) == text(named) == whole
    assert max(len(chunk) for chunk in answer.chunks) <= 37
    assert any(chunk[:1] >= b"\x80" for chunk in answer.chunks)  # cut inside a character


async def test_signed_reasoning_must_come_back_as_it_was(cloud: OpenRouterSimulator) -> None:
    first = await talk(cloud, CLAUDE, reasoning={"effort": "low"})
    details = [entry for part in deltas(first, "reasoning_details") for entry in part]
    kept = {"role": "assistant", "content": text(first), "reasoning_details": details}
    changed = {**kept, "reasoning_details": [{**details[0], "text": "I never thought that"}, *details[1:]]}

    answers = [
        await talk(cloud, CLAUDE, messages=[*HELLO, message, *HELLO], reasoning={"effort": "low"})
        for message in (kept, changed)
    ]

    assert "".join(deltas(first, "reasoning")) == "".join(entry.get("text", "") for entry in details)
    assert "signature" in details[-1]
    assert [answer.status for answer in answers] == [200, 400]


async def test_reasoning_may_be_summarised_and_sealed(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, "openai/gpt-oss-20b")

    kinds = [entry["type"] for part in deltas(answer, "reasoning_details") for entry in part]
    assert set(kinds[:-1]) == {"reasoning.summary"}
    assert kinds[-1] == "reasoning.encrypted"


async def test_reasoning_is_billed_also_when_it_is_left_out(cloud: OpenRouterSimulator) -> None:
    shown = await talk(cloud, "qwen/qwen3-8b")
    hidden = await talk(cloud, "qwen/qwen3-8b", reasoning={"effort": "medium", "exclude": True})

    assert deltas(shown, "reasoning")
    assert not deltas(hidden, "reasoning") + deltas(hidden, "reasoning_details")
    assert usage(hidden)["completion_tokens_details"] == usage(shown)["completion_tokens_details"]
    assert text(hidden) == text(shown)


@pytest.mark.parametrize(
    ("model", "reasoning", "thinks"),
    [
        ("qwen/qwen3-8b", None, True),
        ("qwen/qwen3-8b", {"enabled": False}, False),
        ("qwen/qwen3-8b", {"effort": "none"}, False),
        (CLAUDE, None, False),
        (CLAUDE, {"enabled": True}, True),
        (CLAUDE, {"max_tokens": 9}, True),
        ("openai/gpt-4o", {"effort": "high"}, False),
        ("openai/gpt-oss-20b", None, True),
    ],
)
async def test_a_model_thinks_when_it_can_and_is_asked_to(
    cloud: OpenRouterSimulator, model: str, reasoning: Any, thinks: bool
) -> None:
    said = usage(await talk(cloud, model, reasoning=reasoning))["completion_tokens_details"]["reasoning_tokens"]

    assert (said > 0) is thinks
    if isinstance(reasoning, dict) and "max_tokens" in reasoning:
        assert said == 9


async def test_more_effort_is_more_thought(cloud: OpenRouterSimulator) -> None:
    found = [
        usage(await talk(cloud, CLAUDE, reasoning={"effort": effort}))["completion_tokens_details"]["reasoning_tokens"]
        for effort in ("minimal", "medium", "high")
    ]

    assert found == sorted(set(found))


async def test_mandatory_reasoning_cannot_be_switched_off(cloud: OpenRouterSimulator) -> None:
    assert (await talk(cloud, "openai/gpt-oss-20b", reasoning={"effort": "none"})).status == 400


async def test_tool_arguments_come_in_fragments_that_join_to_json(cloud: OpenRouterSimulator) -> None:
    prompt = [{"role": "user", "content": "How is the weather in Lyon"}]
    answer = await talk(cloud, messages=prompt, tools=[WEATHER])

    parts = [entry for part in deltas(answer, "tool_calls") for entry in part]
    arguments = "".join(entry["function"]["arguments"] for entry in parts)
    assert json.loads(arguments) == {"city": "Lyon", "unit": "celsius"}
    assert (parts[0]["function"]["name"], len(parts) > 3) == ("get_weather", True)
    assert all("id" not in entry and "name" not in entry["function"] for entry in parts[1:])
    assert finish(answer) == ["tool_calls"]


async def test_several_calls_are_told_apart_by_their_index() -> None:
    script = replace(OpenRouterScript().at_once(), tool_calls=2)
    clock_tool = {
        "type": "function",
        "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
    }
    async with OpenRouterSimulator(script) as sim:
        streamed = await talk(sim, tools=[WEATHER, clock_tool])
        whole = (await talk(sim, tools=[WEATHER, clock_tool], stream=False)).json["choices"][0]

    joined: dict[int, dict[str, str]] = {}
    for entry in (entry for part in deltas(streamed, "tool_calls") for entry in part):
        if "id" in entry:
            joined[entry["index"]] = {"id": entry["id"], "name": entry["function"]["name"], "arguments": ""}
        joined[entry["index"]]["arguments"] += entry["function"]["arguments"]
    assert [(c["id"], c["name"], c["arguments"]) for c in joined.values()] == [
        (c["id"], c["function"]["name"], c["function"]["arguments"]) for c in whole["message"]["tool_calls"]
    ]
    assert len({call["id"] for call in joined.values()}) == 2


async def test_a_tools_result_is_answered_in_words(cloud: OpenRouterSimulator) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Lyon"}'}}
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "name": "get_weather", "content": "14 degrees, rain"},
    ]

    answer = await talk(cloud, messages=messages, tools=[WEATHER])

    assert "14 degrees, rain" in text(answer)
    assert finish(answer) == ["stop"]


async def test_limits_and_stop_words_end_an_answer(cloud: OpenRouterSimulator) -> None:
    short = await talk(cloud, max_tokens=5)
    claude = await talk(cloud, CLAUDE, max_completion_tokens=5)
    stopped = await talk(cloud, stop=["merge", "never said"])
    endless = await talk(cloud, "openai/gpt-4-fault-endless", max_tokens=900)

    assert (finish(short), usage(short)["completion_tokens"]) == (["length"], 5)
    assert [c["choices"][0]["native_finish_reason"] for c in chunks(claude) if c["choices"][0]["finish_reason"]] == [
        "max_tokens"
    ]
    assert "merge" not in text(stopped)
    assert finish(stopped) == ["stop"]
    assert (finish(endless), usage(endless)["completion_tokens"]) == (["length"], 900)


async def test_a_prompt_longer_than_the_context_is_refused(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, "openai/gpt-4", messages=[{"role": "user", "content": "word " * 9000}])

    assert answer.status == 400
    assert answer.json["error"]["metadata"] == {"error_type": "context_length_exceeded"}


@pytest.mark.parametrize(
    "name",
    [
        "chat-stream.sse",
        "chat-reasoning.sse",
        "chat-tools.sse",
        "midstream-error.sse",
        "midstream-error-stringcode.sse",
    ],
)
@pytest.mark.parametrize("split", [False, True])
async def test_a_stream_of_the_contract_is_replayed_byte_for_byte(
    cloud: OpenRouterSimulator, name: str, split: bool
) -> None:
    if split:
        cloud.script = replace(cloud.script, splits=True)
    cloud.replay_next(example(name), headers={"X-Generation-Id": "gen-1"})

    answer = await talk(cloud, "any/model")

    assert b"".join(answer.chunks).rstrip() == example(name).rstrip()
    assert answer.headers["x-generation-id"] == "gen-1"
    if split:
        assert max(len(chunk) for chunk in answer.chunks) <= 37


async def test_any_answer_can_be_replaced_by_a_recorded_one(cloud: OpenRouterSimulator) -> None:
    cloud.replay_next('{"data":{}}', path="/api/v1/key", status=203)

    answers = [await get(cloud, "/key"), await get(cloud, "/key")]

    assert [(answer.status, answer.json["data"] == {}) for answer in answers] == [(203, True), (200, False)]


async def test_a_fallback_answers_for_a_model_that_is_not_there(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, "acme/fake-1.0", models=["acme/fake-2.0", "qwen/qwen3-8b"])
    refused = await talk(cloud, "acme/fake-1.0")

    assert {chunk["model"] for chunk in chunks(answer)} == {"qwen/qwen3-8b-04-28"}
    assert (refused.status, refused.json["error"]["availability"]["code"]) == (400, "model_not_found")


async def test_without_a_model_the_router_chooses(cloud: OpenRouterSimulator) -> None:
    answer = await ask(cloud.origin, "POST", CHAT, {"messages": HELLO, "stream": True}, headers=KEY)

    assert chunks(answer)[0]["model"] in ("openai/gpt-4o", "qwen/qwen3-8b-04-28", "deepseek/deepseek-chat-v3.1")
    assert cloud.generations[0].body()["router"] == "openrouter/auto"


@pytest.mark.parametrize(
    ("wishes", "provider"),
    [
        ({}, "DeepInfra"),
        ({"order": ["novita"]}, "Novita"),
        ({"order": ["nobody", "novita/fp8"]}, "Novita"),
        ({"only": ["novita"]}, "Novita"),
        ({"ignore": ["deepinfra"]}, "Novita"),
        ({"quantizations": ["fp8"]}, "Novita"),
        ({"sort": "price"}, "Novita"),
        ({"sort": {"by": "throughput", "partition": "none"}}, "DeepInfra"),
        ({"only": ["groq"]}, "Groq"),
        ({"max_price": {"prompt": "0.04", "completion": 1}}, "Novita"),
        ({"zdr": True, "data_collection": "deny"}, "DeepInfra"),
    ],
)
async def test_wishes_choose_the_provider(cloud: OpenRouterSimulator, wishes: dict[str, Any], provider: str) -> None:
    answer = await talk(cloud, "qwen/qwen3-8b", provider=wishes)

    assert {chunk["provider"] for chunk in chunks(answer)} == {provider}


@pytest.mark.parametrize(
    ("wishes", "code", "by"),
    [
        ({"max_price": {"completion": 0.001}, "ignore": ["chutes"]}, "constraint_filtered", "allowed_providers"),
        ({"only": ["openai"]}, "constraint_filtered", "allowed_providers"),
        ({"zdr": True}, "privacy_restricted", "data_policy:zdr"),
        ({"data_collection": "deny"}, "privacy_restricted", "data_policy:training"),
        ({"quantizations": ["int4"]}, "constraint_filtered", "quantization"),
        ({"require_parameters": True}, "constraint_filtered", "require_parameters"),
    ],
)
async def test_wishes_that_leave_nobody_are_refused_by_name(
    cloud: OpenRouterSimulator, wishes: dict[str, Any], code: str, by: str
) -> None:
    answer = await talk(cloud, "moonshotai/kimi-k2:free", provider=wishes, top_a=0.5)

    availability = answer.json["error"]["availability"]
    assert (answer.status, availability["code"], availability["excluded_by"]) == (404, code, [by])


async def test_a_highest_price_below_every_endpoint_is_refused_by_name(cloud: OpenRouterSimulator) -> None:
    answers = [await talk(cloud, provider={"max_price": {name: "2"}}) for name in ("prompt", "completion")]

    assert [answer.json["error"]["availability"]["excluded_by"] for answer in answers] == [["max_price"]] * 2


@pytest.mark.parametrize(
    ("model", "fields", "tag"),
    [
        ("qwen/qwen3-8b:floor", {}, "novita/fp8"),
        ("qwen/qwen3-8b:floor", {"provider": {"only": ["deepinfra"]}}, "deepinfra/flex"),
        ("qwen/qwen3-8b", {"service_tier": "flex"}, "deepinfra/flex"),
        ("openai/gpt-4o:nitro", {}, "openai/priority"),
        ("openai/gpt-4o", {"provider": {"order": ["openai/priority"]}}, "openai/priority"),
        ("openai/gpt-4o", {}, "openai"),
    ],
)
async def test_a_tier_serves_only_who_asks_for_it(
    cloud: OpenRouterSimulator, model: str, fields: dict[str, Any], tag: str
) -> None:
    await talk(cloud, model, **fields)

    assert cloud.generations[0].chosen.endpoint.tag == tag


async def test_requests_may_go_round_the_providers() -> None:
    async with OpenRouterSimulator(replace(OpenRouterScript().at_once(), rotates=True)) as sim:
        for _ in range(3):
            await talk(sim, "qwen/qwen3-8b", max_tokens=1)

    assert [record.chosen.endpoint.provider.name for record in sim.generations] == ["Novita", "DeepInfra", "Novita"]


async def test_a_model_that_sees_nothing_is_given_no_pictures(cloud: OpenRouterSimulator) -> None:
    seen = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]

    answers = [await talk(cloud, model, messages=seen) for model in ("qwen/qwen3-8b", "openai/gpt-4o")]

    assert [answer.status for answer in answers] == [404, 200]


async def test_a_fault_waits_for_the_request_it_is_for(cloud: OpenRouterSimulator) -> None:
    cloud.fail_next(CloudFault(CloudFaultKind.REFUSED, text="busy", model="openai/gpt-4", path=CHAT))

    statuses = [(await get(cloud, "/models")).status]
    statuses += [(await talk(cloud, model)).status for model in ("openai/gpt-4o", "openai/gpt-4", "openai/gpt-4")]

    assert statuses == [200, 200, 503, 200]
