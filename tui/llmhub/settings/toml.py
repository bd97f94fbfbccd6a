"""Reading TOML that a person edits: what is broken is named with its line, and the rest still holds."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_HEADER = re.compile(r"^(\[|\s*\[{1,2}[^\[\]=,\"']+\]{1,2}\s*(#.*)?$)")
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class Broken:
    """A part of the text that is no TOML."""

    line: int
    """From 1."""
    why: str
    part: str
    """The table it stands in, as written; empty at the top of the file."""


def read_tables(text: str) -> tuple[dict[str, Any], list[Broken]]:
    """The values of `text`, numbers exact (`int` or `Decimal`), and what could not be read.

    Where the whole is no TOML each table is read by itself, so that one slip costs one table and no other key moves
    into a table that it does not belong to.
    """
    try:
        return _parse(text), []
    except tomllib.TOMLDecodeError as error:
        whole = _broken(error, text, 1)
    values: dict[str, Any] = {}
    broken: list[Broken] = []
    for first, chunk in _chunks(text):
        try:
            part = _parse(chunk)
        except tomllib.TOMLDecodeError as error:
            broken.append(_broken(error, chunk, first))
            continue
        _merge(values, part)
    return values, broken or [whole]


def line_of(text: str, name: str) -> int | None:
    """The line of key `name` (`chat.context`), from 1; `None` where it is written in another way."""
    table, _, key = name.rpartition(".")
    wanted = re.compile(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*(=|\.)")
    header = re.compile(rf"^\s*\[+\s*{re.escape(name)}\s*\]")
    dotted = re.compile(rf"^\s*{re.escape(name)}\s*=")
    at = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header.match(line):
            return number
        if (found := re.match(r"^\s*\[+\s*([^\[\]]+?)\s*\]", line)) is not None:
            at = found[1]
        elif (at == table and wanted.match(line)) or (not at and dotted.match(line)):
            return number
    return None


def _parse(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=_exact)


def _exact(text: str) -> Decimal:
    """Money must not pass through a binary float. `inf` and `nan` stay what they are, for the readers to refuse."""
    return Decimal(text.replace("_", ""))


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Each table with its header, and the line it begins at."""
    first, lines = 1, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADER.match(line) and lines:
            yield first, "\n".join(lines) + "\n"
            first, lines = number, []
        lines.append(line)
    if lines:
        yield first, "\n".join(lines) + "\n"


def _broken(error: tomllib.TOMLDecodeError, text: str, first: int) -> Broken:
    message = str(error)
    place = _PLACE.search(message)
    lines = text.splitlines()
    local = int(place[1]) if place and place[1] else max(1, len(lines))
    header = next((line.strip() for line in reversed(lines[:local]) if _HEADER.match(line)), "")
    return Broken(first + local - 1, _PLACE.sub("", message).rstrip("."), header)


def _merge(into: dict[str, Any], part: dict[str, Any]) -> None:
    """Join two parts; of a key given twice the first holds."""
    for key, value in part.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(value)
        else:
            into.setdefault(key, value)
