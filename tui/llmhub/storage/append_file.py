"""One record file that this process alone may write to."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmhub.core.identity import new_id
from llmhub.storage.disk import Disk, LockState
from llmhub.storage.faults import Repair, failure
from llmhub.storage.layout import CLOSING, HEADER, WINDOW_BYTES, Tail, read_tail, record_line, salvage
from llmhub.storage.reading import Identity, identity_of
from llmhub.storage.records import encode

logger = logging.getLogger(__name__)
_BATCH_BYTES = 1 << 20


class AppendFile:
    """A record file under this process's lock. Not for several threads at once.

    Between any two calls the file is a whole TinyDB document. Made by `claim`.
    """

    def __init__(self, path: Path, disk: Disk, fd: int, *, made_here: bool = False) -> None:
        self.path = path
        self.repairs: list[Repair] = []
        """What `claim` and later calls had to repair; whoever reads it may clear it."""
        self._disk = disk
        self._fd = fd
        self._made_here = made_here
        self._name_is_durable = False
        self._suspect = False
        self._end = 0
        self._last_id = 0
        self._left: Identity | None = None

    @classmethod
    def claim(cls, path: Path, disk: Disk, *, create: bool = True, alone: bool = False) -> AppendFile | None:
        """Open the file, take its lock for as long as it is open, and repair it if its last owner died.

        With `create` a missing file is made. With `alone` the name is one that no other process can have, so the file
        may do without a lock.

        Returns:
            `None` when another process has the lock, or with `create=False` when there is no such file.

        Raises:
            OSError: it cannot be opened or repaired; `errno.EOPNOTSUPP` when locks are not supported here.
        """
        for _ in range(100):
            made_here = False
            try:
                fd = disk.open(path)
            except FileNotFoundError:
                if not create:
                    return None
                try:
                    fd = disk.open(path, create=True)
                except FileExistsError:
                    continue
                made_here = True
            file = cls(path, disk, fd, made_here=made_here)
            try:
                state = disk.lock(fd)
                if state is LockState.UNSUPPORTED and not alone:
                    raise OSError(errno.EOPNOTSUPP, "file locks are not supported here", str(path))
                if state is LockState.TAKEN:
                    disk.close(fd)
                    return None
                if not file._is_named():  # replaced between being opened and being locked
                    disk.close(fd)
                    continue
                disk.make_private(fd)
                file._examine()
            except BaseException:
                file._abandon()
                raise
            return file
        raise OSError(errno.EBUSY, "the file keeps being replaced", str(path))

    @property
    def end(self) -> int:
        """Where the next record's line will begin."""
        return self._end

    @property
    def left(self) -> Identity | None:
        """What the file looked like when we last wrote to it."""
        return self._left

    def append(self, documents: Sequence[Mapping[str, Any]], *, sync: bool = True) -> list[int]:
        """Add records: one write, one sync. When it returns they are durable.

        Without `sync` they are left to the operating system, which a kill does not harm but a power cut does.

        Returns:
            The document ids.

        Raises:
            StorageError: nothing was added; the file is as it was and the call may be repeated.
        """
        encoded = [encode(document) for document in documents]
        try:
            self._ready()
            return self._append(encoded, sync)
        except OSError as error:
            raise failure(error, self.path) from error

    def content(self) -> bytes:
        """The whole file as it stands.

        Raises:
            StorageError: when it cannot be read.
        """
        try:
            return self._disk.read(self._fd, self._disk.stat(self._fd).st_size, 0)
        except OSError as error:
            raise failure(error, self.path) from error

    def rewrite(self, documents: Iterable[tuple[int, bytes]]) -> None:
        """Replace the file at one instant by one with these encoded records, under increasing ids.

        Raises:
            StorageError: the old file is still there, unchanged.
        """
        try:
            self._ready()
            self._rewrite(documents)
        except OSError as error:
            raise failure(error, self.path) from error

    def repair(self) -> None:
        """Read the whole file and salvage it: for when a reader found damage in it.

        Raises:
            OSError: the file is as it was.
        """
        self._salvage()

    def close(self) -> None:
        """Give the lock back. The file is whole; a file without any record that was made here is taken away."""
        self._abandon()

    # -- the end of the file ------------------------------------------------------------------

    def _examine(self) -> None:
        size = self._disk.stat(self._fd).st_size
        offset = max(0, size - WINDOW_BYTES)
        tail = read_tail(self._disk.read(self._fd, size - offset, offset), offset)
        if tail is None:
            self._salvage()
            return
        if not tail.closed:
            self._close_end(tail)
        self._end, self._last_id = tail.end + tail.newline_missing, tail.last_id
        self._remember()

    def _close_end(self, tail: Tail) -> None:
        if tail.lost:
            aside = self._set_aside(tail.lost)
            lines = tail.lost.rstrip(b"\n").count(b"\n") + 1
            self.repairs.append(Repair(self.path, None, lines, len(tail.lost), 0, aside))
        ending = b"" if tail.end == 0 else b"\n" * tail.newline_missing + CLOSING
        self._disk.write(self._fd, ending, tail.end)
        self._disk.truncate(self._fd, tail.end + len(ending))
        self._disk.sync(self._fd)

    def _salvage(self) -> None:
        data = self._disk.read(self._fd, self._disk.stat(self._fd).st_size, 0)
        saved = salvage(data)
        cut = b"\n".join(saved.cut)
        aside = self._set_aside(cut) if cut.strip(b"\0\r\n\t ") else None
        self._rewrite(enumerate(saved.documents, 1))
        self.repairs.append(Repair(self.path, len(saved.documents), len(saved.cut), len(cut), saved.doubled, aside))

    def _set_aside(self, cut: bytes) -> Path:
        number = 1
        while True:
            aside = self.path.with_name(f"{self.path.name}.cut-{number}")
            try:
                fd = self._disk.open(aside, create=True)
            except FileExistsError:
                number += 1
                continue
            try:
                self._disk.write(fd, cut, 0)
                self._disk.sync(fd)
            except OSError:
                with contextlib.suppress(OSError):
                    self._disk.unlink(aside)
                raise
            finally:
                self._disk.close(fd)
            self._disk.sync_folder(self.path.parent)
            return aside

    # -- writing ------------------------------------------------------------------------------

    def _ready(self) -> None:
        """Make sure that the file is still what we left, or put right what is not."""
        if not self._is_named():
            raise OSError(errno.ESTALE, "the file was moved or removed", str(self.path))
        if self._suspect:
            self._restore()
        facts = self._disk.stat(self._fd)
        if identity_of(facts) != self._left or not self._closing_stands(facts.st_size):
            logger.warning("%s was changed by another program", self.path)
            self._examine()
        if not self._name_is_durable:
            self._disk.sync_folder(self.path.parent)
            self._name_is_durable = True

    def _closing_stands(self, size: int) -> bool:
        if size == 0:
            return self._end == 0
        return self._disk.read(self._fd, len(CLOSING) + 1, self._end - 1) == b"\n" + CLOSING

    def _append(self, encoded: Sequence[bytes], sync: bool) -> list[int]:
        ids = list(range(self._last_id + 1, self._last_id + 1 + len(encoded)))
        lines = b"".join(
            record_line(doc_id, document, first=doc_id == 1) for doc_id, document in zip(ids, encoded, strict=True)
        )
        data = (HEADER if self._end == 0 else b"") + lines
        self._suspect = True
        try:
            self._disk.write(self._fd, data + CLOSING, self._end)
            if sync:
                self._disk.sync(self._fd)
        except BaseException:
            # the bytes that were tried may be on the disk or not: put back the end as it was, in this order, because
            # the closing line needs no room of its own while truncating first might give it away
            with contextlib.suppress(OSError):
                self._restore()
            raise
        self._end += len(data)
        self._last_id += len(encoded)
        self._suspect = False
        self._remember()
        return ids

    def _restore(self) -> None:
        ending = CLOSING if self._end else b""
        self._disk.write(self._fd, ending, self._end)
        self._disk.truncate(self._fd, self._end + len(ending))
        self._disk.sync(self._fd)
        self._suspect = False
        self._remember()

    def _rewrite(self, documents: Iterable[tuple[int, bytes]]) -> None:
        disk = self._disk
        self._remove_leftovers()
        new_path = self.path.with_name(f"{self.path.name}.new-{new_id()}")
        fd = disk.open(new_path, create=True)
        try:
            disk.lock(fd)  # before it gets the name, so that nobody can take it in between
            at, last_id, lines = len(HEADER), 0, [HEADER]
            waiting, written = len(HEADER), 0
            for doc_id, document in documents:
                line = record_line(doc_id, document, first=last_id == 0)
                lines.append(line)
                at, last_id, waiting = at + len(line), doc_id, waiting + len(line)
                if waiting > _BATCH_BYTES:
                    disk.write(fd, b"".join(lines), written)
                    written, waiting, lines = written + waiting, 0, []
            disk.write(fd, b"".join([*lines, CLOSING]), written)
            disk.sync(fd)
            if not disk.replaces_open_files:
                disk.close(self._fd)
                disk.close(fd)
                fd = -1
            disk.replace(new_path, self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                if fd >= 0:
                    disk.close(fd)
                disk.unlink(new_path)
            if not disk.replaces_open_files:
                self._fd = disk.open(self.path)
                disk.lock(self._fd)
            raise
        if fd < 0:
            fd = disk.open(self.path)
            disk.lock(fd)
        else:
            disk.close(self._fd)
        self._fd, self._end, self._last_id, self._suspect = fd, at, last_id, False
        self._name_is_durable = False
        self._remember()
        disk.sync_folder(self.path.parent)
        self._name_is_durable = True

    def _remove_leftovers(self) -> None:
        """New files of an owner that died while it rewrote: nobody but the owner of the lock makes them."""
        for name, _ in self._disk.names(self.path.parent):
            if name.startswith(f"{self.path.name}.new-"):
                with contextlib.suppress(OSError):
                    self._disk.unlink(self.path.parent / name)

    def _remember(self) -> None:
        # comes after records became durable, so it may not fail: not knowing makes the next append look again
        try:
            self._left = identity_of(self._disk.stat(self._fd))
        except OSError:
            self._left = None

    def _is_named(self) -> bool:
        named, held = self._disk.stat_path(self.path), self._disk.stat(self._fd)
        return named is not None and (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def _abandon(self) -> None:
        with contextlib.suppress(OSError):
            if self._made_here and self._end == 0 and self._is_named() and self._disk.stat(self._fd).st_size == 0:
                self._disk.unlink(self.path)
        with contextlib.suppress(OSError):
            self._disk.close(self._fd)
