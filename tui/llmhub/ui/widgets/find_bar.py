"""What to find in a transcript: a line that is there only while something is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FindBar(Horizontal):
    """Type, enter goes to the next match, up and down move between them, escape closes."""

    DEFAULT_CSS = """
    FindBar {
        height: 1;
        display: none;
        background: $panel;
        padding: 0 1;
        &.-open { display: block; }
        & > Input { width: 1fr; border: none; height: 1; padding: 0; background: $panel; &:focus { border: none; } }
        & > Static { width: auto; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move(1)", "next", id="find.next", tooltip="The next match", show=False),
        Binding("up,ctrl+p", "move(-1)", "previous", id="find.previous", tooltip="The match before", show=False),
        Binding("escape", "close", "close", id="find.close", tooltip="Close the search", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Something else is looked for."""

        query: str

    @dataclass
    class Moved(Message):
        """Go to the next match, or to the one before."""

        step: int

    @dataclass
    class Closed(Message):
        """Nothing is looked for any more."""

    def compose(self) -> ComposeResult:
        """The query, and how many matches there are."""
        yield Input(placeholder="find", id="find-query")
        yield Static("", id="find-count", markup=False)

    def open(self) -> None:
        """Show the line and take the focus."""
        self.add_class("-open")
        query = self.query_one(Input)
        query.cursor_blink = False
        query.focus()

    def tell(self, number: int | None, count: int | None) -> None:
        """Say which match this is."""
        words = "nothing found" if number is None else f"{number} of {count}" if count is not None else f"{number}"
        self.query_one("#find-count", Static).update(words if self.query_one(Input).value else "")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Moved(1))

    def action_move(self, step: int) -> None:
        """Another match."""
        self.post_message(self.Moved(step))

    def action_close(self) -> None:
        """Close the line."""
        self.remove_class("-open")
        self.post_message(self.Closed())
