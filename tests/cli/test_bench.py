"""Measuring local models from the command line: what is measured, booked, kept, refused, and kept by a stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from llmhub.core.chat import Durations, Finished, TextDelta, Usage
from llmhub.core.errors import FailureKind
from llmhub.core.models import ModelDetails, Tensor
from llmhub.core.turns import TurnStatus
from llmhub.ledger.history import History
from llmhub.simulators.catalogue import GPT_OSS_20B
from llmhub.simulators.script import OllamaScript
from support.commands import Commands, DeadWorld
from support.fake_host import FakeHost, cloud_model, failure, installed_model
from support.processes import environment

PACED = replace(OllamaScript().at_once(), tokens_per_s=400.0, prefill_per_s=4000.0)
"""Fast, but with speeds that can be told."""


def finished(tokens: int, eval_s: float, prefill_s: float = 1.0) -> Finished:
    times = Durations(total_ns=1, load_ns=0, prompt_eval_ns=round(prefill_s * 1e9), eval_ns=round(eval_s * 1e9))
    return Finished("length", Usage(prompt=512, completion=tokens, source="daemon"), times)


@pytest.fixture
def host(llmhub: Commands) -> FakeHost:
    llmhub.host = FakeHost(installed_model("a:1b"), installed_model("b:1b"), cloud_model("gpt-oss:120b-cloud"))
    return llmhub.host


def will_take(host: FakeHost, model: str, *seconds: float) -> None:
    """The warm-up and then runs of 100 tokens that take so long."""
    for eval_s in (99.0, *seconds):
        host.will_say(model, TextDelta("words"), finished(100, eval_s))


def test_the_medians_of_three_runs_are_shown_and_the_warm_up_counts_for_nothing(
    llmhub: Commands, host: FakeHost
) -> None:
    will_take(host, "a:1b", 2.0, 4.0, 2.5)

    done = llmhub("bench", "a:1b")

    assert done.code == 0
    heads = [head.strip() for head in done.out.splitlines()[0].split("  ") if head]
    assert heads == ["model", "context", "load", "reads", "writes", "first token", "runs"]
    row = done.out.splitlines()[1]
    assert row.startswith("● a:1b")
    assert "512 tok/s" in row
    assert "40.0 tok/s" in row
    assert row.endswith("3")
    assert [line.split(": ")[1].split(" · ")[0] for line in done.err.splitlines()[1:5]] == [
        "warming up",
        "run 1 of 3",
        "run 2 of 3",
        "run 3 of 3",
    ]
    assert "run 2 of 3 · 50.0 tok/s" in done.err


def test_every_run_goes_down_the_one_road_with_a_prompt_of_its_own(llmhub: Commands, host: FakeHost) -> None:
    will_take(host, "a:1b", 1.0, 1.0)

    llmhub("bench", "a:1b", "--runs", "2", "--tokens", "64", "--ctx", "4096")

    assert [turn.status for turn in llmhub.ledger.turns] == [TurnStatus.LENGTH] * 3
    assert {turn.model for turn in llmhub.ledger.turns} == {"a:1b"}
    assert ("load", "a:1b") in host.calls
    assert {(one.num_ctx, one.max_tokens, one.params.temperature) for one in host.requests} == {(4096, 64, 0.0)}
    beginnings = {tuple(one.messages[-1].text.split()[:3]) for one in host.requests}
    assert len(beginnings) == 3
    assert all(len(one.messages) == 1 for one in host.requests)


def test_a_preset_that_says_something_first_is_replaced_by_words_nobody_cached(
    llmhub: Commands, host: FakeHost
) -> None:
    host.shown["a:1b"] = ModelDetails("a:1b", capabilities=frozenset({"completion"}), system="You are long-winded.")
    will_take(host, "a:1b", 1.0)

    llmhub("bench", "a:1b", "--runs", "1")

    assert {one.messages[0].role for one in host.requests} == {"system"}
    assert all("long-winded" not in one.messages[0].text for one in host.requests)


def test_the_json_is_one_object_for_each_model_with_null_for_unknown(llmhub: Commands, host: FakeHost) -> None:
    host.loaded_as("b:1b")
    will_take(host, "a:1b", 2.0)
    host.will_say("b:1b", TextDelta("x"), finished(1, 1.0))
    host.will_say("b:1b", TextDelta("x"), Finished("stop"))

    a, b = llmhub("bench", "a:1b", "b:1b", "--runs", "1", "--json").json

    assert (a["model"], a["runs"], a["decode_per_s"], a["prefill_per_s"], a["prompt_tokens"]) == (
        "a:1b",
        1,
        50.0,
        512.0,
        512,
    )
    assert a["load_s"] >= 0
    assert (b["decode_per_s"], b["prefill_per_s"], b["load_s"]) == (None, None, None)
    assert a["digest"] == installed_model("a:1b").digest


@pytest.mark.parametrize(
    ("model", "happened"),
    [
        ("openrouter:openai/gpt-4o", "A bench of a cloud model would cost money"),
        ("gpt-oss:120b-cloud", "A bench of a cloud model would cost money"),
        ("deepseek:671b:cloud", "A bench of a cloud model would cost money"),
        ("nosuch:1b", "Ollama does not have this model"),
        ("embed:1b", "This model writes no text"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_asked(
    llmhub: Commands, host: FakeHost, model: str, happened: str
) -> None:
    host.models.append(installed_model("embed:1b", capabilities=frozenset({"embedding"})))
    host.shown["embed:1b"] = ModelDetails("embed:1b", capabilities=frozenset({"embedding"}))

    done = llmhub("bench", "a:1b", model)

    assert (done.code, done.out) == (1, "")
    assert f"✗ {happened}" in done.err
    assert host.requests == []
    assert ("load", "a:1b") not in host.calls


def test_a_cloud_model_under_a_plain_name_is_known_by_its_place(llmhub: Commands, host: FakeHost) -> None:
    host.models.append(replace(cloud_model("copy:latest"), name="copy:latest"))

    done = llmhub("bench", "copy")

    assert (done.code, host.requests) == (1, [])
    assert "would cost money · copy:latest" in done.err


def test_a_model_that_fails_is_told_and_the_others_are_measured_all_the_same(llmhub: Commands, host: FakeHost) -> None:
    host.will_say("a:1b", TextDelta("x"), finished(100, 1.0))
    host.will_say("a:1b", TextDelta("x"), finished(100, 2.0))
    host.will_say(
        "a:1b", failure(FailureKind.MEMORY, happened="The engine died", subject="a:1b", remedy="less context")
    )
    will_take(host, "b:1b", 4.0)

    done = llmhub("bench", "a:1b", "b:1b", "--runs", "2", "--json")

    assert done.code == 1
    assert "✗ The engine died · a:1b" in done.err
    assert [(one["model"], one["runs"]) for one in done.json] == [("a:1b", 1), ("b:1b", 2)]


@pytest.mark.parametrize("arguments", [(), ("a:1b", "--runs", "0"), ("a:1b", "--tokens", "1"), ("a:1b", "--ctx", "1")])
def test_wrong_use_is_told_before_anything_is_opened(
    llmhub: Commands, host: FakeHost, arguments: tuple[str, ...]
) -> None:
    assert llmhub("bench", *arguments).code == 2
    assert host.calls == []


def test_without_a_daemon_three_parts_are_told(llmhub: Commands) -> None:
    llmhub.world = DeadWorld

    done = llmhub("bench", "a:1b")

    assert (done.code, done.out) == (1, "")
    assert "127.0.0.1:9" in done.err


def test_over_the_daemons_protocol_the_speeds_are_those_it_has_and_the_verdict_shows_them(llmhub: Commands) -> None:
    llmhub.real_ledger = True
    llmhub.script = PACED

    measured = llmhub("bench", "llama3.2:3b", "--runs", "2", "--tokens", "16", "--json").json
    told = llmhub("fit", "llama3.2:3b", "--json").json

    [one] = measured
    assert one["decode_per_s"] == pytest.approx(400, rel=0.4)
    assert 2000 < one["prefill_per_s"] <= 4400
    assert one["prompt_tokens"] == pytest.approx(512, abs=40)
    assert told["speed"]["basis"] == "measured"
    assert told["speed"]["estimate_per_s"] == pytest.approx(one["decode_per_s"], abs=0.1)


def test_a_bench_holds_its_load_against_the_prediction_and_doctor_tells(llmhub: Commands) -> None:
    llmhub.real_ledger = True
    llmhub.script = replace(OllamaScript().at_once(), vram_bytes=0, memory_bytes=2**36)

    llmhub("bench", "llama3.2:3b", "gpt-oss:20b", "--runs", "1", "--tokens", "8")
    checks = {check["name"]: check for check in llmhub("doctor", "--json").json["checks"]}

    assert checks["predictions"]["state"] == "ok"
    assert checks["predictions"]["found"] == "last 2 predictions within 0.1 % with Ollama 0.32.15"


def test_a_load_is_compared_as_well(llmhub: Commands) -> None:
    llmhub.real_ledger = True
    llmhub.script = replace(OllamaScript().at_once(), vram_bytes=0, memory_bytes=2**36)

    loaded = llmhub("load", "gpt-oss:20b", "--ctx", "16384", "--json").json
    found = next(c["found"] for c in llmhub("doctor", "--json").json["checks"] if c["name"] == "predictions")

    assert loaded["predicted_bytes"] == loaded["memory_bytes"]
    assert loaded["left_out_bytes"] == 402_653_184
    assert found == "last prediction within 0.1 % with Ollama 0.32.15"


def test_ps_names_the_cache_that_the_daemon_leaves_out(llmhub: Commands, host: FakeHost) -> None:
    tensors = tuple(Tensor(name, kind, tuple(shape)) for name, kind, shape in GPT_OSS_20B.tensors())
    host.models.append(installed_model("gpt-oss:20b", GPT_OSS_20B.total_bytes))
    host.shown["gpt-oss:20b"] = ModelDetails("gpt-oss:20b", model_info=GPT_OSS_20B.model_info(), tensors=tensors)
    host.loaded_as("gpt-oss:20b", 13 * 2**30, 0)
    host.loaded_as("a:1b")

    done, told = llmhub("ps"), llmhub("ps", "--json").json
    host.version = "0.24.0"
    older = llmhub("ps")

    note = "gpt-oss:20b holds 192.0 MiB more: the daemon leaves out one of its two caches\n"
    assert (done.err, older.err) == (note, "")
    assert [one["left_out_bytes"] for one in told] == [192 * 2**20, None]


def test_of_an_older_daemon_nothing_is_compared_and_doctor_says_why(llmhub: Commands) -> None:
    llmhub.real_ledger = True
    llmhub.script = replace(OllamaScript().at_once(), version="0.24.0")

    loaded = llmhub("load", "gpt-oss:20b", "--json").json
    bench = llmhub("bench", "llama3.2:3b", "--runs", "1", "--tokens", "8")
    found = next(c["found"] for c in llmhub("doctor", "--json").json["checks"] if c["name"] == "predictions")

    assert (loaded["predicted_bytes"], bench.code) == (None, 0)
    assert found.startswith("not compared: this daemon does not count all its buffers")
    assert list((llmhub.home / "data" / "ledger").glob("predictions*")) == []


@pytest.mark.skipif(os.name != "posix", reason="signals of this kind are POSIX")
def test_a_stop_keeps_what_was_measured_and_exits_with_130(own_home: Path) -> None:
    simulator = [sys.executable, "-m", "llmhub.simulators", "--rate", "400", "--load", "0"]
    with subprocess.Popen(simulator, stdout=subprocess.PIPE, text=True, env=environment()) as daemon:
        assert daemon.stdout is not None
        env = environment({"LLMHUB_OLLAMA_URL": str(json.loads(daemon.stdout.readline())["url"])})
        command = [sys.executable, "-m", "llmhub", "bench", "llama3.2:3b", "--runs", "100", "--tokens", "32", "--json"]
        wake = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, preexec_fn=wake
        ) as process:
            assert process.stderr is not None
            try:
                while "run 3 of 100" not in (line := process.stderr.readline()):
                    assert line
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=20)
            finally:
                process.kill()
                daemon.terminate()

    [one] = json.loads(out)
    statuses = [found.turn.status for found in History(own_home / "data" / "ledger").turns(oldest_first=True)]
    assert process.returncode == 130
    assert "Stopped; what was measured is kept" in err
    assert "Traceback" not in err
    assert 2 <= one["runs"] < 100
    # the warm-up as well, and the one that was stopped if it had been sent
    assert statuses[: one["runs"] + 1] == [TurnStatus.LENGTH] * (one["runs"] + 1)
    assert statuses[one["runs"] + 1 :] in ([], [TurnStatus.CANCELLED])
    assert len(list((own_home / "data" / "ledger").glob("benches*"))) == 1
