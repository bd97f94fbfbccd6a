"""Reading record files without a lock, beside a writer: whole records only, forwards or newest first.

A file that is not closed by its closing line has a writer at it, or had one that died: what stands behind its last
whole record is left alone. Only in a closed file is a line that is no record called damage.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmhub.storage.disk import Disk
from llmhub.storage.layout import CLOSING, HEADER, salvage
from llmhub.storage.records import MAX_RECORD_BYTES, decode, parse_line

CHUNK_BYTES = 1 << 20
GUARD_BYTES = 16_384
"""How many bytes before an offset vouch for all that precedes it."""

Identity = tuple[int, int, int, int]
Record = dict[str, Any]


def identity_of(facts: os.stat_result) -> Identity:
    """What changes whenever a file does: inode, size, and both times in nanoseconds."""
    return (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def guard_of(disk: Disk, fd: int, end: int) -> int:
    """The checksum of the last `GUARD_BYTES` before offset `end`."""
    begin = max(0, end - GUARD_BYTES)
    return zlib.crc32(disk.read(fd, end - begin, begin))


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a file was read, and in which state it is."""

    identity: Identity
    end: int
    """Where the next record will begin."""
    guard: int
    """The checksum of the bytes before `end`."""
    closed: bool
    """Whether the closing line stands at `end`; else a writer is at it, or died."""
    junk: int
    """Lines that are no records: the file wants to be salvaged."""
    unsound: int
    """Records whose checksum does not fit. They are given out like any other."""


def read_on(
    disk: Disk,
    path: Path,
    take: Callable[[Record], None],
    *,
    start: int = 0,
    guard: int | None = None,
    restart: Callable[[], None] = lambda: None,
) -> Reading:
    """Give every whole record from offset `start` on to `take`, in order.

    `guard` is the checksum that the bytes before `start` must have. When it does not fit, or the file turns out to be
    damaged, `restart` is called and every record is given out from the first.

    Raises:
        OSError: when the file cannot be read.
    """
    fd = disk.open(path, write=False)
    try:
        facts = disk.stat(fd)
        if start and (start > facts.st_size or guard_of(disk, fd, start) != guard):
            start = 0
            restart()
        pass_ = _Pass(take, start)
        for at, line in _lines(disk, fd, start, facts.st_size):
            pass_.see(at, line, facts.st_size)
        identity = identity_of(facts)
        if not pass_.damaged:
            return Reading(identity, pass_.end, guard_of(disk, fd, pass_.end), pass_.closed, 0, pass_.unsound)
        restart()
        data = disk.read(fd, facts.st_size, 0)
        saved = salvage(data)
        for document in saved.documents:
            if (record := decode(document)) is not None:
                take(record)
        end = len(data) - len(CLOSING) if pass_.closed else len(data)
        return Reading(identity, end, guard_of(disk, fd, end), pass_.closed, len(saved.cut) + saved.doubled or 1, 0)
    finally:
        disk.close(fd)


class _Pass:
    """One way through a file's lines."""

    def __init__(self, take: Callable[[Record], None], start: int) -> None:
        self.end = start
        self.closed = False
        self.unsound = 0
        self._take = take
        self._broken = False
        self._headless = False
        self._held: list[tuple[int, Record]] = []

    def see(self, at: int, line: bytes, size: int) -> None:
        after = at + len(line)
        if at == 0 and line == HEADER:
            self.end = after
            return
        if at == 0 and not HEADER.startswith(line.rstrip(b"\0")):
            self._headless = True
        if line == CLOSING and after == size:
            self.closed = True
            if not self._broken:
                self._flush()
            return
        parsed = None if self._broken else parse_line(line)
        record = decode(parsed.document) if parsed else None
        if parsed is None or record is None:
            self._broken = True
        elif parsed.sound:
            self._flush()
            self._take(record)
            self.end = after
        else:  # it may be unfinished: what stands behind it will tell
            self._held.append((after, record))

    @property
    def damaged(self) -> bool:
        return self._headless or (self.closed and self._broken)

    def _flush(self) -> None:
        for after, record in self._held:
            self._take(record)
            self.unsound += 1
            self.end = after
        self._held.clear()


def newest_first(disk: Disk, path: Path) -> Iterator[Record]:
    """Every record of a file, the last one first. One chunk of the file is in memory at a time.

    Raises:
        OSError: when the file cannot be read.
    """
    fd = disk.open(path, write=False)
    try:
        at, rest = disk.stat(fd).st_size, b""
        while at > 0:
            begin = max(0, at - CHUNK_BYTES)
            first, *lines = (disk.read(fd, at - begin, begin) + rest).split(b"\n")
            yield from _records(reversed(lines))
            at, rest = begin, first
            if len(rest) > 2 * MAX_RECORD_BYTES:  # not one of our lines: let it go rather than gather it
                rest = b""
        yield from _records([rest])
    finally:
        disk.close(fd)


def in_order(disk: Disk, path: Path) -> Iterator[Record]:
    """Every record of a file, the first one first. One chunk of the file is in memory at a time.

    Raises:
        OSError: when the file cannot be read.
    """
    fd = disk.open(path, write=False)
    try:
        yield from _records(line.removesuffix(b"\n") for _, line in _lines(disk, fd, 0, disk.stat(fd).st_size))
    finally:
        disk.close(fd)


def holds(disk: Disk, path: Path, record_id: str) -> bool:
    """Whether a whole record with this id stands in the file. Reads it all, without taking it apart.

    Raises:
        OSError: when the file cannot be read.
    """
    needle = b'"id":"%s"' % record_id.encode("ascii", "replace")
    fd = disk.open(path, write=False)
    try:
        for _, line in _lines(disk, fd, 0, disk.stat(fd).st_size):
            if needle not in line:
                continue
            parsed = parse_line(line)
            record = decode(parsed.document) if parsed else None
            if record is not None and record.get("id") == record_id:
                return True
        return False
    finally:
        disk.close(fd)


def _records(lines: Iterable[bytes]) -> Iterator[Record]:
    for line in lines:
        parsed = parse_line(line + b"\n")
        if parsed and (record := decode(parsed.document)) is not None:
            yield record


def _lines(disk: Disk, fd: int, start: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each line up to `size`; the last one may lack its newline."""
    at, rest = start, b""
    while at < size:
        chunk = disk.read(fd, min(CHUNK_BYTES, size - at), at)
        if not chunk:
            break
        begin = at - len(rest)
        at += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield begin, line + b"\n"
            begin += len(line) + 1
    if rest:
        yield at - len(rest), rest
