"""The main job, in a real terminal against a real daemon: ask, compare, stop, unload, be killed, and lose nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import httpx
import psutil
import pytest

pytest.importorskip("pty", reason="there are no pseudo-terminals here")
pytest.importorskip("gguf")
pytest.importorskip("numpy")

from llmhub.core.places import THIS_MACHINE
from llmhub.core.turns import TurnStatus
from support.homes import Home
from support.real_daemon import ANSWER, ENDLESS, FOREVER, RECITE, TEXT, THINK, THOUGHTS, Daemon
from support.terminal import Terminal

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(300)]

SIZES = [(80, 24), (120, 40)]
STREAMS = "tok/s · ~"
LONG_S = 90.0


def pick(terminal: Terminal, model: str) -> None:
    """Give the first lane another model."""
    terminal.press("ctrl+t")
    terminal.shows("Lane 1: another model")
    terminal.press("down", "enter")
    choose(terminal, model)


def choose(terminal: Terminal, model: str) -> None:
    terminal.shows("Which model?")
    terminal.type(model)
    terminal.until(lambda: sum(" ● " in line for line in terminal.screen.lines) >= 1, "the model in the list")
    terminal.press("enter")
    terminal.hides("Which model?")
    terminal.shows(f"● {model[:12]}")


def ask(terminal: Terminal, text: str) -> None:
    terminal.shows("Ask something")
    terminal.type(text)
    terminal.press("enter")


def ask_anew(terminal: Terminal, text: str) -> None:
    """Ask in a chat of its own: what the endless model said may fill the context of the next one."""
    terminal.press("ctrl+n")
    terminal.shows("Type below")
    pick(terminal, RECITE)
    ask(terminal, text)
    terminal.shows("Grüße.", LONG_S)
    terminal.shows("· first ", LONG_S)


def leave(terminal: Terminal) -> None:
    terminal.press("ctrl+q")
    assert terminal.ended() == 0
    assert terminal.restored


def goes_on(reply: str) -> bool:
    """Whether `reply` is what the endless model says, as far as it came."""
    return reply != "" and ENDLESS.startswith(reply[: len(ENDLESS)])


def until(condition: object, what: str) -> None:
    end = time.monotonic() + LONG_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"did not come: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_question_is_answered_drawn_and_booked(home: Home, size: tuple[int, int]) -> None:
    with home.app(size) as terminal:
        pick(terminal, RECITE)
        ask(terminal, "Explain merge sort")
        terminal.shows("Grüße.", LONG_S)
        terminal.shows("· first ")
        assert "Merge sort of 日本: split" in terminal.screen.text
        leave(terminal)

    (turn,) = home.turns
    assert (turn.status, turn.model, turn.place) == (TurnStatus.COMPLETE, f"{RECITE}:latest", THIS_MACHINE)
    assert turn.tokens.source == "daemon"
    assert turn.tokens.prompt
    assert turn.durations.eval_ns
    assert turn.bytes.completion == len(home.replies[0].encode())


def test_thoughts_are_folded_and_t_opens_them(home: Home) -> None:
    with home.app() as terminal:
        pick(terminal, THINK)
        ask(terminal, "Hi")
        terminal.shows(ANSWER, LONG_S)
        terminal.shows("▸ thought for")
        terminal.shows("· first ")
        assert THOUGHTS not in terminal.screen.text

        terminal.press("escape")
        terminal.shows("t thinking")
        terminal.press("t")
        terminal.shows(THOUGHTS)
        leave(terminal)

    assert home.statuses == [TurnStatus.COMPLETE]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_one_prompt_goes_to_two_lanes(home: Home, size: tuple[int, int]) -> None:
    with home.app(size) as terminal:
        pick(terminal, RECITE)
        terminal.press("ctrl+t")
        terminal.shows("Add a lane")
        terminal.press("enter")
        choose(terminal, THINK)
        terminal.shows("2 lanes")
        ask(terminal, "Hi")
        terminal.shows("Grüße.", LONG_S)
        terminal.shows("How can I help?", LONG_S)
        terminal.until(lambda: terminal.screen.text.count("· first ") == 2, "the end of both", LONG_S)
        leave(terminal)

    turns = home.turns
    assert {(turn.model, turn.context.lane) for turn in turns} == {(f"{RECITE}:latest", 0), (f"{THINK}:latest", 1)}
    assert len({turn.context.group_id for turn in turns}) == 1
    assert home.statuses == [TurnStatus.COMPLETE] * 2


def test_escape_stops_and_frees_the_daemon_for_the_next_question(home: Home) -> None:
    with home.app() as terminal:
        pick(terminal, FOREVER)
        ask(terminal, "Go on")
        terminal.shows(STREAMS, LONG_S)
        terminal.press("escape")
        terminal.shows("stopped ·")
        ask_anew(terminal, "And now?")
        leave(terminal)

    stopped, answered = home.turns
    assert (stopped.status, answered.status) == (TurnStatus.CANCELLED, TurnStatus.COMPLETE)
    assert [goes_on(reply) for reply in home.replies].count(True) == 1


def test_a_model_is_unloaded_from_the_list_of_models(home: Home, daemon: Daemon) -> None:
    assert home.run("load", RECITE).returncode == 0
    assert f"{RECITE}:latest" in daemon.loaded

    with home.app() as terminal:
        terminal.press("f3")
        terminal.shows("on disk")
        terminal.press("/")
        terminal.shows("enter keep it")
        terminal.type(RECITE)
        terminal.until(lambda: sum(" ● " in line for line in terminal.screen.lines[3:]) == 1, "one model")
        terminal.press("enter")
        terminal.shows("enter chat")
        terminal.press("o")
        until(lambda: f"{RECITE}:latest" not in daemon.loaded, "the unloading")
        leave(terminal)


def test_quitting_in_mid_stream_books_what_came(home: Home) -> None:
    with home.app() as terminal:
        pick(terminal, FOREVER)
        ask(terminal, "Go on")
        terminal.shows(STREAMS, LONG_S)
        terminal.press("ctrl+q")
        terminal.shows("Leave llmhub?")
        terminal.press("y")
        assert terminal.ended() == 0
        assert terminal.restored

    (turn,) = home.turns
    assert (turn.status, turn.reason) == (TurnStatus.INTERRUPTED, "llmhub was closed")
    assert turn.bytes.completion == len(home.replies[0].encode())


def test_after_a_kill_the_turn_is_booked_and_the_text_is_there_again(home: Home) -> None:
    with home.app() as terminal:
        pick(terminal, FOREVER)
        ask(terminal, "Go on for ever")
        terminal.until(lambda: bool(home.replies and home.replies[0]), "streamed text on disk", LONG_S)
        terminal.signal(signal.SIGKILL)
        terminal.ended()

    with home.app() as terminal:
        terminal.press("ctrl+r")
        terminal.shows("Search the titles")
        terminal.shows("Go on for ever")
        terminal.press("enter")
        terminal.shows("interrupted")
        leave(terminal)

    assert home.statuses == [TurnStatus.INTERRUPTED]
    assert goes_on(home.replies[0])


def test_commands_ask_load_list_and_unload_on_the_same_road(home: Home, daemon: Daemon) -> None:
    asked = home.run("ask", RECITE, stdin="Explain merge sort")
    told = home.run("ask", THINK, "Hi", "--json")
    listed = json.loads(home.run("models", "--json").stdout)
    loaded = json.loads(home.run("ps", "--json").stdout)
    unloaded = home.run("unload", RECITE)
    missing = home.run("ask", "llmhub-proof-nothing", "Hi")

    assert asked.stdout == TEXT + "\n"
    assert json.loads(told.stdout)["text"].strip() == ANSWER
    ours = next(model for model in listed if model["model"] == f"{THINK}:latest")
    assert "thinking" in ours["capabilities"]
    assert ours["context_trained"] == 4096
    assert f"{RECITE}:latest" in [model["model"] for model in loaded]
    assert unloaded.returncode == 0
    assert f"{RECITE}:latest" not in daemon.loaded
    assert missing.returncode == 1
    assert "llmhub pull llmhub-proof-nothing" in missing.stderr
    assert home.statuses == [TurnStatus.COMPLETE, TurnStatus.COMPLETE, TurnStatus.ERROR]


def test_an_engine_that_is_killed_in_mid_stream_is_told_booked_and_loaded_again(home: Home, daemon: Daemon) -> None:
    _ = daemon.process
    with home.app() as terminal:
        pick(terminal, FOREVER)
        ask(terminal, "Go on")
        terminal.shows(STREAMS, LONG_S)
        for engine in daemon.engines:
            engine.kill()
        terminal.shows("engine died", LONG_S)
        terminal.press("enter")
        terminal.shows("Ask again")
        terminal.press("enter")
        terminal.shows(STREAMS, LONG_S)
        terminal.press("escape")
        terminal.shows("stopped ·")
        leave(terminal)

    assert home.statuses == [TurnStatus.ERROR, TurnStatus.CANCELLED]
    assert all(goes_on(reply) for reply in home.replies)


def test_a_daemon_that_is_killed_in_mid_stream_is_told_and_waited_for(home: Home, daemon: Daemon) -> None:
    restart = os.environ.get("LLMHUB_TEST_OLLAMA_RESTART")
    if not restart:
        pytest.skip("LLMHUB_TEST_OLLAMA_RESTART is not set: a killed daemon would stay dead")
    process, engines = daemon.process, daemon.engines
    with home.app() as terminal:
        pick(terminal, FOREVER)
        ask(terminal, "Go on")
        terminal.shows(STREAMS, LONG_S)
        engines += [engine for engine in daemon.engines if engine not in engines]
        process.kill()
        terminal.shows("Ollama stopped answering", LONG_S)
        terminal.shows("no Ollama", LONG_S)
        for engine in engines:
            with_gone(engine)

        subprocess.run(restart, shell=True, check=True, stdout=subprocess.DEVNULL, timeout=60)
        until(lambda: httpx.get(f"{daemon.url}/api/version", trust_env=False).is_success, "the daemon")
        terminal.hides("no Ollama", LONG_S)
        ask_anew(terminal, "And now?")
        leave(terminal)

    assert home.statuses == [TurnStatus.CUT, TurnStatus.COMPLETE]


def with_gone(engine: psutil.Process) -> None:
    """End an engine that its daemon left behind."""
    try:
        engine.kill()
    except psutil.NoSuchProcess:
        return
