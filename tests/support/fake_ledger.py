"""A ledger and a chat store in memory, and the services a hub needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from llmhub.core.booked import Booked, LateBill
from llmhub.core.chat import Usage
from llmhub.core.conversations import Chat, ChatSummary
from llmhub.core.errors import StorageError
from llmhub.core.totals import Totals, key_of, sums_of
from llmhub.core.turns import BilledFacts, Intent, Turn


class FakeLedger:
    """Implements `core.ports.Ledger` in memory; `gate` holds every write until it is set."""

    def __init__(self) -> None:
        self.intents: list[Intent] = []
        self.generation_ids: dict[str, str] = {}
        self.turns: list[Turn] = []
        self.durable: list[str] = []
        self.gate: asyncio.Event | None = None
        self.pages: list[tuple[int, int]] = []
        """(limit, skip) of every page that was asked for."""
        self.reading_fails: StorageError | None = None
        self.corrections: list[tuple[str, LateBill]] = []

    async def _written(self, what: str) -> bool:
        if self.gate is not None:
            await self.gate.wait()
        self.durable.append(what)
        return True

    async def _noted(self, what: str) -> None:
        await self._written(what)

    def begin(self, intent: Intent) -> Any:
        self.intents.append(intent)
        return self._noted(f"intent {intent.id}")

    def accepted(self, turn_id: str, generation_id: str) -> Any:
        self.generation_ids[turn_id] = generation_id
        return self._noted(f"accepted {turn_id}")

    def record(self, turn: Turn) -> Any:
        self.turns.append(turn)
        return self._written(f"turn {turn.id}")

    @property
    def totals(self) -> Totals:
        sums: dict[Any, Any] = {}
        for turn in self.turns:
            key = key_of(turn, turn.started_at.date().isoformat())
            sums[key] = sums[key] + sums_of(turn) if key in sums else sums_of(turn)
        return Totals(tuple(sums.items()))

    def page(
        self, limit: int, *, skip: int = 0, month: str | None = None, keep: Callable[[Booked], bool] | None = None
    ) -> Any:
        self.pages.append((limit, skip))
        every = self.booked(month)

        def read() -> list[Booked]:
            if self.reading_fails is not None:
                raise self.reading_fails
            return list(islice((booked for booked in every if keep is None or keep(booked)), skip, skip + limit))

        return asyncio.to_thread(read)

    def booked(self, month: str | None = None) -> Iterator[Booked]:
        found = [Booked(turn, turn.started_at.date().isoformat(), turn.started_at) for turn in reversed(self.turns)]
        return (booked for booked in found if month is None or booked.day.startswith(month))

    async def correct(self, booked: Booked, billed: BilledFacts, tokens: Usage | None = None) -> bool:
        bill = LateBill(billed, tokens)
        self.corrections.append((booked.turn.id, bill))
        self.turns = [bill.on(turn) if turn.id == booked.turn.id else turn for turn in self.turns]
        return True

    async def pending_bills(self) -> list[Booked]:
        return [each for each in self.booked() if each.turn.billed.reconciled == "pending"][::-1]

    async def late_bills(self) -> dict[str, LateBill]:
        return dict(self.corrections)


class FakeChats:
    """Implements `core.ports.ChatStore` in memory."""

    def __init__(self) -> None:
        self.files: dict[str, list[dict[str, Any]]] = {}
        self.unsaved = 0

    async def list(self) -> Sequence[ChatSummary]:
        chats = [Chat.replay(chat_id, entries) for chat_id, entries in self.files.items()]
        rows = [
            ChatSummary(c.id, c.title, c.updated_at, c.turn_count, tuple(lane.model for lane in c.lanes.values()))
            for c in chats
        ]
        return sorted(rows, key=lambda row: row.updated_at, reverse=True)

    async def open(self, chat_id: str) -> Chat:
        return Chat.replay(chat_id, self.files[chat_id])

    def save(self, chat_id: str, entries: Sequence[dict[str, object]]) -> Any:
        self.files.setdefault(chat_id, []).extend(dict(entry) for entry in entries)

        async def saved() -> bool:
            return True

        return saved()

    async def delete(self, chat_id: str) -> None:
        del self.files[chat_id]
