"""A question that must be answered before something is done."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from llmhub.core.plain import one_line, plain


class Confirm(ModalScreen[bool]):
    """Asks, and answers true only when the person says so.

    Args:
        question: One line: "Delete qwen3:8b?"
        body: What follows from yes, in full sentences.
        yes: The verb of yes: "delete it".
        careful: Whether Enter means no until the person moves to yes, for what cannot be undone. `y` always means yes.
    """

    DEFAULT_CSS = """
    Confirm {
        align: center middle;
        & > Vertical {
            width: 64;
            max-width: 90%;
            height: auto;
            max-height: 80%;
            padding: 1 2;
            background: $surface;
        }
        & #confirm-question { text-style: bold; height: auto; }
        & #confirm-body { height: auto; margin: 1 0; }
        & OptionList { height: auto; border: none; padding: 0; background: $surface; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", id="confirm.yes", tooltip="Do it", show=False),
        Binding("n,escape", "answer(False)", "no", id="confirm.no", tooltip="Leave everything as it is", show=False),
    ]

    def __init__(self, question: str, body: str = "", yes: str = "yes", *, careful: bool = False) -> None:
        super().__init__()
        self._question = question
        self._body = body
        self._yes = yes
        self._careful = careful

    def compose(self) -> ComposeResult:
        """The question, what follows, the two answers."""
        with Vertical():
            yield Static(Content(one_line(self._question)), id="confirm-question", markup=False)
            if self._body:
                yield Static(Content(plain(self._body)), id="confirm-body", markup=False)
            yield OptionList(
                Option(Content(f"y  {one_line(self._yes)}"), id="yes"),
                Option(Content("n  no, leave it"), id="no"),
                id="confirm-answers",
                compact=True,
            )

    def on_mount(self) -> None:
        """Stand on the answer that Enter gives."""
        answers = self.query_one(OptionList)
        answers.highlighted = 1 if self._careful else 0
        answers.focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer by key."""
        self.dismiss(yes)
