"""The one place on a screen where failures are told: what happened, to what, what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.plain import one_line, plain

_MOST_OFFERS = 40


@dataclass(frozen=True, slots=True)
class ErrorAction:
    """Something that can be done about a failure. `label` is a verb in the person's words: `retry`, `start it`."""

    label: str
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Told:
    error: LLMHubError
    actions: tuple[ErrorAction, ...]


class ErrorStrip(Vertical, can_focus=True):
    """`✗ Ollama stopped answering · qwen3:8b, after 212 tokens (kept) · Enter: retry or start it`.

    Hidden while there is nothing to tell. Tab reaches it, Enter (or a click) opens what can be done and the backend's
    own words, Escape closes that, then takes the line away. Of several the newest is shown first.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"error-strip--sign", "error-strip--dim"}

    DEFAULT_CSS = """
    ErrorStrip {
        height: auto;
        max-height: 12;
        padding: 0 1;
        display: none;
        background: $error-muted;
        &.-told { display: block; }
        &:focus > #error-line { text-style: bold; }
        & > .error-strip--sign { color: $text-error; text-style: bold; }
        & > .error-strip--dim { color: $foreground-muted; }
        & > #error-line { height: auto; max-height: 3; }
        & > #error-detail { height: auto; max-height: 4; display: none; color: $foreground-muted; padding-left: 2; }
        & > OptionList {
            height: auto; max-height: 6; display: none; border: none; padding: 0 0 0 2; background: transparent;
        }
        &.-open > #error-detail { display: block; }
        &.-open > OptionList { display: block; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "what can be done", id="error.open", tooltip="Open what can be done", show=False),
        Binding("escape", "close", "close", id="error.close", tooltip="Close the message", show=False),
    ]

    @dataclass
    class Dismissed(Message):
        """The person has taken the message away."""

        strip: ErrorStrip
        error: LLMHubError

        @property
        def control(self) -> ErrorStrip:
            """Who spoke."""
            return self.strip

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._told: list[_Told] = []

    def compose(self) -> ComposeResult:
        """The line, the backend's own words, what can be done."""
        yield Static(id="error-line", markup=False)
        yield Static(id="error-detail", markup=False)
        yield OptionList(id="error-actions", compact=True, markup=False)

    @property
    def error(self) -> LLMHubError | None:
        """What is told now."""
        return self._told[-1].error if self._told else None

    @property
    def is_open(self) -> bool:
        """Whether what can be done is shown."""
        return self.has_class("-open")

    def show(self, error: LLMHubError, actions: Sequence[ErrorAction] = ()) -> None:
        """Tell `error`, and offer `actions`. The same failure of the same thing takes the place of the old one."""
        same = (error.happened, error.subject)
        self._told = [told for told in self._told if (told.error.happened, told.error.subject) != same]
        self._told.append(_Told(error, tuple(actions)))
        self._draw()

    def clear(self, error: LLMHubError | None = None) -> None:
        """Take `error` away (the same failure of the same thing), or everything: it is no longer so."""
        gone = error and (error.happened, error.subject)
        kept = [told for told in self._told if (told.error.happened, told.error.subject) != gone]
        self._told = [] if error is None else kept
        self._draw()

    def on_mount(self) -> None:
        """Draw what was told before there was anything to draw on."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """A click on the line does what Enter does."""
        if event.widget is not None and event.widget.id == "error-actions":
            return
        self.focus()
        self.action_open()

    @on(OptionList.OptionSelected, "#error-actions")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        told = self._told[-1]
        action = told.actions[event.option_index] if event.option_index < len(told.actions) else None
        self._take_away(told)
        if action is not None:
            action.run()

    def action_open(self) -> None:
        """Open what can be done."""
        if not self._told or self.is_open:
            return
        self.add_class("-open")
        choices = self.query_one(OptionList)
        choices.highlighted = 0
        choices.focus()

    def action_close(self) -> None:
        """Close what can be done; when it is closed, take the message away."""
        if self.is_open:
            self.remove_class("-open")
            self.focus()
        elif self._told:
            self._take_away(self._told[-1])

    def _take_away(self, told: _Told) -> None:
        self.clear(told.error)
        self.post_message(self.Dismissed(self, told.error))

    def _let_go(self) -> None:
        """Give the focus to what comes next: on a hidden widget nobody would hear the keys."""
        for _ in range(3):
            focused = self.screen.focused
            if focused is None or self not in focused.ancestors_with_self:
                return
            self.screen.focus_next()

    def _draw(self) -> None:
        if not self._told and self.is_attached:
            self._let_go()
        self.set_class(bool(self._told), "-told")
        if not self._told or not self.query("#error-line"):
            self.remove_class("-open")
            return
        told = self._told[-1]
        self.query_one("#error-line", Static).update(self._line(told))
        detail = plain(told.error.detail).strip() if isinstance(told.error, BackendError) else ""
        self.query_one("#error-detail", Static).update(Content(detail))
        choices = self.query_one(OptionList)
        choices.clear_options()
        labels = [action.label for action in told.actions] + ["close this message"]
        choices.add_options([Option(Content(one_line(label))) for label in labels])
        if self.is_open:
            choices.highlighted = 0

    def _line(self, told: _Told) -> Content:
        error, dim = told.error, self.get_visual_style("error-strip--dim")
        parts: list[Content | str | tuple[str, object]] = [("✗ ", self.get_visual_style("error-strip--sign"))]
        parts.append(f"{one_line(error.happened)} · {one_line(error.subject)}")
        offers = _offers(told.actions) if told.actions else ""
        if one_line(error.remedy).casefold() != offers.casefold():
            parts.append(f" · {one_line(error.remedy)}")
        if offers:
            parts.append((f" · Enter: {offers}", dim))
        if more := len(self._told) - 1:
            parts.append((f" · {more} more", dim))
        return Content.assemble(*parts)  # type: ignore[arg-type]


def _offers(actions: tuple[ErrorAction, ...]) -> str:
    """`retry or start it`; only that there is something to do where the labels are long."""
    labels = [one_line(action.label) for action in actions]
    offers = " or ".join(label[:1].lower() + label[1:] for label in labels)
    return offers if len(offers) <= _MOST_OFFERS else "what can be done"
