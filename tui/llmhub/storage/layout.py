"""How a record file looks: a TinyDB document, one record per line.

    {"_default":{
    "1":{...,"crc":"0a1b2c3d"}
    ,"2":{...,"crc":"4e5f6071"}
    }}

A record's line never changes once it is written: an append replaces only the closing line. Offsets are bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from llmhub.core.errors import StorageError
from llmhub.storage.records import MAX_RECORD_BYTES, decode, encode, is_sound, parse_line

HEADER = b'{"_default":{\n'
CLOSING = b"}}\n"
TABLE = "_default"
"""TinyDB's own name for the table of a database that names none, so that stock TinyDB finds the records at once."""
WINDOW_BYTES = 2 * MAX_RECORD_BYTES + 4096
"""How much of a file's end is looked at: an unfinished record and the whole one before it always fit."""

_KEY = re.compile(rb'"[0-9]{1,15}":(?=\{)')
_ENDING = re.compile(rb'"crc":"[0-9a-f]{8}"\}')
_STRUCTURE = re.compile(rb'[\s\0,{}]*|\{?\s*"_default"\s*:\s*\{?')


def record_line(doc_id: int, document: bytes, *, first: bool) -> bytes:
    """The line of an encoded record; `first` in its file or not."""
    return b'%s"%d":%s\n' % (b"" if first else b",", doc_id, document)


@dataclass(frozen=True, slots=True)
class Tail:
    """What the end of a file says."""

    end: int
    """Where the closing line is, or belongs."""
    last_id: int
    closed: bool
    lost: bytes = b""
    """What stands behind the last whole record and is neither a record nor the closing line."""
    newline_missing: bool = False
    """The last record is whole but its line is not."""


def read_tail(window: bytes, offset: int) -> Tail | None:
    """Understand the end of a file from its last bytes.

    Args:
        window: The last bytes of the file, `WINDOW_BYTES` or the whole file.
        offset: Where in the file the window begins.

    Returns:
        `None` when no whole record and no header is found in the window: the file must be read from its beginning.
    """
    start = 0 if offset == 0 else window.find(b"\n") + 1
    if offset == 0 and HEADER.startswith(window.rstrip(b"\0")) and not window.startswith(HEADER):
        return Tail(0, 0, closed=not window)  # nothing, or the beginning of a file's first append
    if offset == 0 and not window.startswith(HEADER):
        return None
    if window.endswith(b"\n" + CLOSING):
        body_end = len(window) - len(CLOSING)
        if body_end == len(HEADER) and offset == 0:
            return Tail(body_end, 0, closed=True)
        line = parse_line(window[window.rfind(b"\n", 0, body_end - 1) + 1 : body_end])
        # in a closed file a checksum that does not fit is told by whoever counts, and the record stays
        if line and (line.sound or decode(line.document) is not None):
            return Tail(offset + body_end, line.doc_id, closed=True)
    return _torn(window, offset, start)


def _torn(window: bytes, offset: int, start: int) -> Tail | None:
    end = window.rfind(b"\n") + 1
    rest = window[end:].rstrip(b"\0")
    if rest and (line := parse_line(rest + b"\n")) and line.sound:
        return Tail(offset + end + len(rest), line.doc_id, closed=False, newline_missing=True)
    while end > start:
        begin = window.rfind(b"\n", start, end - 1) + 1 or start
        if offset == 0 and begin == 0:
            break
        line = parse_line(window[begin:end])
        if line and line.sound:
            return Tail(offset + end, line.doc_id, closed=False, lost=_worth_keeping(window[end:]))
        end = begin
    if offset == 0:
        return Tail(len(HEADER), 0, closed=False, lost=_worth_keeping(window[len(HEADER) :]))
    return None


def _worth_keeping(lost: bytes) -> bytes:
    """Nothing, when it is a part of the closing line or zeros; else all of it."""
    bare = lost.rstrip(b"\0")
    return b"" if CLOSING.startswith(bare) else bare


@dataclass(slots=True)
class Salvaged:
    """What a damaged file still holds."""

    documents: list[bytes] = field(default_factory=list)
    """The records, each as it stood."""
    cut: list[bytes] = field(default_factory=list)
    """The lines, or parts of lines, that are no records."""
    doubled: int = 0
    """Records that stood there more than once; the first is kept."""


def salvage(data: bytes) -> Salvaged:
    """Find every record in a damaged file, line by line: one lost brace must not swallow its neighbours."""
    out = Salvaged()
    seen: set[bytes] = set()

    def keep(document: bytes) -> None:
        if document in seen:
            out.doubled += 1
        else:
            seen.add(document)
            out.documents.append(document)

    for raw in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        line = raw.strip(b"\r \t\0")
        if _STRUCTURE.fullmatch(line):
            continue
        parsed = parse_line(line.removesuffix(b",") + b"\n")
        if parsed and (parsed.sound or _is_record(parsed.document)):
            keep(parsed.document)
            continue
        found = list(_records_within(line))
        for document in found:
            keep(document)
        if not found or not _is_whole(line, found):
            out.cut.append(raw)
    if not out.documents and (stock := list(_stock_documents(data))):
        out.documents, out.cut = stock, []
    return out


def _is_record(document: bytes) -> bool:
    value = decode(document)
    return value is not None and {"v", "kind", "id"} <= value.keys()


def _records_within(line: bytes) -> Iterator[bytes]:
    """Sound records that stand in one line with something else: a lost newline, a file written twice."""
    done = 0
    for key in _KEY.finditer(line):
        if key.start() < done:
            continue
        for ending in _ENDING.finditer(line, key.end(), key.end() + MAX_RECORD_BYTES):
            document = line[key.end() : ending.end()]
            if is_sound(document):
                yield document
                done = ending.end()
                break


def _is_whole(line: bytes, found: list[bytes]) -> bool:
    """Whether nothing but structure is left of `line` without the records `found` in it."""
    for document in found:
        line = line.replace(document, b"", 1)
    return bool(_STRUCTURE.fullmatch(re.sub(rb'"[0-9]{1,15}":', b"", line)))


def _stock_documents(data: bytes) -> Iterator[bytes]:
    """The records of a file that stock TinyDB, or a formatter, has written anew as one strict JSON document."""
    value = decode(data)
    table = (value or {}).get(TABLE)
    if isinstance(table, dict):
        for document in table.values():
            if isinstance(document, dict):
                with suppress(StorageError):  # too long or too deep to be a record of ours
                    yield encode(document)
