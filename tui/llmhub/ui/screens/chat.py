"""The Chat mode: one prompt, one to four lanes, every turn booked."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import Provider
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widget import Widget

from llmhub import formats
from llmhub.core.asking import question_texts, reply_turn
from llmhub.core.conversations import Chat, LaneSetup
from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.identity import new_id
from llmhub.core.model_address import ModelAddress
from llmhub.core.plain import one_line
from llmhub.core.session import ChatSession, LaneRun
from llmhub.core.turns import Turn
from llmhub.ui.chat import cloud_flow, comparing, first_minutes, flows, hinting, lanes_flow, look
from llmhub.ui.chat.costing import PanelKeeper
from llmhub.ui.chat.failures import failure_actions, refusal_actions
from llmhub.ui.chat.palette import ChatCommands
from llmhub.ui.painting import FrontCompositor
from llmhub.ui.screens.opening import PROMPT_KEYS, Draft
from llmhub.ui.transcript import Transcript, messages
from llmhub.ui.widgets.chat_title import ChatTitle
from llmhub.ui.widgets.cost_panel import CostPanel
from llmhub.ui.widgets.error_strip import ErrorStrip
from llmhub.ui.widgets.find_bar import FindBar
from llmhub.ui.widgets.hint_line import HintLine
from llmhub.ui.widgets.lane_board import LaneBoard
from llmhub.ui.widgets.lane_view import LaneHeader
from llmhub.ui.widgets.prompt import Prompt
from llmhub.ui.widgets.pull_question import PullQuestion
from llmhub.ui.widgets.status_bar import StatusBar
from llmhub.ui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from llmhub.core.chat import ChatEvent
    from llmhub.core.hub import Hub

DEMO_CLOUD_MODEL = "openai/gpt-oss-120b"
"""What stands beside the local model when the demo opens."""

log = logging.getLogger(__name__)


class ChatScreen(Screen[None]):
    """Prompt below, lanes above, costs beside; it draws what the session says and decides nothing of it."""

    COMMANDS: ClassVar[set[type[Provider]]] = {ChatCommands}  # type: ignore[assignment]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (look.WIDE_CELLS, "-wide")]  # noqa: RUF012
    CSS = look.CSS
    HELP = "Type below and press enter. Esc goes to the transcript, i comes back. Ctrl+p lists every command."

    BINDINGS: ClassVar[list[BindingType]] = look.BINDINGS

    def __init__(self) -> None:
        super().__init__()
        self._compositor = FrontCompositor()
        self.hub: Hub | None = None
        self.session: ChatSession | None = None
        self.board = LaneBoard()
        self.panel = CostPanel()
        self.costs = PanelKeeper(self)
        self.welcome = Welcome()
        self._held_prompt: str | None = None
        """Typed while there was no model yet; sent when there is one."""
        self._second_quits = False
        self._failed: LaneRun | None = None
        self._troubles: list[LLMHubError] = []
        """Why the ledger or the chats could not be written at the last look."""
        self._panel_wanted: bool | None = None
        """What the person chose; without a choice the panel is there where there is room beside the lanes."""
        self._failed_start: LLMHubError | None = None

    def compose(self) -> ComposeResult:
        """Status, title, lanes and costs, errors, prompt, keys."""
        yield StatusBar(mode="chat")
        yield ChatTitle(id="title")
        with Horizontal(id="middle"):
            yield self.welcome
            yield self.board
            yield self.panel
        yield FindBar()
        yield PullQuestion(passes_text=True, id="pull-question")
        yield ErrorStrip(id="strip")
        yield Prompt(id="prompt")
        yield HintLine(id="cost-hint")
        yield HintLine(id="keys")

    def on_mount(self) -> None:
        """The cursor is in the prompt, whatever else is still to come."""
        self.keys.parts, self.keys.right = PROMPT_KEYS, "F1 help"
        self.board.right_of = self.costs.words_of
        self.board.ticked = self.costs.draw
        self.prompt.focus()
        self._show_welcome()

    # -- what others ask ----------------------------------------------------------------------

    def connect(self, hub: Hub) -> None:
        """The services are there."""
        self.hub = hub
        self.query_one(StatusBar).connect(hub)
        self.pull_question.connect(hub)
        hub.listen(self._hub_changed)
        self._panel_wanted = hub.services.app_memory.get("cost_panel")
        self._place_panel()
        for problem in hub.services.problems:
            self.strip.show(problem)
        self.set_interval(look.NOTICES_EVERY_S, self._tell_notices)
        self._hub_changed()

    def take(self, draft: Draft) -> None:
        """Go on with what was typed before this screen was there."""
        self._held_prompt = "\n\n".join(draft.sent) or None
        self.prompt.put(draft.text)
        self.prompt.move_cursor(draft.cursor)
        self._hint()

    def failed(self, error: LLMHubError) -> None:
        """The services could not be made: say why, and stay."""
        self._failed_start = error
        self.strip.show(error)

    def use_model(self, model: str) -> None:
        """Take `model` for the first lane of the open chat."""
        if self.session is None or not self.session.chat.lanes:
            self._begin(Chat(new_id()), is_new=True, setups=[LaneSetup("ollama", model)])
            return
        lane = next(iter(self.session.chat.lanes))
        self.session.set_lane(lane, LaneSetup("ollama", model))
        self._remember_lanes()

    def begin_with(self, address: ModelAddress) -> None:
        """Begin a new chat with one lane."""
        self._begin(Chat(new_id()), is_new=True, setups=[LaneSetup(address.backend, address.model)])
        self.prompt.focus()

    def busy_words(self) -> str:
        """What would be stopped by leaving now, in words; empty when nothing."""
        words = []
        if self.session is not None and self.session.running:
            words.append("A reply is still streaming.")
        if self.hub is not None and self.hub.pulls.active is not None:
            words.append("A pull is running; it goes on where it is when asked for again.")
        return " ".join(words)

    async def close(self) -> None:
        """Stop and book what runs."""
        if self.session is not None:
            await self.session.close()

    # -- the session's listener ---------------------------------------------------------------

    def run_began(self, run: LaneRun) -> None:
        """See `SessionListener`."""
        if self._failed is not None and self._failed.lane == run.lane:
            self._failed = None
            self.strip.clear()
        self._show_welcome()
        self.board.began(run)
        self.costs.began(run)

    def run_event(self, run: LaneRun, event: ChatEvent) -> None:
        """See `SessionListener`."""
        self.board.event(run, event)

    def run_ended(self, run: LaneRun) -> None:
        """See `SessionListener`."""
        self.costs.ended(run)
        self.board.ended(run)
        if run.error is not None:
            self._failed = run
            self.strip.show(run.error, actions=failure_actions(self, run))
        elif run.failure is not None:
            log.error("a lane failed", exc_info=run.failure)
            words = f"{type(run.failure).__name__}: {one_line(str(run.failure))}"
            self.strip.show(LLMHubError("llmhub itself failed", words, "ask again; the log has more"))
        elif self._failed is not None and self._failed.lane == run.lane:
            self._failed = None
            self.strip.clear()
        self._title()
        self._hint()

    def refused(self, error: LLMHubError, text: str) -> None:
        """See `SessionListener`: the text is back in the prompt, and the local lanes are offered."""
        if not self.prompt.text:
            self.prompt.put(text)
        self.strip.show(error, actions=refusal_actions(self, text))

    def chat_changed(self) -> None:
        """See `SessionListener`."""
        self.call_later(self._follow)

    async def _follow(self) -> None:
        self._place_panel()
        await self.board.sync()
        self._show_welcome()
        self._title()
        self._hint()

    # -- the hub ------------------------------------------------------------------------------

    def _hub_changed(self) -> None:
        hub = self.hub
        if hub is None or not self.is_attached:
            return
        if self.session is None and hub.state.looked:
            self._first_session()
        if self._held_prompt is not None and self.session is not None and self.session.chat.lanes:
            text, self._held_prompt = self._held_prompt, None
            self.session.send(text)
        self._show_welcome()
        self._title()
        self._hint()
        self.board.refresh_headers()
        if self.session is not None and hub.settled:
            self.board.settled(self.session.settle(hub.settled))
        self.costs.rest()

    def _tell_notices(self) -> None:
        """Tell what cannot be kept, and take it away once it is."""
        hub = self.hub
        if hub is None:
            return
        for notice in hub.services.notices():
            self.strip.show(notice)
        troubles = hub.services.troubles()
        if not troubles:
            for mended in self._troubles:
                self.strip.clear(mended)
        self._troubles = list(troubles)

    def _first_session(self) -> None:
        """Open Chat on the loaded model, else the one used last, else the first that can chat."""
        hub = self.hub
        if hub is None:
            return
        chosen = lanes_flow.first_model(hub)
        if chosen is None and hub.state.alive:
            return
        if chosen is None:
            return
        setups = [LaneSetup(hub.services.host.name, chosen)]
        if hub.services.demo and hub.services.cloud is not None:
            setups.append(LaneSetup(hub.services.cloud.name, DEMO_CLOUD_MODEL))
        self._begin(Chat(new_id()), is_new=True, setups=setups)

    def _begin(self, chat: Chat, *, is_new: bool, setups: list[LaneSetup] | None = None) -> None:
        hub = self.hub
        if hub is None:
            return
        if self._failed is not None:
            self._failed = None
            self.strip.clear()
        session = ChatSession(hub, chat, self, is_new=is_new)
        for setup in setups or []:
            session.add_lane(setup)
        self.session = session
        self.costs.opened(session)
        self.prompt.remember(question_texts(chat))
        self._show(session)

    @work(exclusive=True, group="show")
    async def _show(self, session: ChatSession) -> None:
        await self.board.show(session)
        self._show_welcome()
        self._title()
        self._hint()

    async def open_chat(self, chat: Chat) -> None:
        """Go on with a chat from disk; bills that came after it was closed are put to their replies."""
        self._begin(chat, is_new=False)
        pending = {turn.id: turn for node in chat.nodes.values() if (turn := reply_turn(node)) and turn.is_pending}
        if self.hub is None or self.session is None or not pending:
            return
        late = await self.hub.services.ledger.late_bills()
        turns = {turn_id: bill.on(pending[turn_id]) for turn_id, bill in late.items() if turn_id in pending}
        if turns:
            self.board.settled(self.session.settle(turns))
            self.costs.opened(self.session)

    # -- what the person does -----------------------------------------------------------------

    @on(Prompt.Submitted)
    def _submitted(self, event: Prompt.Submitted) -> None:
        self._second_quits = False
        session = self.session
        if session is None or not session.chat.lanes:
            self._held_prompt = event.text
            self._hint()
            return
        session.send(event.text)
        self.prompt.remember(question_texts(session.chat))
        self._hint()

    @on(Prompt.Nothing)
    def _nothing(self) -> None:
        """Enter in an empty prompt goes to a refused pull, else does what the strip says it does."""
        if self.pull_question.is_refused:
            self.pull_question.focus()
        else:
            self.strip.action_open()

    @on(Prompt.Changed)
    def _typing(self) -> None:
        self._hint()

    @on(Prompt.Left)
    def _escaped(self) -> None:
        """Escape closes the top layer, else stops the stream, else goes to the transcript."""
        session = self.session
        if self.query("HelpPanel"):
            self.app.action_hide_help_panel()
        elif session is not None and session.queued is not None:
            self.prompt.put(session.unqueue() or "")
        elif session is None or not session.stop():
            self._to_transcript()

    @on(Prompt.PaletteWanted)
    def _palette(self) -> None:
        self.app.action_command_palette()

    @on(PullQuestion.Closed)
    def _pull_answered(self) -> None:
        self.prompt.focus()

    @on(PullQuestion.Typed)
    @on(Welcome.Typed)
    def _typed_elsewhere(self, event: PullQuestion.Typed | Welcome.Typed) -> None:
        self.prompt.focus()
        self.prompt.insert(event.text)

    @on(Welcome.Chosen)
    def _chosen(self, event: Welcome.Chosen) -> None:
        first_minutes.chosen(self, event.key)

    @on(LaneHeader.Clicked)
    def _header_clicked(self) -> None:
        self.action_lanes()

    @on(messages.BackToPrompt)
    def _back(self) -> None:
        self.prompt.focus()

    @on(messages.EditRequested)
    def _edit(self, event: messages.EditRequested) -> None:
        flows.edit(self, event.key)

    @on(messages.AgainRequested)
    def _again(self, event: messages.AgainRequested) -> None:
        lane = self.board.lane_of(event.transcript)
        if self.session is not None and lane is not None:
            self.session.again(lane, event.key)

    @on(messages.Copied)
    def _copied(self, event: messages.Copied) -> None:
        self.app.copy_to_clipboard(event.text)
        self.notify(f"Copied {formats.count(len(event.text))} characters.", markup=False)

    @on(messages.NothingToCopy)
    def _nothing_copied(self, event: messages.NothingToCopy) -> None:
        self.notify(f"There is no {event.what} to copy.", markup=False)

    @on(messages.LinkClicked)
    def _link(self, event: messages.LinkClicked) -> None:
        self._flow(partial(flows.follow_link, url=event.url))

    @on(messages.FindRequested)
    def _find(self, event: messages.FindRequested) -> None:
        self.query_one(FindBar).open(event.transcript)

    @on(messages.FindMoved)
    def _found(self, event: messages.FindMoved) -> None:
        self.query_one(FindBar).tell(event.number, event.count)

    @on(CostPanel.ExplainWanted)
    def _explain(self) -> None:
        self._flow(flows.explain_costs)

    # -- actions ------------------------------------------------------------------------------

    def action_lanes(self) -> None:
        """Add or change a lane."""
        self._flow(lanes_flow.lanes)

    def action_chats(self) -> None:
        """The list of chats."""
        self._flow(flows.chats)

    def action_system(self) -> None:
        """The system prompt."""
        self._flow(flows.system_prompt)

    def action_rename(self) -> None:
        """Another title."""
        self._flow(flows.rename)

    def action_prices(self) -> None:
        """What power and the machine cost."""
        self._flow(flows.prices)

    def action_key(self) -> None:
        """Keep a key for OpenRouter."""
        self._flow(cloud_flow.set_key)

    def action_offline(self) -> None:
        """Move the offline switch."""
        cloud_flow.switch_offline(self)

    def action_facts(self) -> None:
        """Every fact of the last turn."""
        self._flow(flows.facts)

    def action_differed(self) -> None:
        """What was really sent to each lane."""
        self._flow(comparing.what_differed)

    def action_difference(self) -> None:
        """How the last answers of two lanes differ."""
        self._flow(comparing.difference)

    def action_new_chat(self) -> None:
        """Begin a new chat with the same lanes."""
        session = self.session
        if session is None:
            return
        setups = list(session.chat.lanes.values())
        if (queued := session.unqueue()) is not None and not self.prompt.text:
            self.prompt.put(queued)  # it was for the chat that is left: nobody would see the answer there
        session.stop()
        self._begin(Chat(new_id()), is_new=True, setups=setups)
        self.prompt.focus()

    def action_panel(self) -> None:
        """Show or hide the cost panel."""
        self._panel_wanted = not self.panel.display
        if self.hub is not None:
            self.hub.services.app_memory.set("cost_panel", self._panel_wanted)
        self._place_panel()

    def action_stop(self) -> None:
        """Stop what streams."""
        if self.session is not None:
            self.session.stop()

    def action_again(self) -> None:
        """Another reply to the last question, in every lane."""
        if self.session is not None:
            for lane in self.session.chat.lanes:
                self.session.again(lane)

    def action_version(self, step: int) -> None:
        """Show another version of the focused message, else of the last one that has any."""
        flows.another_version(self, step)

    def action_copy_last(self) -> None:
        """Put the last reply of the first lane on the clipboard."""
        session = self.session
        if session is None:
            return
        for node in reversed(session.chat.path(next(iter(session.chat.lanes), 0))):
            if node.role == "assistant" and node.content:
                self.app.copy_to_clipboard(node.content)
                self.notify("Copied the last reply.", markup=False)
                return

    def action_editor(self) -> None:
        """Write the prompt in $EDITOR."""
        flows.edit_outside(self)

    def action_interrupt(self) -> None:
        """Copy a selection, else stop a stream; when idle the second press leaves."""
        selected = self.get_selected_text() or self.prompt.selected_text
        if selected:
            self.app.copy_to_clipboard(selected)
        elif self.session is not None and self.session.stop():
            pass
        elif self._second_quits:
            self.app.call_later(self.app.action_quit)
        else:
            self._second_quits = True
            self.notify("ctrl+c again leaves llmhub.", markup=False)

    # -- drawing ------------------------------------------------------------------------------

    @property
    def prompt(self) -> Prompt:
        """The prompt."""
        return self.query_one("#prompt", Prompt)

    @property
    def strip(self) -> ErrorStrip:
        """The one place for errors."""
        return self.query_one("#strip", ErrorStrip)

    @property
    def pull_question(self) -> PullQuestion:
        """Where a pull that does not fit is told and answered."""
        return self.query_one("#pull-question", PullQuestion)

    @property
    def keys(self) -> HintLine:
        """The line of keys at the foot."""
        return self.query_one("#keys", HintLine)

    @property
    def lane_cells(self) -> int:
        """Columns that a lane has."""
        lanes = max(1, len(self.session.chat.lanes)) if self.session is not None else 1
        if self.size.width < look.WIDE_CELLS:
            return self.size.width
        return (self.size.width - (look.PANEL_CELLS if self.panel.display else 0)) // lanes

    def on_descendant_focus(self) -> None:
        """The keys at the foot are those of where the focus is."""
        focused = self.focused
        if isinstance(focused, Transcript):
            self.keys.parts = look.TRANSCRIPT_KEYS
        elif isinstance(focused, PullQuestion):
            self.keys.parts = look.QUESTION_KEYS
        elif focused is not None and isinstance(focused.parent, FindBar):
            self.keys.parts = look.FIND_KEYS
        else:
            self.keys.parts = PROMPT_KEYS

    def on_resize(self) -> None:
        """The panel stands beside the lanes where there is room, unless the person chose."""
        self._place_panel()

    def _place_panel(self) -> None:
        lanes = max(1, len(self.session.chat.lanes)) if self.session is not None else 1
        room = self.size.width >= look.WIDE_CELLS and (self.size.width - look.PANEL_CELLS) // lanes >= look.LANE_CELLS
        self.panel.display = room if self._panel_wanted is None else self._panel_wanted
        self.costs.rest()

    def _flow(self, flow: flows.Flow) -> None:
        if self.session is not None or flow in {flows.chats, flows.prices, flows.explain_costs}:
            self.run_worker(flow(self), exclusive=True, group="flow")

    def _to_transcript(self) -> None:
        target: Widget | None = next(iter(self.board.transcripts), None)
        if self.welcome.display:
            target = self.welcome
        if target is not None:
            target.focus()

    def _show_welcome(self) -> None:
        first_minutes.draw(self)

    def _title(self) -> None:
        flows.draw_title(self)

    def _hint(self) -> None:
        hinting.draw_hint(self, self._held_prompt)

    def _remember_lanes(self) -> None:
        if self.hub is not None and self.session is not None and self.session.chat.lanes:
            first = next(iter(self.session.chat.lanes.values()))
            self.hub.services.app_memory.set("model", first.model)

    def last_turn(self) -> Turn | None:
        """The turn that ended last in the open chat."""
        turns = [run.turn for run in self.session.runs.values() if run.turn is not None] if self.session else []
        return max(turns, key=lambda turn: turn.id, default=None)

    def tell(self, error: LLMHubError | BackendError) -> None:
        """Show an error in the one place for errors."""
        self.strip.show(error)
