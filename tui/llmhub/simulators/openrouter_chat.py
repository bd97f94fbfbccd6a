"""`/chat/completions`: from the order to `[DONE]`, and to the bill whatever the end."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from llmhub.simulators.chat import LastStream
from llmhub.simulators.clock import Clock
from llmhub.simulators.exchange import Exchange, GoneError
from llmhub.simulators.openrouter_accounts import Account
from llmhub.simulators.openrouter_faults import CloudFault, CloudFaultKind
from llmhub.simulators.openrouter_json import dumps
from llmhub.simulators.openrouter_orders import CloudOrder
from llmhub.simulators.openrouter_routing import Catalogue
from llmhub.simulators.openrouter_scribe import COMMENT, DONE
from llmhub.simulators.openrouter_script import OpenRouterScript
from llmhub.simulators.openrouter_talk import Desk, Talk
from llmhub.simulators.speech import Piece

_NS = 1_000_000_000
_BATCH = 64
"""Tokens written together at most, so that a stream without a speed limit can still be stopped."""
DISCONNECTED = "Provider disconnected mid-stream"
_BREAKS = (CloudFaultKind.CUT, CloudFaultKind.HALF_LINE, CloudFaultKind.MALFORMED, CloudFaultKind.CLOSE)


class CloudChat:
    """Answers the chats of one simulated provider."""

    def __init__(self, script: OpenRouterScript, clock: Clock, catalogue: Catalogue, account: Account) -> None:
        self._script = script
        self._clock = clock
        self._desk = Desk(script, clock, catalogue, account)
        self.last: LastStream | None = None

    async def answer(self, exchange: Exchange, order: CloudOrder, fault: CloudFault | None) -> None:
        """Serve one order; whatever becomes of it, it is booked.

        Raises:
            CloudRefusal: before the first token, with its status.
        """
        talk = self._desk.take(exchange, order, fault)
        try:
            await self._speak(talk)
        except (asyncio.CancelledError, GoneError):
            self._desk.leave(talk)
            raise

    async def _speak(self, talk: Talk) -> None:
        exchange, script, clock = talk.exchange, self._script, self._clock
        if talk.streams:
            await self._start(talk)
            await exchange.send(COMMENT)
        wait_s = script.first_token_s if script.first_token_s is not None else talk.chosen.endpoint.delay_s
        if talk.fault is not None and talk.fault.kind is CloudFaultKind.COMMENTS:
            wait_s += talk.fault.seconds
        while wait_s > 0:
            await clock.sleep(min(wait_s, script.comment_every_s))
            wait_s -= script.comment_every_s
            if talk.streams:
                await exchange.send(COMMENT)
        if not await self._pace(talk):
            return
        if talk.calls and talk.told.finish == "stop":
            talk.told.tool_calls = talk.calls
            talk.told.finish = "tool_calls"
            talk.told.tokens += talk.call_tokens
            await clock.sleep(talk.call_tokens / self._rate(talk))
            if talk.streams:
                await exchange.send(*talk.scribe.tools(talk.calls))
        await self._finish(talk)

    async def _start(self, talk: Talk) -> None:
        await talk.exchange.start(200, "text/event-stream", self._headers(talk))

    def _headers(self, talk: Talk) -> dict[str, str]:
        # the request id is in no document; a client must not mind further headers
        return {"X-Generation-Id": talk.record.id, "X-Request-Id": talk.record.request_id, "Cache-Control": "no-cache"}

    def _rate(self, talk: Talk) -> float:
        if self._script.tokens_per_s is not None and not talk.chosen.model.unlimited:
            return self._script.tokens_per_s
        return talk.chosen.endpoint.rate

    async def _pace(self, talk: Talk) -> bool:
        """Send the pieces when they are due: token i at i / rate, those due within a tick together.

        Whether the answer goes on to its end; false when a fault has ended it.
        """
        clock, exchange, fault = self._clock, talk.exchange, talk.fault
        rate, tick = self._rate(talk), self._script.write_every_s
        began = clock.monotonic_ns()
        last = LastStream(talk.order.models[0], time.monotonic_ns())
        if talk.streams:
            self.last = last
        sent, more, thought = 0, True, False
        next_comment = 2
        while more:
            passed = (clock.monotonic_ns() - began) / _NS
            await clock.sleep(max((sent + 1) / rate - passed, tick if sent and rate * tick > 1 else 0.0))
            due = _BATCH
            if not math.isinf(rate):
                due = max(1, int((clock.monotonic_ns() - began) / _NS * rate + 1e-6) - sent)
            if fault is not None and sent <= fault.after:
                if sent == fault.after:
                    stalled = await self._fail(talk, fault)
                    if stalled is None:
                        return False
                    began += stalled
                    fault, due = None, 1
                else:
                    due = min(due, fault.after - sent)
            batch = list(islice(talk.pieces, due))
            more = len(batch) == due and talk.told.finish != "length"
            sent += len(batch)
            if not batch:
                continue
            if not talk.record.first_ns:
                talk.record.first_ns = clock.wall_ns()
            if not talk.streams:
                continue
            events = self._events(talk, batch, thought=thought)
            thought = batch[-1].field == "thinking"
            if sent >= next_comment:
                events.append(COMMENT)
                next_comment = sent + self._script.comment_every_tokens
            await exchange.send(*events)
            last.last_token_ns = time.monotonic_ns()
            last.first_token_ns = last.first_token_ns or last.last_token_ns
            exchange.record.tokens_sent = last.tokens = sent
            last.text_bytes += sum(len(piece.text.encode("utf-8", "replace")) for piece in batch)
        if thought and talk.streams:
            await exchange.send(*talk.scribe.end_of_thoughts("".join(talk.told.thinking)))
        if fault is not None and sent <= fault.after:  # it was to strike later than the answer is long
            return await self._fail(talk, fault) is not None
        return True

    def _events(self, talk: Talk, batch: list[Piece], *, thought: bool) -> list[bytes]:
        """The events of a batch, the seal between the last thought and the first word."""
        words = next((at for at, piece in enumerate(batch) if piece.field == "content"), len(batch))
        ends_here = (thought or words > 0) and words < len(batch)
        seal = talk.scribe.end_of_thoughts("".join(talk.told.thinking)) if ends_here else []
        return [*talk.scribe.pieces(batch[:words]), *seal, *talk.scribe.pieces(batch[words:])]

    async def _fail(self, talk: Talk, fault: CloudFault) -> int | None:
        """Do what the fault says after its tokens; nanoseconds by which the rest comes later, `None` for an end.

        Faults that only change the words do nothing here.
        """
        kind, exchange = fault.kind, talk.exchange
        message = fault.text or DISCONNECTED
        if kind is CloudFaultKind.STALL:
            began = self._clock.monotonic_ns()
            await self._clock.sleep(fault.seconds)
            return self._clock.monotonic_ns() - began
        if kind is CloudFaultKind.RESET:
            exchange.reset()
        if kind in _BREAKS and (kind is CloudFaultKind.CLOSE or not talk.streams):
            exchange.cut()
        if kind in (CloudFaultKind.ERROR, CloudFaultKind.STRING_CODE, CloudFaultKind.CHOICE_ERROR):
            talk.told.finish = "error"
            self._desk.settle(talk)
            await self._tell_error(talk, kind, message)
            return None
        if kind is CloudFaultKind.MALFORMED:
            await exchange.send((fault.text or 'data: {"id":"gen-x","choices":[oops').encode() + b"\n\n")
        if kind in (CloudFaultKind.CUT, CloudFaultKind.HALF_LINE):
            if kind is CloudFaultKind.HALF_LINE:
                whole = talk.scribe.pieces([Piece("content", " and this event stops here")])[0]
                await exchange.send(whole[: len(whole) // 2])
            self._desk.leave(talk)
            await exchange.end()
            return None
        return 0

    async def _tell_error(self, talk: Talk, kind: CloudFaultKind, message: str) -> None:
        if not talk.streams:
            metadata = {"error_type": "provider_unavailable"}
            code: int | str = "server_error" if kind is CloudFaultKind.STRING_CODE else 502
            body = talk.scribe.whole(talk.told, error={"code": code, "message": message, "metadata": metadata})
            await self._reply(talk, body)
            return
        if kind is CloudFaultKind.CHOICE_ERROR:
            await talk.exchange.send(talk.scribe.choice_error(message))
        else:
            code = "server_error" if kind is CloudFaultKind.STRING_CODE else 502
            await talk.exchange.send(talk.scribe.error(message, code))
        await talk.exchange.end()

    async def _finish(self, talk: Talk) -> None:
        told, exchange = talk.told, talk.exchange
        if talk.has(CloudFaultKind.EMPTY):
            told.finish = None
        elif talk.has(CloudFaultKind.FILTER):
            told.finish = "content_filter"
        self._desk.settle(talk)
        if not talk.streams:
            await self._reply(talk, talk.scribe.whole(told))
            return
        if told.finish is not None:
            if not told.tokens:
                await exchange.send(talk.scribe.open())
            late = talk.has(CloudFaultKind.LATE_USAGE)
            await exchange.send(talk.scribe.finish(told.finish, talk.record.usage() if late else None))
            if not late and not talk.has(CloudFaultKind.NO_USAGE):
                await exchange.send(talk.scribe.usage())
            if not talk.has(CloudFaultKind.NO_DONE):
                await exchange.send(DONE)
        if self.last is not None:
            self.last.done_ns = time.monotonic_ns()
        await exchange.end()

    async def _reply(self, talk: Talk, body: Mapping[str, Any]) -> None:
        data = dumps(body).encode("utf-8", "replace")
        await talk.exchange.respond(200, data, "application/json", headers=self._headers(talk))
