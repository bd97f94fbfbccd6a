"""What to find in a transcript: a line that is there only while something is looked for."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from llmhub.ui.transcript import Transcript


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

    def __init__(self) -> None:
        super().__init__()
        self._transcript: Transcript | None = None

    def compose(self) -> ComposeResult:
        """The query, and how many matches there are."""
        yield Input(placeholder="find", id="find-query")
        yield Static("", id="find-count", markup=False)

    def open(self, transcript: Transcript) -> None:
        """Show the line, take the focus, and look in `transcript`."""
        self._transcript = transcript
        self.add_class("-open")
        query = self.query_one(Input)
        query.cursor_blink = False
        query.focus()
        if query.value:
            transcript.find(query.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._transcript is not None:
            self._transcript.find(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_move(1)

    def tell(self, number: int | None, count: int | None) -> None:
        """Say which match this is; the transcript's message of a moved match leads here."""
        words = "nothing found" if number is None else f"{number} of {count}" if count is not None else f"{number}"
        self.query_one("#find-count", Static).update(words if self.query_one(Input).value else "")

    def action_move(self, step: int) -> None:
        """The next match, or the one before."""
        if self._transcript is not None:
            if step > 0:
                self._transcript.find_next()
            else:
                self._transcript.find_previous()

    def action_close(self) -> None:
        """Close the line and go back to where the matches were."""
        transcript, self._transcript = self._transcript, None
        self.remove_class("-open")
        if transcript is not None:
            transcript.find("")
            transcript.focus()
