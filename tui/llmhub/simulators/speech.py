"""What a simulated model says to one order: pieces of thought, of text, and calls of tools."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Literal

from llmhub.simulators import replies
from llmhub.simulators.catalogue import SimModel
from llmhub.simulators.faults import HOSTILE_TEXT, SEPARATORS_TEXT, Fault, FaultKind
from llmhub.simulators.orders import Order

BYTES_PER_TOKEN = 4
_MESSAGE_TOKENS = 4
_IMAGE_TOKENS = 256
_ID_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Piece:
    """One token, or one tool call."""

    field: Literal["content", "thinking"]
    text: str


@dataclass(frozen=True, slots=True)
class Speech:
    """An answer, before anything cuts it short."""

    pieces: Iterator[Piece]
    tool_call: dict[str, Any] | None = None
    tool_tokens: int = 0


def prompt_text(order: Order) -> str:
    """What the model reads: every message in one text, tools first."""
    tools = json.dumps(order.tools, ensure_ascii=False) if order.tools else ""
    turns = "".join(
        f"<|{message.get('role', '')}|>{message.get('content') or ''}{json.dumps(message.get('tool_calls') or '')}"
        for message in order.messages
    )
    return tools + turns


def prompt_tokens(order: Order) -> int:
    """Tokens of the whole prompt: a quarter of its UTF-8 bytes, and a few for every message."""
    return _messages_tokens(list(order.messages)) + _tools_tokens(order) + _IMAGE_TOKENS * order.images


def fitted_tokens(order: Order, context: int, *, modern: bool) -> int:
    """Tokens that are read of a prompt that is too long: old messages go, then the middle of the last one.

    0.32.15 read about half the context of a single message that was too long, 0.24.0 all of it (ollama-api.md, 16, 4).
    """
    kept = [dict(message) for message in order.messages]
    fixed = _tools_tokens(order) + _IMAGE_TOKENS * order.images
    while _messages_tokens(kept) + fixed >= context:
        oldest = next((i for i, message in enumerate(kept[:-1]) if message.get("role") != "system"), None)
        if oldest is None:
            return context // 2 + 2 if modern else context
        del kept[oldest]
    return _messages_tokens(kept) + fixed


def say(order: Order, model: SimModel, fault: Fault | None) -> Speech:
    """What `model` answers; `fault` may put other words into its mouth."""
    kind = fault.kind if fault else None
    if model.unlimited:
        tokens = int(model.extra_keys["firehose.tokens"])
        return Speech(Piece("content", text) for text in replies.stream(tokens))
    if kind is FaultKind.EMPTY:
        return Speech(iter(()))
    if kind is FaultKind.HOSTILE:
        return Speech(_text((fault.text if fault else "") or HOSTILE_TEXT))
    if kind is FaultKind.SEPARATORS:
        return Speech(_text((fault.text if fault else "") or SEPARATORS_TEXT))
    if kind is FaultKind.REPEAT:
        return Speech(chain(_text("It goes on"), repeat(Piece("content", " and on"))))
    prompt = order.last_user
    if kind is FaultKind.ENDLESS:
        return Speech(Piece("content", text) for text in _for_ever())
    effort = _effort(order, model)
    thinking = replies.thoughts(prompt, model.name, effort=effort) if effort else ""
    last = order.messages[-1]
    if order.tools and "tools" in model.capabilities and last.get("role") != "tool":
        call = _tool_call(order, model)
        tokens = math.ceil(len(json.dumps(call)) / BYTES_PER_TOKEN)
        return Speech(_thought(thinking), call, tokens)
    if last.get("role") == "tool":
        name = str(last.get("tool_name") or last.get("name") or "tool")
        answer = replies.tool_answer(name, str(last.get("content") or ""))
    else:
        brief = any(word in order.system.lower() for word in ("terse", "brief", "short", "concise"))
        answer = replies.answer(prompt, model.name, brief=brief)
    if kind is FaultKind.THINK_TAGS:
        thinking, answer = "", f"<think>\n{replies.thoughts(prompt, model.name)}\n</think>\n\n{answer}"
    return Speech(chain(_thought(thinking), _text(answer)))


def until_stop(pieces: Iterator[Piece], stops: list[str]) -> Iterator[Piece]:
    """The pieces up to the first of the stop words, which is itself not said."""
    if not stops:
        yield from pieces
        return
    longest = max(len(stop) for stop in stops)
    held: list[Piece] = []
    for piece in pieces:
        held.append(piece)
        text = "".join(one.text for one in held)
        ends = [at for stop in stops if (at := text.find(stop)) >= 0]
        if ends:
            if rest := text[: min(ends)]:
                yield Piece(held[0].field, rest)
            return
        while held and len(text) - len(held[0].text) >= longest:
            text = text[len(held[0].text) :]
            yield held.pop(0)
    yield from held


def _effort(order: Order, model: SimModel) -> str:
    if model.think == "no":
        return ""
    if isinstance(order.think, str):
        return order.think
    if model.think == "switch" and order.think is False:
        return ""
    return "medium"  # a model of levels cannot be switched off


def _text(text: str) -> Iterator[Piece]:
    return (Piece("content", piece) for piece in replies.pieces(text))


def _thought(text: str) -> Iterator[Piece]:
    return (Piece("thinking", piece) for piece in replies.pieces(text))


def _for_ever() -> Iterator[str]:
    while True:
        yield from replies.stream(10_000)


def _messages_tokens(messages: list[dict[str, Any]]) -> int:
    return sum(
        _MESSAGE_TOKENS + math.ceil(len(str(message.get("content") or "").encode("utf-8", "replace")) / BYTES_PER_TOKEN)
        for message in messages
    )


def _tools_tokens(order: Order) -> int:
    return math.ceil(len(json.dumps(order.tools)) / BYTES_PER_TOKEN) if order.tools else 0


def _tool_call(order: Order, model: SimModel) -> dict[str, Any]:
    function = dict(order.tools[0].get("function") or {})
    seed = zlib.crc32(f"{order.last_user}{model.name}".encode("utf-8", "replace"))
    length, head = (8, "call_") if model.tools_in == "earlier" else (32, "")
    letters = (_ID_LETTERS[(seed >> (i % 25)) * (i + 7) % len(_ID_LETTERS)] for i in range(length))
    arguments = _arguments(dict(function.get("parameters") or {}), order.last_user)
    return {
        "id": head + "".join(letters),
        "function": {"index": 0, "name": str(function.get("name") or "tool"), "arguments": arguments},
    }


def _arguments(schema: dict[str, Any], prompt: str) -> dict[str, Any]:
    properties: dict[str, Any] = dict(schema.get("properties") or {})
    wanted = schema.get("required") or list(properties)
    names = [word.strip("?.!,") for word in prompt.split() if word[:1].isupper()]
    filled: dict[str, Any] = {}
    for name in wanted:
        kind = dict(properties.get(name) or {})
        choices = kind.get("enum")
        values: dict[str, Any] = {
            "integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}, "string": (names or ["Lyon"])[-1],
        }  # fmt: skip
        filled[name] = choices[0] if choices else values.get(str(kind.get("type", "string")), "Lyon")
    return filled
