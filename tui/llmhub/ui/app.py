"""The Textual app: three modes, the hub they share, and how it is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from llmhub.core.errors import LLMHubError
from llmhub.ui import keys
from llmhub.ui.screens.chat import ChatScreen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.theme import Theme

    from llmhub.core.hub import Hub, Services
    from llmhub.ui.screens.models import ModelsScreen

log = logging.getLogger(__name__)

Connect = Callable[[], Awaitable["Services"]]
Close = Callable[[], Awaitable[tuple[str, ...]]]


async def nothing_to_close() -> tuple[str, ...]:
    """For tests and demos whose services need no closing."""
    return ()


def _models() -> Screen[None]:
    from llmhub.ui.screens.models import ModelsScreen

    return ModelsScreen()


def _costs() -> Screen[None]:
    from llmhub.ui.screens.costs import CostsScreen

    return CostsScreen()


class LLMHubApp(App[None]):
    """llmhub on a terminal.

    Args:
        connect: Makes the services; called after the first frame, because it imports and opens what takes time.
        close: Drains and closes them; returns what could not be saved, in words, for the terminal.
        themes: The themes that ship with llmhub and the person's own.
    """

    TITLE = "llmhub"

    ENABLE_COMMAND_PALETTE = True
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {
        "chat": ChatScreen,
        "models": _models,
        "costs": _costs,
    }
    DEFAULT_MODE = "chat"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "help", id="app.help", tooltip="What the keys do here", show=False),
        Binding("f2", "mode('chat')", "Chat", id="app.chat", tooltip="Go to Chat", show=False),
        Binding("f3", "mode('models')", "Models", id="app.models", tooltip="Go to Models", show=False),
        Binding("f4", "mode('costs')", "Costs", id="app.costs", tooltip="Go to Costs", show=False),
        Binding("ctrl+q", "leave", "quit", id="app.quit", tooltip="Leave llmhub", show=False, priority=True),
    ]

    def __init__(
        self,
        connect: Connect,
        *,
        close: Close = nothing_to_close,
        themes: Iterable[Theme] = (),
        theme: str | None = None,
        keymap: Mapping[str, str] | None = None,
        demo: bool = False,
        offline: bool = False,
        variable_defaults: Callable[[Theme], dict[str, str]] | None = None,
    ) -> None:
        keys.tell_alt_enter_apart()
        self._variable_defaults = variable_defaults
        super().__init__()
        self.hub: Hub | None = None
        self.demo = demo
        self.offline = offline
        self.farewell: tuple[str, ...] = ()
        """What the terminal is told after the app is gone: turns that could not be saved."""
        self._connect_services = connect
        self._close_services = close
        self._leaving = False
        for each in themes:
            self.register_theme(each)
        if theme and theme in self.available_themes:
            self.theme = theme
        if keymap:
            self.set_keymap(dict(keymap))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of our own for themes that do not name them."""
        if self._variable_defaults is None:
            from llmhub.ui.theming import variable_defaults

            self._variable_defaults = variable_defaults
        theme = self.get_theme(self.theme)
        return self._variable_defaults(theme) if theme is not None else {}

    def on_mount(self) -> None:
        """Paint first; everything that takes time comes after the first frame."""
        self.call_after_refresh(self._start)

    @work(exclusive=True, group="connect")
    async def _start(self) -> None:
        try:
            services = await self._connect_services()
        except LLMHubError as error:
            self._chat.failed(error)
            return
        from llmhub.core.hub import Hub

        self.hub = Hub(services)
        self.hub.start()
        for mode_screen in self._connectable():
            mode_screen.connect(self.hub)

    def _connectable(self) -> list[ChatScreen]:
        return [screen for screen in self.screen_stack_of("chat") if isinstance(screen, ChatScreen)]

    def screen_stack_of(self, mode: str) -> list[Screen[None]]:
        """The screens of a mode that was shown already."""
        return list(self._screen_stacks.get(mode, []))

    @property
    def _chat(self) -> ChatScreen:
        return next(screen for screen in self.screen_stack_of("chat") if isinstance(screen, ChatScreen))

    def action_mode(self, mode: str) -> None:
        """Go to a mode; a modal question is left first by its own keys."""
        if self.current_mode == mode or len(self.screen_stack) > 1:
            return
        self.switch_mode(mode)
        if self.hub is not None:
            self.call_after_refresh(self._connect_mode, mode)

    def _connect_mode(self, mode: str) -> None:
        for screen in self.screen_stack_of(mode):
            connect = getattr(screen, "connect", None)
            if connect is not None and self.hub is not None and getattr(screen, "hub", None) is None:
                connect(self.hub)

    def on_models_screen_chat_with(self, event: ModelsScreen.ChatWith) -> None:
        """Go to Chat with the model in the first lane."""
        self.action_mode("chat")
        self._chat.use_model(event.model)

    def action_help(self) -> None:
        """Show or hide the keys of where the focus is."""
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """What the palette offers everywhere."""
        yield SystemCommand("Chat", "Go to Chat (F2)", lambda: self.action_mode("chat"))
        yield SystemCommand("Models", "Go to Models (F3)", lambda: self.action_mode("models"))
        yield SystemCommand("Costs", "Go to Costs (F4)", lambda: self.action_mode("costs"))
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)
        yield SystemCommand("Keys", "What the keys do here (F1)", self.action_help)
        yield SystemCommand("Quit", "Leave llmhub (ctrl+q)", self.action_leave)

    # -- leaving ------------------------------------------------------------------------------

    async def action_quit(self) -> None:
        """Textual's own way out leads to ours."""
        self.action_leave()

    @work(exclusive=True, group="leave")
    async def action_leave(self) -> None:
        """Leave; ask first while something streams or pulls. What has arrived is kept and booked."""
        if self._leaving:
            return
        busy = self._chat.busy_words()
        if busy:
            from llmhub.ui.screens.confirm import Confirm

            if not await self.push_screen_wait(Confirm("Leave llmhub?", f"{busy} What has arrived is kept.", "leave")):
                return
        await self.leave()

    async def leave(self) -> None:
        """Stop every reply, hear how it ended, drain the ledger, then go."""
        if self._leaving:
            return
        self._leaving = True
        await self._chat.close()
        if self.hub is not None:
            await self.hub.stop()
        try:
            self.farewell = await asyncio.wait_for(self._close_services(), timeout=10)
        except TimeoutError:
            self.farewell = ("Some turns could not be saved within 10 seconds.",)
        self.exit()
