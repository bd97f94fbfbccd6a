"""One line of plain words, cut to the width from its least important part on."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class HintLine(Widget):
    """Parts joined by two blanks; what does not fit is left out from the end, `right` stays at the right edge."""

    DEFAULT_CSS = """
    HintLine { height: 1; padding: 0 1; color: $text-muted; }
    """

    parts: reactive[tuple[str, ...]] = reactive((), layout=False)
    right: reactive[str] = reactive("", layout=False)

    def render(self) -> Content:
        """As many parts as fit."""
        width = self.content_size.width
        room = width - (len(self.right) + 2 if self.right else 0)
        line = ""
        for part in self.parts:
            longer = f"{line}  {part}" if line else part
            if len(longer) > room:
                break
            line = longer
        if self.right:
            line = f"{line:<{max(0, width - len(self.right))}}{self.right}"
        return Content(line)
