"""A chat in use, without a screen."""

from __future__ import annotations

import asyncio
from typing import Any

from llmhub.core.asking import turns_to_drop, without_oldest
from llmhub.core.chat import Durations, Finished, Message, TextDelta, ThinkingDelta, ThinkingPart, Usage
from llmhub.core.conversations import Chat, LaneSetup
from llmhub.core.errors import FailureKind
from llmhub.core.hub import Hub
from llmhub.core.models import ModelDetails
from llmhub.core.session import ChatSession, RunState
from llmhub.core.turns import TurnStatus
from support.fake_host import FakeHost, failure, installed_model, unreachable
from support.fake_ledger import FakeChats, FakeLedger
from support.hubs import Watcher, hub_of

DONE = Finished("stop", Usage(20, 3, source="daemon"), Durations(9, 1, 2, 6))


class Open:
    """A session over fakes."""

    def __init__(self, host: FakeHost, *models: str, hub: Hub | None = None) -> None:
        self.host = host
        self.hub = hub or hub_of(host)
        self.watcher = Watcher()
        self.session = ChatSession(self.hub, Chat("c1"), self.watcher, is_new=True)
        for model in models:
            self.session.add_lane(LaneSetup("ollama", model))

    @property
    def ledger(self) -> FakeLedger:
        ledger = self.hub.services.ledger
        assert isinstance(ledger, FakeLedger)
        return ledger

    @property
    def files(self) -> dict[str, list[dict[str, Any]]]:
        chats = self.hub.services.chats
        assert isinstance(chats, FakeChats)
        return chats.files

    async def done(self) -> None:
        async with asyncio.timeout(5):
            while self.session.running or self.session.queued is not None:
                await asyncio.sleep(0)
            for _ in range(5):
                await asyncio.sleep(0)

    def on_disk(self) -> Chat:
        return Chat.replay("c1", self.files["c1"])


async def open_with(*models: str, **installed: Any) -> Open:
    host = FakeHost(*(installed_model(model, **installed) for model in models))
    opened = Open(host, *models)
    await opened.hub.watch.look()
    return opened


async def came(opened: Open, word: str) -> None:
    async with asyncio.timeout(5):
        while word not in opened.watcher.heard:
            await asyncio.sleep(0)


async def test_one_prompt_goes_to_both_lanes_and_each_turn_is_booked_in_one_group() -> None:
    opened = await open_with("a:1b", "b:1b")

    assert opened.session.send("hello")
    await opened.done()

    turns = opened.ledger.turns
    assert [turn.model for turn in turns] == ["a:1b", "b:1b"]
    assert len({turn.context.group_id for turn in turns}) == 1
    assert [turn.context.lane for turn in turns] == [0, 1]
    assert [node.content for node in opened.on_disk().path(1)] == ["hello", "Hello from b:1b."]


async def test_text_on_disk_equals_the_streamed_text() -> None:
    opened = await open_with("a:1b")
    pieces = ["  lead", "ing\n\n", "ends \n"]
    opened.host.will_say("a:1b", ThinkingDelta("hm"), *(TextDelta(piece) for piece in pieces), DONE)

    opened.session.send("hello")
    await opened.done()

    reply = opened.on_disk().path(0)[-1]
    assert (reply.content, "".join(reply.thinking), reply.status) == ("".join(pieces), "hm", "complete")


async def test_signed_thoughts_are_on_disk_as_they_came() -> None:
    opened = await open_with("a:1b")
    signed = [ThinkingDelta("hm", 1, '{"text":"hm"}\n'), ThinkingDelta("", 0, '{"signature":"s"}\n')]
    opened.host.will_say("a:1b", *signed, TextDelta("Yes."), DONE)

    opened.session.send("hello")
    await opened.done()

    reply = opened.on_disk().path(0)[-1]
    assert reply.message.parts[0] == ThinkingPart("hm", '{"text":"hm"}\n{"signature":"s"}\n')


async def test_a_chat_without_a_question_leaves_no_file() -> None:
    opened = await open_with("a:1b")

    opened.session.rename("Nothing yet")
    assert opened.files == {}
    opened.session.send("hello")
    await opened.done()

    assert opened.on_disk().title == "Nothing yet"
    assert opened.on_disk().lanes[0].model == "a:1b"


