"""Offline nothing but loopback is reached: by no command and no screen, whichever way it is switched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from llmhub.cli.main import llmhub as group
from support.sessions import a_session

KEY = "sk-or-v1-0123456789abcdef"
EVERY_COMMAND: dict[str, list[str]] = {
    "ask": ["ask", "openrouter:openai/gpt-4o", "hello"],
    "bench": ["bench", "qwen3:8b"],
    "cost": ["cost", "--by", "model"],
    "doctor": ["doctor"],
    "export turns": ["export", "turns"],
    "fit": ["fit", "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M"],
    "keys delete": ["keys", "delete", "openrouter"],
    "keys set": ["keys", "set", "openrouter"],
    "keys show": ["keys", "show"],
    "load": ["load", "qwen3:8b"],
    "models": ["models", "--cloud", "--refresh"],
    "ps": ["ps"],
    "pull": ["pull", "qwen3:8b"],
    "unload": ["unload", "qwen3:8b"],
}
"""One call of each, and of those that can leave the machine the one that does. The demo has screens: see below."""
MORE = [
    ["ask", "qwen3:8b", "hello"],
    ["models"],
    ["fit", "qwen3:32b", "--memory", "16GiB"],
    ["ask", "gpt-oss:120b-cloud", "hello"],
    ["doctor", "--json"],
]
SCREENS = {"demo"}


def leaves(command: click.Command, path: str = "") -> Iterator[str]:
    """The names of all commands below `command`."""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from leaves(child, f"{path} {name}".strip())
    else:
        yield path


def test_every_command_is_driven() -> None:
    assert set(leaves(group)) == EVERY_COMMAND.keys() | SCREENS


ELSEWHERE = {"OPENROUTER_API_KEY": KEY, "OLLAMA_HOST": "studio.lan:11434"}
"""A person whose daemon is on another machine and who has a key: everything leads away from here."""


@pytest.mark.parametrize("way", ["flag", "variable", "settings"])
async def test_offline_no_command_touches_the_wire(own_home: Path, way: str) -> None:
    commands = [*EVERY_COMMAND.values(), *MORE]
    environ = dict(ELSEWHERE)
    if way == "flag":
        commands = [["--offline", *command] for command in commands]
    elif way == "variable":
        environ["LLMHUB_OFFLINE"] = "true"
    else:
        (own_home / "config").mkdir(parents=True)
        (own_home / "config" / "config.toml").write_text("offline = true\n")

    done = await a_session(own_home, commands, environ)

    assert {" ".join(one["arguments"]): one["touched"] for one in done if one["touched"]} == {}
    assert not any("Traceback" in one["err"] for one in done)


async def test_offline_no_proxy_is_asked_either(own_home: Path) -> None:
    environ = ELSEWHERE | {"HTTPS_PROXY": "http://proxy.corp.example:3128", "HTTP_PROXY": "http://10.9.8.7:3128"}

    done = await a_session(own_home, [["--offline", *command] for command in EVERY_COMMAND.values()], environ)

    assert [one["touched"] for one in done if one["touched"]] == []


async def test_online_the_same_commands_do_touch_it(own_home: Path) -> None:
    done = await a_session(own_home, [*EVERY_COMMAND.values(), *MORE], ELSEWHERE)

    touched = {" ".join(one["arguments"]) for one in done if one["touched"]}
    told = "\n".join(line for one in done for line in one["touched"])
    assert {"ask openrouter:openai/gpt-4o hello", "models --cloud --refresh", "doctor", "models", "ps"} <= touched
    assert "openrouter.ai" in told
    assert "studio.lan" in told
