"""The screens offline: started so, and switched so in the middle of a reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from llmhub.bootstrap import World
from llmhub.core.conversations import LaneSetup
from llmhub.core.session import ChatSession
from llmhub.core.turns import TurnStatus
from llmhub.settings.config import read_settings
from llmhub.settings.places import Places
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_script import OpenRouterScript
from llmhub.simulators.script import OllamaScript
from llmhub.ui.app import LLMHubApp
from llmhub.ui.chat.palette import COMMANDS
from llmhub.ui.screens.chat import ChatScreen
from llmhub.ui.theming import variable_defaults
from support.screens import drawn, until
from support.sessions import every_byte_below
from support.tls import corporate_proxy, private_ca, tls_front
from support.tripwire import tripwire

KEY = "sk-or-v1-5f4dcc3b5aa765d61d8327deb882cf99"
HOST = "openrouter.example"
CLOUD = LaneSetup("openrouter", "openai/gpt-4o")
NOT_ALONE = {"editor"}
"""Gives the terminal to another program."""


class Opened:
    """The app over the real parts."""

    def __init__(self, app: LLMHubApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def chat(self) -> ChatScreen:
        return next(screen for screen in self.app.screen_stack_of("chat") if isinstance(screen, ChatScreen))

    @property
    def session(self) -> ChatSession:
        assert self.chat.session is not None
        return self.chat.session

    async def back_to_chat(self) -> None:
        """Leave every question that is open."""
        for _ in range(4):
            if len(self.app.screen_stack) == 1:
                break
            await self.pilot.press("escape")
            await self.pilot.pause()
        await self.pilot.press("f2")
        await until(self.pilot, lambda: self.app.current_mode == "chat", "Chat")


@asynccontextmanager
async def the_app(home: Path, environ: Mapping[str, str]) -> AsyncIterator[Opened]:
    """The app over the real world: settings, ledger, transport, backends."""
    places = Places.below(home)
    world = World(read_settings(places.config_file, environ), places, environ)
    app = LLMHubApp(world.connect, close=world.close, offline=world.config.offline, variable_defaults=variable_defaults)
    app.animation_level = "none"
    async with app.run_test(size=(120, 40)) as pilot:
        opened = Opened(app, pilot)
        await until(pilot, lambda: app.hub is not None and app.hub.state.looked, "the first look at the daemon")
        await until(pilot, lambda: opened.chat.session is not None, "a chat")
        yield opened
        await app.leave()


@pytest.fixture
async def daemon() -> AsyncIterator[OllamaSimulator]:
    async with OllamaSimulator(OllamaScript().at_once()) as sim:
        yield sim


@pytest.mark.slow
async def test_offline_no_screen_and_no_action_touches_the_wire(own_home: Path, daemon: OllamaSimulator) -> None:
    environ = {"LLMHUB_OFFLINE": "true", "LLMHUB_OLLAMA_URL": daemon.url, "OPENROUTER_API_KEY": KEY}

    with tripwire() as touched:
        async with the_app(own_home, environ) as opened:
            pilot, session = opened.pilot, opened.session
            session.add_lane(CLOUD)
            session.send("hello")
            await until(pilot, lambda: len(session.runs) == 2 and not session.running, "both replies")
            ends = {run.setup.backend: (run.turn.status, run.error) for run in session.runs.values() if run.turn}
            for _, action, _ in COMMANDS:
                if action not in NOT_ALONE | {"offline"}:
                    await opened.chat.run_action(action)
                    await pilot.pause()
                    await opened.back_to_chat()
            await pilot.press("ctrl+t")
            await pilot.press(*"gpt-4o")
            await opened.back_to_chat()
            for mode in ("f3", "f4"):
                await pilot.press(mode)
                await pilot.pause()
                await pilot.press("down", "enter")
                await opened.back_to_chat()
            await pilot.press("f3")
            await pilot.press("p", *"llama3.2:1b", "enter")
            await pilot.pause()
            await opened.back_to_chat()
            shown = drawn(opened.app)

    assert touched == []
    assert ends["ollama"][0] is TurnStatus.COMPLETE
    assert ends["openrouter"][0] is TurnStatus.ERROR
    error = ends["openrouter"][1]
    assert error is not None
    assert str(error.kind) == "offline"
    assert "offline" in shown
    assert KEY not in shown


async def test_online_the_same_app_would_touch_it(own_home: Path, daemon: OllamaSimulator) -> None:
    environ = {"LLMHUB_OLLAMA_URL": daemon.url, "OPENROUTER_API_KEY": KEY}

    with tripwire() as touched:
        async with the_app(own_home, environ) as opened:
            opened.session.add_lane(CLOUD)
            opened.session.send("hello")
            await until(opened.pilot, lambda: len(opened.session.runs) == 2 and not opened.session.running, "replies")

    assert any("openrouter.ai" in line for line in touched)


async def test_the_switch_in_the_app_ends_what_streams_and_lets_nothing_more_out(
    own_home: Path, daemon: OllamaSimulator, tmp_path: Path
) -> None:
    ca = private_ca(tmp_path / "ca", HOST)
    sim = OpenRouterSimulator(OpenRouterScript(key=KEY, crowd=3, tokens_per_s=15, first_token_s=0))
    async with (
        sim,
        tls_front(sim.port, ca.server) as port,
        corporate_proxy({f"{HOST}:443": port}) as proxy,
    ):
        environ = {
            "LLMHUB_OLLAMA_URL": daemon.url,
            "OPENROUTER_API_KEY": KEY,
            "LLMHUB_OPENROUTER_URL": f"https://{HOST}/api/v1",
            "LLMHUB_NET_CA_FILE": str(ca.ca_file),
            "HTTPS_PROXY": proxy.url,
        }
        with tripwire() as touched:
            async with the_app(own_home, environ) as opened:
                pilot, session = opened.pilot, opened.session
                lane = session.add_lane(CLOUD)
                session.send("count to a thousand")
                await until(pilot, lambda: lane in session.runs, "the run")
                run = session.runs[lane]
                await until(pilot, lambda: run.meter is not None and run.meter.pieces > 3, "the first words")
                asked = len(sim.requests)
                tunnels = len(proxy.heads)

                await opened.chat.run_action("offline")
                await until(pilot, lambda: not session.running, "the end of the reply")
                first = (run.turn.status if run.turn else None, run.error)
                session.send("again")
                await until(pilot, lambda: not session.running, "the end of the second reply")
                second = session.runs[lane].error
                after = (len(sim.requests), len(proxy.heads))
                await asyncio.wait_for(_gone(proxy), 5)

                await opened.chat.run_action("offline")
                session.again(lane)
                again = session.runs[lane]
                await until(pilot, lambda: again.meter is not None and again.meter.pieces > 3, "words again")
                session.stop()
                await until(pilot, lambda: not session.running, "the end")

    assert touched == []
    assert first[0] is not None
    assert first[1] is not None
    assert str(first[1].kind) == "offline"
    assert second is not None
    assert str(second.kind) == "offline"
    assert after == (asked, tunnels)
    assert sim.credentials == {f"Bearer {KEY}"}
    assert all(KEY not in head for head in proxy.heads)
    assert [name for name, content in every_byte_below(own_home).items() if KEY.encode() in content] == []


async def _gone(proxy: object) -> None:
    while getattr(proxy, "_tasks"):  # noqa: B009 - each is a tunnel that still stands
        await asyncio.sleep(0.01)
