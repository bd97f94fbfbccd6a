"""What it costs: power and with the machine, beside each other, for this turn, this chat, today and the month."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from llmhub import formats
from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.panel import Hint, PanelRow, PanelView, hint_for
from llmhub.core.places import PlaceKind

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
        if sum(map(_height, before)) == sum(map(_height, now)) and _hints(before) == _hints(now):
            self.refresh(Region(0, 1, self.content_size.width, sum(map(_height, now))))
        else:
            self.refresh()

    def render(self) -> Content:
        """A table of two columns: the local half, the cloud half, the balance, and what is missing."""
        dim = self.get_visual_style("cost-panel--dim")
        head = f"{'':<{_LABEL_CELLS}}{'power':>{_POWER_CELLS}}{'with machine':>{_WHOLE_CELLS}}"
        lines = [Content.styled(head, dim)]
        view = self.view
        if view is None:
            return lines[0]
        for at, row in enumerate(self.turns):
            lines += self._turn("this turn" if at == 0 else "", row)
        for period in (view.row("chat"), view.row("today"), view.row("month")):
            if period is not None:
                lines += self._period(period)
        if (month := view.row("month")) is not None:
            lines += self._notes(view, month)
        return Content("\n").join(lines)

    def on_click(self) -> None:
        """A click explains as well."""
        self.action_explain()

    def action_explain(self) -> None:
        """Ask for the explanations."""
        self.post_message(self.ExplainWanted(self))

    def _turn(self, label: str, row: PanelRow) -> list[Content]:
        """One turn: both local figures and the same in the cloud, or what the cloud asks for it."""
        if row.place is None or row.place.is_local:
            lines = [self._pair("local", f"{label:<{_LABEL_CELLS - 2}}● ", row.power, row.with_machine)]
            if row.avoided.known:
                lines.append(self._pair("cloud", "  in cloud", _plain(row.avoided), _plain(row.avoided_cash)))
            return lines
        if row.place.kind is PlaceKind.OLLAMA_CLOUD:
            shown = "billed by plan"
        elif row.live:
            shown = f"{formats.usd(row.cloud)} so far" if row.cloud.known else "the bill follows"
        else:
            billed = " billed" if row.cloud.label is Label.BILLED else ""
            shown = f"{formats.usd(row.cloud)}{billed}" if row.cloud.known else "the bill has not come yet"
        style = self.get_visual_style("cost-panel--cloud")
        return [Content.assemble(f"{label:<{_LABEL_CELLS - 2}}", (f"○ {shown}", style))]

    def _period(self, row: PanelRow) -> list[Content]:
        """A chat, a day, a month: the local half, then the cloud half where there is any."""
        lines = [self._pair("local", f"{formats.row_title(row):<{_LABEL_CELLS}}", row.power, row.with_machine)]
        if row.kind == "month" and row.turns and row.avoided.known:
            lines.append(self._pair("cloud", "  in cloud", _plain(row.avoided), _plain(row.avoided_cash)))
        if row.cloud_turns and row.cloud.known:
            lines.append(self._pair("cloud", "○ cloud", row.cloud, row.cloud_cash))
        return lines

    def _pair(self, side: str, label: str, left: Figure, right: Figure) -> Content:
        style = self.get_visual_style(f"cost-panel--{side}")
        first, second = formats.usd(left), formats.usd(right)
        room = _LABEL_CELLS + _POWER_CELLS - len(label)
        return Content.assemble(label, (f"{first:>{room}}", style), (f"{second:>{_WHOLE_CELLS}}", style))

    def _notes(self, view: PanelView, month: PanelRow) -> list[Content]:
        dim = self.get_visual_style("cost-panel--dim")
        words = [f"● {formats.tokens(month.tokens)} tok · {turns_words(month.turns)}"]
        if month.provisional and month.with_machine.known:
            words.append("provisional")
        notes = [" · ".join(words)]
        if month.cloud_turns:
            notes.append(f"○ {formats.tokens(month.cloud_tokens)} tok · {turns_words(month.cloud_turns)}")
        if month.cloud_turns or month.avoided.known:
            notes.append("in the cloud: price, with the credit fee")
        if month.pending_turns:
            bills = "1 bill" if month.pending_turns == 1 else f"{formats.count(month.pending_turns)} bills"
            notes.append(f"{bills} pending")
        if view.balance is not None:
            notes += ["", formats.balance(view.balance)]
        if month.left_out:
            notes.append(formats.left_out(month))
        hint = next(iter(_hints(self.turns)), next(iter(view.hints), None))
        if hint is not None:
            notes.append(f"— {hint.words}: ctrl+p “Electricity”")
        if self.unsaved:
            notes.append(f"{turns_words(self.unsaved)} not saved yet; tried again")
        return [Content.styled(note, dim) for note in notes]


def _plain(figure: Figure) -> Figure:
    """Without its range: the explanation has that."""
    return replace(figure, low=None, high=None)


def _height(row: PanelRow) -> int:
    """Lines that the row of a turn takes."""
    return 2 if (row.place is None or row.place.is_local) and row.avoided.known else 1


def turns_words(count: int) -> str:
    """`1 turn`, `1,204 turns`."""
    return f"{formats.count(count)} turn{'' if count == 1 else 's'}"


def _hints(rows: tuple[PanelRow, ...]) -> list[Hint]:
    return [hint for row in rows for hint in hints_of(row)]


def hints_of(row: PanelRow) -> list[Hint]:
    """What to set so that a row's figures are known."""
    return [hint for figure in (row.power, row.with_machine) if (hint := hint_for(figure)) is not None]
