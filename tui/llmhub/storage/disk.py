"""The few calls to the operating system that keep records safe, one method each: a test can fail any of them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat as modes
import sys
from enum import Enum
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCK_UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOLCK}
_SYNC_REFUSED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOTTY}
_LOCK_BYTE = 1 << 40
"""On Windows a locked byte cannot be read by others, so the byte that is locked lies far behind any file's end."""


class LockState(Enum):
    """What came of asking for a file's lock."""

    GOT = "got"
    TAKEN = "taken"
    UNSUPPORTED = "unsupported"


class Disk:
    """The real disk. Every method raises `OSError` and nothing else."""

    replaces_open_files = sys.platform != "win32"
    """Whether a file that is open can be replaced by another under the same name."""

    def open(self, path: Path, *, create: bool = False, write: bool = True) -> int:
        """A descriptor; with `create` the file must not exist yet and gets mode 0600."""
        flags = (os.O_RDWR if write else os.O_RDONLY) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        # a pipe or a device under a record file's name must not make llmhub wait
        flags |= getattr(os, "O_NONBLOCK", 0) | (os.O_CREAT | os.O_EXCL if create else 0)
        fd = os.open(path, flags, 0o600)
        if not modes.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return fd

    def close(self, fd: int) -> None:
        """Close `fd`; the kernel frees its lock."""
        os.close(fd)

    def read(self, fd: int, size: int, at: int) -> bytes:
        """Up to `size` bytes from offset `at`; fewer only at the end of the file."""
        parts: list[bytes] = []
        while size > 0:
            part = self._read_once(fd, size, at)
            if not part:
                break
            parts.append(part)
            size -= len(part)
            at += len(part)
        return b"".join(parts)

    def write(self, fd: int, data: bytes, at: int) -> None:
        """All of `data` at offset `at`; a short write is continued."""
        view = memoryview(data)
        while view:
            done = self._write_once(fd, view, at)
            if done == 0:
                raise OSError(errno.EIO, "nothing was written")
            view = view[done:]
            at += done

    def sync(self, fd: int) -> None:
        """Return when the bytes and the length of the file would survive a power cut."""
        if sys.platform == "darwin":
            # fsync on macOS leaves the drive's cache full; some file systems refuse the stronger call
            # (Tarsnap/tarsnap pull 648)
            try:
                fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            except OSError as error:
                if error.errno not in _SYNC_REFUSED:
                    raise
                os.fsync(fd)
        elif hasattr(os, "fdatasync"):
            os.fdatasync(fd)
        else:
            os.fsync(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Make the file `size` bytes long."""
        os.ftruncate(fd, size)

    def lock(self, fd: int) -> LockState:
        """Ask once for the exclusive lock of an open file. The kernel frees it at closing and at death."""
        try:
            if sys.platform == "win32":
                os.lseek(fd, _LOCK_BYTE, os.SEEK_SET)
                msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}:
                return LockState.TAKEN
            if error.errno in _LOCK_UNSUPPORTED:
                return LockState.UNSUPPORTED
            raise
        return LockState.GOT

    def stat(self, fd: int) -> os.stat_result:
        """What the descriptor leads to."""
        return os.fstat(fd)

    def stat_path(self, path: Path) -> os.stat_result | None:
        """What the name leads to, `None` when it leads nowhere."""
        try:
            return path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, folder: Path) -> list[tuple[str, os.stat_result]]:
        """Name and facts of each regular file in `folder`; nothing when there is no such folder."""
        found: list[tuple[str, os.stat_result]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    # a file may go between being listed and being looked at
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_file():
                            # on Windows what a folder says of a file lacks its number
                            facts = Path(entry.path).stat() if sys.platform == "win32" else entry.stat()
                            found.append((entry.name, facts))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return found

    def replace(self, source: Path, target: Path) -> None:
        """Put `source` in the place of `target`, at one instant."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Take the name away; no error when it is gone already."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in `folder` would survive a power cut."""
        if sys.platform == "win32":
            return
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in _SYNC_REFUSED:
                raise
        finally:
            os.close(fd)

    def make_folder(self, folder: Path) -> None:
        """Make `folder` and what leads to it with mode 0700; one that others may enter is closed to them."""
        if folder.is_dir():
            if sys.platform != "win32" and folder.stat().st_mode & 0o077:
                with contextlib.suppress(OSError):
                    folder.chmod(0o700)
            return
        if folder.parent != folder:
            self._make_parents(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        self.sync_folder(folder.parent)

    def make_private(self, fd: int) -> None:
        """Close an open file to everyone but its owner, where that is possible."""
        if sys.platform != "win32" and os.fstat(fd).st_mode & 0o077:
            with contextlib.suppress(OSError):
                os.fchmod(fd, 0o600)

    def _make_parents(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_parents(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            self.sync_folder(folder.parent)

    def _read_once(self, fd: int, size: int, at: int) -> bytes:
        if sys.platform == "win32":
            os.lseek(fd, at, os.SEEK_SET)
            return os.read(fd, size)
        return os.pread(fd, size, at)

    def _write_once(self, fd: int, view: memoryview, at: int) -> int:
        if sys.platform == "win32":
            os.lseek(fd, at, os.SEEK_SET)
            return os.write(fd, view)
        return os.pwrite(fd, view, at)
