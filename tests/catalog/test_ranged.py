"""Ranges of a file elsewhere: redirects, expired addresses, proxies that ignore or break ranges."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from llmhub.catalog.asking import Asker, next_address
from llmhub.catalog.ranged import RangedFile
from llmhub.catalog.refusals import Asked
from llmhub.core.catalog import CatalogError
from llmhub.core.cloud import SIMULATED_KEY
from llmhub.net import Authority, GarbledError, Switch, make_client
from support.model_store import Blob, moved
from support.replay import Answer, Replay, Route, replay
from support.replay import Asked as Request

WHO = Asked("tiny:latest", "registry.ollama.ai", "https://ollama.com/library/tiny")
CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)


@asynccontextmanager
async def served(
    routes: Mapping[str, Route],
    *,
    size: int | None = SIZE,
    waits: list[float] | None = None,
    authorities: Callable[[str], list[Authority]] = lambda url: [],
) -> AsyncIterator[tuple[RangedFile, Replay]]:
    """The file at `/file` of a server."""
    slept = waits if waits is not None else []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with replay(routes) as server:
        client = make_client(authorities=authorities(server.url))
        try:
            yield RangedFile(Asker(client, sleep), WHO, f"{server.url}/file", size=size), server
        finally:
            await client.aclose()


async def test_a_part_is_asked_for_and_no_other_is_taken() -> None:
    async with served({"GET /file": Blob(CONTENT)}) as (file, server):
        first, second = await file.read(0, 1000), await file.read(1000, 10**9)

    assert first + second == CONTENT
    assert [asked.headers["range"] for asked in server.asked] == ["bytes=0-999", f"bytes=1000-{SIZE - 1}"]
    assert {asked.headers["accept-encoding"] for asked in server.asked} == {"identity"}


async def test_the_range_goes_along_to_another_host_and_no_key_does() -> None:
    """The registry's own key stays with the registry, and what is kept for later ranges is the store's address."""
    blob = Blob(CONTENT)

    def send_on(asked: Request) -> Answer:
        return moved(f"http://localhost:{asked.headers['host'].rpartition(':')[2]}/store?signed=1")

    def keys(url: str) -> list[Authority]:
        return [Authority(url, lambda: SIMULATED_KEY)]

    async with served({"GET /file": send_on, "GET /store": blob}, authorities=keys) as (file, server):
        assert await file.read(0, 10) + await file.read(10, 20) == CONTENT[:20]

    assert [asked.path for asked in server.asked] == ["/file", "/store?signed=1", "/store?signed=1"]
    assert server.asked[0].headers["authorization"] == f"Bearer {SIMULATED_KEY}"
    assert all("authorization" not in asked.headers for asked in server.asked[1:])
    assert all("cookie" not in asked.headers for asked in server.asked)
    assert blob.ranges == [(0, 9), (10, 19)]


async def test_an_address_that_has_expired_is_asked_for_again() -> None:
    expired = Answer.of({"error": "expired"}, 403)
    blob = Blob(CONTENT)

    async with served(
        {
            "GET /file": [moved("/first"), moved("/second")],
            "GET /first": [blob._answer(None).but(body=CONTENT[:10]), expired],
            "GET /second": blob,
        },
        size=None,
    ) as (file, server):
        file.size = 10
        await file.read(0, 10)
        file.size = SIZE
        assert await file.read(10, 30) == CONTENT[10:30]

    assert [asked.path for asked in server.asked] == ["/file", "/first", "/first", "/file", "/second"]


async def test_an_address_that_is_refused_every_time_is_an_error_and_not_a_loop() -> None:
    async with served({"GET /file": [Blob(CONTENT)._answer(None), moved("/x")], "GET /x": Answer.of({}, 403)}) as (
        file,
        server,
    ):
        await file.read(0, 10)
        with pytest.raises(CatalogError, match="private"):
            await file.read(10, 20)

    assert len(server.asked) == 3


async def test_a_server_that_ignores_ranges_is_read_as_far_as_needed_and_left() -> None:
    endless = CONTENT * 2000

    async with served({"GET /file": Answer(endless, content_type=None, chunked=False)}, size=None) as (file, server):
        first = await file.read(0, 1000)
        second = await file.read(1000, 1500)

    assert first + second == CONTENT[:1500]
    assert (server.connections, server.sent) == (2, 0), "neither answer was taken whole"
    assert file.size == len(endless)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "without saying which"),
        ("bytes 5-14/10240", "in place of 0 to 9"),
        ("bytes 2-9/10240", "in place of 0 to 9"),
        ("bytes 0-9/99", "99 bytes and not 10,240"),
        ("bytes 0-4/10240", "in place of 0 to 9"),
        ("bytes 0-19/10240", "in place of 0 to 9"),
        ("bytes 9-0/10240", "in place of 0 to 9"),
        ("items 0-9/10240", "without saying which"),
        ("bytes */10240", "without saying which"),
        ("bytes 0-9/" + "9" * 400, "without saying which"),
    ],
)
async def test_another_part_than_the_one_asked_for_is_refused(told: str | None, words: str) -> None:
    headers = (("Content-Range", told),) if told else ()
    answer = Answer(CONTENT[:10], 206, None, chunked=False, headers=headers)

    async with served({"GET /file": answer}) as (file, _):
        with pytest.raises(CatalogError, match=words):
            await file.read(0, 10)


async def test_a_part_of_unknown_whole_is_taken() -> None:
    answer = Answer(CONTENT[:10], 206, None, chunked=False, headers=(("Content-Range", "bytes 0-9/*"),))

    async with served({"GET /file": answer}, size=None) as (file, _):
        assert await file.read(0, 10) == CONTENT[:10]
        assert file.size is None


async def test_a_part_that_was_packed_on_the_way_is_refused() -> None:
    headers = (("Content-Range", "bytes 0-9/10240"), ("Content-Encoding", "gzip"))
    answer = Answer(gzip.compress(CONTENT[:10]), 206, None, chunked=False, headers=headers)

    async with served({"GET /file": answer}) as (file, _):
        with pytest.raises(CatalogError, match="packed"):
            await file.read(0, 10)


async def test_a_part_that_is_cut_is_asked_for_again_and_then_an_error() -> None:
    cut = Blob(CONTENT, spoil=lambda answer, _: answer.but(until=5, end="vanish"))
    once = Blob(CONTENT)

    async with served({"GET /file": [cut(_asking(0, 9)), once(_asking(0, 9))]}) as (file, _):
        assert await file.read(0, 10) == CONTENT[:10]
    async with served({"GET /file": cut}) as (file, server):
        with pytest.raises(CatalogError, match="cannot be reached"):
            await file.read(0, 10)

    assert len(server.asked) == 2


async def test_a_busy_server_is_waited_for_as_long_as_it_says() -> None:
    busy = Answer(b"", 429, None, chunked=False, headers=(("Retry-After", "2"),))
    broken = Answer(b"", 503, None, chunked=False)
    waits: list[float] = []

    async with served({"GET /file": [busy, broken, Blob(CONTENT)(_asking(0, 9))]}, waits=waits) as (file, _):
        assert await file.read(0, 10) == CONTENT[:10]

    assert waits == [2.0, 1.0]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ((("Retry-After", "3600"),), "try again in 3,600 s"),
        ((("RateLimit", '"api";r=0;t=55'),), "try again in 55 s"),
        ((("Retry-After", "soon"),), "try again in a minute"),
        ((), "try again in a minute"),
    ],
)
async def test_a_longer_delay_is_told_and_not_waited_for(headers: tuple[tuple[str, str], ...], words: str) -> None:
    waits: list[float] = []

    async with served({"GET /file": Answer(b"", 429, None, chunked=False, headers=headers)}, waits=waits) as (file, _):
        with pytest.raises(CatalogError, match="asked too often") as caught:
            await file.read(0, 10)

    assert words in caught.value.remedy
    assert sum(waits) <= 6


async def test_a_server_that_stays_out_of_order_is_given_up() -> None:
    async with served({"GET /file": Answer(b"", 502, None, chunked=False)}) as (file, server):
        with pytest.raises(CatalogError, match=r"out of order \(502\)"):
            await file.read(0, 10)

    assert len(server.asked) == 3


async def test_a_sign_in_page_is_no_model() -> None:
    page = Answer(b"<!DOCTYPE html><html>Welcome to our wireless", 200, "text/html; charset=utf-8")

    async with served({"GET /file": page}) as (file, _):
        with pytest.raises(CatalogError, match="a web page") as caught:
            await file.read(0, 10)

    assert "proxy" in caught.value.remedy


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/file", "one redirect follows the other"),
        ("ftp://localhost/x", "an address that is none"),
        ("http://[::1/x", "makes no sense"),
        ("http://user:secret@localhost/x", "an address that is none"),
    ],
)
async def test_a_redirect_that_leads_nowhere_is_refused(location: str, words: str) -> None:
    async with served({"GET /file": moved(location)}) as (file, _):
        with pytest.raises(CatalogError, match=words):
            await file.read(0, 10)


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://registry.test/v2/a", "https://store.test/b?c=d", "https://store.test/b?c=d"),
        ("https://registry.test/v2/a", "/b", "https://registry.test/b"),
        ("http://127.0.0.1:5000/a", "http://localhost:5000/b", "http://localhost:5000/b"),
        ("https://registry.test/a", "http://store.test/b", "without"),
        ("https://registry.test/a", "https://127.0.0.1:11434/api/tags", "this machine"),
        ("https://registry.test/a", "https://localhost/b", "this machine"),
        ("https://registry.test/a", "file:///etc/passwd", "none"),
    ],
)
def test_where_a_redirect_may_lead(url: str, location: str, target: str) -> None:
    if "://" in target:
        assert next_address(url, location) == target
    else:
        with pytest.raises(GarbledError, match=target):
            next_address(url, location)


async def test_the_length_is_asked_for_with_one_byte_where_nobody_told_it() -> None:
    blob = Blob(CONTENT)

    async with served({"GET /file": blob}, size=None) as (file, _):
        assert await file.length() == SIZE

    assert blob.ranges == [(0, 0)]


async def test_the_length_on_the_way_to_the_store_is_taken() -> None:
    part = Answer(CONTENT[:1], 206, None, chunked=False, headers=(("Content-Range", "bytes 0-0/*"),))
    routes: dict[str, Route] = {
        "GET /file": moved("/store", 302, X_Linked_Size=str(SIZE)),
        "GET /store": part,
    }

    async with served(routes, size=None) as (file, _):
        assert await file.length() == SIZE


async def test_offline_nothing_is_asked() -> None:
    client = make_client(Switch(offline=True))
    file = RangedFile(Asker(client), WHO, "https://registry.ollama.ai/v2/library/tiny/blobs/sha256:0", size=SIZE)

    with pytest.raises(CatalogError, match="llmhub is offline"):
        await file.read(0, 10)

    await client.aclose()


def _asking(start: int, stop: int) -> Request:
    return Request("GET", "/file", {"range": f"bytes={start}-{stop}"}, b"")
