"""Closing or salvaging a file that nobody writes to any more."""

from __future__ import annotations

import logging
from pathlib import Path

from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.faults import Repair, failure
from llmhub.storage.reading import Record, read_on

logger = logging.getLogger(__name__)


def mend(disk: Disk, path: Path, ours: AppendFile | None, *, damaged: bool) -> list[Repair] | None:
    """Put a file right whose owner is gone, or that is `ours`. Nobody waits for a lock.

    With `damaged` a reader found lines in it that are no records; else only its end is unfinished.

    Returns:
        What was repaired; `None` when another process owns it or it cannot be repaired now.
    """
    try:
        file = ours or AppendFile.claim(path, disk, create=False)
        if file is None:
            return None
        try:
            if damaged and not any(repair.kept is not None for repair in file.repairs):
                file.repair()
            repairs = list(file.repairs)
            file.repairs.clear()
        finally:
            if ours is None:
                file.close()
    except OSError as error:
        logger.warning("%s", failure(error, path))
        return None
    return repairs


def read_and_mend(disk: Disk, path: Path, ours: AppendFile | None) -> tuple[list[Record], list[Repair]]:
    """Every record of a small file, and what was repaired if it was damaged or unfinished.

    Raises:
        OSError: the file cannot be read.
    """
    records: list[Record] = []
    reading = read_on(disk, path, records.append, restart=records.clear)
    if reading.closed and not reading.junk:
        return records, []
    repairs = mend(disk, path, ours, damaged=reading.junk > 0)
    if repairs is None:
        return records, []
    records.clear()
    read_on(disk, path, records.append, restart=records.clear)
    return records, repairs
