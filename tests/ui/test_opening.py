"""The first frame is there before Chat is, and nothing typed at it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.theme import Theme

from llmhub.ui import theming
from llmhub.ui.app import LLMHubApp
from llmhub.ui.screens.chat import ChatScreen
from llmhub.ui.screens.opening import OpeningScreen
from support.fake_host import FakeHost, installed_model
from support.hubs import services
from support.processes import run_python
from support.screens import drawn, until


class GatedApp(LLMHubApp):
    """Chat is imported when the test says so."""

    def __init__(self, host: FakeHost, **more: Any) -> None:
        async def connect() -> Any:
            return services(host)

        super().__init__(connect, variable_defaults=theming.variable_defaults, **more)
        self.gate = asyncio.Event()

    async def _open_chat(self) -> None:
        await self.gate.wait()
        await super()._open_chat()

    @property
    def chat(self) -> ChatScreen:
        return next(screen for screen in self.screen_stack_of("chat") if isinstance(screen, ChatScreen))


@asynccontextmanager
async def opening(host: FakeHost) -> AsyncIterator[tuple[GatedApp, Pilot[None]]]:
    app = GatedApp(host)
    app.animation_level = "none"
    async with app.run_test(size=(120, 40)) as pilot:
        yield app, pilot
        if app.hub is not None:
            if app.chat.session is not None:
                await app.chat.session.close()
            await app.hub.stop()


async def opened(app: GatedApp, pilot: Pilot[None]) -> None:
    app.gate.set()
    await until(pilot, lambda: app.hub is not None and app.hub.state.looked, "the first look")
    await pilot.pause()


async def test_the_first_frame_has_a_prompt_and_says_what_it_waits_for() -> None:
    async with opening(FakeHost(installed_model("a:1b"))) as (app, pilot):
        await pilot.pause()
        screen = drawn(app)

    assert "Looking for Ollama …" in screen
    assert "Ask something" in screen
    assert screen.rstrip().endswith("F1 help")


async def test_what_is_typed_at_the_first_frame_stands_in_the_chats_prompt_with_its_cursor() -> None:
    async with opening(FakeHost(installed_model("a:1b"))) as (app, pilot):
        await pilot.press("h", "o", "left")
        await opened(app, pilot)
        await pilot.press("e", "l", "l")

        assert app.chat.prompt.text == "hello"


async def test_keys_pressed_while_chat_takes_over_keep_their_order() -> None:
    async with opening(FakeHost(installed_model("a:1b"))) as (app, pilot):
        app.gate.set()
        for key in "abcdefghij":
            await pilot.press(key)
        await until(pilot, lambda: app.hub is not None, "the hub")

        assert app.chat.prompt.text == "abcdefghij"


async def test_a_prompt_sent_at_the_first_frame_is_asked_as_soon_as_there_is_a_model() -> None:
    async with opening(FakeHost(installed_model("a:1b"))) as (app, pilot):
        await pilot.press("h", "i", "enter", "x")
        await opened(app, pilot)
        await until(pilot, lambda: app.chat.session is not None and bool(app.chat.session.chat.nodes), "the question")

        assert app.chat.session is not None
        assert [node.content for node in app.chat.session.chat.nodes.values()][:1] == ["hi"]
        assert app.chat.prompt.text == "x"


async def test_a_mode_asked_for_at_the_first_frame_is_gone_to_when_it_can_be() -> None:
    async with opening(FakeHost(installed_model("a:1b"))) as (app, pilot):
        await pilot.press("f4")
        modes = [app.current_mode]
        await opened(app, pilot)
        await until(pilot, lambda: app.current_mode == "costs", "the costs")

        assert modes == ["opening"]
        assert app.screen_stack_of("opening") == []


async def test_leaving_at_the_first_frame_is_possible() -> None:
    async with opening(FakeHost()) as (app, pilot):
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app.is_running is False or app._exit, "the end")


def test_the_first_frame_imports_neither_the_chat_nor_what_is_slow() -> None:
    slow = {
        "ollama",
        "pydantic",
        "tinydb",
        "httpx",
        "keyring",
        "psutil",
        "llmhub.core.session",
        "llmhub.ui.transcript",
        "llmhub.formats",
    }
    code = f"import sys, llmhub.ui.app; print(*sorted({slow!r} & sys.modules.keys()))"

    assert run_python(code).stdout.split() == []


def test_the_opening_is_a_screen_of_its_own() -> None:
    assert LLMHubApp.MODES[LLMHubApp.DEFAULT_MODE] is OpeningScreen


@pytest.fixture
def themes() -> tuple[Theme, ...]:
    return theming.load(theming.bundled()).themes


@pytest.mark.parametrize("name", ["graphite", "paper"])
async def test_a_theme_from_the_start_looks_as_one_that_is_set_later(name: str, themes: tuple[Theme, ...]) -> None:
    async def looks(*, at_once: bool) -> tuple[list[str], list[list[tuple[str, str]]], dict[str, str]]:
        app = GatedApp(FakeHost(), themes=themes, theme=name if at_once else None)
        if not at_once:
            app.theme = name
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.theme_variables.get("background") is not None, "colours")
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            return (
                sorted(app.classes),
                [[(part.text, str(part.style)) for part in row] for row in strips],
                dict(app.theme_variables),
            )

    assert await looks(at_once=True) == await looks(at_once=False)
