"""The one road: a request goes to a backend, its events to whoever watches, its turn into the ledger. Always."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from time import monotonic
from typing import Any

from llmhub.core.chat import (
    Accepted,
    Bill,
    ChatEvent,
    ChatRequest,
    Durations,
    Finished,
    Served,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    Usage,
    Waiting,
)
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.identity import new_id
from llmhub.core.places import Place
from llmhub.core.ports import Backend, Ledger
from llmhub.core.turns import PICO, BilledFacts, ClientTimes, Intent, Turn, TurnBytes, TurnContext, TurnStatus

_STATUS_OF_REASON = {
    "stop": TurnStatus.COMPLETE,
    "tool_calls": TurnStatus.COMPLETE,
    "length": TurnStatus.LENGTH,
    "context_full": TurnStatus.CONTEXT_FULL,
    "content_filter": TurnStatus.ERROR,
}
_STATUS_OF_FAILURE = {FailureKind.CUT: TurnStatus.CUT, FailureKind.REPEATED: TurnStatus.REPEATED}
_REASON_WORDS = {
    "length": "stopped at the most tokens a reply may have",
    "context_full": "the context is full",
    "content_filter": "stopped by the provider's content filter",
}


class TurnMeter:
    """Watches the events of one turn and makes its record.

    Args:
        clock: Monotonic seconds.
        now: When the request is sent, aware, in the person's zone.
    """

    def __init__(
        self,
        request: ChatRequest,
        context: TurnContext,
        *,
        clock: Callable[[], float] = monotonic,
        now: datetime | None = None,
        turn_id: str = "",
    ) -> None:
        self.id = turn_id or new_id()
        self.request = request
        self.context = context
        self._clock = clock
        self._now = now or datetime.now().astimezone()
        self._began = clock()
        self.first_s: float | None = None
        """Seconds to the first text or thought."""
        self.pieces = 0
        """Chunks of text and thought: what stands for tokens until the daemon's own count comes."""
        self.thinking_pieces = 0
        self.thinking_s: float | None = None
        self._text_bytes = 0
        self._thinking_bytes = 0
        self._generation_id: str | None = None
        self._served: Served | None = None
        self._finished: Finished | None = None
        self.closing = False
        """Set before a cancellation that comes from llmhub being closed, not from the person stopping the reply."""
        self.turn: Turn | None = None
        """The turn as it was booked, once it has ended."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since the request was sent."""
        return self._clock() - self._began

    @property
    def started_at(self) -> datetime:
        """When the request was sent, UTC."""
        return self._now.astimezone(UTC)

    @property
    def place(self) -> Place:
        """Where it runs, as far as is known by now."""
        return self._served.place if self._served else self.context.place

    @property
    def finished(self) -> Finished | None:
        """The proper end, once it came."""
        return self._finished

    @property
    def live_per_s(self) -> float | None:
        """Pieces a second since the first one; `None` before the second."""
        if self.first_s is None or self.pieces < 2:
            return None
        span = self.elapsed_s - self.first_s
        return (self.pieces - 1) / span if span > 0 else None

    def intent(self) -> Intent:
        """What the ledger is told before the request is sent."""
        return Intent(
            id=self.id,
            started_at=self.started_at,
            utc_offset_min=self._offset_min,
            context=self.context,
            model=self.request.model,
            prompt_bytes=self.request.prompt_bytes,
            num_ctx=self.request.num_ctx,
            max_tokens=self.request.max_tokens,
        )

    def observe(self, event: ChatEvent) -> None:
        """Take one event into account."""
        match event:
            case TextDelta():
                self._first()
                if self.thinking_pieces and self.thinking_s is None:
                    self.thinking_s = self.elapsed_s - (self.first_s or 0.0)
                self.pieces += event.pieces
                self._text_bytes += len(event.text.encode())
            case ThinkingDelta():
                if event.pieces:  # a signature alone is nothing that anybody reads
                    self._first()
                self.pieces += event.pieces
                self.thinking_pieces += event.pieces
                self._thinking_bytes += len(event.text.encode())
            case ToolCallDelta():
                self._first()
            case Accepted():
                self._generation_id = event.generation_id or self._generation_id
            case Served():
                self._served = event
            case Finished():
                self._finished = event
            case Waiting():
                pass

    def close(self, failure: BaseException | None = None) -> Turn:
        """The turn, whatever happened.

        Args:
            failure: What ended the stream, `None` for its proper end.
        """
        wall_ms = round(self.elapsed_s * 1000)
        status, reason = self._outcome(failure)
        finished = self._finished
        usage = finished.usage if finished else self._counted()
        served = self._served
        context = replace(self.context, place=served.place) if served else self.context
        return Turn(
            id=self.id,
            started_at=self.started_at,
            utc_offset_min=self._offset_min,
            status=status,
            reason=reason,
            context=context,
            model=self.request.model,
            served_model=served.model if served else None,
            provider=served.provider if served else None,
            generation_id=self._generation_id,
            tokens=usage,
            bytes=TurnBytes(self.request.prompt_bytes, self._text_bytes, self._thinking_bytes),
            durations=finished.durations if finished else Durations(),
            client_ms=ClientTimes(None if self.first_s is None else round(self.first_s * 1000), wall_ms),
            num_ctx=self.request.num_ctx,
            max_tokens=self.request.max_tokens,
            think=self.request.think,
            billed=self._billed(finished.bill if finished else None),
        )

    @property
    def _offset_min(self) -> int:
        offset = self._now.utcoffset()
        return 0 if offset is None else round(offset.total_seconds() / 60)

    def _first(self) -> None:
        if self.first_s is None:
            self.first_s = self.elapsed_s

    def _counted(self) -> Usage:
        """Without a final part every count of the backend's is unknown; what was received is our estimate."""
        if self.pieces == 0:
            return Usage()
        return Usage(completion=self.pieces, source="estimate")

    def _outcome(self, failure: BaseException | None) -> tuple[TurnStatus, str | None]:
        if failure is None:
            if self._finished is None:
                return TurnStatus.CUT, "the stream ended without its final part"
            return _STATUS_OF_REASON[self._finished.reason], _REASON_WORDS.get(self._finished.reason)
        if isinstance(failure, BackendError):
            return _STATUS_OF_FAILURE.get(failure.kind, TurnStatus.ERROR), failure.happened
        if isinstance(failure, (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)):
            if self.closing:
                return TurnStatus.INTERRUPTED, "llmhub was closed"
            return TurnStatus.CANCELLED, "stopped"
        return TurnStatus.ERROR, f"llmhub itself failed: {type(failure).__name__}"

    def _billed(self, bill: Bill | None) -> BilledFacts:
        if bill is None:
            return BilledFacts(reconciled="pending") if self._generation_id else BilledFacts()
        return billed_facts(bill, "stream")


