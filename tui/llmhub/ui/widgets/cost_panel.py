"""What it costs: power and with the machine, beside each other, for this turn, this chat, today and the month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from llmhub import formats
from llmhub.core.costs.panel import Hint, PanelRow, PanelView, hint_for

_LABEL_CELLS = 13
_POWER_CELLS = 12
_WHOLE_CELLS = 13


class CostPanel(Widget, can_focus=True):
    """Give it `turns` and a `view`; it draws them. Enter explains the figures."""

    DEFAULT_CSS = """
    CostPanel {
        & > .cost-panel--local { color: $cost-local; }
        & > .cost-panel--cloud { color: $cost-cloud; }
        & > .cost-panel--dim { color: $text-muted; }
        &:focus { background: $boost; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"cost-panel--local", "cost-panel--cloud", "cost-panel--dim"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "explain", "explain", id="panel.explain", tooltip="How these figures came about", show=False)
    ]

    turns: reactive[tuple[PanelRow, ...]] = reactive((), layout=False, repaint=False)
    """The last turn of each lane; a running one is live."""
    view: reactive[PanelView | None] = reactive(None, layout=True)
    unsaved: reactive[int] = reactive(0)

    @dataclass
    class ExplainWanted(Message):
        """The person wants to know how the figures came about."""

        panel: CostPanel

    def watch_turns(self, before: tuple[PanelRow, ...], now: tuple[PanelRow, ...]) -> None:
        """Four times a second while something streams: only the rows of the turns are drawn again then."""
        if len(before) == len(now) and _hints(before) == _hints(now):
            self.refresh(Region(0, 1, self.content_size.width, len(now)))
        else:
            self.refresh()

    def render(self) -> Content:
        """A table of two columns, and what is missing."""
        dim = self.get_visual_style("cost-panel--dim")
        lines = [
            Content.assemble((f"{'':<{_LABEL_CELLS}}{'power':>{_POWER_CELLS}}{'with machine':>{_WHOLE_CELLS}}", dim))
        ]
        view = self.view
        if view is None:
            return lines[0]
        lines += [self._line("this turn" if at == 0 else "", row) for at, row in enumerate(self.turns)]
        for row in (view.row("chat"), view.row("today")):
            if row is not None:
                lines.append(self._line(formats.row_title(row), row))
        if (month := view.row("month")) is not None:
            lines.append(self._line(formats.row_title(month), month))
            lines += self._notes(view, month)
        return Content("\n").join(lines)

    def on_click(self) -> None:
        """A click explains as well."""
        self.action_explain()

    def action_explain(self) -> None:
        """Ask for the explanations."""
        self.post_message(self.ExplainWanted(self))

    def _line(self, label: str, row: PanelRow) -> Content:
        if row.place is not None and not row.place.is_local:
            style = self.get_visual_style("cost-panel--cloud")
            shown = formats.usd(row.cloud) if row.cloud.known else "billed by plan"
            return Content.assemble(f"{label:<{_LABEL_CELLS}}", (f"{row.place.sign} {shown}", style))
        style = self.get_visual_style("cost-panel--local")
        power, whole = formats.usd(row.power), formats.usd(row.with_machine)
        return Content.assemble(
            f"{label:<{_LABEL_CELLS}}", (f"{power:>{_POWER_CELLS}}", style), (f"{whole:>{_WHOLE_CELLS}}", style)
        )

    def _notes(self, view: PanelView, month: PanelRow) -> list[Content]:
        dim = self.get_visual_style("cost-panel--dim")
        words = [f"● {formats.tokens(month.tokens)} tok · {turns_words(month.turns)}"]
        if month.provisional and month.with_machine.known:
            words.append("provisional")
        notes = [" · ".join(words)]
        if month.cloud_turns:
            notes.append(f"○ {turns_words(month.cloud_turns)}, not counted as local")
        if month.left_out:
            notes.append(formats.left_out(month))
        hint = next(iter(_hints(self.turns)), next(iter(view.hints), None))
        if hint is not None:
            notes.append(f"— {hint.words}: ctrl+p “Electricity”")
        if self.unsaved:
            notes.append(f"{turns_words(self.unsaved)} not saved yet; tried again")
        return [Content.styled(note, dim) for note in notes]


def turns_words(count: int) -> str:
    """`1 turn`, `1,204 turns`."""
    return f"{formats.count(count)} turn{'' if count == 1 else 's'}"


def _hints(rows: tuple[PanelRow, ...]) -> list[Hint]:
    return [hint for row in rows for hint in hints_of(row)]


def hints_of(row: PanelRow) -> list[Hint]:
    """What to set so that a row's figures are known."""
    return [hint for figure in (row.power, row.with_machine) if (hint := hint_for(figure)) is not None]
