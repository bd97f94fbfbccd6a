"""OpenRouter's backend and the simulated OpenRouter: however a request ends, its turn is booked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from llmhub.backends.openrouter import OpenRouter
from llmhub.core.chat import ChatEvent, ChatRequest, Message, TextDelta
from llmhub.core.cloud import SIMULATED_KEY
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.places import Place, PlaceKind
from llmhub.core.run import run_turn
from llmhub.core.turns import Turn, TurnContext, TurnStatus
from llmhub.net import make_client
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_script import OpenRouterScript
from support.fake_ledger import FakeLedger

MODEL = "openai/gpt-4o"
CONTEXT = TurnContext("chat", 0, "group", 1, "openrouter", Place(PlaceKind.PROVIDER, "OpenRouter"))

ENDS = {
    "": TurnStatus.COMPLETE,
    "-fault-error-3": TurnStatus.ERROR,
    "-fault-stringcode-3": TurnStatus.ERROR,
    "-fault-choice-3": TurnStatus.ERROR,
    "-fault-cut-3": TurnStatus.CUT,
    "-fault-close-3": TurnStatus.CUT,
    "-fault-reset-3": TurnStatus.CUT,
    "-fault-half-3": TurnStatus.CUT,
    "-fault-malformed-3": TurnStatus.ERROR,
    "-fault-html": TurnStatus.ERROR,
    "-fault-nodone": TurnStatus.COMPLETE,
    "-fault-nousage": TurnStatus.COMPLETE,
    "-fault-finishusage": TurnStatus.COMPLETE,
    "-fault-filter": TurnStatus.ERROR,
    "-fault-empty": TurnStatus.CUT,
    "-fault-hostile": TurnStatus.COMPLETE,
    "-fault-separators": TurnStatus.COMPLETE,
    "-fault-pieces": TurnStatus.COMPLETE,
    "-fault-limit": TurnStatus.ERROR,
    "-fault-endless": TurnStatus.LENGTH,
}


@asynccontextmanager
async def simulated(script: OpenRouterScript | None = None) -> AsyncIterator[tuple[OpenRouter, OpenRouterSimulator]]:
    client = make_client()
    async with OpenRouterSimulator(script or OpenRouterScript().at_once()) as simulator:
        try:
            yield OpenRouter(client, f"{simulator.url}", key=lambda: SIMULATED_KEY, pause_s=0.0), simulator
        finally:
            await client.aclose()


async def booked(openrouter: OpenRouter, model: str, **more: object) -> tuple[Turn, FakeLedger, BackendError | None]:
    """One turn down the one road."""
    ledger, failure = FakeLedger(), None
    request = ChatRequest(model, (Message.of("user", "Explain merge sort."),), max_tokens=200)
    try:
        await run_turn(openrouter, request, ledger, lambda event: None, context=CONTEXT)
    except BackendError as error:
        failure = error
    [turn] = ledger.turns
    return turn, ledger, failure


@pytest.mark.parametrize("fault", ENDS)
async def test_every_end_is_booked_with_its_status(fault: str) -> None:
    async with simulated() as (openrouter, _):
        turn, ledger, failure = await booked(openrouter, f"{MODEL}{fault}")

    assert turn.status is ENDS[fault]
    assert len(ledger.intents) == 1
    if failure is not None:
        assert all((failure.happened, failure.subject, failure.remedy))
    if turn.billed.raw is None and turn.generation_id:
        assert turn.billed.reconciled == "pending"
        assert ledger.generation_ids == {turn.id: turn.generation_id}


async def test_a_whole_turn_has_its_provider_its_counts_and_its_bill() -> None:
    async with simulated() as (openrouter, _):
        turn, _, _ = await booked(openrouter, MODEL)
        generation = None
        while generation is None:
            generation = await openrouter.generation(turn.generation_id or "")

    assert turn.context.place == Place(PlaceKind.PROVIDER, turn.provider or "")
    assert turn.tokens.source == "provider"
    assert turn.billed.reconciled == "stream"
    assert turn.billed.raw is not None
    assert Decimal(turn.billed.raw["cost"]) == generation.total_cost_usd
    assert (turn.tokens.prompt, turn.tokens.completion) == (generation.prompt_tokens, generation.completion_tokens)
    assert generation.provider == turn.provider


async def test_a_turn_that_is_stopped_is_pending_and_the_provider_says_later_what_it_cost() -> None:
    ledger, heard = FakeLedger(), asyncio.Event()

    def on_event(event: ChatEvent) -> None:
        if isinstance(event, TextDelta):
            heard.set()

    async with simulated(OpenRouterScript(tokens_per_s=50.0, first_token_s=0.0)) as (openrouter, _):
        request = ChatRequest(MODEL, (Message.of("user", "Explain merge sort."),), max_tokens=200)
        asking = asyncio.create_task(run_turn(openrouter, request, ledger, on_event, context=CONTEXT))
        await asyncio.wait_for(heard.wait(), 5)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        [turn] = ledger.turns
        generation = None
        async with asyncio.timeout(5):
            while generation is None:
                generation = await openrouter.generation(turn.generation_id or "")

    assert (turn.status, turn.billed.reconciled) == (TurnStatus.CANCELLED, "pending")
    assert generation.cancelled is True
    assert generation.total_cost_usd is not None
    assert generation.total_cost_usd > 0


async def test_the_long_list_the_endpoints_and_the_key_are_read_whole() -> None:
    async with simulated() as (openrouter, _):
        listing, endpoints, key = await asyncio.gather(
            openrouter.models(), openrouter.endpoints(MODEL), openrouter.key_info()
        )

    assert len(listing.models) > 380
    assert all(model.context_tokens for model in listing.models)
    assert endpoints[0].pricing["prompt"]
    assert key.remaining_usd == Decimal("21.304812")


async def test_a_wrong_key_is_told_as_one() -> None:
    async with simulated(OpenRouterScript(key="sk-or-v1-somebody-else")) as (openrouter, _):
        _, _, failure = await booked(openrouter, MODEL)

    assert failure is not None
    assert failure.kind is FailureKind.KEY
