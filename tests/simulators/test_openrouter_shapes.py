"""Everything that the simulated OpenRouter answers has the shape of its contract example."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from llmhub.simulators.catalogue import EVERYTHING
from llmhub.simulators.clock import ManualClock
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_faults import REFUSALS
from llmhub.simulators.openrouter_script import DUMMY_KEY, OpenRouterScript
from simulators.cloud_talking import KEY, WEATHER, chunks, example, get, keys, talk
from simulators.talking import ask, shape

THINKING = "anthropic/claude-sonnet-4.5"
FREE = "meta-llama/llama-3.2-3b-instruct:free"
BOTH_TO_LOCAL = {
    "qwen3:8b": "Qwen/Qwen3-8B",
    "llama3.2:3b": "meta-llama/Llama-3.2-3B-Instruct",
    "gpt-oss:20b": "openai/gpt-oss-20b",
    "gemma3:4b": "google/gemma-3-4b-it",
    "qwen2.5-coder:7b": "Qwen/Qwen2.5-Coder-7B-Instruct",
    "deepseek-r1:8b": "deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
    "llama3.1:70b": "meta-llama/Llama-3.1-70B-Instruct",
}


async def test_the_models_of_the_contract_are_listed_word_for_word() -> None:
    def comparable(row: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in row.items() if key != "description"}

    # the clock begins at the moment of the examples, so that expiry and day price are theirs
    async with OpenRouterSimulator(clock=ManualClock()) as sim:
        whole = (await get(sim, "/models", key=False)).json

    listed = {row["id"]: row for row in whole["data"]}
    for row in example("models.json")["data"]:
        assert comparable(listed[row["id"]]) == comparable(row)


async def test_the_list_is_as_long_as_the_real_one_and_every_row_has_known_keys(cloud: OpenRouterSimulator) -> None:
    rows = {row["id"]: row for row in example("models.json")["data"]}
    always = set(rows["openai/gpt-4o"])
    prices = {key for row in rows.values() for key in row["pricing"]}

    whole = (await get(cloud, "/models", key=False)).json

    assert whole["total_count"] == len(whole["data"]) >= 400
    assert whole["links"] == {"next": None}
    assert len({row["id"] for row in whole["data"]}) == len(whole["data"])
    for row in whole["data"]:
        assert set(row) - {"reasoning", "alias_target"} == always
        assert {"prompt", "completion"} <= set(row["pricing"]) <= prices | {"internal_reasoning", "input_cache_write"}
        assert all(
            isinstance(value, str) for key, value in row["pricing"].items() if key not in ("discount", "overrides")
        )
        assert "E" not in row["pricing"]["prompt"]
        assert Decimal(row["pricing"]["prompt"]) >= -1


async def test_open_weights_are_joined_to_the_models_of_the_daemon(cloud: OpenRouterSimulator) -> None:
    listed = {row["hugging_face_id"] for row in (await get(cloud, "/models")).json["data"]}

    assert set(BOTH_TO_LOCAL) <= {model.name for model in EVERYTHING}
    assert set(BOTH_TO_LOCAL.values()) <= listed


async def test_pages_follow_each_other_to_the_end(cloud: OpenRouterSimulator) -> None:
    whole = [row["id"] for row in (await get(cloud, "/models")).json["data"]]
    first = (await get(cloud, "/models?limit=2")).json
    found: list[str] = []

    path: str | None = "/api/v1/models?limit=150&offset=0"
    while path is not None:
        page = (await ask(cloud.origin, "GET", path)).json
        found += [row["id"] for row in page["data"]]
        path = page["links"]["next"]

    last = (await get(cloud, f"/models?offset={len(whole) - 2}&limit=2")).json
    assert (len(last["data"]), last["links"]["next"]) == (2, None)
    assert found == whole
    assert keys(first) == keys(example("models-page.json"))
    assert (first["links"]["next"], first["total_count"]) == ("/api/v1/models?limit=2&offset=2", len(whole))


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=many", "offset=-1", "max_price=dear"])
async def test_a_page_out_of_range_is_refused(cloud: OpenRouterSimulator, query: str) -> None:
    assert (await get(cloud, f"/models?{query}")).status == 400


async def test_the_list_is_searched_filtered_and_sorted(cloud: OpenRouterSimulator) -> None:
    found = (await get(cloud, "/models?q=qwen+8b")).json["data"]
    cheap = (await get(cloud, "/models?max_price=0.05&sort=pricing-high-to-low")).json["data"]
    seeing = (await get(cloud, "/models?input_modalities=image&supported_parameters=tools,reasoning")).json["data"]

    assert [row["id"] for row in found] == ["qwen/qwen3-8b"]
    assert cheap[0]["pricing"]["prompt"] == "0.00000005"
    assert all("image" in row["architecture"]["input_modalities"] for row in seeing)
    assert {"reasoning" in row["supported_parameters"] for row in seeing} == {True}


@pytest.mark.parametrize("name", ["qwen/qwen3-8b", "qwen/qwen3-8b-04-28", "qwen/qwen3-8b:nitro"])
async def test_one_model_is_found_by_id_by_dated_name_and_by_shortcut(cloud: OpenRouterSimulator, name: str) -> None:
    answer = await get(cloud, f"/model/{name}")

    assert answer.json["data"]["id"] == "qwen/qwen3-8b"
    assert shape(answer.json) == shape(example("model.json"))


@pytest.mark.parametrize(("with_key", "name"), [(True, "endpoints.json"), (False, "endpoints-anonymous.json")])
async def test_endpoints_have_statistics_only_for_who_has_a_key(
    cloud: OpenRouterSimulator, with_key: bool, name: str
) -> None:
    body = (await get(cloud, "/models/qwen/qwen3-8b/endpoints", key=with_key)).json["data"]

    wanted = example(name)["data"]
    assert keys({**body, "endpoints": None}) == keys({**wanted, "endpoints": None})
    for mine, theirs in zip(body["endpoints"], wanted["endpoints"], strict=False):
        assert set(mine) == set(theirs)
        assert (mine["latency_last_30m"] is None) == (theirs["latency_last_30m"] is None)
    if with_key:
        described = [
            (e["tag"], e["status"], e["pricing"]["prompt"], e["pricing"]["completion"]) for e in body["endpoints"]
        ]
        assert described == [
            (e["tag"], e["status"], e["pricing"]["prompt"], e["pricing"]["completion"]) for e in wanted["endpoints"]
        ]


async def test_a_model_that_nobody_serves_has_no_endpoints(cloud: OpenRouterSimulator) -> None:
    body = (await get(cloud, "/models/sim/nobody-serves/endpoints")).json

    assert keys(body) == keys(example("endpoints-none.json"))
    assert body["data"]["endpoints"] == []
    assert (await talk(cloud, "sim/nobody-serves")).json["error"]["availability"]["code"] == "no_endpoints"


async def test_day_and_night_prices_are_listed_as_they_are_now() -> None:
    clock = ManualClock(start_ns=int(datetime(2026, 11, 20, 16, 29, tzinfo=UTC).timestamp()) * 10**9)
    async with OpenRouterSimulator(clock=clock) as sim:
        found = []
        for _ in range(3):
            row = (await get(sim, "/model/deepseek/deepseek-chat-v3.1")).json["data"]
            found.append(row["pricing"]["prompt"])
            clock.advance(60 if len(found) == 1 else 8 * 3600)

    assert found == ["0.00000028", "0.00000014", "0.00000028"]


@pytest.mark.parametrize(
    ("example_name", "model", "fields"),
    [
        ("chat-stream.sse", "openai/gpt-4o", {}),
        ("chat-reasoning.sse", THINKING, {"reasoning": {"effort": "low"}}),
        ("chat-tools.sse", "qwen/qwen3-8b", {"tools": [WEATHER], "reasoning": {"enabled": False}}),
    ],
)
async def test_streams_have_the_events_of_the_contract(
    cloud: OpenRouterSimulator, example_name: str, model: str, fields: dict[str, Any]
) -> None:
    def kinds(events: list[dict[str, Any]]) -> list[Any]:
        found: list[Any] = []
        for event in events:
            if keys(event) not in found:
                found.append(keys(event))
        return found

    answer = await talk(cloud, model, **fields)

    assert kinds(chunks(answer)) == kinds(chunks(example(example_name)))
    assert {(c["model"], c["provider"]) for c in chunks(answer)} == {
        (c["model"], c["provider"]) for c in chunks(example(example_name))
    }
    assert answer.body.startswith(b": OPENROUTER PROCESSING\n\n")
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert answer.headers["content-type"] == "text/event-stream"


async def test_a_reply_without_a_stream_has_the_shape_of_the_contract(cloud: OpenRouterSimulator) -> None:
    answer = await talk(cloud, stream=False)

    body = answer.json
    assert keys(body) == keys(example("chat-nonstream.json"))
    assert answer.headers["x-generation-id"] == body["id"]


async def test_an_error_inside_a_choice_has_the_shape_of_the_contract(cloud: OpenRouterSimulator) -> None:
    body = (await talk(cloud, "meta-llama/llama-3.3-70b-instruct-fault-error-3", stream=False)).json

    assert keys(body) == keys(example("chat-nonstream-error.json"))
    assert (body["provider"], body["choices"][0]["finish_reason"]) == ("Together", "error")


@pytest.mark.parametrize(
    ("suffix", "name"), [("error", "midstream-error.sse"), ("stringcode", "midstream-error-stringcode.sse")]
)
async def test_an_error_in_mid_stream_has_the_shape_of_the_contract(
    cloud: OpenRouterSimulator, suffix: str, name: str
) -> None:
    answer = await talk(cloud, f"meta-llama/llama-3.3-70b-instruct-fault-{suffix}-2")

    last, wanted = chunks(answer)[-1], chunks(example(name))[-1]
    assert keys(last) == keys(wanted)
    assert (last["error"]["code"], last["choices"]) == (wanted["error"]["code"], wanted["choices"])
    assert b"[DONE]" not in answer.body
    assert not any("usage" in chunk for chunk in chunks(answer))


@pytest.mark.parametrize(("name", "entry"), list(zip(REFUSALS, example("errors.json"), strict=True)))
async def test_every_refusal_of_the_contract_can_be_had_by_name(
    cloud: OpenRouterSimulator, name: str, entry: dict[str, Any]
) -> None:
    answer = await talk(cloud, f"openai/gpt-4o-fault-{name}")

    assert answer.status == entry["status"]
    assert keys(answer.json) == keys(entry["body"])
    wanted, mine = entry["body"]["error"], answer.json["error"]
    for key in ("code", "error_type", "http_status"):
        assert mine.get(key) == wanted.get(key)
    assert mine.get("availability", {}).get("code") == wanted.get("availability", {}).get("code")
    for header, value in entry.get("headers", {}).items():
        assert answer.headers[header.lower()] == value


async def test_look_ups_have_the_keys_of_the_contract(cloud: OpenRouterSimulator) -> None:
    cloud.account.script = replace(cloud.script, lookups_unknown=0)
    done = (await talk(cloud)).headers["x-generation-id"]

    body = (await get(cloud, f"/generation?id={done}")).json

    assert keys(body) == keys(example("generation.json")) == keys(example("generation-cancelled.json"))
    assert (body["data"]["streamed"], body["data"]["cancelled"], body["data"]["finish_reason"]) == (True, False, "stop")


@pytest.mark.parametrize(("limit", "name"), [(Decimal(25), "key.json"), (None, "key-unlimited.json")])
async def test_the_key_tells_what_is_left(limit: Decimal | None, name: str) -> None:
    async with OpenRouterSimulator(OpenRouterScript(limit_usd=limit)) as sim:
        body = (await get(sim, "/key")).json["data"]

    wanted = {"expires_at", *example(name)["data"]}
    assert set(body) == wanted
    if limit is not None:
        # the figures of the example: a monthly cap less what the month has used
        assert (body["limit"], body["limit_remaining"]) == (25, 21.304812)


async def test_credits_and_activity_are_for_management_keys() -> None:
    clock = ManualClock(jumps=True)
    async with OpenRouterSimulator(OpenRouterScript().at_once(), clock=clock) as sim:
        await talk(sim, stream=False)
        today = await _managed(sim, "/activity")
        clock.advance(24 * 3600)
        refused = [await get(sim, path) for path in ("/credits", "/activity")]
        paid, used = await _managed(sim, "/credits"), await _managed(sim, "/activity")

    assert {(answer.status, str(answer.json)) for answer in refused} == {(403, str(example("errors.json")[5]["body"]))}
    assert today == {"data": []}
    assert keys(paid) == keys(example("credits.json"))
    assert keys(used) == keys(example("activity.json"))
    assert (used["data"][0]["model"], used["data"][0]["requests"]) == ("openai/gpt-4o", 1)


async def _managed(sim: OpenRouterSimulator, path: str) -> Any:
    headers = {"Authorization": f"Bearer {sim.script.management_key}"}
    return (await ask(sim.origin, "GET", f"/api/v1{path}", headers=headers)).json


async def test_signing_in_with_pkce_gives_the_dummy_key_once(cloud: OpenRouterSimulator) -> None:
    pair = example("auth-keys.json")
    query = f"callback_url=http%3A%2F%2Flocalhost%3A51423%2Fcallback&code_challenge={pair['code_challenge']}"

    back = await ask(cloud.origin, "GET", f"/auth?{query}&code_challenge_method=S256")
    code = back.headers["location"].removeprefix("http://localhost:51423/callback?code=")
    wanted = {**pair["exchange_request"], "code": code}
    refused = await ask(cloud.origin, "POST", "/api/v1/auth/keys", {**wanted, "code": "x"})
    strange = await ask(cloud.origin, "POST", "/api/v1/auth/keys", {**wanted, "code_challenge_method": "plain"})
    opened = await ask(cloud.origin, "POST", "/api/v1/auth/keys", wanted)
    again = await ask(cloud.origin, "POST", "/api/v1/auth/keys", wanted)
    away = await ask(cloud.origin, "GET", "/auth?callback_url=http://example.org/&code_challenge=x")

    assert (back.status, opened.json["key"], set(opened.json)) == (302, DUMMY_KEY, set(pair["exchange_response"]))
    assert [answer.json for answer in (strange, refused)] == [entry["body"] for entry in pair["exchange_errors"]]
    assert (again.status, away.status) == (403, 400)


async def test_the_request_of_the_contract_is_served_by_the_provider_it_names(cloud: OpenRouterSimulator) -> None:
    wanted = {**example("chat-request.json"), "model": "openai/gpt-4o", "provider": {"order": ["azure"], "zdr": True}}
    sent = {key: value for key, value in example("chat-headers.json")["request"].items() if key != "Authorization"}

    answer = await ask(cloud.origin, "POST", "/api/v1/chat/completions", wanted, headers={**sent, **KEY})

    assert {chunk["provider"] for chunk in chunks(answer)} == {"Azure"}
    record = cloud.generations[0].body()
    assert (record["http_referer"], record["session_id"]) == (sent["HTTP-Referer"], "llmhub-7f3c")
