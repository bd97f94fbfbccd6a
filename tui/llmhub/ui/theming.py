"""Colour themes: those that ship with llmhub and the person's own, one TOML file each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from llmhub.core.errors import LLMHubError
from llmhub.core.plain import one_line

VARIABLES = {"cost-local": "text-success", "cost-cloud": "text-warning"}
"""Colours of our own, and what each is in a theme that does not name it. They mean a place, on every screen."""

_COLOURS = frozenset(
    {
        "primary",
        "secondary",
        "warning",
        "error",
        "success",
        "accent",
        "foreground",
        "background",
        "surface",
        "panel",
        "boost",
    }
)
_STYLES = frozenset(
    {
        "none",
        "bold",
        "b",
        "dim",
        "d",
        "italic",
        "i",
        "underline",
        "u",
        "strike",
        "reverse",
        "r",
        "blink",
        "not",
        "overline",
    }
)
_SWITCHES = frozenset({"dark", "ansi"})
_NUMBERS = frozenset({"luminosity_spread", "text_alpha"})
_KEYS = frozenset(field.name for field in fields(Theme)) - {"name"}


class ThemeError(LLMHubError):
    """A theme file is not a theme."""


@dataclass(frozen=True, slots=True)
class Themes:
    """What a folder held."""

    themes: tuple[Theme, ...] = ()
    problems: tuple[ThemeError, ...] = ()


def bundled() -> Traversable:
    """The folder of themes that ship with llmhub: in the package of a wheel, beside `tui/` in a checkout."""
    packaged = files("llmhub") / "themes"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "themes"


def load(folder: Traversable) -> Themes:
    """Every `*.toml` in `folder`, by name, each named for its file. Reads the disk.

    One that cannot be used is told and the others load; a folder that is not there holds none.
    """
    found: list[Theme] = []
    problems: list[ThemeError] = []
    try:
        entries = sorted(
            (entry for entry in folder.iterdir() if entry.name.endswith(".toml") and not entry.name.startswith(".")),
            key=lambda entry: entry.name,
        )
    except FileNotFoundError:
        return Themes()
    except OSError as error:
        return Themes(problems=(_unusable(str(folder), _why(error)),))
    for entry in entries:
        try:
            found.append(_theme(entry))
        except ThemeError as problem:
            problems.append(problem)
    return Themes(tuple(found), tuple(problems))


def gather(*folders: Traversable) -> Themes:
    """The themes of several folders; of one name the later folder's holds, so that a person may replace ours."""
    by_name: dict[str, Theme] = {}
    problems: list[ThemeError] = []
    for folder in folders:
        loaded = load(folder)
        by_name |= {theme.name: theme for theme in loaded.themes}
        problems += loaded.problems
    return Themes(tuple(by_name.values()), tuple(problems))


def one(name: str, *folders: Traversable) -> Theme | None:
    """The theme of that name, from the last folder that has a good one: all that the first frame needs to read."""
    for folder in reversed(folders):
        entry = folder / f"{name}.toml"
        if "/" not in name and "\\" not in name and entry.is_file():
            try:
                return _theme(entry)
            except ThemeError:
                continue  # told when all themes are read
    return None


def variable_defaults(theme: Theme) -> dict[str, str]:
    """Our colours for `theme`, as values: Textual's CSS does not follow one variable to another (8.2.8)."""
    colours = theme.to_color_system().generate()
    return {name: colours[base] for name, base in VARIABLES.items()}


def missing(wanted: str, names: Iterable[str]) -> ThemeError:
    """What to say when the theme that was set is not there."""
    known = ", ".join(sorted(names))
    return ThemeError("There is no such theme, so the default is used", one_line(wanted), f"choose one of: {known}")


def _theme(entry: Traversable) -> Theme:
    try:
        values = tomllib.loads(entry.read_text("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise _unusable(entry.name, str(error)) from error
    except UnicodeDecodeError as error:
        raise _unusable(entry.name, "it is not UTF-8") from error
    except OSError as error:
        raise _unusable(entry.name, _why(error)) from error
    if unknown := sorted(values.keys() - _KEYS):
        raise _unusable(entry.name, f"no such key: {', '.join(unknown)}")
    if "primary" not in values:
        raise _unusable(entry.name, "primary is missing")
    for key, value in values.items():
        _check(entry.name, key, value)
    return Theme(name=entry.name.removesuffix(".toml"), **values)


def _check(name: str, key: str, value: Any) -> None:
    """Textual would fail on a wrong value much later, while it draws."""
    if key in _COLOURS:
        try:
            Color.parse(value)
        except (ColorParseError, TypeError, AttributeError) as error:
            raise _unusable(name, f"{key} is no colour: {value!r}") from error
    elif key in _SWITCHES and not isinstance(value, bool):
        raise _unusable(name, f"{key} must be true or false")
    elif key in _NUMBERS and (isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1):
        raise _unusable(name, f"{key} must be between 0 and 1")
    elif key == "variables":
        _check_variables(name, value)


def _check_variables(name: str, values: Any) -> None:
    if not isinstance(values, dict):
        raise _unusable(name, "variables must be a table")
    for key, value in values.items():
        if not isinstance(value, str) or "$" in value or not value.isprintable() or set(value) & set("{};"):
            raise _unusable(name, f"{key} must be a plain value, not {value!r}")
        if key.endswith("-style"):
            if not set(value.split()) <= _STYLES:
                raise _unusable(name, f"{key} is no text style: {value!r}")
        elif not _is_colour(value):
            raise _unusable(name, f"{key} is no colour: {value!r}")


def _is_colour(value: str) -> bool:
    """A colour, and how much of it: `#7fa7d9 35%`."""
    words = value.split()
    if len(words) == 2 and words[1].endswith("%") and words[1][:-1].replace(".", "", 1).isdigit():
        words = words[:1]
    try:
        return len(words) == 1 and (words[0] == "auto" or Color.parse(words[0]) is not None)
    except ColorParseError:
        return False


def _unusable(name: str, why: str) -> ThemeError:
    return ThemeError(f"A theme was left out: {one_line(why)}", one_line(name), "mend the file or remove it")


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
