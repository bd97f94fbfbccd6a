"""Our files as TinyDB sees them: a storage that can also append, and a table whose inserts do.

Imported only when a file is written to or queried: nothing before the first frame may load tinydb.
Everything that is not an insert is inherited from TinyDB 4.9 and rewrites the file, atomically.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document, Table

from llmhub.core.errors import StorageError
from llmhub.storage.append_file import AppendFile
from llmhub.storage.layout import TABLE
from llmhub.storage.records import decode, encode


class AppendStorage(Storage):
    """A TinyDB storage over a file that this process owns. It holds one table, TinyDB's default one."""

    def __init__(self, file: AppendFile) -> None:
        self._file = file

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The whole document; `None` when nothing was written yet.

        Raises:
            StorageError: when it cannot be read, or is no JSON because another program wrote to it.
        """
        content = self._file.content()
        if not content:
            return None
        value = decode(content)
        if value is None:
            raise StorageError(
                "A record file is damaged", str(self._file.path), "start llmhub again: it salvages the file"
            )
        return value

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Put `data` in the place of all that is there, at one instant.

        Raises:
            StorageError: the file is as it was. Also for a second table.
        """
        for name in data:
            self.check(name)
        documents = sorted((int(doc_id), document) for doc_id, document in data.get(TABLE, {}).items())
        self._file.rewrite((doc_id, encode(document)) for doc_id, document in documents)

    def check(self, table: str) -> None:
        """Refuse every table but the one.

        Raises:
            StorageError: it is another one.
        """
        if table != TABLE:
            raise StorageError("A record file holds one table", str(self._file.path), f"use the table {TABLE}")

    def append(self, documents: list[Mapping[str, Any]], *, sync: bool = True) -> list[int]:
        """Add documents behind the last one; see `AppendFile.append`."""
        return self._file.append(documents, sync=sync)


class AppendTable(Table):
    """A table whose `insert` and `insert_multiple` append; the cost does not depend on how much is there."""

    def insert(self, document: Mapping[str, Any]) -> int:
        """Append one document; it is durable when this returns. See `AppendFile.append` for what is raised."""
        return self.insert_multiple([document])[0]

    def insert_multiple(self, documents: Iterable[Mapping[str, Any]]) -> list[int]:
        """Append documents with one write and one sync: all of them or none."""
        batch = list(documents)
        for document in batch:
            if not isinstance(document, Mapping):
                raise ValueError("Document is not a Mapping")
            if isinstance(document, Document):
                raise ValueError("ids are given by the file: insert a plain mapping")
        storage = self.storage
        assert isinstance(storage, AppendStorage)
        storage.check(self.name)
        ids = storage.append(batch) if batch else []
        self._next_id = None
        return ids


class AppendDB(TinyDB):
    """A TinyDB over a file that this process owns."""

    table_class = AppendTable

    def __init__(self, file: AppendFile) -> None:
        super().__init__(file, storage=AppendStorage)


def table_of(file: AppendFile) -> AppendTable:
    """The one table of a record file."""
    # TinyDB's query cache holds whole results and never notices another process: it stays off
    table = AppendDB(file).table(TABLE, cache_size=0)
    assert isinstance(table, AppendTable)
    return table
