"""Settings: what wins over what, and that no slip is fatal."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from llmhub.core.config import Config, parse_memory
from llmhub.settings.config import read_settings
from llmhub.settings.keys import KEYS


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_every_default_holds_and_nothing_is_said(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / "config.toml", {})

    assert settings.config == Config()
    assert settings.problems == ()


def test_every_key_of_the_file_reaches_its_field(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        offline = true
        [ollama]
        url = "studio.lan"
        [openrouter]
        url = "https://router.example/v1/"
        [chat]
        context = 16_384
        max_tokens = 512
        [profile]
        usd_per_kwh = 0.34
        price_usd = 1999
        [ui]
        theme = "paper"
        [ui.keymap]
        "app.quit" = "ctrl+q,f10"
        [net]
        proxy = "http://proxy.example:3128"
        ca_file = "/etc/ssl/own.pem"
        [budget]
        day_usd = 2.50
        month_usd = 40
        [machine]
        memory = "24 GiB"
        """,
    )

    settings = read_settings(path, {})

    assert settings.problems == ()
    assert settings.config == Config(
        ollama_url="http://studio.lan:11434",
        openrouter_url="https://router.example/v1",
        chat_context=16384,
        chat_max_tokens=512,
        profile={"usd_per_kwh": Decimal("0.34"), "price_usd": 1999},
        theme="paper",
        keymap={"app.quit": "ctrl+q,f10"},
        offline=True,
        proxy="http://proxy.example:3128",
        ca_file=Path("/etc/ssl/own.pem"),
        day_budget_usd=Decimal("2.50"),
        month_budget_usd=Decimal(40),
        memory_bytes=24 * 2**30,
    )
    assert set(settings.config.sources.values()) == {"config.toml"}


def test_money_never_passes_through_a_binary_float(tmp_path: Path) -> None:
    path = written(tmp_path, "[budget]\nday_usd = 0.1\n[profile]\nusd_per_kwh = 0.3\n")

    config = read_settings(path, {}).config

    assert config.day_budget_usd == Decimal("0.1")
    assert config.profile["usd_per_kwh"] == Decimal("0.3")


def test_the_environment_beats_the_file_and_a_flag_beats_both(tmp_path: Path) -> None:
    path = written(tmp_path, '[chat]\ncontext = 4096\n[ollama]\nurl = "http://file:1"\n')
    environ = {"LLMHUB_CHAT_CONTEXT": "32768", "OLLAMA_HOST": "env:2", "LLMHUB_OFFLINE": "0"}

    config = read_settings(path, environ, {"offline": True, "ollama.url": None}).config

    assert (config.chat_context, config.ollama_url, config.offline) == (32768, "http://env:2", True)
    assert config.sources["chat.context"] == "LLMHUB_CHAT_CONTEXT"
    assert config.sources["ollama.url"] == "OLLAMA_HOST"
    assert config.sources["offline"] == "a flag"


def test_our_own_variable_for_the_daemon_beats_ollamas() -> None:
    config = read_settings(None, {"OLLAMA_HOST": "a:1", "LLMHUB_OLLAMA_URL": "http://b:2"}).config

    assert config.ollama_url == "http://b:2"


def test_an_unknown_key_is_named_with_the_nearest_known_one_and_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "[chat]\ncontext = 4096\nmax_token = 12\n")

    settings = read_settings(path, {})

    (problem,) = settings.problems
    assert settings.config.chat_context == 4096
    assert problem.happened == "There is no setting called chat.max_token"
    assert problem.subject == f"{path}, line 3"
    assert problem.remedy == "did you mean [chat] max_tokens?"


def test_a_key_in_the_wrong_table_is_led_to_the_right_one(tmp_path: Path) -> None:
    path = written(tmp_path, "[chat]\ntheme = 'paper'\n")

    (problem,) = read_settings(path, {}).problems

    assert problem.remedy == "did you mean [ui] theme?"


