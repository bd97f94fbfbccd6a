"""The provider in memory is a provider: what screens are tested with behaves as the port says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmhub.core.chat import Accepted, ChatRequest, Finished, Message, Served
from llmhub.core.cloud import Generation
from llmhub.core.errors import BackendError
from llmhub.core.ports import CloudHost
from support.fake_cloud import FakeCloud, priced_model

GPT = "openai/gpt-4o"


def asked(cloud: CloudHost) -> ChatRequest:
    assert cloud.name == "openrouter"
    return ChatRequest(GPT, (Message.of("user", "Hello"),))


async def test_a_chat_without_a_script_ends_with_a_bill_of_its_own_prices() -> None:
    cloud = FakeCloud(priced_model(GPT, "0.0000025", "0.00001"))

    events = [event async for event in cloud.chat(asked(cloud))]

    assert [type(event) for event in events][:2] == [Accepted, Served]
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.bill is not None
    assert last.bill.cost_usd == Decimal("0.00008")
    assert cloud.generation_ids == ["gen-1"]


async def test_without_a_key_a_chat_is_refused_and_models_are_listed() -> None:
    cloud = FakeCloud(priced_model(GPT), has_key=False)

    with pytest.raises(BackendError, match="needs a key"):
        await anext(cloud.chat(asked(cloud)))

    assert (await cloud.models()).model(GPT) is not None


async def test_look_ups_are_answered_in_order_and_the_last_answer_stays() -> None:
    cloud = FakeCloud()

    found = Generation("gen-7", Decimal("0.001"))
    cloud.will_bill("gen-7", None, None, found)

    assert [await cloud.generation("gen-7") for _ in range(4)] == [None, None, found, found]
