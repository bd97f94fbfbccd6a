"""`/api/chat` and `/api/generate`: from the order to the last line."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn, Protocol

from llmhub.simulators.catalogue import SimModel
from llmhub.simulators.clock import Clock
from llmhub.simulators.engine import Engine, Lease
from llmhub.simulators.exchange import Exchange
from llmhub.simulators.faults import ENGINE_KILLED, Fault, FaultKind, from_name
from llmhub.simulators.names import full, shown
from llmhub.simulators.orders import Order, Refusal, check_options
from llmhub.simulators.scribe import Scribe, Told
from llmhub.simulators.script import OllamaScript
from llmhub.simulators.speech import Piece, fitted_tokens, prompt_text, prompt_tokens, say, until_stop
from llmhub.simulators.wire import dumps, line

_NS = 1_000_000_000
NDJSON = "application/x-ndjson"
JSON = "application/json; charset=utf-8"
REPEATS = 31
"""So many equal pieces in a row a 0.32 daemon passes on; then it ends the stream (ollama-api.md, 16, 1)."""
_BATCH = 64
"""Tokens written together at most, so that a stream without a speed limit can still be stopped."""
LONGER = "the prompt is longer than the context length currently available to the model; shorten it or raise num_ctx"
MULTIMODAL = {
    "error": {
        "code": 400,
        "message": "Multimodal data provided, but model does not support multimodal requests.",
        "type": "invalid_request_error",
    }
}


class Store(Protocol):
    """Where a chat finds its model."""

    def find(self, name: str) -> tuple[SimModel, str] | None:
        """The installed model of that name and its digest."""
        ...


@dataclass(slots=True)
class LastStream:
    """When the last stream was handed over: what a benchmark asks for at `/_sim/last`. Nanoseconds, monotonic."""

    model: str
    request_ns: int
    first_token_ns: int = 0
    last_token_ns: int = 0
    """The kernel had every byte of the last token at this moment."""
    done_ns: int = 0
    tokens: int = 0
    text_bytes: int = 0


@dataclass(slots=True)
class _Talk:
    """One answer while it is given."""

    exchange: Exchange
    order: Order
    model: SimModel
    scribe: Scribe
    fault: Fault | None
    told: Told
    lease: Lease | None = None

    async def begin(self) -> None:
        """Send the status and the headers, once."""
        if not self.exchange.started:
            await self.exchange.start(200, NDJSON)


class Chat:
    """Answers chats and completions of one simulated daemon."""

    def __init__(self, script: OllamaScript, clock: Clock, engine: Engine, store: Store) -> None:
        self._script = script
        self._clock = clock
        self._engine = engine
        self._store = store
        self.last: LastStream | None = None

    async def answer(self, exchange: Exchange, order: Order, fault: Fault | None) -> None:
        """Serve one order.

        Raises:
            Refusal: before the first line, with its status.
        """
        if not order.model:
            raise Refusal(400, "model is required")
        found = self._store.find(order.model)
        if found is None:
            raise Refusal(404, f"model '{order.model}' not found")
        model, digest = found
        talk = _Talk(exchange, order, model, Scribe(order, model, self._clock), fault, Told())
        if model.is_remote:
            await self._remote(talk)
            return
        name = shown(from_name(order.model)[0])
        if order.is_empty and order.keep_alive_ns == 0:
            self._engine.unload(name)
            await self._single(talk, "unload")
            return
        self._check(order, model)
        check_options(order.options)
        began = self._clock.monotonic_ns()
        async with self._engine.lease(order, model, name=name, digest=digest) as lease:
            if order.is_empty:
                await self._single(talk, "load")
                return
            talk.lease = lease
            await self._local(talk, lease, began)

    def _check(self, order: Order, model: SimModel) -> None:
        if "completion" not in model.capabilities:
            if not order.is_empty:
                verb = "chat" if order.kind == "chat" else "generate"
                raise Refusal(400, f'"{order.model}" does not support {verb}')
            return
        if order.think and "thinking" not in model.capabilities:
            raise Refusal(400, f'"{order.model}" does not support thinking')
        if order.tools and "tools" not in model.capabilities:
            raise Refusal(400, f"{full(from_name(order.model)[0])} does not support tools")

    async def _local(self, talk: _Talk, lease: Lease, began: int) -> None:
        order, model, told = talk.order, talk.model, talk.told
        if order.images and "vision" not in model.capabilities and self._script.modern:
            raise Refusal(400, dumps(MULTIMODAL), nested=True)
        read = self._read(order, lease.runner.engine_context)
        prompt = prompt_text(order)
        fresh = _fresh_tokens(prompt, lease.runner.cached, read)
        prefill_began = self._clock.monotonic_ns()
        await self._clock.sleep(fresh / self._script.prefill_of(model))
        prefill_ns = max(1, self._clock.monotonic_ns() - prefill_began)
        eval_began = self._clock.monotonic_ns()
        await self._speak(talk, self._limit(order, model, read, lease.runner.engine_context))
        eval_ns = max(1, self._clock.monotonic_ns() - eval_began)
        lease.runner.cached = prompt + "".join(told.content)
        omits = self._script.omits_cached_prompt_count and fresh <= 1
        metrics = {
            "total_duration": max(self._clock.monotonic_ns() - began, lease.load_ns + prefill_ns + eval_ns),
            "load_duration": lease.load_ns,
            "prompt_eval_count": 0 if omits else read,
            "prompt_eval_duration": prefill_ns,
            "eval_count": told.tokens + (told.reason == "stop"),  # the end is a token as well
            "eval_duration": eval_ns,
        }
        await self._finish(talk, metrics)

    async def _remote(self, talk: _Talk) -> None:
        order, model = talk.order, talk.model
        if self._script.cloud_disabled:
            raise Refusal(403, "ollama cloud is disabled: remote model is unavailable")
        if not self._script.signed_in:
            url = "https://ollama.com/connect?name=my-host&key=c3NoLWVkMjU1MTkgQUFBQQ"
            raise Refusal(401, "unauthorized", extra={"signin_url": url})
        if order.is_empty:
            await self._single(talk, "unload" if order.keep_alive_ns == 0 else "load")
            return
        self._check(order, model)
        began = self._clock.monotonic_ns()
        await self._clock.sleep(self._script.cloud_latency_s)
        read = prompt_tokens(order)
        await self._speak(talk, self._limit(order, model, read, model.context_length))
        total = max(1, self._clock.monotonic_ns() - began)
        counts = {"prompt_eval_count": read, "eval_count": talk.told.tokens + (talk.told.reason == "stop")}
        await self._finish(talk, {"total_duration": total, **counts})

    def _read(self, order: Order, context: int) -> int:
        """Tokens of the prompt that the model reads."""
        tokens = prompt_tokens(order)
        if tokens < context:
            return tokens
        modern = self._script.modern
        if not order.truncate:
            if not modern:
                raise Refusal(400, "the input length exceeds the context length", nested=True)
            size = f"available context size ({context} tokens)"
            body = {
                "code": 400,
                "message": f"request ({tokens} tokens) exceeds the {size}, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": tokens,
                "n_ctx": context,
            }
            raise Refusal(400, dumps({"error": body}), nested=True)
        alone = sum(message.get("role") != "system" for message in order.messages) == 1
        if alone and not order.shift:
            raise Refusal(400, LONGER)
        return fitted_tokens(order, context, modern=modern)

    def _limit(self, order: Order, model: SimModel, read: int, context: int) -> float:
        if model.unlimited:
            return math.inf
        asked = int(order.options.get("num_predict") or -1)
        limit = float(asked) if asked > 0 else 10.0 * context
        if not order.shift:
            # 0.24 gets one token further (ollama-api.md, 16, 2: 21 + 491 and 21 + 492 of 512)
            limit = min(limit, context - read + (0 if self._script.modern else 1))
        return limit

    async def _speak(self, talk: _Talk, limit: float) -> None:
        order, model, told = talk.order, talk.model, talk.told
        speech = say(order, model, talk.fault)
        stops = [str(stop) for stop in order.options.get("stop") or []]
        pieces = self._heard(until_stop(speech.pieces, stops), told, limit)
        if order.stream and talk.fault is not None and talk.fault.kind is FaultKind.LAST_TEXT:
            whole = list(pieces)
            told.held = whole.pop().text if whole else ""
            pieces = iter(whole)
        await self._pace(talk, pieces)
        if speech.tool_call is not None and told.ended and told.reason == "stop":
            told.tool_calls.append(speech.tool_call)
            told.tokens += speech.tool_tokens
            await self._clock.sleep(speech.tool_tokens / self._script.rate_of(model))
            if order.stream and not self._tools_in_final_line(model):
                await talk.begin()
                await talk.exchange.send(talk.scribe.tools(told.tool_calls))

    def _tools_in_final_line(self, model: SimModel) -> bool:
        # 0.24 parses every template itself, so its calls always come before the last line (recording, tool-call)
        return model.tools_in == "final" and self._script.modern

    def _heard(self, pieces: Iterator[Piece], told: Told, limit: float) -> Iterator[Piece]:
        """The pieces that get through, counted; sets how the stream ends."""
        last, equal = "", 0
        for piece in pieces:
            trimmed = piece.text.strip()
            equal = equal + 1 if trimmed == last and told.tokens else 1
            last = trimmed
            if equal > REPEATS and self._script.modern:
                told.ended = False
                return
            told.tokens += 1
            if told.tokens >= limit:
                told.reason = "length"
            (told.thinking if piece.field == "thinking" else told.content).append(piece.text)
            yield piece
            if told.reason == "length":
                return

    async def _pace(self, talk: _Talk, pieces: Iterator[Piece]) -> None:
        """Send the pieces when they are due: token i at i / rate, those due within a tick together."""
        clock, exchange, fault = self._clock, talk.exchange, talk.fault
        rate, tick = self._script.rate_of(talk.model), self._script.write_every_s
        began = clock.monotonic_ns()
        last = LastStream(talk.order.model, time.monotonic_ns())
        if talk.order.stream:
            self.last = last
        sent, more = 0, True
        while more:
            passed = (clock.monotonic_ns() - began) / _NS
            await clock.sleep(max((sent + 1) / rate - passed, tick if sent and rate * tick > 1 else 0.0))
            due = _BATCH
            if not math.isinf(rate):
                due = max(1, int((clock.monotonic_ns() - began) / _NS * rate + 1e-6) - sent)
            if fault is not None and sent <= fault.after:
                if sent == fault.after:
                    began += await self._fail(talk, fault)
                    if not talk.told.ended:
                        return
                    fault = None
                    due = 1
                else:
                    due = min(due, fault.after - sent)
            batch = list(islice(pieces, due))
            # the end is a token that takes its time as well, unless a limit ended the answer
            more = len(batch) == due and talk.told.reason != "length"
            sent += len(batch)
            if talk.lease is not None and talk.lease.runner.killed:
                await self._engine_died(talk, ENGINE_KILLED)
                return
            if not batch or not talk.order.stream:
                continue
            await talk.begin()
            await exchange.send(*talk.scribe.pieces(batch))
            last.last_token_ns = time.monotonic_ns()
            last.first_token_ns = last.first_token_ns or last.last_token_ns
            exchange.record.tokens_sent = last.tokens = sent
            last.text_bytes += sum(len(piece.text.encode("utf-8", "replace")) for piece in batch)

    async def _fail(self, talk: _Talk, fault: Fault) -> int:
        """Do what the fault says after its tokens; nanoseconds by which the rest comes later.

        Faults that only change the words do nothing here.
        """
        kind, exchange = fault.kind, talk.exchange
        if kind is FaultKind.STALL:
            began = self._clock.monotonic_ns()
            await self._clock.sleep(fault.seconds)
            return self._clock.monotonic_ns() - began
        if kind is FaultKind.RESET:
            exchange.reset()
        breaks = kind in (FaultKind.CUT, FaultKind.HALF_LINE, FaultKind.MALFORMED)
        if kind is FaultKind.CLOSE or (breaks and not talk.order.stream):
            exchange.cut()
        if kind is FaultKind.ERROR_LINE:
            if talk.lease is not None and not fault.text:
                self._engine.kill(talk.lease.runner.name)
            await self._engine_died(talk, fault.text or ENGINE_KILLED)
        if breaks:
            await talk.begin()
            if kind is FaultKind.MALFORMED:
                await exchange.send((fault.text or '{"model":"x","message":{"content":oops}').encode() + b"\n")
                return 0
            if kind is FaultKind.HALF_LINE:
                whole = talk.scribe.pieces([Piece("content", " and this line stops here")])[0]
                await exchange.send(whole[: len(whole) // 2])
            talk.told.ended = False
        return 0

    async def _engine_died(self, talk: _Talk, text: str) -> None:
        if not talk.exchange.started:
            _refuse(text)
        await talk.exchange.send(line({"error": text}))
        talk.told.ended = False

    async def _finish(self, talk: _Talk, metrics: dict[str, int]) -> None:
        exchange, told = talk.exchange, talk.told
        if not told.ended:
            if not exchange.started:  # `stream: false`, and nothing to say
                exchange.cut()
            await exchange.end()
            return
        body = talk.scribe.final(told, metrics, with_tools=self._tools_in_final_line(talk.model))
        if not talk.order.stream:
            await exchange.respond(200, dumps(body).encode("utf-8", "replace"), JSON)
            return
        await talk.begin()
        await exchange.send(line(body))
        if self.last is not None:
            self.last.done_ns = time.monotonic_ns()
        await exchange.end()

    async def _single(self, talk: _Talk, reason: str) -> None:
        await talk.exchange.respond(200, dumps(talk.scribe.single(reason)).encode(), JSON)


def _refuse(text: str) -> NoReturn:
    raise Refusal(500, text)


def _fresh_tokens(prompt: str, cached: str, tokens: int) -> int:
    """How many of the prompt's tokens were not read before: those after the longest common beginning."""
    low, high = 0, min(len(prompt), len(cached))
    while low < high:
        middle = (low + high + 1) // 2
        if prompt[:middle] == cached[:middle]:
            low = middle
        else:
            high = middle - 1
    share = low / len(prompt) if prompt else 0.0
    return max(1, round(tokens * (1 - share)))
