"""Pulling from a registry with a real daemon: a truthful bar, pause, bad names, and deleting what came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="there are no pseudo-terminals here")
pytest.importorskip("gguf")
pytest.importorskip("numpy")

from support.homes import Home
from support.model_registry import serving
from support.real_daemon import TEXT, Daemon
from support.terminal import Terminal
from support.tiny_gguf import TEMPLATE, write

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(300)]

MIB = 1024**2
LONG_S = 90.0


@pytest.fixture
def name(daemon: Daemon, tmp_path: Path) -> Iterator[str]:
    """A model that can be pulled in about five seconds; it is gone from the daemon afterwards."""
    write(tmp_path / "tiny.gguf", TEXT)
    with serving(tmp_path / "tiny.gguf", TEMPLATE, padding=10 * MIB, bytes_per_s=2 * MIB) as model:
        yield model
        daemon.delete(model)


def percent(terminal: Terminal) -> int:
    """What the bar of the first pull says; -1 without one."""
    found = re.search(r"[▓░] (\d+) %", terminal.screen.text)
    return int(found[1]) if found else -1


def pull(terminal: Terminal, model: str) -> None:
    terminal.press("f3")
    terminal.shows("on disk")
    terminal.press("p")
    terminal.shows("name of the model to pull")
    terminal.type(model)
    terminal.shows(model[-20:])
    terminal.press("enter")


def test_a_pull_shows_a_bar_for_the_whole_model_pauses_goes_on_and_ends_in_the_list(
    home: Home, daemon: Daemon, name: str
) -> None:
    with home.app() as terminal:
        pull(terminal, name)
        terminal.until(lambda: percent(terminal) > 10, "a tenth", LONG_S)
        assert re.search(r"of 10\.\d MiB", terminal.screen.text)  # all layers, not the first one
        terminal.press("space")
        terminal.shows("paused")
        paused = percent(terminal)
        assert name not in daemon.installed

        terminal.press("space")
        seen = [paused]

        def is_done() -> bool:
            seen.append(percent(terminal))
            return name in daemon.installed and seen[-1] == -1

        terminal.until(is_done, "the model", LONG_S)
        terminal.press("ctrl+q")
        assert terminal.ended() == 0

    shown = [one for one in seen if one >= 0]
    assert shown == sorted(shown)
    assert max(shown) > paused


def test_a_name_that_the_registry_does_not_know_is_told(home: Home, name: str) -> None:
    unknown = name.replace("tiny", "nothing")

    done = home.run("pull", unknown)

    assert done.returncode == 1
    assert "no such model or tag" in done.stderr.casefold()


def test_what_was_pulled_can_be_asked_and_deleted(home: Home, daemon: Daemon, name: str) -> None:
    pulled = home.run("pull", name)
    answer = home.run("ask", name, "Explain merge sort")
    listed = json.loads(home.run("models", "--json").stdout)

    assert pulled.returncode == 0, pulled.stderr
    assert answer.stdout == TEXT + "\n"
    assert name in [model["model"] for model in listed]
    with home.app() as terminal:
        terminal.press("f3")
        terminal.shows("on disk")
        terminal.press("/")
        terminal.shows("enter keep it")
        terminal.type(name.rpartition("/")[2])
        terminal.until(lambda: sum(" ● " in line for line in terminal.screen.lines[3:]) == 1, "one model")
        terminal.press("enter")
        terminal.shows("enter chat")
        terminal.press("d")
        terminal.shows("Delete ")
        assert re.search(r"10\.\d MiB", terminal.screen.text)  # what comes free
        terminal.press("y")
        terminal.until(lambda: name not in daemon.installed, "the deletion", LONG_S)
        terminal.press("ctrl+q")
        assert terminal.ended() == 0
