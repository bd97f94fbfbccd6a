"""The prompt: grows with its lines, sends on enter, remembers what was asked before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from llmhub.ui.keys import NEW_LINE_KEYS


class Prompt(TextArea):
    """A text area whose enter sends. Pasted text never sends, whatever it holds."""

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        min-height: 1;
        max-height: 8;
        border: none;
        padding: 0 1;
        background: $background;
        &:focus { border: none; }
        & .text-area--cursor-line { background: $background; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "send", id="prompt.send", tooltip="Send the prompt to every lane", show=False),
        Binding(
            "ctrl+j,shift+enter,alt+enter",
            "new_line",
            "line",
            id="prompt.new_line",
            tooltip="Insert a new line",
            show=False,
        ),
        # Textual's text area (8.2) would select the line
        Binding("f6", "screen.editor", "editor", id="chat.editor", tooltip="Write the prompt in $EDITOR", show=False),
    ]

    @dataclass
    class Submitted(Message):
        """The person sent `text`."""

        prompt: Prompt
        text: str

        @property
        def control(self) -> Prompt:
            """Who spoke."""
            return self.prompt

    @dataclass
    class Nothing(Message):
        """Enter in an empty prompt: there is nothing to send."""

        prompt: Prompt

    @dataclass
    class Left(Message):
        """Escape was pressed: the screen decides what that means now."""

        prompt: Prompt

    @dataclass
    class PaletteWanted(Message):
        """A slash at the start of an empty prompt."""

        prompt: Prompt

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(
            id=id,
            soft_wrap=True,
            compact=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            tab_behavior="focus",
            placeholder="Ask something",
        )
        self.cursor_blink = False
        self._earlier: list[str] = []
        self._at: int | None = None
        self._draft = ""

    def remember(self, texts: list[str]) -> None:
        """What `up` in an empty prompt goes back through, oldest first."""
        self._earlier = texts
        self._at = None

    def put(self, text: str) -> None:
        """Replace the text, the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    async def _on_key(self, event: events.Key) -> None:
        """Keys that mean something before they are text."""
        if event.key in NEW_LINE_KEYS:
            event.stop()
            event.prevent_default()
            self.action_new_line()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_send()
        elif event.key == "escape":
            event.stop()
            event.prevent_default()
            self.post_message(self.Left(self))
        elif event.character == "/" and not self.text:
            event.stop()
            event.prevent_default()
            self.post_message(self.PaletteWanted(self))
        else:
            await super()._on_key(event)

    def action_send(self) -> None:
        """Send what stands here; a backslash at the end of the line asks for a new line instead."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if column == len(line) and line.endswith("\\"):
            self.delete((row, column - 1), (row, column))
            self.insert("\n")
            return
        text = self.text.strip("\n")
        if not text.strip():
            self.post_message(self.Nothing(self))
            return
        self.clear()
        self._at = None
        self.post_message(self.Submitted(self, text))

    def action_new_line(self) -> None:
        """Insert a new line."""
        self.insert("\n")

    def action_cursor_up(self, select: bool = False) -> None:
        """Up; in an empty or recalled prompt, the one asked before."""
        if self._earlier and not select and (not self.text or self._at is not None) and self.cursor_location[0] == 0:
            if self._at is None:
                self._draft = self.text
            self._at = max(0, (len(self._earlier) if self._at is None else self._at) - 1)
            self.put(self._earlier[self._at])
            return
        super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Down; in a recalled prompt, the one asked after it."""
        last = self.document.line_count - 1
        if self._at is not None and not select and self.cursor_location[0] == last:
            self._at += 1
            if self._at >= len(self._earlier):
                self._at = None
                self.put(self._draft)
            else:
                self.put(self._earlier[self._at])
            return
        super().action_cursor_down(select)
