"""The first frame: what Chat looks like before anything is known, ready to be typed into.

The Chat screen and all that it knows take longer to import than the rest of the start together (most of it is making
some 140 dataclasses, 0.7 ms each under Python 3.11). So this screen, which needs next to nothing, is painted first and
takes the first keys; Chat takes over as soon as it is there, with what was typed until then.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen

from llmhub.ui.widgets.hint_line import HintLine
from llmhub.ui.widgets.prompt import Prompt
from llmhub.ui.widgets.status_bar import StatusBar
from llmhub.ui.widgets.welcome import Welcome, WelcomeView

PROMPT_KEYS = ("enter send", "ctrl+j line", "esc stop", "ctrl+t lane", "ctrl+g costs", "ctrl+p commands")
LOOKING = WelcomeView("connecting", "", ("Looking for Ollama …",))


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed at the first frame."""

    text: str
    cursor: tuple[int, int]
    sent: tuple[str, ...]
    """Prompts that were sent already, in order."""


class OpeningScreen(Screen[None]):
    """Prompt below, "Looking for Ollama" above; see the module."""

    DEFAULT_CSS = """
    OpeningScreen {
        layout: vertical;
        background: $background;
        & #title { border-bottom: solid $panel-lighten-2; height: 2; }
        & #middle { height: 1fr; width: 1fr; }
        & #prompt { border-top: solid $panel-lighten-2; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sent: list[str] = []
        # Its styles are as new as the app's; Textual (8.2.8, `App._init_mode`) would work all of them out again.
        self._css_update_count = self.app._css_update_count

    def compose(self) -> ComposeResult:
        """As Chat does it, without what has nothing to show yet."""
        yield StatusBar(mode="chat")
        yield HintLine(id="title")
        with Horizontal(id="middle"):
            yield Welcome()
        yield Prompt(id="prompt")
        yield HintLine(id="cost-hint")
        yield HintLine(id="keys")

    def on_mount(self) -> None:
        """The cursor is in the prompt."""
        keys = self.query_one("#keys", HintLine)
        keys.parts, keys.right = PROMPT_KEYS, "F1 help"
        self.query_one(Welcome).view = LOOKING
        self._prompt.focus()

    @on(Prompt.Submitted)
    def _submitted(self, event: Prompt.Submitted) -> None:
        self._sent.append(event.text)

    async def draft(self) -> Draft:
        """What was typed, when every key that reached this screen has been worked off."""
        for target in (self._prompt, self):
            done = asyncio.Event()
            target.call_later(done.set)
            await done.wait()
        return Draft(self._prompt.text, self._prompt.cursor_location, tuple(self._sent))

    @property
    def _prompt(self) -> Prompt:
        return self.query_one("#prompt", Prompt)
