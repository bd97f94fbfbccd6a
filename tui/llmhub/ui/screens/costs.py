"""The Costs mode, first form: the panel at rest, and how each figure came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from llmhub import formats
from llmhub.core.costs.panel import PanelView, panel_view
from llmhub.core.errors import ConfigError
from llmhub.ui.chat.prices import price_form, price_values
from llmhub.ui.widgets.cost_panel import CostPanel
from llmhub.ui.widgets.error_strip import ErrorStrip
from llmhub.ui.widgets.hint_line import HintLine
from llmhub.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from llmhub.core.hub import Hub

EXPLAINED = ("power", "with_machine", "usd_per_m")


class CostsScreen(Screen[None]):
    """Today and the month; every figure with its explanation below."""

    DEFAULT_CSS = """
    CostsScreen {
        layout: vertical;
        & CostPanel { height: auto; padding: 1 2; }
        & VerticalScroll { height: 1fr; padding: 0 2; }
        & .costs--explanation { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "prices", "edit the profile", id="costs.profile", tooltip="What power and the machine cost"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.hub: Hub | None = None
        self._seen: object = None

    def compose(self) -> ComposeResult:
        """Figures above, explanations below."""
        yield StatusBar(mode="costs")
        yield CostPanel()
        yield ErrorStrip(id="strip")
        with VerticalScroll():
            yield Static(id="explanations", classes="costs--explanation", markup=False)
        keys = HintLine()
        keys.parts, keys.right = ("e edit what power and the machine cost", "F2 chat"), "F1 help"
        yield keys

    def connect(self, hub: Hub) -> None:
        """The services are there."""
        self.hub = hub
        self.query_one(StatusBar).connect(hub)
        hub.listen(self._changed)
        self._changed()
        self.query_one(VerticalScroll).focus()

    @on(CostPanel.ExplainWanted)
    def _explain(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_prices(self) -> None:
        """Say what power and the machine cost."""
        self.run_worker(self._prices(), exclusive=True, group="flow")

    async def _prices(self) -> None:
        hub = self.hub
        if hub is None:
            return
        values = price_values(hub.profile, await self.app.push_screen_wait(price_form(hub.profile)))
        try:
            if values:
                await hub.set_profile(values)
        except ConfigError as error:
            self.query_one(ErrorStrip).show(error)

    def _changed(self) -> None:
        hub = self.hub
        if hub is None or not self.is_attached:
            return
        today = hub.services.now().date()
        seen = (hub.totals, hub.profiles, today)
        if seen == self._seen:
            return
        self._seen = seen
        view = panel_view(hub.totals, hub.profiles, today, machine=hub.services.machine_id)
        panel = self.query_one(CostPanel)
        panel.view = view
        panel.unsaved = hub.totals.unsaved_turns
        self.query_one("#explanations", Static).update(explanations_of(view))


def explanations_of(view: PanelView) -> Content:
    """Every explanation of the month, one under the other."""
    lines: list[str] = []
    month = view.row("month")
    for column in EXPLAINED:
        explanation = month.explanation(column) if month is not None else None
        if explanation is not None:
            lines += [*formats.explanation(explanation), ""]
    return Content("\n".join(lines))
