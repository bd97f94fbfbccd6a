"""How a transcript looks and which keys it knows."""

from __future__ import annotations

from textual.binding import Binding, BindingType
from textual.widget import Widget

from llmhub.ui.transcript.palette import ROLES, Palette

COMPONENTS = {f"transcript--{role}" for role in ROLES}

CSS = """
Transcript {
    background: $background;
    color: $foreground;
    overflow-x: hidden;
    overflow-y: scroll;
    scrollbar-size-vertical: 1;
    scrollbar-background: $background;
    scrollbar-background-hover: $background;
    scrollbar-background-active: $background;
    & > .transcript--dim, & > .transcript--metrics, & > .transcript--html { color: $text-muted; }
    & > .transcript--thought { color: $text-muted; text-style: italic; }
    & > .transcript--you { color: $text-accent; text-style: bold; }
    & > .transcript--title { text-style: bold; }
    & > .transcript--local { color: $cost-local; }
    & > .transcript--cloud { color: $cost-cloud; }
    & > .transcript--heading { color: $text-primary; }
    & > .transcript--subheading { color: $text-secondary; }
    & > .transcript--inline-code { color: $text-accent; background: $surface; }
    & > .transcript--link { color: $text-primary; }
    & > .transcript--quote { color: $text-muted; }
    & > .transcript--marker { color: $text-secondary; }
    & > .transcript--rule { color: $text-disabled; }
    & > .transcript--error { color: $text-error; }
    & > .transcript--warning { color: $text-warning; }
    & > .transcript--code { background: $surface; }
    & > .transcript--code-label { background: $surface; color: $text-muted; }
    & > .transcript--code-keyword { background: $surface; color: $text-primary; text-style: bold; }
    & > .transcript--code-name { background: $surface; color: $text-secondary; }
    & > .transcript--code-string { background: $surface; color: $text-success; }
    & > .transcript--code-number { background: $surface; color: $text-warning; }
    & > .transcript--code-comment { background: $surface; color: $text-muted; text-style: italic; }
    & > .transcript--focus { color: $accent; }
    & > .transcript--match { background: $warning-muted; color: $text-warning; }
    & > .transcript--match-current { background: $warning; color: $background; text-style: bold; }
    & > .transcript--badge { background: $panel; color: $text; }
    &:ansi {
        & > .transcript--dim, & > .transcript--metrics, & > .transcript--html, & > .transcript--thought,
        & > .transcript--quote, & > .transcript--code-label, & > .transcript--code-comment { text-style: dim; }
        & > .transcript--match, & > .transcript--match-current, & > .transcript--badge { text-style: reverse; }
    }
}
"""

_TURNS = Binding.Group("turns", compact=True)
_COPY = Binding.Group("copy code block", compact=True)


def _bind(key: str, action: str, words: str, name: str, tooltip: str, *, show: bool = True) -> Binding:
    return Binding(key, action, words, show=show, id=f"transcript.{name}", tooltip=tooltip)


BINDINGS: list[BindingType] = [
    Binding("j", "turn(1)", "next turn", id="transcript.next", tooltip="Mark the turn below", group=_TURNS),
    Binding("k", "turn(-1)", "turn above", id="transcript.previous", tooltip="Mark the turn above", group=_TURNS),
    _bind("y", "copy_reply", "copy", "copy", "Copy the marked turn as Markdown"),
    *[
        Binding(
            str(number),
            f"copy_code({number})",
            "copy code block",
            show=False,
            id=f"transcript.copy-code-{number}",
            tooltip=f"Copy code block {number} of the marked reply",
            group=_COPY,
        )
        for number in range(1, 10)
    ],
    _bind("e", "edit", "edit", "edit", "Edit the question and ask again"),
    _bind("r", "again", "again", "again", "Ask for another answer"),
    _bind("t", "thinking", "thinking", "thinking", "Fold or unfold what the model thought"),
    _bind("slash", "find", "find", "find", "Find in this conversation"),
    _bind("n", "find_step(1)", "next match", "find-next", "Go to the next match", show=False),
    _bind("N", "find_step(-1)", "match before", "find-previous", "Go to the match before", show=False),
    _bind("i", "prompt", "write", "prompt", "Back to the prompt"),
]


def palette_of(widget: Widget) -> Palette:
    """The styles that the stylesheet gives a transcript now."""
    return Palette({role: widget.get_component_rich_style(f"transcript--{role}") for role in ROLES})
