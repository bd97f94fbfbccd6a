"""Commands as processes: signals, pipes and standard input, with a simulated daemon in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from llmhub.core.turns import Turn, TurnStatus
from llmhub.ledger.history import History
from support.processes import environment, run_llmhub

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of this kind are POSIX")


@pytest.fixture(scope="module")
def daemon() -> Iterator[str]:
    """The address of a simulated daemon whose model `firehose` goes on for ever, slowly enough to be stopped."""
    command = [sys.executable, "-m", "llmhub.simulators", "--rate", "200", "--tokens", "100000", "--load", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
        process.terminate()


@contextmanager
def streaming(daemon: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """`llmhub ask firehose`, once the first bytes of its reply have come."""
    command = [sys.executable, "-m", "llmhub", "ask", "firehose", "go on", *options]
    env = environment({"LLMHUB_OLLAMA_URL": daemon})
    # a suite that runs in the background of a shell ignores SIGINT, and its children would as well
    wake = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, preexec_fn=wake) as process:
        assert process.stdout is not None
        assert process.stdout.read(8)
        try:
            yield process
        finally:
            process.kill()


def booked(home: Path) -> list[Turn]:
    return [found.turn for found in History(home / "data" / "ledger").turns()]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal_stops_the_reply_and_the_turn_is_booked_as_stopped(
    own_home: Path, daemon: str, number: signal.Signals, code: int
) -> None:
    with streaming(daemon) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=20)

    (turn,) = booked(own_home)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert b"stopped" in err
    assert (turn.status, turn.model, turn.tokens.source) == (TurnStatus.CANCELLED, "firehose:latest", "estimate")


def test_a_reader_that_leaves_is_no_error_and_the_turn_is_booked(own_home: Path, daemon: str) -> None:
    with streaming(daemon) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(timeout=20)

    assert (process.returncode, err) == (1, b"")
    assert [turn.status for turn in booked(own_home)] == [TurnStatus.CANCELLED]


@pytest.mark.slow
def test_a_list_that_is_cut_off_by_its_reader_is_clean(own_home: Path, daemon: str) -> None:
    env = environment({"LLMHUB_OLLAMA_URL": daemon})
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "llmhub", "models"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            env=env,
            timeout=20,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
def test_a_killed_command_leaves_an_interrupted_turn(own_home: Path, daemon: str) -> None:
    with streaming(daemon) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)

    done = run_llmhub("export", "turns", "--format", "jsonl")
    assert json.loads(done.stdout)["status"] == "interrupted"


@pytest.mark.parametrize("arguments", [(), pytest.param(("-",), marks=pytest.mark.slow)])
def test_the_prompt_may_come_from_standard_input(own_home: Path, daemon: str, arguments: tuple[str, ...]) -> None:
    done = run_llmhub(
        "ask",
        "qwen3:8b",
        *arguments,
        "--max-tokens",
        "3",
        "--json",
        stdin="zwei\nZeilen ä\n",
        more={"OLLAMA_HOST": daemon},
    )

    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["bytes"]["prompt"] == len("zwei\nZeilen ä".encode())
    assert found["status"] == "length"


def test_an_empty_standard_input_is_wrong_use(own_home: Path) -> None:
    done = run_llmhub("ask", "qwen3:8b", stdin="")

    assert (done.returncode, done.stdout) == (2, "")
    assert "The prompt is empty" in done.stderr


def test_a_data_folder_that_cannot_be_written_costs_nothing_but_the_record(own_home: Path, daemon: str) -> None:
    own_home.mkdir()
    (own_home / "data").write_text("in the way")

    done = run_llmhub("ask", "qwen3:8b", "hi", "--no-think", "--max-tokens", "3", more={"OLLAMA_HOST": daemon})

    assert done.stdout
    assert "Traceback" not in done.stderr
    assert "The data folder cannot be used" in done.stderr
    assert "1 turn could not be saved" in done.stderr


def test_what_llmhub_logs_never_reaches_the_terminal(own_home: Path, daemon: str) -> None:
    own_home.write_text("no folder")  # nothing can be kept, and there is much to log

    done = run_llmhub("fit", "qwen3:8b", "--offline", more={"LLMHUB_OLLAMA_URL": daemon})

    assert done.stderr.startswith("!")
    assert "not remembered" not in done.stderr
