"""What the person is told about record files, once each: damage that was mended, and what cannot be written or read."""

from __future__ import annotations

from collections import deque

from llmhub.core.errors import StorageError
from llmhub.storage.faults import Repair

LIMIT = 50


class Notices:
    """Messages that wait to be shown. Added to by one thread, taken by another."""

    def __init__(self) -> None:
        self._waiting: deque[StorageError] = deque(maxlen=LIMIT)
        self._said: set[str] = set()

    def problem(self, error: StorageError) -> None:
        """Something cannot be written or read: the same words are said once."""
        if str(error) not in self._said:
            self._said.add(str(error))
            self._waiting.append(error)

    def repairs(self, repairs: list[Repair]) -> int:
        """Tell what was mended and clear the list; how many lines were cut out."""
        lines = 0
        for repair in repairs:
            lines += repair.cut_lines + repair.doubled
            if told := _words(repair):
                self._waiting.append(told)
        repairs.clear()
        return lines

    def take(self) -> list[StorageError]:
        """What was not taken yet."""
        taken: list[StorageError] = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        return taken


def _words(repair: Repair) -> StorageError | None:
    where = f"; they are in {repair.aside.name}" if repair.aside else ""
    name = repair.path.name
    if repair.kept is None:
        return StorageError(
            "llmhub died while it wrote, or the disk lost an end",
            f"{name}: {repair.cut_bytes:,} unfinished bytes were cut off{where}",
            "nothing to do: every finished record is there",
        )
    if not repair.cut_lines and not repair.doubled:
        return None
    doubled = f", {repair.doubled:,} stood there twice" if repair.doubled else ""
    return StorageError(
        "A record file was damaged and has been mended",
        f"{name}: {repair.kept:,} records kept, {repair.cut_lines:,} lines were no records{where}{doubled}",
        "look at what was set aside if something is missing",
    )