def test_a_table_that_nobody_knows_is_named_too(tmp_path: Path) -> None:
    path = written(tmp_path, "[ollamma]\nurl = 'x'\n")

    (problem,) = read_settings(path, {}).problems

    assert "ollamma" in problem.happened
    assert problem.remedy == "did you mean [ollama]?"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[chat]\ncontext = 'much'\n", "chat.context"),
        ("[chat]\ncontext = -1\n", "chat.context"),
        ("[chat]\ncontext = true\n", "chat.context"),
        ("[chat]\ncontext = 4.5\n", "chat.context"),
        ("[chat]\ncontext = []\n", "chat.context"),
        ("\noffline = 'perhaps'\n", "offline"),
        ("[ui]\ntheme = 7\n", "ui.theme"),
        ("[ui]\nkeymap = {quit = 3}\n", "ui.keymap"),
        ("[budget]\nday_usd = nan\n", "budget.day_usd"),
        ("[budget]\nday_usd = -1\n", "budget.day_usd"),
        ("[machine]\nmemory = 'lots'\n", "machine.memory"),
        ("[openrouter]\nurl = 'ftp://x'\n", "openrouter.url"),
        ("[openrouter]\nurl = 'http://router.example/v1'\n", "openrouter.url"),
        ("[ollama]\nurl = 'http://a b'\n", "ollama.url"),
        ("[net]\nproxy = 'gopher://x'\n", "net.proxy"),
    ],
)
def test_a_wrong_value_costs_one_key_and_says_what_it_must_be(tmp_path: Path, text: str, name: str) -> None:
    path = written(tmp_path, text)

    settings = read_settings(path, {})

    (problem,) = settings.problems
    assert settings.config == Config()
    assert problem.happened.startswith(f"{name} cannot be ")
    assert problem.subject == f"{path}, line 2"
    assert problem.remedy.startswith("it must be ")


def test_a_wrong_variable_leaves_what_the_file_says(tmp_path: Path) -> None:
    path = written(tmp_path, "[chat]\ncontext = 4096\n")

    settings = read_settings(path, {"LLMHUB_CHAT_CONTEXT": "a lot"})

    assert settings.config.chat_context == 4096
    assert [problem.subject for problem in settings.problems] == ["the variable LLMHUB_CHAT_CONTEXT"]


def test_broken_toml_costs_its_own_table_and_names_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, 'offline = true\n[chat]\ncontext = = 4096\n[ui]\ntheme = "paper"\n')

    settings = read_settings(path, {})

    (problem,) = settings.problems
    assert settings.config == Config(offline=True, theme="paper")
    assert problem.subject == f"{path}, line 3"
    assert "[chat]" in problem.remedy


def test_a_broken_header_gives_none_of_its_keys_to_the_table_before(tmp_path: Path) -> None:
    path = written(tmp_path, '[ollama]\n# none\n[openrouter\nurl = "https://elsewhere.example"\n')

    settings = read_settings(path, {})

    assert settings.config == Config()
    assert [problem.subject for problem in settings.problems] == [f"{path}, line 3"]


def test_a_table_given_twice_is_told_and_the_first_holds(tmp_path: Path) -> None:
    path = written(tmp_path, "[chat]\ncontext = 4096\n[chat]\ncontext = 1\n")

    settings = read_settings(path, {})

    assert settings.config.chat_context == 4096
    assert [problem.subject for problem in settings.problems] == [f"{path}, line 3"]


def test_a_file_of_another_encoding_or_kind_is_told_and_defaults_hold(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'[ui]\ntheme = "caf\xe9"\n')
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)

    for name in ("latin.toml", "folder.toml", "large.toml"):
        settings = read_settings(tmp_path / name, {})
        assert settings.config == Config()
        assert [problem.subject for problem in settings.problems] == [str(tmp_path / name)]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbfoffline = true\r\n")

    settings = read_settings(path, {})

    assert (settings.config.offline, settings.problems) == (True, ())


def test_what_a_message_repeats_from_the_file_cannot_steer_a_terminal(tmp_path: Path) -> None:
    path = written(tmp_path, '[ui]\ntheme = 3\n["a\\u001b[31m"]\nx = 1\n[chat]\ncontext = "\\u001b]0;x\\u0007"\n')

    problems = read_settings(path, {}).problems

    assert len(problems) == 3
    assert all(str(problem).isprintable() for problem in problems)


def test_every_key_but_tables_has_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [key.variable for key in KEYS if key.from_environment]
    monkeypatch.setattr(os, "environ", {"LLMHUB_UI_THEME": "paper"})

    config = read_settings(None).config

    assert len(set(names)) == len(names)
    assert config.theme == "paper"


@pytest.mark.parametrize(
    ("text", "amount"), [("24GiB", 24 * 2**30), ("24 GB", 24 * 10**9), ("1.5gib", 3 * 2**29), ("1024", 1024)]
)
def test_an_amount_of_memory_says_its_unit(text: str, amount: int) -> None:
    assert parse_memory(text) == amount


@pytest.mark.parametrize("text", ["", "GiB", "-1 GiB", "0", "12 parsecs", "nan", "1e9", "١ GiB"])
def test_what_is_no_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_memory(text)
