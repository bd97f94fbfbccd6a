"""Disks for tests: one that fails once, one that forgets what was not synced, one that only pretends to sync."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from llmhub.storage.disk import Disk, LockState

FALLIBLE = (
    "open",
    "write",
    "sync",
    "truncate",
    "lock",
    "replace",
    "unlink",
    "sync_folder",
    "read",
    "stat",
    "make_folder",
)
"""Every call that can fail, each by its name in `Disk`."""


class CountingDisk(Disk):
    """Counts calls, and does something else instead of the one that a test is after."""

    def __init__(self, instead: Callable[[str, int], None] = lambda _name, _number: None) -> None:
        self.calls: list[str] = []
        self.instead = instead

    def _before(self, name: str) -> None:
        self.calls.append(name)
        self.instead(name, len(self.calls))

    def open(self, path: Path, *, create: bool = False, write: bool = True) -> int:
        self._before("open")
        return super().open(path, create=create, write=write)

    def read(self, fd: int, size: int, at: int) -> bytes:
        self._before("read")
        return super().read(fd, size, at)

    def write(self, fd: int, data: bytes, at: int) -> None:
        self._before("write")
        super().write(fd, data, at)

    def sync(self, fd: int) -> None:
        self._before("sync")
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        self._before("truncate")
        super().truncate(fd, size)

    def lock(self, fd: int) -> LockState:
        self._before("lock")
        return super().lock(fd)

    def stat(self, fd: int) -> os.stat_result:
        self._before("stat")
        return super().stat(fd)

    def replace(self, source: Path, target: Path) -> None:
        self._before("replace")
        super().replace(source, target)

    def unlink(self, path: Path) -> None:
        self._before("unlink")
        super().unlink(path)

    def sync_folder(self, folder: Path) -> None:
        self._before("sync_folder")
        super().sync_folder(folder)

    def make_folder(self, folder: Path) -> None:
        self._before("make_folder")
        super().make_folder(folder)


class FailingDisk(CountingDisk):
    """Fails one call, once: the `at`-th of all. A write that fails has written half of its bytes."""

    def __init__(self, at: int, error: int = errno.EIO) -> None:
        super().__init__(self._fail)
        self.at = at
        self.error = error
        self.failed: str | None = None
        self._half: tuple[int, bytes, int] | None = None

    def write(self, fd: int, data: bytes, at: int) -> None:
        self._half = (fd, data, at)
        super().write(fd, data, at)

    def _fail(self, name: str, number: int) -> None:
        if number != self.at:
            return
        self.failed = name
        if name == "write" and self._half:
            fd, data, at = self._half
            os.pwrite(fd, data[: len(data) // 2], at)
        raise OSError(self.error, os.strerror(self.error))


class PowerCutError(BaseException):
    """The machine has no power any more. No handler may keep it from dying."""


class ForgetfulDisk(CountingDisk):
    """A disk whose power is cut at its `cut_at`-th call; `after_the_cut` is what a restart finds.

    Bytes are safe once their file was synced, names once their folder was. Whatever came later is there in whole, in
    part, as zeros, or not at all, each by chance, and in any order.
    """

    def __init__(self, folder: Path, cut_at: int, *, syncs: bool = True) -> None:
        super().__init__(self._cut)
        self.folder = folder
        self.cut_at = cut_at
        self.syncs = syncs
        self._dead = False
        self._safe: dict[int, bytes] = {}
        self._loose: dict[int, list[tuple[str, int, bytes]]] = {}
        self._safe_names: dict[str, int] = {}

    def write(self, fd: int, data: bytes, at: int) -> None:
        super().write(fd, data, at)
        self._loose.setdefault(os.fstat(fd).st_ino, []).append(("write", at, data))

    def truncate(self, fd: int, size: int) -> None:
        super().truncate(fd, size)
        self._loose.setdefault(os.fstat(fd).st_ino, []).append(("truncate", size, b""))

    def sync(self, fd: int) -> None:
        self._before("sync")
        if self.syncs:
            facts = os.fstat(fd)
            self._safe[facts.st_ino] = os.pread(fd, facts.st_size, 0)
            self._loose.pop(facts.st_ino, None)

    def sync_folder(self, folder: Path) -> None:
        self._before("sync_folder")
        if self.syncs and folder == self.folder:
            self._safe_names = self._names_now()

    def after_the_cut(self, into: Path, random: Random) -> None:
        """Write what is left into the folder `into`."""
        into.mkdir()
        names = dict(self._safe_names)
        for name, inode in self._names_now().items():
            if names.get(name) != inode and random.random() < 0.5:  # a new or replaced name that was not synced
                names[name] = inode
        for name, inode in names.items():
            (into / name).write_bytes(self._left_of(inode, random))

    def _left_of(self, inode: int, random: Random) -> bytes:
        data = bytearray(self._safe.get(inode, b""))
        for kind, at, new in self._loose.get(inode, []):
            fate = random.choice(["whole", "whole", "prefix", "zeros", "nothing"])
            if fate == "nothing":
                continue
            if kind == "truncate":
                del data[at:]
                continue
            part = new[: random.randrange(len(new) + 1)] if fate == "prefix" else new
            part = bytes(len(part)) if fate == "zeros" else part
            data.extend(bytes(max(0, at + len(part) - len(data))))
            data[at : at + len(part)] = part
        return bytes(data)

    def _names_now(self) -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in self.folder.iterdir() if path.is_file()}

    def _cut(self, _name: str, number: int) -> None:
        if self._dead or number == self.cut_at:
            self._dead = True
            raise PowerCutError


def every_call(run: Callable[[Disk], Any]) -> int:
    """How many calls of the disk `run` makes when nothing fails."""
    disk = CountingDisk()
    run(disk)
    return len(disk.calls)
