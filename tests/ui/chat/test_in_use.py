"""Chat, as somebody uses it for hours: what was left behind never acts on what is there now."""

from __future__ import annotations

import asyncio

import pytest

from llmhub.core.chat import TextDelta
from llmhub.core.errors import FailureKind, LLMHubError, StorageError
from llmhub.core.turns import TurnStatus
from llmhub.ui.chat import look
from llmhub.ui.transcript import Transcript
from llmhub.ui.widgets.model_picker import ModelPicker
from support.chat_mode import chat_app
from support.fake_host import FakeHost, failure, installed_model
from support.screens import drawn, shows, until

MODEL = "qwen3:8b"
LONG = "\n\n".join(f"paragraph {number} of a reply that is longer than the screen" for number in range(60))


def host() -> FakeHost:
    return FakeHost(installed_model(MODEL))


async def test_keys_never_act_on_a_turn_that_is_out_of_sight() -> None:
    async with chat_app(host(), (80, 24)) as stand:
        stand.host.will_say(MODEL, TextDelta(LONG))
        await stand.say("first")
        await stand.done()
        await stand.pilot.press("escape", "k", "k", "i")  # the mark is on the first question
        stand.host.will_say(MODEL, TextDelta(LONG))
        await stand.say("second")
        await stand.done()

        await stand.pilot.press("escape")
        transcript = stand.app.focused

        assert isinstance(transcript, Transcript)
        assert transcript.focused_key == stand.session.chat.heads[0]


async def test_a_mark_that_is_in_sight_stays_where_it_was() -> None:
    async with chat_app(host(), (80, 24)) as stand:
        await stand.say("first")
        await stand.done()
        await stand.pilot.press("escape", "k")
        marked = stand.chat.board.transcripts[0].focused_key

        await stand.pilot.press("i", "escape")

        assert stand.chat.board.transcripts[0].focused_key == marked
        assert marked != stand.session.chat.heads[0]


async def test_the_failure_of_one_chat_is_not_told_in_the_next() -> None:
    async with chat_app(host()) as stand:
        stand.host.will_say(MODEL, failure(FailureKind.CUT))
        await stand.say("one")
        await stand.done()
        assert stand.chat.strip.error is not None

        await stand.pilot.press("ctrl+n")

        assert stand.chat.strip.error is None


async def test_a_queued_prompt_comes_along_into_a_new_chat_instead_of_being_answered_unseen() -> None:
    async with chat_app(host()) as stand:
        stand.host.will_say(MODEL, TextDelta("x"), asyncio.Event())
        await stand.say("one")
        await shows(stand.pilot, "x")
        await stand.say("two")
        old = stand.session

        await stand.pilot.press("ctrl+n")
        await until(stand.pilot, lambda: not old.running, "the old chat's end")

        assert stand.chat.prompt.text == "two"
        assert len(stand.host.requests) == 1
        assert [turn.status for turn in stand.ledger.turns] == [TurnStatus.CANCELLED]


async def test_enter_in_an_empty_prompt_opens_what_the_strip_offers() -> None:
    async with chat_app(host()) as stand:
        stand.host.will_say(MODEL, failure(FailureKind.CUT))
        await stand.say("one")
        await stand.done()

        await stand.pilot.press("enter")
        assert stand.chat.strip.is_open
        await stand.pilot.press("enter")
        await stand.done()

        assert len(stand.host.requests) == 2
        assert f"Hello from {MODEL}." in drawn(stand.app)
        assert stand.app.focused is stand.chat.prompt


async def test_after_a_message_is_closed_the_keys_are_the_prompts_again() -> None:
    async with chat_app(host()) as stand:
        stand.host.will_say(MODEL, failure(FailureKind.CUT))
        await stand.say("one")
        await stand.done()

        await stand.pilot.press("shift+tab", "escape")

        assert stand.chat.strip.error is None
        assert stand.app.focused is stand.chat.prompt


async def test_while_looking_for_a_word_the_keys_at_the_foot_are_those_of_the_search() -> None:
    async with chat_app(host()) as stand:
        await stand.say("one")
        await stand.done()

        await stand.pilot.press("escape", "slash")
        await shows(stand.pilot, "enter next")
        await stand.pilot.press("escape")

        await shows(stand.pilot, "j k turns")


async def test_a_disk_that_becomes_full_is_told_and_taken_back_when_there_is_room_again() -> None:
    full = StorageError("The disk is full", "ledger", "make room")
    notices: list[LLMHubError] = []
    troubles: list[LLMHubError] = []

    def take() -> list[LLMHubError]:
        taken, notices[:] = list(notices), []
        return taken

    async with chat_app(host(), notices=take, troubles=lambda: tuple(troubles)) as stand:
        assert stand.chat.strip.error is None

        notices.append(full)
        troubles.append(StorageError("The disk is full", "ledger", "make room"))
        await shows(stand.pilot, "The disk is full", look.NOTICES_EVERY_S * 3)
        troubles.clear()

        await until(stand.pilot, lambda: stand.chat.strip.error is None, "the strip's end", look.NOTICES_EVERY_S * 3)


async def test_a_reply_that_nobody_stopped_is_interrupted_not_stopped() -> None:
    async with chat_app(host()) as stand:
        stand.host.will_say(MODEL, TextDelta("x"), asyncio.Event())
        await stand.say("one")
        await shows(stand.pilot, "x")

        # what a loop does to its tasks when llmhub comes down by a defect
        task = stand.session.runs[0].task
        assert task is not None
        task.cancel()
        await stand.done()

        assert [turn.status for turn in stand.ledger.turns] == [TurnStatus.INTERRUPTED]


async def test_something_else_at_the_address_is_not_answered_with_an_installation() -> None:
    stranger = host()
    stranger.failures["info"] = failure(
        FailureKind.PROTOCOL,
        happened="A web page came instead of an answer",
        subject="http://127.0.0.1:11434",
        remedy="correct [ollama] url",
    )

    async with chat_app(stranger, wait=False) as stand:
        await shows(stand.pilot, "A web page came")

        screen = drawn(stand.app)
        assert "correct [ollama] url" in screen
        assert "install" not in screen


async def test_a_change_that_comes_while_the_picker_is_taken_away_finds_nobody_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with chat_app(host()) as stand:
        await stand.pilot.press("ctrl+t", "down", "enter")
        await shows(stand.pilot, "Which model?")
        picker = stand.app.screen
        assert isinstance(picker, ModelPicker)

        picker.dismiss(None)
        await picker.query("*").remove()
        stand.hub.changed()
        await until(stand.pilot, lambda: stand.app.screen is stand.chat, "the chat")

    assert "a listener failed" not in caplog.text