async def test_two_models_that_are_not_both_loaded_are_asked_one_after_the_other() -> None:
    opened = await open_with("a:1b", "b:1b")
    gate = asyncio.Event()
    opened.host.will_say("a:1b", TextDelta("x"), gate, DONE)

    opened.session.send("hello")
    await came(opened, "TextDelta 0")
    assert opened.session.runs[1].state is RunState.QUEUED
    assert opened.session.runs[1].waits_for == "a:1b"
    assert [request.model for request in opened.host.requests] == ["a:1b"]
    gate.set()
    await opened.done()

    assert [turn.status for turn in opened.ledger.turns] == [TurnStatus.COMPLETE] * 2


async def test_the_next_prompt_is_queued_while_one_streams_and_sent_when_it_is_done() -> None:
    opened = await open_with("a:1b")
    gate = asyncio.Event()
    opened.host.will_say("a:1b", TextDelta("x"), gate, DONE)

    opened.session.send("one")
    await came(opened, "TextDelta 0")
    assert not opened.session.send("two")
    assert opened.session.queued == "two"
    gate.set()
    await opened.done()

    assert [node.content for node in opened.on_disk().path(0)] == ["one", "x", "two", "Hello from a:1b."]


async def test_stopping_keeps_what_arrived_and_books_it() -> None:
    opened = await open_with("a:1b")
    opened.host.will_say("a:1b", TextDelta("kept"), asyncio.Event())

    opened.session.send("one")
    await came(opened, "TextDelta 0")
    assert opened.session.stop()
    await opened.done()

    reply = opened.on_disk().path(0)[-1]
    assert (reply.content, reply.status) == ("kept", "cancelled")
    assert [turn.status for turn in opened.ledger.turns] == [TurnStatus.CANCELLED]


async def test_closing_in_mid_stream_books_an_interrupted_turn_and_sends_no_queued_prompt() -> None:
    opened = await open_with("a:1b")
    opened.host.will_say("a:1b", TextDelta("kept"), asyncio.Event())
    opened.session.send("one")
    await came(opened, "TextDelta 0")
    opened.session.send("never sent")

    await opened.session.close()

    assert [(turn.status, turn.reason) for turn in opened.ledger.turns] == [
        (TurnStatus.INTERRUPTED, "llmhub was closed")
    ]
    assert [node.content for node in opened.on_disk().path(0)] == ["one", "kept"]


async def test_a_dead_daemon_is_a_booked_failure_and_the_session_goes_on() -> None:
    opened = await open_with("a:1b")
    opened.host.down = True

    opened.session.send("one")
    await opened.done()
    error = opened.session.runs[0].error
    opened.host.down = False
    assert opened.session.again(0)
    await opened.done()

    assert error is not None
    assert error.kind is FailureKind.UNREACHABLE
    assert [turn.status for turn in opened.ledger.turns] == [TurnStatus.ERROR, TurnStatus.COMPLETE]
    assert [node.content for node in opened.on_disk().path(0)] == ["one", "Hello from a:1b."]


async def test_regenerating_and_editing_make_siblings() -> None:
    opened = await open_with("a:1b")
    opened.session.send("one")
    await opened.done()
    question, reply = opened.session.chat.path(0)

    opened.session.again(0, reply.id)
    await opened.done()
    opened.session.edit(question.id, "uno")
    await opened.done()

    chat = opened.on_disk()
    assert [node.content for node in chat.siblings(question.id)] == ["one", "uno"]
    assert len(chat.siblings(reply.id)) == 2
    assert [turn.context.seq for turn in opened.ledger.turns] == [1, 2, 3]


async def test_the_context_asked_for_is_always_sent_and_never_above_the_trained_one() -> None:
    opened = await open_with("a:1b", context_trained=4096)

    opened.session.send("one")
    await opened.done()
    opened.session.set_lane(0, LaneSetup("ollama", "a:1b", num_ctx=2048))
    opened.session.send("two")
    await opened.done()

    assert [request.num_ctx for request in opened.host.requests] == [4096, 2048]
    assert all(not request.truncate and not request.shift for request in opened.host.requests)


async def test_a_resident_load_or_a_preset_with_more_context_is_not_loaded_again_smaller() -> None:
    opened = await open_with("a:1b", "b:1b")
    opened.host.loaded_as("a:1b")
    opened.host.residents[0] = type(opened.host.residents[0])("a:1b", 1, 1, context_tokens=16_384)
    opened.host.shown["b:1b"] = ModelDetails(
        "b:1b", parameters="num_ctx                        12288", context_trained=40_960
    )
    await opened.hub.watch.look()

    opened.session.send("one")
    await opened.done()

    assert {request.model: request.num_ctx for request in opened.host.requests} == {"a:1b": 16_384, "b:1b": 12_288}


