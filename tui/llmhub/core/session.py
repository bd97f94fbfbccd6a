"""A chat in use: what is asked goes to every lane, what comes back is kept, nothing of it needs a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from time import monotonic
from typing import Protocol

from llmhub.core.asking import without_oldest
from llmhub.core.budget import BudgetError
from llmhub.core.chat import Accepted, ChatEvent, ChatRequest, TextDelta, ThinkingDelta, Waiting
from llmhub.core.conversations import Chat, Entry, LaneSetup
from llmhub.core.costs.estimate import SendEstimate, send_estimate
from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.hub import Hub
from llmhub.core.identity import new_id
from llmhub.core.lane_models import LaneModels
from llmhub.core.places import Place, PlaceKind
from llmhub.core.run import TurnMeter, run_turn
from llmhub.core.turns import Turn, TurnContext

SAVE_EVERY_S = 1.0
"""How much streamed text a kill may cost, seconds."""


class RunState(StrEnum):
    """What a lane is doing."""

    QUEUED = "queued"
    """Another model has the daemon."""
    ASKED = "asked"
    """The request is sent; the model loads or reads the prompt."""
    STREAMING = "streaming"
    ENDED = "ended"


@dataclass(slots=True)
class LaneRun:
    """One reply in flight, or just ended."""

    lane: int
    question: str
    node: str
    setup: LaneSetup
    place: Place
    group_id: str
    seq: int = 1
    """Which turn of its chat, from 1."""
    state: RunState = RunState.ASKED
    waits_for: str | None = None
    """For `QUEUED`: the model that has the daemon now."""
    silent_s: float | None = None
    """Seconds without a byte, while that is long."""
    meter: TurnMeter | None = None
    turn: Turn | None = None
    error: BackendError | None = None
    failure: BaseException | None = None
    """An error of llmhub's own; the screen shows it, the turn is booked all the same."""
    num_ctx: int | None = None
    drop_turns: int = 0
    """How many of the oldest turns were left out, because the person said so."""
    task: asyncio.Task[None] | None = None
    _text: list[str] = field(default_factory=list)
    _thinking: list[str] = field(default_factory=list)
    _details: list[str] = field(default_factory=list)
    _saved_at: float = 0.0

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.state is not RunState.ENDED


class SessionListener(Protocol):
    """Who watches a session; called on the loop, in order; must not block."""

    def run_began(self, run: LaneRun) -> None:
        """A reply is on its way; its node is in the chat."""

    def run_event(self, run: LaneRun, event: ChatEvent) -> None:
        """Something came."""

    def run_ended(self, run: LaneRun) -> None:
        """The reply has ended, one way or another; its turn is booked."""

    def refused(self, error: LLMHubError, text: str) -> None:
        """A prompt was not sent at all: a limit stands before it. `text` is the person's own, to be given back."""

    def chat_changed(self) -> None:
        """Title, lanes, heads or the queue changed."""


