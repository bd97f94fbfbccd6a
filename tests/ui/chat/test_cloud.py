"""A cloud lane beside a local one, on the screen."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from llmhub.core.chat import Accepted, Finished, Served, TextDelta, Usage
from llmhub.core.conversations import LaneSetup
from llmhub.core.errors import ConfigError, FailureKind
from llmhub.core.places import Place, PlaceKind
from llmhub.core.turns import TurnStatus
from llmhub.ui.screens.forms import FormScreen, MenuScreen
from llmhub.ui.widgets.model_picker import ModelPicker
from support.chat_mode import DECLARED, Stand, chat_app
from support.fake_cloud import FakeCloud, bill, cloud_failure, priced_model
from support.fake_host import FakeHost, installed_model, unreachable
from support.hubs import FakeAppMemory
from support.screens import drawn, shows, until

GROQ = Place(PlaceKind.PROVIDER, "Groq")
MODEL = "openai/gpt-oss-120b"


def cloud(**changes: Any) -> FakeCloud:
    return FakeCloud(priced_model(MODEL), priced_model("openai/gpt-4o", "0.0000025", "0.00001"), **changes)


async def open_cloud_lane(stand: Stand, letters: str) -> None:
    """ctrl+t, add a lane, type letters of the model, enter."""
    await stand.pilot.press("ctrl+t")
    await until(stand.pilot, lambda: isinstance(stand.app.screen, MenuScreen), "the menu of lanes")
    await stand.pilot.press("enter")
    await until(stand.pilot, lambda: isinstance(stand.app.screen, ModelPicker), "the picker")
    await shows(stand.pilot, "gpt-4o")
    await stand.pilot.press(*letters)
    await stand.pilot.press("enter")


async def test_a_cloud_lane_is_picked_by_letters_with_its_prices_and_answers_beside_the_local_one() -> None:
    host, provider = FakeHost(installed_model("qwen3:8b")), cloud()
    provider.will_say(
        MODEL,
        Accepted("gen-1"),
        Served(GROQ, MODEL, "Groq"),
        TextDelta("From the cloud.", 4),
        Finished("stop", Usage(12, 4, source="provider"), bill=bill("0.000310")),
    )
    async with chat_app(host, cloud=provider, profile=DECLARED) as stand:
        await stand.pilot.press("ctrl+t")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, MenuScreen), "the menu of lanes")
        await stand.pilot.press("enter")
        await shows(stand.pilot, "openai/gpt-4o")
        assert "$2.50/M in" in drawn(stand.app)
        assert "$10.00/M out" in drawn(stand.app)
        await stand.pilot.press(*"oss120", "enter")
        await until(stand.pilot, lambda: len(stand.session.chat.lanes) == 2, "the cloud lane")

        await stand.say("both of you")
        await stand.done()

        screen = drawn(stand.app)
        assert "From the cloud." in screen
        assert f"○ {MODEL} · Groq" in screen
        local, remote = sorted(stand.ledger.turns, key=lambda turn: turn.context.lane)
        assert (remote.place, remote.provider, remote.generation_id) == (GROQ, "Groq", "gen-1")
        assert remote.billed.pico_usd == 310_000_000
        assert remote.energy.charged_mj is None
        assert local.context.group_id == remote.context.group_id
        assert stand.ledger.generation_ids == {remote.id: "gen-1"}


async def test_the_key_is_asked_for_when_the_first_cloud_lane_is_opened_and_never_before() -> None:
    provider = cloud(has_key=False)
    kept: list[str] = []

    async def save_key(key: str) -> None:
        kept.append(key)
        provider.has_key = True

    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider, save_key=save_key) as stand:
        assert len(stand.app.screen_stack) == 1
        await open_cloud_lane(stand, "gpt-4o")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, FormScreen), "the key form")
        await stand.pilot.press(*"nonsense", "enter")
        assert "it begins with sk-or-" in drawn(stand.app)
        await stand.pilot.press(*["backspace"] * 8, *"sk-or-v1-secret", "enter")
        await until(stand.pilot, lambda: len(stand.session.chat.lanes) == 2, "the lane")

        assert kept == ["sk-or-v1-secret"]
        assert "sk-or-v1-secret" not in drawn(stand.app)
        assert "nonsense" not in drawn(stand.app)


async def test_without_a_keyring_the_person_is_told_what_to_do_and_nothing_is_lost() -> None:
    provider = cloud(has_key=False)

    async def save_key(_: str) -> None:
        raise ConfigError("There is no keyring here", "the key", "set OPENROUTER_API_KEY instead")

    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider, save_key=save_key) as stand:
        await open_cloud_lane(stand, "gpt-4o")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, FormScreen), "the key form")
        await stand.pilot.press(*"sk-or-v1-secret", "enter")
        await shows(stand.pilot, "OPENROUTER_API_KEY")

        assert len(stand.session.chat.lanes) == 1


async def with_lanes(stand: Stand) -> None:
    stand.session.add_lane(LaneSetup("openrouter", MODEL))
    await until(stand.pilot, lambda: len(stand.chat.board.transcripts) == 2, "two lanes")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (FailureKind.CREDIT, "no credit"),
        (FailureKind.RATE, "asked too often"),
        (FailureKind.KEY, "key is wrong"),
        (FailureKind.MODERATED, "guardrail"),
    ],
)
async def test_a_refusal_of_the_provider_is_told_booked_and_leaves_the_local_lane_alone(
    kind: FailureKind, words: str
) -> None:
    provider = cloud()
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        await with_lanes(stand)
        provider.will_say(MODEL, cloud_failure(kind, happened=f"OpenRouter: {words}"))
        await stand.say("go")
        await stand.done()

        assert words in drawn(stand.app)
        assert "Hello from qwen3:8b." in drawn(stand.app)
        assert sorted(turn.status for turn in stand.ledger.turns) == [TurnStatus.COMPLETE, TurnStatus.ERROR]


async def test_stopping_a_cloud_reply_closes_at_once_and_its_bill_stays_pending() -> None:
    provider = cloud()
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        await with_lanes(stand)
        provider.will_say(
            MODEL, Accepted("gen-7"), Served(GROQ, MODEL, "Groq"), TextDelta("so far", 2), asyncio.Event()
        )
        await stand.say("go")
        await shows(stand.pilot, "so far")
        await stand.pilot.press("escape")
        await stand.done()

        turn = next(turn for turn in stand.ledger.turns if turn.context.lane == 1)
        assert (turn.status, turn.billed.reconciled, turn.generation_id) == (TurnStatus.CANCELLED, "pending", "gen-7")
        assert provider.closed_early == [MODEL]


async def test_the_offline_switch_is_shown_and_cloud_lanes_say_why_they_wait() -> None:
    provider = cloud()
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        await with_lanes(stand)

        stand.chat.action_offline()
        await shows(stand.pilot, "offline is on")
        assert " offline " in drawn(stand.app).splitlines()[0]
        assert stand.hub.services.switch.offline
        stand.chat.action_offline()
        await until(stand.pilot, lambda: "offline is on" not in drawn(stand.app), "online again")

        assert not stand.hub.services.switch.offline


async def test_with_a_key_and_no_daemon_the_cloud_works_at_once() -> None:
    host, provider = FakeHost(), cloud()
    host.failures["info"] = unreachable()
    async with chat_app(host, wait=False, cloud=provider) as stand:
        await shows(stand.pilot, "chat with a cloud model meanwhile")
        await stand.pilot.press("o")
        await shows(stand.pilot, "openai/gpt-4o")
        await stand.pilot.press(*"gpt-4o", "enter")
        await until(stand.pilot, lambda: stand.chat.session is not None, "a chat")
        await stand.say("hello")
        await stand.done()

        assert "Hello from openai/gpt-4o." in drawn(stand.app)


async def test_what_the_key_may_still_spend_stands_in_the_status_bar() -> None:
    provider = cloud()
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        await with_lanes(stand)
        await stand.say("go")
        await stand.done()
        await shows(stand.pilot, "$4.12 left")

        assert provider.key.remaining_usd == Decimal("4.12")


async def test_four_hundred_models_are_searched_without_asking_the_network_for_each_letter() -> None:
    provider = FakeCloud(*(priced_model(f"maker{number % 40}/model-{number}") for number in range(400)))
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        await stand.pilot.press("ctrl+t")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, MenuScreen), "the menu of lanes")
        await stand.pilot.press("enter")
        await shows(stand.pilot, "maker0/model-0")
        await stand.pilot.press(*"model-399")
        await until(stand.pilot, lambda: "maker0/model-0 " not in drawn(stand.app), "the search")

        assert "maker39/model-399" in drawn(stand.app)
        assert len([call for call in provider.calls if call[0] == "models"]) == 1


async def test_before_it_is_sent_the_line_says_what_a_cloud_lane_may_cost() -> None:
    provider = cloud()
    provider.key = type(provider.key)("k", Decimal(10), Decimal("0.50"))
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        await with_lanes(stand)
        assert stand.hub.cloud_watch is not None
        await stand.hub.cloud_watch.look()
        await stand.pilot.press(*"12345678")
        await shows(stand.pilot, "~2 tok · this machine, OpenRouter")

        # 2 tokens at 0.15 per million, up to 4,096 more at 0.60
        assert "<$0.000001 to ~$0.00246 at most" in drawn(stand.app)
        assert "the key may spend $0.5000 more" in drawn(stand.app)


async def test_after_the_first_local_reply_one_line_names_the_key_that_asks_a_cloud_model() -> None:
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=cloud()) as stand:
        assert "ctrl+t asks a cloud model" not in drawn(stand.app)
        await stand.say("go")
        await stand.done()
        assert "ctrl+t asks a cloud model the same." in drawn(stand.app)

        await open_cloud_lane(stand, "gpt-4o")
        await until(stand.pilot, lambda: len(stand.session.chat.lanes) == 2, "the cloud lane")
        await until(stand.pilot, lambda: "asks a cloud model the same" not in drawn(stand.app), "the line to go")


async def test_the_panel_counts_both_halves_live_and_ends_on_the_billed_figure() -> None:
    host = FakeHost(installed_model("llama3.2:3b", parameter_size="3.2B", family="llama"))
    provider = FakeCloud(
        priced_model(MODEL),
        priced_model("meta-llama/llama-3.2-3b-instruct", hugging_face_id="meta-llama/Llama-3.2-3B-Instruct"),
    )
    gate = asyncio.Event()
    provider.will_say(
        MODEL,
        Accepted("gen-1"),
        Served(GROQ, MODEL, "Groq"),
        TextDelta("x", 10),
        gate,
        Finished("stop", Usage(12, 10, source="provider"), bill=bill("0.000310")),
    )
    async with chat_app(host, cloud=provider, profile=DECLARED) as stand:
        assert stand.hub.cloud_watch is not None
        await stand.hub.cloud_watch.look()
        await with_lanes(stand)
        await stand.say("hello")
        await shows(stand.pilot, "so far")
        stand.chat.board._tick()
        await stand.pilot.pause()
        live = next(row for row in stand.chat.panel.turns if row.place is not None and not row.place.is_local)
        assert live.live
        assert live.cloud.amount is not None
        gate.set()
        await stand.done()

        screen = drawn(stand.app)
        assert "○ $0.000310 billed" in screen
        assert "in cloud" in screen
        assert "local " in screen
        assert "on power; with the machine it" in screen.replace("\n", " ") or "on power;" in screen
        local = next(turn for turn in stand.ledger.turns if turn.place.is_local)
        assert local.ref_model == "meta-llama/llama-3.2-3b-instruct"
        remote = next(turn for turn in stand.ledger.turns if not turn.place.is_local)
        assert remote.price_snapshot is not None


async def test_a_limit_stops_a_prompt_before_a_byte_leaves_and_offers_the_local_lane() -> None:
    provider = cloud()
    async with chat_app(
        FakeHost(installed_model("qwen3:8b")), cloud=provider, day_budget_usd=Decimal("0.0001")
    ) as stand:
        assert stand.hub.cloud_watch is not None
        await stand.hub.cloud_watch.look()
        await with_lanes(stand)
        await stand.say("a long question")
        await shows(stand.pilot, "could be passed")

        assert provider.requests == []
        assert stand.host.requests == []
        assert stand.chat.prompt.text == "a long question"
        stand.chat.strip.focus()
        await stand.pilot.press("enter", "enter")
        await stand.done()

        assert provider.requests == []
        assert [request.messages[-1].text for request in stand.host.requests] == ["a long question"]
        assert "Hello from qwen3:8b." in drawn(stand.app)


async def test_a_bill_that_comes_late_takes_the_place_of_the_estimate_on_the_screen_and_in_the_chat() -> None:
    from llmhub.core.cloud import Generation

    provider = cloud()
    provider.will_bill("gen-9", Generation("gen-9", Decimal("0.00042"), provider="Groq", prompt_tokens=9))
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        assert stand.hub.cloud_watch is not None
        await stand.hub.cloud_watch.look()
        await with_lanes(stand)
        provider.will_say(
            MODEL, Accepted("gen-9"), Served(GROQ, MODEL, "Groq"), TextDelta("so far", 2), asyncio.Event()
        )
        await stand.say("go")
        await shows(stand.pilot, "so far")
        await stand.pilot.press("escape")
        await stand.done()
        await shows(stand.pilot, "$0.000420 billed")

        reply = stand.session.chat.path(1)[-1]
        assert reply.metrics["billed"]["reconciled"] == "generation"
        assert reply.content == "so far"


async def test_a_bill_that_an_earlier_run_left_open_is_asked_for_at_the_start() -> None:
    from dataclasses import replace

    from llmhub.core.cloud import Generation
    from llmhub.core.turns import BilledFacts
    from support.fake_ledger import FakeLedger

    first = cloud()
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=first) as stand:
        await with_lanes(stand)
        await stand.say("go")
        await stand.done()
        turn = next(turn for turn in stand.ledger.turns if turn.context.lane == 1)
    ledger = FakeLedger()
    ledger.turns.append(replace(turn, generation_id="gen-old", billed=BilledFacts(reconciled="pending")))
    again = cloud()
    again.will_bill("gen-old", Generation("gen-old", Decimal("0.00042"), provider="Groq"))

    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=again, ledger=ledger) as stand:
        await until(stand.pilot, lambda: stand.hub.settled, "the late bill")

        assert [each.billed.pico_usd for each in stand.hub.settled.values()] == [420_000_000]


async def test_without_a_key_nothing_is_asked_of_the_provider_at_the_start() -> None:
    provider = cloud(has_key=False)
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        await stand.say("go")
        await stand.done()

        assert provider.calls == []


async def test_the_demo_opens_one_local_and_one_cloud_lane() -> None:
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=cloud(), demo=True) as stand:
        assert [(lane.backend, lane.model) for lane in stand.session.chat.lanes.values()] == [
            ("ollama", "qwen3:8b"),
            ("openrouter", MODEL),
        ]


async def test_the_keyring_is_left_alone_where_nobody_ever_used_the_cloud() -> None:
    asked: list[str] = []

    async def find_key() -> None:
        asked.append("keyring")

    host = FakeHost(installed_model("qwen3:8b"))
    async with chat_app(host, cloud=cloud(has_key=False), find_key=find_key) as stand:
        await stand.say("go")
        await stand.done()
        assert asked == []
    memory = FakeAppMemory()
    memory.set("cloud_lane_opened", True)
    async with chat_app(host, cloud=cloud(has_key=False), find_key=find_key, app_memory=memory) as stand:
        await until(stand.pilot, lambda: asked == ["keyring"], "the look into the keyring")


async def test_the_list_that_is_kept_compares_local_turns_before_anybody_was_asked() -> None:
    from llmhub.core.cloud import CloudListing

    model = "meta-llama/llama-3.2-3b-instruct"
    kept = CloudListing((priced_model(model, hugging_face_id="meta-llama/Llama-3.2-3B-Instruct"),), from_cache=True)

    async def kept_listing() -> CloudListing:
        return kept

    provider = cloud(has_key=False)
    host = FakeHost(installed_model("llama3.2:3b", parameter_size="3.2B", family="llama"))
    async with chat_app(host, cloud=provider, kept_listing=kept_listing) as stand:
        await until(stand.pilot, lambda: stand.hub.cloud_state.listing.models, "the kept list")
        await stand.say("go")
        await stand.done()

        assert stand.ledger.turns[0].ref_model == model
        assert provider.calls == []


async def test_the_picker_says_how_old_the_providers_list_is() -> None:
    provider = cloud()
    provider.from_cache = True
    async with chat_app(FakeHost(installed_model("qwen3:8b")), cloud=provider) as stand:
        await stand.pilot.press("ctrl+t")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, MenuScreen), "the menu of lanes")
        await stand.pilot.press("enter")
        await shows(stand.pilot, "2 cloud models, list of just now, kept on this disk")
