"""Writing settings: the person's file stays the person's."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from llmhub.core.errors import ConfigError
from llmhub.settings.config import read_settings
from llmhub.settings.edit import set_values

FILE = """# mine
[chat]
context = 4096  # enough for me
# more to come

[ui]
theme = "paper"
"""


def test_comments_and_order_survive_a_change(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(FILE)

    set_values(path, {"chat.context": 16384, "ui.theme": None, "profile.usd_per_kwh": Decimal("0.34")})

    text = path.read_text()
    assert text.startswith("# mine\n[chat]\ncontext = 16384  # enough for me\n# more to come\n")
    assert "theme" not in text
    settings = read_settings(path, {})
    assert settings.problems == ()
    assert settings.config.profile == {"usd_per_kwh": Decimal("0.34")}


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"

    set_values(path, {"offline": True, "budget.day_usd": Decimal(2)})

    assert read_settings(path, {}).config.offline is True
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_linked_file_stays_where_it_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text(FILE)
    path = tmp_path / "config.toml"
    path.symlink_to(kept)

    set_values(path, {"chat.context": 1})

    assert path.is_symlink()
    assert "context = 1 " in kept.read_text()


def test_a_file_with_a_mistake_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[chat\ncontext = 1\n")

    with pytest.raises(ConfigError) as caught:
        set_values(path, {"chat.context": 2})

    assert path.read_text() == "[chat\ncontext = 1\n"
    assert caught.value.subject == str(path)


def test_a_key_below_something_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("chat = 3\n")

    with pytest.raises(ConfigError):
        set_values(path, {"chat.context": 2})

    assert path.read_text() == "chat = 3\n"


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.toml"
    path.write_text(FILE)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="no space left"):
        set_values(path, {"chat.context": 2})

    assert path.read_text() == FILE
    assert list(tmp_path.iterdir()) == [path]
