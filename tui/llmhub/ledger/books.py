"""The ledger as the rest of llmhub sees it: everything is queued at once, one thread does it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from llmhub.core.booked import LateBill
from llmhub.core.chat import Usage
from llmhub.core.errors import StorageError
from llmhub.core.totals import Totals
from llmhub.core.turns import BilledFacts, Intent, Turn
from llmhub.ledger.desk import Desk
from llmhub.ledger.history import Booked, History, booked_turn
from llmhub.ledger.listeners import Listener, Listeners
from llmhub.storage.disk import Disk
from llmhub.storage.worker import Receipt, Worker

T = TypeVar("T")
POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Closing:
    """How the ledger was left."""

    unsaved: tuple[Turn, ...]
    """Turns that could not be written; they are lost when the process ends."""
    in_time: bool
    """Whether everything that was queued was tried within the limit."""


def local_now() -> datetime:
    """Now, in the local time zone."""
    return datetime.now().astimezone()


class BookKeeper:
    """Implements `core.ports.Ledger` over a folder. Making one touches nothing; the first call starts its thread.

    Methods that return a `Receipt` queue their work at once, without waiting, from an event loop or any thread; await
    the receipt on a loop, or ask for its `result` elsewhere. Nothing is raised for want of disk, rights or room.

    Args:
        poll_s: Seconds between looks at what other processes wrote; `None` looks only when `poll` is called.
        clock: Now, aware, in local time: its day is the day that a turn is booked on.
    """

    def __init__(
        self,
        folder: Path,
        *,
        disk: Disk | None = None,
        clock: Callable[[], datetime] = local_now,
        poll_s: float | None = POLL_S,
    ) -> None:
        self._folder = folder
        self._disk = disk or Disk()
        self._clock = clock
        self._listeners = Listeners(lambda: self._desk.totals)
        self._desk = Desk(folder, self._disk, clock, self._listeners.tell)
        self._worker = Worker("llmhub-ledger", idle=self._desk.poll, every_s=poll_s, finish=self._desk.close)
        self._ready: Receipt[Totals] | None = None
        self._late: list[Turn] = []

    # -- core.ports.Ledger --------------------------------------------------------------------

    def begin(self, intent: Intent) -> Receipt[None]:
        """Note that a turn is being sent; the receipt comes when that is on disk or was put off."""
        now = self._clock()
        return self._submit(lambda: self._desk.begin(intent, now), None)

    def accepted(self, turn_id: str, generation_id: str) -> Receipt[None]:
        """Note the generation id of a turn that has begun."""
        now = self._clock()
        return self._submit(lambda: self._desk.accepted(turn_id, generation_id, now), None)

    def record(self, turn: Turn) -> Receipt[bool]:
        """Book a turn and settle its intent; the receipt says whether it is durable.

        A turn that is not counts in the totals all the same, is kept, and is tried again at every later turn and poll.
        """
        now = self._clock()
        if self._worker.closed:
            self._late.append(turn)
        return self._submit(lambda: self._desk.book(turn, now), False)

    @property
    def totals(self) -> Totals:
        """Sums over everything known, in memory; replaced as a whole, so it may be kept and read on any thread."""
        return self._desk.totals

    # -- more ---------------------------------------------------------------------------------

    def start(self) -> Receipt[Totals]:
        """Begin to count; the receipt is the first totals. The current month is in `totals` before older ones."""
        if self._ready is None:
            self._ready = self._worker.submit(self._desk.open)
            self._worker.submit(self._desk.recover)
        return self._ready

    def poll(self) -> Receipt[Totals]:
        """Look at what other processes wrote and try again what could not be written, now."""

        def look() -> Totals:
            self._desk.poll()
            return self._desk.totals

        return self._submit(look, self.totals)

    def correct(self, booked: Booked, billed: BilledFacts, tokens: Usage | None = None) -> Receipt[bool]:
        """Book a bill that came late: a new record that names the turn and carries the difference.

        Telling the same bill again, here or in another process, changes nothing. The receipt says whether the turn
        stands so on disk; if not, nothing is kept and it may be told again.

        Args:
            tokens: The counts that were billed, where they were told.
        """
        now, bill = self._clock(), LateBill(billed, tokens)
        return self._submit(lambda: self._desk.correct(booked, bill, now), False)

    async def pending_bills(self) -> list[Booked]:
        """Turns whose bills have not come, those of dead processes included; the first booked first.

        Only months that have any are read, in a thread. Raises `StorageError`.
        """
        await self._submit(lambda: None, None)  # what dead processes left behind is booked by then

        def read() -> list[Booked]:
            months = {key.day[:7] for key, sums in self.totals.buckets if sums.pending_turns > 0}
            return self.history.pending(months)

        return await asyncio.to_thread(read)

    async def late_bills(self) -> dict[str, LateBill]:
        """What is known now of each turn whose bill came late, by turn; read in a thread. Raises `StorageError`."""
        return await asyncio.to_thread(self.history.late_bills)

    def keep(self, kind: str, facts: Mapping[str, Any], record_id: str = "") -> Receipt[bool]:
        """Keep a `profile`, `machine`, `price` or `vote`, unless the newest one with that id says the same.

        The receipt raises `StorageError` for facts that are not finite JSON, and `KeyError` for another kind.
        """
        now = self._clock()
        return self._submit(lambda: self._desk.keep(kind, facts, record_id, now), False)

    def kept(self, kind: str) -> Receipt[list[dict[str, Any]]]:
        """The newest record of each id of such a kind, the last written last; unsaved ones too."""
        return self._submit(lambda: self._desk.kept(kind), [])

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of new totals; see `Listeners`. Subscribed on a loop, it is called on that loop.

        Returns:
            A function that ends it.
        """
        return self._listeners.subscribe(listener)

    def take_notices(self) -> list[StorageError]:
        """What the person should be told and was not yet: damage that was mended, what cannot be written or read."""
        return self._desk.notices.take()

    @property
    def problem(self) -> StorageError | None:
        """Why turns cannot be written at present; `None` when all is well."""
        return self._desk.problem

    @property
    def unsaved(self) -> tuple[Turn, ...]:
        """Turns that are in memory only."""
        return tuple(p.turn for p in self._desk.unsaved if p.turn is not None) + tuple(self._late)

    @property
    def history(self) -> History:
        """What is on disk, for a thread: commands, exports. Turns that could not be written are not in it."""
        return History(self._folder, self._disk)

    def page(
        self, limit: int, *, skip: int = 0, month: str | None = None, keep: Callable[[Booked], bool] | None = None
    ) -> Awaitable[list[Booked]]:
        """Turns for a table, the last booked first, unsaved ones included; read in a thread.

        `month` is `2026-11`; `keep` chooses, and is called in that thread. Raises `StorageError` when awaited.
        """
        every = self.booked(month)

        def read() -> list[Booked]:
            return list(islice((booked for booked in every if keep is None or keep(booked)), skip, skip + limit))

        return asyncio.to_thread(read)

    def booked(self, month: str | None = None) -> Iterator[Booked]:
        """Every turn of a month, or of all, the last booked first, unsaved ones included.

        What is unsaved is noted at once; the iterator reads files and raises `StorageError`: go through it in a thread.
        """
        unsaved = [booked for p in reversed(self._desk.unsaved) if p.turn and (booked := booked_turn(p.record))]
        waiting = (booked for booked in unsaved if month is None or booked.day.startswith(month))
        return chain(waiting, self.history.turns(month))

    def close(self, limit_s: float = 5.0) -> Closing:
        """Do what is queued, try once more what is not written, save the totals, give the locks back.

        Blocks for up to `limit_s` seconds; on an event loop use `aclose`. A turn recorded afterwards stays unsaved.
        """
        in_time = self._worker.close(limit_s)
        return Closing(self.unsaved, in_time)

    async def aclose(self, limit_s: float = 5.0) -> Closing:
        """The same on an event loop."""
        return await asyncio.to_thread(self.close, limit_s)

    def _submit(self, job: Callable[[], T], closed_value: T) -> Receipt[T]:
        if self._worker.closed:
            receipt: Receipt[T] = Receipt()
            receipt.settle(closed_value)
            return receipt
        self.start()
        return self._worker.submit(job)
