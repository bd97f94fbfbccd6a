"""Everything a daemon tells of one model, and the arithmetic of its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from llmhub import formats
from llmhub.core.errors import BackendError
from llmhub.core.models import ModelDetails
from llmhub.core.plain import one_line, plain
from llmhub.core.ports import ModelHost
from llmhub.core.sizing.report import FitReport
from llmhub.ui.models import words
from llmhub.ui.models.arithmetic import arithmetic
from llmhub.ui.widgets.error_strip import ErrorAction, ErrorStrip

_MOST_TEXT = 20_000
"""Characters of one text that are shown; a licence can have a hundred thousand."""


class DetailsScreen(ModalScreen[None]):
    """The arithmetic of the verdict, the facts, then the texts: preset, system prompt, template, licence, Modelfile.

    Args:
        host: Asked when the screen opens, and again when the person says so.
        fit: The model sized; `None` for one that runs elsewhere.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"details--name", "details--head"}

    DEFAULT_CSS = """
    DetailsScreen {
        align: center middle;
        & > Vertical {
            width: 94%;
            max-width: 110;
            height: 90%;
            padding: 1 2;
            background: $surface;
        }
        & #details-title { height: 1; text-style: bold; }
        & VerticalScroll { height: 1fr; margin: 1 0; }
        & #details-text { height: auto; }
        & #details-keys { height: 1; color: $foreground-muted; }
        & > .details--name { color: $foreground-muted; }
        & > .details--head { color: $text-accent; text-style: bold; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,i", "leave", "back", id="details.back", tooltip="Back to the models"),
        Binding("down,j", "scroll(1)", "down", id="details.down", tooltip="Scroll down", show=False),
        Binding("up,k", "scroll(-1)", "up", id="details.up", tooltip="Scroll up", show=False),
        Binding("pagedown,space", "page(1)", "page down", id="details.pagedown", tooltip="A page down", show=False),
        Binding("pageup", "page(-1)", "page up", id="details.pageup", tooltip="A page up", show=False),
        Binding("y", "copy", "copy", id="details.copy", tooltip="Copy everything that is shown"),
    ]

    def __init__(self, host: ModelHost, model: str, fit: FitReport | None = None) -> None:
        super().__init__()
        self._host = host
        self._model = model
        self._fit = fit
        self.text = ""
        """Everything that is shown, for the clipboard."""

    def compose(self) -> ComposeResult:
        """The name, a place for failures, the text, the keys."""
        with Vertical():
            yield Static(Content(one_line(self._model)), id="details-title", markup=False)
            yield ErrorStrip()
            with VerticalScroll(can_focus=True):
                yield Static(Content("asking …"), id="details-text", markup=False)
            yield Static(Content("↑ ↓ scroll  y copy  esc back"), id="details-keys", markup=False)

    def on_mount(self) -> None:
        """Ask."""
        self.query_one(VerticalScroll).focus()
        if self._fit is not None:
            self._show([], [])
        self._ask()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll by a line."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by a page."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=by * max(1, scroll.size.height - 1), animate=False)

    def action_copy(self) -> None:
        """Put the text on the clipboard."""
        self.app.copy_to_clipboard(self.text)
        self.notify("Copied.", markup=False)

    def _ask(self) -> None:
        self.run_worker(self._tell(), group="details", exclusive=True)

    async def _tell(self) -> None:
        try:
            details = await self._host.details(self._model)
        except BackendError as error:
            self.query_one(ErrorStrip).show(error, [ErrorAction("ask again", self._ask)])
            self._show([], [])
            return
        self.query_one(ErrorStrip).clear()
        self._show(facts_of(details), texts_of(details))

    def _show(self, facts: list[tuple[str, str]], texts: list[tuple[str, str]]) -> None:
        name_style, head_style = self.get_visual_style("details--name"), self.get_visual_style("details--head")
        lines: list[Content] = []

        def add(part: Sequence[tuple[str, str] | str]) -> None:
            width = max((formats.cells(fact[0]) for fact in part if not isinstance(fact, str)), default=0) + 2
            for fact in part:
                if isinstance(fact, str):
                    lines.append(Content(fact))
                else:
                    gap = " " * (width - formats.cells(fact[0]))
                    lines.append(Content.assemble((f"{fact[0]}{gap}", name_style), fact[1]))

        if self._fit is not None:
            for head, part in arithmetic(self._fit):
                lines.append(Content.styled(head, head_style))
                add(part)
                lines.append(Content(""))
            if facts:
                lines.append(Content.styled("as the daemon tells it", head_style))
        add(facts)
        for head, text in texts:
            lines += [Content(""), Content.styled(head, head_style), Content(text)]
        shown = Content("\n").join(lines)
        self.text = shown.plain
        self.query_one("#details-text", Static).update(shown)


def facts_of(details: ModelDetails) -> list[tuple[str, str]]:
    """Names and values of what can be said on one line; what is unknown is left out but for the usual questions."""
    facts = [
        ("architecture", words.of(details.architecture or details.family)),
        ("parameters", _parameters(details)),
        ("quantization", words.of(details.quantization)),
        ("trained context", formats.count(details.context_trained)),
        ("can", words.abilities(details.capabilities)),
    ]
    if details.preset_context:
        facts.append(("preset context", formats.count(details.preset_context)))
    if details.remote_host:
        facts.append(("runs at", f"{one_line(details.remote_host)} as {words.of(details.remote_model)}"))
    for key in sorted(details.model_info):
        value = details.model_info[key]
        if isinstance(value, bool | int | float | str) and not key.startswith(("general.arch", "general.param")):
            facts.append((one_line(key), _value(value)))
    return facts


def texts_of(details: ModelDetails) -> list[tuple[str, str]]:
    """The longer texts that are there, made safe and cut."""
    named = (
        ("preset", details.parameters),
        ("system prompt", details.system),
        ("template", details.template),
        ("Modelfile", details.modelfile),
        ("licence", details.license),
    )
    return [(head, _cut(plain(text).strip())) for head, text in named if text and text.strip()]


def _parameters(details: ModelDetails) -> str:
    exact = formats.count(details.parameter_count) if details.parameter_count is not None else ""
    if details.parameter_size:
        return f"{one_line(details.parameter_size)} ({exact})" if exact else one_line(details.parameter_size)
    return exact or formats.UNKNOWN


def _value(value: bool | int | float | str) -> str:
    if isinstance(value, str):
        return one_line(value, 120)
    return formats.count(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _cut(text: str) -> str:
    left = len(text) - _MOST_TEXT
    return text if left <= 0 else f"{text[:_MOST_TEXT]}\n… {left:,} characters more"
