"""Every way in which the simulated OpenRouter can go wrong, as a client meets it, and what is billed for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from llmhub.simulators.clock import ManualClock
from llmhub.simulators.faults import HOSTILE_TEXT, SEPARATORS_TEXT
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_faults import CloudFault, CloudFaultKind
from llmhub.simulators.openrouter_script import OpenRouterScript
from simulators.cloud_talking import CHAT, COMMENT, KEY, blocks, chunks, deltas, finish, get, talk, text, usage
from simulators.talking import HELLO, ask, talking

Kind = CloudFaultKind
_ZERO = Decimal(0)


@pytest.fixture
async def timed() -> AsyncIterator[OpenRouterSimulator]:
    """A provider at its own speeds, on a clock that jumps."""
    async with OpenRouterSimulator(clock=ManualClock(jumps=True)) as simulator:
        yield simulator


@pytest.mark.parametrize("suffix", ["cut-7", "half-7", "close-7", "reset-7"])
async def test_a_broken_stream_keeps_what_was_said_and_has_no_end(cloud: OpenRouterSimulator, suffix: str) -> None:
    whole = text(await talk(cloud))

    answer = await talk(cloud, f"openai/gpt-4o-fault-{suffix}")

    ends = {"cut-7": "properly", "half-7": "properly", "close-7": "early", "reset-7": "by reset"}
    assert answer.ended == ends[suffix]
    if suffix == "half-7":
        assert not answer.body.endswith(b"\n")
        answer.chunks = [answer.body[: answer.body.rindex(b"\n\n") + 2]]
    if suffix != "reset-7":  # a reset may take along what the kernel still had
        assert len(deltas(answer, "content")) == 7
    assert whole.startswith(text(answer))
    assert finish(answer) == []
    assert b"[DONE]" not in answer.body
    assert b'"usage"' not in answer.body
    record = cloud.generations[-1]
    assert (record.cancelled, record.finish, record.counts.completion) == (True, None, 7)
    assert record.cost_usd > 0


@pytest.mark.parametrize(("kind", "code"), [(Kind.ERROR, 502), (Kind.STRING_CODE, "server_error")])
async def test_an_error_in_mid_stream_costs_nothing(cloud: OpenRouterSimulator, kind: Kind, code: Any) -> None:
    cloud.fail_next(CloudFault(kind, after=5, text="upstream went away"))

    answer = await talk(cloud)

    error = chunks(answer)[-1]["error"]
    assert (error["code"], error["message"]) == (code, "upstream went away")
    assert (len(deltas(answer, "content")), finish(answer), answer.ended) == (5, ["error"], "properly")
    assert (cloud.generations[0].finish, cloud.spent_usd) == ("error", _ZERO)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_may_stand_inside_the_choice(cloud: OpenRouterSimulator, stream: bool) -> None:
    answer = await talk(cloud, "openai/gpt-4o-fault-choice-5", stream=stream)

    last = chunks(answer)[-1] if stream else answer.json
    choice = last["choices"][0]
    assert "error" not in last
    assert (answer.status, choice["finish_reason"], choice["error"]["code"]) == (200, "error", 502)
    assert cloud.spent_usd == 0


async def test_an_error_may_come_before_the_first_word(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, "openai/gpt-4o-fault-error-0")

    assert [list(chunk) for chunk in chunks(answer)] == [list(chunks(answer)[-1])]
    assert text(answer) == ""


async def test_a_fault_later_than_the_answer_strikes_at_its_end(cloud: OpenRouterSimulator) -> None:
    length = usage(await talk(cloud))["completion_tokens"]

    answers = [await talk(cloud, f"openai/gpt-4o-fault-error-{length + more}") for more in (0, 1, 900)]

    limited = await talk(cloud, "openai/gpt-4o-fault-error-5", max_tokens=5)
    assert [finish(answer) for answer in (*answers, limited)] == [["error"]] * 4
    assert [len(deltas(answer, "content")) for answer in answers] == [length] * 3


@pytest.mark.parametrize(
    ("suffix", "has_usage", "has_done"),
    [("nodone", True, False), ("nousage", False, True), ("finishusage", True, True)],
)
async def test_the_end_of_a_stream_may_lack_a_part(
    cloud: OpenRouterSimulator, suffix: str, has_usage: bool, has_done: bool
) -> None:
    answer = await talk(cloud, f"openai/gpt-4o-fault-{suffix}")

    events = chunks(answer)
    assert finish(answer) == ["stop"]
    assert any("usage" in event for event in events) is has_usage
    assert answer.body.endswith(b"data: [DONE]\n\n") is has_done
    if suffix == "finishusage":
        assert (events[-1]["choices"][0]["finish_reason"], usage(answer)["cost"]) == ("stop", cloud.spent_usd)
    assert cloud.spent_usd > 0


async def test_an_answer_without_tokens_and_finish_reason_is_free(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, "openai/gpt-4o-fault-empty")

    assert (text(answer), finish(answer), cloud.spent_usd) == ("", [], _ZERO)


async def test_an_answer_may_be_filtered(cloud: OpenRouterSimulator) -> None:
    assert finish(await talk(cloud, "openai/gpt-4o-fault-filter")) == ["content_filter"]


async def test_an_event_may_be_no_json_and_the_stream_goes_on(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, "openai/gpt-4o-fault-malformed-4")

    bad = [block for block in blocks(answer) if block.startswith("data: {") and not block.endswith("}")]
    assert len(bad) == 1
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_a_page_may_come_instead_of_json(cloud: OpenRouterSimulator) -> None:
    cloud.fail_next(CloudFault(Kind.HTML, status=502))

    answers = [await talk(cloud), await talk(cloud, "openai/gpt-4o-fault-html")]
    cloud.fail_next(CloudFault(Kind.HTML))
    answers.append(await get(cloud, "/models"))

    assert [(answer.status, answer.headers["content-type"]) for answer in answers] == [
        (502, "text/html"), (200, "text/html"), (200, "text/html"),
    ]  # fmt: skip
    assert cloud.generations == []


async def test_a_stall_is_waited_out(timed: OpenRouterSimulator) -> None:
    plain = await talk(timed)
    first = timed.generations[0]

    stalled = await talk(timed, "openai/gpt-4o-fault-stall-20")

    def took_s(number: int) -> float:
        record = timed.generations[number]
        return (record.ended_ns - record.begun_ns) / 1e9

    assert text(stalled) == text(plain)
    assert took_s(1) == pytest.approx(took_s(0) + 20, abs=0.1)
    assert first.ended_ns


async def test_silence_comes_before_the_headers() -> None:
    clock = ManualClock()
    body = {"model": "openai/gpt-4o-fault-silence-30", "messages": HELLO, "stream": True}
    async with OpenRouterSimulator(clock=clock) as sim, talking(sim.origin) as one:
        await one.send("POST", CHAT, body, headers=KEY)
        await sim.until(lambda: clock.sleeping == 1)
        silent = sim.requests[0].bytes_sent
        clock.advance(30)
        answer = await one.head()

    assert (silent, answer.status) == (0, 200)


async def test_comments_may_be_all_that_comes_for_a_long_time() -> None:
    clock = ManualClock()
    body = {"model": "openai/gpt-4o-fault-comments-30", "messages": HELLO, "stream": True}
    async with OpenRouterSimulator(clock=clock) as sim, talking(sim.origin) as one:
        await one.send("POST", CHAT, body, headers=KEY)
        answer = await one.head()
        said = [await one.chunk()]
        for _ in range(120):
            await sim.until(lambda: clock.sleeping == 1)
            clock.advance(0.25)
            said.append(await one.chunk())

    assert answer.status == 200
    assert {chunk.decode().strip() for chunk in said} == {COMMENT}


@pytest.mark.parametrize(("suffix", "words"), [("hostile", HOSTILE_TEXT), ("separators", SEPARATORS_TEXT)])
async def test_hostile_words_arrive_as_they_are(cloud: OpenRouterSimulator, suffix: str, words: str) -> None:
    answer = await talk(cloud, f"openai/gpt-4o-fault-{suffix}")
    whole = await talk(cloud, f"openai/gpt-4o-fault-{suffix}", stream=False)

    assert text(answer) == words
    assert whole.json["choices"][0]["message"]["content"] == words
    if suffix == "separators":  # raw in the bytes, as JavaScript writes them
        assert "\u2028".encode() in answer.body
        assert "\u0085".encode() in answer.body


async def test_thoughts_may_hide_in_the_text(cloud: OpenRouterSimulator) -> None:
    assert text(await talk(cloud, "qwen/qwen3-8b-fault-thinktags")).startswith("<think>\n")


async def test_a_model_may_repeat_itself_until_its_limit(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, "openai/gpt-4-fault-repeat", max_tokens=50)

    assert text(answer).endswith(" and on" * 40)
    assert finish(answer) == ["length"]


async def test_a_connection_may_be_closed_without_a_byte(cloud: OpenRouterSimulator) -> None:
    cloud.fail_next(CloudFault(Kind.REFUSE))

    with pytest.raises(asyncio.IncompleteReadError) as closed:
        await get(cloud, "/key")

    assert closed.value.partial == b""
    assert (await get(cloud, "/key")).status == 200


async def test_nobody_listens_and_then_it_is_there_again(cloud: OpenRouterSimulator) -> None:
    first = await talk(cloud)

    await cloud.kill()
    with pytest.raises(ConnectionRefusedError):
        await get(cloud, "/models")
    await cloud.revive()

    assert (await get(cloud, "/key")).status == 200
    assert cloud.generations[0].id == first.headers["x-generation-id"]


async def test_dying_in_mid_stream_breaks_the_connection() -> None:
    async with OpenRouterSimulator(OpenRouterScript(first_token_s=0.0, tokens_per_s=50)) as sim:
        async with talking(sim.origin) as one:
            await one.send("POST", CHAT, {"model": "openai/gpt-4o", "messages": HELLO, "stream": True}, headers=KEY)
            await sim.until(lambda: any(record.tokens_sent > 3 for record in sim.requests))
            await sim.kill()
            answer = await one.rest(await one.head())
        await sim.revive()

    assert answer.ended == "early"
    assert sim.generations[0].settled


async def test_a_redirect_leads_elsewhere_and_who_follows_it_shows_the_keys_it_brings(
    cloud: OpenRouterSimulator,
) -> None:
    async with OpenRouterSimulator() as elsewhere:
        cloud.fail_next(CloudFault(Kind.REDIRECT, text=elsewhere.url + "/key"))
        answer = await get(cloud, "/key")
        careless = await ask(elsewhere.origin, "GET", "/api/v1/key", headers={"Authorization": "Bearer real"})
        await ask(elsewhere.origin, "GET", "/api/v1/models?key=real", headers={"X-Key": "not-real"})
        await ask(elsewhere.origin, "POST", CHAT, b"my key is real")

    assert (answer.status, answer.headers["location"]) == (307, elsewhere.url + "/key")
    assert careless.status == 401
    assert elsewhere.credentials == {"Bearer real"}
    assert [record.path for record in elsewhere.mentions("real")] == ["/api/v1/models", CHAT]
    assert cloud.credentials == {KEY["Authorization"]}


@pytest.mark.parametrize("path", ["/chat/completions", "/key", "/generation?id=gen-1", "/credits", "/models/user"])
@pytest.mark.parametrize("header", [None, "Bearer wrong", "sk-or-v1-simulated", "Bearer sk-or-v1-simulated2"])
async def test_a_missing_or_wrong_key_is_refused(cloud: OpenRouterSimulator, path: str, header: str | None) -> None:
    method = "POST" if path.startswith("/chat") else "GET"

    answer = await ask(
        cloud.origin,
        method,
        f"/api/v1{path}",
        {"messages": HELLO},
        headers={"Authorization": header} if header else None,
    )

    assert (answer.status, answer.json["error"]["code"]) == (401, 401)
    assert cloud.generations == []


@pytest.mark.parametrize("suffix", ["cut-3", "close-3", "half-3", "malformed-3", "reset-3"])
async def test_broken_replies_without_a_stream(cloud: OpenRouterSimulator, suffix: str) -> None:
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await talk(cloud, f"openai/gpt-4o-fault-{suffix}", stream=False)

    # what is not streamed cannot be cancelled: the whole answer is billed
    record = cloud.generations[0]
    assert (record.cancelled, record.finish) == (False, "stop")
    assert record.counts.completion > 20


@pytest.mark.parametrize("kind", [Kind.RESET, Kind.MALFORMED, Kind.CUT, Kind.REFUSED])
async def test_lists_and_look_ups_break_too(cloud: OpenRouterSimulator, kind: Kind) -> None:
    cloud.fail_next(CloudFault(kind, path="/api/v1/models"))

    try:
        answer = await get(cloud, "/models")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        ended = "by reset"
    else:
        ended = answer.ended if kind is Kind.CUT else f"{answer.status} {answer.body[:12]!r}"

    assert ended == {
        Kind.RESET: "by reset", Kind.MALFORMED: "200 b'{\"data\":[oop'", Kind.CUT: "early",
        Kind.REFUSED: "500 b'{\"error\":{\"c'",
    }[kind]  # fmt: skip
    assert (await get(cloud, "/models")).status == 200


def test_every_kind_that_needs_no_text_has_a_name_for_the_keyboard() -> None:
    from llmhub.simulators.openrouter_faults import REFUSALS, from_model

    for kind in Kind:
        assert from_model(f"a/b:free-fault-{kind}-2") == (
            "a/b:free",
            CloudFault(kind, seconds=2.0)
            if kind in (Kind.STALL, Kind.SILENCE, Kind.COMMENTS)
            else CloudFault(kind, after=2),
        )
    for name in REFUSALS:
        assert from_model(f"a/b-fault-{name}") == ("a/b", CloudFault(Kind.REFUSED, text=name))
    assert from_model("a/b-fault-nosuch") == ("a/b-fault-nosuch", None)
    assert from_model("a/default-model") == ("a/default-model", None)
