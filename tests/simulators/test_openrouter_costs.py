"""What the simulated OpenRouter bills is the sum by its price table, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from llmhub.core.costs.pricing import Tokens, cloud_cost
from llmhub.simulators.clock import ManualClock
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_prices import Counts, price
from llmhub.simulators.openrouter_script import OpenRouterScript
from simulators.cloud_talking import chunks, counts, example, get, money, talk, text, usage

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LONG = "merge sort " * 400
PAID = [
    "openai/gpt-4", "openai/gpt-4o", "anthropic/claude-sonnet-4.5", "~anthropic/claude-sonnet-latest", "qwen/qwen3-8b",
    "meta-llama/llama-3.2-3b-instruct:free", "deepseek/deepseek-chat-v3.1", "openrouter/auto", "google/gemini-2.5-pro",
    "openai/gpt-oss-20b", "sim/priced-apart", "aurora-labs/nimbus-3-1b-instruct",
]  # fmt: skip


def turns(first: str, answer: str, then: str) -> list[dict[str, str]]:
    """A conversation that goes on."""
    return [
        {"role": "user", "content": first},
        {"role": "assistant", "content": answer},
        {"role": "user", "content": then},
    ]


async def endpoint_prices(sim: OpenRouterSimulator, model: str, provider: str) -> dict[str, Any]:
    """The price object of the endpoint that served, as a client can see it."""
    endpoints = (await get(sim, f"/models/{model}/endpoints")).json["data"]["endpoints"]
    found = [e for e in endpoints if e["provider_name"] == provider and "/flex" not in e["tag"]]
    return {key: value for key, value in found[0]["pricing"].items() if key != "discount"}


@pytest.mark.parametrize(
    ("name", "model", "exact"),
    [
        ("chat-stream.sse", "openai/gpt-4o", "0.002415"),
        ("chat-reasoning.sse", "anthropic/claude-sonnet-4.5", "0.002856"),
        ("chat-tools.sse", "qwen/qwen3-8b", "0.00001775"),
    ],
)
async def test_the_bills_of_the_contract_follow_from_the_table(
    cloud: OpenRouterSimulator, name: str, model: str, exact: str
) -> None:
    last = chunks(example(name))[-1]
    table = cloud.catalogue.find(model)
    assert table is not None

    bill = price(table.pricing, counts(last["usage"]), NOON)

    details = last["usage"]["cost_details"]
    assert bill.total == last["usage"]["cost"] == Decimal(exact)
    assert bill.prompt == details["upstream_inference_prompt_cost"]
    assert bill.completion == details["upstream_inference_completions_cost"]


@pytest.mark.parametrize("model", PAID)
async def test_every_bill_is_the_endpoints_price_times_the_counts(cloud: OpenRouterSimulator, model: str) -> None:
    reasoning = {"effort": "low"} if "4.5" in model else None
    answer = await talk(cloud, model, messages=[{"role": "user", "content": LONG}], reasoning=reasoning)

    said, event = usage(answer), chunks(answer)[0]
    prices = await endpoint_prices(cloud, event["model"], event["provider"])
    found, now = counts(said), datetime.now(UTC).time()
    tokens = Tokens(found.prompt, found.completion, found.cached, found.written, found.reasoning)
    assert Decimal(said["cost"]) == cloud_cost(prices, tokens, now).total == cloud.spent_usd
    assert (said["cost"] > 0) is not model.endswith(":free")
    assert said["total_tokens"] == said["prompt_tokens"] + said["completion_tokens"]
    assert 0 <= found.reasoning <= found.completion


async def test_a_repeated_beginning_costs_the_cached_price_for_five_minutes() -> None:
    clock = ManualClock(jumps=True)
    first = [{"role": "user", "content": LONG}]
    longer = turns(LONG, "Good.", "And heap sort?")
    async with OpenRouterSimulator(OpenRouterScript().at_once(), clock=clock) as sim:
        said = []
        for messages, later_s in ((first, 0), (longer, 299), (longer, 301), (first, 1)):
            clock.advance(later_s)
            said.append(usage(await talk(sim, messages=messages)))

    cached = [one["prompt_tokens_details"]["cached_tokens"] for one in said]
    whole = said[0]["prompt_tokens"]
    assert cached == [0, whole // 64 * 64, 0, whole // 64 * 64 - (64 if whole % 64 == 0 else 0)]
    gpt4o = {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000125"}
    for one in said:
        assert one["cost"] == price(gpt4o, counts(one), NOON).total
    assert said[3]["cost"] < said[0]["cost"]


async def test_another_system_prompt_another_model_or_other_tools_are_no_repetition(cloud: OpenRouterSimulator) -> None:
    first = [{"role": "user", "content": LONG}]
    await talk(cloud, messages=first)

    others = [
        await talk(cloud, messages=[{"role": "system", "content": "Be kind."}, *first]),
        await talk(cloud, "openai/gpt-oss-20b", messages=first),
        await talk(cloud, messages=first, tools=[{"type": "function", "function": {"name": "f"}}]),
        await talk(cloud, messages=first, provider={"only": ["azure"]}),
        await talk(cloud, "openai/gpt-4o-mini", messages=first),
    ]

    assert [usage(answer)["prompt_tokens_details"]["cached_tokens"] for answer in others] == [0] * 5
    assert cloud.generations[0].chosen.endpoint.tag == cloud.generations[-1].chosen.endpoint.tag


async def test_what_the_cache_took_off_is_in_the_look_up_and_one_token_is_always_fresh() -> None:
    script = replace(OpenRouterScript().at_once(), cache_block_tokens=1, lookups_unknown=0)
    async with OpenRouterSimulator(script) as sim:
        answers = [await talk(sim, messages=[{"role": "user", "content": LONG}]) for _ in range(2)]
        records = [
            money(await get(sim, f"/generation?id={answer.headers['x-generation-id']}"))["data"] for answer in answers
        ]

    prompt = usage(answers[0])["prompt_tokens"]
    assert [record["native_tokens_cached"] for record in records] == [0, prompt - 1]
    assert [record["cache_discount"] for record in records] == [None, (prompt - 1) * Decimal("0.00000125")]


async def test_claude_writes_its_cache_only_where_it_is_asked_to(cloud: OpenRouterSimulator) -> None:
    part = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}
    asked = [{"role": "user", "content": [part]}, {"role": "user", "content": "Go on."}]
    plain = [{"role": "user", "content": LONG}, {"role": "user", "content": "Go on."}]
    model = "anthropic/claude-sonnet-4.5"

    said = [usage(await talk(cloud, model, messages=messages)) for messages in (plain, plain, asked, asked)]

    details = [one["prompt_tokens_details"] for one in said]
    written, read = details[2]["cache_write_tokens"], details[3]["cached_tokens"]
    assert [one["cached_tokens"] for one in details[:3]] == [0, 0, 0]
    assert [one["cache_write_tokens"] for one in details[:2]] == [0, 0]
    assert written > 1000
    assert written >= read > 1000
    more = usage(await talk(cloud, model, messages=[*asked, *plain]))
    known = more["prompt_tokens_details"]
    assert known["cached_tokens"] > 1000
    assert 1000 < known["cache_write_tokens"] < more["prompt_tokens"] - known["cached_tokens"]
    # a written token costs a quarter more than a fresh one, a read one a tenth
    assert said[2]["cost_details"]["upstream_inference_prompt_cost"] == (
        written * Decimal("0.00000375") + (said[2]["prompt_tokens"] - written) * Decimal("0.000003")
    )


async def test_a_long_prompt_is_billed_whole_at_the_higher_price(cloud: OpenRouterSimulator) -> None:
    size = 200_000 * 3.6
    below, above = "x" * int(size - 400), "x" * int(size + 400)

    said = [
        usage(await talk(cloud, "anthropic/claude-sonnet-4.5", messages=[{"role": "user", "content": content}]))
        for content in (below, above)
    ]

    per_token = [one["cost_details"]["upstream_inference_prompt_cost"] / one["prompt_tokens"] for one in said]
    assert said[0]["prompt_tokens"] <= 200_000 < said[1]["prompt_tokens"]
    assert per_token == [Decimal("0.000003"), Decimal("0.000006")]


@pytest.mark.parametrize(
    ("hour", "minute", "expected"),
    [
        (0, 29, "0.00000014"),
        (0, 30, "0.00000028"),
        (16, 29, "0.00000028"),
        (16, 30, "0.00000014"),
        (23, 0, "0.00000014"),
    ],
)
async def test_the_clock_decides_between_the_price_of_the_day_and_of_the_night(
    hour: int, minute: int, expected: str
) -> None:
    at = datetime(2026, 11, 20, hour, minute, tzinfo=UTC)
    async with OpenRouterSimulator(clock=ManualClock(int(at.timestamp()) * 10**9, jumps=True)) as sim:
        said = usage(await talk(sim, "deepseek/deepseek-chat-v3.1", max_tokens=5))

    assert said["cost_details"]["upstream_inference_prompt_cost"] == said["prompt_tokens"] * Decimal(expected)


async def test_reasoning_requests_and_images_have_prices_of_their_own(cloud: OpenRouterSimulator) -> None:
    seen = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    answer = await talk(cloud, "sim/priced-apart", messages=[{"role": "user", "content": [seen, seen]}])

    said = usage(answer)
    found = counts(said)
    assert found.reasoning > 0
    assert said["cost"] == (
        found.prompt * Decimal("0.0000005")
        + (found.completion - found.reasoning) * Decimal("0.000002")
        + found.reasoning * Decimal("0.000003")
        + Decimal("0.001")
        + 2 * Decimal("0.0004")
    )


async def test_with_a_key_of_ones_own_only_the_fee_is_charged() -> None:
    script = replace(OpenRouterScript().at_once(), byok=True)
    async with OpenRouterSimulator(script) as sim:
        said = usage(await talk(sim))
        left = money(await get(sim, "/key"))["data"]

    upstream = said["cost_details"]["upstream_inference_cost"]
    assert said["is_byok"] is True
    assert upstream == price({"prompt": "0.0000025", "completion": "0.00001"}, counts(said), NOON).total
    assert said["cost"] == upstream * Decimal("0.05") == sim.spent_usd
    assert left["byok_usage"] == upstream
    assert left["usage_monthly"] == Decimal("3.695188") + said["cost"]


async def test_answers_are_counted_token_by_token(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, max_tokens=17)

    said = usage(answer)
    words = [chunk for chunk in chunks(answer) if any(c["delta"].get("content") for c in chunk["choices"])]
    assert (said["completion_tokens"], len(words)) == (17, 17)
    assert text(answer)


async def test_vocabularies_count_the_same_prompt_differently(cloud: OpenRouterSimulator) -> None:
    models = ("openai/gpt-4o", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-pro")

    found = [usage(await talk(cloud, model, messages=[{"role": "user", "content": LONG}])) for model in models]

    assert len({said["prompt_tokens"] for said in found}) == 3


def test_this_arithmetic_and_the_apps_own_agree_where_both_are_sure() -> None:
    table: dict[str, Any] = {
        "prompt": "0.000003", "completion": "0.000015", "request": "0.002", "input_cache_read": "0.0000003",
        "input_cache_write": "0.00000375", "internal_reasoning": "0.00002",
        "overrides": [
            {"min_prompt_tokens": 1000, "prompt": "0.000006"},
            {"utc_start": 2200, "utc_end": 600, "completion": "0.00001"},
            {"utc_start": 900, "utc_end": 1700, "completion": "0.00002"},
        ],
    }  # fmt: skip

    for prompt, cached, written in ((1000, 0, 0), (1001, 900, 50)):
        for hour in (5, 6, 8, 9, 16, 17, 21, 22):
            mine = price(table, Counts(prompt, cached, written, 70, 30), NOON.replace(hour=hour))
            theirs = cloud_cost(table, Tokens(prompt, 70, cached, written, 30), time(hour))
            assert mine.total == theirs.total
