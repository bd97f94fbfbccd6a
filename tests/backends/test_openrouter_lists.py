"""What OpenRouter lists and looks up."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.backends.openrouter_json import as_text, decoded
from llmhub.backends.openrouter_lists import endpoints_of, generation_of, key_info_of, models_of
from llmhub.core.cloud import CloudEndpoint, Generation, KeptPages, KeyInfo
from llmhub.core.costs.pricing import Tokens, cloud_cost
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.places import Place, PlaceKind
from support.openrouter_replay import MODELS, KeptList, provider
from support.replay import Answer, Asked, contract, contract_answer, contract_errors

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ENDPOINTS = "GET /api/v1/models/qwen/qwen3-8b/endpoints"
LISTED = {MODELS: contract_answer("openrouter-models.json")}
PIECES = pytest.mark.parametrize("pieces", [None, 3])


def in_pieces(file: str, pieces: int | None) -> Answer:
    answer = contract_answer(file)
    return answer if pieces is None else answer.but(pieces=pieces, chunked=True)


# -- the list of models -------------------------------------------------------------------------


@PIECES
async def test_every_model_has_its_prices_per_token_exactly(pieces: int | None) -> None:
    async with provider({MODELS: in_pieces("openrouter-models.json", pieces)}) as (openrouter, _):
        listing = await openrouter.models()

    prices = {model.id: (model.prompt_usd_per_token, model.completion_usd_per_token) for model in listing.models}
    assert {key: tuple(value and str(value * 10**6) for value in pair) for key, pair in prices.items()} == {
        "openai/gpt-4": ("30.00000", "60.00000"),
        "openai/gpt-4o": ("2.5000000", "10.00000"),
        "anthropic/claude-sonnet-4.5": ("3.000000", "15.000000"),
        "qwen/qwen3-8b": ("0.05000000", "0.4000000"),
        "meta-llama/llama-3.2-3b-instruct:free": (Decimal(0), Decimal(0)),
        "deepseek/deepseek-chat-v3.1": ("0.28000000", "0.42000000"),
        "openrouter/auto": (None, None),
        "~anthropic/claude-sonnet-latest": ("3.000000", "15.000000"),
    }
    assert [model.id for model in listing.models if model.is_free] == ["meta-llama/llama-3.2-3b-instruct:free"]
    assert listing.from_cache is False


async def test_the_whole_entry_of_a_model() -> None:
    models = {model.id: model for model in models_of([contract("openrouter-models.json")]) or ()}

    qwen = models["qwen/qwen3-8b"]
    assert (qwen.name, qwen.canonical_slug, qwen.hugging_face_id) == (
        "Qwen: Qwen3 8B",
        "qwen/qwen3-8b-04-28",
        "Qwen/Qwen3-8B",
    )
    assert (qwen.context_tokens, qwen.max_completion_tokens) == (40960, 8192)
    assert qwen.reasoning == {"mandatory": False, "default_enabled": True, "supported_efforts": None}
    assert {"tools", "reasoning"} <= qwen.supported_parameters
    assert (qwen.expires_on, qwen.alias_target) == (None, None)
    assert models["openai/gpt-4o"].input_modalities == {"text", "image", "file"}
    assert models["meta-llama/llama-3.2-3b-instruct:free"].expires_on == date(2026, 12, 31)
    assert models["~anthropic/claude-sonnet-latest"].alias_target == "anthropic/claude-sonnet-4.5"
    assert models["deepseek/deepseek-chat-v3.1"].max_completion_tokens is None


async def test_the_pricing_object_is_as_it_came_and_a_missing_price_is_missing() -> None:
    told = json.loads(contract("openrouter-models.json"), parse_float=Decimal)["data"]

    models = models_of([contract("openrouter-models.json")]) or ()

    assert [model.pricing for model in models] == [entry["pricing"] for entry in told]
    assert "input_cache_read" not in models[0].pricing


async def test_what_is_listed_makes_the_bills_of_the_contract_files() -> None:
    models = {model.id: model for model in models_of([contract("openrouter-models.json")]) or ()}

    costs = {
        "openai/gpt-4o": Tokens(1310, 42, cached=1024),
        "anthropic/claude-sonnet-4.5": Tokens(52, 180, reasoning=128),
        "qwen/qwen3-8b": Tokens(171, 23),
    }

    assert {name: cloud_cost(models[name].pricing, tokens).total for name, tokens in costs.items()} == {
        "openai/gpt-4o": Decimal("0.002415"),
        "anthropic/claude-sonnet-4.5": Decimal("0.002856"),
        "qwen/qwen3-8b": Decimal("0.00001775"),
    }


async def test_pages_are_followed_to_the_last_one() -> None:
    whole = json.loads(contract("openrouter-models.json"))["data"]
    rest = {"data": whole[2:], "total_count": 8, "links": {"next": None}}
    routes = {
        MODELS: contract_answer("openrouter-models-page.json"),
        "GET /api/v1/models?limit=2&offset=2": Answer.of(rest),
    }

    async with provider(routes) as (openrouter, server):
        listing = await openrouter.models()

    assert [asked.path for asked in server.asked] == ["/api/v1/models", "/api/v1/models?limit=2&offset=2"]
    assert [model.id for model in listing.models] == [entry["id"] for entry in whole]


@pytest.mark.parametrize(
    "following", ["https://elsewhere.example/models", "//elsewhere.example/x", "/api/v1/models", "http://127.0.0.1:1/"]
)
async def test_a_list_that_leads_elsewhere_or_in_circles_is_not_taken_for_whole(following: str) -> None:
    answer = Answer.of({"data": [{"id": "a/b"}], "links": {"next": following}})

    async with provider({MODELS: answer}) as (openrouter, server):
        with pytest.raises(BackendError) as raised:
            await openrouter.models()

    assert raised.value.kind is FailureKind.PROTOCOL
    assert len(server.asked) == 1


async def test_a_list_without_end_is_given_up() -> None:
    def page(asked: Asked) -> Answer:
        number = int(asked.path.partition("=")[2] or 0)
        return Answer.of({"data": [], "links": {"next": f"/api/v1/models?offset={number + 1}"}})

    async with provider({MODELS: page}) as (openrouter, server):
        with pytest.raises(BackendError):
            await openrouter.models()

    assert len(server.asked) == 100


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"id": 7},
        {"id": ""},
        {"id": "a/b", "pricing": None, "architecture": None, "top_provider": None, "reasoning": []},
        {"id": "a/b", "pricing": {"prompt": "NaN", "completion": "1e999999", "request": True, "overrides": "x"}},
        {"id": "a/b", "pricing": {"prompt": [], "overrides": [None, {"prompt": {}}, {"utc_start": "x"}]}},
        {"id": "a/b", "context_length": "many", "expiration_date": "soon", "alias_target": 5, "created": {}},
        {"id": "a/b", "pricing": {"prompt": "1e-9999999", "completion": "-0.5"}},
    ],
)
def test_odd_entries_are_unknown_or_left_out(entry: Any) -> None:
    models = models_of([json.dumps({"data": [entry, {"id": "c/d"}]})])

    assert models is not None
    assert models[-1].id == "c/d"
    for model in models:
        assert (model.prompt_usd_per_token, model.completion_usd_per_token) == (None, None)
        cloud_cost(model.pricing, Tokens(1000, 1000))


def test_names_from_outside_carry_no_escapes() -> None:
    [model] = models_of([json.dumps({"data": [{"id": "a/b\x1b[2J", "name": "x\u202e\ny"}]})]) or ()

    assert (model.id, model.name) == ("a/b", "x y")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "id", "pricing", "prompt", "overrides", "endpoints", "usage"]), inner
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_no_answer_whatever_breaks_a_reader(value: Any) -> None:
    text = json.dumps(value)
    answer = decoded(text)

    models_of([text, json.dumps({"data": [value]}), json.dumps({"data": [{"id": "a", "pricing": value}]})])
    for read in (endpoints_of, key_info_of, lambda told: generation_of(told, "gen-1")):
        read(answer)
        read({"data": answer})


@given(json_values)
def test_what_was_read_written_again_is_the_same(value: Any) -> None:
    told = decoded(json.dumps(value))

    assert decoded(as_text(told)) == told


# -- age and cache ------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_a_fresh_list_is_not_asked_for_again_and_an_old_one_is() -> None:
    clock, cache = Clock(), KeptList()

    async with provider(LISTED, cache=cache, now=clock) as (
        openrouter,
        server,
    ):
        await openrouter.models()
        clock.now += timedelta(minutes=59)
        fresh = await openrouter.models()
        asked = len(server.asked)
        clock.now += timedelta(minutes=2)
        await openrouter.models()

        assert (asked, len(server.asked)) == (1, 2)
    assert (fresh.fetched_at, fresh.from_cache) == (NOW, False)


async def test_the_next_run_has_the_list_with_its_age_and_without_the_network() -> None:
    cache = KeptList()
    async with provider(LISTED, cache=cache, now=lambda: NOW) as (
        first,
        _,
    ):
        before = await first.models()
        url = first.url
    cache.kept = {key.replace(url, "same"): value for key, value in cache.kept.items()}

    async with provider({}, cache=AnySource(cache), now=lambda: NOW + timedelta(minutes=30)) as (second, server):
        listing = await second.models()

        assert server.connections == 0
    assert listing.models == before.models
    assert (listing.fetched_at, listing.from_cache, listing.problem) == (NOW, True, None)


class AnySource(KeptList):
    """Gives what it has to every address: the servers of two tests have two."""

    def __init__(self, of: KeptList) -> None:
        super().__init__(of.kept)

    def load(self, source: str) -> KeptPages | None:
        return next(iter(self.kept.values()), None)


@pytest.mark.parametrize("refresh", [False, True])
async def test_an_old_list_is_better_than_none_and_says_why_it_is_old(refresh: bool) -> None:
    kept = KeptPages((contract("openrouter-models.json").decode(),), NOW - timedelta(days=3))
    down = contract_errors("openrouter-errors.json")["no provider fits now"]

    async with provider({MODELS: down}, cache=AnySource(KeptList({"any": kept})), now=lambda: NOW) as (openrouter, _):
        listing = await openrouter.models(refresh=refresh)

    assert (len(listing.models), listing.fetched_at, listing.from_cache) == (8, NOW - timedelta(days=3), True)
    assert listing.problem is not None
    assert listing.problem.kind is FailureKind.BUSY


async def test_without_any_list_the_failure_is_told() -> None:
    async with provider({MODELS: contract_errors("openrouter-errors.json")["edge timeout"]}) as (openrouter, server):
        with pytest.raises(BackendError) as raised:
            await openrouter.models()

    assert raised.value.kind is FailureKind.BUSY
    assert len(server.asked) == 2


async def test_refreshing_asks_although_the_list_is_fresh() -> None:
    async with provider(LISTED) as (openrouter, server):
        await openrouter.models()
        await openrouter.models(refresh=True)

        assert len(server.asked) == 2


@pytest.mark.parametrize("page", ["", "[]", '{"data":{}}', '{"data":[]}', "<html>"])
async def test_a_kept_list_that_is_none_is_fetched_again(page: str) -> None:
    cache = AnySource(KeptList({"any": KeptPages((page,), NOW)}))

    async with provider(LISTED, cache=cache, now=lambda: NOW) as (
        openrouter,
        _,
    ):
        listing = await openrouter.models()

    assert (len(listing.models), listing.from_cache) == (8, False)


async def test_a_list_kept_by_a_clock_that_runs_ahead_is_fetched_again() -> None:
    kept = KeptPages((contract("openrouter-models-page.json").decode(),), NOW + timedelta(days=1))
    cache = AnySource(KeptList({"any": kept}))

    async with provider(LISTED, cache=cache, now=lambda: NOW) as (
        openrouter,
        _,
    ):
        assert len((await openrouter.models()).models) == 8


async def test_two_who_ask_at_once_share_one_request() -> None:
    async with provider({MODELS: contract_answer("openrouter-models.json").but(before_s=0.05)}) as (openrouter, server):
        one, other = await asyncio.gather(openrouter.models(), openrouter.models())

        assert one == other
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>", 200, "text/html", chunked=False),
        Answer.of({"models": []}),
        Answer.of([]),
        Answer.of({"data": 1}),
    ],
)
async def test_what_is_no_list_is_told(answer: Answer) -> None:
    async with provider({MODELS: answer}) as (openrouter, _):
        with pytest.raises(BackendError) as raised:
            await openrouter.models()

    assert raised.value.kind is FailureKind.PROTOCOL


async def test_a_model_that_must_think_is_known_from_the_kept_list_without_the_network() -> None:
    from llmhub.core.chat import ChatRequest
    from support.openrouter_replay import CHAT, listen

    entry = {"id": "a/b", "reasoning": {"mandatory": True, "supported_efforts": ["high", "low"]}}
    kept = KeptPages((json.dumps({"data": [entry]}),), NOW)
    routes = {CHAT: contract_answer("openrouter-chat-stream.sse")}

    async with provider(routes, cache=AnySource(KeptList({"any": kept}))) as (openrouter, server):
        await listen(openrouter, ChatRequest("a/b", (), think=False))

    assert [asked.path for asked in server.asked] == ["/api/v1/chat/completions"]
    assert server.asked[0].json["reasoning"] == {"effort": "low"}


# -- endpoints ----------------------------------------------------------------------------------


@PIECES
async def test_who_serves_a_model_at_which_price_and_how_fast(pieces: int | None) -> None:
    async with provider({ENDPOINTS: in_pieces("openrouter-endpoints.json", pieces)}) as (openrouter, _):
        novita, deepinfra, flex, groq = await openrouter.endpoints("qwen/qwen3-8b")

    assert novita == CloudEndpoint(
        provider="Novita",
        tag="novita/fp8",
        quantization="fp8",
        context_tokens=40960,
        max_completion_tokens=8192,
        pricing={"prompt": "0.000000035", "completion": "0.000000138", "discount": 0},
        status=0,
        uptime_percent=Decimal("99.82"),
        latency={"p50": 640, "p75": Decimal("810.5"), "p90": 1190, "p99": 2740},
        throughput={"p50": Decimal("71.4"), "p75": 63, "p90": Decimal("51.2"), "p99": Decimal("20.9")},
    )
    assert (deepinfra.tag, flex.tag) == ("deepinfra/bf16", "deepinfra/flex")
    assert (groq.quantization, groq.status, groq.uptime_percent) == (None, -2, Decimal("91.3"))
    assert (groq.latency, groq.throughput) == (None, None)


async def test_without_a_key_there_are_no_speeds() -> None:
    async with provider({ENDPOINTS: contract_answer("openrouter-endpoints-anonymous.json")}) as (openrouter, _):
        endpoints = await openrouter.endpoints("qwen/qwen3-8b")

    assert endpoints
    assert {(each.latency, each.throughput) for each in endpoints} == {(None, None)}


async def test_a_model_that_nobody_serves_has_no_endpoints() -> None:
    async with provider({ENDPOINTS: contract_answer("openrouter-endpoints-none.json")}) as (openrouter, _):
        assert await openrouter.endpoints("qwen/qwen3-8b") == ()


async def test_variants_and_aliases_are_in_the_path_as_they_are_written() -> None:
    def told(asked: Asked) -> Answer:
        return contract_answer("openrouter-endpoints-none.json")

    names = ["meta-llama/llama-3.2-3b-instruct:free", "~anthropic/claude-sonnet-latest"]
    async with provider({f"GET /api/v1/models/{name}/endpoints": told for name in names}) as (openrouter, server):
        for name in names:
            assert await openrouter.endpoints(name) == ()

        assert [asked.path for asked in server.asked] == [f"/api/v1/models/{name}/endpoints" for name in names]


@pytest.mark.parametrize("name", ["", "gpt-4o", "../key", "a/..", "a/b/c", "a/b?x=1", "a/b#", "a b/c", "a/b\n"])
async def test_what_is_no_name_of_a_model_is_not_asked_for(name: str) -> None:
    async with provider({}) as (openrouter, server):
        with pytest.raises(BackendError) as raised:
            await openrouter.endpoints(name)

        assert server.asked == []
    assert raised.value.kind is FailureKind.NOT_FOUND


def test_one_model_alone_is_read_like_one_of_the_list() -> None:
    told = json.loads(contract("openrouter-model.json"))["data"]

    alone = models_of([json.dumps({"data": [told]})]) or ()

    listed = models_of([contract("openrouter-models.json")]) or ()
    assert alone[0] == next(model for model in listed if model.id == "qwen/qwen3-8b")


# -- the account --------------------------------------------------------------------------------


@PIECES
async def test_what_the_key_may_still_spend(pieces: int | None) -> None:
    async with provider({"GET /api/v1/key": in_pieces("openrouter-key.json", pieces)}) as (openrouter, _):
        assert await openrouter.key_info() == KeyInfo(
            label="sk-or-v1-au7...890",
            limit_usd=Decimal(25),
            remaining_usd=Decimal("21.304812"),
            limit_reset="monthly",
            used_usd=Decimal("112.871203"),
            used_today_usd=Decimal("0.208114"),
            used_month_usd=Decimal("3.695188"),
            is_free_tier=False,
        )


async def test_a_key_without_a_cap_has_none() -> None:
    async with provider({"GET /api/v1/key": contract_answer("openrouter-key-unlimited.json")}) as (openrouter, _):
        info = await openrouter.key_info()

    assert (info.limit_usd, info.remaining_usd, info.limit_reset) == (None, None, None)
    assert (info.used_usd, info.is_free_tier) == (Decimal(0), True)


def test_a_key_that_is_overdrawn_says_so() -> None:
    info = key_info_of({"data": {"limit": 5, "limit_remaining": Decimal("-0.25")}})

    assert info is not None
    assert info.remaining_usd == Decimal("-0.25")


async def test_credits_and_activity_are_never_asked_of_an_ordinary_key() -> None:
    routes = {"GET /api/v1/key": contract_answer("openrouter-key.json")}

    async with provider(routes) as (openrouter, server):
        await openrouter.key_info()

    assert [asked.path for asked in server.asked] == ["/api/v1/key"]


@PIECES
async def test_what_became_of_a_request(pieces: int | None) -> None:
    gen = "gen-1795165061-aB3dE5gH7jK9mN1pQ2rS"

    async with provider({"GET /api/v1/generation": in_pieces("openrouter-generation.json", pieces)}) as (
        openrouter,
        server,
    ):
        found = await openrouter.generation(gen)

    assert [asked.path for asked in server.asked] == [f"/api/v1/generation?id={gen}"]
    assert found is not None
    assert found == Generation(
        id=gen,
        total_cost_usd=Decimal("0.002415"),
        upstream_usd=Decimal(0),
        is_byok=False,
        cancelled=False,
        provider="OpenAI",
        model="openai/gpt-4o",
        prompt_tokens=1310,
        completion_tokens=42,
        reasoning_tokens=0,
        cached_tokens=1024,
        finish_reason="stop",
        raw=found.raw,
    )
    came = json.loads(contract("openrouter-generation.json"), parse_float=Decimal)["data"]
    assert json.loads(found.raw, parse_float=Decimal) == came


async def test_a_cancelled_request_was_billed_for_what_the_provider_made() -> None:
    gen = "gen-1795165102-cD4fG6hJ8kL0nP2qR3sT"
    routes = {"GET /api/v1/generation": contract_answer("openrouter-generation-cancelled.json")}

    async with provider(routes) as (openrouter, _):
        found = await openrouter.generation(gen)

    assert found is not None
    assert (found.cancelled, found.total_cost_usd, found.finish_reason) == (True, Decimal("0.001581"), None)
    assert (found.prompt_tokens, found.completion_tokens, found.reasoning_tokens) == (52, 95, 71)


async def test_a_generation_is_not_there_twice_and_then_it_is() -> None:
    missing = contract_errors("openrouter-errors.json")["unknown generation or path"]
    routes = {"GET /api/v1/generation": [missing, missing, contract_answer("openrouter-generation.json")]}

    async with provider(routes) as (openrouter, _):
        found = [await openrouter.generation("gen-1795165061-aB3dE5gH7jK9mN1pQ2rS") for _ in range(3)]

    assert [each is None for each in found] == [True, True, False]


async def test_a_404_that_is_no_answer_of_openrouter_s_is_not_taken_for_not_yet() -> None:
    page = Answer(b"<html>404", 404, "text/html", chunked=False)

    async with provider({"GET /api/v1/generation": page}) as (openrouter, _):
        with pytest.raises(BackendError) as raised:
            await openrouter.generation("gen-1")

    assert raised.value.kind is FailureKind.PROTOCOL


async def test_the_record_of_another_request_is_not_taken() -> None:
    routes = {"GET /api/v1/generation": contract_answer("openrouter-generation.json")}

    async with provider(routes) as (openrouter, _):
        with pytest.raises(BackendError) as raised:
            await openrouter.generation("gen-other&id=x")

    assert raised.value.kind is FailureKind.PROTOCOL


async def test_a_look_up_that_times_out_is_asked_once_more() -> None:
    late = contract_errors("openrouter-errors.json")["timeout"]
    routes = {"GET /api/v1/key": [late, contract_answer("openrouter-key.json")]}

    async with provider(routes) as (openrouter, server):
        await openrouter.key_info()

        assert len(server.asked) == 2


async def test_its_place_is_openrouter_until_a_provider_is_named() -> None:
    async with provider({}) as (openrouter, _):
        assert (openrouter.name, openrouter.place) == ("openrouter", Place(PlaceKind.PROVIDER, "OpenRouter"))


async def test_it_is_a_cloud_host() -> None:
    from llmhub.core.ports import CloudHost

    async with provider({}) as (openrouter, _):
        host: CloudHost = openrouter

        assert host.has_key
