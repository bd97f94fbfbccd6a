"""What stands where the first reply will be: what was found, and the one key that goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing the person can do with one key."""

    key: str
    words: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class WelcomeView:
    """All that is shown."""

    kind: Literal["connecting", "ready", "no_models", "no_daemon"] = "connecting"
    title: str = ""
    lines: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    after: tuple[str, ...] = ()
    """What is to be known of the choices."""


class Welcome(Widget, can_focus=True):
    """Keys of its choices work while it has the focus; any other text goes to the prompt."""

    DEFAULT_CSS = """
    Welcome {
        height: 1fr;
        padding: 1 2;
        & > .welcome--key { color: $text-accent; text-style: bold; }
        & > .welcome--dim { color: $text-muted; }
        & > .welcome--title { text-style: bold; }
        &:focus { background: $background; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"welcome--key", "welcome--dim", "welcome--title"}

    view: reactive[WelcomeView] = reactive(WelcomeView(), layout=False)

    _first_choice = 0
    """The line that the first choice is drawn on: long lines before it are wrapped."""

    @dataclass
    class Chosen(Message):
        """A choice was made."""

        key: str

    @dataclass
    class Typed(Message):
        """Something else was typed: it belongs into the prompt."""

        text: str

    def render(self) -> Content:
        """Title, lines, choices, what is to be known of them."""
        view = self.view
        key_style = self.get_visual_style("welcome--key")
        dim = self.get_visual_style("welcome--dim")
        rows: list[Content] = []
        if view.title:
            rows += [Content.styled(view.title, self.get_visual_style("welcome--title")), Content("")]
        rows += [Content(line) for line in view.lines]
        if view.choices:
            rows.append(Content(""))
        width = max(1, self.content_size.width)
        self._first_choice = sum(row.get_height({}, width) for row in rows)
        words = [f" {choice.key} {choice.words}" for choice in view.choices]
        ends = [cell_len(f"{line}   {choice.note}") for line, choice in zip(words, view.choices, strict=True)]
        has_notes = max(ends, default=0) <= width  # a note that is wrapped would look like a choice
        for choice in view.choices:
            note = (f"   {choice.note}", dim) if choice.note and has_notes else ""
            rows.append(Content.assemble((f" {choice.key} ", key_style), choice.words, note))
        if view.after:
            rows += [Content(""), *(Content.styled(line, dim) for line in view.after)]
        return Content("\n").join(rows)

    def on_key(self, event: events.Key) -> None:
        """A choice's key chooses; text goes to the prompt."""
        if any(choice.key == (event.character or event.key) for choice in self.view.choices):
            event.stop()
            self.post_message(self.Chosen(event.character or event.key))
        elif event.is_printable and event.character:
            event.stop()
            self.post_message(self.Typed(event.character))

    def on_click(self, event: events.Click) -> None:
        """A click on a choice's line chooses it."""
        at = event.y - self.gutter.top - self._first_choice
        if 0 <= at < len(self.view.choices):
            self.post_message(self.Chosen(self.view.choices[at].key))