class ChatSession:
    """One open chat.

    Args:
        chat: A new one or one read from disk.
        is_new: Whether the chat's file does not exist yet; it is made with the first question.
    """

    def __init__(self, hub: Hub, chat: Chat, listener: SessionListener, *, is_new: bool) -> None:
        self.hub = hub
        self.chat = chat
        self.models = LaneModels(hub)
        self.queued: str | None = None
        """A prompt typed while replies stream; it is sent when they are done."""
        self.runs: dict[int, LaneRun] = {}
        """The last run of each lane."""
        self._listener = listener
        self._unborn = is_new
        self._closed = False
        self._held: list[Entry] = []

    # -- what a screen asks -------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether any lane's reply has not ended."""
        return any(run.running for run in self.runs.values())

    def send(self, text: str, lanes: Sequence[int] | None = None) -> bool:
        """Ask every lane, or only some; while replies stream the prompt is queued instead.

        Returns:
            Whether it was sent at once. A prompt that a limit stops goes back through `SessionListener.refused`.
        """
        if self.running:
            self.queued = text
            self._listener.chat_changed()
            return False
        wanted = list(self.chat.lanes if lanes is None else lanes)
        if (turns := self._admit(wanted, text)) is None:
            return False
        entries, asked = self.chat.ask(text, wanted)
        self._save(entries)
        self._start(asked, turns)
        return True

    def unqueue(self) -> str | None:
        """Take the queued prompt back."""
        text, self.queued = self.queued, None
        if text is not None:
            self._listener.chat_changed()
        return text

    def again(self, lane: int, reply: str | None = None, *, num_ctx: int | None = None, drop_turns: int = 0) -> bool:
        """Ask the same question again in one lane: the new reply is a sibling of the old one.

        Args:
            reply: The reply to redo; the lane's last one when not given.
            num_ctx: A larger context for this lane from now on.
            drop_turns: Leave the oldest turns out of what is sent, this once.
        """
        if self._busy(lane):
            return False
        question = self._question_of(lane, reply)
        if question is None:
            return False
        if (turns := self._admit([lane], "", self.chat.heads.get(lane))) is None:
            return False
        if num_ctx is not None:
            self._save(self.chat.set_lane(lane, replace(self.chat.lanes[lane], num_ctx=num_ctx)))
        self._start({lane: question}, turns, drop_turns=drop_turns)
        return True

    def edit(self, question: str, text: str) -> bool:
        """Ask with another text: a sibling of `question`, in every lane whose path holds it."""
        if self.running:
            return False
        lanes = [lane for lane in self.chat.lanes if any(node.id == question for node in self.chat.path(lane))]
        if not lanes:
            return False
        if (turns := self._admit(lanes, text)) is None:
            return False
        entries, asked = self.chat.edit(question, text, lanes)
        self._save(entries)
        self._start(asked, turns)
        return True

    def stop(self, lane: int | None = None) -> bool:
        """Stop the replies (of one lane); what has arrived is kept and booked.

        Returns:
            Whether anything was running.
        """
        runs = [run for run in self.runs.values() if run.running and lane in {None, run.lane}]
        for run in runs:
            if run.task is not None:
                if run.meter is not None:
                    run.meter.closing = False
                run.task.cancel()
        return bool(runs)

    async def close(self) -> None:
        """Stop everything because llmhub or the chat is being closed; returns when all is booked and saved."""
        self._closed = True
        self.queued = None
        tasks = []
        for run in self.runs.values():
            if run.running and run.task is not None:
                run.task.cancel()
                tasks.append(run.task)
        await asyncio.gather(*tasks, return_exceptions=True)

    def add_lane(self, setup: LaneSetup) -> int:
        """Add a lane that goes on from where the first one is."""
        entries, lane = self.chat.add_lane(setup)
        self._save(entries)
        self._listener.chat_changed()
        return lane

    def set_lane(self, lane: int, setup: LaneSetup) -> None:
        """Change a lane's model or parameters for what is asked from now on."""
        self._save(self.chat.set_lane(lane, setup))
        self._listener.chat_changed()

    def drop_lane(self, lane: int) -> None:
        """Take a lane away; its messages stay in the file."""
        self.stop(lane)
        self._save(self.chat.drop_lane(lane))
        self._listener.chat_changed()

    def rename(self, title: str) -> None:
        """Give the chat a title of the person's own."""
        self._save(self.chat.rename(title))
        self._listener.chat_changed()

    def set_system(self, text: str) -> None:
        """Set the system prompt for what is asked from now on."""
        self._save(self.chat.set_system(text))
        self._listener.chat_changed()

    def select(self, lane: int, node: str) -> None:
        """Show another version of a message."""
        self._save(self.chat.select(lane, node))
        self._listener.chat_changed()

    def settle(self, turns: Mapping[str, Turn]) -> list[str]:
        """Keep late bills with their replies; the nodes that changed."""
        changed = []
        for node in self.chat.nodes.values():
            turn = turns.get(node.turn_id or "")
            if turn is None or (node.metrics.get("billed") or {}).get("reconciled") == turn.billed.reconciled:
                continue
            self._save(
                self.chat.finish_reply(
                    node.id,
                    str(turn.status),
                    note=node.note,
                    metrics=turn.to_record(),
                    thought_s=node.thought_s,
                    thought_tokens=node.thought_tokens,
                )
            )
            changed.append(node.id)
        return changed

    def context_used(self, lane: int) -> int | None:
        """Tokens of the lane's context that the last turn left in use; `None` when no count is known."""
        for node in reversed(self.chat.path(lane)):
            if node.role == "assistant" and (tokens := node.metrics.get("tokens")):
                prompt, completion = tokens.get("prompt"), tokens.get("completion")
                return None if prompt is None else prompt + (completion or 0)
        return None

    def context_in_force(self, lane: int) -> int | None:
        """What the daemon really allocated for the lane's model, else what would be asked for; tokens."""
        return self.models.context_in_force(self.chat.lanes[lane])

    # -- a run --------------------------------------------------------------------------------

    def _busy(self, lane: int) -> bool:
        run = self.runs.get(lane)
        return run is not None and run.running

    def _question_of(self, lane: int, reply: str | None) -> str | None:
        at = reply or self.chat.heads.get(lane)
        while at is not None and (node := self.chat.nodes.get(at)) is not None:
            if node.role == "user":
                return node.id
            at = node.parent
        return None

    def _admit(self, lanes: Sequence[int], text: str, head: str | None = None) -> dict[int, str] | None:
        """The ids of the turns to come, with room for them within the limits; `None` when a limit stops them all."""
        hub = self.hub
        turns = {lane: new_id() for lane in lanes}
        estimates: dict[str, SendEstimate] = {}
        for lane in lanes:
            setup = self.chat.lanes[lane]
            if not hub.is_cloud(setup.backend):
                continue
            messages = self.chat.messages(lane, head)
            model = self.models.cloud(setup)
            estimates[turns[lane]] = send_estimate(
                setup.model,
                model.pricing if model is not None else None,
                prompt_bytes=sum(len(message.text.encode()) for message in messages) + len(text.encode()),
                max_tokens=self.models.max_tokens(setup),
                messages=len(messages) + 1,
                at=hub.services.now(),
            )
        try:
            hub.budget.reserve(estimates)
        except BudgetError as error:
            self._listener.refused(error, text)
            return None
        return turns

    def _start(self, asked: dict[int, str], turns: dict[int, str], *, drop_turns: int = 0) -> None:
        group = new_id()
        hub = self.hub
        hub.note_prices((self.chat.lanes[lane].model, hub.is_cloud(self.chat.lanes[lane].backend)) for lane in asked)
        for lane, question in asked.items():
            setup = self.chat.lanes[lane]
            place = self.models.place(setup)
            turn_id = turns[lane]
            told = {"kind": str(place.kind), "name": place.name}
            entries, node = self.chat.begin_reply(lane, question, turn_id=turn_id, model=setup.model, place=told)
            self._save(entries)
            run = LaneRun(lane, question, node, setup, place, group, self.chat.turn_count, drop_turns=drop_turns)
            self.runs[lane] = run
            self._listener.run_began(run)
            run.task = self.hub.spawn(self._run(run, turn_id))
        self._listener.chat_changed()

    async def _run(self, run: LaneRun, turn_id: str) -> None:
        host, hub = self.hub.services.host, self.hub
        try:
            request = await self._request(run)
            run.num_ctx = request.num_ctx
            if run.place.kind in {PlaceKind.OLLAMA_CLOUD, PlaceKind.PROVIDER}:
                await self._ask(run, request, turn_id)
            else:
                run.waits_for = hub.gate.busy_with(host.url, run.setup.model)
                if run.waits_for is not None:
                    run.state = RunState.QUEUED
                    self._listener.run_event(run, Waiting(0.0, started=False))
                async with hub.gate.turn(host.url, run.setup.model, self._residents):
                    run.state, run.waits_for = RunState.ASKED, None
                    await self._ask(run, request, turn_id)
        except BackendError as error:
            run.error = error
        except asyncio.CancelledError:
            pass  # stopped by the person or at closing; the turn says so
        except Exception as failure:
            run.failure = failure
        finally:
            hub.budget.release(turn_id)
            run.turn = run.meter.turn if run.meter else None
            run.state = RunState.ENDED
            self._finish(run)
        if run.error is not None or run.turn is not None:
            hub.turn_ended(run.setup.backend)
        self._next()

    async def _ask(self, run: LaneRun, request: ChatRequest, turn_id: str) -> None:
        services = self.hub.services
        run.meter = TurnMeter(
            request, self.turn_context(run), clock=services.clock, now=services.now(), turn_id=turn_id
        )
        run.meter.closing = True  # a cancellation that `stop` did not ask for: llmhub ends, in order or not

        def on_event(event: ChatEvent) -> None:
            match event:
                case TextDelta():
                    run._text.append(event.text)
                    run.state, run.silent_s = RunState.STREAMING, None
                case ThinkingDelta():
                    run._thinking.append(event.text)
                    run._details.append(event.details)
                    run.state, run.silent_s = RunState.STREAMING, None
                case Waiting():
                    run.silent_s = event.silent_s
                case Accepted():
                    pass
                case _:
                    run.place = run.meter.place if run.meter else run.place
            self._listener.run_event(run, event)
            now = monotonic()
            if now - run._saved_at >= SAVE_EVERY_S:
                self._keep(run, now)

        run._saved_at = monotonic()
        await run_turn(
            self.hub.backend(run.setup.backend),
            request,
            services.ledger,
            on_event,
            context=run.meter.context,
            meter=run.meter,
            complete=self.hub.complete,
        )

    def _keep(self, run: LaneRun, now: float) -> None:
        """Append what has streamed since the last time to the chat's file."""
        text, thinking, details = ("".join(kept) for kept in (run._text, run._thinking, run._details))
        for kept in (run._text, run._thinking, run._details):
            kept.clear()
        run._saved_at = now
        self._save(self.chat.extend(run.node, text, thinking, details))

    def _finish(self, run: LaneRun) -> None:
        self._keep(run, monotonic())
        turn = run.turn
        status = str(turn.status) if turn else "error" if run.error or run.failure else "cancelled"
        note = None
        if run.error is not None:
            note = run.error.happened
        elif turn is not None and turn.reason:
            note = turn.reason
        metrics = turn.to_record() if turn else {}
        meter = run.meter
        entries = self.chat.finish_reply(
            run.node,
            status,
            note=note,
            metrics=metrics,
            thought_s=round(meter.thinking_s, 3) if meter and meter.thinking_s is not None else None,
            thought_tokens=meter.thinking_pieces if meter else None,
        )
        self._save(entries)
        self._listener.run_ended(run)

    def _next(self) -> None:
        if self.queued is not None and not self.running and not self._closed:
            text, self.queued = self.queued, None
            self.send(text)

    async def _residents(self) -> frozenset[str]:
        try:
            return frozenset(model.name for model in await self.hub.services.host.loaded())
        except BackendError:
            return frozenset()

    # -- what is sent -------------------------------------------------------------------------

    async def _request(self, run: LaneRun) -> ChatRequest:
        messages = self.chat.messages(run.lane, run.question)
        if run.drop_turns:
            messages = without_oldest(messages, run.drop_turns)
        return await self.models.request(run.setup, messages)

    def turn_context(self, run: LaneRun) -> TurnContext:
        """What is known of a turn before it is sent."""
        installed = self.models.installed(run.setup)
        prefix, gap = self._prefix(run)
        return TurnContext(
            chat_id=self.chat.id,
            lane=run.lane,
            group_id=run.group_id,
            seq=run.seq,
            backend_name=run.setup.backend,
            place=run.place,
            digest=installed.digest if installed else None,
            quantization=installed.quantization if installed else None,
            machine_id=self.hub.services.machine_id,
            profile_id=self.hub.profile.profile_id,
            prefix_tokens=prefix,
            gap_s=gap,
        )

    def _prefix(self, run: LaneRun) -> tuple[int | None, str | None]:
        """Tokens of the prompt that repeat the lane's turn before, and seconds since it ended (cost-model.md, 7)."""
        question = self.chat.nodes[run.question]
        before = self.chat.nodes.get(question.parent) if question.parent else None
        if before is None or run.drop_turns:
            return 0, None
        facts = before.metrics
        tokens = facts.get("tokens") or {}
        started, wall = facts.get("started_at"), (facts.get("client_ms") or {}).get("wall")
        gap = None
        if started and wall is not None:
            ended = datetime.fromisoformat(started).timestamp() + wall / 1000
            gap = f"{max(0.0, self.hub.services.now().timestamp() - ended):.1f}"
        return tokens.get("prompt"), gap

    # -- keeping ------------------------------------------------------------------------------

    def _save(self, entries: Iterable[Entry]) -> None:
        entries = list(entries)
        if self._unborn:
            self._held += entries
            if not any(entry.get("kind") == "node" for entry in entries):
                return  # an empty chat leaves no file
            entries, self._held, self._unborn = self.chat.start() + self._held, [], False
        if entries:
            saving = asyncio.ensure_future(self.hub.services.chats.save(self.chat.id, entries))
            saving.add_done_callback(lambda done: done.cancelled() or done.exception())
