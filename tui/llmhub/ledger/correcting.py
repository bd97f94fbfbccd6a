"""One correction at a time over all processes: a late bill is booked once, whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmhub.storage.disk import Disk, LockState

LOCK = "corrections.lock"
"""An empty file; who has its lock may look whether a turn is corrected already, and correct it."""


@contextmanager
def alone(folder: Path, disk: Disk) -> Iterator[bool]:
    """Hold the lock while the block runs; `False` when another process has it just now.

    Where locks are not supported the block runs without one.

    Raises:
        OSError: the folder or the file cannot be made.
    """
    disk.make_folder(folder)
    fd = _opened(folder / LOCK, disk)
    try:
        yield disk.lock(fd) is not LockState.TAKEN
    finally:
        disk.close(fd)


def _opened(path: Path, disk: Disk) -> int:
    for _ in range(100):
        try:
            return disk.open(path)
        except FileNotFoundError:
            try:
                return disk.open(path, create=True)
            except FileExistsError:
                continue
    return disk.open(path)
