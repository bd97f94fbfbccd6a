"""The `ollama` package, where it is sound: two plain calls. The rest of it drops fields that llmhub needs.

Importing it takes a quarter of a second (pydantic), so that waits for the first use and happens off the loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from llmhub.net import Client, UnreachableError, translated

if TYPE_CHECKING:
    from ollama import AsyncClient

_TIMEOUTS_S = (5.0, 60.0, 30.0, 5.0)
"""Connect, read, write, pool; the package's own default is to wait for ever."""


class RefusedError(Exception):
    """The daemon answered no; `body` is what it said, whole."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class PackageCalls:
    """`delete` and `copy` through `ollama.AsyncClient`.

    It is given its host, so that it does not read OLLAMA_HOST, and our transport, so that it goes through no proxy,
    obeys the offline switch, and `OLLAMA_API_KEY`, which it sends to any host, is taken off again.

    Raises:
        RefusedError: an error status.
        NetError: anything on the wire.
    """

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url

    async def delete(self, model: str) -> None:
        """DELETE /api/delete."""
        async with self._calls() as package:
            await package.delete(model)

    async def copy(self, model: str, new_name: str) -> None:
        """POST /api/copy."""
        async with self._calls() as package:
            await package.copy(model, new_name)

    @asynccontextmanager
    async def _calls(self) -> AsyncGenerator[AsyncClient, None]:
        make = await asyncio.to_thread(_client_class)
        from ollama import ResponseError

        # its own host parser fails on what ours accepts, so it gets our result
        transport = self._client.transport.borrowed()
        package = make(
            host=self._url, transport=transport, trust_env=False, timeout=_TIMEOUTS_S, follow_redirects=False
        )
        try:
            with translated():
                async with package:
                    yield package
        except ResponseError as error:
            raise RefusedError(error.status_code, error.error) from error
        except ConnectionError as error:
            raise UnreachableError("nothing answers there") from error


def _client_class() -> type[AsyncClient]:
    """Import the package, even where OLLAMA_HOST is one of the values that break its import (`:66000`, `::1`)."""
    try:
        from ollama import AsyncClient
    except ValueError:
        held = os.environ.pop("OLLAMA_HOST", None)
        try:
            from ollama import AsyncClient
        finally:
            if held is not None:
                os.environ["OLLAMA_HOST"] = held
    return AsyncClient
