"""The lines of a chat or a completion, as the daemon writes them (contract examples `ollama-chat-*`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llmhub.simulators.catalogue import SimModel
from llmhub.simulators.clock import Clock
from llmhub.simulators.orders import Order
from llmhub.simulators.speech import Piece
from llmhub.simulators.wire import dumps, line, quoted, rfc3339


@dataclass(slots=True)
class Told:
    """What a stream has said so far."""

    thinking: list[str] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    reason: str = "stop"
    ended: bool = True
    """False where the daemon ends the stream without its `done` line."""
    held: str = ""
    """Text that stands in the `done` line."""


class Scribe:
    """Writes the answer to one order."""

    def __init__(self, order: Order, model: SimModel, clock: Clock) -> None:
        self._order = order
        self._model = model
        self._clock = clock

    def pieces(self, batch: Sequence[Piece]) -> list[bytes]:
        """A line for each piece. Written by hand: a fast stream has thousands of them a second."""
        head = dumps(self._head())[:-1]
        if self._order.kind == "generate":
            before, thinking, after = ',"response":', ',"response":"","thinking":', ',"done":false}\n'
        else:
            before = ',"message":{"role":"assistant","content":'
            thinking = ',"message":{"role":"assistant","content":"","thinking":'
            after = '},"done":false}\n'
        return [
            f"{head}{thinking if piece.field == 'thinking' else before}{quoted(piece.text)}{after}".encode(
                "utf-8", "replace"
            )
            for piece in batch
        ]

    def tools(self, calls: list[dict[str, Any]]) -> bytes:
        """The line of tool calls that come before the last one."""
        message = {"role": "assistant", "content": "", "tool_calls": calls}
        return line({**self._head(), "message": message, "done": False})

    def final(self, told: Told, metrics: dict[str, int], *, with_tools: bool) -> dict[str, Any]:
        """The `done` line, or with `stream: false` the whole reply. A count of 0 is left out, as Go does it."""
        whole = not self._order.stream
        content = "".join(told.content) if whole else told.held
        thinking = {"thinking": "".join(told.thinking)} if whole and told.thinking else {}
        end: dict[str, Any] = {"done": True, "done_reason": told.reason}
        counts = {name: value for name, value in metrics.items() if value}
        if self._order.kind == "generate":
            numbers = [sum(text.encode("utf-8", "replace")) % 128_000 for text in told.content]
            return {**self._head(), "response": content, **thinking, **end, "context": numbers, **counts}
        message: dict[str, Any] = {"role": "assistant", "content": content, **thinking}
        if told.tool_calls and (whole or with_tools):
            message["tool_calls"] = told.tool_calls
        return {**self._head(), "message": message, **end, **counts}

    def single(self, reason: str) -> dict[str, Any]:
        """The one object that answers a load or an unload."""
        said: dict[str, Any] = {"message": {"role": "assistant", "content": ""}}
        if self._order.kind == "generate":
            said = {"response": ""}
        return {**self._head(), **said, "done": True, "done_reason": reason}

    def _head(self) -> dict[str, Any]:
        head: dict[str, Any] = {"model": self._order.model}
        if self._model.is_remote:
            head |= {"remote_model": self._model.remote_model, "remote_host": self._model.remote_host}
        head["created_at"] = rfc3339(self._clock.wall_ns())
        return head
