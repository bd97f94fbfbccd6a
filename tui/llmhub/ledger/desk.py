"""What the ledger's thread does: booking, settling, counting, and trying again what could not be written.

Nothing here waits, and nothing here starts a thread; `llmhub.ledger.books` does.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from llmhub.core.booked import Booked, LateBill
from llmhub.core.errors import StorageError
from llmhub.core.totals import Sums, Totals, key_of, sums_of
from llmhub.core.turns import Intent, Turn
from llmhub.ledger.correcting import alone
from llmhub.ledger.counting import CORRECTION, TURN, pack_key
from llmhub.ledger.counts import COUNTED, Counts
from llmhub.ledger.history import TURN_FILES, History, corrected
from llmhub.ledger.intents import Intents
from llmhub.ledger.plain import reduced
from llmhub.ledger.small import FAMILIES, SmallKinds, says_the_same
from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.faults import failure
from llmhub.storage.names import month_stem
from llmhub.storage.notices import Notices
from llmhub.storage.owned import OwnedFile
from llmhub.storage.reading import Record, holds
from llmhub.storage.records import ENVELOPE, RecordRefusedError, encode, sealed

logger = logging.getLogger(__name__)
SAVE_EVERY_S = 60.0
SAVE_BYTES = 2_000_000
"""The totals are saved when so much was counted since, or so long ago: no start has more than this to count again."""
KEPT_OPEN = 3
"""Month files whose lock is kept; a clock that jumps about must not use up the descriptors."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A record on its way to disk."""

    stem: str
    record: Record
    turn: Turn | None = None


