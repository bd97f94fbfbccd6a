"""What Ollama is asked, to the last key."""

from __future__ import annotations

import json

import pytest

from llmhub.backends.ollama_bodies import chat_body, load_body, unload_body
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
from support.replay import contract

HI = (Message.of("user", "Hi"),)


def test_context_and_limits_are_always_sent_and_nothing_may_be_cut() -> None:
    assert chat_body(ChatRequest("m", HI)) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "truncate": False,
        "shift": False,
        "options": {"num_ctx": 8192, "num_predict": 4096},
    }


def test_every_key_of_the_contract_request_can_be_asked() -> None:
    wanted = json.loads(contract("ollama-chat-request.json"))
    request = ChatRequest(
        "qwen3:8b",
        (Message.of("system", "You are terse."), Message.of("user", "What is 17 + 25?")),
        SamplingParams(temperature=0.6, top_p=0.95, top_k=20, seed=42, stop=("<|im_end|>",)),
        think=True,
        num_ctx=16384,
        max_tokens=512,
        keep_alive="10m",
    )

    assert chat_body(request) == wanted | {"truncate": False, "shift": False}


def test_what_is_set_is_sent_and_what_is_not_is_left_to_the_model() -> None:
    params = SamplingParams(temperature=0.0, min_p=0.05, repeat_penalty=1.1)

    assert chat_body(ChatRequest("m", HI, params))["options"] == {
        "num_ctx": 8192,
        "num_predict": 4096,
        "temperature": 0.0,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
    }


def test_stop_is_a_list() -> None:
    options = chat_body(ChatRequest("m", HI, SamplingParams(stop=("a", "b"))))["options"]

    assert options["stop"] == ["a", "b"]


@pytest.mark.parametrize("think", [True, False, "low", "max"])
def test_thinking_is_sent_when_it_is_chosen(think: bool | str) -> None:
    assert chat_body(ChatRequest("m", HI, think=think))["think"] == think  # type: ignore[arg-type]


def test_thinking_is_not_sent_when_it_is_not_chosen() -> None:
    assert "think" not in chat_body(ChatRequest("m", HI, think=None))


@pytest.mark.parametrize(
    ("keep_alive", "sent"),
    [("5", 5), ("0", 0), ("-1", -1), ("1.5", 1.5), ("10m", "10m"), ("1h30m", "1h30m"), (0, 0), (-1, -1)],
)
def test_a_keep_alive_without_a_unit_is_a_number(keep_alive: str | int, sent: object) -> None:
    body = chat_body(ChatRequest("m", HI, keep_alive=keep_alive))

    assert body["keep_alive"] == sent
    assert type(body["keep_alive"]) is type(sent)


def test_no_keep_alive_leaves_it_to_the_daemon() -> None:
    assert "keep_alive" not in chat_body(ChatRequest("m", HI))


def test_images_are_bare_base64() -> None:
    message = Message("user", (TextPart("What is this?"), ImagePart(b"\x89PNG\r\n", "image/png")))

    assert chat_body(ChatRequest("m", (message,)))["messages"] == [
        {"role": "user", "content": "What is this?", "images": ["iVBORw0K"]}
    ]


def test_a_tool_s_call_and_its_result_go_back_with_their_id() -> None:
    called = Message("assistant", (ThinkingPart("hm"), ToolCallPart("call_1", "get_weather", '{"city": "Oslo"}')))
    results = Message("tool", (ToolResultPart("call_1", "get_weather", "4 C"), ToolResultPart("call_2", "f", "x")))

    assert chat_body(ChatRequest("m", (called, results)))["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}],
        },
        {"role": "tool", "content": "4 C", "tool_name": "get_weather", "tool_call_id": "call_1"},
        {"role": "tool", "content": "x", "tool_name": "f", "tool_call_id": "call_2"},
    ]


def test_thoughts_of_earlier_answers_are_not_sent_back() -> None:
    message = Message("assistant", (ThinkingPart("hm"), TextPart("42")))

    assert chat_body(ChatRequest("m", (message,)))["messages"] == [{"role": "assistant", "content": "42"}]


@pytest.mark.parametrize("arguments", ["{broken", "[1]", "null"])
def test_arguments_that_are_no_object_go_back_as_an_empty_one(arguments: str) -> None:
    message = Message("assistant", (ToolCallPart("c", "f", arguments),))

    sent = chat_body(ChatRequest("m", (message,)))["messages"][0]

    assert sent["tool_calls"][0]["function"]["arguments"] == {}


def test_tools_are_functions() -> None:
    tool = Tool("f", "does", {"type": "object"})

    assert chat_body(ChatRequest("m", HI, tools=(tool,)))["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "does", "parameters": {"type": "object"}}}
    ]


def test_a_load_has_the_context_and_the_shift_of_later_chats() -> None:
    chat, load = chat_body(ChatRequest("m", HI, num_ctx=16384)), load_body("m", 16384, None)

    assert load["messages"] == []
    assert load["options"]["num_ctx"] == chat["options"]["num_ctx"]
    assert (load["shift"], load["truncate"]) == (chat["shift"], chat["truncate"])


def test_an_unload_has_no_time_to_live() -> None:
    assert unload_body("m") == {"model": "m", "messages": [], "stream": False, "keep_alive": 0}
