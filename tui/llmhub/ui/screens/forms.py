"""Small questions: a choice from a list, a form of a few fields, a longer text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static, TextArea
from textual.widgets.option_list import Option

_BOX = """
    align: center middle;
    & > .box {
        width: 90%;
        max-width: 84;
        height: auto;
        max-height: 90%;
        background: $surface;
        padding: 1 2;
    }
    & .title { text-style: bold; height: 1; }
    & .keys { color: $text-muted; height: 1; margin-top: 1; }
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One choice of a menu."""

    key: str
    words: str
    note: str = ""


class MenuScreen(ModalScreen[str | None]):
    """Choose one row; its key is the answer."""

    DEFAULT_CSS = (
        "MenuScreen {"
        + _BOX
        + "& OptionList { height: auto; border: none; padding: 0; background: $surface; &:focus { border: none; } } }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="menu.back", tooltip="Leave without choosing")
    ]

    def __init__(self, title: str, rows: Sequence[Row]) -> None:
        super().__init__()
        self._title = title
        self._rows = tuple(rows)

    def compose(self) -> ComposeResult:
        """Title, rows, keys."""
        with Vertical(classes="box"):
            yield Label(Content(self._title), classes="title")
            options = [
                Option(Content.assemble(row.words, (f"   {row.note}", "dim") if row.note else ""), id=row.key)
                for row in self._rows
            ]
            yield OptionList(*options)
            yield Static("enter choose  esc back", classes="keys", markup=False)

    def on_mount(self) -> None:
        """The first row is ready."""
        self.query_one(OptionList).highlighted = 0

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        """No answer."""
        self.dismiss(None)


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. `check` returns what is wrong with a text, or nothing."""

    key: str
    label: str
    value: str = ""
    hint: str = ""
    check: Callable[[str], str | None] | None = None
    secret: bool = False
    """Whether the text is masked."""


class FormScreen(ModalScreen[Mapping[str, str] | None]):
    """A few fields; the answer is the text of each."""

    DEFAULT_CSS = (
        "FormScreen {"
        + _BOX
        + """
        & Input { border: none; height: 1; padding: 0 1; background: $panel; }
        & Input:focus { border: none; background: $boost; }
        & .hint { color: $text-muted; }
        & .wrong { color: $text-error; height: auto; }
        & VerticalScroll { height: auto; max-height: 18; }
    }"""
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="form.back", tooltip="Leave without a change"),
        Binding("ctrl+s", "keep", "keep", id="form.keep", tooltip="Keep what stands here"),
    ]

    def __init__(self, title: str, fields: Sequence[Field], note: str = "") -> None:
        super().__init__()
        self._title = title
        self._fields = tuple(fields)
        self._note = note

    def compose(self) -> ComposeResult:
        """Title, fields, what is wrong, keys."""
        with Vertical(classes="box"):
            yield Label(Content(self._title), classes="title")
            if self._note:
                yield Static(Content(self._note), classes="hint")
            with VerticalScroll(can_focus=False):
                for field in self._fields:
                    yield Label(Content.assemble(field.label, (f"  {field.hint}", "dim") if field.hint else ""))
                    yield Input(field.value, password=field.secret, id=f"field-{field.key}")
            yield Static("", classes="wrong", markup=False)
            yield Static("enter next  ctrl+s keep  esc back", classes="keys", markup=False)

    def on_mount(self) -> None:
        """Begin with the first field."""
        for entry in self.query(Input):
            entry.cursor_blink = False
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        inputs = list(self.query(Input))
        at = inputs.index(event.input)
        if at + 1 < len(inputs):
            inputs[at + 1].focus()
        else:
            self.action_keep()

    def action_leave(self) -> None:
        """No change."""
        self.dismiss(None)

    def action_keep(self) -> None:
        """Answer, unless a field is wrong."""
        values = {field.key: self.query_one(f"#field-{field.key}", Input).value.strip() for field in self._fields}
        for field in self._fields:
            if field.check and (wrong := field.check(values[field.key])):
                self.query_one(".wrong", Static).update(f"{field.label}: {wrong}")
                self.query_one(f"#field-{field.key}", Input).focus()
                return
        self.dismiss(values)


class TextScreen(ModalScreen[str | None]):
    """A longer text."""

    DEFAULT_CSS = (
        "TextScreen {"
        + _BOX
        + "& TextArea { height: 12; border: none; background: $panel; &:focus { border: none; } }"
        + "& .hint { color: $text-muted; } }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="text.back", tooltip="Leave without a change"),
        Binding("ctrl+s", "keep", "keep", id="text.keep", tooltip="Keep this text", priority=True),
    ]

    def __init__(self, title: str, text: str, note: str = "") -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._note = note

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        with Vertical(classes="box"):
            yield Label(Content(self._title), classes="title")
            if self._note:
                yield Static(Content(self._note), classes="hint")
            yield TextArea(self._text, soft_wrap=True, show_line_numbers=False)
            yield Static("ctrl+s keep  esc back", classes="keys", markup=False)

    def on_mount(self) -> None:
        """The cursor at the end."""
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.move_cursor(area.document.end)
        area.focus()

    def action_leave(self) -> None:
        """No change."""
        self.dismiss(None)

    def action_keep(self) -> None:
        """The text as it stands."""
        self.dismiss(self.query_one(TextArea).text)


class FactsScreen(ModalScreen[None]):
    """Lines of facts, or the explanation of a figure."""

    DEFAULT_CSS = "FactsScreen {" + _BOX + "& VerticalScroll { height: auto; max-height: 65vh; } }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "leave", "back", id="facts.back", tooltip="Back")
    ]

    def __init__(self, title: str, facts: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._facts = tuple(facts)

    def compose(self) -> ComposeResult:
        """Title, one fact a line, keys."""
        wide = max((len(name) for name, _ in self._facts), default=0)
        with Vertical(classes="box"):
            yield Label(Content(self._title), classes="title")
            with VerticalScroll():
                for name, value in self._facts:
                    # a line without a name is a sentence: it has the whole width
                    yield Static(Content.assemble((f"{name:<{wide}}  ", "dim"), value) if name else Content(value))
            yield Static("esc back", classes="keys", markup=False)

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)
