"""The turns of a month, page by page: never more than was scrolled to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmhub.core.booked import Booked
from llmhub.core.turns import Turn
from llmhub.ui.costs.words import STATUS

if TYPE_CHECKING:
    from llmhub.core.ports import Ledger

PAGE = 200


class _Abandoned(Exception):  # noqa: N818 - nothing has gone wrong
    """Nobody waits for this page any more."""


def matches(turn: Turn, query: str) -> bool:
    """Whether every word of `query` stands somewhere in the model, the place or the status of a turn."""
    place = turn.place
    told = (
        *(turn.model, turn.served_model or "", turn.provider or "", place.words, turn.context.backend_name),
        *(str(turn.status), STATUS[turn.status], "local" if place.is_local else "cloud", turn.reason or ""),
        "pending" if turn.billed.reconciled == "pending" else "",
    )
    hay = "\n".join(told).casefold()
    return all(word in hay for word in query.casefold().split())


class TurnPages:
    """What has been read so far, the last booked first. One reading at a time: a later one ends an earlier one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._asked = 0
        self._loaded: tuple[str, str] | None = None
        self.rows: tuple[Booked, ...] = ()
        self.complete = False
        """Whether there is nothing more to read."""

    async def load(self, month: str, query: str) -> bool:
        """Read the first page; what was read of the same turns before stays below it.

        Returns:
            Whether it was read: another reading may have taken its place.

        Raises:
            StorageError: it cannot be read.
        """
        found = await self._read(month, query, 0)
        if found is None:
            return False
        ids = {booked.turn.id for booked in found}
        same = self._loaded == (month, query) and any(booked.turn.id in ids for booked in self.rows)
        older = tuple(booked for booked in self.rows if booked.turn.id not in ids) if same else ()
        if len(found) < PAGE:
            self.complete, older = True, ()
        elif not same:
            self.complete = False
        self.rows, self._loaded = (*found, *older), (month, query)
        return True

    async def more(self) -> bool:
        """Read the next page; whether there was one.

        Raises:
            StorageError: it cannot be read.
        """
        if self.complete or self._loaded is None:
            return False
        found = await self._read(*self._loaded, len(self.rows))
        if found is None:
            return False
        # turns that came meanwhile push old ones over the edge of the page: those are known
        known = {booked.turn.id for booked in self.rows}
        self.complete = len(found) < PAGE
        self.rows += tuple(booked for booked in found if booked.turn.id not in known)
        return True

    def leave(self) -> None:
        """End what is being read."""
        self._asked += 1

    async def _read(self, month: str, query: str, skip: int) -> list[Booked] | None:
        self._asked += 1
        asked = self._asked

        def keep(booked: Booked) -> bool:
            if asked != self._asked:
                raise _Abandoned
            return not query or matches(booked.turn, query)

        try:
            found = await self._ledger.page(PAGE, skip=skip, month=month, keep=keep)
        except _Abandoned:
            return None
        return found if asked == self._asked else None
