"""The Models mode: what is installed, what is loaded, what is being pulled."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Static

from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.host_jobs import JobKind
from llmhub.core.plain import one_line
from llmhub.ui.models import contexts, words
from llmhub.ui.models.deleting import delete_question
from llmhub.ui.models.failures import FailureTeller
from llmhub.ui.models.naming import NameCompleter, wrong_name
from llmhub.ui.models.pane import PaneView
from llmhub.ui.models.placeholder import placeholder
from llmhub.ui.models.rows import ModelRow, Order, arranged, rows_of
from llmhub.ui.palette import BindingCommands
from llmhub.ui.screens.confirm import Confirm
from llmhub.ui.screens.details import DetailsScreen
from llmhub.ui.widgets.ask_line import FilterLine, PullNameLine
from llmhub.ui.widgets.error_strip import ErrorAction, ErrorStrip
from llmhub.ui.widgets.fit_pane import FitPane
from llmhub.ui.widgets.key_line import KeyLine
from llmhub.ui.widgets.model_table import ModelTable
from llmhub.ui.widgets.pull_line import PullLine
from llmhub.ui.widgets.pull_lines import PullLines
from llmhub.ui.widgets.pull_question import PullQuestion
from llmhub.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from llmhub.core.hub import Hub

_TICK_S = 10.0
"""Seconds between two looks at the clock while models are loaded: their time to leave is shown in minutes."""
_ORDER_KEY = "models_order"
_CONTEXT_KEY = "models_context"
_NEED_MODELS = frozenset({"chat", "context", "load", "delete", "details", "filter", "sort"})


class ModelsScreen(Screen[None]):
    """Installed models, one line each; pulls above them, the selected one explained below.

    Made without a hub: until `connect` it says that it is looking.

    Args:
        now: Tells the moment, aware; given by tests.
    """

    CSS = """
    ModelsScreen {
        layout: vertical;

        & #headline { height: 1; padding: 0 1; color: $foreground-muted; }
        & #placeholder { height: 1fr; padding: 1 2; display: none; }
        & #about { height: 7; }
        &.-roomy #about { height: 11; }

        &.-nothing ModelTable { display: none; }
        &.-nothing #about { display: none; }
        &.-nothing #placeholder { display: block; }
        &.-short #about { display: none; }
    }
    """  # a file of its own would be read on the event loop
    COMMANDS: ClassVar[set[Any]] = {BindingCommands}
    AUTO_FOCUS = "ModelTable"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall"), (32, "-roomy")]  # noqa: RUF012
    HELP = "Installed models. Enter chats with one; p pulls another by its name."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "chat", "chat", id="models.chat", tooltip="Chat with the selected model", key_display="enter"),
        Binding(
            "left_square_bracket",
            "context(-1)",
            "context",
            id="models.less",
            tooltip="A smaller context",
            key_display="[ ]",
        ),
        Binding(
            "right_square_bracket",
            "context(1)",
            "more context",
            id="models.more",
            tooltip="A larger context",
            show=False,
        ),
        Binding("o", "load", "load", id="models.load", tooltip="Load the selected model, or unload it"),
        Binding("p", "pull", "pull", id="models.pull", tooltip="Pull a model by its name"),
        Binding("d", "delete", "delete", id="models.delete", tooltip="Delete the selected model"),
        Binding("i", "details", "details", id="models.details", tooltip="Everything about the selected model"),
        Binding("slash", "filter", "filter", id="models.filter", tooltip="Show only some names", key_display="/"),
        Binding("s", "sort", "sort", id="models.sort", tooltip="Sort by last used, by name, by size"),
        Binding("space", "hold", "pause pull", id="models.pause", tooltip="Pause the pull, or go on", show=False),
        Binding("x", "leave_pull", "cancel pull", id="models.cancel", tooltip="Take the pull away", show=False),
        Binding("y", "copy", "copy", id="models.copy", tooltip="Copy the model's name", show=False),
        Binding("escape", "back", "back", id="models.back", tooltip="Close the filter or the name", show=False),
    ]

    @dataclass
    class ChatWith(Message):
        """The person wants to chat with `model`."""

        model: str

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.hub: Hub | None = None
        self._now = now
        self._order = Order.LAST_USED
        self._sized_for = contexts.LEAST
        self._stops: list[Callable[[], None]] = []
        self._failures = FailureTeller()
        self._wrong_name: LLMHubError | None = None
        self._listed = False
        self._alive = False

    def compose(self) -> ComposeResult:
        """From the status bar to the keys."""
        yield StatusBar("models")
        yield Static(id="headline", markup=False)
        yield FilterLine(id="filter", placeholder="letters of the name")
        yield PullLines(id="pulls")
        yield PullQuestion(id="pull-question")
        yield ErrorStrip(id="strip")
        yield ModelTable(now=self._now, id="table")
        yield Static(id="placeholder", markup=False)
        yield FitPane(id="about")
        yield PullNameLine(
            id="pull-name",
            placeholder="name of the model to pull: qwen3:8b, hf.co/user/repo:Q4_K_M",
            suggester=NameCompleter(lambda: self.hub),
        )
        yield KeyLine()

    # -- what the app asks --------------------------------------------------------------------

    def connect(self, hub: Hub) -> None:
        """The services are there; called once."""
        self.hub = hub
        remembered = hub.services.app_memory.get(_ORDER_KEY)
        if remembered in set(Order):
            self._order = Order(remembered)
        kept = hub.services.app_memory.get(_CONTEXT_KEY)
        self._sized_for = contexts.remembered(kept, hub.services.default_context)
        self.query_one(StatusBar).connect(hub)
        self.query_one(PullQuestion).connect(hub)
        self._stops = [hub.listen(self._changed), hub.pulls.listen(self._pulls_changed)]
        self._changed()
        self._pulls_changed()

    @property
    def table(self) -> ModelTable:
        """The installed models."""
        return self.query_one("#table", ModelTable)

    @property
    def strip(self) -> ErrorStrip:
        """The one place for failures."""
        return self.query_one("#strip", ErrorStrip)

    # -- following ----------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Show that we are looking; count the minutes down."""
        self._draw()
        self.set_interval(_TICK_S, self._tick)

    def on_unmount(self) -> None:
        """Stop following."""
        for stop in self._stops:
            stop()

    def on_screen_resume(self) -> None:
        """Show what has changed while another mode was shown."""
        self._changed()
        self._pulls_changed()

    def _changed(self) -> None:
        if self.is_mounted and self.is_current:
            if self.hub is not None:
                self._failures.tell_daemon(self.strip, self.hub, self._copy)
            self._draw()

    def _tick(self) -> None:
        if self.is_current and self.hub is not None and self.hub.state.loaded:
            self.table.refresh()
            self._draw_about()

    def _draw(self) -> None:
        hub, table = self.hub, self.table
        query = self.query_one("#filter", Input).value
        table.order, table.context = self._order, self._sized_for
        table.rows = arranged(rows_of(hub, self._sized_for), self._order, query) if hub is not None else ()
        had_nothing = self.has_class("-nothing")
        self.set_class(not table.rows, "-nothing")
        before = (self._listed, self._alive)
        self._listed = hub is not None and bool(hub.state.installed)
        self._alive = hub is not None and hub.state.alive
        if before != (self._listed, self._alive):
            self.refresh_bindings()
        self.query_one("#placeholder", Static).update(placeholder(hub, query))
        if had_nothing and table.rows and self.focused is None:
            table.focus()
        self._draw_headline()
        self._draw_about()

    def _draw_headline(self) -> None:
        line, hub = self.query_one("#headline", Static), self.hub
        if hub is None or not hub.state.installed:
            line.update("")
            return
        left = words.headline(hub.state.installed)
        right = f"by {self._order}   / filter"
        gap = max(2, line.content_size.width - len(left) - len(right))
        line.update(Content(f"{left}{' ' * gap}{right}"))

    def _draw_about(self) -> None:
        row, hub, pane = self.table.row, self.hub, self.query_one(FitPane)
        if row is None or hub is None:
            pane.view = None
            return
        report = hub.advisor.report(row.name, self._sized_for)
        left_out = hub.advisor.left_out_bytes(row.loaded) if row.loaded is not None else 0
        pane.view = PaneView(row, report, hub.state.installed, self._now(), left_out, hub.advisor.estimates_words)

    def _pulls_changed(self) -> None:
        if not self.is_mounted or not self.is_current or self.hub is None:
            return
        self.query_one(PullLines).show(self.hub.pulls.pulls)
        self._failures.tell_pulls(self.strip, self.hub)

    # -- messages -----------------------------------------------------------------------------

    @on(ModelTable.Highlighted)
    def _highlighted(self) -> None:
        self._draw_about()

    @on(ModelTable.Chosen)
    def _chosen(self) -> None:
        self.action_chat()

    @on(ModelTable.OrderWanted)
    def _order_wanted(self, event: ModelTable.OrderWanted) -> None:
        self._sort_by(event.order)

    @on(Input.Changed, "#filter")
    def _filtered(self) -> None:
        self._draw()

    @on(Input.Submitted, "#filter")
    def _filter_kept(self) -> None:
        if not self.query_one("#filter", Input).value.strip():
            self._close_filter()
        self._to_table()

    @on(Input.Submitted, "#pull-name")
    def _pull_named(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        if not name or self.hub is None:
            self.action_back()
        elif (problem := wrong_name(name)) is not None:
            self._wrong_name = problem
            self.strip.show(problem)
        else:
            if self._wrong_name is not None:
                self.strip.clear(self._wrong_name)
            self._close_pull_name()
            self.query_one(PullQuestion).ask(name, "models", key="p")

    @on(PullLine.Toggled)
    def _toggled(self, event: PullLine.Toggled) -> None:
        if self.hub is not None:
            self.hub.pulls.toggle(event.name)

    @on(PullLine.Left)
    def _left(self, event: PullLine.Left) -> None:
        if self.hub is not None:
            self.hub.pulls.cancel(event.name)

    @on(PullLines.FocusLost)
    @on(PullQuestion.Closed)
    def _pull_focus_lost(self) -> None:
        self._to_table()

    @on(PullLine.PutFirst)
    def _put_first(self, event: PullLine.PutFirst) -> None:
        if self.hub is not None:
            self.hub.pulls.put_first(event.name)

    def on_key(self, event: events.Key) -> None:
        """Down leads from the filter into what it has left."""
        if event.key == "down" and self.focused is self.query_one("#filter", Input):
            event.stop()
            self._to_table()

    def on_resize(self) -> None:
        """The headline has a right half."""
        self.call_after_refresh(self._draw_headline)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that have nothing to act on are not offered."""
        if action in _NEED_MODELS:
            return self._listed
        return self._alive if action == "pull" else True

    # -- actions ------------------------------------------------------------------------------

    def action_chat(self) -> None:
        """Chat with the selected model."""
        row = self.table.row
        if row is None:
            return
        if row.model.capabilities is not None and "completion" not in row.model.capabilities:
            self.strip.show(
                LLMHubError("This model cannot chat", one_line(row.name), "choose one that is not for embedding")
            )
            return
        self.post_message(self.ChatWith(row.name))

    def action_context(self, by: int) -> None:
        """Size everything for the next larger or smaller context, up to the largest that a model was trained for."""
        row, hub = self.table.row, self.hub
        if row is None or hub is None:
            return
        trained = [entry.trained or 0 for entry in self.table.rows if entry.model.place.is_local]
        context = contexts.moved(self._sized_for, by, max(trained, default=0), row.trained)
        if context != self._sized_for:
            self._sized_for = context
            hub.services.app_memory.set(_CONTEXT_KEY, context)
            self._draw()

    def action_load(self) -> None:
        """Load the selected model; unload it when it is loaded; give up a load that is under way."""
        row, hub = self.table.row, self.hub
        if row is None or hub is None:
            return
        if row.job is JobKind.LOADING:
            self.workers.cancel_group(self, f"job {row.name}")
        elif row.job is not None:
            return
        elif not row.model.place.is_local:
            where = f"{one_line(row.name)}, {row.model.place.words}"
            self.strip.show(LLMHubError("There is nothing to load", where, "enter chats with it as it is"))
        elif row.loaded is not None:
            self._do(row, hub.jobs.unload(row.name), self.action_load)
        else:
            self._do(row, hub.jobs.load(row.name), self.action_load)

    def action_pull(self) -> None:
        """Ask for a name."""
        asked = self.query_one("#pull-name", Input)
        asked.add_class("-asked")
        asked.focus()

    @work(group="delete", exclusive=True)
    async def action_delete(self) -> None:
        """Delete the selected model, after asking."""
        row, hub = self.table.row, self.hub
        if row is None or hub is None or row.job is not None:
            return
        question, body = delete_question(row, hub.state.installed)
        if await self.app.push_screen_wait(Confirm(question, body, "delete it", careful=True)):
            self._do(row, hub.jobs.delete(row.name), self.action_delete)

    def action_details(self) -> None:
        """Everything about the selected model."""
        row, hub = self.table.row, self.hub
        if row is not None and hub is not None:
            fit = hub.advisor.report(row.name, self._sized_for) if row.model.place.is_local else None
            self.app.push_screen(DetailsScreen(hub.services.host, row.name, fit))

    def action_filter(self) -> None:
        """Show only some names."""
        asked = self.query_one("#filter", Input)
        asked.add_class("-asked")
        asked.focus()

    def action_sort(self) -> None:
        """Sort by the next order."""
        self._sort_by(self._order.following)

    def action_hold(self) -> None:
        """Pause the pull that runs, or go on with the first that does not."""
        if (name := self._pull_meant()) is not None and self.hub is not None:
            self.hub.pulls.toggle(name)

    def action_leave_pull(self) -> None:
        """Take the pull that runs, or else the first one, out of the queue."""
        if (name := self._pull_meant()) is not None and self.hub is not None:
            self.hub.pulls.cancel(name)

    def action_copy(self) -> None:
        """Copy the selected model's name; where nothing is listed, the command that starts Ollama."""
        row, hub = self.table.row, self.hub
        if row is not None:
            self._copy(row.name)
        elif hub is not None and not hub.state.alive and hub.services.start_advice is not None:
            self._copy(hub.services.start_advice.command or "")

    def action_back(self) -> None:
        """Close the name, else the filter."""
        if self.query_one("#pull-name", Input).has_class("-asked"):
            self._close_pull_name()
        else:
            self._close_filter()
        self._to_table()

    # -- helpers ------------------------------------------------------------------------------

    def _do(self, row: ModelRow, job: Coroutine[Any, Any, None], again: Callable[[], object]) -> None:
        self.run_worker(self._done(row.name, job, again), group=f"job {row.name}", exclusive=True)

    async def _done(self, name: str, job: Coroutine[Any, Any, None], again: Callable[[], object]) -> None:
        try:
            await job
        except BackendError as error:

            def retry() -> None:
                self.table.cursor = name
                again()

            self.strip.show(error, [ErrorAction("try again", retry)])

    def _pull_meant(self) -> str | None:
        hub = self.hub
        if hub is None or not hub.pulls.pulls:
            return None
        return (hub.pulls.active or hub.pulls.pulls[0]).name

    def _sort_by(self, order: Order) -> None:
        self._order = order
        if self.hub is not None:
            self.hub.services.app_memory.set(_ORDER_KEY, str(order))
        self._draw()

    def _close_filter(self) -> None:
        asked = self.query_one("#filter", Input)
        asked.remove_class("-asked")
        asked.value = ""

    def _close_pull_name(self) -> None:
        asked = self.query_one("#pull-name", Input)
        asked.remove_class("-asked")
        asked.value = ""
        self._to_table()

    def _to_table(self) -> None:
        if self.table.display:
            self.table.focus()
        else:
            self.set_focus(None)

    def _copy(self, text: str) -> None:
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied: {one_line(text)}", markup=False)