class Desk:
    """Books turns in one folder. Belongs to one thread, but `totals`, `unsaved` and `problem` may be read by any.

    Args:
        clock: Now, aware, in local time.
        tell: Called when `totals` is another.
    """

    def __init__(
        self, folder: Path, disk: Disk, clock: Callable[[], datetime], tell: Callable[[], None] = lambda: None
    ) -> None:
        self.totals = Totals()
        self.unsaved: tuple[Pending, ...] = ()
        """What could not be written yet, in order."""
        self.problem: StorageError | None = None
        """Why; `None` when all is written."""
        self.notices = Notices()
        self._folder = folder
        self._disk = disk
        self._clock = clock
        self._tell = tell
        self._owned: dict[str, OwnedFile] = {}
        self._counts = Counts(folder, disk, self._owned_file)
        self._intents = Intents(folder, disk)
        self._unwritten: dict[str, tuple[Intent, str]] = {}
        self._backlog: deque[Pending] = deque()
        self._small = SmallKinds(folder, disk, self._owned_file)
        self._saved_at = monotonic()

    # -- opening and closing ------------------------------------------------------------------

    def open(self) -> Totals:
        """Count what is there."""
        self._counts.load()
        self._refresh(changed=True)
        return self.totals

    def recover(self) -> None:
        """Book what dead processes left under way."""
        try:
            self._intents.recover()
        except StorageError as error:
            self.notices.problem(error)
        self._book_left_behind()

    def close(self) -> None:
        """Try once more what is not written, save the totals, give all locks back."""
        self._flush()
        if self._counts.unsaved_bytes:
            self._counts.save()
        self._intents.close()
        for owned in self._owned.values():
            owned.close()

    def poll(self) -> None:
        """What is done about once a second: other processes' turns, and what could not be written."""
        for intent, _ in list(self._unwritten.values()):
            self.begin(intent, self._clock())
        if self._intents.to_look_at:
            self._intents.look_again()
        if self._intents.left_behind:
            self._book_left_behind()
        flushed = self._flush() if self._backlog else False
        self._refresh(flushed)
        if self._counts.unsaved_bytes and (
            self._counts.unsaved_bytes > SAVE_BYTES or monotonic() - self._saved_at > SAVE_EVERY_S
        ):
            self._counts.save()
            self._saved_at = monotonic()

    # -- booking ------------------------------------------------------------------------------

    def begin(self, intent: Intent, now: datetime) -> None:
        """Note that a turn is being sent. What cannot be written is tried again until the turn is booked."""
        stem = month_stem("turns", now.date())
        self._unwritten[intent.id] = (intent, stem)
        try:
            self._intents.begin(intent, stem, now)
        except StorageError as error:
            self._failed(error)
        else:
            del self._unwritten[intent.id]
        if self._intents.left_behind:
            self._book_left_behind()

    def accepted(self, turn_id: str, generation_id: str, now: datetime) -> None:
        """Note the generation id of a turn."""
        if turn_id in self._unwritten:
            intent, stem = self._unwritten[turn_id]
            self._unwritten[turn_id] = (replace(intent, generation_id=generation_id), stem)
            return
        try:
            self._intents.accepted(turn_id, generation_id, now)
        except StorageError as error:
            self._failed(error)

    def book(self, turn: Turn, now: datetime) -> bool:
        """Book a turn and settle its intent; whether it is durable already."""
        self._unwritten.pop(turn.id, None)
        record = sealed(TURN, turn.to_record(), now=now, record_id=turn.id)
        return self._write(Pending(month_stem("turns", now.date()), record, turn))

    def correct(self, booked: Booked, bill: LateBill, now: datetime) -> bool:
        """Book another bill for a turn, as a record that names it and carries signed differences.

        Differences are taken from what stands on disk under a lock that all processes share, so that the same bill is
        counted once however often and by however many it is told. What cannot be written is not kept: the bill can be
        asked for again.

        Returns:
            Whether the turn stands so on disk; false also when another process is at it.
        """
        try:
            with alone(self._folder, self._disk) as mine:
                return mine and self._corrected(booked, bill, now)
        except OSError as error:
            self.notices.problem(failure(error, self._folder))
        except StorageError as error:
            self.notices.problem(error)
        return False

    def _corrected(self, booked: Booked, bill: LateBill, now: datetime) -> bool:
        done = History(self._folder, self._disk).corrections().get(booked.turn.id, [])
        known = corrected(booked, done).turn
        if bill.says_the_same_as(known):
            return True
        before, after = sums_of(known), sums_of(bill.on(known))
        facts = {
            "of": known.id,
            "bucket": pack_key(key_of(known, booked.day)),
            "sums": {f.name: getattr(after, f.name) - getattr(before, f.name) for f in fields(Sums)},
            "billed": asdict(bill.billed),
            "tokens": None if bill.tokens is None else asdict(bill.tokens),
        }
        record = sealed(CORRECTION, facts, now=now)
        encode(record)
        self._put(Pending(month_stem("corrections", now.date()), record))
        self._publish()
        return True

    def keep(self, kind: str, facts: Mapping[str, Any], record_id: str, now: datetime) -> bool:
        """Keep a record of a small kind, unless the newest one with that id says the same.

        Raises:
            StorageError: the facts cannot be kept at all.
            KeyError: there is no such kind.
        """
        family, record = FAMILIES[kind], sealed(kind, facts, now=now, record_id=record_id)
        encode(record)
        known = self._newest(kind).get(record["id"])
        if known is not None and says_the_same(known, record):
            return not self._is_waiting(record["id"])
        return self._write(Pending(family, record))

    def kept(self, kind: str) -> list[Record]:
        """The newest record of each id of a small kind, the last written last."""
        return list(self._newest(kind).values())

    # -- inside -------------------------------------------------------------------------------

    def _write(self, pending: Pending) -> bool:
        self._backlog.append(pending)
        self._flush()
        self._publish()
        return not self._is_waiting(pending.record["id"])

    def _is_waiting(self, record_id: str) -> bool:
        return any(waiting.record["id"] == record_id for waiting in self._backlog)

    def _flush(self) -> bool:
        """Write what is waiting, in order, until something cannot be written; whether anything was."""
        wrote = False
        while self._backlog:
            pending = self._backlog[0]
            try:
                self._put(pending)
            except RecordRefusedError as error:
                # only a turn can get here: everything else is encoded once before it is taken
                assert pending.turn is not None
                logger.warning("turn %s is booked in part: %s", pending.turn.id, error)
                self._backlog[0] = replace(pending, record=_in_part(pending.record, pending.turn))
                continue
            except StorageError as error:
                self._failed(error)
                break
            self._backlog.popleft()
            self.problem = None
            wrote = True
        return wrote

    def _put(self, pending: Pending) -> None:
        now = self._clock()
        if pending.turn is not None:
            self._intents.file_under(pending.turn.id, pending.stem, now)
        owned = self._owned_for(pending.stem)
        appended = owned.append([pending.record])
        # from here on it is durable: nothing may make it seem unsaved and be written again
        repaired = bool(owned.repairs)
        self._tell_repairs()
        if COUNTED.fits(pending.stem):
            self._counts.add(appended, pending.record, repaired=repaired)
        if pending.turn is not None:
            try:
                self._intents.settle(pending.turn.id, now)
            except StorageError as error:
                logger.warning("an intent could not be settled; its turn is booked all the same: %s", error)

    def _book_left_behind(self) -> None:
        now = self._clock()
        waiting = {pending.turn.id for pending in self._backlog if pending.turn}
        for turn_id, left in list(self._intents.left_behind.items()):
            if turn_id in waiting:
                continue
            try:
                booked = any(self._stands_in(stem, turn_id) for stem in left.months)
                if booked:
                    self._intents.settle(turn_id, now)
                else:
                    self.book(left.turn, now)
            except OSError as error:
                self.notices.problem(failure(error, self._folder))
            except StorageError as error:
                self.notices.problem(error)
        self._tell_repairs()

    def _stands_in(self, stem: str, turn_id: str) -> bool:
        return any(
            holds(self._disk, self._folder / name.name, turn_id)
            for name, _ in TURN_FILES.files(self._disk, self._folder)
            if name.stem == stem
        )

    def _owned_for(self, stem: str) -> OwnedFile:
        owned = self._owned.pop(stem, None) or OwnedFile(self._folder, stem, self._disk)
        self._owned[stem] = owned  # the last used is the last
        months = [other for other in self._owned if COUNTED.fits(other)]
        if len(months) > KEPT_OPEN:
            self._owned.pop(months[0]).close()
        return owned

    def _owned_file(self, name: str) -> AppendFile | None:
        for owned in self._owned.values():
            if owned.file is not None and owned.file.path.name == name:
                return owned.file
        return None

    def _newest(self, kind: str) -> dict[str, Record]:
        unsaved = [pending.record for pending in self._backlog]
        try:
            return self._small.newest(kind, unsaved)
        except StorageError as error:
            self.notices.problem(error)
            return {record["id"]: record for record in unsaved if record["kind"] == kind}
        finally:
            self.notices.repairs(self._small.repairs)

    def _refresh(self, changed: bool = False) -> None:
        try:
            changed |= self._counts.refresh(self._publish)
        except OSError as error:
            self.notices.problem(failure(error, self._folder))
        self._tell_repairs()
        for unreadable in self._counts.unreadable.values():
            self.notices.problem(unreadable)
        if changed:
            self._publish()

    def _publish(self) -> None:
        self.unsaved = tuple(self._backlog)
        counted = [pending.record for pending in self.unsaved if COUNTED.fits(pending.stem)]
        turns = sum(1 for pending in self.unsaved if pending.record["kind"] == TURN)
        self.totals = replace(self._counts.totals(counted), unsaved_turns=turns)
        self._tell()

    def _failed(self, error: StorageError) -> None:
        self.problem = error
        self.notices.problem(error)

    def _tell_repairs(self) -> None:
        for owned in self._owned.values():
            self._counts.cut_lines += self.notices.repairs(owned.repairs)
        self.notices.repairs(self._intents.repairs)
        self.notices.repairs(self._counts.repairs)


def _in_part(record: Record, turn: Turn) -> Record:
    """The record of a turn that cannot be kept as it is."""
    return {key: record[key] for key in ENVELOPE if key in record} | reduced(turn)
