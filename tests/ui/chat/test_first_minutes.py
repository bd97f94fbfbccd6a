"""The first five minutes: with models, without, without a daemon."""

from __future__ import annotations

from llmhub.core.daemon_start import StartAdvice, StartKind
from llmhub.core.first_models import FIRST_MODELS, GIB, FirstModel, picks
from llmhub.core.memory import MemoryState
from llmhub.core.models import PullEvent
from support.chat_mode import chat_app
from support.fake_host import FakeHost, installed_model, unreachable
from support.hubs import FakeAppMemory
from support.screens import drawn, shows, until

ADVICE = StartAdvice(StartKind.START, "sudo systemctl start ollama", "the service it was installed as", None)


async def test_chat_opens_on_the_loaded_model() -> None:
    host = FakeHost(installed_model("a:1b"), installed_model("b:1b"))
    host.loaded_as("b:1b")

    async with chat_app(host) as stand:
        assert [lane.model for lane in stand.session.chat.lanes.values()] == ["b:1b"]


async def test_chat_opens_on_the_model_used_last_when_none_is_loaded() -> None:
    memory = FakeAppMemory()
    memory.set("model", "b:1b")

    async with chat_app(FakeHost(installed_model("a:1b"), installed_model("b:1b")), app_memory=memory) as stand:
        assert [lane.model for lane in stand.session.chat.lanes.values()] == ["b:1b"]


async def test_an_embedding_model_is_not_what_chat_opens_on() -> None:
    embedding = installed_model("embed:latest", capabilities=frozenset({"embedding"}))

    async with chat_app(FakeHost(embedding, installed_model("b:1b"))) as stand:
        assert [lane.model for lane in stand.session.chat.lanes.values()] == ["b:1b"]


async def test_without_a_model_three_are_offered_and_a_digit_pulls() -> None:
    host = FakeHost()

    async with chat_app(host, wait=False) as stand:
        await shows(stand.pilot, "llama3.2:3b")
        screen = drawn(stand.app)
        assert "This machine can give a model 25.0 GiB" in screen
        assert "By a rule of thumb" in screen
        host.will_pull("llama3.2:3b", PullEvent("pulling manifest"), PullEvent("success"))
        await stand.pilot.press("1")
        await until(stand.pilot, lambda: stand.chat.session is not None, "a chat with the new model")

        assert [lane.model for lane in stand.session.chat.lanes.values()] == ["llama3.2:3b"]


async def test_a_prompt_typed_while_the_first_model_comes_is_sent_when_it_is_there() -> None:
    import asyncio

    host = FakeHost()
    gate = asyncio.Event()
    host.will_pull("llama3.2:3b", PullEvent("pulling manifest"), gate, PullEvent("success"))

    async with chat_app(host, wait=False) as stand:
        await shows(stand.pilot, "llama3.2:3b")
        await stand.pilot.press("1")
        await stand.pilot.press(*"hello", "enter")
        assert "held" in drawn(stand.app)
        assert host.requests == []
        gate.set()
        await until(stand.pilot, lambda: host.requests, "the held prompt")
        await stand.done()

        assert host.requests[0].messages[-1].text == "hello"


async def test_a_click_takes_the_pick_it_is_on_also_below_a_line_that_is_wrapped() -> None:
    async def memory() -> MemoryState:
        return MemoryState("RAM", 25 * GIB, 25 * GIB, "the system's memory; Some Card 9000 cannot be measured: set it")

    host = FakeHost()
    async with chat_app(host, (80, 24), wait=False, memory=memory) as stand:
        await shows(stand.pilot, "2 balanced")
        lines = drawn(stand.app).splitlines()
        assert any(line.strip().endswith("set it).") and "can give" not in line for line in lines), "wrapped"
        at = next(at for at, line in enumerate(lines) if "2 balanced" in line)

        await stand.pilot.click(offset=(10, at))
        await until(stand.pilot, lambda: [call for call in host.calls if call[0] == "pull"], "a pull")

        assert ("pull", "qwen3:8b") in host.calls


async def test_letters_typed_at_the_offer_go_into_the_prompt() -> None:
    async with chat_app(FakeHost(), wait=False) as stand:
        await shows(stand.pilot, "llama3.2:3b")

        await stand.pilot.press(*"why")

        assert stand.chat.prompt.text == "why"


async def test_without_a_daemon_the_one_command_is_shown_copied_and_the_app_goes_on_by_itself() -> None:
    host = FakeHost(installed_model("a:1b"))
    host.down = True

    async with chat_app(host, wait=False, start_advice=ADVICE) as stand:
        await shows(stand.pilot, "sudo systemctl start ollama")
        assert "Nothing answers" in drawn(stand.app)
        await stand.pilot.press("c")
        assert stand.app.copied == "sudo systemctl start ollama"
        host.down = False
        stand.hub.watch.poke()
        await until(stand.pilot, lambda: stand.chat.session is not None, "going on")

        assert stand.app.focused is stand.chat.prompt


async def test_a_daemon_that_dies_later_leaves_the_chat_as_it_is() -> None:
    host = FakeHost(installed_model("a:1b"))

    async with chat_app(host) as stand:
        await stand.say("one")
        await stand.done()
        host.failures["installed"] = unreachable()
        stand.hub.watch.poke()
        await until(stand.pilot, lambda: not stand.hub.state.alive, "the look that fails")

        assert "Hello from a:1b." in drawn(stand.app)
        assert "no Ollama" in drawn(stand.app)


def test_the_three_picks_are_the_smallest_the_middle_and_the_largest_that_fits() -> None:
    roles = [(pick.role, pick.model.name) for pick in picks(FIRST_MODELS, 25 * GIB)]

    assert roles == [("fast", "llama3.2:3b"), ("balanced", "qwen3:8b"), ("largest", "qwen3-coder:30b")]


def test_a_small_machine_is_offered_what_fits_and_told_when_nothing_does() -> None:
    assert [pick.model.name for pick in picks(FIRST_MODELS, 4 * GIB)] == ["llama3.2:3b"]
    assert [(p.model.name, p.likely_fits) for p in picks(FIRST_MODELS, GIB)] == [("llama3.2:3b", False)]


def test_unknown_memory_promises_nothing() -> None:
    assert {pick.likely_fits for pick in picks(FIRST_MODELS, None)} == {None}
    assert picks((), 25 * GIB) == ()
    assert picks((FirstModel("x", 1, ""),), 25 * GIB)[0].likely_fits is True
