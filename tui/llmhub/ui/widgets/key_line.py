"""The keys that work here, on one line: as many as fit, each of them a button too."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widget import Widget

_FUNCTION_KEY = re.compile(r"f\d+")


class KeyLine(Widget):
    """` enter chat  o load  p pull  i details  d delete  s sort  / filter         F1 help`.

    Follows the focus and the person's own keymap. What does not fit is left out from the end; F1 always stays.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-line--key", "key-line--words"}

    DEFAULT_CSS = """
    KeyLine {
        height: 1;
        background: $panel;
        & > .key-line--key { color: $text-accent; text-style: bold; }
        & > .key-line--words { color: $foreground-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Draw again whenever other keys work."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, _screen: Screen[Any]) -> None:
        self.refresh()

    async def on_click(self, event: events.Click) -> None:
        """A click on a key presses it."""
        for left, right, key in self._places:
            if left <= event.x < right:
                self.app.simulate_key(key)
                return

    def render(self) -> Content:
        """As many as fit, in the order in which they are bound."""
        width = self.size.width
        help_words = self._help()
        room = width - (len(help_words[0]) + len(help_words[1]) + 3 if help_words else 1)
        key_style = self.get_visual_style("key-line--key")
        words_style = self.get_visual_style("key-line--words")
        parts: list[Content] = []
        self._places = []
        at = 1
        for binding in self._shown():
            display = self._display(binding)
            size = len(display) + 1 + len(binding.description)
            if at + size > room:
                break
            parts += [
                Content(" " if not parts else "  "),
                Content.styled(display, key_style),
                Content.styled(f" {binding.description}", words_style),
            ]
            self._places.append((at, at + size, binding.key))
            at += size + 2
        line = Content("").join(parts)
        if help_words is None:
            return line
        display, words, key = help_words
        left = width - len(display) - len(words) - 2
        self._places.append((left, width, key))
        return Content.assemble(line, " " * (left - line.cell_length), (display, key_style), (f" {words}", words_style))

    def _shown(self) -> list[Binding]:
        """What works here and is meant to be shown; one key for each action."""
        seen: set[str] = set()
        out = []
        focused = self.screen.focused
        for active in self.screen.active_bindings.values():
            binding = active.binding
            typed = _character(binding.key)
            if focused is not None and typed is not None and focused.check_consume_key(binding.key, typed):
                continue  # there it is text
            if binding.show and active.enabled and binding.action not in seen:
                seen.add(binding.action)
                out.append(binding)
        return out

    def _display(self, binding: Binding) -> str:
        """As the person would say it; function keys have a capital."""
        display = self.app.get_key_display(binding)
        return display.upper() if _FUNCTION_KEY.fullmatch(display) else display

    def _help(self) -> tuple[str, str, str] | None:
        for active in self.screen.active_bindings.values():
            if active.binding.action in {"help", "app.help"}:
                return self._display(active.binding), active.binding.description, active.binding.key
        return None


def _character(key: str) -> str | None:
    """What a key types. Textual 8.2.8 does not know it of the slash, whose name in Unicode is another."""
    return "/" if key == "slash" else key_to_character(key)
