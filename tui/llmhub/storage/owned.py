"""The file of one stem that this process writes to: claimed at the first append, kept for life."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmhub.core.errors import StorageError
from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.faults import Repair, failure
from llmhub.storage.names import name_of_its_own, names_to_try
from llmhub.storage.reading import Identity

if TYPE_CHECKING:
    from llmhub.storage.tables import AppendTable


UNKNOWN: Identity = (0, 0, 0, 0)
"""No file looks like this: whoever compares finds a difference and reads."""


@dataclass(frozen=True, slots=True)
class Appended:
    """Where records went."""

    path: Path
    start: int
    """Where the first of their lines begins."""
    end: int
    """Where the next record will begin."""
    left: Identity
    """What the file looks like now."""


class OwnedFile:
    """Appends to `stem.json`, or where another process owns that, to the first numbered file that is free.

    Not for several threads at once.
    """

    def __init__(self, folder: Path, stem: str, disk: Disk) -> None:
        self.folder = folder
        self.stem = stem
        self.repairs: list[Repair] = []
        """Repairs that were made while claiming; whoever tells the person about them clears it."""
        self._disk = disk
        self._file: AppendFile | None = None
        self._table: AppendTable | None = None

    @property
    def file(self) -> AppendFile | None:
        """The file, once it is claimed."""
        return self._file

    def append(self, records: Sequence[Mapping[str, Any]], *, sync: bool = True) -> Appended:
        """Append sealed records, all or none; durable when this returns, unless `sync` is off.

        Raises:
            StorageError: nothing was added. The next call tries from the beginning.
        """
        file = self.claim()
        try:
            start = file.end
            if sync:
                assert self._table is not None
                self._table.insert_multiple(records)
            else:
                file.append(records, sync=False)
        except StorageError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in {errno.ESTALE, errno.EBADF}:
                self.close()  # the folder was moved or emptied under us: begin anew
                if error.__cause__.errno == errno.ESTALE:
                    return self.append(records, sync=sync)
            raise
        finally:
            self._gather_repairs()
        return Appended(file.path, start, file.end, file.left or UNKNOWN)

    def claim(self) -> AppendFile:
        """The file that this process owns.

        Raises:
            StorageError: no file can be claimed: no rights, no room, a disk that fails.
        """
        if self._file is None:
            try:
                self._disk.make_folder(self.folder)
            except OSError as error:
                raise failure(error, self.folder) from error
            self._file = self._first_free()
            from llmhub.storage.tables import table_of  # loads tinydb, so only now

            self._table = table_of(self._file)
            self._gather_repairs()
        return self._file

    def close(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
        self._file = self._table = None

    def _first_free(self) -> AppendFile:
        first_error: OSError | None = None
        for name in names_to_try(self.stem):
            path = self.folder / name
            try:
                if (file := AppendFile.claim(path, self._disk)) is not None:
                    return file
            except OSError as error:
                if error.errno == errno.EOPNOTSUPP:
                    return self._without_locks()
                first_error = first_error or error
                # a file that is there and cannot be used is left alone; one that cannot even be made says enough
                if not self._exists(path):
                    raise failure(first_error, path) from first_error
        raise failure(first_error or OSError(errno.EMFILE, "no number is free"), self.folder) from first_error

    def _without_locks(self) -> AppendFile:
        path = self.folder / name_of_its_own(self.stem)
        try:
            file = AppendFile.claim(path, self._disk, alone=True)
        except OSError as error:
            raise failure(error, path) from error
        assert file is not None
        return file

    def _exists(self, path: Path) -> bool:
        try:
            return self._disk.stat_path(path) is not None
        except OSError:
            return False

    def _gather_repairs(self) -> None:
        if self._file is not None:
            self.repairs += self._file.repairs
            self._file.repairs.clear()
