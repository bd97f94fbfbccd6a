"""A chat with OpenRouter: bytes in, events out."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.backends.openrouter_failures import Failures
from llmhub.backends.openrouter_replies import ReplyReader
from llmhub.core.chat import (
    Accepted,
    Bill,
    Finished,
    Served,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallPart,
    Usage,
    Waiting,
)
from llmhub.core.cloud import SIMULATED_KEY
from llmhub.core.errors import FailureKind
from llmhub.core.places import Place, PlaceKind
from llmhub.net import EventReader, LineSplitter
from support.ollama_replay import merged
from support.openrouter_replay import CHAT, HELLO, USAGE, chat, chunk, listen, provider, sse
from support.replay import Answer, contract, contract_answer

STREAMS = ["stream", "reasoning", "tools"]
BROKEN = ["openrouter-midstream-error.sse", "openrouter-midstream-error-stringcode.sse"]
FILES = [f"openrouter-chat-{name}.sse" for name in STREAMS] + BROKEN


def place(name: str) -> Place:
    return Place(PlaceKind.PROVIDER, name)


# -- the contract files -------------------------------------------------------------------------


async def test_accepted_served_text_and_exactly_one_finished_in_this_order() -> None:
    heard = await chat("openrouter-chat-stream.sse")

    usage = Usage(prompt=1310, completion=42, reasoning=0, cached=1024, cache_write=0, source="provider")
    *before, finished = merged(heard.events)
    assert before == [
        Accepted(),
        Accepted("gen-1795165061-aB3dE5gH7jK9mN1pQ2rS"),
        Served(place("OpenAI"), "openai/gpt-4o", "OpenAI"),
        TextDelta("Quantization trades precision for memory.", pieces=4),
    ]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.usage) == ("stop", usage)
    assert finished.bill is not None
    assert (finished.bill.cost_usd, finished.bill.is_byok, finished.bill.upstream_usd) == (
        Decimal("0.002415"),
        False,
        None,
    )


async def test_the_bill_is_kept_as_it_came_with_every_figure_exact() -> None:
    heard = await chat("openrouter-chat-stream.sse")

    line = contract("openrouter-chat-stream.sse").decode().split("data: ")[-2]
    bill = heard.finished.bill
    assert bill is not None
    assert json.loads(bill.raw, parse_float=Decimal) == json.loads(line, parse_float=Decimal)["usage"]
    assert list(json.loads(bill.raw)) == list(json.loads(line)["usage"])


async def test_a_generation_id_in_the_headers_comes_before_the_first_chunk_and_counts() -> None:
    answer = contract_answer("openrouter-chat-stream.sse").but(headers=(("X-Generation-Id", "gen-of-the-header"),))

    heard = await chat(answer)

    assert heard.events[0] == Accepted("gen-of-the-header")
    assert heard.accepted == ["gen-of-the-header"]


async def test_the_header_is_there_before_any_of_the_body() -> None:
    headers = (("X-Generation-Id", "gen-of-the-header"),)
    answer = contract_answer("openrouter-chat-stream.sse").but(headers=headers, until=0, end="hang")

    async with provider({CHAT: answer}) as (openrouter, _), aclosing(openrouter.chat(HELLO)) as events:
        assert await anext(events) == Accepted("gen-of-the-header")


async def test_thoughts_come_apart_from_the_text_and_are_part_of_what_is_billed() -> None:
    heard = await chat("openrouter-chat-reasoning.sse")

    assert heard.thinking == "The user asks for 17 + 25."
    assert heard.text == "17 + 25 = 42"
    assert heard.finished.usage == Usage(52, 180, reasoning=128, cached=0, cache_write=0, source="provider")
    assert heard.finished.bill is not None
    assert heard.finished.bill.cost_usd == Decimal("0.002856")
    assert heard.served == [Served(place("Anthropic"), "anthropic/claude-4.5-sonnet-20250929", "Anthropic")]


async def test_details_of_thoughts_are_kept_in_sequence_and_unchanged() -> None:
    heard = await chat("openrouter-chat-reasoning.sse")

    details = "".join(event.details for event in heard.events if isinstance(event, ThinkingDelta))
    assert [json.loads(line) for line in details.splitlines()] == [
        {"type": "reasoning.text", "text": "The user asks", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "text": " for 17 + 25.", "format": "anthropic-claude-v1", "index": 0},
        {
            "type": "reasoning.text",
            "signature": "EqQBCkYIBxgCKkDsignature",
            "format": "anthropic-claude-v1",
            "index": 0,
        },
    ]


async def test_a_tool_call_in_fragments_comes_whole() -> None:
    heard = await chat("openrouter-chat-tools.sse")

    call = ToolCallPart("call_9b1f", "get_weather", '{"city": "Lyon", "unit": "celsius"}')
    assert heard.calls == [ToolCallDelta(0, call)]
    assert heard.finished.reason == "tool_calls"
    assert heard.finished.usage == Usage(171, 23, reasoning=0, cached=0, cache_write=0, source="provider")
    assert heard.finished.bill is not None
    assert heard.finished.bill.cost_usd == Decimal("0.00001775")
    assert str(heard.finished.bill.cost_usd) == "0.00001775"


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_pieces_of_1_to_37_bytes_give_the_same_events(file: str, seed: int) -> None:
    entire = await chat(file)

    pieces = await chat(contract_answer(file).but(pieces=seed))

    assert merged(pieces.events) == merged(entire.events)
    assert str(pieces.failure) == str(entire.failure)


async def test_an_error_in_the_middle_with_a_number_keeps_the_text_and_says_what_to_do() -> None:
    heard = await chat("openrouter-midstream-error.sse")

    assert heard.text == "The three reasons are"
    assert heard.failed.kind is FailureKind.BUSY
    assert str(heard.failed) == (
        "The provider failed or is overloaded: Provider disconnected mid-stream"
        " · openai/gpt-4o, after 2 tokens (kept)"
        " · wait a moment and ask again, or take another model"
    )
    assert heard.accepted[-1] == "gen-1795165150-gH6jK8lM0nP2qR4sT5uV"


async def test_an_error_in_the_middle_with_a_word_is_an_error_as_well() -> None:
    heard = await chat("openrouter-midstream-error-stringcode.sse")

    assert heard.text == "The"
    assert (heard.failed.kind, heard.failed.happened) == (FailureKind.BUSY, "Something failed inside OpenRouter")
    assert heard.failed.detail == "Provider disconnected unexpectedly"


async def test_a_reply_in_one_piece_is_a_reply() -> None:
    heard = await chat("openrouter-chat-nonstream.json")

    assert heard.text == "Quantization trades precision for memory."
    assert heard.finished.reason == "stop"
    assert heard.finished.bill is not None
    assert heard.finished.bill.cost_usd == Decimal("0.002415")
    assert heard.served == [Served(place("OpenAI"), "openai/gpt-4o", "OpenAI")]
    assert heard.accepted[-1] == "gen-1795165061-aB3dE5gH7jK9mN1pQ2rS"


async def test_an_error_inside_a_choice_is_no_answer() -> None:
    heard = await chat("openrouter-chat-nonstream-error.json")

    assert heard.text == "The three"
    assert (heard.failed.kind, heard.failed.detail) == (FailureKind.BUSY, "Provider returned error")


async def test_an_error_inside_a_choice_of_a_stream_is_no_answer() -> None:
    bad = chunk({"content": ""}, "error")
    bad["choices"][0]["error"] = {
        "code": 429,
        "message": "slow down",
        "metadata": {"error_type": "rate_limit_exceeded"},
    }

    heard = await chat(sse(chunk({"content": "a"}), bad))

    assert (heard.text, heard.failed.kind) == ("a", FailureKind.RATE)


async def test_the_finish_reason_error_alone_is_no_answer() -> None:
    heard = await chat(sse(chunk({"content": "a"}), chunk({}, "error", usage=USAGE)))

    assert heard.failed.kind is FailureKind.BUSY
    assert "after 1 token (kept)" in heard.failed.subject


# -- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "done", "proper"),
    [
        (chunk({}, "stop"), True, True),
        (chunk({}, "stop", usage=USAGE), False, True),
        (chunk({}, "stop"), False, False),
        (chunk({}, None, usage=USAGE), False, False),
        (chunk({}, None, usage=USAGE), True, False),
        (chunk({}), True, False),
        (chunk({}), False, False),
    ],
)
async def test_a_proper_end_is_a_finish_reason_with_done_or_usage(last: Any, done: bool, proper: bool) -> None:
    heard = await chat(sse(chunk({"content": "Hi"}), last, done=done))

    assert heard.text == "Hi"
    if proper:
        assert heard.finished.reason == "stop"
    else:
        assert heard.failed.kind is FailureKind.CUT
        assert str(heard.failed) == (
            "The reply broke off before it was finished · openai/gpt-4o, after 1 token (kept) · ask again"
        )


@pytest.mark.parametrize("file", [f"openrouter-chat-{name}.sse" for name in STREAMS])
async def test_a_stream_cut_anywhere_keeps_what_came_and_is_finished_only_with_its_bill(file: str) -> None:
    body = contract(file)
    entire = await chat(file)
    bill = body.rindex(b"\n\ndata: [DONE]")

    for until in range(0, len(body), 97):
        heard = await chat(contract_answer(file).but(until=until))
        assert entire.text.startswith(heard.text)
        if until < bill:
            assert heard.failed.kind is FailureKind.CUT
            assert heard.calls == []
        else:
            assert heard.finished == entire.finished


@pytest.mark.parametrize("end", ["reset", "vanish"])
async def test_a_connection_that_breaks_is_cut(end: Any) -> None:
    answer = contract_answer("openrouter-chat-stream.sse")
    answer = answer.but(until=answer.body.index(b" precision"), end=end)

    heard = await chat(answer)

    assert heard.text == "Quantization trades"
    assert (heard.failed.kind, heard.failed.happened) == (FailureKind.CUT, "The connection to OpenRouter broke")


async def test_a_connection_that_breaks_after_the_bill_has_ended_properly() -> None:
    body = contract("openrouter-chat-stream.sse")
    answer = contract_answer("openrouter-chat-stream.sse").but(until=body.rindex(b"data: [DONE]"), end="reset")

    heard = await chat(answer)

    assert heard.finished.reason == "stop"


async def test_a_server_that_keeps_quiet_after_the_bill_is_not_waited_for() -> None:
    body = contract("openrouter-chat-stream.sse")
    answer = contract_answer("openrouter-chat-stream.sse").but(until=body.rindex(b"data: [DONE]"), end="hang")

    heard = await chat(answer, silence_s=0.05)

    assert heard.finished.bill is not None
    assert not any(isinstance(event, Waiting) for event in heard.events)


async def test_usage_before_its_bill_is_waited_on() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "cost": None}

    heard = await chat(sse(chunk({"content": "a"}, "stop", usage=counts), {"choices": [], "usage": USAGE}))

    assert heard.finished.bill is not None
    assert heard.finished.bill.cost_usd == Decimal("0.001")


async def test_a_last_event_without_its_blank_line_counts_when_it_is_whole() -> None:
    answer = sse(chunk({"content": "a"}), chunk({}, "stop", usage=USAGE), done=False)

    heard = await chat(answer.but(body=answer.body.rstrip(b"\n")))

    assert heard.finished.usage.completion == 2


async def test_silence_is_told_and_a_dead_connection_given_up() -> None:
    answer = contract_answer("openrouter-chat-stream.sse").but(until=600, end="hang")

    heard = await chat(answer, silence_s=0.05, give_up_s=0.15)

    assert {event.started for event in heard.events if isinstance(event, Waiting)} == {True}
    assert (heard.failed.kind, heard.failed.happened) == (
        FailureKind.CUT,
        "Nothing came from OpenRouter for 0 seconds",
    )


async def test_closing_the_generator_closes_the_connection_at_once() -> None:
    answer = contract_answer("openrouter-chat-stream.sse").but(until=1200, end="hang")

    async with provider({CHAT: answer}) as (openrouter, server):
        async with aclosing(openrouter.chat(HELLO)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
        await asyncio.wait_for(server.left.wait(), 2)


async def test_cancelling_while_the_headers_are_awaited_closes_the_connection() -> None:
    async with provider({CHAT: Answer(before_s=60)}) as (openrouter, server):
        asking = asyncio.create_task(listen(openrouter))
        await asyncio.wait_for(server.got.wait(), 2)
        asking.cancel()
        await asyncio.wait_for(server.left.wait(), 2)

        with pytest.raises(asyncio.CancelledError):
            await asking


# -- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": []},
        {"choices": None},
        {"id": "gen-1"},
        {"choices": [None], "usage": None},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"content": None, "reasoning": None, "tool_calls": None, "reasoning_details": None}}]},
        {"choices": [{"delta": {"content": "", "role": "assistant"}}], "provider": None, "model": None},
        {"choices": [{"delta": "text"}], "provider": 5},
        {"choices": [{}], "usage": {}},
        {"choices": [{"delta": {"tool_calls": [None, {}, {"function": None}, {"index": "x"}]}}]},
        {"choices": "none", "error": None},
    ],
)
async def test_odd_chunks_say_nothing_and_break_nothing(odd: dict[str, Any]) -> None:
    heard = await chat(sse(odd, chunk({"content": "a"}), odd, chunk({}, "stop", usage=USAGE), odd))

    assert heard.text == "a"
    assert heard.finished.reason == "stop"
    assert heard.calls == []


async def test_the_provider_is_told_again_when_it_changes() -> None:
    first, second = (
        chunk({"content": "a"}, provider="Groq"),
        chunk({"content": "b"}, "stop", provider="Novita", usage=USAGE),
    )

    heard = await chat(sse(first, second))

    assert [(event.place.name, event.provider) for event in heard.served] == [("Groq", "Groq"), ("Novita", "Novita")]
    assert heard.text == "ab"


async def test_without_a_provider_the_place_is_openrouter() -> None:
    heard = await chat(sse(chunk({"content": "a"}, "stop", provider=None, usage=USAGE)))

    assert heard.served == [Served(place("OpenRouter"), "m", None)]


async def test_calls_side_by_side_keep_their_fragments_apart() -> None:
    def fragment(
        index: int | None, arguments: str, call_id: str | None = None, name: str | None = None
    ) -> dict[str, Any]:
        return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}

    heard = await chat(
        sse(
            chunk({"tool_calls": [fragment(0, "", "a", "one"), fragment(1, "{", "b", "two")]}),
            chunk({"tool_calls": [fragment(1, '"x":')]}),
            chunk({"tool_calls": [fragment(0, "{}"), fragment(1, "1}")]}),
            chunk({}, "tool_calls", usage=USAGE),
        )
    )

    assert [event.call for event in heard.calls] == [
        ToolCallPart("a", "one", "{}"),
        ToolCallPart("b", "two", '{"x":1}'),
    ]


async def test_calls_without_an_index_are_told_apart_by_their_id() -> None:
    def fragment(call_id: str | None, arguments: str, name: str | None = None) -> dict[str, Any]:
        return {"id": call_id, "function": {"name": name, "arguments": arguments}}

    heard = await chat(
        sse(
            chunk({"tool_calls": [fragment("a", "{", "one")]}),
            chunk({"tool_calls": [fragment(None, "}")]}),
            chunk({"tool_calls": [fragment("b", "[]", "two")]}),
            chunk({}, "stop", usage=USAGE),
        )
    )

    assert [event.call.arguments for event in heard.calls] == ["{}", "[]"]
    assert heard.finished.reason == "tool_calls"


@pytest.mark.parametrize(
    ("told", "native", "reason"),
    [
        ("stop", "end_turn", "stop"),
        ("length", "MAX_TOKENS", "length"),
        ("length", "model_context_window_exceeded", "context_full"),
        ("stop", "max_tokens", "length"),
        ("stop", "SAFETY", "content_filter"),
        ("content_filter", None, "content_filter"),
        ("end_turn", "end_turn", "stop"),
        ("max_tokens", None, "length"),
        ("something new", "refusal", "content_filter"),
    ],
)
async def test_the_provider_s_own_reason_counts_where_it_says_more(told: str, native: str | None, reason: str) -> None:
    last = chunk({"content": "a"}, told, usage=USAGE)
    last["choices"][0]["native_finish_reason"] = native

    heard = await chat(sse(last))

    assert heard.finished.reason == reason


async def test_a_refusal_in_words_is_text() -> None:
    heard = await chat(sse(chunk({"content": None, "refusal": "I cannot."}, "stop", usage=USAGE)))

    assert heard.text == "I cannot."


async def test_thoughts_told_in_details_alone_are_thoughts_and_encrypted_ones_are_kept() -> None:
    details = [{"type": "reasoning.summary", "summary": "Adding."}, {"type": "reasoning.encrypted", "data": "gAAA"}]

    heard = await chat(sse(chunk({"reasoning_details": details}), chunk({"content": "5"}, "stop", usage=USAGE)))

    assert (heard.thinking, heard.text) == ("Adding.", "5")
    [thought] = [event for event in heard.events if isinstance(event, ThinkingDelta)]
    assert [json.loads(line) for line in thought.details.splitlines()] == details


async def test_billed_by_the_provider_s_own_key_the_fee_and_the_upstream_cost_are_both_told() -> None:
    usage = USAGE | {"cost": 0.95, "is_byok": True, "cost_details": {"upstream_inference_cost": 19}}

    heard = await chat(sse(chunk({"content": "a"}, "stop", usage=usage)))

    bill = heard.finished.bill
    assert bill is not None
    assert (bill.cost_usd, bill.is_byok, bill.upstream_usd) == (Decimal("0.95"), True, Decimal(19))


@pytest.mark.parametrize("cost", ["null", "-1", '"free"', "NaN", "1e999999", "true", "[]"])
async def test_a_cost_that_is_no_amount_is_no_bill_and_will_be_asked_for(cost: str) -> None:
    answer = sse(chunk({"content": "a"}, "stop", usage=USAGE))

    heard = await chat(answer.but(body=answer.body.replace(b'"cost": 0.001', f'"cost": {cost}'.encode())))

    assert heard.finished.bill is None
    assert heard.finished.usage == Usage(3, 2, source="provider")


async def test_counts_that_are_none_are_unknown() -> None:
    usage = {"prompt_tokens": -5, "completion_tokens": 1.5, "cost": 0, "prompt_tokens_details": None}

    heard = await chat(sse(chunk({"content": "a"}, "stop", usage=usage)))

    assert heard.finished.usage == Usage(source="provider")
    assert heard.finished.bill == Bill(Decimal(0), heard.finished.bill.raw if heard.finished.bill else "")


async def test_no_usage_at_all_is_unknown_and_has_no_bill() -> None:
    heard = await chat(sse(chunk({"content": "a"}, "stop")))

    assert (heard.finished.usage, heard.finished.bill) == (Usage(), None)


@pytest.mark.parametrize("bad", ["gen 1", "x" * 300, "gen-1\u2028", 7, None, "../key"])
async def test_a_generation_id_that_is_none_is_not_taken(bad: Any) -> None:
    heard = await chat(sse(chunk({"content": "a"}, id=bad), chunk({}, "stop", id="gen-good", usage=USAGE)))

    assert heard.accepted == [None, "gen-good"]


async def test_names_from_outside_carry_no_escapes() -> None:
    heard = await chat(sse(chunk({"content": "a"}, "stop", provider="\x1b[31mEvil\n", model="m\x07", usage=USAGE)))

    assert heard.served == [Served(place("Evil"), "m", "Evil")]


async def test_half_a_surrogate_in_text_thought_or_call_can_be_written() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a":"\ud800"}'}}
    delta = {"content": "a\ud800", "reasoning": "\udfff", "tool_calls": [call]}

    heard = await chat(sse(chunk(delta | {"reasoning_details": [{"text": "\ud800"}]}, "stop", usage=USAGE)))

    for event in heard.events:
        repr(event).encode()
        str(getattr(event, "details", "")).encode()
    assert heard.text == "a\ufffd"


async def test_a_chunk_that_is_no_json_is_told_and_the_text_kept() -> None:
    answer = sse(chunk({"content": "a"}), done=False)

    heard = await chat(answer.but(body=answer.body + b"data: {nonsense\n\n"))

    assert heard.text == "a"
    assert (heard.failed.kind, heard.failed.detail) == (FailureKind.PROTOCOL, "{nonsense")


async def test_json_deeper_than_anyone_means_ends_in_a_message() -> None:
    deep = '{"id":"gen-1","choices":[],"usage":' + '{"a":' * 100_000 + "1" + "}" * 100_001

    heard = await chat(Answer(f"data: {deep}\n\n".encode(), content_type="text/event-stream"))

    assert heard.failed.kind is FailureKind.PROTOCOL


async def test_usage_of_many_megabytes_does_not_become_the_record() -> None:
    usage = USAGE | {"noise": "x" * 2_000_000}

    heard = await chat(sse(chunk({"content": "a"}, "stop", usage=usage)))

    bill = heard.finished.bill
    assert bill is not None
    assert json.loads(bill.raw)["cost"] == 0.001
    assert len(bill.raw) < 4001


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4000), max_size=12), st.sampled_from(FILES))
def test_any_split_of_the_bytes_gives_the_same_text(cuts: list[int], file: str) -> None:
    body = contract(file)
    marks = [0, *sorted(mark for mark in set(cuts) if mark < len(body)), len(body)]

    whole, split = read([body]), read([body[a:b] for a, b in pairwise(marks)])

    assert split == whole


def read(chunks: list[bytes]) -> list[Any]:
    reader = ReplyReader("m", Failures("openrouter", "https://openrouter.ai/api/v1", lambda: SIMULATED_KEY))
    lines, events = LineSplitter(), EventReader()
    heard = [event for piece in chunks for event in reader.feed(events.feed(lines.feed(piece)))]
    return [*merged(heard), str(reader.failure)]
