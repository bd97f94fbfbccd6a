"""The server itself: what it understands, and that no client can bring it down."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

import pytest

from llmhub.simulators.clock import ManualClock
from llmhub.simulators.exchange import Exchange, Split
from llmhub.simulators.http import HttpServer
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from simulators.talking import HELLO, ask, chat, talking

SLOW = OllamaScript(load_s=0.0, tokens_per_s=500.0)


async def test_one_connection_serves_many_requests(sim: OllamaSimulator) -> None:
    async with talking(sim.url) as talk:
        for _ in range(3):
            assert (await talk.ask("GET", "/api/version")).status == 200
            whole = await talk.ask("POST", "/api/chat", {"model": "llama3.2:3b", "messages": HELLO})
            assert whole.lines[-1]["done"]
        assert (await talk.ask("HEAD", "/api/tags")).status == 200
        assert (await talk.ask("GET", "/nope")).status == 404


async def test_requests_sent_together_are_answered_in_order(sim: OllamaSimulator) -> None:
    async with talking(sim.url) as talk:
        await talk.send("GET", "/api/version")
        await talk.send("GET", "/")
        first, second = [await talk.rest(await talk.head()) for _ in range(2)]

    assert (first.json, second.body) == ({"version": "0.32.15"}, b"Ollama is running")


async def test_a_chunked_request_and_a_delete_with_a_body_are_read(sim: OllamaSimulator) -> None:
    chunked = await ask(sim.url, "POST", "/api/show", {"model": "qwen3:8b"}, chunked=True)
    deleted = await ask(sim.url, "DELETE", "/api/delete", {"model": "qwen3:8b"})

    assert chunked.json["details"]["family"] == "qwen3"
    assert (deleted.status, sim.library.find("qwen3:8b")) == (200, None)


async def test_a_body_that_arrives_late_is_waited_for(sim: OllamaSimulator) -> None:
    data = json.dumps({"model": "qwen3:8b"}).encode()
    async with talking(sim.url) as talk:
        talk.writer.write(f"POST /api/show HTTP/1.1\r\nHost: x.local\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        for byte in data:
            talk.writer.write(bytes([byte]))
            await talk.writer.drain()
            await asyncio.sleep(0)

        assert (await talk.rest(await talk.head())).status == 200


async def test_connection_close_is_kept(sim: OllamaSimulator) -> None:
    async with talking(sim.url) as talk:
        answer = await talk.ask("GET", "/api/version", headers={"Connection": "close"})

        assert answer.status == 200
        assert await talk.reader.read() == b""


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"x" * 100_000,
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost",
    ],
)
async def test_garbage_harms_nobody_else(sim: OllamaSimulator, garbage: bytes) -> None:
    async with talking(sim.url) as talk:
        talk.writer.write(garbage)
        talk.writer.write_eof()
        await asyncio.wait_for(talk.reader.read(), 5)

    assert (await chat(sim.url)).lines[-1]["done"]


@pytest.mark.parametrize("abrupt", [False, True])
async def test_a_client_that_leaves_stops_the_model_at_once(abrupt: bool) -> None:
    async with OllamaSimulator(SLOW) as sim:
        async with talking(sim.url) as talk:
            await talk.send("POST", "/api/chat", {"model": "qwen3:8b", "messages": HELLO})
            await talk.head()
            await talk.chunk()
            if abrupt:
                sock = talk.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                talk.writer.transport.abort()
        record = sim.requests[0]
        await sim.until(lambda: record.outcome == "client left")
        sent = record.tokens_sent
        await asyncio.sleep(0.05)

        assert (record.tokens_sent, record.bytes_after_leaving) == (sent, 0)
        assert [runner.users for runner in sim.engine.loaded()] == [0]
        assert (await chat(sim.url, "qwen3:8b", options={"num_predict": 2})).lines[-1]["done"]


async def test_a_hundred_clients_that_hang_up_leave_nothing_behind() -> None:
    async with OllamaSimulator(OllamaScript(load_s=0.0, tokens_per_s=500.0, parallel=200, memory_bytes=2**50)) as sim:

        async def rude() -> None:
            async with talking(sim.url) as talk:
                await talk.send("POST", "/api/chat", {"model": "llama3.2:3b", "messages": HELLO})
                await talk.head()

        await asyncio.gather(*(rude() for _ in range(100)))
        await sim.until(lambda: all(record.outcome == "client left" for record in sim.requests))

        assert (sim.engine.waiting, [runner.users for runner in sim.engine.loaded()]) == (0, [0])
        await sim.until(lambda: not sim._server.connections)
        assert (await chat(sim.url)).lines[-1]["done"]


async def test_a_client_that_does_not_read_holds_the_stream_back() -> None:
    async with OllamaSimulator(OllamaScript(has_firehose=True, load_s=0.0)) as sim:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", sim.port))
        body = json.dumps({"model": "firehose:1000000x2000000", "messages": HELLO}).encode()
        head = f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        await asyncio.get_running_loop().sock_sendall(client, head + body)
        await sim.until(lambda: len(sim.requests) == 1 and sim.requests[0].tokens_sent > 0)
        sizes = [-1, sim.requests[0].bytes_sent]
        while sizes[-1] != sizes[-2]:
            await asyncio.sleep(0.05)
            sizes.append(sim.requests[0].bytes_sent)
        client.close()

        assert sizes[-1] < 50e6  # far from the whole, which is some 200 MB
        await sim.until(lambda: sim.requests[0].outcome == "client left")


async def test_a_mistake_of_a_handler_is_a_500_and_is_told_at_the_end() -> None:
    async def wrong(exchange: Exchange) -> None:
        raise KeyError(exchange.path)

    server = HttpServer(wrong)
    await server.start()
    answer = await ask(server.url, "GET", "/x")

    assert answer.status == 500
    with pytest.raises(KeyError, match="/x"):
        await server.stop()


async def test_every_answer_can_arrive_in_pieces() -> None:
    async with OllamaSimulator(OllamaScript(splits=True).at_once()) as sim:
        answer = await ask(sim.url, "GET", "/api/tags")

    assert max(map(len, answer.chunks)) <= 37
    assert len(answer.json["models"]) >= 8


def test_the_pieces_of_a_split_are_the_whole_and_the_same_in_every_run() -> None:
    data = "Grüße 你好 🙂".encode() * 20

    first, second = list(Split()(data)), list(Split()(data))

    assert b"".join(first) == data
    assert first == second
    assert all(1 <= len(piece) <= 37 for piece in first)


async def test_a_manual_clock_wakes_in_order_and_only_those_who_are_due() -> None:
    clock, woken = ManualClock(), list[str]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper(name, s)) for name, s in (("late", 2.0), ("soon", 1.0), ("now", 0.0))]
    await asyncio.sleep(0.01)
    clock.advance(1.0)
    await asyncio.sleep(0.01)
    before = list(woken)
    clock.advance(1.0)
    await asyncio.gather(*tasks)

    assert (before, woken) == (["now", "soon"], ["now", "soon", "late"])
