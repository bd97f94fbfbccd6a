"""A record: finite JSON with an envelope (schema version, kind, own id, moment, local day) and a checksum of itself."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, NoReturn

from llmhub.core.errors import StorageError
from llmhub.core.identity import new_id
from llmhub.core.turns import iso_ms

SCHEMA = 1
"""The version that this llmhub writes. Older ones are read for ever, newer ones as far as they are understood."""
MAX_RECORD_BYTES = 65_536
"""A record with its key and its checksum, as it stands on disk."""
MAX_INTEGER = 2**63 - 1
MAX_DEPTH = 32
ENVELOPE = ("v", "kind", "id", "at", "day", "crc")

_CRC_BYTES = len(b',"crc":"00000000"}')
_CRC = re.compile(rb'[,{]"crc":"([0-9a-f]{8})"\}')
_LINE = re.compile(rb',?"([0-9]{1,15})":(\{.*\})\n', re.DOTALL)


class RecordRefusedError(StorageError):
    """What was to be kept is not finite JSON of a sane size; no disk will ever take it."""


def sealed(kind: str, facts: Mapping[str, Any], *, now: datetime, record_id: str = "") -> dict[str, Any]:
    """`facts` in an envelope. A fact that bears the name of a part of the envelope gives way to it.

    `now` is the moment of commit, aware and in local time: its calendar day is the record's day.
    """
    envelope: dict[str, Any] = {
        "v": SCHEMA,
        "kind": kind,
        "id": record_id or new_id(),
        "at": iso_ms(now),
        "day": now.date().isoformat(),
    }
    return envelope | {key: value for key, value in facts.items() if key not in ENVELOPE}


def facts_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without its envelope, but with its id."""
    return {key: value for key, value in record.items() if key not in ENVELOPE or key == "id"}


def encode(document: Mapping[str, Any], *, limit: int = MAX_RECORD_BYTES) -> bytes:
    """`document` as one line of strict, finite, ASCII JSON that ends with its checksum.

    Raises:
        RecordRefusedError: it is not finite JSON (NaN, infinities, other types, integers beyond 64 bits, nesting
            beyond `MAX_DEPTH`), or longer than `limit` bytes. Nothing has been written.
    """
    content = {key: value for key, value in document.items() if key != "crc"}
    if not _is_plain(content, MAX_DEPTH):
        _check(content, "", MAX_DEPTH)
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")
    data = with_checksum(text)
    if len(data) > limit:
        raise _refused(f"it is {len(data):,} bytes long, {limit:,} are allowed")
    return data


def with_checksum(text: bytes) -> bytes:
    """A JSON object with its checksum put in as the last member."""
    comma = b"," if len(text) > 2 else b""
    return b'%s%s"crc":"%08x"}' % (text[:-1], comma, zlib.crc32(text))


def is_sound(document: bytes) -> bool:
    """Whether `document` ends with the checksum of what precedes it."""
    ending = _CRC.fullmatch(document, max(0, len(document) - _CRC_BYTES))
    if ending is None:
        return False
    covered = document[:-_CRC_BYTES] or b"{"  # a document without a member has no comma before its checksum
    return zlib.crc32(b"}", zlib.crc32(covered)) == int(ending[1], 16)


def decode(document: bytes) -> dict[str, Any] | None:
    """The JSON object in `document`; `None` when it is not one, or not finite."""
    try:
        value = _DECODER.decode(document.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a record file that looks like a record."""

    doc_id: int
    document: bytes
    sound: bool
    """Whether the checksum fits."""


def parse_line(line: bytes) -> Line | None:
    """The record in a line with its newline; `None` when the line is something else."""
    match = _LINE.fullmatch(line)
    return Line(int(match[1]), match[2], is_sound(match[2])) if match else None


def _is_plain(value: Any, depth: int) -> bool:
    """Whether `_check` will have nothing to say; four times as fast, because it does not keep track of where it is."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is float:
        return isfinite(value)
    if kind is dict:
        return depth > 0 and all(type(key) is str and _is_plain(item, depth - 1) for key, item in value.items())
    if kind is list or kind is tuple:
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    return False


def _check(value: Any, where: str, depth: int) -> None:
    match value:
        case None | bool() | str():
            return
        case int():
            if not -MAX_INTEGER <= value <= MAX_INTEGER:
                raise _refused(f"{where} is an integer of {value.bit_length()} bits")
        case float():
            if not isfinite(value):
                raise _refused(f"{where} is {value}")
        case dict() | list() | tuple():
            if depth == 0:
                raise _refused(f"{where} is nested more than {MAX_DEPTH} deep")
            if isinstance(value, dict):
                for key, item in value.items():
                    if not isinstance(key, str):
                        raise _refused(f"{where} has a key that is no text: {key!r}")
                    _check(item, f"{where}.{key}" if where else key, depth - 1)
            else:
                for number, item in enumerate(value):
                    _check(item, f"{where}[{number}]", depth - 1)
        case _:
            raise _refused(f"{where} is a {type(value).__name__}")


def _refused(why: str) -> RecordRefusedError:
    return RecordRefusedError(
        "A record was refused", why, "nothing was written; only finite JSON of a sane size is kept"
    )


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"not finite: {text}")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"not finite: {text}")
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
