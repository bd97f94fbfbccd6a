"""Reading the settings: flags over environment over `config.toml` over defaults; no slip is fatal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmhub.core.config import OLLAMA_HOST, Config
from llmhub.core.errors import ConfigError
from llmhub.settings.keys import BY_NAME, KEYS, TABLES, Key
from llmhub.settings.toml import Broken, line_of, read_tables

MAX_FILE_BYTES = 1_000_000
"""More is no settings file; it is not read at all."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, and what was wrong where they came from."""

    config: Config
    problems: tuple[ConfigError, ...] = ()


def read_settings(
    path: Path | None, environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> Settings:
    """What holds: `flags` (by key, `{"offline": True}`) over the environment over the file at `path`.

    A variable is named for its key, `LLMHUB_CHAT_CONTEXT` for `[chat] context`; `OLLAMA_HOST` counts where
    `LLMHUB_OLLAMA_URL` is not set. Nothing here raises: what cannot be used is told, and the next source holds.
    """
    environ = os.environ if environ is None else environ
    gathered = _Gathered()
    if path is not None:
        _from_file(path, gathered)
    _from_environment(environ, gathered)
    for name, value in (flags or {}).items():
        if value is not None:
            gathered.take(BY_NAME[name], value, "a flag", name)
    config = Config(**gathered.values, sources=MappingProxyType(gathered.sources))
    return Settings(config, tuple(gathered.problems))


class _Gathered:
    """Values by field, where they came from, and what could not be used."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.problems: list[ConfigError] = []

    def take(self, key: Key, value: object, source: str, where: str) -> None:
        try:
            self.values[key.field] = key.read(value)
        except ValueError as error:
            shown = _shown(value)
            holds = "the value before it holds" if key.field in self.values else "the default holds"
            self.problems.append(ConfigError(f"{key.name} cannot be {shown}, so {holds}", where, f"it must be {error}"))
        else:
            self.sources[key.name] = source


def _from_file(path: Path, gathered: _Gathered) -> None:
    text = _text_of(path, gathered.problems)
    if text is None:
        return
    tables, broken = read_tables(text)
    gathered.problems += [_no_toml(path, part) for part in broken]
    for name, value in _flat(tables):
        line = line_of(text, name)
        where = f"{path}, line {line}" if line else str(path)
        key = BY_NAME.get(name)
        if key is not None:
            gathered.take(key, value, path.name, where)
        else:
            gathered.problems.append(_unknown(name, value, where))


def _text_of(path: Path, problems: list[ConfigError]) -> str | None:
    remedy = "mend or remove it; until then the defaults hold"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            problems.append(ConfigError("The settings were not read: the file is too large", str(path), remedy))
            return None
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        happened = f"The settings were not read: byte {error.start} is not UTF-8"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        happened = f"The settings could not be read ({why.lower()})"
    problems.append(ConfigError(happened, str(path), remedy))
    return None


def _no_toml(path: Path, broken: Broken) -> ConfigError:
    part = f"the rest of {broken.part}" if broken.part else "the keys at its top"
    return ConfigError(
        f"The settings have a mistake: {broken.why[:1].lower()}{broken.why[1:]}",
        f"{path}, line {broken.line}",
        f"mend that line; until then {part} is not used and the defaults hold there",
    )


def _flat(tables: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Keys with their table's name. `profile` and `ui.keymap` are one value each."""
    for table, value in tables.items():
        if table in BY_NAME or table not in TABLES or not isinstance(value, dict):
            yield table, value
            continue
        for key, inner in value.items():
            yield f"{table}.{key}", inner


def _unknown(name: str, value: object, where: str) -> ConfigError:
    if name in TABLES:
        return ConfigError(
            f"{name} is a table of settings, not {_shown(value)}", where, f"write [{name}] on a line of its own"
        )
    known = [*BY_NAME, *TABLES]
    near = get_close_matches(name, known, n=1, cutoff=0.6) or [
        key for key in BY_NAME if key.rpartition(".")[2] == name.rpartition(".")[2]
    ]
    return ConfigError(
        f"There is no setting called {_plain(name)}",
        where,
        f"did you mean {_written(near[0])}?" if near else f"the settings are: {', '.join(key.name for key in KEYS)}",
    )


def _from_environment(environ: Mapping[str, str], gathered: _Gathered) -> None:
    if (host := environ.get(OLLAMA_HOST, "").strip()) and not environ.get("LLMHUB_OLLAMA_URL", "").strip():
        gathered.take(BY_NAME["ollama.url"], host, OLLAMA_HOST, f"the variable {OLLAMA_HOST}")
    for key in KEYS:
        if key.from_environment and (value := environ.get(key.variable, "").strip()):
            gathered.take(key, value, key.variable, f"the variable {key.variable}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return _plain(f'"{value}"' if isinstance(value, str) else str(value))


def _plain(text: str) -> str:
    """Text of the file or the environment on one line, without what a terminal would obey."""
    clean = "".join(char if char.isprintable() else "�" for char in text)
    return clean if len(clean) <= 60 else f"{clean[:59]}…"


def _written(name: str) -> str:
    """A key as it stands in the file: `[chat] context`."""
    table, _, key = name.rpartition(".")
    return f"[{table}] {key}" if table else (f"[{key}]" if key in TABLES else key)
