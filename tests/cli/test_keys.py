"""Keys from the command line: masked, piped, told of, taken out; in no output at all."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from llmhub.core.errors import ConfigError
from support.commands import Commands
from support.processes import environment, run_llmhub
from support.vaults import FILE_VARIABLE

KEY = "sk-or-v1-0123456789abcdef"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))


@pytest.mark.usefixtures("typed")
def test_a_piped_key_goes_into_the_keyring_and_into_no_output(llmhub: Commands) -> None:
    done = llmhub("keys", "set", "openrouter")

    assert (done.code, done.out, llmhub.vault.key) == (0, "", KEY)
    assert "is in the keyring" in done.err
    assert KEY not in done.err


@pytest.mark.usefixtures("typed")
def test_json_says_where_it_was_put(llmhub: Commands) -> None:
    done = llmhub("keys", "set", "openrouter", "--json")

    assert (done.json["provider"], done.json["in_force"]) == ("openrouter", "the keyring")
    assert KEY not in done.out + done.err


@pytest.mark.usefixtures("typed")
def test_a_variable_that_beats_the_keyring_is_told(llmhub: Commands) -> None:
    llmhub.environ["OPENROUTER_API_KEY"] = "sk-or-v1-another-one"

    done = llmhub("keys", "set", "openrouter")

    assert done.code == 0
    assert "OPENROUTER_API_KEY is set and beats it" in done.err


@pytest.mark.usefixtures("typed")
def test_without_a_keyring_the_variable_is_the_way(llmhub: Commands) -> None:
    llmhub.vault.problem = ConfigError("There is no keyring on this machine", "the key", "set OPENROUTER_API_KEY")

    done = llmhub("keys", "set", "openrouter")

    assert (done.code, done.out) == (1, "")
    assert "There is no keyring" in done.err
    assert "OPENROUTER_API_KEY" in done.err


def test_what_is_no_key_is_refused_unseen(llmhub: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hunter2-hunter2\n"))

    done = llmhub("keys", "set", "openrouter")

    assert (done.code, llmhub.vault.key) == (1, None)
    assert "hunter2" not in done.err
    assert "sk-or-" in done.err


def test_a_key_on_the_command_line_is_refused_and_not_repeated(llmhub: Commands) -> None:
    done = llmhub("keys", "set", "openrouter", KEY)

    assert (done.code, llmhub.vault.key) == (1, None)
    assert "history" in done.err
    assert KEY not in done.err + done.out


def test_show_says_whether_and_from_where(llmhub: Commands) -> None:
    none = llmhub("keys", "show")
    llmhub.vault.key = KEY
    kept, as_json = llmhub("keys", "show"), llmhub("keys", "show", "--json")
    llmhub.environ["OPENROUTER_API_KEY"] = KEY
    variable = llmhub("keys", "show")

    assert (none.code, kept.code, variable.code) == (1, 0, 0)
    assert none.out.startswith("openrouter: no key")
    assert kept.out == "openrouter: a key from the keyring\n"
    assert variable.out == "openrouter: a key from the variable OPENROUTER_API_KEY\n"
    assert as_json.json == {"provider": "openrouter", "there": True, "source": "the keyring", "problem": None}


def test_a_keyring_that_cannot_be_read_is_told(llmhub: Commands) -> None:
    llmhub.vault.problem = ConfigError("The keyring could not be read", "the key", "unlock it")

    done = llmhub("keys", "show")

    assert done.code == 1
    assert "unlock it" in done.err


def test_delete_takes_it_out(llmhub: Commands) -> None:
    llmhub.vault.key = KEY

    first, second = llmhub("keys", "delete", "openrouter"), llmhub("keys", "delete", "openrouter")

    assert not llmhub.vault.key
    assert "out of the keyring" in first.err
    assert "There was no key" in second.err


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_is_asked_and_shows_nothing_of_what_is_typed(tmp_path: Path) -> None:
    import pty

    vault = tmp_path / "vault.json"
    tests = str(Path(__file__).parents[1])
    environ = environment({FILE_VARIABLE: str(vault), "PYTHON_KEYRING_BACKEND": "support.vaults.FileKeyring"})
    environ["PYTHONPATH"] += os.pathsep + tests
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "llmhub", "keys", "set", "openrouter"], environ)

    shown = b""
    while "not shown" not in shown.decode():
        shown += os.read(terminal, 1000)
    os.write(terminal, f"{KEY}\n".encode())
    try:
        while piece := os.read(terminal, 1000):
            shown += piece
    except OSError:
        pass  # how Linux says that the other side has ended
    _, status = os.waitpid(pid, 0)
    os.close(terminal)

    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert KEY in vault.read_text()
    assert KEY.encode() not in shown


def test_no_keyring_at_all_in_a_process_of_its_own(tmp_path: Path) -> None:
    more = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}

    done = run_llmhub("keys", "set", "openrouter", stdin=f"{KEY}\n", more=more)

    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no keyring on this machine" in done.stderr
    assert "OPENROUTER_API_KEY" in done.stderr
    assert KEY not in done.stderr
