"""The command line itself: options anywhere, exit codes, streams, and what is not even imported."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from llmhub import __version__
from llmhub.cli.console import Console
from llmhub.cli.table import table
from llmhub.core.errors import LLMHubError
from support.commands import Commands, Stream
from support.fake_host import FakeHost, installed_model
from support.processes import run_llmhub, run_python

COMMANDS = ("ask", "bench", "cost", "demo", "doctor", "export", "fit", "keys", "load", "models", "ps", "pull", "unload")


@pytest.mark.parametrize("arguments", [("--json", "models"), ("models", "--json"), ("--json", "models", "--json")])
def test_common_options_stand_before_or_after_the_command(llmhub: Commands, arguments: tuple[str, ...]) -> None:
    assert len(llmhub(*arguments).json) == 9


def test_offline_reaches_the_settings_from_both_sides(llmhub: Commands) -> None:
    llmhub.write_settings("[ollama]\nurl = 'http://studio.lan:11434'\n")

    for arguments in (("--offline", "doctor", "--json"), ("doctor", "--offline", "--json")):
        assert "offline" in llmhub(*arguments).out


def test_no_colour_is_obeyed_as_option_and_as_variable(llmhub: Commands) -> None:
    llmhub.terminal = True
    llmhub.host = FakeHost(installed_model("qwen3:8b"))

    coloured = llmhub("models")
    option, after = llmhub("--no-color", "models"), llmhub("models", "--no-color")
    llmhub.environ["NO_COLOR"] = "1"
    variable = llmhub("models")

    assert "\x1b[2m" in coloured.out
    assert [("\x1b" in done.out, "\x1b" in done.err) for done in (option, after, variable)] == [(False, False)] * 3


def test_help_names_every_command_on_stdout() -> None:
    done = run_llmhub("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.split("Commands:\n")[1].splitlines()] == list(COMMANDS)


def test_the_version_is_told(llmhub: Commands) -> None:
    done = run_llmhub("--version")

    assert (done.returncode, done.stdout) == (0, f"llmhub, version {__version__}\n")


@pytest.mark.parametrize(
    "arguments", [("nope",), ("models", "--nope"), ("export",), ("export", "nothing"), ("unload",)]
)
def test_wrong_use_is_2_with_a_message_on_stderr_alone(llmhub: Commands, arguments: tuple[str, ...]) -> None:
    done = llmhub(*arguments)

    assert (done.code, done.out) == (2, "")
    assert done.err


def test_the_apps_start_does_not_wait_for_the_command_library() -> None:
    done = run_python(
        "import sys\nfrom llmhub.__main__ import main\ntry:\n    main([])\n"
        "except SystemExit as left:\n    print(left.code, *sorted({'click', 'textual', 'httpx', 'tinydb', 'ollama',"
        " 'pydantic', 'psutil', 'keyring', 'tomlkit', 'llmhub.cli'} & sys.modules.keys()))"
    )

    assert done.stdout == "1\n"
    assert done.stderr.startswith("The app needs a terminal · ")


@pytest.mark.parametrize("room", ["settings", "machine", "cli", "bootstrap"])
def test_importing_a_room_touches_no_disk(room: str, tmp_path: object) -> None:
    done = run_python(
        f"import llmhub.{room}, os, sys\nassert not os.path.exists(os.environ['LLMHUB_HOME'])\n"
        "print(*sorted({'psutil', 'keyring', 'tomlkit', 'platformdirs', 'textual', 'tinydb'} & sys.modules.keys()))"
    )

    assert (done.stdout, done.stderr) == ("\n", "")


def test_settings_that_are_wrong_are_told_and_the_command_goes_on(llmhub: Commands) -> None:
    llmhub.write_settings("[chat]\ncontext = 'much'\n")

    done = llmhub("models", "--json")

    assert done.code == 0
    assert len(done.json) == 9
    assert "! chat.context cannot be" in done.err


def test_a_terminal_without_unicode_gets_plain_signs() -> None:
    out = Stream(encoding="ascii")

    console = Console(out, Stream(), {})
    console.print("● qwen3:8b — ñ …")
    console.data({"text": "ñ"})

    assert out.getvalue() == '* qwen3:8b - ? ...\n{"text": "\\u00f1"}\n'


def test_json_holds_exact_amounts_as_text_and_no_line_break_of_any_kind() -> None:
    out = Stream()

    Console(out, Stream(), {}).data({"amount": Decimal("0.00003"), "text": "a\u2028b\x85c\x7f\ud800"})

    assert out.getvalue().removesuffix("\n").isprintable()
    assert json.loads(out.getvalue())["text"] == "a\u2028b\x85c\x7f\ud800"
    assert '"0.00003"' in out.getvalue()


def test_an_error_in_three_parts_stays_in_three_parts_whatever_it_holds() -> None:
    err = Stream()

    Console(Stream(), err, {}).error(LLMHubError("It broke\x1b[2J", "a\nb", "mend it"))

    assert err.getvalue() == "✗ It broke · a b\n  mend it\n"


def test_columns_are_as_wide_as_what_is_seen() -> None:
    lines = table(("name", "n"), ("<", ">"), [("早安", "1"), ("abcdef", "22")])

    assert lines == ["name     n", "早安     1", "abcdef  22"]
