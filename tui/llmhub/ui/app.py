"""The Textual app: three modes, the hub they share, and how it is left."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from traceback import walk_tb
from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Event, Key, Paste
from textual.screen import Screen

from llmhub.core.errors import LLMHubError
from llmhub.core.plain import one_line
from llmhub.ui import keys
from llmhub.ui.screens.opening import OpeningScreen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.theme import Theme

    from llmhub.core.hub import Hub, Services
    from llmhub.ui.screens.chat import ChatScreen
    from llmhub.ui.screens.models import ModelsScreen

log = logging.getLogger(__name__)

OPENING = "opening"
"""The mode of the first frame; it is gone as soon as Chat is there."""

Connect = Callable[[], Awaitable["Services"]]
Close = Callable[[], Awaitable[tuple[str, ...]]]


async def nothing_to_close() -> tuple[str, ...]:
    """For tests and demos whose services need no closing."""
    return ()


def _chat() -> Screen[None]:
    from llmhub.ui.screens.chat import ChatScreen  # a third of the whole start, so never before the first frame

    return ChatScreen()


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
    NOTIFICATION_TIMEOUT = 3.0
    CSS = """
    ToastRack { margin-bottom: 4; }  /* what is typed stays in sight */
    Toast { padding: 0 1; margin-top: 0; }
    """

    ENABLE_COMMAND_PALETTE = True
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {
        OPENING: OpeningScreen,
        "chat": _chat,
        "models": _models,
        "costs": _costs,
    }
    DEFAULT_MODE = OPENING

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "help", id="app.help", tooltip="What the keys do here", show=False),
        Binding("f2", "mode('chat')", "Chat", id="app.chat", tooltip="Go to Chat", show=False),
        Binding("f3", "mode('models')", "Models", id="app.models", tooltip="Go to Models", show=False),
        Binding("f4", "mode('costs')", "Costs", id="app.costs", tooltip="Go to Costs", show=False),
        Binding("ctrl+o", "jump", "jump", id="app.jump", tooltip="Go to anything on the screen", show=False),
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
        self._wish: Callable[[], object] | None = None
        """What was asked for before Chat was there."""
        self._held: list[Event] | None = None
        """Keys that wait while Chat takes over."""
        for each in themes:
            self.register_theme(each)
        if theme and theme in self.available_themes:
            self._begin_with(theme)
        if keymap:
            self.set_keymap(dict(keymap))

    def _begin_with(self, theme: str) -> None:
        """Have a theme from the start.

        Setting `theme` does the same, and then has every style worked out twice more before the first frame (Textual
        8.2.8, `App._watch_theme`): 20 ms.
        """
        self.set_reactive(App.theme, theme)
        dark = self.current_theme.dark
        self.stylesheet.set_variables(self.get_css_variables())
        for name, on in ((f"-theme-{theme}", True), ("-dark-mode", dark), ("-light-mode", not dark)):
            self.set_class(on, name, update=False)
        self._refresh_truecolor_filter(self.ansi_theme)

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
        await self._open_chat()
        try:
            services = await self._connect_services()
        except LLMHubError as error:
            if self._chat is not None:
                self._chat.failed(error)
            return
        from llmhub.core.hub import Hub

        self.hub = Hub(services)
        self.hub.start()
        if self._chat is not None:
            self._chat.connect(self.hub)

    async def _open_chat(self) -> None:
        """Chat takes the opening's place, with what was typed until now; keys meanwhile wait, in order."""
        await asyncio.to_thread(importlib.import_module, "llmhub.ui.screens.chat")
        opening = next(screen for screen in self.screen_stack_of(OPENING) if isinstance(screen, OpeningScreen))
        self._held = []
        draft = await opening.draft()
        await self.switch_mode("chat")
        if self._chat is not None:
            self._chat.take(draft)
        held, self._held = self._held, None
        for event in held:
            self.post_message(event)
        await self.remove_mode(OPENING)
        if self._wish is not None:
            self.call_later(self._wish)

    async def on_event(self, event: Event) -> None:
        """Keys wait while Chat takes over from the opening; everything else goes its way."""
        if self._held is not None and isinstance(event, (Key, Paste)) and not event.is_forwarded:
            self._held.append(event)
            return
        await super().on_event(event)

    def screen_stack_of(self, mode: str) -> list[Screen[None]]:
        """The screens of a mode that was shown already."""
        return list(self._screen_stacks.get(mode, []))

    @property
    def _chat(self) -> ChatScreen | None:
        """The Chat screen; there is none during the first moments."""
        return next((cast("ChatScreen", screen) for screen in self.screen_stack_of("chat")[:1]), None)

    def action_mode(self, mode: str) -> None:
        """Go to a mode; a modal question is left first by its own keys."""
        if self._must_wait(lambda: self.action_mode(mode)):
            return
        if self.current_mode == mode or len(self.screen_stack) > 1:
            return
        self.switch_mode(mode)
        if self.hub is not None:
            self.call_after_refresh(self._connect_mode, mode)

    def action_command_palette(self) -> None:
        """Everything by its name."""
        if not self._must_wait(self.action_command_palette):
            super().action_command_palette()

    def _must_wait(self, wish: Callable[[], object]) -> bool:
        """Whether Chat is not there yet; then `wish` is done as soon as it is."""
        if self.current_mode == OPENING:
            self._wish = wish
            return True
        return False

    def _connect_mode(self, mode: str) -> None:
        for screen in self.screen_stack_of(mode):
            connect = getattr(screen, "connect", None)
            if connect is not None and self.hub is not None and getattr(screen, "hub", None) is None:
                connect(self.hub)

    def on_models_screen_chat_with(self, event: ModelsScreen.ChatWith) -> None:
        """Go to Chat with the model in the first lane."""
        self.action_mode("chat")
        if self._chat is not None:
            self._chat.use_model(event.model)

    @work(exclusive=True, group="jump")
    async def action_jump(self) -> None:
        """Go to anything on the screen by a letter."""
        from llmhub.ui.screens.jump import JumpScreen, jump_targets

        targets = jump_targets(self.screen)
        if targets and (widget := await self.push_screen_wait(JumpScreen(targets))) is not None:
            widget.focus()

    def action_help(self) -> None:
        """Show or hide the keys of where the focus is."""
        if self._must_wait(self.action_help):
            return
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """What the palette offers everywhere."""
        yield SystemCommand("Chat", "Go to Chat (F2)", lambda: self.action_mode("chat"))
        yield SystemCommand("Models", "Go to Models (F3)", lambda: self.action_mode("models"))
        yield SystemCommand("Costs", "Go to Costs (F4)", lambda: self.action_mode("costs"))
        yield SystemCommand("Jump", "Go to anything on the screen by a letter (ctrl+o)", self.action_jump)
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)
        yield SystemCommand("Keys", "What the keys do here (F1)", self.action_help)
        yield SystemCommand("Quit", "Leave llmhub (ctrl+q)", self.action_leave)

    # -- crashing -----------------------------------------------------------------------------

    def _fatal_error(self) -> None:
        """Tell of a crash without the values of variables, which Textual (8.2.8) would print: a key may be one."""
        from rich.text import Text

        self.bell()
        error = sys.exc_info()[1] or self._exception
        told = ["llmhub crashed; what was booked and saved is safe. For a report:"]
        for frame, line in walk_tb(error.__traceback__ if error else None):
            told.append(f"  {frame.f_code.co_filename}, line {line}, in {frame.f_code.co_name}")
        told.append(f"{type(error).__name__}: {one_line(str(error), 500)}")
        self._exit_renderables.append(Text("\n".join(told)))
        self._close_messages_no_wait()

    # -- leaving ------------------------------------------------------------------------------

    async def action_quit(self) -> None:
        """Textual's own way out leads to ours."""
        self.action_leave()

    @work(exclusive=True, group="leave")
    async def action_leave(self) -> None:
        """Leave; ask first while something streams or pulls. What has arrived is kept and booked."""
        if self._leaving:
            return
        busy = self._chat.busy_words() if self._chat is not None else ""
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
        if self._chat is not None:
            await self._chat.close()
        if self.hub is not None:
            await self.hub.stop()
        try:
            self.farewell = await asyncio.wait_for(self._close_services(), timeout=10)
        except TimeoutError:
            self.farewell = ("Some turns could not be saved within 10 seconds.",)
        self.exit()
