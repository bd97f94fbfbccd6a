"""What the chats' thread does: writing in order, reading, listing, and trying again what could not be written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic

from llmhub.chats.entries import Entry, from_records, merged, to_records
from llmhub.chats.summaries import CHAT_FILES, Summaries
from llmhub.core.conversations import Chat, ChatSummary
from llmhub.core.errors import StorageError
from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.faults import failure
from llmhub.storage.mending import read_and_mend
from llmhub.storage.notices import Notices
from llmhub.storage.owned import OwnedFile

KEPT_OPEN = 8
"""Chats whose file stays locked; the one that was written to longest ago is let go."""
SAVE_EVERY_S = 60.0
SAVE_BYTES = 4_000_000


class Shelf:
    """The chats of one folder. Belongs to one thread, but `unsaved` and `problem` may be read by any."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.notices = Notices()
        self.problem: StorageError | None = None
        """Why entries cannot be written at present."""
        self.unsaved = 0
        """Entries that could not be written yet."""
        self._folder = folder
        self._disk = disk
        self._waiting: dict[str, list[tuple[Entry, datetime]]] = {}
        self._owned: dict[str, OwnedFile] = {}
        self._summaries = Summaries(folder, disk, self._owned_file)
        self._saved_at = monotonic()

    def save(self, chat_id: str, batch: list[tuple[Entry, datetime]]) -> bool:
        """Append entries to a chat, behind those that wait already; whether all are durable."""
        self._waiting.setdefault(chat_id, []).extend(batch)
        self._flush(chat_id)
        return chat_id not in self._waiting

    def _flush(self, chat_id: str) -> None:
        """Write all that waits for one chat: one write, one sync, all or nothing."""
        batch = self._waiting[chat_id]
        records = [record for entry, now in batch for record in to_records(entry, now)]
        owned = self._owned_for(chat_id)
        try:
            if records:
                owned.append(records)
        except StorageError as error:
            self.problem = error
            self.notices.problem(error)
        else:
            del self._waiting[chat_id]
            if not self._waiting:
                self.problem = None
        self.notices.repairs(owned.repairs)
        self.unsaved = sum(len(waiting) for waiting in self._waiting.values())

    def summaries(self) -> Sequence[ChatSummary]:
        """All chats, the last used first.

        Raises:
            StorageError: the folder cannot be looked into.
        """
        try:
            rows = self._summaries.all()
        except OSError as error:
            raise failure(error, self._folder) from error
        self.notices.repairs(self._summaries.repairs)
        self._save_list()
        return rows

    def open(self, chat_id: str) -> Chat:
        """One chat, whole, with what waits to be written.

        Raises:
            StorageError: there is no such chat, or it cannot be read.
        """
        paths = self._paths(chat_id)
        waiting = [(str(now), entry) for entry, now in self._waiting.get(chat_id, [])]
        if not paths and not waiting:
            raise StorageError("There is no such chat", chat_id, "choose one from the list: it may have been deleted")
        try:
            files = [self._entries_in(path) for path in paths]
        except OSError as error:
            raise failure(error, self._folder / f"{chat_id}.json") from error
        entries = merged(files) + [entry for _, entry in waiting]
        return Chat.replay(chat_id, entries)

    def delete(self, chat_id: str) -> None:
        """Remove a chat and what waits for it.

        Raises:
            StorageError: it cannot be removed.
        """
        self._waiting.pop(chat_id, None)
        self.unsaved = sum(len(waiting) for waiting in self._waiting.values())
        if (owned := self._owned.pop(chat_id, None)) is not None:
            owned.close()
        try:
            for path in self._paths(chat_id):
                self._disk.unlink(path)
            if self._disk.stat_path(self._folder) is not None:
                self._disk.sync_folder(self._folder)
        except OSError as error:
            raise failure(error, self._folder / f"{chat_id}.json") from error

    def _entries_in(self, path: Path) -> list[tuple[str, Entry]]:
        records, repairs = read_and_mend(self._disk, path, self._owned_file(path.name))
        self.notices.repairs(repairs)
        return list(from_records(records))

    def _paths(self, chat_id: str) -> list[Path]:
        """The files of one chat."""
        try:
            files = CHAT_FILES.files(self._disk, self._folder)
        except OSError as error:
            raise failure(error, self._folder) from error
        return [self._folder / name.name for name, _ in files if name.stem == chat_id]

    def _owned_for(self, chat_id: str) -> OwnedFile:
        owned = self._owned.pop(chat_id, None) or OwnedFile(self._folder, chat_id, self._disk)
        self._owned[chat_id] = owned  # the last used is the last
        if len(self._owned) > KEPT_OPEN:
            self._owned.pop(next(iter(self._owned))).close()
        return owned

    def _owned_file(self, name: str) -> AppendFile | None:
        for owned in self._owned.values():
            if owned.file is not None and owned.file.path.name == name:
                return owned.file
        return None

    def _save_list(self) -> None:
        unsaved = self._summaries.unsaved_bytes
        if unsaved > SAVE_BYTES or (unsaved and monotonic() - self._saved_at > SAVE_EVERY_S):
            self._summaries.save()
            self._saved_at = monotonic()

    def retry(self) -> None:
        """Try again what could not be written."""
        for chat_id in list(self._waiting):
            self._flush(chat_id)
        self._save_list()

    def close(self) -> None:
        """Try once more, save the list, give all locks back."""
        for chat_id in list(self._waiting):
            self._flush(chat_id)
        if self._summaries.unsaved_bytes:
            self._summaries.save()
        for owned in self._owned.values():
            owned.close()
