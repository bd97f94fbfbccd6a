"""Reading what was booked, in whichever thread asks: no lock, one chunk of one file per process in memory at a time."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from llmhub.core.booked import Booked, LateBill
from llmhub.core.chat import Usage
from llmhub.core.errors import StorageError
from llmhub.core.turns import BilledFacts, Turn
from llmhub.ledger.counting import is_newer, understood
from llmhub.storage.disk import Disk
from llmhub.storage.faults import failure
from llmhub.storage.names import MONTH, Pattern
from llmhub.storage.reading import Record, in_order, newest_first
from llmhub.storage.records import ENVELOPE

logger = logging.getLogger(__name__)
TURN_FILES = Pattern(rf"turns-{MONTH}")
CORRECTION_FILES = Pattern(rf"corrections-{MONTH}")
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_T = TypeVar("_T")


class History:
    """What is on disk. Every method reads files and raises `StorageError`: call it in a thread.

    A file that cannot be read is left out and logged; the ledger's notices name it.
    """

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self._folder = folder
        self._disk = disk or Disk()

    def months(self) -> list[str]:
        """The months that have turns, `2026-11`, newest first."""
        return sorted({name.removeprefix("turns-") for name, _ in self._files(TURN_FILES)}, reverse=True)

    def turns(self, month: str | None = None, *, oldest_first: bool = False) -> Iterator[Booked]:
        """The turns of a month, or of all, the last booked first."""
        corrections = self.corrections()
        files = self._files(TURN_FILES)
        for each in [month] if month else sorted(self.months(), reverse=not oldest_first):
            streams = [self._booked(path, corrections, oldest_first) for stem, path in files if stem == f"turns-{each}"]
            yield from heapq.merge(*streams, key=lambda booked: booked.at, reverse=not oldest_first)

    def records(self, family: str) -> list[Record]:
        """All records of a small family (`profiles`, `machines`, `prices`, `votes`), the first written first."""
        streams = [self._in_order(path) for _, path in self._files(Pattern(family))]
        return list(heapq.merge(*streams, key=lambda record: str(record.get("at"))))

    def _files(self, pattern: Pattern) -> list[tuple[str, Path]]:
        try:
            return [(name.stem, self._folder / name.name) for name, _ in pattern.files(self._disk, self._folder)]
        except OSError as error:
            raise failure(error, self._folder) from error

    def _in_order(self, path: Path) -> Iterator[Record]:
        try:
            yield from in_order(self._disk, path)
        except OSError as error:
            logger.warning("%s", failure(error, path))

    def corrections(self) -> dict[str, list[Record]]:
        """Corrections by turn, the first written first. There are few: one for each bill that came late."""
        found: dict[str, list[Record]] = {}
        for _, path in self._files(CORRECTION_FILES):
            for record in self._in_order(path):
                found.setdefault(str(record.get("of")), []).append(record)
        for records in found.values():
            records.sort(key=lambda record: str(record.get("at")))  # they may stand in the files of several processes
        return found

    def late_bills(self) -> dict[str, LateBill]:
        """What is known now of each turn whose bill came late, by turn."""
        bills = {}
        for turn_id, records in self.corrections().items():
            for record in reversed(records):
                if (bill := late_bill(record)) is not None:
                    bills[turn_id] = bill
                    break
        return bills

    def pending(self, months: Iterable[str]) -> list[Booked]:
        """The turns of these months whose bills have not come, the first booked first."""
        waiting = (
            booked
            for month in sorted(months)
            for booked in self.turns(month, oldest_first=True)
            if booked.turn.billed.reconciled == "pending"
        )
        return list(waiting)

    def _booked(self, path: Path, corrections: dict[str, list[Record]], oldest_first: bool) -> Iterator[Booked]:
        try:
            for record in (in_order if oldest_first else newest_first)(self._disk, path):
                if record.get("kind") == "turn" and (booked := booked_turn(record)) is not None:
                    yield corrected(booked, corrections.get(booked.turn.id, []))
        except OSError as error:
            logger.warning("%s", failure(error, path))


def booked_turn(record: Record) -> Booked | None:
    """The turn in a record; `None` when it cannot be understood."""
    newer = is_newer(record)
    try:
        known = understood(record) if newer else record
        facts = {key: value for key, value in known.items() if key not in ENVELOPE or key == "id"}
        at = datetime.fromisoformat(record["at"])
        return Booked(Turn.from_record(facts), str(record["day"]), at if at.tzinfo else _NEVER, newer)
    except (KeyError, TypeError, ValueError) as error:
        logger.debug("a record that is no turn: %r", error)
        return None


def corrected(booked: Booked, corrections: list[Record]) -> Booked:
    """`booked` with what later records say about its bill."""
    turn = booked.turn
    for record in corrections:
        if (bill := late_bill(record)) is not None:
            turn = bill.on(turn)
    return booked if turn is booked.turn else replace(booked, turn=turn)


def late_bill(record: Record) -> LateBill | None:
    """What a correction says; `None` when it says nothing of a bill."""
    billed, tokens = record.get("billed"), record.get("tokens")
    if not isinstance(billed, dict):
        return None
    return LateBill(_known(BilledFacts, billed), _known(Usage, tokens) if isinstance(tokens, dict) else None)


def _known(cls: type[_T], values: dict[str, Any]) -> _T:
    names = cls.__dataclass_fields__  # type: ignore[attr-defined]
    return cls(**{key: value for key, value in values.items() if key in names})


__all__ = ["Booked", "History", "StorageError", "booked_turn", "corrected", "late_bill"]
