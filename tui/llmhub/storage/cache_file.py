"""Files that can be made again from the records: laid out like them, replaced as a whole, never a reason to fail."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmhub.core.identity import new_id
from llmhub.storage.disk import Disk
from llmhub.storage.layout import CLOSING, HEADER, record_line
from llmhub.storage.records import parse_line, with_checksum


def seal(content: Mapping[str, Any]) -> bytes:
    """A document of a cache; it may be longer than a record."""
    return with_checksum(json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii"))


def read_cache(disk: Disk, path: Path) -> list[bytes]:
    """The documents whose checksum fits; none when the file is missing or cannot be read."""
    try:
        fd = disk.open(path, write=False)
    except OSError:
        return []
    try:
        data = disk.read(fd, disk.stat(fd).st_size, 0)
    except OSError:
        return []
    finally:
        disk.close(fd)
    parsed = (parse_line(line + b"\n") for line in data.split(b"\n"))
    return [line.document for line in parsed if line and line.sound]


def write_cache(disk: Disk, path: Path, documents: Iterable[bytes]) -> None:
    """Put a cache in place at one instant.

    Raises:
        OSError: the old one is still there. No harm done.
    """
    lines = [record_line(number, document, first=number == 1) for number, document in enumerate(documents, 1)]
    for name, _ in disk.names(path.parent):
        if name.startswith(f"{path.name}.new-"):  # of a process that died while it saved
            disk.unlink(path.with_name(name))
    new_path = path.with_name(f"{path.name}.new-{new_id()}")
    fd = disk.open(new_path, create=True)
    try:
        disk.write(fd, b"".join([HEADER, *lines, CLOSING]), 0)
        disk.sync(fd)
    except OSError:
        with contextlib.suppress(OSError):
            disk.unlink(new_path)
        raise
    finally:
        disk.close(fd)
    disk.replace(new_path, path)
