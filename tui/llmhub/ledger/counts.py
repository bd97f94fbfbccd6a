"""All record files that are counted, kept up to date: what changed on disk is read on from where it was left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmhub.core.errors import StorageError
from llmhub.core.totals import Buckets, Totals
from llmhub.ledger import cache
from llmhub.ledger.counting import FileCount, FileRows, MonthRows, Tally, row_of
from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.faults import Repair, failure
from llmhub.storage.mending import mend
from llmhub.storage.names import MONTH, Pattern
from llmhub.storage.owned import Appended
from llmhub.storage.reading import Identity, guard_of, identity_of, read_on

logger = logging.getLogger(__name__)
COUNTED = Pattern(rf"(?:turns|corrections)-{MONTH}")


class Counts:
    """Sums per record file, and the totals over all. Belongs to one thread; what `totals` returns belongs to anyone.

    Args:
        owned: The file of that name when this process owns it.
    """

    def __init__(self, folder: Path, disk: Disk, owned: Callable[[str], AppendFile | None]) -> None:
        self.repairs: list[Repair] = []
        self.unreadable: dict[str, StorageError] = {}
        """Record files that could not be read at the last look, by name."""
        self.cut_lines = 0
        """Damaged lines that were cut out and set aside since the start."""
        self.unsaved_bytes = 0
        """Bytes of records that were counted since the cache was last saved."""
        self._folder = folder
        self._disk = disk
        self._owned = owned
        self._files: dict[str, FileCount] = {}
        self._months: dict[str, MonthRows] = {}

    def load(self) -> None:
        """Begin with what the cache says."""
        self._files = cache.load(self._disk, self._folder)

    def save(self) -> None:
        """Save the cache. That it cannot be saved is no error: it is counted again."""
        self.unsaved_bytes = 0
        if not self._files:
            return
        try:
            for name, count in self._files.items():
                if count.guard is None:
                    self._files[name] = replace(count, guard=self._guard(name, count.end))
            cache.save(self._disk, self._folder, self._files.values())
        except OSError as error:
            logger.warning("the totals could not be saved: %s", error)

    def refresh(self, each: Callable[[], None] = lambda: None) -> bool:
        """Look at every record file; read on in those that changed, the newest month first.

        `each` is called after every file that was read, so that a long count can be watched.

        Returns:
            Whether anything changed.

        Raises:
            OSError: the folder is there and cannot be looked into.
        """
        found = {name.name: facts for name, facts in COUNTED.files(self._disk, self._folder)}
        changed = False
        for name in self._files.keys() - found.keys():
            del self._files[name]
            changed = True
        for name in sorted(found, key=lambda name: name.partition("-")[2], reverse=True):
            if self._look(name, identity_of(found[name])):
                changed = True
                each()
        self.unreadable = {name: error for name, error in self.unreadable.items() if name in found}
        return changed

    def add(self, appended: Appended, record: dict[str, Any], *, repaired: bool) -> None:
        """Count a record that was just appended to a file of ours, which may have been repaired before."""
        name = appended.path.name
        before = self._files.get(name)
        if before is None and appended.start == 0:
            before = FileCount(name, appended.left, 0, None, True, 0, 0, 0, 0, frozenset(), FileRows({}))
        try:
            row = None if repaired else row_of(record)
        except ValueError:
            row = None
        if row is None or before is None or before.end != appended.start:
            self._look(name, appended.left)  # there is more in the file, or something else, than we have counted
            return
        self.unsaved_bytes += appended.end - appended.start
        self._files[name] = before.plus(row, appended.end, appended.left)

    def totals(self, unsaved: Iterable[Mapping[str, Any]] = ()) -> Totals:
        """Sums over all files and over records that are in memory only."""
        tally = Tally()
        for record in unsaved:
            tally.take(dict(record))
        parts: dict[str, list[FileRows]] = {}
        for count in self._files.values():
            for month in count.months:
                parts.setdefault(month, []).append(count.rows)
        waiting = FileRows(tally.rows)
        for month in {key.day[:7] for key in tally.rows}:
            parts.setdefault(month, []).append(waiting)
        for month, rows in parts.items():
            known = self._months.get(month)
            if known is None or known.parts != tuple(rows):  # parts have no equality of their own: same objects
                self._months[month] = MonthRows(month, tuple(rows))
        self._months = {month: self._months[month] for month in sorted(parts)}
        files = self._files.values()
        return Totals(
            Buckets(dict(self._months)),
            newer_records=sum(count.newer for count in files),
            damaged_lines=self.cut_lines + sum(count.unsound + count.strange + count.junk for count in files),
        )

    def _look(self, name: str, identity: Identity) -> bool:
        before = self._files.get(name)
        try:
            if before is None or before.identity != identity:
                count = self._read(name, before)
            elif before.closed and not before.junk:
                return False
            else:
                count = before
            if (not count.closed or count.junk) and self._mend(name, damaged=count.junk > 0):
                count = self._read(name, count)
        except OSError as error:
            # it keeps what it was counted as: the rights may come back, and counts never go back
            self.unreadable[name] = failure(error, self._folder / name)
            return False
        self.unreadable.pop(name, None)
        self._files[name] = count
        if count == before:
            return False
        read_from = before.end if before and before.end <= count.end else 0
        self.unsaved_bytes += count.end - read_from
        return True

    def _read(self, name: str, before: FileCount | None) -> FileCount:
        if before is not None and before.guard is None:
            before = None  # written by us a moment ago and changed by another program since
        tally = Tally(before)
        reading = read_on(
            self._disk,
            self._folder / name,
            tally.take,
            start=before.end if before else 0,
            guard=before.guard if before else None,
            restart=tally.restart,
        )
        count = tally.count(name, reading)
        if before is not None and count.rows.rows == before.rows.rows:
            count = replace(count, rows=before.rows, months=before.months)
        return count

    def _mend(self, name: str, *, damaged: bool) -> bool:
        done = mend(self._disk, self._folder / name, self._owned(name), damaged=damaged)
        if done is None:
            return False
        self.repairs += done
        self.cut_lines += sum(repair.cut_lines + repair.doubled for repair in done)
        return True

    def _guard(self, name: str, end: int) -> int:
        fd = self._disk.open(self._folder / name, write=False)
        try:
            return guard_of(self._disk, fd, end)
        finally:
            self._disk.close(fd)
