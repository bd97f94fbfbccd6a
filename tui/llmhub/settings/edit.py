"""Changing `config.toml` for the person: only the keys named, every comment and the order of lines kept."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmhub.core.errors import ConfigError
from llmhub.settings.files import write_whole


def set_values(path: Path, changes: Mapping[str, object]) -> None:
    """Set keys by name (`{"chat.context": 16384}`); `None` takes a key out. Nothing is written when nothing changes.

    Raises:
        ConfigError: when the file is no TOML (it is left alone: the person's work is in it) or cannot be written.
    """
    import tomlkit  # needed only by who changes a setting
    from tomlkit.exceptions import TOMLKitError

    try:
        text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
        document = tomlkit.parse(text)
        for name, value in changes.items():
            _set(document, name.split("."), value)
        changed = tomlkit.dumps(document)
    except UnicodeDecodeError as error:
        raise _refused("it is not UTF-8", path, "save it as UTF-8") from error
    except TOMLKitError as error:
        raise _refused(f"it has a mistake: {error}", path, "mend it first; llmhub doctor names the line") from error
    except OSError as error:
        raise _refused(_why(error), path, "give yourself the right to read it") from error
    if changed == text:
        return
    try:
        write_whole(path, changed)
    except OSError as error:
        raise _refused(
            (error.strerror or type(error).__name__).lower(),
            path,
            "make room there or give yourself the right to write",
        ) from error


def _set(document: Any, steps: list[str], value: object) -> None:
    import tomlkit

    *tables, key = steps
    at = document
    for step in tables:
        if step not in at:
            if value is None:
                return
            at[step] = tomlkit.table()
        at = at[step]
        if not hasattr(at, "keys"):
            raise tomlkit.exceptions.ParseError(0, 0, f"{step} is no table")
    if value is None:
        at.pop(key, None)
    else:
        at[key] = tomlkit.float_(_number(value)) if isinstance(value, Decimal) else value


def _number(value: Decimal) -> str:
    """As TOML writes a float; whole numbers keep a point, so that they are read as what they are."""
    text = format(value, "f")
    return text if "." in text else f"{text}.0"


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _refused(why: str, path: Path, remedy: str) -> ConfigError:
    return ConfigError(f"The setting was not saved: {why}", str(path), remedy)
