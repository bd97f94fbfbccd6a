"""The least Textual app: what every start and every idle minute is held against."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

READY = "bare app ready"


class BareApp(App[None]):
    """One line of text."""

    def compose(self) -> ComposeResult:
        """The line."""
        yield Static(READY)


if __name__ == "__main__":
    BareApp().run()
