"""What is sent to OpenRouter, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmhub.backends.openrouter_bodies import Privacy, chat_body
from llmhub.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    SamplingParams,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmhub.core.cloud import CloudModel
from llmhub.core.conversations import Chat, LaneSetup
from support.openrouter_replay import HELLO, chat
from support.replay import contract

STRICT = Privacy()


def sent(*messages: Message, **more: Any) -> dict[str, Any]:
    return chat_body(ChatRequest("openai/gpt-4o", messages, **more), STRICT)


def test_the_least_that_is_sent() -> None:
    assert chat_body(HELLO, STRICT) == {
        "model": "openai/gpt-4o",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "max_tokens": 4096,
        "provider": {"data_collection": "deny"},
    }


def test_what_is_set_is_sent_under_their_names_and_what_is_not_is_left_to_the_model() -> None:
    params = SamplingParams(0.6, 0.9, 20, 0.05, 1.1, 42, ("END",))

    body = sent(Message.of("user", "Hi"), params=params, max_tokens=512)

    assert {key: body[key] for key in body.keys() - {"model", "messages", "stream", "provider"}} == {
        "max_tokens": 512,
        "temperature": 0.6,
        "top_p": 0.9,
        "top_k": 20,
        "min_p": 0.05,
        "repetition_penalty": 1.1,
        "seed": 42,
        "stop": ["END"],
    }


def test_our_request_is_the_contract_s_where_both_say_something() -> None:
    known = json.loads(contract("openrouter-chat-request.json"))
    picture = Message("user", (TextPart("What is in this picture?"), ImagePart(b"\x89PNG\r\n\x1a\n", "image/png")))
    request = ChatRequest(
        "qwen/qwen3-8b",
        (Message.of("system", "You are terse."), picture),
        SamplingParams(temperature=0.6, seed=42),
        think="low",
        max_tokens=512,
    )

    body = chat_body(request, Privacy(zero_retention=True))

    assert body["messages"] == known["messages"]
    for key in ("model", "stream", "max_tokens", "temperature", "seed"):
        assert body[key] == known[key]
    assert body["reasoning"].items() <= known["reasoning"].items()
    assert body["provider"].items() <= known["provider"].items()


def test_nothing_in_a_request_tells_who_asks() -> None:
    body = chat_body(HELLO, STRICT)

    assert body.keys().isdisjoint({"user", "session_id", "metadata"})


async def test_the_headers_name_the_program_and_no_person() -> None:
    from support.openrouter_replay import CHAT, listen, provider
    from support.replay import contract_answer

    async with provider({CHAT: contract_answer("openrouter-chat-stream.sse")}) as (openrouter, server):
        await listen(openrouter)

    headers = server.asked[0].headers
    assert headers["x-openrouter-title"] == "llmhub"
    assert headers["authorization"] == "Bearer sk-or-v1-simulated"
    assert headers["content-type"] == "application/json"
    assert "text/event-stream" in headers["accept"]
    assert headers.keys().isdisjoint({"http-referer", "referer", "x-title", "cookie"})


@pytest.mark.parametrize(
    ("policy", "sent_as"),
    [
        (Privacy(), {"data_collection": "deny"}),
        (Privacy("allow"), {"data_collection": "allow"}),
        (Privacy(zero_retention=True), {"data_collection": "deny", "zdr": True}),
    ],
)
async def test_what_is_asked_of_providers_is_told_to_the_constructor(policy: Privacy, sent_as: dict[str, Any]) -> None:
    heard = await chat("openrouter-chat-stream.sse", privacy=policy)

    assert heard.asked["provider"] == sent_as


MUST = CloudModel("m", reasoning={"mandatory": True, "supported_efforts": ["high", "low", "none"]})
MUST_ANYHOW = CloudModel("m", reasoning={"mandatory": True, "supported_efforts": None})
MAY = CloudModel("m", reasoning={"mandatory": False})
MAY_BY_PARAMETER = CloudModel("m", supported_parameters=frozenset({"reasoning"}))
CANNOT = CloudModel("m")


@pytest.mark.parametrize(
    ("think", "known", "reasoning"),
    [
        (None, MAY, None),
        (True, None, {"enabled": True}),
        (True, CANNOT, {"enabled": True}),
        ("low", None, {"effort": "low"}),
        ("max", MUST, {"effort": "max"}),
        (False, None, {"effort": "none"}),
        (False, MAY, {"effort": "none"}),
        (False, MAY_BY_PARAMETER, {"effort": "none"}),
        (False, CANNOT, None),
        (False, MUST, {"effort": "low"}),
        (False, MUST_ANYHOW, None),
    ],
)
def test_thinking_is_asked_for_in_their_words(think: Any, known: CloudModel | None, reasoning: Any) -> None:
    body = chat_body(ChatRequest("m", (), think=think), STRICT, known)

    assert body.get("reasoning") == reasoning


def test_tools_calls_and_results_are_in_the_openai_form() -> None:
    tool = Tool("get_weather", "Weather of a city", {"type": "object"})
    called = Message("assistant", (ToolCallPart("call_1", "get_weather", '{"city": "Lyon"}'),))
    bare = Message("assistant", (TextPart("So:"), ToolCallPart("call_2", "now", "")))
    results = Message("user", (ToolResultPart("call_1", "get_weather", "12"), ToolResultPart("call_2", "now", "8:00")))

    body = sent(called, bare, results, tools=(tool,))

    function = {"name": "get_weather", "description": "Weather of a city", "parameters": {"type": "object"}}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Lyon"}'},
                }
            ],
        },
        {
            "role": "assistant",
            "content": "So:",
            "tool_calls": [{"id": "call_2", "type": "function", "function": {"name": "now", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "12"},
        {"role": "tool", "tool_call_id": "call_2", "content": "8:00"},
    ]


async def test_details_of_thoughts_go_back_unchanged_with_the_next_turn() -> None:
    heard = await chat("openrouter-chat-reasoning.sse")
    kept = Chat("c")
    setup = LaneSetup("openrouter", "anthropic/claude-sonnet-4.5")
    entries, lane = kept.add_lane(setup)
    more, asked = kept.ask("17 + 25?", [lane])
    entries += more
    more, node = kept.begin_reply(lane, asked[lane], turn_id="t", model=setup.model, place={})
    entries += more
    for event in heard.events:
        text, thinking = getattr(event, "text", ""), getattr(event, "details", None)
        if thinking is None:
            entries += kept.extend(node, text)
        else:
            entries += kept.extend(node, "", text, thinking)
    again = Chat.replay("c", json.loads(json.dumps(entries)))

    body = sent(*again.messages(lane))

    chunks = [json.loads(line[6:]) for line in contract("openrouter-chat-reasoning.sse").decode().splitlines()
              if line.startswith("data: {")]  # fmt: skip
    came = [detail for said in chunks for detail in said["choices"][0]["delta"].get("reasoning_details", [])]
    assert len(came) == 3
    assert body["messages"][1] == {"role": "assistant", "content": "17 + 25 = 42", "reasoning_details": came}


def test_details_go_to_no_other_model() -> None:
    kept = Chat("c")
    _, lane = kept.add_lane(LaneSetup("openrouter", "a/one"))
    _, asked = kept.ask("?", [lane])
    _, node = kept.begin_reply(lane, asked[lane], turn_id="t", model="a/one", place={})
    kept.extend(node, "text", "hm", '{"signature":"s"}\n')

    kept.set_lane(lane, LaneSetup("openrouter", "b/two"))

    assert kept.messages(lane)[1] == Message("assistant", (ThinkingPart("hm"), TextPart("text")))


def test_a_sequence_of_details_with_a_hole_is_not_sent() -> None:
    message = Message("assistant", (ThinkingPart("hm", '{"a":1}\n{"b":'), TextPart("x")))

    assert sent(message)["messages"] == [{"role": "assistant", "content": "x"}]


def test_details_with_separators_inside_their_text_stay_one() -> None:
    detail = {"type": "reasoning.text", "text": "a\u2028b\x85c"}

    body = sent(Message("assistant", (ThinkingPart("", json.dumps(detail, ensure_ascii=False) + "\n"), TextPart("x"))))

    assert body["messages"][0]["reasoning_details"] == [detail]
