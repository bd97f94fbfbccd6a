"""Turns that were sent and are not settled yet, in files of their own: what was under way when llmhub died is known.

A file belongs to the process that holds its lock. When the lock is free its owner is dead, and what is open in it was
interrupted; a live process's intents are never taken.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from llmhub.core.errors import StorageError
from llmhub.core.places import PlaceKind
from llmhub.core.turns import BilledFacts, Intent, Turn
from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.faults import Repair, failure
from llmhub.storage.mending import read_and_mend
from llmhub.storage.names import Pattern
from llmhub.storage.owned import OwnedFile
from llmhub.storage.reading import Record
from llmhub.storage.records import facts_of, sealed

logger = logging.getLogger(__name__)
REASON = "llmhub was closed or killed before the answer ended"
FILES = Pattern("intents")
COMPACT_BYTES = 262_144
"""An own file without open intents begins anew when it is longer than this."""


@dataclass(frozen=True, slots=True)
class Open:
    """An intent that stands on disk and is not settled."""

    turn: Turn
    """The turn it becomes when nobody settles it."""
    months: frozenset[str]
    """Stems of the files that its turn may stand in: a kill may have come between the turn and its settling."""


class Intents:
    """The intents of this process, and those that dead ones left behind. Belongs to one thread."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.left_behind: dict[str, Open] = {}
        """Open intents of dead processes, by turn; settle each."""
        self.to_look_at: set[str] = set()
        """Files that could not be read at the start; their names are tried again."""
        self.repairs: list[Repair] = []
        self._folder = folder
        self._disk = disk
        self._own = OwnedFile(folder, "intents", disk)
        self._own_unread = False
        """Our file may hold intents of a dead process that could not be read: it must not begin anew."""
        self._open: dict[str, str] = {}
        """Turns with an open intent of ours on disk, and the stem each was last said to go to."""
        self._theirs: dict[str, AppendFile] = {}
        """The locked file that an intent left behind stands in."""

    def begin(self, intent: Intent, stem: str, now: datetime) -> None:
        """Write that a turn is being sent, and the stem of the file that it will be booked in.

        Raises:
            StorageError: it is not on disk.
        """
        facts = intent.interrupted(REASON).to_record()
        self._append([sealed("intent", facts | {"stem": stem}, now=now, record_id=intent.id)])
        self._open[intent.id] = stem

    def accepted(self, turn_id: str, generation_id: str, now: datetime) -> None:
        """Write the generation id of a turn that has begun.

        Raises:
            StorageError: it is not on disk.
        """
        if turn_id in self._open:
            self._append([sealed("accepted", {"of": turn_id, "generation_id": generation_id}, now=now)])

    def file_under(self, turn_id: str, stem: str, now: datetime) -> None:
        """Write that a turn goes to another month's file than was thought, before it is booked there.

        Raises:
            StorageError: it is not on disk.
        """
        known = self.left_behind.get(turn_id)
        note = sealed("filed", {"of": turn_id, "stem": stem}, now=now)
        if known is not None and stem not in known.months:
            self._theirs[turn_id].append([note])
            self.left_behind[turn_id] = replace(known, months=known.months | {stem})
        elif self._open.get(turn_id, stem) != stem:
            self._append([note])
            self._open[turn_id] = stem

    def settle(self, turn_id: str, now: datetime) -> None:
        """Write that a turn is booked. Not synced: the booked turn itself says so too.

        Raises:
            StorageError: it is not on disk.
        """
        note = sealed("settled", {"of": turn_id}, now=now)
        if turn_id in self.left_behind:
            theirs = self._theirs.pop(turn_id)
            del self.left_behind[turn_id]
            if theirs is self._own.file or theirs in self._theirs.values():
                theirs.append([note], sync=False)
                return
            try:
                theirs.rewrite([])
            finally:
                theirs.close()
        elif turn_id in self._open:
            del self._open[turn_id]
            self._own.append([note], sync=False)
            file = self._own.file
            idle = not self._open and not self._theirs and not self._own_unread
            if idle and file is not None and file.end > COMPACT_BYTES:
                file.rewrite([])

    def recover(self) -> None:
        """Find what dead processes left open, and keep their files locked until it is settled.

        Raises:
            StorageError: the folder cannot be looked into.
        """
        try:
            names = [name.name for name, _ in FILES.files(self._disk, self._folder)]
        except OSError as error:
            raise failure(error, self._folder) from error
        self.to_look_at = set(names)
        self.look_again()

    def look_again(self) -> None:
        """Try those files that could not be read."""
        for name in sorted(self.to_look_at):
            file: AppendFile | None = None
            try:
                file = AppendFile.claim(self._folder / name, self._disk, create=False)
                if file is not None:
                    self._adopt(file)
            except OSError as error:
                logger.warning("%s", failure(error, self._folder / name))
                if file is not None:
                    file.close()
            else:
                self.to_look_at.discard(name)

    def close(self) -> None:
        """Give all locks back. What is still open stays so, and is found at the next start."""
        self._own.close()
        for file in set(self._theirs.values()):
            file.close()
        self._theirs.clear()

    def _append(self, records: list[Mapping[str, Any]]) -> None:
        had = self._own.file
        self._own.append(records)
        self.repairs += self._own.repairs
        self._own.repairs.clear()
        if had is None and (file := self._own.file) is not None:
            # the file that was free may have become so a moment ago, by the death of its owner
            skip = {str(record["id"]) for record in records}
            try:
                self._note_left_behind(file, skip)
            except OSError as error:
                self._own_unread = True
                logger.warning("%s", failure(error, file.path))

    def _adopt(self, file: AppendFile) -> None:
        self.repairs += file.repairs
        file.repairs.clear()
        if self._note_left_behind(file, set()):
            return
        if file.end > COMPACT_BYTES:
            try:
                file.rewrite([])
            except StorageError as error:
                logger.warning("%s", error)
        file.close()

    def _note_left_behind(self, file: AppendFile, skip: set[str]) -> bool:
        records, repairs = read_and_mend(self._disk, file.path, file)
        self.repairs += repairs
        found = {turn_id: left for turn_id, left in open_intents(records).items() if turn_id not in skip}
        self.left_behind |= found
        self._theirs |= dict.fromkeys(found, file)
        return bool(found)


def open_intents(records: list[Record]) -> dict[str, Open]:
    """What is open in the records of an intents file, by turn."""
    found: dict[str, Open] = {}
    for record in records:
        turn_id = record.get("of")
        known = found.get(turn_id) if isinstance(turn_id, str) else None
        match record.get("kind"):
            case "intent":
                facts = facts_of(record)
                stem = str(facts.pop("stem", ""))
                try:
                    found[str(record["id"])] = Open(_interrupted(Turn.from_record(facts)), frozenset({stem}))
                except (KeyError, ValueError) as error:
                    logger.warning("an intent could not be read: %s", error)
            case "accepted" if known is not None:
                turn = replace(known.turn, generation_id=str(record.get("generation_id")))
                found[str(turn_id)] = replace(known, turn=turn)
            case "filed" if known is not None:
                found[str(turn_id)] = replace(known, months=known.months | {str(record.get("stem"))})
            case "settled":
                found.pop(str(turn_id), None)
    return found


def _interrupted(turn: Turn) -> Turn:
    """A provider bills what it made, also when nobody was there to hear it: the amount is asked for later."""
    if turn.place.kind is PlaceKind.PROVIDER:
        return replace(turn, billed=BilledFacts(reconciled="pending"))
    return turn
