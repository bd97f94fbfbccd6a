"""One question from the command line: streamed, booked, and told in the same grammar as the screens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from llmhub.cli.console import Console
from llmhub.cli.main import run
from llmhub.core.chat import Finished, TextDelta, ThinkingDelta, ToolCallDelta, ToolCallPart, Usage
from llmhub.core.errors import FailureKind
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE
from llmhub.core.turns import TurnStatus
from support.commands import Commands, DeadWorld, Stream
from support.fake_host import FakeHost, failure, installed_model

USAGE = Usage(prompt=12, completion=5, source="daemon")


@pytest.fixture
def host(llmhub: Commands) -> FakeHost:
    llmhub.host = FakeHost(
        installed_model("qwen3:8b"), installed_model("deep:8b", capabilities=frozenset({"thinking"}))
    )
    return llmhub.host


def test_the_reply_is_on_stdout_alone_and_the_turn_is_booked(llmhub: Commands) -> None:
    done = llmhub("ask", "qwen3:8b", "say hello")

    (turn,) = llmhub.ledger.turns
    assert done.code == 0
    assert done.out.endswith("\n")
    assert "● this machine" in done.err
    assert "tok/s" in done.err
    assert (turn.status, turn.place, turn.model) == (TurnStatus.COMPLETE, THIS_MACHINE, "qwen3:8b")
    assert turn.context.backend_name == "ollama"
    assert turn.context.quantization == "Q4_K_M"
    assert turn.bytes.completion == len(done.out.encode())
    assert turn.num_ctx == 8192
    assert [intent.id for intent in llmhub.ledger.intents] == [turn.id]


def test_json_is_the_turns_record_with_its_text_and_what_follows_from_it(llmhub: Commands) -> None:
    llmhub.write_settings("[profile]\nbusy_w = 60\nprice_usd = 1999\n")

    done = llmhub("ask", "qwen3:8b", "say hello", "--json")

    (turn,) = llmhub.ledger.turns
    found = done.json
    derived = found["derived"]
    assert done.err == ""
    assert {key: found[key] for key in ("id", "status", "model", "tokens", "ns")} == {
        key: turn.to_record()[key] for key in ("id", "status", "model", "tokens", "ns")
    }
    assert found["text"].encode()
    assert len(found["text"].encode()) == turn.bytes.completion
    assert len(found["thinking"].encode()) == turn.bytes.reasoning
    assert derived["decode_per_s"]["label"] == "measured"
    assert set(derived) == {"power_usd", "with_machine_usd", "cloud_usd", "joules", "decode_per_s", "profile_id"}


def test_thoughts_go_to_stderr_and_can_be_hidden(llmhub: Commands, host: FakeHost) -> None:
    steps = (ThinkingDelta("hm, "), ThinkingDelta("well"), TextDelta("Yes."), Finished("stop", USAGE))
    host.will_say("deep:8b", *steps)
    host.will_say("deep:8b", *steps)

    shown = llmhub("ask", "deep:8b", "?")
    hidden = llmhub("ask", "deep:8b", "?", "--hide-thinking")

    assert shown.out == hidden.out == "Yes.\n"
    assert shown.err.startswith("hm, well\n")
    assert "hm" not in hidden.err
    assert host.requests[0].think is True


def test_a_terminal_never_gets_an_escape_of_the_models_and_json_keeps_every_character(
    llmhub: Commands, host: FakeHost
) -> None:
    evil = "a\x1b]0;title\x07b\x1b[31mc\x9b2Jd\u202e\r\n"
    for _ in range(3):
        host.will_say("qwen3:8b", ThinkingDelta("\x1b[2J"), TextDelta(evil), Finished("stop", USAGE))

    piped = llmhub("ask", "qwen3:8b", "?")
    as_json = llmhub("ask", "qwen3:8b", "?", "--json")
    llmhub.terminal = True
    shown = llmhub("ask", "qwen3:8b", "?")

    assert piped.out == shown.out == "abcd\n"
    assert "\x1b[2J" not in shown.err.replace("\x1b[2K", "")
    assert as_json.json["text"] == evil
    assert all(char.isprintable() or char == "\n" for char in as_json.out)


def test_an_escape_that_is_cut_in_two_is_harmless_too(llmhub: Commands, host: FakeHost) -> None:
    host.will_say("qwen3:8b", TextDelta("a\x1b"), TextDelta("[31mred"), Finished("stop", USAGE))

    done = llmhub("ask", "qwen3:8b", "?")

    assert "\x1b" not in done.out


def test_options_reach_the_request(llmhub: Commands, host: FakeHost) -> None:
    llmhub(
        "ask",
        "qwen3:8b",
        "hi",
        "--system",
        "be brief",
        "--ctx",
        "2048",
        "--max-tokens",
        "7",
        "--seed",
        "3",
        "--temperature",
        "0.5",
    )

    (request,) = host.requests
    assert [(message.role, message.text) for message in request.messages] == [("system", "be brief"), ("user", "hi")]
    assert (request.num_ctx, request.max_tokens, request.params.seed, request.params.temperature) == (2048, 7, 3, 0.5)
    assert (request.truncate, request.shift, request.params.top_p) == (False, False, None)


def test_the_context_is_that_of_the_settings_and_never_above_the_trained_one(llmhub: Commands, host: FakeHost) -> None:
    llmhub.write_settings("[chat]\ncontext = 100000\nmax_tokens = 99\n")

    llmhub("ask", "qwen3:8b", "hi")

    assert (host.requests[0].num_ctx, host.requests[0].max_tokens) == (40_960, 99)


def test_a_model_that_cannot_think_is_not_asked_to(llmhub: Commands, host: FakeHost) -> None:
    done = llmhub("ask", "qwen3:8b", "hi", "--think")

    assert host.requests[0].think is None
    assert "does not think" in done.err
    assert llmhub("ask", "deep:8b", "hi", "--no-think").code == 0
    assert host.requests[1].think is False


def test_a_tool_call_is_told_beside_the_text(llmhub: Commands, host: FakeHost) -> None:
    call = ToolCallDelta(0, ToolCallPart("1", "weather", '{"city": "Oslo"}'))
    host.will_say("qwen3:8b", TextDelta("Let me look."), call, Finished("tool_calls", USAGE))
    host.will_say("qwen3:8b", call, Finished("tool_calls", USAGE))

    told, as_json = llmhub("ask", "qwen3:8b", "?"), llmhub("ask", "qwen3:8b", "?", "--json")

    assert told.out == "Let me look.\n"
    assert 'asks for the tool weather: {"city": "Oslo"}' in told.err
    assert as_json.json["tool_calls"] == [{"name": "weather", "arguments": '{"city": "Oslo"}'}]


def test_a_reply_that_was_cut_off_by_its_limit_says_which_option_allows_more(llmhub: Commands, host: FakeHost) -> None:
    host.will_say("qwen3:8b", TextDelta("One"), Finished("length", USAGE))

    done = llmhub("ask", "qwen3:8b", "count")

    assert done.code == 0
    assert "--max-tokens allows more" in done.err


def test_a_failure_in_mid_stream_keeps_what_came_and_is_booked(llmhub: Commands, host: FakeHost) -> None:
    broken = failure(FailureKind.CUT, happened="The reply broke off", subject="qwen3:8b", remedy="ask again")
    host.will_say("qwen3:8b", TextDelta("Half a"), broken)
    host.will_say("qwen3:8b", TextDelta("Half a"), broken)

    told, as_json = llmhub("ask", "qwen3:8b", "?"), llmhub("ask", "qwen3:8b", "?", "--json")

    assert (told.code, told.out) == (1, "Half a\n")
    assert "✗ The reply broke off · qwen3:8b\n  ask again" in told.err
    assert as_json.code == 1
    assert (as_json.json["text"], as_json.json["status"]) == ("Half a", "cut")
    assert as_json.json["error"]["kind"] == "cut"
    assert [turn.status for turn in llmhub.ledger.turns] == [TurnStatus.CUT, TurnStatus.CUT]


def test_an_unknown_model_is_told_in_three_parts_and_booked(llmhub: Commands) -> None:
    done = llmhub("ask", "nosuch:1b", "hi")

    (turn,) = llmhub.ledger.turns
    assert (done.code, done.out) == (1, "")
    assert "nosuch:1b" in done.err
    assert "llmhub pull nosuch:1b" in done.err
    assert (turn.status, turn.tokens) == (TurnStatus.ERROR, Usage())


def test_without_a_daemon_the_turn_is_booked_all_the_same(llmhub: Commands) -> None:
    llmhub.world = DeadWorld

    done = llmhub("ask", "qwen3:8b", "hi")

    (turn,) = llmhub.ledger.turns
    assert done.code == 1
    assert "Traceback" not in done.err
    assert turn.status is TurnStatus.ERROR


def test_a_cloud_model_behind_the_daemon_is_booked_as_ollama_cloud(llmhub: Commands) -> None:
    done = llmhub("ask", "gpt-oss:120b-cloud", "hi")

    (turn,) = llmhub.ledger.turns
    assert done.code == 0
    assert turn.place == OLLAMA_CLOUD
    assert "○ Ollama cloud" in done.err
    assert "power" not in done.err


def test_a_cloud_model_is_never_booked_as_local_even_when_nobody_answers(llmhub: Commands) -> None:
    llmhub.world = DeadWorld

    llmhub("ask", "gpt-oss:120b-cloud", "hi")

    assert [turn.place for turn in llmhub.ledger.turns] == [OLLAMA_CLOUD]


def test_stated_watts_make_the_turn_cost_something(llmhub: Commands) -> None:
    llmhub.write_settings("[profile]\nbusy_w = 60\nusd_per_kwh = 0.30\n")
    llmhub.script = replace(llmhub.script, load_s=0.05)
    llmhub.real_ledger = True

    done = llmhub("ask", "qwen3:8b", "hi", "--json")

    power = done.json["derived"]["power_usd"]
    assert power["label"] == "declared"
    assert Decimal(power["amount"]) > 0
    assert done.json["energy"]["method"] == "declared"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ask",), "MODEL"),
        (("ask", "qwen3:8b", "  "), "The prompt is empty"),
        (("ask", "qwen3:8b", "hi", "--ctx", "0"), "--ctx"),
        (("ask", "qwen3:8b", "hi", "--temperature", "warm"), "--temperature"),
        (("ask", "qwen3:8b", "hi", "more"), "unexpected extra argument"),
    ],
)
def test_wrong_use_is_told_without_a_turn(llmhub: Commands, arguments: tuple[str, ...], words: str) -> None:
    done = llmhub(*arguments)

    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert llmhub.ledger.turns == []


def test_an_unknown_backend_is_told_with_what_was_meant(llmhub: Commands) -> None:
    done = llmhub("ask", "openruter:openai/gpt-4o", "hi")

    assert done.code == 1
    assert "There is no backend called openruter" in done.err
    assert llmhub.ledger.turns == []


class Gone(Stream):
    """A pipe whose reader leaves after the first piece."""

    def write(self, text: str) -> int:
        if self.getvalue():
            raise BrokenPipeError
        return super().write(text)


def test_when_the_reader_goes_the_turn_is_stopped_and_booked_as_such(llmhub: Commands, host: FakeHost) -> None:
    waits = asyncio.Event()
    host.will_say("qwen3:8b", TextDelta("one "), TextDelta("two "), waits, TextDelta("three"))
    out, err = Gone(), Stream()

    code = run(("ask", "qwen3:8b", "count"), open_world=llmhub.open, console=Console(out, err, {}))

    (turn,) = llmhub.ledger.turns
    assert (code, out.getvalue()) == (1, "one ")
    assert "Traceback" not in err.getvalue()
    assert (turn.status, turn.tokens.source) == (TurnStatus.CANCELLED, "estimate")
    assert host.closed_early == ["qwen3:8b"]
