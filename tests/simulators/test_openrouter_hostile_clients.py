"""Clients that send nonsense, leave at any moment or never read: the simulator answers, or ends, and goes on."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import pytest

from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_script import FIREHOSE, OpenRouterScript
from simulators.cloud_talking import CHAT, KEY, WEATHER, get, talk, text
from simulators.talking import HELLO, ask, talking

GOOD = {"model": "openai/gpt-4o", "messages": HELLO, "stream": True}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe{}", b'{"model":', b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000,
        json.dumps({"model": "openai/gpt-4o"}).encode(),
    ],
)  # fmt: skip
async def test_a_body_that_is_no_request_is_refused(cloud: OpenRouterSimulator, body: bytes) -> None:
    answer = await ask(cloud.origin, "POST", CHAT, body, headers=KEY)

    assert (answer.status, answer.json["error"]["code"]) == (400, 400)


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []}, {"messages": "hi"}, {"messages": [1]}, {"messages": [{"role": "nobody", "content": ""}]},
        {"messages": [{"role": "user", "content": 7}]}, {"model": 7}, {"model": None, "models": "a"}, {"models": [1]},
        {"max_tokens": 0}, {"max_tokens": "9"}, {"max_tokens": True}, {"temperature": 3}, {"temperature": "warm"},
        {"top_p": -1}, {"stop": 5}, {"stop": ["a", "b", "c", "d", "e"]}, {"stop": [""]}, {"reasoning": "high"},
        {"reasoning": {"effort": "huge"}}, {"reasoning": {"effort": "low", "max_tokens": 5}},
        {"reasoning": {"max_tokens": 0}}, {"provider": "x"}, {"provider": {"order": "x"}},
        {"provider": {"only": [1]}}, {"provider": {"max_price": 1}}, {"provider": {"max_price": {"prompt": "x"}}},
        {"provider": {"sort": 1}}, {"tools": "x"}, {"tools": [1]}, {"tools": [{"type": "function"}]},
        {"tools": [{"function": {"name": "f", "parameters": "x"}}]},
        {"tools": [{"function": {"name": "f", "parameters": {"properties": {"a": 1}}}}]},
        {"tools": [{"function": {"name": "f", "parameters": {"required": [1]}}}]},
    ],
)  # fmt: skip
async def test_a_field_of_a_wrong_kind_is_refused(cloud: OpenRouterSimulator, wrong: dict[str, Any]) -> None:
    answer = await ask(cloud.origin, "POST", CHAT, {**GOOD, **wrong}, headers=KEY)

    assert answer.status == 400
    assert cloud.generations == []


async def test_any_field_may_hold_anything(cloud: OpenRouterSimulator) -> None:
    whole = {
        **GOOD, "models": ["qwen/qwen3-8b"], "max_tokens": 20, "temperature": 1, "top_p": 1, "stop": ["x"],
        "reasoning": {"effort": "low"}, "provider": {"order": ["azure"], "max_price": {"prompt": 9}, "sort": "price"},
        "tools": [WEATHER], "service_tier": "flex", "session_id": "s", "seed": 1,
        "messages": [*HELLO, {"role": "assistant", "content": [{"type": "text", "text": "x"}]}],
    }  # fmt: skip
    chance = random.Random(7)
    odd: list[Any] = [
        None,
        True,
        0,
        -1,
        1e308,
        "",
        "\x00",
        "\ud800",
        "x" * 50,
        [],
        [[]],
        {},
        {"": None},
        [None],
        [{"type": 1}],
    ]

    def spoiled(value: Any) -> Any:
        if chance.random() < 0.12:
            return chance.choice(odd)
        if isinstance(value, dict):
            return {key: spoiled(item) for key, item in value.items()}
        return [spoiled(item) for item in value] if isinstance(value, list) else value

    statuses = set()
    async with talking(cloud.origin) as one:
        for _ in range(400):
            statuses.add((await one.ask("POST", CHAT, spoiled(whole), headers=KEY)).status)

    assert statuses <= {200, 400, 404}
    assert {200, 400} <= statuses


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v1",
        "/api/v1/models/",
        "/api/v1/models/a/b/endpoints",
        "/api/v1/model/x",
        "/api/v1/%2e%2e/etc",
        "/v1/models",
        "/api/v1/chat",
    ],
)
async def test_unknown_paths_are_not_found(cloud: OpenRouterSimulator, path: str) -> None:
    status = (await ask(cloud.origin, "GET", path)).status

    assert status == (200 if path == "/api/v1/models/" else 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET"])
async def test_other_methods_are_not_found(cloud: OpenRouterSimulator, method: str) -> None:
    assert (await ask(cloud.origin, method, CHAT, headers=KEY)).status == 404


async def test_a_body_beyond_the_limit_is_refused() -> None:
    async with OpenRouterSimulator(replace(OpenRouterScript().at_once(), max_body_bytes=1000)) as sim:
        answers = [await talk(sim, messages=[{"role": "user", "content": "x" * size}]) for size in (100, 2000)]

    assert [answer.status for answer in answers] == [200, 413]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /api/v1/chat/completions HTTP/1.1\r\nContent-Length: 500\r\n\r\n{", b"\r\n" * 50, b"A" * 70_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_http_ends_that_connection_alone(cloud: OpenRouterSimulator, garbage: bytes) -> None:
    async with talking(cloud.origin) as one:
        one.writer.write(garbage)
        await one.writer.drain()
        one.writer.write_eof()
        await asyncio.wait_for(one.reader.read(), 5)

    assert (await get(cloud, "/key")).status == 200


async def test_clients_that_leave_at_any_moment_leave_nothing_behind() -> None:
    async with OpenRouterSimulator(OpenRouterScript(first_token_s=0.01, tokens_per_s=2000)) as sim:
        ours = asyncio.current_task()
        for number in range(40):
            async with talking(sim.origin) as one:
                await one.send("POST", CHAT, GOOD, headers=KEY)
                for _ in range(number):
                    if not await one.reader.read(64):
                        break
        await sim.until(lambda: asyncio.all_tasks() == {ours})

    assert all(record.settled for record in sim.generations)
    assert sum(record.bytes_after_leaving for record in sim.requests) < 100_000
    assert sum((record.cost_usd for record in sim.generations), start=0 * sim.spent_usd) == sim.spent_usd


async def test_a_client_that_does_not_read_holds_up_nobody_else() -> None:
    script = OpenRouterScript(has_firehose=True, first_token_s=0.0)
    async with OpenRouterSimulator(script) as sim, talking(sim.origin) as lazy:
        await lazy.send("POST", CHAT, {**GOOD, "model": f"{FIREHOSE}:1000000x1000000"}, headers=KEY)
        await sim.until(lambda: bool(sim.requests and sim.requests[0].tokens_sent > 500))

        other = await talk(sim, "openai/gpt-4o", max_tokens=3)
        stuck = sim.requests[0].tokens_sent

        assert text(other)
        assert stuck < 500_000


async def test_two_requests_in_one_packet_are_answered_in_order(cloud: OpenRouterSimulator) -> None:
    async with talking(cloud.origin) as one:
        await one.send("GET", "/api/v1/models/count")
        await one.send("GET", "/api/v1/key", headers=KEY)
        first = await one.rest(await one.head())
        second = await one.rest(await one.head())

    assert set(first.json["data"]) == {"count"}
    assert "limit" in second.json["data"]
