"""The Costs mode: the month both ways, by model, day or place, and every turn of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from llmhub import formats
from llmhub.core.costs.month import By, MonthView, local_month, month_rows
from llmhub.core.errors import StorageError
from llmhub.core.plain import one_line
from llmhub.ui.costs import explaining, rows, words
from llmhub.ui.costs.flows import edit_profile, export_shown
from llmhub.ui.costs.months import may_go, neighbour
from llmhub.ui.costs.reading import TurnPages
from llmhub.ui.palette import BindingCommands
from llmhub.ui.screens.forms import FactsScreen
from llmhub.ui.widgets.ask_line import TurnFilterLine
from llmhub.ui.widgets.error_strip import ErrorAction, ErrorStrip
from llmhub.ui.widgets.key_line import KeyLine
from llmhub.ui.widgets.line_table import LineTable
from llmhub.ui.widgets.month_head import MonthHead
from llmhub.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from llmhub.core.hub import Hub

_BY: tuple[By, ...] = ("model", "day", "place")


class CostsScreen(Screen[None]):
    """What a month has cost, and how each figure came about."""

    DEFAULT_CSS = """
    CostsScreen {
        layout: vertical;
        & #month { max-height: 7; }
        & #sentences { height: auto; max-height: 4; padding: 0 1 0 3; }
        & #groups { max-height: 10; }
        & #turns { height: 1fr; min-height: 3; }
        &.-short #groups { max-height: 5; }
    }
    """
    COMMANDS: ClassVar[set[Any]] = {BindingCommands}
    AUTO_FOCUS = "#turns"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    HELP = "What the month has cost: power alone, and with the machine. Tab goes from block to block, Enter explains."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "e", "profile", "profile", id="costs.profile", tooltip="Edit the profile that costs are worked out with"
        ),
        Binding("x", "export", "export", id="costs.export", tooltip="Write the turns that are shown to files"),
        Binding("slash", "filter", "filter", id="costs.filter", tooltip="Show only some turns", key_display="/"),
        Binding("left", "month(-1)", "earlier", id="costs.earlier", tooltip="The month before", key_display="←"),
        Binding("right", "month(1)", "later", id="costs.later", tooltip="The month after", key_display="→"),
        Binding("b", "by", "split", id="costs.by", tooltip="Split the month by model, day or place"),
        Binding("escape", "back", "back", id="costs.back", tooltip="Close the filter", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.hub: Hub | None = None
        self.view: MonthView | None = None
        """The month that is shown."""
        self._month: date | None = None
        self._by: By = "model"
        self._pages: TurnPages | None = None
        self._seen: object = None
        self._stop: Callable[[], None] = lambda: None
        self.is_left = False
        """Whether it is gone: what a thread does for it is given up."""

    def compose(self) -> ComposeResult:
        """From the status bar to the keys."""
        yield StatusBar(mode="costs")
        yield MonthHead()
        yield ErrorStrip(id="strip")
        yield LineTable(id="month")
        yield Static(id="sentences", markup=False)
        yield LineTable(id="groups")
        yield LineTable(id="turns")
        yield TurnFilterLine(id="filter", placeholder="words of model, place, status: qwen failed")
        yield KeyLine()

    # -- what the app asks --------------------------------------------------------------------

    def connect(self, hub: Hub) -> None:
        """The services are there; called once."""
        self.hub = hub
        self._pages = TurnPages(hub.services.ledger)
        self.query_one(StatusBar).connect(hub)
        self._stop = hub.listen(self._changed)
        self._changed()

    @property
    def turns(self) -> LineTable:
        """The turns of the month."""
        return self.query_one("#turns", LineTable)

    @property
    def strip(self) -> ErrorStrip:
        """The one place for failures."""
        return self.query_one("#strip", ErrorStrip)

    @property
    def query_text(self) -> str:
        """What the turns are filtered by."""
        return self.query_one("#filter", Input).value.strip()

    # -- following ----------------------------------------------------------------------------

    def on_unmount(self) -> None:
        """Stop following, and reading."""
        self.is_left = True
        self._stop()
        if self._pages is not None:
            self._pages.leave()

    def on_screen_resume(self) -> None:
        """Show what has changed while another mode was shown."""
        self._changed()

    def on_resize(self) -> None:
        """Tables have heights of their own."""
        self._draw_groups()

    def _changed(self) -> None:
        hub = self.hub
        if hub is None or not self.is_mounted or not self.is_current:
            return
        seen = (hub.totals, hub.profiles, hub.prices, hub.services.now().date(), self._month, self._by)
        if seen != self._seen:
            self._seen = seen
            self._draw()
            self._read()

    def _draw(self) -> None:
        hub = self.hub
        if hub is None:
            return
        today = hub.services.now().date()
        view = local_month(hub.totals, hub.profiles, today, hub.services.machine_id, month=self._month)
        self.view = view
        head = self.query_one(MonthHead)
        head.month, head.profile = formats.month(view.first), words.profile_summary(hub.profile)
        head.earlier, head.later = self._may_go(-1), self._may_go(1)
        block = words.block_rows(view)
        table = self.query_one("#month", LineTable)
        table.show(block, rows.block_columns(words.period_title(view)), rows.block_line, lambda row: str(row.name))
        table.styles.height = len(block) + 2
        said = words.sentences(view, hub.totals.unsaved_turns)
        self.query_one("#sentences", Static).update(Content("\n".join(said)))
        self._draw_groups()

    def _draw_groups(self) -> None:
        hub, view, by = self.hub, self.view, self._by
        if hub is None or view is None:
            return
        found = list(month_rows(hub.totals, hub.profiles, view, (by,)))
        found.sort(key=lambda row: row.day or "" if by == "day" else row.turns, reverse=True)
        table = self.query_one("#groups", LineTable)
        nothing = f"No turns in {formats.month(view.first)}."
        table.show(found, rows.group_columns(by), lambda row: rows.group_line(row, by), rows.group_key, nothing)
        table.styles.height = max(1, len(found)) + 2
        table.border_title = Content(f"by {rows.GROUP_TITLES[by]}")

    def _draw_turns(self) -> None:
        hub, pages, view = self.hub, self._pages, self.view
        if hub is None or pages is None or view is None:
            return
        query = self.query_text
        nothing = f"No turns in {formats.month(view.first)}: F2 asks a model."
        if query:
            nothing = "No turn has these words: esc shows all."
        line = rows.turn_line_with(hub.profiles, hub.prices)
        self.turns.show(pages.rows, rows.TURN_COLUMNS, line, rows.turn_key, nothing)
        shown = f"{formats.count(len(pages.rows))}{'' if pages.complete else '+'}"
        title = f"turns with “{one_line(query, 30)}”, {shown}" if query else f"turns, {shown}"
        self.turns.border_title = Content(title)

    # -- reading ------------------------------------------------------------------------------

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        if self._pages is not None and self.view is not None:
            await self._told(self._pages.load(f"{self.view.first:%Y-%m}", self.query_text))

    @work(group="more", exclusive=True)
    async def _more(self) -> None:
        if self._pages is not None:
            await self._told(self._pages.more())

    async def _told(self, reading: Any) -> None:
        try:
            if await reading:
                self._draw_turns()
        except StorageError as error:
            self.strip.show(error, [ErrorAction("read again", self._read)])

    @on(LineTable.NearEnd, "#turns")
    def _near_end(self) -> None:
        if self._pages is not None and not self._pages.complete:
            self._more()

    # -- explaining ---------------------------------------------------------------------------

    @on(LineTable.Chosen)
    def _chosen(self, event: LineTable.Chosen) -> None:
        hub, view, row = self.hub, self.view, event.row
        if hub is None or view is None:
            return
        if event.table.id == "month":
            self._explain(words.period_title(view), explaining.explained_block(view, row, hub.profile))
        elif event.table.id == "groups":
            title = rows.group_line(row, self._by).cells[0]
            self._explain(title, explaining.explained_group(hub.totals, hub.profiles, view, row))
        else:
            self._explain(rows.turn_name(row.turn), explaining.explained_turn(row.turn, hub.profiles, hub.prices))

    def _explain(self, title: str, facts: explaining.Facts) -> None:
        self.app.push_screen(FactsScreen(title, facts))

    # -- months -------------------------------------------------------------------------------

    @on(MonthHead.Stepped)
    def _stepped(self, event: MonthHead.Stepped) -> None:
        self.action_month(event.by)

    def action_month(self, by: int) -> None:
        """To the month before or after; not beyond the first turn, nor into the future."""
        if self.view is not None and self._may_go(by):
            self._month = neighbour(self.view.first, by)
            self.turns.to_top()
            self._changed()

    def _may_go(self, by: int) -> bool:
        hub, view = self.hub, self.view
        return hub is not None and view is not None and may_go(hub.totals, view.first, hub.services.now().date(), by)

    def action_by(self) -> None:
        """Split the month by the next of model, day and place."""
        self._by = _BY[(_BY.index(self._by) + 1) % len(_BY)]
        self._draw_groups()

    # -- filter -------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Show only some turns."""
        asked = self.query_one("#filter", Input)
        asked.add_class("-asked")
        asked.focus()

    @on(Input.Changed, "#filter")
    def _filtered(self) -> None:
        self._read()

    @on(Input.Submitted, "#filter")
    def _filter_kept(self) -> None:
        if not self.query_text:
            self.action_back()
        self.turns.focus()

    def on_key(self, event: events.Key) -> None:
        """Up leads from the filter into what it has left."""
        if event.key in {"up", "down"} and self.focused is self.query_one("#filter", Input):
            event.stop()
            self.turns.focus()

    def action_back(self) -> None:
        """Close the filter and show all."""
        asked = self.query_one("#filter", Input)
        asked.remove_class("-asked")
        asked.value = ""
        self.turns.focus()

    # -- profile and export -------------------------------------------------------------------

    @on(MonthHead.ProfileWanted)
    def _profile_wanted(self) -> None:
        self.action_profile()

    @work(group="profile", exclusive=True)
    async def action_profile(self) -> None:
        """Edit the profile that costs are worked out with."""
        if self.hub is not None:
            await edit_profile(self, self.hub)
            self._changed()

    @work(group="export", exclusive=True)
    async def action_export(self) -> None:
        """Write the turns of this month that the filter leaves to files."""
        if self.hub is not None and self.view is not None:
            await export_shown(self, self.hub, f"{self.view.first:%Y-%m}", self.query_text)
