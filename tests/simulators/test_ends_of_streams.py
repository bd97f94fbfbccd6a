"""How a stream ends: by itself, by a limit, by a stop word, or in one of the ways that trap a client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmhub.simulators.faults import (
    ENGINE_KILLED,
    HOSTILE_TEXT,
    OOM_NEW,
    OOM_STARTUP,
    RUNNER_STOPPED,
    SEPARATORS_TEXT,
    Fault,
    FaultKind,
)
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from simulators.talking import HELLO, ask, chat, contract, recording, talking


def spoken(lines: list[dict[str, Any]]) -> int:
    return sum("message" in line and not line["done"] for line in lines)


async def test_a_whole_answer_counts_its_end_as_a_token(sim: OllamaSimulator) -> None:
    answer = await chat(sim.url)

    last = answer.lines[-1]
    assert (last["done_reason"], last["eval_count"]) == ("stop", spoken(answer.lines) + 1)


async def test_num_predict_is_kept_to_the_token(sim: OllamaSimulator) -> None:
    answer = await chat(sim.url, options={"num_predict": 7})

    last = answer.lines[-1]
    assert (last["done_reason"], last["eval_count"], spoken(answer.lines)) == ("length", 7, 7)


@pytest.mark.parametrize(("version", "extra"), [("0.32.15", 0), ("0.24.0", 1)])
async def test_a_full_context_also_ends_with_length(version: str, extra: int) -> None:
    async with OllamaSimulator(OllamaScript(version=version).at_once()) as sim:
        sim.fail_next(Fault(FaultKind.ENDLESS))
        answer = await chat(sim.url, truncate=False, shift=False, options={"num_ctx": 512})

    last = answer.lines[-1]
    assert last["done_reason"] == "length"
    assert last["prompt_eval_count"] + last["eval_count"] == 512 + extra


async def test_a_context_below_256_runs_with_256_on_the_new_engine(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.ENDLESS))

    answer = await chat(sim.url, truncate=False, shift=False, options={"num_ctx": 64})
    shown = (await ask(sim.url, "GET", "/api/ps")).json["models"][0]["context_length"]

    assert answer.lines[-1]["prompt_eval_count"] + answer.lines[-1]["eval_count"] == 256
    assert shown == 64


async def test_with_shift_the_context_is_no_limit_and_nothing_says_so(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.ENDLESS))

    answer = await chat(sim.url, options={"num_ctx": 512, "num_predict": 1500})

    assert (answer.lines[-1]["eval_count"], answer.lines[-1]["done_reason"]) == (1500, "length")


async def test_a_stop_word_ends_the_text_before_it(sim: OllamaSimulator) -> None:
    whole = await chat(sim.url)

    answer = await chat(sim.url, options={"stop": ["element", "never said"]})

    assert answer.text == whole.text[: whole.text.index("element")]
    assert answer.lines[-1]["done_reason"] == "stop"


async def test_a_model_that_repeats_itself_is_ended_without_a_word(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.REPEAT))

    answer = await chat(sim.url)

    real = [line[1] for line in recording("chat-shift")["lines"]]
    equal = [json.loads(line)["message"]["content"].strip() for line in real[-31:]]
    assert len(set(equal)) == 1
    assert (answer.status, answer.ended) == (200, "properly")
    assert [line["message"]["content"] for line in answer.lines[-31:]] == [" and on"] * 31
    assert not any(line["done"] for line in answer.lines)


async def test_the_old_daemon_lets_it_repeat_itself_to_the_limit(old_sim: OllamaSimulator) -> None:
    old_sim.fail_next(Fault(FaultKind.REPEAT))

    answer = await chat(old_sim.url, options={"num_predict": 300})

    assert (answer.lines[-1]["done_reason"], answer.lines[-1]["eval_count"]) == ("length", 300)


async def test_cut_ends_cleanly_without_done(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.CUT, after=3))

    answer = await chat(sim.url)

    assert (answer.status, answer.ended, len(answer.lines)) == (
        200,
        "properly",
        len(contract("ollama-chat-cut.ndjson")),
    )
    assert not any(line["done"] for line in answer.lines)
    assert (await chat(sim.url)).lines[-1]["done"]


async def test_close_leaves_the_chunked_body_unfinished(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.CLOSE, after=5))

    answer = await chat(sim.url)

    assert (answer.ended, len(answer.lines)) == ("early", 5)
    assert sim.requests[-1].outcome == "cut"


async def test_reset_breaks_the_connection(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.RESET, after=5))

    answer = await chat(sim.url)

    assert answer.ended == "by reset"
    assert sim.requests[-1].outcome == "reset"


async def test_half_a_line_is_the_end(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.HALF_LINE, after=2))

    answer = await chat(sim.url)

    *whole, half = answer.body.split(b"\n")
    assert (answer.ended, len(whole)) == ("properly", 2)
    assert half.startswith(b'{"model"')
    with pytest.raises(ValueError, match=r"Unterminated|delimiter|Expecting"):
        json.loads(half)


async def test_an_error_line_ends_the_stream_and_the_engine_loads_again(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.ERROR_LINE, after=2))

    answer = await chat(sim.url)
    gone = (await ask(sim.url, "GET", "/api/ps")).json["models"]
    again = await chat(sim.url)

    assert answer.lines[-1] == contract("ollama-chat-midstream-error.ndjson")[-1] == {"error": ENGINE_KILLED}
    assert (len(answer.lines), gone, again.lines[-1]["done"]) == (3, [], True)
    assert sim.engine.loads == ["llama3.2:3b"] * 2


async def test_an_error_before_the_first_line_has_its_own_status(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.ERROR_LINE, after=0, text="boom"))

    answer = await chat(sim.url)

    assert (answer.status, answer.error) == (500, "boom")


async def test_a_malformed_line_stands_in_a_stream_that_goes_on(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.MALFORMED, after=2))

    answer = await chat(sim.url)

    lines = answer.body.split(b"\n")
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(lines[2])
    assert json.loads(lines[-2])["done"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/tags"])
async def test_a_web_page_may_come_instead(sim: OllamaSimulator, path: str) -> None:
    sim.fail_next(Fault(FaultKind.HTML, path=path, status=502))
    method, body = ("POST", {"model": "llama3.2:3b", "messages": HELLO}) if path == "/api/chat" else ("GET", None)

    answer = await ask(sim.url, method, path, body)

    assert (answer.status, answer.headers["content-type"]) == (502, "text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("text", [OOM_NEW, OOM_STARTUP, RUNNER_STOPPED])
async def test_the_texts_of_a_failed_load_can_be_asked_for(sim: OllamaSimulator, text: str) -> None:
    sim.fail_next(Fault(FaultKind.STATUS, status=500, text=text))

    answer = await chat(sim.url)

    assert (answer.status, answer.error) == (500, text)


@pytest.mark.parametrize(("kind", "text"), [(FaultKind.HOSTILE, HOSTILE_TEXT), (FaultKind.SEPARATORS, SEPARATORS_TEXT)])
async def test_hostile_text_arrives_unharmed(sim: OllamaSimulator, kind: FaultKind, text: str) -> None:
    sim.fail_next(Fault(kind))

    answer = await chat(sim.url)

    assert answer.text == text
    assert ("\u0085".encode() in answer.body) == (kind is FaultKind.SEPARATORS)
    assert b"\xe2\x80\xa8" not in answer.body  # U+2028 is escaped, as Go does it


async def test_pieces_of_1_to_37_bytes_split_characters_and_lines(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.PIECES))
    messages = [{"role": "user", "content": "Translate hello into Japanese and Chinese"}]

    split = await chat(sim.url, messages=messages)
    plain = await chat(sim.url, messages=messages)

    def is_split(chunk: bytes) -> bool:
        try:
            chunk.decode()
        except UnicodeDecodeError:
            return True
        return False

    assert split.text == plain.text
    assert max(map(len, split.chunks)) <= 37
    assert any(map(is_split, split.chunks))


async def test_old_thoughts_stand_as_tags_in_the_text(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.THINK_TAGS))

    answer = await chat(sim.url, "deepseek-r1:8b")

    assert answer.text.startswith("<think>\n")
    assert "</think>" in answer.text
    assert not any("thinking" in line.get("message", {}) for line in answer.lines)


async def test_an_empty_answer_is_one_line(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.EMPTY))

    answer = await chat(sim.url)

    assert [(line["done"], line["message"]["content"]) for line in answer.lines] == [(True, "")]


async def test_the_last_piece_may_stand_in_the_done_line(sim: OllamaSimulator) -> None:
    whole = await chat(sim.url)
    sim.fail_next(Fault(FaultKind.LAST_TEXT))

    answer = await chat(sim.url)

    assert answer.text == whole.text
    assert answer.lines[-1]["done"]
    assert answer.lines[-1]["message"]["content"]


async def test_a_fault_can_be_asked_for_by_the_models_name(sim: OllamaSimulator) -> None:
    cut = await chat(sim.url, "llama3.2:3b-fault-cut-12")
    busy = await chat(sim.url, "llama3.2:3b-fault-busy")
    unknown = await chat(sim.url, "llama3.2:3b-fault-nonsense")

    assert (len(cut.lines), cut.lines[0]["model"]) == (12, "llama3.2:3b-fault-cut-12")
    assert busy.status == 503
    assert unknown.status == 404


async def test_a_fault_waits_for_the_request_it_fits(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.CUT, model="qwen3:8b"), Fault(FaultKind.HTML, path="/api/ps"))

    other, ours = await chat(sim.url), await chat(sim.url, "qwen3:8b")
    page, after = await ask(sim.url, "GET", "/api/ps"), await ask(sim.url, "GET", "/api/ps")

    assert (other.lines[-1]["done"], ours.lines[-1]["done"]) == (True, False)
    assert (page.headers["content-type"], after.status) == ("text/html", 200)
    assert len(after.json["models"]) == 2


async def test_a_stall_and_a_silence_last_as_long_as_asked() -> None:
    async with OllamaSimulator(OllamaScript().at_once()) as sim:
        sim.fail_next(Fault(FaultKind.STALL, after=2, seconds=0.25), Fault(FaultKind.SILENCE, seconds=0.25))
        loop = asyncio.get_running_loop()
        moments = []
        async with talking(sim.url) as talk:
            await talk.send("POST", "/api/chat", {"model": "llama3.2:3b", "messages": HELLO})
            await talk.head()
            for _ in range(3):
                assert await talk.chunk()
                moments.append(loop.time())
        began = loop.time()
        quiet = await chat(sim.url)

        assert moments[1] - moments[0] < 0.2
        assert moments[2] - moments[1] > 0.2
        assert loop.time() - began > 0.25
        assert quiet.lines[-1]["done"]


async def test_a_killed_engine_breaks_a_stream_in_the_middle() -> None:
    async with OllamaSimulator(OllamaScript(load_s=0.0, tokens_per_s=200.0)) as sim, talking(sim.url) as talk:
        await talk.send("POST", "/api/chat", {"model": "llama3.2:3b", "messages": HELLO})
        answer = await talk.head()
        answer.chunks.append(await talk.chunk())

        assert sim.kill_engine("llama3.2:3b")
        await talk.rest(answer)

    assert answer.lines[-1] == {"error": ENGINE_KILLED}
    assert not sim.kill_engine("llama3.2:3b")


async def test_a_killed_daemon_breaks_every_connection_and_comes_back_at_its_address() -> None:
    async with OllamaSimulator(OllamaScript(load_s=0.0, tokens_per_s=200.0)) as sim:
        async with talking(sim.url) as talk:
            await talk.send("POST", "/api/chat", {"model": "llama3.2:3b", "messages": HELLO})
            answer = await talk.head()
            answer.chunks.append(await talk.chunk())

            await sim.kill()
            await talk.rest(answer)

            with pytest.raises(ConnectionRefusedError):
                await ask(sim.url, "GET", "/api/version")
        await sim.revive()
        back = await ask(sim.url, "GET", "/api/ps")

    assert answer.ended in ("early", "by reset")
    assert back.json == {"models": []}


async def test_stream_false_is_cut_as_well(sim: OllamaSimulator) -> None:
    sim.fail_next(Fault(FaultKind.CUT), Fault(FaultKind.ERROR_LINE))

    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await chat(sim.url, stream=False)
    failed = await chat(sim.url, stream=False)

    assert (failed.status, failed.error) == (500, ENGINE_KILLED)
