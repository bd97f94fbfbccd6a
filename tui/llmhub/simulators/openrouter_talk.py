"""One chat request from the order to the bill: who answers, what is said, what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from llmhub.simulators.catalogue import SimModel
from llmhub.simulators.clock import Clock
from llmhub.simulators.exchange import Exchange
from llmhub.simulators.faults import Fault, FaultKind
from llmhub.simulators.openrouter_accounts import Account, GenerationRecord, PromptCache
from llmhub.simulators.openrouter_catalogue import SimCloudModel, caches_by_itself
from llmhub.simulators.openrouter_faults import CloudFault, CloudFaultKind, plain, rate_limited, refused
from llmhub.simulators.openrouter_json import dumps
from llmhub.simulators.openrouter_orders import CloudOrder, text_of
from llmhub.simulators.openrouter_prices import Counts, price
from llmhub.simulators.openrouter_routing import Catalogue, Chosen
from llmhub.simulators.openrouter_scribe import CloudScribe, CloudTold, signature
from llmhub.simulators.openrouter_script import OpenRouterScript
from llmhub.simulators.speech import Piece, say, until_stop

_NS = 1_000_000_000
_NORMALISED_BYTES = 4
_LONGEST_ANSWER = 65_536
_WORDS = {kind.value for kind in FaultKind} & {"empty", "hostile", "separators", "repeat", "endless", "thinktags"}


@dataclass(slots=True)
class Talk:
    """One answer while it is given."""

    exchange: Exchange
    order: CloudOrder
    chosen: Chosen
    record: GenerationRecord
    scribe: CloudScribe
    fault: CloudFault | None
    told: CloudTold
    counts: Counts
    pieces: Iterator[Piece]
    calls: list[dict[str, Any]]
    call_tokens: int

    @property
    def streams(self) -> bool:
        """Whether the answer comes piece by piece."""
        return self.order.stream

    def has(self, *kinds: CloudFaultKind) -> bool:
        """Whether its fault is one of these."""
        return self.fault is not None and self.fault.kind in kinds


class Desk:
    """Takes orders in, and books what became of them."""

    def __init__(self, script: OpenRouterScript, clock: Clock, catalogue: Catalogue, account: Account) -> None:
        self._script = script
        self._clock = clock
        self._catalogue = catalogue
        self._account = account
        self._cache = PromptCache(script)

    def take(self, exchange: Exchange, order: CloudOrder, fault: CloudFault | None) -> Talk:
        """Decide everything that is decided before the first token.

        Raises:
            CloudRefusal: with its status.
        """
        now_ns = self._clock.wall_ns()
        chosen = self._catalogue.choose(order, _moment(now_ns))
        self._check_money(chosen, now_ns)
        effort = self._effort(order, chosen.model)
        _check_seals(order, chosen.model)
        tokens = order.native_tokens(chosen.model.tokenizer)
        prompt = sum(tokens)
        limit = self._limit(order, chosen, prompt)
        cached, written = self._cached(order, chosen, tokens, now_ns)
        record = self._account.open(
            chosen, now_ns=now_ns, streamed=order.stream, headers=exchange.headers, session_id=order.session_id
        )
        exchange.record.notes["generation"] = record.id
        if fault is not None and fault.kind is CloudFaultKind.PENDING:
            record.misses += fault.after
        told = CloudTold()
        pieces, calls, call_tokens = self._words(order, chosen.model, effort, fault)
        return Talk(
            exchange, order, chosen, record, CloudScribe(record, shows_thoughts=order.shows_thoughts), fault, told,
            Counts(prompt=prompt, cached=cached, written=written, images=order.images),
            _heard(until_stop(_thoughts_within(pieces, order.thought_tokens), list(order.stops)), told, limit),
            calls, call_tokens,
        )  # fmt: skip

    # -- before the first token

    def _check_money(self, chosen: Chosen, now_ns: int) -> None:
        free = chosen.model.is_free
        if not self._account.may_spend(free=free):
            raise refused("credit")
        if free and (wait_s := self._account.free_wait_s(now_ns)):
            raise rate_limited(self._script.free_per_minute, now_ns // 1_000_000 + wait_s * 1000, wait_s)

    def _effort(self, order: CloudOrder, model: SimCloudModel) -> str:
        """How much it thinks; "" not at all."""
        if model.reasoning is None:
            return ""
        if order.effort == "none":
            if model.reasoning.get("mandatory"):
                raise plain(400, "Reasoning is mandatory for this endpoint and cannot be disabled.")
            return ""
        if order.effort is None and not model.reasoning.get("default_enabled"):
            return ""
        return str(order.spoken.think or model.reasoning.get("default_effort") or "medium")

    def _limit(self, order: CloudOrder, chosen: Chosen, prompt: int) -> float:
        model, endpoint = chosen.model, chosen.endpoint
        if model.unlimited:
            return math.inf
        context = endpoint.context_length or model.context_length
        if prompt + (order.max_tokens or 1) > context:
            message = f"This endpoint's maximum context length is {context} tokens."
            raise plain(400, message, error_type="context_length_exceeded")
        most = endpoint.max_completion_tokens or model.max_completion_tokens or _LONGEST_ANSWER
        return float(min(order.max_tokens or most, most, context - prompt))

    def _cached(self, order: CloudOrder, chosen: Chosen, tokens: list[int], now_ns: int) -> tuple[int, int]:
        """Tokens read from the cache and written to it."""
        by_itself = caches_by_itself(chosen.endpoint)
        asked = chosen.endpoint.provider.caches == "explicit" and order.wants_cache
        if not by_itself and not asked:
            return 0, 0
        cached = self._cache.read(chosen, order.beginnings(), tokens, now_ns)
        return cached, max(0, sum(tokens) - cached - tokens[-1]) if asked else 0

    def _words(
        self, order: CloudOrder, model: SimCloudModel, effort: str, fault: CloudFault | None
    ) -> tuple[Iterator[Piece], list[dict[str, Any]], int]:
        """What is said and which tools are called."""
        abilities = ("tools",) if "tools" in model.parameters else ()
        voice = SimModel(
            model.id, "", "", "", None, 0, capabilities=abilities, think="switch" if effort else "no",
            unlimited=model.unlimited, extra_keys=model.extra,
        )  # fmt: skip
        words = None
        if fault is not None and fault.kind.value in _WORDS:
            words = Fault(FaultKind(fault.kind.value), text=fault.text)
        spoken = replace(order.spoken, think=effort or False)
        speech = say(spoken, voice, words)
        calls, tokens = [], 0
        for which in range(min(len(order.tools), self._script.tool_calls) if speech.tool_call else 0):
            one = say(replace(spoken, tools=order.tools[which:]), voice, words)
            assert one.tool_call is not None
            function = one.tool_call["function"]
            arguments = dumps(function["arguments"])
            call_id = f"{one.tool_call['id']}{which}"
            calls.append({"id": call_id, "function": {"name": function["name"], "arguments": arguments}})
            tokens += one.tool_tokens
        return speech.pieces, calls, tokens

    def leave(self, talk: Talk) -> None:
        """Book an answer that nobody hears to its end: some providers stop, others finish and bill all of it.

        An answer that was not streamed cannot be cancelled.
        """
        if talk.record.settled:
            return
        talk.record.cancelled = talk.streams
        if not talk.streams or not talk.chosen.endpoint.provider.stops:
            for _ in talk.pieces:
                pass
            talk.told.tokens += 0 if talk.told.tool_calls else talk.call_tokens
        if talk.streams or talk.told.finish != "length":
            talk.told.finish = None if talk.streams else "stop"
        self.settle(talk)

    def settle(self, talk: Talk) -> None:
        """Work out what it costs and book it. A reply without tokens and finish reason, or with an error, is free."""
        record, told = talk.record, talk.told
        if record.settled:
            return
        record.counts = replace(talk.counts, completion=told.tokens, reasoning=told.thoughts)
        said = sum(len(text.encode("utf-8", "replace")) for text in (*told.thinking, *told.content))
        asked = sum(len(text_of(message).encode("utf-8", "replace")) for message in talk.order.messages)
        record.normalised = math.ceil(asked / _NORMALISED_BYTES), math.ceil(said / _NORMALISED_BYTES)
        record.finish = told.finish
        free = told.finish == "error" or (told.finish is None and not told.tokens)
        counts = Counts() if free else record.counts
        pricing = {"prompt": "0", "completion": "0"} if free else talk.chosen.endpoint.pricing
        bill = price(pricing, counts, _moment(record.begun_ns))
        self._account.settle(record, bill, now_ns=self._clock.wall_ns())


def _moment(wall_ns: int) -> datetime:
    return datetime.fromtimestamp(wall_ns / _NS, UTC)


def _heard(pieces: Iterator[Piece], told: CloudTold, limit: float) -> Iterator[Piece]:
    """The pieces that get through, counted; sets how the answer ends."""
    for piece in pieces:
        told.tokens += 1
        if piece.field == "thinking":
            told.thoughts += 1
            told.thinking.append(piece.text)
        else:
            told.content.append(piece.text)
        if told.tokens >= limit:
            told.finish = "length"
        yield piece
        if told.finish == "length":
            return


def _thoughts_within(pieces: Iterator[Piece], most: int | None) -> Iterator[Piece]:
    thoughts = 0
    for piece in pieces:
        if piece.field == "thinking":
            thoughts += 1
            if most is not None and thoughts > most:
                continue
        yield piece


def _check_seals(order: CloudOrder, model: SimCloudModel) -> None:
    """Signed reasoning that comes back must come back as it was sent."""
    if model.thoughts != "signed":
        return
    for message in order.messages:
        details = message.get("reasoning_details")
        if message.get("role") != "assistant" or not isinstance(details, list):
            continue
        entries = [entry for entry in details if isinstance(entry, dict)]
        text = "".join(str(entry.get("text") or "") for entry in entries)
        seals = [entry["signature"] for entry in entries if entry.get("signature")]
        if seals != [signature(text)]:
            raise plain(400, "Invalid `signature` in `thinking` block", error_type="invalid_request")
