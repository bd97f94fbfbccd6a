"""An exchange hands on what comes, tells of silence, and lets go of its connection when it is closed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import groupby, pairwise

import pytest

from llmhub.net import BrokenError, Client, Opened, Silence, exchange, make_client
from support.replay import Answer, replay


async def everything(client: Client, url: str, silence_s: float = 10.0) -> list[object]:
    async with aclosing(exchange(client, "POST", url, body={}, silence_s=silence_s)) as happenings:
        return [happening async for happening in happenings]


def body_of(happenings: list[object]) -> bytes:
    return b"".join(chunk for happening in happenings if isinstance(happening, list) for chunk in happening)


async def test_headers_first_then_the_body_whole() -> None:
    client = make_client()

    async with replay({"POST /": Answer(b"one\ntwo\n" * 500, pieces=1)}) as server:
        happenings = await everything(client, f"{server.url}/")

    assert isinstance(happenings[0], Opened)
    assert happenings[0].status == 200
    assert body_of(happenings) == b"one\ntwo\n" * 500
    await client.aclose()


async def test_silence_before_the_headers_is_told_again_and_again() -> None:
    client = make_client()

    async with replay({"POST /": Answer(b"x", before_s=0.6)}) as server:
        happenings = await everything(client, f"{server.url}/", silence_s=0.1)

    silences = [happening for happening in happenings if isinstance(happening, Silence)]
    seconds = [silence.seconds for silence in silences]
    assert len(seconds) >= 2
    assert all(later - earlier > 0.05 for earlier, later in pairwise([0.0, *seconds]))
    assert not any(silence.started for silence in silences)
    assert body_of(happenings) == b"x"
    await client.aclose()


async def test_silence_in_the_middle_counts_from_the_last_byte() -> None:
    client = make_client()

    async with replay({"POST /": Answer(b"one\ntwo\n", between=(4, 0.7))}) as server:
        happenings = await everything(client, f"{server.url}/", silence_s=0.3)

    kinds = [kind for kind, _ in groupby(type(happening).__name__ for happening in happenings)]
    assert kinds == ["Opened", "list", "Silence", "list"]
    silences = [happening for happening in happenings if isinstance(happening, Silence)]
    assert all(silence.started for silence in silences)
    assert silences[0].seconds >= 0.3
    assert silences[-1].seconds < 1
    await client.aclose()


async def test_nothing_is_said_while_bytes_come() -> None:
    client = make_client()

    async with replay({"POST /": Answer(b"x\n" * 2000, pieces=3)}) as server:
        happenings = await everything(client, f"{server.url}/", silence_s=5)

    assert not any(isinstance(happening, Silence) for happening in happenings)
    await client.aclose()


async def test_a_break_is_raised_after_what_came_before_it() -> None:
    client = make_client()
    happenings: list[object] = []

    async def listen(url: str) -> None:
        async with aclosing(exchange(client, "POST", url)) as coming:
            async for happening in coming:
                happenings.append(happening)

    async with replay({"POST /": Answer(b"one\ntwo\n", end="reset")}) as server:
        with pytest.raises(BrokenError):
            await listen(f"{server.url}/")

    assert body_of(happenings) == b"one\ntwo\n"
    await client.aclose()


async def test_closing_in_the_middle_closes_the_connection() -> None:
    client = make_client()

    async with replay({"POST /": Answer(b"one\n", end="hang")}) as server:
        async with aclosing(exchange(client, "POST", f"{server.url}/")) as happenings:
            async for happening in happenings:
                if isinstance(happening, list):
                    break
        await asyncio.wait_for(server.left.wait(), 5)

    await client.aclose()


async def test_cancelling_while_the_headers_are_awaited_closes_the_connection() -> None:
    client = make_client()

    async with replay({"POST /": Answer(b"", before_s=60)}) as server:
        waiting = asyncio.create_task(everything(client, f"{server.url}/"))
        await asyncio.wait_for(server.got.wait(), 5)
        waiting.cancel()
        await asyncio.wait({waiting})

        await asyncio.wait_for(server.left.wait(), 5)

    assert waiting.cancelled()
    await client.aclose()


async def test_a_reader_that_does_not_keep_up_makes_the_sender_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmhub.net.exchanges._MOST_WAITING_BYTES", 200_000)
    client = make_client()
    size = 30_000_000

    got, most = 0, 0
    async with (
        replay({"POST /": Answer(b"x" * size)}) as server,
        aclosing(exchange(client, "POST", f"{server.url}/")) as happenings,
    ):
        async for happening in happenings:
            if isinstance(happening, list):
                most = max(most, sum(map(len, happening)))
                got += sum(map(len, happening))
                await asyncio.sleep(0.001)

    assert got == size
    assert most < 1_000_000
    await client.aclose()
