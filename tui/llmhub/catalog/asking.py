"""Asking a registry: redirects followed by hand, refusals understood, a busy server waited for a little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from llmhub.catalog.refusals import Asked, delay_s, failed, is_page, nonsense, refused
from llmhub.core.catalog import CatalogError
from llmhub.core.places import is_loopback
from llmhub.net import BrokenError, Client, GarbledError, NetError, Reply, Streamed

READ_S = 15.0
"""The longest time without a byte."""
TRIES = 3
MOST_WAITING_S = 6.0
"""The longest that one question waits for a busy server, all tries together; a longer delay is told instead."""
_MOST_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_REFUSAL_BYTES = 64 * 1024

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Landed:
    """An answer that is no redirect."""

    url: str
    """Where it came from in the end."""
    streamed: Streamed
    linked_size: int | None = None
    """`X-Linked-Size` of a redirect on the way: the length of what it leads to (Hugging Face)."""


@asynccontextmanager
async def landed(client: Client, url: str, headers: Mapping[str, str]) -> AsyncGenerator[Landed, None]:
    """The answer to a GET, wherever it leads; leaving the block closes the connection.

    Every step goes through the transport, which takes any key away that is not of the step's own origin. The same
    headers are sent again, the range with them.

    Raises:
        NetError: no answer, too many redirects, or one that leads where nobody may be led.
    """
    linked_size: int | None = None
    for _ in range(_MOST_REDIRECTS + 1):
        async with client.stream("GET", url, headers=headers, read_s=READ_S) as streamed:
            location = streamed.headers.get("location") if streamed.status in _MOVED else None
            linked = streamed.headers.get("x-linked-size", "")
            if linked.isascii() and linked.isdigit() and len(linked) < 16:
                linked_size = int(linked)
            if not location:
                yield Landed(url, streamed, linked_size)
                return
        url = next_address(url, location)
    raise GarbledError("one redirect follows the other")


class Asker:
    """Asks over one client.

    Args:
        sleep: Waits; tests do not.
    """

    def __init__(self, client: Client, sleep: Sleep = asyncio.sleep) -> None:
        self.client = client
        self._sleep = sleep

    async def whole(self, asked: Asked, url: str, headers: Mapping[str, str], most: int) -> Reply:
        """The whole answer to a GET that succeeded.

        Raises:
            CatalogError: in three parts, whatever went wrong; `RefusalError` when the server said no.
        """

        async def once() -> Reply:
            async with landed(self.client, url, headers) as answer:
                body = await answer.streamed.read(most if answer.streamed.status < 300 else _REFUSAL_BYTES)
                return Reply(answer.streamed.status, answer.streamed.headers, body)

        reply = await self.patiently(asked, once)
        if not 200 <= reply.status < 300:
            raise RefusalError.of(asked, reply)
        if is_page(reply.headers, reply.body):
            raise nonsense(asked, "a web page in place of an answer")
        return reply

    async def patiently(self, asked: Asked, once: Callable[[], Awaitable[Reply]]) -> Reply:
        """Ask until the answer is not "later", at most `TRIES` times; a broken connection is tried again once.

        Raises:
            CatalogError: there is no answer, or it is still "later".
        """
        waited = 0.0
        for number in range(1, TRIES + 1):
            try:
                reply = await once()
            except BrokenError as error:
                if number > 1:
                    raise failed(asked, error) from error
                continue
            except NetError as error:
                raise failed(asked, error) from error
            if reply.status != 429 and reply.status < 500:
                return reply
            told = delay_s(reply.headers)
            delay = 0.5 * 2 ** (number - 1) if told is None else told
            if number == TRIES or waited + delay > MOST_WAITING_S:
                raise RefusalError.of(asked, reply)
            waited += delay
            await self._sleep(delay)
        raise failed(asked, BrokenError("the connection broke again and again"))


class RefusalError(CatalogError):
    """The server said no.

    Attributes:
        status: HTTP status.
        headers: Of the answer; names in any case.
    """

    def __init__(self, happened: str, subject: str, remedy: str, *, is_unknown: bool = False) -> None:
        super().__init__(happened, subject, remedy, is_unknown=is_unknown)
        self.status = 0
        self.headers: Mapping[str, str] = {}

    @classmethod
    def of(cls, asked: Asked, reply: Reply) -> RefusalError:
        """From an answer."""
        meant = refused(asked, reply.status, reply.headers, reply.body)
        made = cls(meant.happened, meant.subject, meant.remedy, is_unknown=meant.is_unknown)
        made.status, made.headers = reply.status, reply.headers
        return made


def next_address(url: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        GarbledError: to no HTTP, from TLS to none, or from elsewhere to this machine, where other programs listen.
    """
    try:
        target = urljoin(url, location)
        before, after = urlsplit(url), urlsplit(target)
        hosts = before.hostname or "", after.hostname or ""
    except ValueError:
        raise GarbledError("it leads to an address that is none") from None
    if after.scheme not in {"http", "https"} or not hosts[1] or after.username is not None:
        raise GarbledError("it leads to an address that is none")
    if before.scheme == "https" and after.scheme == "http":
        raise GarbledError("it leads from TLS to an address without")
    if is_loopback(hosts[1]) and not is_loopback(hosts[0]):
        raise GarbledError("it leads to this machine")
    return target
