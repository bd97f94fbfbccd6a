"""The line above the lanes: the chat's title, and a single lane's facts."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from llmhub.core.plain import one_line
from llmhub.ui.widgets.lane_view import LaneFacts, LaneHeader, header_parts


class ChatTitle(Widget):
    """Title at the left; at the right what the one lane is, or how many lanes there are."""

    DEFAULT_CSS = """
    ChatTitle {
        height: 1;
        padding: 0 1;
        & > .chat-title--local { color: $cost-local; }
        & > .chat-title--cloud { color: $cost-cloud; }
        & > .chat-title--dim { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"chat-title--local", "chat-title--cloud", "chat-title--dim"}

    words: reactive[str] = reactive("", layout=False)
    facts: reactive[LaneFacts | None] = reactive(None, layout=False)
    lanes: reactive[int] = reactive(0, layout=False)

    def render(self) -> Content:
        """The place never gives way; the title does."""
        width = self.content_size.width
        dim = self.get_visual_style("chat-title--dim")
        facts = self.facts
        title = one_line(self.words, 200)
        if facts is None:
            right = f"{self.lanes} lanes" if self.lanes > 1 else ""
            room = max(0, width - len(right) - 2)
            return Content.assemble((cut(title, room).ljust(room + 2), "bold"), (right, dim))
        side = "local" if facts.place.is_local else "cloud"
        name, rest = header_parts(facts, max(30, width - min(len(title), 24) - 3))
        right_width = 2 + len(name) + len(rest)
        room = max(0, width - right_width - 2)
        return Content.assemble(
            (cut(title, room).ljust(room + 2), "bold"),
            (f"{facts.place.sign} ", self.get_visual_style(f"chat-title--{side}")),
            name,
            (rest, dim),
        )

    def on_click(self) -> None:
        """A click on the lane's facts changes the lane."""
        self.post_message(LaneHeader.Clicked(None))


def cut(text: str, width: int) -> str:
    """`text` in at most `width` characters, an ellipsis where it was cut."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…" if width else ""
