"""The doctor: what was found, what to do, and an exit code that a script can use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmhub.bootstrap import World
from llmhub.core.totals import Totals
from support.commands import Commands, DeadWorld, Done
from support.fake_host import FakeHost


@pytest.fixture(autouse=True)
def whole(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Loading every module takes a second; one test does it."""
    if "every_part" not in request.node.name:
        monkeypatch.setattr(World, "missing_parts", staticmethod(list))


def by_name(done: Done) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in done.json["checks"]}


def test_a_healthy_machine_is_all_right_line_by_line(llmhub: Commands) -> None:
    done = llmhub("doctor")

    assert done.code == 0
    assert done.err == ""
    for name in ("llmhub", "package", "config folder", "settings", "ollama", "memory", "ledger", "themes", "network"):
        assert f"✓ {name} " in done.out
    assert "0.32.15, ● this machine at http://127.0.0.1:" in done.out
    assert "9 models, 0 loaded" in done.out


def test_json_has_the_same_checks(llmhub: Commands) -> None:
    done = llmhub("--json", "doctor")

    checks = by_name(done)
    assert done.json["ok"] is True
    assert checks["themes"]["state"] == "ok"
    assert "graphite" in checks["themes"]["found"]
    assert checks["ledger"]["found"].startswith("0 turns in ")


def test_without_a_daemon_it_says_how_to_get_one_and_nothing_of_llmhubs_is_broken(llmhub: Commands) -> None:
    llmhub.world = DeadWorld
    llmhub.environ["PATH"] = ""

    done = llmhub("doctor", "--json")

    ollama = by_name(done)["ollama"]
    assert (done.code, ollama["state"]) == (0, "note")
    assert "127.0.0.1:9" in ollama["found"]
    assert "ollama" in ollama["remedy"]


def test_an_installed_daemon_is_started_the_way_it_was_installed(llmhub: Commands, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    llmhub.world = DeadWorld
    llmhub.environ |= {"PATH": str(program.parent), "OLLAMA_MODELS": "/big/models"}

    remedy = by_name(llmhub("doctor", "--json"))["ollama"]["remedy"]

    assert remedy.startswith("OLLAMA_HOST=http://127.0.0.1:9 ollama serve") or "systemctl" in remedy


def test_settings_with_mistakes_are_named_with_their_lines_and_must_be_mended(llmhub: Commands) -> None:
    llmhub.write_settings("[chat]\ncontext = 'much'\nmax_token = 1\n")

    done = llmhub("doctor", "--json")

    wrong = [check for check in done.json["checks"] if check["name"] == "settings"]
    assert done.code == 1
    assert done.json["ok"] is False
    assert [check["state"] for check in wrong] == ["bad", "bad"]
    assert "line 2" in wrong[0]["found"]
    assert "line 3" in wrong[1]["found"]
    assert wrong[1]["remedy"] == "did you mean [chat] max_tokens?"


def test_settings_say_where_they_came_from(llmhub: Commands) -> None:
    llmhub.write_settings("[chat]\ncontext = 4096\n")
    llmhub.environ["LLMHUB_UI_THEME"] = "paper"

    found = by_name(llmhub("doctor", "--json"))["settings"]["found"]

    assert "chat.context from config.toml" in found
    assert "ui.theme from LLMHUB_UI_THEME" in found


def test_a_folder_that_cannot_be_used_must_be_mended(llmhub: Commands) -> None:
    llmhub.home.mkdir()
    (llmhub.home / "data").write_text("in the way")

    done = llmhub("doctor", "--json")

    assert done.code == 1
    assert by_name(done)["data folder"]["state"] == "bad"
    assert by_name(done)["cache folder"]["state"] == "ok"


def test_a_theme_file_that_is_none_is_named_and_the_others_are_there(llmhub: Commands) -> None:
    themes = llmhub.home / "config" / "themes"
    themes.mkdir(parents=True)
    (themes / "mine.toml").write_text("primary = 3\n")

    done = llmhub("doctor")

    assert done.code == 1
    assert "✓ themes" in done.out
    assert "mine.toml" in done.out


def test_a_theme_that_is_set_and_not_there_is_named_with_those_that_are(llmhub: Commands) -> None:
    llmhub.write_settings("[ui]\ntheme = 'grafite'\n")

    done = llmhub("doctor")

    assert done.code == 1
    assert "There is no such theme" in done.out
    assert "grafite" in done.out
    assert "graphite" in done.out


def test_what_is_wrong_with_the_ledger_is_counted(llmhub: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    totals = Totals((), unsaved_turns=3, newer_records=2, damaged_lines=1)
    monkeypatch.setattr(type(llmhub.ledger), "totals", property(lambda _: totals))

    done = llmhub("doctor")

    assert done.code == 1
    assert "3 turns are not saved yet" in done.out
    assert "2 records of a newer llmhub" in done.out
    assert "1 damaged lines are set aside" in done.out


def test_a_proxy_is_named_and_never_used_for_loopback(llmhub: Commands) -> None:
    llmhub.environ["HTTPS_PROXY"] = "http://proxy.example:3128"

    found = by_name(llmhub("doctor", "--json"))["network"]["found"]

    assert found == "HTTPS_PROXY; never used for the daemon on this machine"


def test_a_key_in_the_environment_is_found_and_never_shown(llmhub: Commands) -> None:
    llmhub.environ["OPENROUTER_API_KEY"] = "sk-or-v1-secret"

    done = llmhub("doctor", "--json")

    assert "OPENROUTER_API_KEY" in by_name(done)["keyring"]["found"]
    assert "secret" not in done.out + done.err


def test_offline_is_said(llmhub: Commands) -> None:
    assert "offline" in by_name(llmhub("--offline", "doctor", "--json"))["network"]["found"]


def test_a_daemon_without_models_says_how_to_get_one(llmhub: Commands) -> None:
    llmhub.host = FakeHost()

    assert by_name(llmhub("doctor", "--json"))["models"]["state"] == "note"


def test_every_part_of_llmhub_can_be_loaded() -> None:
    assert World.missing_parts() == []
