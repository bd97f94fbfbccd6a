"""A chat with Ollama: bytes in, events out."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.backends.ollama_failures import Failures
from llmhub.backends.ollama_replies import ChatReader
from llmhub.core.chat import (
    Accepted,
    ChatEvent,
    ChatRequest,
    Durations,
    Finished,
    Message,
    Served,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallPart,
    Usage,
    Waiting,
)
from llmhub.core.errors import FailureKind
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE
from llmhub.net import LineSplitter
from support.ollama_replay import HELLO, chat, daemon, merged
from support.replay import Answer, contract_answer

CHATS = ["stream", "thinking", "tools-native", "tools-parser", "length", "remote", "cut", "midstream-error"]


def line(content: str = "", **more: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": content}, "done": False} | more


DONE = line(done=True, done_reason="stop", eval_count=2, prompt_eval_count=3)


# -- the contract files -------------------------------------------------------------------------


async def test_accepted_served_text_and_exactly_one_finished_in_this_order() -> None:
    heard = await chat(contract_answer("ollama-chat-stream.ndjson"))

    usage = Usage(prompt=37, completion=9, source="daemon")
    assert merged(heard.events) == [
        Accepted(),
        Served(THIS_MACHINE),
        TextDelta("Quantization stores weights in fewer bits.", pieces=8),
        Finished("stop", usage, Durations(349178292, 81204375, 62310917, 201663000)),
    ]


async def test_thoughts_come_apart_from_the_text() -> None:
    heard = await chat(contract_answer("ollama-chat-thinking.ndjson"))

    assert merged(heard.events)[2:4] == [
        ThinkingDelta("Okay, the user wants 17 + 25.", pieces=9),
        TextDelta("17 + 25 = 42", pieces=5),
    ]
    assert heard.finished.usage == Usage(prompt=21, completion=16, source="daemon")


async def test_tool_calls_in_the_last_line_are_not_lost() -> None:
    heard = await chat(contract_answer("ollama-chat-tools-native.ndjson"))

    call = ToolCallPart("Zr5qkTtYB2nLwD0fXaQeJ8mUcG4pVh9s", "get_weather", '{"city": "Lyon", "unit": "celsius"}')
    assert heard.calls == [ToolCallDelta(0, call)]
    assert heard.finished.reason == "tool_calls"


async def test_tool_calls_before_the_last_line_keep_their_id() -> None:
    heard = await chat(contract_answer("ollama-chat-tools-parser.ndjson"))

    assert [(call.index, call.call.id) for call in heard.calls] == [(0, "call_8w2kq0zf")]
    assert heard.thinking == "I should look it up."
    assert heard.finished.reason == "tool_calls"


async def test_calls_are_numbered_over_the_whole_reply() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    lines = [line(message={"tool_calls": [call, call]}), line(message={"tool_calls": [call]}), DONE]

    heard = await chat(Answer.lines(*lines))

    assert [(call.index, call.call.id) for call in heard.calls] == [(0, "call_0"), (1, "call_1"), (2, "call_2")]


async def test_text_in_the_last_line_is_not_lost() -> None:
    heard = await chat(Answer.lines(line("one"), DONE | {"message": {"content": " two"}}))

    assert heard.text == "one two"


async def test_a_cloud_model_is_served_by_the_cloud_as_soon_as_a_line_says_so() -> None:
    request = ChatRequest("my-copy", HELLO.messages)

    heard = await chat(contract_answer("ollama-chat-remote.ndjson"), request)

    assert heard.served == [Served(THIS_MACHINE), Served(OLLAMA_CLOUD, "gpt-oss:120b", "Ollama cloud")]
    assert [type(event) for event in heard.events] == [Accepted, Served, Served, TextDelta, Finished]
    assert heard.finished.durations == Durations(total_ns=913204118)


async def test_a_cloud_name_is_never_served_by_this_machine() -> None:
    heard = await chat(contract_answer("ollama-chat-remote.ndjson"), ChatRequest("gpt-oss:120b-cloud", HELLO.messages))

    assert {served.place for served in heard.served} == {OLLAMA_CLOUD}


async def test_an_answer_that_is_not_streamed_is_read_like_any_other() -> None:
    heard = await chat(contract_answer("ollama-chat-nonstream.json"))

    assert (heard.thinking, heard.text) == ("Okay, the user wants 17 + 25.", "17 + 25 = 42")
    assert heard.finished.usage == Usage(prompt=21, completion=16, source="daemon")


# -- how a reply ends ---------------------------------------------------------------------------


async def test_a_stream_that_just_ends_is_cut_and_its_text_kept() -> None:
    heard = await chat(contract_answer("ollama-chat-cut.ndjson"))

    assert heard.text == "The answer is"
    assert heard.failed.kind is FailureKind.CUT
    assert (
        str(heard.failed)
        == "Ollama ended the reply before it was finished · qwen3:8b, after 3 tokens (kept) · ask again"
    )


async def test_an_error_line_in_the_middle_is_told_and_the_text_kept() -> None:
    heard = await chat(contract_answer("ollama-chat-midstream-error.ndjson"))

    assert heard.text == "The answer"
    assert heard.failed.kind is FailureKind.MEMORY
    assert heard.failed.subject == "qwen3:8b, after 2 tokens (kept)"
    assert heard.failed.detail == "an error was encountered while running the model: unexpected EOF"


async def test_a_connection_reset_in_the_middle_says_that_the_daemon_stopped() -> None:
    heard = await chat(contract_answer("ollama-chat-stream.ndjson").but(until=600, end="reset"))

    assert heard.failed.kind is FailureKind.CUT
    assert heard.failed.happened == "Ollama stopped answering"
    assert "ollama serve" in heard.failed.remedy
    assert heard.text == "Quantization stores weights"


@pytest.mark.parametrize("end", ["proper", "vanish", "reset"])
async def test_an_end_inside_a_line_loses_only_that_line(end: str) -> None:
    whole = contract_answer("ollama-chat-stream.ndjson")

    heard = await chat(whole.but(until=400, end=end))

    assert heard.text == "Quantization stores"
    assert heard.failed.kind is FailureKind.CUT


@pytest.mark.parametrize(("equal", "kind"), [(31, FailureKind.REPEATED), (30, FailureKind.CUT)])
async def test_a_reply_that_ends_on_equal_pieces_was_repeating_itself(equal: int, kind: FailureKind) -> None:
    pieces = ["x\n", " x", "x ", "\tx"]

    heard = await chat(Answer.lines(line("so"), *(line(pieces[n % 4]) for n in range(equal))))

    assert heard.failed.kind is kind
    assert heard.pieces == equal + 1


async def test_thirty_one_equal_pieces_that_are_followed_by_an_end_are_a_reply() -> None:
    heard = await chat(Answer.lines(*(line("x") for _ in range(40)), DONE))

    assert heard.finished.reason == "stop"


@pytest.mark.parametrize(
    ("num_ctx", "max_tokens", "counts", "reason"),
    [
        (8192, 4, {"prompt_eval_count": 37, "eval_count": 4}, "length"),
        (512, 4096, {"prompt_eval_count": 21, "eval_count": 491}, "context_full"),
        (512, 4096, {"prompt_eval_count": 21, "eval_count": 492}, "context_full"),
        (512, 491, {"prompt_eval_count": 21, "eval_count": 491}, "length"),
        (64, 300, {"prompt_eval_count": 21, "eval_count": 235}, "context_full"),
        (64, 300, {"prompt_eval_count": 10, "eval_count": 55}, "context_full"),
        (64, 235, {"prompt_eval_count": 21, "eval_count": 235}, "length"),
        (512, 4096, {"eval_count": 400}, "context_full"),
        (512, 4096, {}, "length"),
        (8192, 4096, {"prompt_eval_count": 37, "eval_count": 4}, "length"),
    ],
)
async def test_length_means_num_predict_or_a_full_context(
    num_ctx: int, max_tokens: int, counts: dict[str, Any], reason: str
) -> None:
    request = ChatRequest("m", HELLO.messages, num_ctx=num_ctx, max_tokens=max_tokens)

    heard = await chat(Answer.lines(line("x"), line(done=True, done_reason="length", **counts)), request)

    assert heard.finished.reason == reason


async def test_a_cloud_reply_that_was_too_long_says_nothing_of_our_context() -> None:
    last = line(done=True, done_reason="length", remote_host="https://ollama.com", prompt_eval_count=9000, eval_count=9)

    assert (await chat(Answer.lines(last))).finished.reason == "length"


async def test_absent_counts_are_zero_or_unknown_and_never_made_up() -> None:
    nothing = await chat(Answer.lines(line(done=True, done_reason="stop")))
    some = await chat(Answer.lines(line("x"), line(done=True, done_reason="stop")))
    odd = await chat(Answer.lines(line("x"), line(done=True, eval_count="9", prompt_eval_count=-1, eval_duration=1.5)))

    assert nothing.finished.usage == Usage(prompt=None, completion=0, source="daemon")
    assert some.finished.usage == Usage(prompt=None, completion=None, source="daemon")
    assert odd.finished == Finished("stop", Usage(source="daemon"), Durations())


async def test_nothing_follows_the_end() -> None:
    heard = await chat(Answer.lines(DONE, line("more"), DONE, end="hang"))

    assert isinstance(heard.events[-1], Finished)
    assert heard.text == ""


# -- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_pieces_that_cut_lines_and_characters_change_nothing(name: str, seed: int) -> None:
    answer = contract_answer(f"ollama-chat-{name}.ndjson")

    whole, cut = await chat(answer), await chat(answer.but(pieces=seed))

    assert merged(cut.events) == merged(whole.events)
    assert str(cut.failure) == str(whole.failure)


async def test_separators_inside_the_text_do_not_break_it() -> None:
    text = "one\x85two\u2028three\u2029four\x1cfive"
    body = b"".join(json.dumps(said, ensure_ascii=False).encode() + b"\n" for said in (line(text), DONE))

    heard = await chat(Answer(body))

    assert heard.text == text
    assert heard.finished.reason == "stop"


async def test_empty_lines_mean_nothing() -> None:
    body = b"\n\r\n" + json.dumps(line("x")).encode() + b"\r\n\n" + json.dumps(DONE).encode() + b"\n"

    heard = await chat(Answer(body))

    assert heard.text == "x"
    assert heard.finished


async def test_a_tool_call_longer_than_any_reader_s_default_limit_comes_whole() -> None:
    long = "x" * 3_000_000
    call = {"id": "c", "function": {"name": "write", "arguments": {"text": long}}}

    heard = await chat(Answer.lines(line(message={"tool_calls": [call]}), DONE))

    assert json.loads(heard.calls[0].call.arguments) == {"text": long}


async def test_half_a_surrogate_pair_does_not_end_the_reply() -> None:
    body = b'{"message":{"content":"a\\ud83d"},"done":false}\n' + json.dumps(DONE).encode() + b"\n"

    heard = await chat(Answer(body))

    assert heard.text == "a\ufffd"
    assert heard.finished


BODY = "".join(
    json.dumps(said, ensure_ascii=False) + "\n"
    for said in (
        line("<thi"),
        line("nk>\nhm, 😀"),
        line(" so </th"),
        line("ink>\n\nGrüß"),
        line(" Gott 🎉"),
        line(message={"tool_calls": [{"function": {"name": "f", "arguments": {"ä": "ö"}}}]}),
        line(" <think>no</think>"),
        line("!", remote_host="https://ollama.com", remote_model="big"),
        DONE,
    )
).encode()


def read(chunks: list[bytes]) -> list[ChatEvent]:
    reader, splitter = ChatReader(HELLO, Failures("ollama", "http://127.0.0.1:1")), LineSplitter()
    events = [event for chunk in chunks for event in reader.feed(splitter.feed(chunk))]
    return merged(events + reader.end(splitter.rest))


@given(st.lists(st.integers(0, len(BODY)), max_size=60))
@settings(max_examples=300)
def test_any_split_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    marks = [0, *sorted(cuts), len(BODY)]

    events = read([BODY[start:stop] for start, stop in pairwise(marks)])

    assert events == read([BODY])


@given(st.integers(0, len(BODY) - 1))
def test_a_stream_cut_anywhere_keeps_what_came_and_is_never_finished(at: int) -> None:
    reader, splitter = ChatReader(HELLO, Failures("ollama", "http://127.0.0.1:1")), LineSplitter()

    events = reader.feed(splitter.feed(BODY[:at])) + reader.end(splitter.rest)

    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    # a last line that has everything but its line feed is whole
    assert (reader.finished is None) == (at < len(BODY) - 1)
    assert text == "<thi" or "Grüß Gott 🎉 <think>no</think>!".startswith(text)


# -- thoughts inside the text -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "thinking", "text"),
    [
        (["<think>", "\nThe", " user", "\n</think>", "\n\nHello!"], "The user\n", "Hello!"),
        (["<think>a</think>b"], "a", "b"),
        (["  \n", "<th", "ink>", "a </", "b</thi", "nk>", " ", "c"], "a </b", "c"),
        (["<think>", "</think>", "\n\nHi"], "", "Hi"),
        (["<think>never closed"], "never closed", ""),
        (["<think>half </thi"], "half </thi", ""),
        (["Use ", "<think>", "x</think>"], "", "Use <think>x</think>"),
        (["<thinking>", " is a word"], "", "<thinking> is a word"),
        (["<", "b>bold"], "", "<b>bold"),
        (["\n\n", "text"], "", "\n\ntext"),
        (["<thi"], "", "<thi"),
    ],
)
@pytest.mark.parametrize("joined", [False, True])
async def test_a_leading_think_tag_is_thought(pieces: list[str], thinking: str, text: str, joined: bool) -> None:
    said = ["".join(pieces)] if joined else pieces

    heard = await chat(Answer.lines(*(line(piece) for piece in said), DONE))

    assert (heard.thinking, heard.text) == (thinking, text)


async def test_tags_after_thoughts_of_the_daemon_s_own_are_text() -> None:
    lines = [line(message={"content": "", "thinking": "hm"}), line("<think>is a tag</think>"), DONE]

    heard = await chat(Answer.lines(*lines))

    assert (heard.thinking, heard.text) == ("hm", "<think>is a tag</think>")


async def test_text_held_back_for_a_tag_is_kept_when_the_stream_breaks() -> None:
    heard = await chat(Answer.lines(line("<thi"), end="reset"))

    assert heard.text == "<thi"
    assert heard.failed.kind is FailureKind.CUT


# -- pieces and silence -------------------------------------------------------------------------


async def test_lines_that_come_together_are_one_delta_that_knows_how_many() -> None:
    heard = await chat(contract_answer("ollama-chat-stream.ndjson"))

    deltas = [event for event in heard.events if isinstance(event, TextDelta)]
    assert [delta.pieces for delta in deltas] == [8]


async def test_a_long_load_is_told_and_nothing_is_killed() -> None:
    heard = await chat(contract_answer("ollama-chat-stream.ndjson").but(before_s=0.6), silence_s=0.1)

    waits = [event for event in heard.events if isinstance(event, Waiting)]
    assert len(waits) >= 2
    assert waits[1].silent_s > waits[0].silent_s >= 0.1
    assert not waits[0].started
    assert heard.events[0] is waits[0]
    assert heard.finished.reason == "stop"


async def test_a_stall_in_the_middle_is_told_and_the_reply_goes_on() -> None:
    heard = await chat(contract_answer("ollama-chat-stream.ndjson").but(between=(300, 0.7)), silence_s=0.3)

    kinds = [kind for kind, _ in groupby(type(event).__name__ for event in heard.events)]
    assert kinds == ["Accepted", "Served", "TextDelta", "Waiting", "TextDelta", "Finished"]
    assert all(event.started for event in heard.events if isinstance(event, Waiting))


# -- stop ---------------------------------------------------------------------------------------


async def test_closing_the_generator_closes_the_connection() -> None:
    async with daemon({"POST /api/chat": Answer.lines(line("x"), end="hang")}) as (ollama, server):
        async with aclosing(ollama.chat(HELLO)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break

        await asyncio.wait_for(server.left.wait(), 5)


async def test_stopping_while_the_model_loads_closes_the_connection() -> None:
    async with daemon({"POST /api/chat": Answer(before_s=60)}) as (ollama, server):

        async def listen() -> None:
            async with aclosing(ollama.chat(HELLO)) as events:
                async for _ in events:
                    pass

        listening = asyncio.create_task(listen())
        await asyncio.wait_for(server.got.wait(), 5)
        listening.cancel()
        await asyncio.wait({listening})

        await asyncio.wait_for(server.left.wait(), 5)
        assert listening.cancelled()


async def test_two_chats_at_once_do_not_disturb_each_other() -> None:
    async with daemon({"POST /api/chat": contract_answer("ollama-chat-stream.ndjson").but(pieces=5)}) as (ollama, _):

        async def listen() -> list[ChatEvent]:
            return [event async for event in ollama.chat(HELLO)]

        heard = await asyncio.gather(*(listen() for _ in range(4)))

    assert all(merged(events) == merged(heard[0]) for events in heard)


async def test_a_message_of_nothing_but_text_is_asked_as_it_stands() -> None:
    request = ChatRequest("m", (Message.of("system", "Be terse."), Message.of("user", "Grüße \ud800")))

    heard = await chat(Answer.lines(DONE), request)

    assert heard.asked["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Grüße ?"},
    ]
