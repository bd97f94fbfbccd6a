"""Bills that come late: every turn that is pending is asked for again, until the provider knows what it cost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from llmhub.core.booked import Booked
from llmhub.core.chat import Bill, Usage
from llmhub.core.cloud import Generation
from llmhub.core.errors import BackendError, FailureKind, StorageError
from llmhub.core.ports import CloudHost
from llmhub.core.run import billed_facts
from llmhub.core.turns import BilledFacts, Turn

logger = logging.getLogger(__name__)
WAITS_S: tuple[float, ...] = (1, 2, 4, 8, 16)
"""Between two looks at a bill that is not there yet (openrouter-api.md, section 4)."""
AT_ONCE = 4
"""Look-ups under way at one time."""
_OF_THIS_TURN = {FailureKind.PROTOCOL, FailureKind.NOT_FOUND}
"""Failures that say nothing of other turns; any other stops all looking until it is asked for again."""


class Bills(Protocol):
    """The part of the ledger that knows which bills are missing."""

    async def pending_bills(self) -> Sequence[Booked]:
        """Turns whose bills have not come. Raises `StorageError`."""

    def correct(self, booked: Booked, billed: BilledFacts, tokens: Usage | None = None) -> Awaitable[bool]:
        """Book a late bill, once however often it is told; whether the turn stands so on disk."""


@dataclass(slots=True)
class _Round:
    """One call of `run`; halted when the provider cannot be asked at all."""

    halted: bool = False


class Reconciler:
    """Settles pending turns. Call `run` at the start, after a turn ended without a bill, and when the network is back.

    Several calls may overlap: a turn is asked for by one of them. A turn that the provider did not know in all its
    looks stays pending until the next start. Nothing is raised: what cannot be reached now is asked for another time.

    Args:
        sleep: Waits so many seconds.
        estimated: Puts our own arithmetic beside the new bill (`booking.with_estimate` with the prices).
        settled: Called on the loop with each turn as it stands with its bill.
    """

    def __init__(
        self,
        cloud: CloudHost,
        bills: Bills,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        estimated: Callable[[Turn], Turn] = lambda turn: turn,
        settled: Callable[[Turn], None] = lambda _turn: None,
        waits_s: Sequence[float] = WAITS_S,
    ) -> None:
        self._cloud = cloud
        self._bills = bills
        self._sleep = sleep
        self._estimated = estimated
        self._settled = settled
        self._waits_s = tuple(waits_s)
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._asking: set[str] = set()
        self._left: set[str] = set()

    async def run(self) -> None:
        """Ask for every bill that is missing; returns when each has come or was given up for now."""
        if not self._cloud.has_key:
            return
        try:
            pending = await self._bills.pending_bills()
        except StorageError as error:
            logger.warning("pending bills could not be read: %s", error)
            return
        now = _Round()
        await asyncio.gather(*(self._one(booked, now) for booked in pending if self._is_mine(booked.turn)))

    def _is_mine(self, turn: Turn) -> bool:
        """Whether this provider can be asked, and nobody here does already or has given up."""
        asked_for = self._asking | self._left
        return bool(turn.generation_id) and turn.context.backend_name == self._cloud.name and turn.id not in asked_for

    async def _one(self, booked: Booked, now: _Round) -> None:
        turn = booked.turn
        self._asking.add(turn.id)
        try:
            for wait_s in (*self._waits_s, None):
                async with self._gate:
                    if now.halted:
                        return
                    found = await self._cloud.generation(turn.generation_id or "")
                if found is not None and found.total_cost_usd is not None and await self._book(booked, found):
                    return
                if wait_s is not None:
                    await self._sleep(wait_s)
            self._left.add(turn.id)
        except BackendError as error:
            logger.info("the bill of turn %s could not be asked for: %s", turn.id, error)
            if error.kind in _OF_THIS_TURN:
                self._left.add(turn.id)
            else:
                now.halted = True
        finally:
            self._asking.discard(turn.id)

    async def _book(self, booked: Booked, found: Generation) -> bool:
        settled = self._estimated(with_bill(booked.turn, found))
        done = await self._bills.correct(booked, settled.billed, settled.tokens)
        if done:
            self._settled(settled)
        return done


def with_bill(turn: Turn, found: Generation) -> Turn:
    """The turn with what the provider says it was charged, and the counts that were billed."""
    bill = Bill(found.total_cost_usd, found.raw, is_byok=found.is_byok, upstream_usd=found.upstream_usd)
    known = turn.tokens
    counts = (found.prompt_tokens, found.completion_tokens)
    tokens = known
    if counts != (None, None):
        tokens = Usage(
            prompt=known.prompt if found.prompt_tokens is None else found.prompt_tokens,
            completion=known.completion if found.completion_tokens is None else found.completion_tokens,
            reasoning=known.reasoning if found.reasoning_tokens is None else found.reasoning_tokens,
            cached=known.cached if found.cached_tokens is None else found.cached_tokens,
            cache_write=known.cache_write,
            source="provider" if None not in counts else known.source,
        )
    return replace(turn, billed=billed_facts(bill, "generation"), tokens=tokens)
