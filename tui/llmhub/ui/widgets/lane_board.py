"""The lanes side by side, or one under the other: what happens in a session, drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.timer import Timer

from llmhub.core.asking import reply_turn
from llmhub.core.chat import ChatEvent, Finished, TextDelta, ThinkingDelta
from llmhub.core.conversations import Chat, Node
from llmhub.core.places import Place, PlaceKind
from llmhub.core.session import ChatSession, LaneRun
from llmhub.core.turns import Turn
from llmhub.ui.metrics import ended_words, running_words
from llmhub.ui.transcript import Header, Item, Transcript
from llmhub.ui.widgets.lane_view import LaneFacts, LaneView

RightWords = Callable[[Turn | None, LaneRun | None], str]
"""What the right half of a metrics line says: of a turn that has ended, or of a reply on its way."""

TICKS_PER_S = 4
"""How often figures of a running reply are drawn again."""


class LaneBoard(Container):
    """One `LaneView` per lane of the open chat."""

    DEFAULT_CSS = """
    LaneBoard {
        layout: horizontal;
        width: 1fr;
        height: 1fr;
        & > LaneView.-next { border-left: solid $panel-lighten-2; }
        &.-stacked { layout: vertical; }
        &.-stacked > LaneView.-next { border-left: none; border-top: solid $panel-lighten-2; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("equals_sign", "screen.differed", "what differed", id="lanes.differed", tooltip="What each lane got"),
        Binding("d", "screen.difference", "difference", id="lanes.difference", tooltip="How two answers differ"),
    ]

    def __init__(self) -> None:
        super().__init__(id="lanes")
        self._session: ChatSession | None = None
        self._views: dict[int, LaneView] = {}
        self._ticker: Timer | None = None
        self._changing = asyncio.Lock()
        """Mounting takes several turns of the loop; a lane may come or go meanwhile."""
        self.right_of: RightWords = _nothing
        self.ticked: Callable[[], None] = _ticked
        """Called after each look at the running replies."""

    def compose(self) -> ComposeResult:
        """Empty until a session is shown."""
        yield from ()

    # -- the session --------------------------------------------------------------------------

    async def show(self, session: ChatSession) -> None:
        """Show `session` from its present paths; replies that run go on where they are."""
        async with self._changing:
            self._session = session
            self._still()
            await self.remove_children()
            self._views = {}
            await self._follow(session)

    async def sync(self) -> None:
        """Follow the session: lanes that came or went."""
        async with self._changing:
            if self._session is not None:
                await self._follow(self._session)

    def reload(self, lane: int) -> None:
        """Draw a lane again from its path: another version was chosen."""
        session, view = self._session, self._views.get(lane)
        if session is None or view is None:
            return
        view.transcript.load(self._items(session.chat, lane))

    def transcript(self, lane: int) -> Transcript | None:
        """The transcript of a lane."""
        view = self._views.get(lane)
        return view.transcript if view else None

    @property
    def transcripts(self) -> list[Transcript]:
        """All of them, in the order of the lanes."""
        return [view.transcript for view in self._views.values()]

    def lane_of(self, transcript: Transcript) -> int | None:
        """The lane that a transcript belongs to."""
        return next((lane for lane, view in self._views.items() if view.transcript is transcript), None)

    # -- what happens -------------------------------------------------------------------------

    def began(self, run: LaneRun) -> None:
        """A reply is on its way: its question and an empty reply are drawn."""
        session, view = self._session, self._views.get(run.lane)
        if session is None or view is None:
            return
        path = session.chat.path(run.lane)
        known = view.transcript.keys
        if known != [node.id for node in path[:-1] if node.id in known] or len(known) > len(path):
            view.transcript.load(self._items(session.chat, run.lane, without=run.node))
        else:
            for node in path[:-1]:
                if node.id not in known:
                    view.transcript.add_user(node.id, node.content, marker=version_marker(session.chat, node))
        view.transcript.begin_reply(run.node, header_of(run.setup.model, run.place))
        self._tick()
        if self._ticker is None:
            self._ticker = self.set_interval(1 / TICKS_PER_S, self._tick)

    def event(self, run: LaneRun, event: ChatEvent) -> None:
        """Text and thoughts go to the transcript, which draws them in batches."""
        view = self._views.get(run.lane)
        if view is None:
            return
        if isinstance(event, TextDelta):
            view.transcript.feed(run.node, event.text)
        elif isinstance(event, ThinkingDelta):
            view.transcript.feed_thinking(run.node, event.text, tokens=event.pieces)
        elif isinstance(event, Finished):
            view.transcript.flush()  # the last words do not wait for the next frame, nor for the ledger

    def ended(self, run: LaneRun) -> None:
        """The reply has ended: its own counts replace the live ones."""
        session, view = self._session, self._views.get(run.lane)
        if session is not None and view is not None:
            node = session.chat.nodes[run.node]
            turn = run.turn
            left = ended_words(turn) if turn else node.note or "not sent"
            thought_s = run.meter.thinking_s if run.meter else None
            failed = turn is None or node.status != "complete"
            view.transcript.finish(run.node, left, self.right_of(turn, run), failed=failed, thought_s=thought_s)
            view.transcript.set_header(run.node, header_of(run.setup.model, run.place))
            self._mark_versions(run.lane)
        if session is None or not session.running:
            self._still()
        self.refresh_headers()

    def settled(self, nodes: Sequence[str]) -> None:
        """Late bills have come: the lines under these replies say them."""
        session = self._session
        for node_id in nodes if session is not None else ():
            node = session.chat.nodes[node_id] if session is not None else None
            turn = reply_turn(node) if node is not None else None
            if turn is None:
                continue
            for view in self._views.values():
                view.transcript.set_metrics(
                    node_id, ended_words(turn), self.right_of(turn, None), failed=turn.status != "complete"
                )

    # -- headers ------------------------------------------------------------------------------

    def facts(self, lane: int) -> LaneFacts | None:
        """What the header of a lane says."""
        session = self._session
        if session is None or lane not in session.chat.lanes:
            return None
        setup = session.chat.lanes[lane]
        state = session.hub.state
        installed = session.models.installed(setup)
        run = session.runs.get(lane)
        known = run is not None and run.setup.model == setup.model and run.setup.backend == setup.backend
        place = run.place if run is not None and known else session.models.place(setup)
        note = ""
        if session.hub.is_cloud(setup.backend):
            note = session.hub.cloud_state.known_as
        elif state.looked and state.alive and installed is None:
            note = "not installed"
        return LaneFacts(
            model=setup.model,
            place=place,
            quantization=installed.quantization if installed else None,
            used_tokens=session.context_used(lane),
            context_tokens=session.context_in_force(lane),
            trained_tokens=installed.context_trained if installed else None,
            note=note,
        )

    def refresh_headers(self) -> None:
        """Give every lane's header its present facts."""
        for lane, view in self._views.items():
            view.header.facts = self.facts(lane)

    # -- inside -------------------------------------------------------------------------------

    async def _follow(self, session: ChatSession) -> None:
        for lane in [lane for lane in self._views if lane not in session.chat.lanes]:
            await self._views.pop(lane).remove()
        for lane in list(session.chat.lanes):
            if lane not in self._views:
                await self._add(session, lane)
        self._arrange()
        self.refresh_headers()

    async def _add(self, session: ChatSession, lane: int) -> None:
        view = LaneView(lane)
        self._views[lane] = view
        await self.mount(view)
        view.transcript.load(self._items(session.chat, lane))
        run = session.runs.get(lane)
        if run is not None and run.running:
            self.began(run)

    def _arrange(self) -> None:
        many = len(self._views) > 1
        for at, view in enumerate(self._views.values()):
            view.set_class(many, "-many")
            view.set_class(at > 0, "-next")

    def _tick(self) -> None:
        session = self._session
        if session is None:
            return
        for run in session.runs.values():
            view = self._views.get(run.lane)
            if run.running and view is not None:
                view.transcript.set_metrics(run.node, running_words(run), self.right_of(None, run))
        self.ticked()

    def _still(self) -> None:
        if self._ticker is not None:
            self._ticker.stop()
            self._ticker = None

    def _mark_versions(self, lane: int) -> None:
        session, view = self._session, self._views.get(lane)
        if session is None or view is None:
            return
        for node in session.chat.path(lane):
            view.transcript.set_marker(node.id, version_marker(session.chat, node))

    def _items(self, chat: Chat, lane: int, without: str | None = None) -> list[Item]:
        items: list[Item] = []
        for node in chat.path(lane):
            if node.id == without:
                continue
            marker = version_marker(chat, node)
            if node.role == "user":
                items.append(Item(key=node.id, role="user", text=node.content, marker=marker))
                continue
            turn = reply_turn(node)
            left = ended_words(turn) if turn else node.note or "interrupted"
            items.append(
                Item(
                    key=node.id,
                    role="assistant",
                    header=header_of(node.model or "", place_of_node(node)),
                    text=node.content,
                    thinking="".join(node.thinking),
                    left=left,
                    right=self.right_of(turn, None),
                    failed=node.status != "complete",
                    marker=marker,
                    thought_s=node.thought_s,
                    thought_tokens=node.thought_tokens,
                )
            )
        return items


def header_of(model: str, place: Place) -> Header:
    """`● qwen3:8b · this machine`."""
    return Header(place.sign, "local" if place.is_local else "cloud", model, place.words)


def place_of_node(node: Node) -> Place:
    """The place that a stored reply names, corrected by the turn that was booked."""
    turn = reply_turn(node)
    if turn is not None:
        return turn.place
    told = node.place or {}
    try:
        return Place(PlaceKind(told.get("kind", "")), told.get("name", ""))
    except ValueError:
        return Place(PlaceKind.PROVIDER, "")


def version_marker(chat: Chat, node: Node) -> str:
    """`2/3` where a message has versions, else nothing."""
    versions = chat.siblings(node.id)
    if len(versions) < 2:
        return ""
    at = next(number for number, version in enumerate(versions, 1) if version.id == node.id)
    return f"{at}/{len(versions)}"


def _nothing(turn: Turn | None, run: LaneRun | None) -> str:  # noqa: ARG001 - until the cost panel gives its own
    return ""


def _ticked() -> None:
    """Nobody listens yet."""
