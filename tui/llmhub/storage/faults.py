"""What can go wrong with a record file: errors of the disk in three parts, and what was repaired."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from llmhub.core.errors import StorageError


@dataclass(frozen=True, slots=True)
class Repair:
    """What had to be done to a damaged file before it could be written to again."""

    path: Path
    kept: int | None
    """Records that the file holds now; `None` when only its end was looked at."""
    cut_lines: int
    cut_bytes: int
    doubled: int
    aside: Path | None
    """Where the cut material is; `None` when there was nothing worth keeping."""


def failure(error: OSError, path: Path) -> StorageError:
    """A disk's error in three parts."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return StorageError(
                "The disk is full", str(path), "make room; llmhub keeps what it could not write and tries again"
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StorageError("llmhub may not write here", str(path), "check the rights of the folder and its files")
        case errno.EFBIG:
            return StorageError("A file reached the size limit set for this session", str(path), "raise it (ulimit -f)")
        case _:
            words = os.strerror(error.errno) if error.errno else str(error)
            return StorageError("The disk reported an error", f"{path}: {words}", "check the disk; llmhub tries again")
