"""Conversations on disk: one append-only file for each chat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from llmhub.chats.shelf import Shelf
from llmhub.chats.summaries import CHAT_FILES
from llmhub.core.conversations import Chat, ChatSummary
from llmhub.core.errors import StorageError
from llmhub.storage.disk import Disk
from llmhub.storage.worker import Receipt, Worker

RETRY_S = 1.0


class ChatFiles:
    """Implements `core.ports.ChatStore` over a folder. Making one touches nothing; the first call starts its thread.

    Two llmhubs may have one chat open: the second writes to a numbered file beside the first's, and whoever opens the
    chat reads both as one. An answer that the other one gives is seen when the chat is opened again. A chat that one
    deletes while another writes to it comes back with what is written later.

    Args:
        clock: Now, aware, in local time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        disk: Disk | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        retry_s: float | None = RETRY_S,
    ) -> None:
        self._clock = clock
        self._late = 0
        self._shelf = Shelf(folder, disk or Disk())
        self._worker = Worker("llmhub-chats", idle=self._shelf.retry, every_s=retry_s, finish=self._shelf.close)

    # -- core.ports.ChatStore -----------------------------------------------------------------

    async def list(self) -> Sequence[ChatSummary]:
        """All chats, the last used first. Chats that could not be written yet are missing."""
        return await self._worker.submit(self._shelf.summaries)

    async def open(self, chat_id: str) -> Chat:
        """One chat, whole, with what could not be written yet.

        Raises:
            StorageError: there is no such chat, or it cannot be read.
        """
        return await self._worker.submit(lambda: self._shelf.open(chat_id))

    def save(self, chat_id: str, entries: Sequence[dict[str, object]]) -> Receipt[bool]:
        """Append entries to a chat's file. Queued at once; the receipt says whether they are durable.

        What cannot be written is kept and tried again about once a second.

        Raises:
            ValueError: `chat_id` could not be the name of a file of ours.
        """
        if not CHAT_FILES.fits(chat_id):
            raise ValueError(f"not a chat's id: {chat_id!r}")
        now = self._clock()
        batch = [(dict(entry), now) for entry in entries]
        if self._worker.closed:
            receipt: Receipt[bool] = Receipt()
            receipt.settle(False)
            self._late += len(batch)
            return receipt
        return self._worker.submit(lambda: self._shelf.save(chat_id, batch))

    async def delete(self, chat_id: str) -> None:
        """Remove a chat and what was not written of it.

        Raises:
            StorageError: it cannot be removed.
        """
        await self._worker.submit(lambda: self._shelf.delete(chat_id))

    @property
    def unsaved(self) -> int:
        """Entries that could not be written yet."""
        return self._shelf.unsaved + self._late

    # -- more ---------------------------------------------------------------------------------

    @property
    def problem(self) -> StorageError | None:
        """Why entries cannot be written at present; `None` when all is well."""
        return self._shelf.problem

    def take_notices(self) -> Sequence[StorageError]:
        """What the person should be told and was not yet: damage that was mended, what cannot be written."""
        return self._shelf.notices.take()

    def summaries(self) -> Receipt[Sequence[ChatSummary]]:
        """The same as `list`, for commands."""
        return self._worker.submit(self._shelf.summaries)

    def read(self, chat_id: str) -> Receipt[Chat]:
        """The same as `open`, for commands and exports."""
        return self._worker.submit(lambda: self._shelf.open(chat_id))

    def close(self, limit_s: float = 5.0) -> int:
        """Write what is queued, save the list, give all locks back. Blocks for up to `limit_s` seconds.

        Returns:
            How many entries could not be written; they are lost when the process ends.
        """
        self._worker.close(limit_s)
        return self.unsaved

    async def aclose(self, limit_s: float = 5.0) -> int:
        """The same on an event loop."""
        return await asyncio.to_thread(self.close, limit_s)
