"""The time a simulator lives in: the real one, or one that a test moves."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from typing import Protocol

NS = 1_000_000_000


class Clock(Protocol):
    """What a simulator asks of time."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds that only grow."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on this clock."""
        ...


class RealClock:
    """The computer's own time."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that only grow; the same for all processes of a machine."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait; 0 or less only lets others run."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that stands still until `advance`; with `jumps`, a sleep moves it at once.

    Args:
        start_ns: Where the wall clock begins; the default is the moment of the contract examples.
        jumps: Whether a sleep advances the clock by itself, so that nothing ever waits and durations stay true.
    """

    def __init__(self, start_ns: int = 1795165061 * NS, *, jumps: bool = False) -> None:
        self._start_ns = start_ns
        self._now_ns = 0
        self._jumps = jumps
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, as far as this clock was moved."""
        return self._start_ns + self._now_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds since this clock was made."""
        return self._now_ns

    @property
    def sleeping(self) -> int:
        """How many wait for it."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved by `seconds`."""
        span_ns = max(0, math.ceil(seconds * NS))
        if self._jumps:
            self._now_ns += span_ns
            await asyncio.sleep(0)
            return
        if not span_ns:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_ns + span_ns, next(self._order), future))
        await future

    def advance(self, seconds: float) -> None:
        """Move the clock and wake whoever waited for it."""
        self._now_ns += round(seconds * NS)
        while self._sleepers and self._sleepers[0][0] <= self._now_ns:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
