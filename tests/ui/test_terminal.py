"""The app in a real terminal: bytes as terminals send them, signals, a terminal that is closed, a hostile model."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="there are no pseudo-terminals here")

from llmhub.core.turns import TurnStatus
from llmhub.simulators.faults import HOSTILE_TEXT, Fault, FaultKind
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from support.homes import READY, Home
from support.simulated import simulated_ollama
from support.terminal import Terminal

STEADY = OllamaScript(load_s=0.0, tokens_per_s=100.0)
FOR_EVER = Fault(FaultKind.ENDLESS, path="/api/chat")
STREAMS = "tok/s · ~"
"""Stands under a reply while it streams, and in no other state."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[OllamaSimulator]:
    with simulated_ollama(STEADY) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, daemon: OllamaSimulator) -> Home:
    return Home(tmp_path / "home", daemon.url)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, daemon: OllamaSimulator) -> Iterator[Terminal]:
    """One app for tests that send no question."""
    with Home(tmp_path_factory.mktemp("shared") / "home", daemon.url).app() as terminal:
        yield terminal


@pytest.fixture
def idle(shared: Terminal, daemon: OllamaSimulator) -> Iterator[Terminal]:
    """The shared app with an empty prompt, as it is left again; nothing was asked meanwhile."""
    yield shared
    shared.press("f2", "ctrl+e", *["ctrl+u", "backspace"] * 4)
    shared.shows("Ask something")
    assert asked(daemon) == 0


def asked(daemon: OllamaSimulator) -> int:
    return sum(record.path == "/api/chat" for record in daemon.requests)


def stream(terminal: Terminal, daemon: OllamaSimulator, fault: Fault = FOR_EVER) -> None:
    """Ask, and wait until the reply streams."""
    daemon.fail_next(fault)
    terminal.type("go on")
    terminal.press("enter")
    terminal.shows(STREAMS)


# -- keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x1b\r", id="alt+enter, also through tmux"),
        pytest.param(b"\x1b[13;2u", id="shift+enter as kitty sends it"),
        pytest.param(b"\x1b[27;2;13~", id="shift+enter as xterm sends it"),
        pytest.param(b"\x1b[13;3u", id="alt+enter as kitty sends it"),
        pytest.param(b"\n", id="ctrl+j"),
        pytest.param(b"\\\r", id="a backslash, then enter"),
    ],
)
def test_bytes_that_mean_a_new_line_insert_one_and_send_nothing(idle: Terminal, sent: bytes) -> None:
    idle.type("above")
    idle.send(sent)
    idle.type("below")

    idle.until(lambda: any(pair == (" above", " below") for pair in itertools.pairwise(idle.screen.lines)), "two lines")


def test_pasted_text_never_sends_whatever_it_holds(idle: Terminal) -> None:
    idle.paste("one\r\ntwo\r\x1b[201~three\n")

    idle.shows("three")
    assert " one" in idle.screen.lines
    assert " two" in idle.screen.lines


def test_a_click_on_a_mode_goes_there_and_a_click_back_returns(idle: Terminal) -> None:
    idle.click_on("Models")
    idle.shows("on disk")

    idle.click_on("Chat")
    idle.shows(READY)


def test_the_screen_is_drawn_anew_at_every_size(idle: Terminal) -> None:
    for width, height in ((120, 40), (40, 12), (80, 24)):
        idle.resize(width, height)
        idle.until(lambda: "enter send" in idle.screen.lines[-1], f"the keys in the last row of {height}")
        idle.shows("Ask something")


def test_f6_writes_the_prompt_in_the_editor_and_the_app_has_its_terminal_again(home: Home, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "\\nfrom the editor" >> "$1"\n')
    editor.chmod(0o755)

    with home.app(EDITOR=str(editor), VISUAL="") as terminal:
        terminal.type("typed before")
        terminal.shows("typed before")
        terminal.send(b"\x1b[17~")
        terminal.shows("from the editor")

        assert " typed before" in terminal.screen.lines
        terminal.type(", typed after")
        terminal.shows("from the editor, typed after")
        terminal.press("ctrl+q")
        assert terminal.ended() == 0
        assert terminal.restored


# -- how it ends -----------------------------------------------------------------------------------


def test_ctrl_q_in_mid_stream_asks_books_and_gives_the_terminal_back(home: Home, daemon: OllamaSimulator) -> None:
    with home.app() as terminal:
        stream(terminal, daemon)
        terminal.press("ctrl+q")
        terminal.shows("Leave llmhub?")
        terminal.press("y")

        assert terminal.ended() == 0
        assert terminal.restored

    (turn,) = home.turns
    assert (turn.status, turn.reason) == (TurnStatus.INTERRUPTED, "llmhub was closed")
    assert turn.bytes.completion == len(home.replies[0].encode())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_mid_stream_books_and_gives_the_terminal_back(
    home: Home, daemon: OllamaSimulator, number: signal.Signals
) -> None:
    with home.app() as terminal:
        stream(terminal, daemon)
        terminal.signal(number)

        terminal.ended()
        assert terminal.restored
        assert b"Traceback" not in terminal.raw

    assert home.statuses == [TurnStatus.INTERRUPTED]
    assert len(home.replies[0]) > 0


def test_a_terminal_that_is_closed_in_mid_stream_costs_nothing(home: Home, daemon: OllamaSimulator) -> None:
    with home.app() as terminal:
        stream(terminal, daemon)
        terminal.hang_up()

        terminal.ended()

    (turn,) = home.turns
    assert turn.status is TurnStatus.INTERRUPTED
    assert turn.bytes.completion == len(home.replies[0].encode())
    assert "Traceback" not in home.log


def test_after_a_kill_the_turn_is_in_the_ledger_and_its_text_in_the_chat(home: Home, daemon: OllamaSimulator) -> None:
    with home.app() as terminal:
        stream(terminal, daemon)
        terminal.until(lambda: bool(home.replies and home.replies[0]), "streamed text on disk")
        terminal.signal(signal.SIGKILL)
        assert terminal.ended() == -signal.SIGKILL

    told = home.run("export", "turns", "--format", "jsonl")

    assert [json.loads(line)["status"] for line in told.stdout.splitlines()] == ["interrupted"]
    (kept,) = home.replies
    assert kept
    with home.app() as terminal:
        terminal.press("ctrl+r")
        terminal.shows("go on")
        terminal.press("enter")
        terminal.shows("interrupted")
        terminal.press("ctrl+q")
        assert terminal.ended() == 0


# -- what a model says -----------------------------------------------------------------------------


def test_nothing_a_model_says_reaches_the_terminal_as_an_escape(home: Home, daemon: OllamaSimulator) -> None:
    with home.app() as terminal:
        before = len(terminal.raw)
        daemon.fail_next(Fault(FaultKind.HOSTILE, path="/api/chat"))
        terminal.type("go on")
        terminal.press("enter")
        terminal.shows("end.")
        terminal.shows("first 0.")
        drawn = terminal.raw[before:]
        terminal.press("ctrl+q")
        assert terminal.ended() == 0

    for sequence in ("\x1b[31m", "\x1b]", "\x1b[2J", "\x9b", "\x07", "\x08", "\x00", "\x1b\\"):
        assert sequence in HOSTILE_TEXT
        assert sequence.encode() not in drawn
    assert b"[bold]markup[/bold]" in drawn
    assert home.replies == [HOSTILE_TEXT]
    assert home.statuses == [TurnStatus.COMPLETE]
