"""Jumping to anything on the screen: a letter stands at each thing that can have the focus; typing it goes there."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


class JumpScreen(ModalScreen[Widget | None]):
    """Labels over the screen below; the answer is the widget whose letter was typed."""

    DEFAULT_CSS = """
    JumpScreen {
        background: $background 40%;
        layers: labels;
        & > .jump--label {
            layer: labels;
            position: absolute;
            width: 3;
            height: 1;
            background: $accent;
            color: $background;
            text-style: bold;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+o", "leave", "back", id="jump.back", tooltip="Stay where you are"),
    ]

    def __init__(self, targets: list[tuple[str, Widget, Region]]) -> None:
        super().__init__()
        self._targets = targets

    def compose(self) -> ComposeResult:
        """One label per target, at its upper left corner."""
        for letter, _, region in self._targets:
            label = Static(Content(f" {letter} "), classes="jump--label")
            label.styles.offset = (region.x, region.y)
            yield label

    def on_key(self, event: events.Key) -> None:
        """A letter goes there."""
        for letter, widget, _ in self._targets:
            if event.character == letter:
                event.stop()
                self.dismiss(widget)

    def action_leave(self) -> None:
        """Nowhere."""
        self.dismiss(None)


def jump_targets(screen: Screen[object]) -> list[tuple[str, Widget, Region]]:
    """What can have the focus and is on the screen, from the top on, each with its letter."""
    shown = [
        (widget, widget.region.intersection(screen.region))
        for widget in screen.focus_chain
        if widget.region.intersection(screen.region).area
    ]
    shown.sort(key=lambda entry: (entry[1].y, entry[1].x))
    return [(letter, widget, region) for letter, (widget, region) in zip(LETTERS, shown, strict=False)]
