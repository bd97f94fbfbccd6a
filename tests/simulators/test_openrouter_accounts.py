"""What is booked: look-ups that come late, answers nobody heard to the end, limits that run out."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from llmhub.simulators.clock import ManualClock
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_prices import Counts, price
from llmhub.simulators.openrouter_providers import PROVIDERS
from llmhub.simulators.openrouter_script import OpenRouterScript
from simulators.cloud_talking import CHAT, KEY, chunks, get, money, talk, text, usage
from simulators.talking import HELLO, ask, talking

SLOW = OpenRouterScript(first_token_s=0.0, tokens_per_s=200.0, write_every_s=0.0)
FREE = "meta-llama/llama-3.2-3b-instruct:free"


async def look_up(sim: OpenRouterSimulator, generation_id: str) -> Any:
    """The record, asked for as often as it takes."""
    for _ in range(5):
        answer = await get(sim, f"/generation?id={generation_id}")
        if answer.status == 200:
            return money(answer)["data"]
    raise AssertionError("the record never came")


async def leave_after(sim: OpenRouterSimulator, tokens: int, model: str, **fields: Any) -> str:
    """Ask, hear so many tokens, hang up, and wait until that is booked; the generation id from the headers."""
    async with talking(sim.origin) as one:
        body = {"model": model, "messages": HELLO, "stream": True, **fields}
        await one.send("POST", CHAT, body, headers=KEY)
        head = await one.head()
        heard = b""
        while heard.count(b'"content":"') < tokens + 1:
            heard += await one.chunk()
    generation_id = head.headers["x-generation-id"]
    await sim.until(lambda: sim.account.generations[generation_id].settled)
    return generation_id


async def test_a_generation_is_unknown_twice_and_then_tells_the_bill(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud)
    asked = f"/generation?id={answer.headers['x-generation-id']}"

    statuses = [(await get(cloud, asked)).status for _ in range(3)]
    record = money(await get(cloud, asked))["data"]

    said = usage(answer)
    assert statuses == [404, 404, 200]
    assert record["total_cost"] == record["usage"] == said["cost"]
    assert (record["native_tokens_prompt"], record["native_tokens_completion"], record["native_tokens_cached"]) == (
        said["prompt_tokens"], said["completion_tokens"], 0,
    )  # fmt: skip
    assert record["provider_name"] == chunks(answer)[0]["provider"]
    assert (record["tokens_prompt"], record["native_tokens_prompt"]) == (5, 9)


@pytest.mark.parametrize("asked", ["gen-1795165061-aB3dE5gH7jK9mN1pQ2rS", "%00", "..%2f..", "gen-%ff%fe"])
async def test_an_unknown_generation_stays_unknown(cloud: OpenRouterSimulator, asked: str) -> None:
    assert {(await get(cloud, f"/generation?id={asked}")).status for _ in range(4)} == {404}


async def test_a_look_up_without_an_id_is_refused(cloud: OpenRouterSimulator) -> None:
    assert (await get(cloud, "/generation")).status == 400


async def test_a_generation_may_stay_unknown_for_longer(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, "openai/gpt-4o-fault-pending-3")
    asked = f"/generation?id={answer.headers['x-generation-id']}"

    assert [(await get(cloud, asked)).status for _ in range(6)] == [404, 404, 404, 404, 404, 200]


async def test_while_it_streams_a_generation_is_unknown() -> None:
    async with OpenRouterSimulator(replace(SLOW, tokens_per_s=20.0)) as sim, talking(sim.origin) as one:
        await one.send("POST", CHAT, {"model": "openai/gpt-4o", "messages": HELLO, "stream": True}, headers=KEY)
        generation_id = (await one.head()).headers["x-generation-id"]

        statuses = {(await get(sim, f"/generation?id={generation_id}")).status for _ in range(5)}

    assert statuses == {404}


@pytest.mark.parametrize(
    ("model", "provider", "stops"),
    [
        ("openai/gpt-4o", "OpenAI", True),
        ("meta-llama/llama-3.3-70b-instruct", "Together", True),
        ("google/gemini-2.5-flash", "Google", False),
        ("mistralai/mistral-large", "Mistral", False),
        ("openai/gpt-oss-120b", "Groq", False),
    ],
)
async def test_who_leaves_pays_what_was_said_or_the_whole_answer_by_the_providers_rule(
    model: str, provider: str, stops: bool
) -> None:
    async with OpenRouterSimulator(SLOW.at_once()) as fast:
        whole = usage(await talk(fast, model, provider={"only": [provider]}))
    async with OpenRouterSimulator(SLOW) as sim:
        generation_id = await leave_after(sim, 5, model, provider={"only": [provider]})
        record = await look_up(sim, generation_id)

    said = record["native_tokens_completion"]
    assert (record["provider_name"], record["cancelled"], record["finish_reason"]) == (provider, True, None)
    if stops:
        assert 5 <= said < whole["completion_tokens"] / 2
    else:
        assert said == whole["completion_tokens"]
    chosen = sim.account.generations[generation_id]
    assert (
        record["total_cost"]
        == price(
            chosen.chosen.endpoint.pricing,
            Counts(prompt=record["native_tokens_prompt"], completion=said, cached=record["native_tokens_cached"]),
            sim._now(),
        ).total
    )
    assert sim.requests_to("/chat/completions")[-1].outcome == "client left"
    assert sim.spent_usd == record["total_cost"]
    assert stops or record["total_cost"] == whole["cost"]


async def test_the_rules_of_cancelling_are_those_of_the_documents() -> None:
    stops = {"OpenAI", "Azure", "Anthropic", "Fireworks", "DeepInfra", "Novita", "Together", "DeepSeek", "Chutes"}
    bills = {"Amazon Bedrock", "Google", "Google AI Studio", "Groq", "Mistral", "Alibaba", "Nebius"}

    assert {provider.name for provider in PROVIDERS if provider.stops} == stops
    assert {provider.name for provider in PROVIDERS if not provider.stops} == bills


async def test_the_limit_of_the_request_bounds_what_a_cancelled_answer_costs() -> None:
    async with OpenRouterSimulator(SLOW) as sim:
        generation_id = await leave_after(sim, 2, "mistralai/mistral-large-fault-endless", max_tokens=300)
        record = await look_up(sim, generation_id)

    assert record["native_tokens_completion"] == 300


async def test_leaving_before_the_first_token_is_free_where_billing_stops() -> None:
    clock = ManualClock()
    async with OpenRouterSimulator(clock=clock) as sim:
        for model in ("openai/gpt-4o", "mistralai/mistral-large"):
            async with talking(sim.origin) as one:
                await one.send("POST", CHAT, {"model": model, "messages": HELLO, "stream": True}, headers=KEY)
                await one.head()
            await sim.until(lambda: all(record.settled for record in sim.generations))

    costs = [record.cost_usd for record in sim.generations]
    assert costs[0] == 0
    assert costs[1] > 0


async def test_a_request_without_a_stream_cannot_be_cancelled() -> None:
    async with OpenRouterSimulator(SLOW.at_once()) as fast:
        whole = money(await talk(fast, stream=False))["usage"]
    async with OpenRouterSimulator(SLOW) as sim:
        async with talking(sim.origin) as one:
            await one.send("POST", CHAT, {"model": "openai/gpt-4o", "messages": HELLO}, headers=KEY)
            await sim.until(lambda: len(sim.generations) == 1)
        await sim.until(lambda: sim.generations[0].settled)

    record = sim.generations[0]
    assert (record.cancelled, record.streamed, record.counts.completion) == (False, False, whole["completion_tokens"])


async def test_nothing_is_written_after_the_client_left() -> None:
    async with OpenRouterSimulator(SLOW) as sim:
        await leave_after(sim, 5, "openai/gpt-4o")
        record = sim.requests_to(CHAT)[0]
        await sim.until(lambda: record.outcome == "client left")

    assert record.bytes_after_leaving == 0
    assert 5 <= record.tokens_sent < 60


async def test_the_key_shows_what_was_spent(cloud: OpenRouterSimulator) -> None:
    before = money(await get(cloud, "/key"))["data"]
    cost = usage(await talk(cloud))["cost"]
    after = money(await get(cloud, "/key"))["data"]

    assert after["limit_remaining"] == before["limit_remaining"] - cost == 25 - after["usage_monthly"]
    for name in ("usage", "usage_daily", "usage_weekly", "usage_monthly"):
        assert after[name] - before[name] == cost
    assert cloud.spent_usd == cost


async def test_when_the_limit_is_used_up_only_free_models_answer() -> None:
    script = replace(OpenRouterScript().at_once(), limit_usd=Decimal("3.695189"))
    async with OpenRouterSimulator(script) as sim:
        statuses = [(await talk(sim, model)).status for model in ("openai/gpt-4o", "openai/gpt-4o", FREE)]
        left = money(await get(sim, "/key"))["data"]["limit_remaining"]

    assert statuses == [200, 402, 200]
    assert left < 0


@pytest.mark.parametrize(("credits_usd", "paid", "free"), [("112.871204", 402, 402), ("112.871203", 402, 200)])
async def test_a_negative_balance_stops_free_models_too(credits_usd: str, paid: int, free: int) -> None:
    script = replace(OpenRouterScript().at_once(), credits_usd=Decimal(credits_usd), limit_usd=None)
    async with OpenRouterSimulator(script) as sim:
        if credits_usd.endswith("4"):
            await talk(sim)  # takes the balance below zero
        answers = [await talk(sim, model) for model in ("openai/gpt-4o", FREE)]

    assert [answer.status for answer in answers] == [paid, free]


async def test_free_models_answer_twenty_times_a_minute() -> None:
    clock = ManualClock(jumps=True)
    async with OpenRouterSimulator(OpenRouterScript().at_once(), clock=clock) as sim:
        answers = [await talk(sim, FREE, max_tokens=1) for _ in range(21)]
        refused = answers[20]
        wait_s = int(refused.headers["retry-after"])
        clock.advance(wait_s)
        later = [(await talk(sim, FREE, max_tokens=1)).status for _ in range(21)]
        paid = await talk(sim, max_tokens=1)

    assert [answer.status for answer in answers] == [200] * 20 + [429]
    assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("20", "0")
    assert 1 <= wait_s <= 61
    assert (later, paid.status) == ([200] * 20 + [429], 200)


async def test_ids_are_of_one_account_and_wrong_keys_learn_nothing(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud)
    asked = f"/api/v1/generation?id={answer.headers['x-generation-id']}"

    refused = await ask(cloud.origin, "GET", asked, headers={"Authorization": "Bearer other"})

    assert refused.status == 401
    assert text(answer)
