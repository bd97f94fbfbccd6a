"""The events of a stream and the whole reply, as OpenRouter writes them (contract examples `openrouter-chat-*`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmhub.simulators.openrouter_accounts import GenerationRecord
from llmhub.simulators.openrouter_json import dumps, quoted
from llmhub.simulators.speech import Piece

COMMENT = b": OPENROUTER PROCESSING\n\n"
DONE = b"data: [DONE]\n\n"
_NS = 1_000_000_000
_FORMATS = {"signed": "anthropic-claude-v1", "summary": "openai-responses-v1", "text": "unknown"}
_ARGUMENT_LETTERS = 8
"""Arguments of a tool come in fragments of so many letters."""


@dataclass(slots=True)
class CloudTold:
    """What an answer has said so far."""

    thinking: list[str] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    thoughts: int = 0
    finish: str | None = "stop"
    """`None` where the stream ends without a finish reason."""


def signature(thoughts: str) -> str:
    """The seal on signed reasoning; whoever sends it back changed is found out."""
    return "Eq" + hashlib.sha256(thoughts.encode("utf-8", "replace")).hexdigest()[:40]


class CloudScribe:
    """Writes the answer to one request."""

    def __init__(self, record: GenerationRecord, *, shows_thoughts: bool) -> None:
        self._record = record
        self._shows = shows_thoughts
        model, provider = record.chosen.model, record.chosen.endpoint.provider
        self._format = _FORMATS[model.thoughts]
        self._style = model.thoughts
        self._native = provider.native_end
        self._head = {
            "id": record.id,
            "object": "chat.completion.chunk",
            "created": record.begun_ns // _NS,
            "model": model.served,
            "provider": provider.name,
        }
        self._before = "data: " + dumps(self._head)[:-1] + ',"choices":[{"index":0,"delta":'
        self._after = ',"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}\n\n'
        self._opened = False
        self._thought = False

    def open(self) -> bytes:
        """The first chunk: a role and no text."""
        self._opened = True
        return self._delta('{"role":"assistant","content":""}')

    def pieces(self, batch: Sequence[Piece]) -> list[bytes]:
        """An event for each piece. Written by hand: a fast stream has thousands of them a second."""
        found: list[bytes] = []
        for piece in batch:
            if piece.field == "thinking":
                self._thought = True
                if self._shows:
                    self._opened = True
                    found.append(self._thinking(piece.text))
            elif self._thought and self._shows:
                found.append(self._delta(f'{{"role":"assistant","content":{quoted(piece.text)}}}'))
            else:
                if not self._opened:
                    found.append(self.open())
                found.append(self._delta(f'{{"content":{quoted(piece.text)}}}'))
        return found

    def end_of_thoughts(self, thoughts: str) -> list[bytes]:
        """What follows the last thought: a seal, where the model has one."""
        details = self._seals(thoughts)
        if not details or not self._shows:
            return []
        return [self._delta(dumps({"role": "assistant", "content": "", "reasoning_details": details}))]

    def tools(self, calls: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """The events of tool calls: name and id once, the arguments in fragments."""
        found: list[bytes] = []
        for index, call in enumerate(calls):
            function = call["function"]
            head = {"name": function["name"], "arguments": ""}
            delta: dict[str, Any] = {} if self._opened else {"role": "assistant", "content": None}
            delta["tool_calls"] = [{"index": index, "id": call["id"], "type": "function", "function": head}]
            found.append(self._delta(dumps(delta)))
            self._opened = True
            text = function["arguments"]
            for start in range(0, len(text), _ARGUMENT_LETTERS):
                part = {"arguments": text[start : start + _ARGUMENT_LETTERS]}
                entry = {"index": index, "type": "function", "function": part}
                found.append(self._delta(dumps({"tool_calls": [entry]})))
        return found

    def finish(self, reason: str, usage: Mapping[str, Any] | None = None) -> bytes:
        """The chunk with the finish reason."""
        choice = {
            "index": 0,
            "delta": {"content": ""} if not self._thought else {"role": "assistant", "content": ""},
            "finish_reason": reason,
            "native_finish_reason": self._native(reason),
            "logprobs": None,
        }
        return self._event({"choices": [choice], **({"usage": usage} if usage else {})})

    def usage(self) -> bytes:
        """The usage chunk, without a choice or with an empty one."""
        record = self._record
        tier = {"service_tier": "default"} if record.chosen.endpoint.provider.slug == "openai" else {}
        choices: list[dict[str, Any]] = []
        if record.chosen.endpoint.provider.usage_in == "choice":
            empty = {"role": "assistant", "content": ""}
            ends = {"finish_reason": None, "native_finish_reason": None, "logprobs": None}
            choices = [{"index": 0, "delta": empty, **ends}]
        return self._event({**tier, "choices": choices, "usage": record.usage()})

    def error(self, message: str, code: int | str) -> bytes:
        """A chunk with a top-level error; the streaming page shows the string code without metadata."""
        choice: dict[str, Any] = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        error: dict[str, Any] = {"code": code, "message": message}
        if isinstance(code, int):
            choice["native_finish_reason"] = "error"
            error["metadata"] = {"error_type": "provider_unavailable", "provider_code": "upstream_reset"}
        return self._event({"error": error, "choices": [choice]})

    def choice_error(self, message: str) -> bytes:
        """A chunk whose choice holds the error."""
        error = {"code": 502, "message": message, "metadata": {"error_type": "provider_unavailable"}}
        ends = {"finish_reason": "error", "native_finish_reason": "error"}
        return self._event({"choices": [{"index": 0, "delta": {"content": ""}, **ends, "error": error}]})

    def whole(self, told: CloudTold, *, error: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The reply to a request without a stream."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(told.content)}
        thoughts = "".join(told.thinking)
        if error is None:
            message["refusal"] = None
        if thoughts and self._shows:
            message["reasoning"] = thoughts
            message["reasoning_details"] = [*self._details(thoughts), *self._seals(thoughts)]
        if told.tool_calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [
                {"index": index, "id": call["id"], "type": "function", "function": call["function"]}
                for index, call in enumerate(told.tool_calls)
            ]
        reason = told.finish if error is None else "error"
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": reason,
            "native_finish_reason": None if reason is None else self._native(reason),
            **({"logprobs": None} if error is None else {}),
            "message": message,
            **({"error": dict(error)} if error is not None else {}),
        }
        tier = {"service_tier": "default"} if self._record.chosen.endpoint.provider.slug == "openai" else {}
        return {
            **self._head,
            "object": "chat.completion",
            "system_fingerprint": None,
            **({} if error is not None else tier),
            "choices": [choice],
            **({"usage": self._record.usage()} if error is None else {}),
        }

    def _thinking(self, text: str) -> bytes:
        details = dumps(self._details(text))
        return self._delta(
            f'{{"role":"assistant","content":"","reasoning":{quoted(text)},"reasoning_details":{details}}}'
        )

    def _details(self, text: str) -> list[dict[str, Any]]:
        if self._style == "summary":
            return [{"type": "reasoning.summary", "summary": text, "format": self._format, "index": 0}]
        return [{"type": "reasoning.text", "text": text, "format": self._format, "index": 0}]

    def _seals(self, thoughts: str) -> list[dict[str, Any]]:
        seal = signature(thoughts)
        if self._style == "signed":
            return [{"type": "reasoning.text", "signature": seal, "format": self._format, "index": 0}]
        if self._style == "summary":
            return [{"type": "reasoning.encrypted", "data": seal, "format": self._format, "index": 0}]
        return []

    def _delta(self, delta: str) -> bytes:
        return f"{self._before}{delta}{self._after}".encode("utf-8", "replace")

    def _event(self, rest: Mapping[str, Any]) -> bytes:
        return f"data: {dumps({**self._head, **rest})}\n\n".encode("utf-8", "replace")
