"""Places on disk, what is remembered there, and the key that is not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import keyring
import pytest
from keyring.errors import NoKeyringError

from llmhub.core.errors import ConfigError
from llmhub.settings.app_memory import AppMemoryFile
from llmhub.settings.places import Places, find_places
from llmhub.settings.secrets import keep_openrouter_key, keyring_state, openrouter_key
from support.processes import run_python


def test_one_variable_moves_every_place(tmp_path: Path) -> None:
    places = find_places({"LLMHUB_HOME": str(tmp_path / "home")})

    assert set(places.folders().values()) == {tmp_path / "home" / part for part in ("config", "data", "state", "cache")}
    assert not (tmp_path / "home").exists()


def test_without_it_the_platform_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("HOME", str(tmp_path))

    places = find_places({})

    assert places.config_file.name == "config.toml"
    assert all(str(folder).startswith(str(tmp_path)) for folder in places.folders().values())


@pytest.mark.skipif(os.name != "posix", reason="rights of this kind are POSIX")
def test_folders_are_for_their_owner_alone_even_when_they_were_not(tmp_path: Path) -> None:
    places = Places.below(tmp_path / "home")
    places.data.mkdir(parents=True, mode=0o755)

    problems = places.make()

    assert problems == []
    assert {folder.stat().st_mode & 0o777 for folder in places.folders().values()} == {0o700}


def test_a_place_that_cannot_be_made_is_told_and_the_others_are_made(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")

    problems = Places.below(tmp_path).make()

    assert [problem.subject for problem in problems] == [str(tmp_path / "data")]
    assert "stay in memory" in problems[0].happened
    assert (tmp_path / "state").is_dir()


def test_what_is_remembered_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state" / "state.json"
    memory = AppMemoryFile(path)
    for number in range(50):
        memory.set("last_model", f"qwen3:{number}b")
    memory.set("cost_panel", value=True)
    memory.close()

    again = AppMemoryFile(path)

    assert (again.get("last_model"), again.get("cost_panel"), again.get("other")) == ("qwen3:49b", True, None)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)

    memory = AppMemoryFile(path)
    memory.set("x", 1)
    memory.close()

    assert json.loads(path.read_text()) == {"x": 1}


def test_a_memory_that_cannot_be_written_still_remembers_for_this_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    memory = AppMemoryFile(tmp_path / "file" / "state.json")
    memory.set("x", 1)
    memory.close()

    assert memory.get("x") == 1


def test_the_key_never_shows_itself() -> None:
    secret = openrouter_key({"OPENROUTER_API_KEY": " sk-or-v1-secret "})

    assert secret is not None
    assert secret.value == "sk-or-v1-secret"
    assert "sk-or" not in f"{secret} {secret!r}"


def test_without_permission_the_keyring_is_not_even_imported() -> None:
    probe = (
        "import sys\nfrom llmhub.settings.secrets import openrouter_key\n"
        "assert openrouter_key({}, keyring=False) is None\nassert 'keyring' not in sys.modules"
    )

    done = run_python(probe)

    assert done.returncode == 0, done.stderr


def test_the_key_is_kept_in_the_keyring_and_taken_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[tuple[str, str], str] = {}
    monkeypatch.setattr(keyring, "get_password", lambda service, name: kept.get((service, name)))
    monkeypatch.setattr(keyring, "set_password", lambda service, name, value: kept.update({(service, name): value}))
    monkeypatch.setattr(keyring, "delete_password", lambda service, name: kept.pop((service, name)))

    keep_openrouter_key(" sk-1 ")
    found = openrouter_key({})
    keep_openrouter_key("")

    assert found is not None
    assert (found.value, found.source) == ("sk-1", "the keyring")
    assert openrouter_key({}) is None


def test_a_machine_without_a_keyring_is_told_and_does_not_leak_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: str) -> None:
        raise NoKeyringError("no backend for sk-secret")

    monkeypatch.setattr(keyring, "get_password", none)
    monkeypatch.setattr(keyring, "set_password", none)
    monkeypatch.setattr(keyring, "get_keyring", lambda: SimpleNamespace(priority=0))

    with pytest.raises(ConfigError) as caught:
        keep_openrouter_key("sk-secret")

    assert "sk-secret" not in str(caught.value)
    assert openrouter_key({}) is None
    assert not keyring_state().usable
