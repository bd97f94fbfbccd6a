"""How Chat is laid out, and which keys it knows."""

from __future__ import annotations

from textual.binding import Binding, BindingType

WIDE_CELLS = 100
"""From this width on lanes stand side by side, and the costs beside them."""
PANEL_CELLS = 41
LANE_CELLS = 36
"""The panel stays beside the lanes only where each keeps this many columns, unless the person asked for it."""
NOTICES_EVERY_S = 2.0
"""Seconds between two looks at whether ledger and chats can be written."""
TRANSCRIPT_KEYS = (
    "j k turns",
    "y copy",
    "1-9 code",
    "e edit",
    "r again",
    "t thinking",
    "i prompt",
    "/ find",
    "= differed",
)
QUESTION_KEYS = ("enter pull it anyway", "esc leave it", "type go on writing")
FIND_KEYS = ("enter next", "↑ ↓ matches", "esc close")

CSS = """
ChatScreen {
    layout: vertical;
    background: $background;
    & #title { border-bottom: solid $panel-lighten-2; height: 2; }
    & #middle { height: 1fr; width: 1fr; }
    & #prompt { border-top: solid $panel-lighten-2; }
    & CostPanel { width: 41; height: 1fr; border-left: solid $panel-lighten-2; padding: 0 1; }
    &.-narrow #middle { layout: vertical; }
    &.-narrow LaneBoard { layout: vertical; }
    &.-narrow LaneBoard > LaneView.-next { border-left: none; border-top: solid $panel-lighten-2; }
    &.-narrow CostPanel {
        width: 1fr;
        height: auto;
        max-height: 7;
        border-left: none;
        border-top: solid $panel-lighten-2;
    }
}
"""

BINDINGS: list[BindingType] = [
    Binding("ctrl+t", "lanes", "lane", id="chat.lanes", tooltip="Add or change a lane", show=False),
    Binding("ctrl+r", "chats", "chats", id="chat.chats", tooltip="List of chats", show=False, priority=True),
    Binding("ctrl+g", "panel", "costs", id="chat.panel", tooltip="Show or hide the cost panel", show=False),
    Binding("f6", "editor", "editor", id="chat.editor", tooltip="Write the prompt in $EDITOR", show=False),
    Binding("ctrl+n", "new_chat", "new", id="chat.new", tooltip="Begin a new chat", show=False),
    Binding("ctrl+c", "interrupt", "stop", id="chat.interrupt", tooltip="Copy, else stop", show=False),
]
