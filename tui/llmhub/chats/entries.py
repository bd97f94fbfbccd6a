"""Entries of a conversation as records, and back: a text of any length goes in pieces that each fit a record."""

from __future__ import annotations

import heapq
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from llmhub.core.identity import new_id
from llmhub.storage.reading import Record
from llmhub.storage.records import MAX_INTEGER, RecordRefusedError, encode, sealed

logger = logging.getLogger(__name__)
Entry = dict[str, Any]
PIECE_BYTES = 40_000
"""How long one piece of a text may be as JSON."""
_PART_CHARACTERS = 24_000
"""Of an entry's own JSON; written as a text, every quotation mark in it takes two."""
_NEEDS = {
    "chat": ("created_at",),
    "title": ("title",),
    "system": ("text",),
    "lane": ("lane", "setup"),
    "drop_lane": ("lane",),
    "node": ("id", "role"),
    "more": ("id",),
    "end": ("id",),
    "head": ("lane",),
}


def to_records(entry: Entry, now: datetime) -> list[Record]:
    """The records that hold one entry."""
    records: list[Record] = []
    for piece in _in_pieces(entry):
        record = sealed("entry", {"entry": piece}, now=now)
        try:
            encode(record)
        except RecordRefusedError:
            records += _in_parts(_plain(piece), now)
        else:
            records.append(record)
    return records


def from_records(records: Iterable[Record]) -> Iterator[tuple[str, Entry]]:
    """The entries of one file's records, each with the moment it was written (ISO, UTC)."""
    parts: dict[str, list[str]] = {}
    for record in records:
        at = str(record.get("at"))
        entry: Any = None
        if record.get("kind") == "entry":
            entry = record.get("entry")
        elif record.get("kind") == "part":
            gathered = parts.setdefault(str(record.get("of")), [])
            if record.get("number") == len(gathered):
                gathered.append(str(record.get("data")))
            if len(gathered) == record.get("parts"):
                entry = _loads("".join(parts.pop(str(record.get("of")))))
        if isinstance(entry, dict) and is_sane(entry):
            yield at, entry


def is_sane(entry: Entry) -> bool:
    """Whether replaying the entry cannot fail. An entry of an unknown kind is sane: it is skipped."""
    needs = _NEEDS.get(str(entry.get("kind")), ())
    if any(entry.get(key) is None for key in needs):
        return False
    try:
        for key in ("at", "created_at"):
            if key in entry:
                datetime.fromisoformat(entry[key])
        if "lane" in needs:
            int(entry["lane"])
        setup = entry.get("setup")
        return "setup" not in needs or (isinstance(setup, dict) and {"backend", "model"} <= setup.keys())
    except (TypeError, ValueError):
        return False


def merged(files: Sequence[Iterable[tuple[str, Entry]]]) -> list[Entry]:
    """The entries of all files of one chat in an order that can be replayed.

    By time, but never an entry before the message it speaks of: two processes' clocks, or one that was set back, must
    not lose text.
    """
    if len(files) == 1:
        return [entry for _, entry in files[0]]
    streams = [_monotonic(number, file) for number, file in enumerate(files)]
    known: set[str] = set()
    waiting: dict[str, list[Entry]] = {}
    out: list[Entry] = []

    def take(entry: Entry) -> None:
        stack = [entry]
        while stack:
            entry = stack.pop(0)
            need = _speaks_of(entry)
            if need is not None and need not in known:
                waiting.setdefault(need, []).append(entry)
                continue
            out.append(entry)
            if entry.get("kind") == "node":
                known.add(str(entry["id"]))
                stack = waiting.pop(str(entry["id"]), []) + stack

    for _, _, _, entry in heapq.merge(*streams):
        take(entry)
    return out + [entry for rest in waiting.values() for entry in rest]


def _monotonic(number: int, file: Iterable[tuple[str, Entry]]) -> Iterator[tuple[str, int, int, Entry]]:
    latest = ""
    for place, (at, entry) in enumerate(file):
        latest = max(latest, at)
        yield latest, number, place, entry


def _speaks_of(entry: Entry) -> str | None:
    match entry.get("kind"):
        case "node":
            need = entry.get("parent")
        case "more" | "end":
            need = entry.get("id")
        case "head":
            need = entry.get("node")
        case _:
            need = None
    return None if need is None else str(need)


def _in_pieces(entry: Entry) -> list[Entry]:
    """A message that is too long for a record: as much as fits, then the rest as `more` of the same message."""
    if entry.get("kind") not in {"node", "more"}:
        return [entry]
    texts = [(key, entry[key]) for key in ("text", "thinking", "details") if isinstance(entry.get(key), str)]
    if sum(len(text) for _, text in texts) * 12 < PIECE_BYTES:  # no character takes more in JSON
        return [entry]
    more = {"kind": "more", "id": entry.get("id"), "at": entry.get("at"), "text": "", "thinking": ""}
    pieces = [{**more, key: piece} for key, text in texts for piece in _cut(text)]
    if entry["kind"] == "node":
        return [{key: value for key, value in entry.items() if key not in {"text", "thinking", "details"}}, *pieces]
    return pieces


def _cut(text: str) -> list[str]:
    """`text` in pieces that each fit a record, cut between characters."""
    pieces: list[str] = []
    at = 0
    while at < len(text):
        step = PIECE_BYTES
        while len(json.dumps(text[at : at + step])) > PIECE_BYTES + 2:
            step //= 2
        pieces.append(text[at : at + step])
        at += step
    return pieces


def _in_parts(entry: Entry, now: datetime) -> list[Record]:
    text = json.dumps(entry, allow_nan=False, separators=(",", ":"))
    parts = [text[at : at + _PART_CHARACTERS] for at in range(0, len(text), _PART_CHARACTERS)]
    of = new_id()
    return [
        sealed("part", {"of": of, "number": number, "parts": len(parts), "data": part}, now=now)
        for number, part in enumerate(parts)
    ]


def _plain(value: Any, depth: int = 24) -> Any:
    """`value` with whatever JSON cannot hold made unknown."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -MAX_INTEGER <= value <= MAX_INTEGER else None
        case float():
            return value if isfinite(value) else None
        case dict() if depth:
            return {str(key): _plain(item, depth - 1) for key, item in value.items()}
        case list() | tuple() if depth:
            return [_plain(item, depth - 1) for item in value]
    return None


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        logger.warning("an entry in parts could not be put together")
        return None
