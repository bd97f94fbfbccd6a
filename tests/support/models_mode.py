"""The Models mode on a stand of its own: an app with three modes, a hub over fakes, a clock that stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from textual import on
from textual.app import App
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from llmhub.core.hub import Hub
from llmhub.core.models import LoadedModel
from llmhub.ui.screens.models import ModelsScreen
from llmhub.ui.theming import variable_defaults
from llmhub.ui.widgets.error_strip import ErrorStrip
from llmhub.ui.widgets.model_table import ModelTable
from llmhub.ui.widgets.status_bar import StatusBar
from support.fake_host import GIB, FakeHost, cloud_model, installed_model
from support.hubs import hub_of
from support.screens import until
from support.sized_models import tell_insides

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Other(Screen[None]):
    """Another mode."""

    def compose(self) -> Any:
        yield StatusBar("chat")


class Bench(App[None]):
    """Modes as the real app has them, and what it was told."""

    MODES: ClassVar[dict[str, Any]] = {"models": lambda: ModelsScreen(now=lambda: NOW), "chat": Other, "costs": Other}
    DEFAULT_MODE = "models"
    BINDINGS: ClassVar[list[Any]] = [
        Binding("f1", "help", "help", show=False),
        Binding("f2", "mode('chat')", "Chat", show=False),
        Binding("f3", "mode('models')", "Models", show=False),
    ]

    def __init__(self, *, demo: bool = False, offline: bool = False) -> None:
        super().__init__()
        self.animation_level = "none"
        self.demo = demo
        self.offline = offline
        self.chats: list[str] = []
        self.copied: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        theme = self.get_theme(self.theme)
        return variable_defaults(theme) if theme is not None else {}

    def action_mode(self, mode: str) -> None:
        self.switch_mode(mode)

    def action_help(self) -> None:
        self.action_show_help_panel()

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    @on(ModelsScreen.ChatWith)
    def _chat_with(self, event: ModelsScreen.ChatWith) -> None:
        self.chats.append(event.model)


@dataclass
class Stand:
    """Everything a test holds in its hands."""

    host: FakeHost
    hub: Hub
    app: Bench
    pilot: Pilot[Any]
    shown: list[str] = field(default_factory=list)

    @property
    def screen(self) -> ModelsScreen:
        return next(screen for screen in self.app._screen_stacks["models"] if isinstance(screen, ModelsScreen))

    @property
    def table(self) -> ModelTable:
        return self.screen.table

    @property
    def strip(self) -> ErrorStrip:
        return self.screen.strip

    @property
    def names(self) -> list[str]:
        return [row.name for row in self.table.rows]

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        await until(self.pilot, condition, what)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Put text where the focus is, at once: a key at a time takes long."""
        focused = self.app.focused
        assert isinstance(focused, Input)
        focused.insert_text_at_cursor(text)
        await self.pilot.pause()

    async def look(self) -> None:
        """Let the hub look at the daemon, and the screen draw it."""
        await self.hub.watch.look()
        await self.pilot.pause()


def some_models() -> FakeHost:
    """Six models: one on the GPU, one split, one in the cloud, one for embedding."""
    host = FakeHost(
        installed_model("qwen3:8b", capabilities=frozenset({"completion", "tools", "thinking"})),
        installed_model("gpt-oss:20b", 13_793_441_244, quantization="MXFP4", parameter_size="20.9B", family="gptoss",
                        context_trained=131_072, capabilities=frozenset({"completion", "tools", "thinking"})),
        installed_model("qwen3:32b", 19_763_251_440, parameter_size="32.8B"),
        installed_model("llama3.1:70b", 42_520_413_916, parameter_size="70.6B", family="llama",
                        context_trained=131_072, capabilities=frozenset({"completion", "tools", "vision", "insert"})),
        cloud_model("gpt-oss:120b-cloud"),
        installed_model("nomic-embed-text:latest", 274_302_450, quantization="F16", parameter_size="137M",
                        family="nomic-bert", context_trained=2048, capabilities=frozenset({"embedding"})),
    )  # fmt: skip
    host.residents = [
        LoadedModel(
            "qwen3:8b", 6_650_000_000, 6_650_000_000, expires_at=NOW + timedelta(minutes=4, seconds=12),
            context_tokens=8192,
        ),
        LoadedModel(
            "qwen3:32b", 22 * GIB, 16 * GIB + GIB // 2, never_expires=True, context_tokens=4096
        ),
    ]  # fmt: skip
    tell_insides(host)
    return host


@asynccontextmanager
async def models_mode(
    host: FakeHost | None = None,
    *,
    size: tuple[int, int] = (80, 24),
    connect: bool = True,
    wait: bool = True,
    demo: bool = False,
    offline: bool = False,
    **changes: Any,
) -> AsyncIterator[Stand]:
    """The Models mode, connected to a hub that has looked once.

    Args:
        wait: Until the memory is known and every model was looked up.
    """
    host = host if host is not None else some_models()
    app = Bench(demo=demo, offline=offline)
    hub = hub_of(host, demo=demo, offline=offline, **changes)
    async with app.run_test(size=size, notifications=True) as pilot:
        stand = Stand(host, hub, app, pilot)
        if connect:
            stand.screen.connect(hub)
            await hub.watch.look()
            if wait:
                await stand.until(lambda: hub.memory_state is not None)
                await stand.until(lambda: not hub.advisor.is_looking, "the insides of the models")
        try:
            yield stand
        finally:
            await hub.stop()
