"""The whole app over fakes, with a clock that the test moves and a day that stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from textual.pilot import Pilot

from llmhub.core.costs.labels import Label
from llmhub.core.hub import Hub
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.session import ChatSession
from llmhub.ui.app import LLMHubApp
from llmhub.ui.screens.chat import ChatScreen
from llmhub.ui.theming import variable_defaults
from llmhub.ui.transcript import inline
from support.fake_host import FakeHost
from support.fake_ledger import FakeChats, FakeLedger
from support.hubs import services
from support.screens import until

inline.prepare()  # in the app a thread does it while the first word is waited for; here words come at once
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DECLARED = Profile(
    profile_id="p1",
    since=datetime(2026, 11, 1, tzinfo=UTC),
    declared=frozenset({"busy_w", "idle_w", "price_usd", "usd_per_kwh"}),
    busy_w=Decimal(60),
    idle_w=Decimal(8),
    price_usd=Decimal(1999),
    usd_per_kwh=Decimal("0.34"),
)
assert DECLARED.label("busy_w") is Label.DECLARED


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class QuietApp(LLMHubApp):
    """The app, with a clipboard of its own."""

    copied: str = ""

    def copy_to_clipboard(self, text: str) -> None:
        self.copied = text


@dataclass
class Stand:
    """Everything a test holds in its hands."""

    app: QuietApp
    pilot: Pilot[None]
    host: FakeHost
    clock: Clock
    ledger: FakeLedger
    chats: FakeChats

    @property
    def chat(self) -> ChatScreen:
        """The chat screen."""
        return next(screen for screen in self.app.screen_stack_of("chat") if isinstance(screen, ChatScreen))

    @property
    def session(self) -> ChatSession:
        """The open chat."""
        assert self.chat.session is not None
        return self.chat.session

    @property
    def hub(self) -> Hub:
        """The app's hub."""
        assert self.app.hub is not None
        return self.app.hub

    async def say(self, text: str) -> None:
        """Type `text` and send it."""
        self.chat.prompt.put(text)
        await self.pilot.press("enter")

    async def done(self) -> None:
        """Wait until nothing streams and everything is drawn."""
        await until(self.pilot, lambda: not self.session.running and self.session.queued is None, "the replies' end")
        for transcript in self.chat.board.transcripts:
            transcript.flush()
        await self.pilot.pause()


@asynccontextmanager
async def chat_app(
    host: FakeHost,
    size: tuple[int, int] = (120, 40),
    *,
    wait: bool = True,
    profile: Profile | None = None,
    **changes: Any,
) -> AsyncIterator[Stand]:
    """The app, connected to `host`; keywords replace single services."""
    clock = Clock()
    parts: dict[str, Any] = {"clock": clock, "now": lambda: NOW}
    if profile is not None:
        parts["profiles"] = ProfileBook((profile,))
    made = services(host, **(parts | changes))

    async def connect() -> Any:
        return made

    app = QuietApp(connect, variable_defaults=variable_defaults, demo=made.demo)
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        assert isinstance(made.ledger, FakeLedger)
        assert isinstance(made.chats, FakeChats)
        stand = Stand(app, pilot, host, clock, made.ledger, made.chats)
        await until(pilot, lambda: app.hub is not None and app.hub.state.looked, "the first look")
        if wait:
            await until(pilot, lambda: stand.chat.session is not None, "a session")
        await pilot.pause()
        yield stand
        if stand.chat.session is not None:
            await stand.chat.session.close()
        if app.hub is not None:
            await app.hub.stop()