async def test_think_is_explicit_for_a_model_that_can_and_absent_for_one_that_cannot() -> None:
    host = FakeHost(
        installed_model("thinks:1b", capabilities=frozenset({"completion", "thinking"})), installed_model("plain:1b")
    )
    opened = Open(host, "thinks:1b", "plain:1b")
    await opened.hub.watch.look()

    opened.session.send("one")
    await opened.done()
    opened.session.set_lane(0, LaneSetup("ollama", "thinks:1b", think=False))
    opened.session.send("two")
    await opened.done()

    assert [(r.model, r.think) for r in host.requests] == [
        ("thinks:1b", True),
        ("plain:1b", None),
        ("thinks:1b", False),
        ("plain:1b", None),
    ]


async def test_an_older_daemon_that_lists_no_capabilities_is_asked_for_them() -> None:
    opened = await open_with("old:1b", capabilities=None)
    opened.host.shown["old:1b"] = ModelDetails("old:1b", capabilities=frozenset({"completion", "thinking"}))

    opened.session.send("one")
    await opened.done()

    assert opened.host.requests[0].think is True


async def test_the_prompt_that_repeats_the_turn_before_is_booked_with_its_length_and_the_gap() -> None:
    opened = await open_with("a:1b")
    opened.session.send("one")
    await opened.done()
    opened.session.send("two")
    await opened.done()

    first, second = opened.ledger.turns
    assert (first.context.prefix_tokens, first.context.gap_s) == (0, None)
    assert second.context.prefix_tokens == 12
    assert second.context.gap_s is not None
    assert 0 <= float(second.context.gap_s) < 60


async def test_what_is_used_of_the_context_is_what_the_last_turn_left() -> None:
    opened = await open_with("a:1b")
    assert opened.session.context_used(0) is None

    opened.session.send("one")
    await opened.done()

    assert opened.session.context_used(0) == 17
    assert opened.session.context_in_force(0) == 8192


async def test_a_prompt_too_long_can_be_asked_again_with_a_larger_context_or_without_the_oldest_turns() -> None:
    opened = await open_with("a:1b")
    for text in ("one", "two"):
        opened.session.send(text)
        await opened.done()
    opened.host.will_say("a:1b", failure(FailureKind.OVERFLOW))
    opened.session.send("three")
    await opened.done()

    opened.session.again(0, drop_turns=1)
    await opened.done()
    opened.session.again(0, num_ctx=16_384)
    await opened.done()

    dropped, larger = opened.host.requests[-2:]
    assert [message.text for message in dropped.messages if message.role == "user"] == ["two", "three"]
    assert (larger.num_ctx, opened.session.chat.lanes[0].num_ctx) == (16_384, 16_384)
    assert [m.text for m in larger.messages if m.role == "user"] == ["one", "two", "three"]


async def test_an_error_of_llmhubs_own_ends_one_lane_and_not_the_session() -> None:
    opened = await open_with("a:1b")

    async def broken(model: str) -> ModelDetails:
        raise KeyError("bug")

    opened.host.details = broken  # type: ignore[method-assign]
    opened.session.send("one")
    await opened.done()

    assert isinstance(opened.session.runs[0].failure, KeyError)
    assert opened.on_disk().path(0)[-1].status == "error"


async def test_a_failing_first_look_still_books_the_refusal() -> None:
    host = FakeHost()
    opened = Open(host, "gone:1b")
    host.failures["details"] = unreachable()

    opened.session.send("one")
    await opened.done()

    assert opened.session.runs[0].turn is not None


def test_leaving_out_the_oldest_turns_keeps_the_system_prompt_and_the_last_question() -> None:
    said = [("system", "s"), ("user", "1"), ("assistant", "1!"), ("user", "2"), ("assistant", "2!"), ("user", "3")]
    messages = tuple(Message.of(role, text) for role, text in said)  # type: ignore[arg-type]

    assert [m.text for m in without_oldest(messages, 1)] == ["s", "2", "2!", "3"]
    assert [m.text for m in without_oldest(messages, 9)] == ["s", "3"]


def test_how_many_turns_must_go_follows_from_the_true_length() -> None:
    messages = tuple(Message.of("user", "x" * 100) for _ in range(10))

    assert turns_to_drop(messages, prompt_tokens=1000, context_tokens=600, spare=100) == 5
    assert turns_to_drop(messages, prompt_tokens=1000, context_tokens=60, spare=0) == 0
