"""What records add to the totals, and the sums of one record file."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from typing import Any

from llmhub.core.places import PlaceKind
from llmhub.core.totals import BucketKey, Row, Sums, key_of, sums_of
from llmhub.core.turns import Turn, TurnStatus
from llmhub.storage.reading import Identity, Reading
from llmhub.storage.records import SCHEMA

TURN, CORRECTION = "turn", "correction"
SUM_FIELDS = tuple(Sums.__dataclass_fields__)
_figures = attrgetter(*SUM_FIELDS)
_PLACE_KINDS = {str(kind): kind for kind in PlaceKind}
Rows = dict[BucketKey, Sums]


def row_of(record: dict[str, Any]) -> Row:
    """What one record adds, and to which bucket.

    Raises:
        ValueError: it is not a turn and not a correction, or not a sane one.
    """
    try:
        day = record["day"]
        date.fromisoformat(day)
        match record["kind"]:
            case "turn":
                turn = Turn.from_record(record)
                row = (key_of(turn, day), sums_of(turn))
            case "correction":
                row = (unpack_key(record["bucket"]), Sums(**_known_figures(record["sums"])))
            case other:
                raise ValueError(f"not counted: {other}")
        if set(map(type, _figures(row[1]))) != {int}:
            raise ValueError("a figure is no integer")
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"not countable: {error!r}") from error
    return row


def _known_figures(figures: Mapping[str, int]) -> dict[str, int]:
    """Those that this llmhub adds up; a later one may have written more."""
    return {name: figure for name, figure in figures.items() if name in Sums.__dataclass_fields__}


def understood(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of a newer llmhub with words that this one does not know put into words that count the same figures."""
    known = dict(record)
    if known.get("status") not in set(TurnStatus):
        known["status"] = str(TurnStatus.COMPLETE)
    place = known.get("place")
    if isinstance(place, dict) and place.get("kind") not in set(PlaceKind):
        known["place"] = {"kind": str(PlaceKind.PROVIDER), "name": place.get("name")}
    return known


def is_newer(record: Mapping[str, Any]) -> bool:
    """Whether a newer llmhub wrote it."""
    version = record.get("v")
    return isinstance(version, int) and version > SCHEMA


def add_to(rows: Rows, row: Row) -> None:
    """Add one row up."""
    key, sums = row
    before = rows.get(key)
    rows[key] = sums if before is None else before + sums


class FileRows:
    """The sums of one file: never changed once others can see them, and taken out of the cache's text when needed."""

    def __init__(self, rows: Rows | None = None, packed: bytes = b"") -> None:
        self._rows = rows
        self.packed = packed

    @property
    def rows(self) -> Rows:
        """By bucket."""
        if self._rows is None:
            self._rows = unpack_rows(unpacked_text(json.loads(self.packed)["packed"]))
        return self._rows

    def plus(self, row: Row) -> FileRows:
        """These and one more."""
        rows = dict(self.rows)
        add_to(rows, row)
        return FileRows(rows)


@dataclass(frozen=True, slots=True)
class FileCount:
    """How far one record file was counted, and what that came to."""

    name: str
    identity: Identity
    end: int
    guard: int | None
    """The checksum of what precedes `end`; `None` when it was not taken yet."""
    closed: bool
    junk: int
    unsound: int
    newer: int
    strange: int
    """Records that could not be understood at all."""
    months: frozenset[str]
    rows: FileRows

    def plus(self, row: Row, end: int, identity: Identity) -> FileCount:
        """After one more record of our own."""
        return replace(
            self,
            identity=identity,
            end=end,
            guard=None,
            closed=True,
            months=self.months | {row[0].day[:7]},
            rows=self.rows.plus(row),
        )


class Tally:
    """Adds up the records of one file as they are read."""

    def __init__(self, before: FileCount | None = None) -> None:
        self.rows: Rows = dict(before.rows.rows) if before else {}
        self.newer = before.newer if before else 0
        self.strange = before.strange if before else 0
        self.unsound = before.unsound if before else 0

    def restart(self) -> None:
        """Forget all: the file will be read from its beginning."""
        self.rows, self.newer, self.strange, self.unsound = {}, 0, 0, 0

    def take(self, record: dict[str, Any]) -> None:
        """Count one record."""
        newer = is_newer(record)
        self.newer += newer
        try:
            add_to(self.rows, row_of(understood(record) if newer else record))
        except ValueError:
            self.strange += not newer

    def count(self, name: str, reading: Reading) -> FileCount:
        """What was counted."""
        return FileCount(
            name,
            reading.identity,
            reading.end,
            reading.guard,
            reading.closed,
            reading.junk,
            self.unsound + reading.unsound,
            self.newer,
            self.strange,
            frozenset(key.day[:7] for key in self.rows),
            FileRows(self.rows),
        )


class MonthRows:
    """The rows of one month over all files; worked out when it is first called."""

    def __init__(self, month: str, parts: tuple[FileRows, ...]) -> None:
        self.month = month
        self.parts = parts

    def __call__(self) -> tuple[Row, ...]:
        """The rows, in no particular order."""
        if len(self.parts) == 1:
            return tuple(row for row in self.parts[0].rows.items() if row[0].day.startswith(self.month))
        rows: Rows = {}
        for part in self.parts:
            for row in part.rows.items():
                if row[0].day.startswith(self.month):
                    add_to(rows, row)
        return tuple(rows.items())


def pack_rows(rows: Rows) -> dict[str, Any]:
    """As JSON: each day and each key that days have in common stand there once."""
    days = {day: number for number, day in enumerate(sorted({key.day for key in rows}))}
    keys: dict[tuple[str | None, ...], int] = {}
    packed = []
    for key, sums in rows.items():
        _, *rest = pack_key(key)
        number = keys.setdefault(tuple(rest), len(keys))
        packed.append([days[key.day], number, *_figures(sums)])
    return {"days": list(days), "keys": list(keys), "rows": packed}


def packed_text(rows: Rows) -> str:
    """The rows deflated, as text: what every opening reads and checks must stay small, and few months are looked at."""
    text = json.dumps(pack_rows(rows), separators=(",", ":"), allow_nan=False).encode("ascii")
    return b64encode(zlib.compress(text)).decode("ascii")


def unpacked_text(text: str) -> dict[str, Any]:
    """What `packed_text` was given, as JSON. Trusted, like `unpack_rows`."""
    document: dict[str, Any] = json.loads(zlib.decompress(b64decode(text)))
    return document


def unpack_rows(packed: dict[str, Any]) -> Rows:
    """From JSON. Trusted: its checksum was looked at, and it was written by a llmhub with the same sums and places."""
    days = packed["days"]
    keys = [(_PLACE_KINDS[kind], *rest) for kind, *rest in packed["keys"]]
    return {BucketKey(days[day], *keys[key]): Sums(*figures) for day, key, *figures in packed["rows"]}


def pack_key(key: BucketKey) -> list[str | None]:
    """As JSON."""
    return [
        key.day,
        str(key.place_kind),
        key.place_name,
        key.backend_name,
        key.model,
        key.profile_id,
        key.energy_method,
    ]


def unpack_key(packed: list[Any]) -> BucketKey:
    """From JSON.

    Raises:
        ValueError: it is not a bucket.
    """
    try:
        day, kind, name, backend, model, profile, method = packed
        date.fromisoformat(day)
        return BucketKey(day, PlaceKind(kind), str(name), str(backend), str(model), profile, str(method))
    except TypeError as error:
        raise ValueError(f"not a bucket: {error}") from error
