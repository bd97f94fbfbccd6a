"""Requests under way to anywhere but loopback: the offline switch ends them where they stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx

from llmhub.net.errors import OfflineError
from llmhub.net.switch import Switch


class Away:
    """What is under way.

    Args:
        switch: Turned to offline, it ends everything that is held here.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._scopes: set[asyncio.Timeout] = set()
        switch.when_offline(self._end)

    @property
    def is_closed(self) -> bool:
        """Whether the switch is on."""
        return self._switch.offline

    @asynccontextmanager
    async def held(self, host: str) -> AsyncGenerator[None, None]:
        """Wait for `host` inside this block; turning the switch ends the wait at once.

        Raises:
            OfflineError: the switch is on, or was turned on meanwhile.
        """
        if self._switch.offline:
            raise OfflineError(host)
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._scopes.add(scope)
                try:
                    yield
                finally:
                    self._scopes.discard(scope)
        except TimeoutError:
            if scope.expired():
                raise OfflineError(host) from None
            raise

    def _end(self) -> None:
        for scope in tuple(self._scopes):
            scope.reschedule(asyncio.get_running_loop().time())


class AwayStream(httpx.AsyncByteStream):
    """A body from elsewhere, piece by piece for as long as the switch allows."""

    def __init__(self, inner: httpx.AsyncByteStream, away: Away, host: str) -> None:
        self._inner = inner
        self._away = away
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces.

        Raises:
            OfflineError: the switch was turned on.
        """
        pieces = aiter(self._inner)
        while True:
            async with self._away.held(self._host):
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            yield piece

    async def aclose(self) -> None:
        """Close the connection, or give it back."""
        await self._inner.aclose()
