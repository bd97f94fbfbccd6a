"""Which month is shown, the two ways out of it, and what it is worked out with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from llmhub import formats


class MonthHead(Widget):
    """` ◂ November 2026 ▸                    profile: $1,999, 60 W, $0.34/kWh`: each part can be clicked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"month-head--arrow", "month-head--dim"}
    DEFAULT_CSS = """
    MonthHead {
        height: 1;
        padding: 0 1;
        & > .month-head--arrow { color: $text-accent; text-style: bold; }
        & > .month-head--dim { color: $foreground-muted; }
    }
    """

    month: reactive[str] = reactive("")
    earlier: reactive[bool] = reactive(False)
    """Whether there is a month before."""
    later: reactive[bool] = reactive(False)
    profile: reactive[str] = reactive("")

    @dataclass
    class Stepped(Message):
        """To the month before (-1) or after (1)."""

        by: int

    @dataclass
    class ProfileWanted(Message):
        """The profile was clicked."""

    def render(self) -> Content:
        """Month at the left, profile at the right."""
        arrow, dim = self.get_visual_style("month-head--arrow"), self.get_visual_style("month-head--dim")
        left = Content.assemble(
            ("◂", arrow if self.earlier else dim),
            (f" {self.month} ", "bold"),
            ("▸", arrow if self.later else dim),
        )
        room = self.content_size.width - left.cell_length - 2
        right = formats.fit(self.profile, max(0, room))
        return Content.assemble(left, " " * (room + 2 - formats.cells(right)), (right, dim))

    def on_click(self, event: events.Click) -> None:
        """An arrow goes there, the profile opens its form."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.x <= 1:
            self.post_message(self.Stepped(-1))
        elif len(self.month) + 1 <= offset.x <= len(self.month) + 4:
            self.post_message(self.Stepped(1))
        elif offset.x >= self.content_size.width - formats.cells(self.profile):
            self.post_message(self.ProfileWanted())
