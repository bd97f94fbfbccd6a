"""Chat, driven by keys: what is sent, shown, stopped, kept and booked."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from textual.binding import Binding
from textual.widget import Widget

from llmhub.core.chat import Durations, Finished, Served, TextDelta, ThinkingDelta, Usage
from llmhub.core.conversations import Chat
from llmhub.core.errors import FailureKind
from llmhub.core.places import OLLAMA_CLOUD
from llmhub.core.turns import TurnStatus
from llmhub.ui.screens.chats import ChatsScreen
from llmhub.ui.screens.forms import FormScreen, MenuScreen, TextScreen
from llmhub.ui.transcript import Transcript
from llmhub.ui.widgets.model_picker import ModelPicker
from support.chat_mode import DECLARED, Stand, chat_app
from support.fake_host import FakeHost, cloud_model, failure, installed_model, unreachable
from support.fake_ledger import FakeChats
from support.screens import drawn, shows, until

DONE = Finished("stop", Usage(20, 412, source="daemon"), Durations(10_000_000_000, 0, 1_000_000_000, 8_728_813_559))


def focused(stand: Stand) -> Widget | None:
    return stand.app.focused


def panel_shows(stand: Stand) -> bool:
    return stand.chat.panel.display


def two_models() -> FakeHost:
    return FakeHost(installed_model("qwen3:8b"), installed_model("llama3.2:3b", 2_019_393_189))


async def test_what_is_typed_is_sent_answered_drawn_and_booked() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", TextDelta("A **bold** word."), DONE)

        await stand.pilot.press(*"hi there", "enter")
        await stand.done()

        screen = drawn(stand.app)
        assert "hi there" in screen
        assert "A bold word." in screen
        assert "● qwen3:8b · this machine" in screen
        assert "47.2 tok/s" in screen
        assert "412 tok" in screen
        assert [turn.status for turn in stand.ledger.turns] == [TurnStatus.COMPLETE]


async def test_the_cursor_is_in_the_prompt_and_no_question_is_asked() -> None:
    async with chat_app(two_models()) as stand:
        assert stand.app.focused is stand.chat.prompt
        assert len(stand.app.screen_stack) == 1


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter", "alt+enter"])
async def test_a_new_line_is_no_sending(key: str) -> None:
    async with chat_app(two_models()) as stand:
        await stand.pilot.press("a", key, "b")

        assert stand.chat.prompt.text == "a\nb"
        assert stand.host.requests == []


async def test_a_backslash_before_enter_makes_a_new_line() -> None:
    async with chat_app(two_models()) as stand:
        await stand.pilot.press("a", "backslash", "enter", "b")

        assert stand.chat.prompt.text == "a\nb"
        assert stand.host.requests == []


async def test_a_pasted_text_never_sends() -> None:
    from textual import events

    async with chat_app(two_models()) as stand:
        stand.chat.prompt.post_message(events.Paste("one\ntwo\r\nthree\n"))
        await stand.pilot.pause()

        assert "two" in stand.chat.prompt.text
        assert stand.host.requests == []


async def test_escape_stops_the_stream_and_what_arrived_is_kept_and_booked() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", TextDelta("so far"), asyncio.Event())
        await stand.say("go")
        await shows(stand.pilot, "so far")

        await stand.pilot.press("escape")
        await stand.done()

        assert "so far" in drawn(stand.app)
        assert "stopped" in drawn(stand.app)
        assert [turn.status for turn in stand.ledger.turns] == [TurnStatus.CANCELLED]
        assert stand.host.closed_early == ["qwen3:8b"]


async def test_escape_in_an_idle_prompt_goes_to_the_transcript_and_i_comes_back() -> None:
    async with chat_app(two_models()) as stand:
        await stand.say("go")
        await stand.done()

        await stand.pilot.press("escape")
        assert isinstance(focused(stand), Transcript)
        assert "y copy" in drawn(stand.app)
        await stand.pilot.press("i")

        assert stand.app.focused is stand.chat.prompt


async def test_the_next_prompt_is_queued_while_one_streams_and_escape_takes_it_back() -> None:
    async with chat_app(two_models()) as stand:
        gate = asyncio.Event()
        stand.host.will_say("qwen3:8b", TextDelta("one"), gate, DONE)
        await stand.say("first")
        await shows(stand.pilot, "one")

        await stand.say("second")
        assert "queued" in drawn(stand.app)
        await stand.pilot.press("escape")
        assert stand.chat.prompt.text == "second"
        assert stand.session.running
        await stand.pilot.press("enter")
        gate.set()
        await stand.done()

        asked = [[m.text for m in request.messages if m.role == "user"] for request in stand.host.requests]
        assert asked == [["first"], ["first", "second"]]


async def test_up_in_an_empty_prompt_brings_back_what_was_asked_before() -> None:
    async with chat_app(two_models()) as stand:
        for text in ("one", "two"):
            await stand.say(text)
            await stand.done()

        await stand.pilot.press("up")
        assert stand.chat.prompt.text == "two"
        await stand.pilot.press("up")
        assert stand.chat.prompt.text == "one"
        await stand.pilot.press("down", "down")

        assert stand.chat.prompt.text == ""


async def test_ctrl_t_adds_a_lane_and_one_prompt_goes_to_both() -> None:
    async with chat_app(two_models()) as stand:
        await stand.pilot.press("ctrl+t")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, MenuScreen), "the menu of lanes")
        await stand.pilot.press("enter")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, ModelPicker), "the picker")
        await stand.pilot.press(*"llama")
        await stand.pilot.press("enter")
        await until(stand.pilot, lambda: len(stand.session.chat.lanes) == 2, "a second lane")

        await stand.say("both of you")
        await stand.done()

        assert {request.model for request in stand.host.requests} == {"qwen3:8b", "llama3.2:3b"}
        assert len({turn.context.group_id for turn in stand.ledger.turns}) == 1
        screen = drawn(stand.app)
        assert "Hello from qwen3:8b." in screen
        assert "Hello from llama3.2:3b." in screen


async def lanes(stand: object, *models: str) -> None:
    from llmhub.core.conversations import LaneSetup
    from support.chat_mode import Stand

    assert isinstance(stand, Stand)
    for model in models:
        stand.session.add_lane(LaneSetup("ollama", model))
    await stand.pilot.pause()
    await until(stand.pilot, lambda: len(stand.chat.board.transcripts) == len(stand.session.chat.lanes), "the lanes")


@pytest.mark.parametrize(("size", "beside"), [((120, 40), True), ((80, 24), False)])
async def test_lanes_stand_side_by_side_where_there_is_room_and_else_one_under_the_other(
    size: tuple[int, int], *, beside: bool
) -> None:
    async with chat_app(two_models(), size) as stand:
        await lanes(stand, "llama3.2:3b")
        await stand.say("both")
        await stand.done()

        first, second = (transcript.region for transcript in stand.chat.board.transcripts)
        assert (first.y == second.y) is beside
        assert (first.x == second.x) is not beside


async def test_four_lanes_work_as_one_does() -> None:
    async with chat_app(two_models()) as stand:
        await lanes(stand, "llama3.2:3b", "qwen3:8b", "llama3.2:3b")
        await stand.say("all four")
        await stand.done()

        assert [turn.context.lane for turn in sorted(stand.ledger.turns, key=lambda t: t.context.lane)] == [0, 1, 2, 3]
        assert all(node.status == "complete" for lane in range(4) for node in [stand.session.chat.path(lane)[-1]])


async def test_a_lane_can_be_given_other_parameters() -> None:
    async with chat_app(two_models()) as stand:
        await stand.pilot.press("ctrl+t")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, MenuScreen), "the menu")
        await stand.pilot.press("down", "down", "enter")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, FormScreen), "the form")
        await stand.pilot.press(*"12x", "ctrl+s")
        assert "a whole number" in drawn(stand.app)
        await stand.pilot.press(
            "backspace", "backspace", "backspace", *"4096", "enter", *"99", "enter", *"0.5", "enter", *"no", "enter"
        )
        await until(stand.pilot, lambda: stand.session.chat.lanes[0].num_ctx == 4096, "the parameters")

        await stand.say("go")
        await stand.done()

        request = stand.host.requests[-1]
        assert (request.num_ctx, request.max_tokens, request.params.temperature) == (4096, 99, 0.5)


async def test_thoughts_are_folded_and_t_opens_them() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", ThinkingDelta("secret musings", 84), TextDelta("Answer."), DONE)
        await stand.say("go")
        await stand.done()

        assert "secret musings" not in drawn(stand.app)
        assert "84 tokens" in drawn(stand.app)
        await stand.pilot.press("escape", "t")
        await shows(stand.pilot, "secret musings")


async def test_copying_a_reply_and_a_code_block_from_the_transcript() -> None:
    async with chat_app(two_models()) as stand:
        text = "Look:\n\n```python\nx = 1\n```\n\nand\n\n```sh\nls\n```\n"
        stand.host.will_say("qwen3:8b", TextDelta(text), DONE)
        await stand.say("go")
        await stand.done()

        await stand.pilot.press("escape", "y")
        await until(stand.pilot, lambda: stand.app.copied == text, "the reply on the clipboard")
        await stand.pilot.press("2")
        await until(
            stand.pilot, lambda: stand.app.copied == "ls\n" or stand.app.copied == "ls", "the second code block"
        )


async def test_asking_again_makes_a_sibling_and_the_versions_can_be_walked() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", TextDelta("first answer"), DONE)
        stand.host.will_say("qwen3:8b", TextDelta("second answer"), DONE)
        await stand.say("go")
        await stand.done()

        await stand.pilot.press("escape", "r")
        await shows(stand.pilot, "second answer")
        await stand.done()
        assert "2/2" in drawn(stand.app)
        stand.chat.action_version(-1)
        await shows(stand.pilot, "first answer")

        assert "1/2" in drawn(stand.app)
        assert "second answer" not in drawn(stand.app)


async def test_editing_a_question_asks_again_and_keeps_the_old_one() -> None:
    async with chat_app(two_models()) as stand:
        await stand.say("wrong question")
        await stand.done()

        await stand.pilot.press("escape", "e")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, TextScreen), "the editor")
        await stand.pilot.press(*"!!", "ctrl+s")
        await until(stand.pilot, lambda: len(stand.host.requests) == 2, "the second request")
        await stand.done()

        assert stand.host.requests[-1].messages[-1].text == "wrong question!!"
        texts = {node.content for node in stand.session.chat.nodes.values() if node.role == "user"}
        assert texts == {"wrong question", "wrong question!!"}


async def test_the_system_prompt_is_sent_first() -> None:
    async with chat_app(two_models()) as stand:
        stand.chat.action_system()
        await until(stand.pilot, lambda: isinstance(stand.app.screen, TextScreen), "the form")
        await stand.pilot.press(*"Be terse.", "ctrl+s")
        await until(stand.pilot, lambda: stand.session.chat.system == "Be terse.", "the system prompt")

        await stand.say("go")
        await stand.done()

        assert [(m.role, m.text) for m in stand.host.requests[-1].messages] == [("system", "Be terse."), ("user", "go")]


async def test_chats_are_listed_searched_resumed_renamed_and_deleted() -> None:
    async with chat_app(two_models()) as stand:
        for text in ("about apples", "about pears"):
            await stand.say(text)
            await stand.done()
            stand.chat.action_new_chat()
            await stand.pilot.pause()

        await stand.pilot.press("ctrl+r")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, ChatsScreen), "the chats")
        assert "about apples" in drawn(stand.app)
        assert "about pears" in drawn(stand.app)
        await stand.pilot.press(*"appl")
        await until(stand.pilot, lambda: "about pears" not in drawn(stand.app), "the search")
        await stand.pilot.press("enter")
        await until(stand.pilot, lambda: stand.session.chat.title == "about apples", "the old chat")
        await shows(stand.pilot, "Hello from qwen3:8b.")

        await stand.pilot.press("ctrl+r")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, ChatsScreen), "the chats")
        await stand.pilot.press(*"pears", "f7")
        await stand.pilot.press(*" and more", "enter")
        await until(stand.pilot, lambda: "about pears and more" in drawn(stand.app), "the new title")
        await stand.pilot.press(*"pears", "f8")
        assert "f8 again" in drawn(stand.app)
        await stand.pilot.press("f8")
        await until(stand.pilot, lambda: len(stand.chats.files) == 1, "the deletion")


async def test_a_chat_that_was_killed_in_mid_stream_opens_with_what_was_kept() -> None:
    chats = FakeChats()
    chat = Chat("old")
    entries = chat.start()
    from llmhub.core.conversations import LaneSetup

    entries += chat.add_lane(LaneSetup("ollama", "qwen3:8b"))[0]
    more, asked = chat.ask("long story", [0])
    entries += more
    more, node = chat.begin_reply(
        0, asked[0], turn_id="t", model="qwen3:8b", place={"kind": "this_machine", "name": ""}
    )
    chats.files["old"] = [*entries, *more, *chat.extend(node, "Once upon")]

    async with chat_app(two_models(), chats=chats) as stand:
        await stand.pilot.press("ctrl+r")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, ChatsScreen), "the chats")
        await stand.pilot.press("enter")
        await shows(stand.pilot, "Once upon")

        assert "interrupted" in drawn(stand.app)


async def test_a_cloud_model_behind_the_daemon_is_shown_and_booked_as_ollama_cloud() -> None:
    async with chat_app(FakeHost(cloud_model("gpt-oss:120b-cloud"))) as stand:
        stand.host.will_say("gpt-oss:120b-cloud", Served(OLLAMA_CLOUD, "gpt-oss:120b"), TextDelta("Hi"), DONE)
        await stand.say("go")
        await stand.done()

        screen = drawn(stand.app)
        assert "○ gpt-oss:120b-cloud · Ollama cloud" in screen
        assert "this machine" not in screen
        assert [turn.place for turn in stand.ledger.turns] == [OLLAMA_CLOUD]
        assert stand.ledger.turns[0].energy.charged_mj is None


# -- bad input -------------------------------------------------------------------------------------


async def test_a_dead_daemon_is_told_in_three_parts_and_enter_asks_again() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.failures["chat"] = unreachable()
        await stand.say("go")
        await stand.done()

        strip = stand.chat.strip
        assert strip.has_class("-told")
        assert "Nothing answers" in drawn(stand.app)
        assert "ollama serve" in drawn(stand.app)
        assert [turn.status for turn in stand.ledger.turns] == [TurnStatus.ERROR]
        del stand.host.failures["chat"]
        strip.focus()
        await stand.pilot.press("enter", "enter")
        await stand.done()

        assert not strip.has_class("-told")
        assert "Hello from qwen3:8b." in drawn(stand.app)


async def test_a_prompt_that_is_too_long_offers_a_larger_context_or_dropping_the_oldest_turns() -> None:
    async with chat_app(two_models()) as stand:
        for text in ("one " * 300, "two " * 300):
            await stand.say(text)
            await stand.done()
        overflow = failure(FailureKind.OVERFLOW, happened="The prompt is too long", subject="qwen3:8b")
        overflow.prompt_tokens, overflow.context_tokens = 9_000, 8_192
        stand.host.will_say("qwen3:8b", overflow)
        await stand.say("three")
        await stand.done()

        stand.chat.strip.focus()
        await stand.pilot.press("enter")
        screen = drawn(stand.app)
        assert "Larger context: 16,384 tokens" in screen
        assert "Leave out the oldest turn" in screen
        await stand.pilot.press("enter")
        await stand.done()

        assert stand.host.requests[-1].num_ctx == 16_384


async def test_a_model_that_is_gone_offers_to_pull_it() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.models = []
        stand.host.failures["chat"] = failure(FailureKind.NOT_FOUND, happened="Ollama does not have this model")
        await stand.say("go")
        await stand.done()
        del stand.host.failures["chat"]

        stand.chat.strip.focus()
        await stand.pilot.press("enter")
        assert "Pull qwen3:8b" in drawn(stand.app)
        await stand.pilot.press("enter")
        await until(stand.pilot, lambda: ("pull", "qwen3:8b") in stand.host.calls, "the pull")


async def test_terminal_escapes_and_markup_in_a_reply_and_in_an_error_are_text() -> None:
    hostile = "\x1b]0;owned\x07\x1b[31mred [bold]not bold[/bold] [/x] \x9b2J\u202eevil"
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", TextDelta(hostile), DONE)
        await stand.say("[/b] \x1b[2J")
        await stand.done()
        stand.host.failures["chat"] = failure(happened=hostile, subject=hostile, remedy="[/x]")
        await stand.say("again")
        await stand.done()

        screen = drawn(stand.app)
        assert "[bold]not bold[/bold]" in screen
        assert not any(sign in screen for sign in ("\x1b", "\x07", "\x9b", "\u202e"))


async def test_ctrl_c_stops_a_stream_and_only_the_second_idle_one_leaves() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", TextDelta("so far"), asyncio.Event())
        await stand.say("go")
        await shows(stand.pilot, "so far")

        await stand.pilot.press("ctrl+c")
        await stand.done()
        assert [turn.status for turn in stand.ledger.turns] == [TurnStatus.CANCELLED]
        await stand.pilot.press("ctrl+c")
        assert stand.app.is_running
        assert "ctrl+c again leaves" in drawn(stand.app)
        await stand.pilot.press("ctrl+c")
        await until(stand.pilot, lambda: stand.app._exit, "the exit")


async def test_quitting_in_mid_stream_asks_and_then_books_an_interrupted_turn() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", TextDelta("so far"), asyncio.Event())
        await stand.say("go")
        await shows(stand.pilot, "so far")

        await stand.pilot.press("ctrl+q")
        await shows(stand.pilot, "still streaming")
        await stand.pilot.press("n")
        await stand.pilot.pause()
        assert stand.session.running
        await stand.pilot.press("ctrl+q")
        await shows(stand.pilot, "still streaming")
        await stand.pilot.press("y")
        await until(stand.pilot, lambda: stand.app._exit, "the exit")

        assert [(turn.status, turn.reason) for turn in stand.ledger.turns] == [
            (TurnStatus.INTERRUPTED, "llmhub was closed")
        ]


# -- costs ----------------------------------------------------------------------------------------


async def test_the_panel_counts_live_never_falls_and_ends_on_the_booked_figure() -> None:
    async with chat_app(two_models(), profile=DECLARED) as stand:
        gate = asyncio.Event()
        stand.host.will_say("qwen3:8b", TextDelta("x", 5), gate, DONE)
        await stand.say("go")
        await shows(stand.pilot, "this turn")
        seen = []
        for _ in range(4):
            stand.clock.now += 1.0
            stand.chat.board._tick()
            await stand.pilot.pause()
            row = stand.chat.panel.turns[0]
            assert row.live
            assert row.power.amount is not None
            seen.append(row.power.amount)
        gate.set()
        await stand.done()

        assert seen == sorted(seen)
        assert seen[0] < seen[-1]
        row = stand.chat.panel.turns[0]
        assert not row.live
        turn = stand.ledger.turns[0]
        assert turn.energy.charged_mj == round(52 * float(turn.busy_s or 0) * 1000)
        joules = Decimal(turn.energy.charged_mj or 0) / 1000
        assert f"{row.power.amount:.12f}" == f"{joules / 3_600_000 * DECLARED.usd_per_kwh:.12f}"
        screen = drawn(stand.app)
        assert "this chat" in screen
        assert "today" in screen
        assert "November 1–20" in screen


async def test_a_missing_input_is_a_dash_with_the_one_thing_to_set_and_setting_it_fills_it() -> None:
    async with chat_app(two_models()) as stand:
        await stand.say("go")
        await stand.done()
        assert "— set the watts" in drawn(stand.app)
        assert "$0.00" not in drawn(stand.app).split("this turn")[1].splitlines()[0]

        stand.chat.action_prices()
        await until(stand.pilot, lambda: isinstance(stand.app.screen, FormScreen), "the form")
        await stand.pilot.press("escape")


async def test_ctrl_g_shows_and_hides_the_panel_and_the_choice_is_remembered() -> None:
    async with chat_app(two_models()) as stand:
        await stand.say("go")
        await stand.done()
        assert panel_shows(stand)

        await stand.pilot.press("ctrl+g")
        assert not panel_shows(stand)
        assert stand.hub.services.app_memory.get("cost_panel") is False
        await stand.pilot.press("ctrl+g")

        assert panel_shows(stand)


# -- two lanes beside each other, and getting about -----------------------------------------------


async def test_equals_tells_what_was_really_sent_to_each_lane_and_d_how_the_answers_differ() -> None:
    async with chat_app(two_models()) as stand:
        await lanes(stand, "llama3.2:3b")
        stand.host.will_say("qwen3:8b", TextDelta("same\nleft"), DONE)
        stand.host.will_say("llama3.2:3b", TextDelta("same\nright"), DONE)
        await stand.say("both")
        await stand.done()

        await stand.pilot.press("escape", "equals_sign")
        await shows(stand.pilot, "≠ model")
        assert "qwen3:8b  │  llama3.2:3b" in drawn(stand.app)
        await stand.pilot.press("escape")
        await stand.pilot.press("d")
        await shows(stand.pilot, "- qwen3:8b   + llama3.2:3b")

        screen = drawn(stand.app)
        assert "-  left" in screen
        assert "+  right" in screen


async def test_ctrl_o_puts_a_letter_on_everything_and_the_letter_goes_there() -> None:
    from llmhub.ui.screens.jump import JumpScreen

    async with chat_app(two_models()) as stand:
        await stand.say("go")
        await stand.done()

        await stand.pilot.press("ctrl+o")
        await until(stand.pilot, lambda: isinstance(stand.app.screen, JumpScreen), "the letters")
        assert " a " in drawn(stand.app)
        await stand.pilot.press("a")
        await until(stand.pilot, lambda: isinstance(stand.app.focused, Transcript), "the jump")


async def test_find_marks_what_is_looked_for_and_escape_closes_it() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", TextDelta("needle hay needle"), DONE)
        await stand.say("go")
        await stand.done()

        await stand.pilot.press("escape", "slash")
        await stand.pilot.press(*"needle")
        await shows(stand.pilot, "of 2")
        await stand.pilot.press("escape")

        assert isinstance(stand.app.focused, Transcript)
        assert "of 2" not in drawn(stand.app)


async def test_every_action_of_the_screen_is_in_the_palette() -> None:
    from llmhub.ui.chat.palette import COMMANDS
    from llmhub.ui.screens.chat import ChatScreen

    offered = {action.partition("(")[0] for _, action, _ in COMMANDS}
    bound = {
        binding.action.partition("(")[0]
        for binding in ChatScreen.BINDINGS
        if isinstance(binding, Binding) and binding.action != "interrupt"
    }

    assert bound <= offered
    assert all(hasattr(ChatScreen, f"action_{action}") for action in offered)


async def test_a_slash_in_an_empty_prompt_opens_the_palette_and_later_ones_are_text() -> None:
    async with chat_app(two_models()) as stand:
        await stand.pilot.press("a", "slash")
        assert stand.chat.prompt.text == "a/"
        stand.chat.prompt.clear()
        await stand.pilot.press("slash")

        await until(stand.pilot, lambda: "CommandPalette" in type(stand.app.screen).__name__, "the palette")


async def test_the_panel_gives_way_to_lanes_that_would_become_too_narrow() -> None:
    async with chat_app(two_models()) as stand:
        await lanes(stand, "llama3.2:3b")
        assert panel_shows(stand)
        await lanes(stand, "qwen3:8b")

        assert not panel_shows(stand)
        await stand.pilot.press("ctrl+g")
        assert panel_shows(stand)


async def test_a_daemon_that_does_not_say_how_long_the_prompt_was_still_leaves_both_ways_out() -> None:
    async with chat_app(two_models()) as stand:
        for text in ("one", "two", "three"):
            await stand.say(text)
            await stand.done()
        stand.host.will_say("qwen3:8b", failure(FailureKind.OVERFLOW, happened="The prompt is too long"))
        await stand.say("four")
        await stand.done()

        stand.chat.strip.focus()
        await stand.pilot.press("enter")
        assert "Leave out the 2 oldest turns" in drawn(stand.app)
        await stand.pilot.press("down", "enter")
        await stand.done()

        asked = [message.text for message in stand.host.requests[-1].messages if message.role == "user"]
        assert asked == ["three", "four"]


async def test_a_failure_is_no_longer_told_once_the_next_question_is_on_its_way() -> None:
    async with chat_app(two_models()) as stand:
        stand.host.will_say("qwen3:8b", failure(FailureKind.CUT))
        await stand.say("one")
        await stand.done()
        assert stand.chat.strip.error is not None

        stand.host.will_say("qwen3:8b", TextDelta("x"), asyncio.Event())
        await stand.say("two")
        await stand.pilot.pause()

        assert stand.chat.strip.error is None
