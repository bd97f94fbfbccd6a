"""One streamed request, and word of it when nothing comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

from llmhub.net.client import Client, Streamed

SILENCE_S = 10.0
"""Seconds without a byte after which the person is told, and again after as many more."""
_MOST_WAITING_BYTES = 8 * 1024 * 1024
"""Bytes kept for a reader that does not keep up, before the sender is made to wait."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The headers are there."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came for `seconds`; `started` says whether any of the body had come before."""

    seconds: float
    started: bool


Happening = Opened | Silence | list[bytes]
"""A list holds the pieces of the body that came since the last look, in order."""


async def exchange(
    client: Client,
    method: str,
    url: str,
    *,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    silence_s: float = SILENCE_S,
) -> AsyncGenerator[Happening, None]:
    """What happens with a request, until its body ends. Nothing is ended for being slow.

    A task of its own reads, so that waiting can be told without cutting into a read. One timer serves the whole
    request: a timer or a task for each piece would cost more than reading it (1,000 pieces a second is not rare).

    Closing the generator closes the connection, also while the headers are awaited.

    Raises:
        NetError: after everything that came before was handed over.
    """
    mailbox = _Mailbox(silence_s)
    reader = asyncio.create_task(mailbox.fill(client.stream(method, url, body=body, headers=headers)))
    # a failure that nobody came to hear is no news
    reader.add_done_callback(lambda done: done.cancelled() or done.exception())
    reader.add_done_callback(mailbox.wake)
    try:
        while True:
            while mailbox.items:
                yield mailbox.take()
            if reader.done():
                break
            await mailbox.news()
        reader.result()
    finally:
        mailbox.close()
        reader.cancel()
        await asyncio.wait({reader})


class _Mailbox:
    """Between the task that reads and the one that listens; both on one loop."""

    def __init__(self, silence_s: float) -> None:
        self.items: deque[Happening] = deque()
        self._loop = asyncio.get_running_loop()
        self._silence_s = silence_s
        self._due_s = silence_s
        self._last = self._loop.time()
        self._started = False
        self._waiting_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._timer = self._loop.call_later(silence_s, self._tick)

    async def fill(self, streaming: AbstractAsyncContextManager[Streamed]) -> None:
        """Read until the end of the body."""
        async with streaming as streamed, aclosing(streamed.chunks()) as chunks:
            self._put(Opened(streamed.status, streamed.headers))
            items = self.items
            time = self._loop.time
            async for chunk in chunks:
                self._last = time()
                self._due_s = self._silence_s
                self._started = True
                if items and type(items[-1]) is list:
                    items[-1].append(chunk)
                else:
                    items.append([chunk])
                if self._waiter is not None:
                    self.wake()
                self._waiting_bytes += len(chunk)
                if self._waiting_bytes > _MOST_WAITING_BYTES:
                    self._room.clear()
                    await self._room.wait()

    def take(self) -> Happening:
        """The oldest item."""
        item = self.items.popleft()
        if type(item) is list:
            self._waiting_bytes -= sum(map(len, item))
            self._room.set()
        return item

    async def news(self) -> None:
        """Wait until there is an item, or the reader has ended."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def wake(self, _ended: object = None) -> None:
        """Let the one who waits look."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def close(self) -> None:
        """Stop the timer, and let a reader that waits for room end."""
        self._timer.cancel()

    def _put(self, item: Happening) -> None:
        self._last = self._loop.time()
        self._due_s = self._silence_s
        self.items.append(item)
        self.wake()

    def _tick(self) -> None:
        """Look whether it has been silent; the next look is when it could next have been."""
        now = self._loop.time()
        silent = now - self._last
        if silent >= self._due_s:
            self.items.append(Silence(silent, self._started))
            self.wake()
            self._due_s = (silent // self._silence_s + 1) * self._silence_s
        self._timer = self._loop.call_at(self._last + self._due_s, self._tick)