def billed_facts(bill: Bill, reconciled: str) -> BilledFacts:
    """A provider's bill as it is booked: verbatim, and pico-dollars for the totals."""
    amount = bill.cost_usd
    if amount is not None and bill.is_byok:
        # a fee without what the upstream charged is not the cost
        amount = None if bill.upstream_usd is None else amount + bill.upstream_usd
    try:
        pico = None if amount is None else int((amount * PICO).to_integral_value())
    except (InvalidOperation, ValueError):
        pico = None
    upstream = None if bill.upstream_usd is None else str(bill.upstream_usd)
    raw = {
        "cost": None if bill.cost_usd is None else str(bill.cost_usd),
        "is_byok": bill.is_byok,
        "upstream_inference_cost": upstream,
        "verbatim": bill.raw,
    }
    return BilledFacts(raw=raw, reconciled=reconciled, pico_usd=pico)


OnEvent = Callable[[ChatEvent], None]
Complete = Callable[[Turn], Turn]


async def run_turn(
    backend: Backend,
    request: ChatRequest,
    ledger: Ledger,
    on_event: OnEvent,
    *,
    context: TurnContext,
    meter: TurnMeter | None = None,
    complete: Complete | None = None,
) -> Turn:
    """Send one request, pass its events on, and book the turn, whatever happens.

    Args:
        on_event: Called on the loop for each event, in order; it must not block.
        meter: A meter that someone else reads while it runs; made here when not given.
        complete: Adds what the backend cannot know (energy, price snapshot) before the turn is booked. Pure.

    Returns:
        The turn as it was booked. A reply that ended early by itself (length, context full) is returned like any other.

    Raises:
        BackendError: after the turn was booked. `meter.turn` is the turn.
        asyncio.CancelledError: after the turn was booked as cancelled.
    """
    meter = meter or TurnMeter(request, context)
    _quietly(ledger.begin(meter.intent()))
    try:
        async with aclosing(backend.chat(request)) as events:
            async for event in events:
                meter.observe(event)
                if isinstance(event, Accepted) and event.generation_id:
                    _quietly(ledger.accepted(meter.id, event.generation_id))
                on_event(event)
    except BaseException as failure:
        await _book(ledger, meter, meter.close(failure), complete)
        raise
    turn = await _book(ledger, meter, meter.close(), complete)
    if turn.status is TurnStatus.CUT:
        raise BackendError(
            FailureKind.CUT,
            backend=backend.name,
            happened="The reply broke off",
            subject=f"{request.model}, after {meter.pieces} tokens (kept)",
            remedy="ask again",
        )
    return turn


async def _book(ledger: Ledger, meter: TurnMeter, turn: Turn, complete: Complete | None) -> Turn:
    """Queue the turn at once; wait for the disk, but let no second cancellation undo it."""
    turn = complete(turn) if complete else turn
    meter.turn = turn
    booked = asyncio.ensure_future(ledger.record(turn))
    try:
        await asyncio.shield(booked)
    except asyncio.CancelledError:
        booked.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise
    return turn


def _quietly(note: Any) -> None:
    """Let a note to the ledger be written in the background; the ledger itself keeps what it could not write."""
    task = asyncio.ensure_future(note)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())


def as_decimal(text: str | int | Decimal | None) -> Decimal | None:
    """An amount a third party sent; `None` when it is no finite number."""
    if text is None or isinstance(text, bool):
        return None
    try:
        value = Decimal(text)
    except (InvalidOperation, ValueError):
        return None
    return value if value.is_finite() else None
