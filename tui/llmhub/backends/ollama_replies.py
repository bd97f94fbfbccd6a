"""A chat's stream of lines, read into events. Knows no network, so that any cut of the bytes can be tried on it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from llmhub.backends.ollama_failures import Failures
from llmhub.backends.ollama_lists import whole_number
from llmhub.backends.ollama_thinking import ThinkTags
from llmhub.core.chat import (
    ChatEvent,
    ChatRequest,
    Durations,
    Finished,
    FinishReason,
    Served,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallPart,
    Usage,
)
from llmhub.core.errors import BackendError
from llmhub.core.places import OLLAMA_CLOUD
from llmhub.core.plain import one_line, whole

REPEATS = 31
"""So many equal pieces in a row end a generation in silence (ollama/ollama llm/llama_server.go, `tokenRepeat`)."""


class ChatReader:
    """Turns lines into events; the last one is `Finished`, or `failure` is set.

    Text of one `feed` is joined to one delta. A line costs one `json.loads` and little besides: at a thousand tokens a
    second this is the hottest code of the program.

    Attributes:
        finished: Set by the line that says `done`.
        failure: Set by an error line or one that cannot be read. What came before it is in the events.
        received: Pieces of text and thought so far.
    """

    def __init__(self, request: ChatRequest, failures: Failures) -> None:
        self.finished: Finished | None = None
        self.failure: BackendError | None = None
        self.received = 0
        self._request = request
        self._failures = failures
        self._remote = False
        self._calls = 0
        self._tags: ThinkTags | None = ThinkTags()
        self._last = ""
        self._run = 0
        # the delta being joined
        self._thinks = False
        self._parts: list[str] = []
        self._pieces = 0
        self._counted = 0

    @property
    def repeats(self) -> bool:
        """Whether the last pieces are so many equal ones that the daemon stops."""
        return self._run >= REPEATS

    def feed(self, lines: Iterable[bytes]) -> list[ChatEvent]:
        """The events of `lines`; nothing after the end or a failure."""
        events: list[ChatEvent] = []
        loads = json.loads
        for line in lines:
            if self.finished is not None or self.failure is not None:
                break
            if not line or line.isspace():
                continue
            try:
                said = loads(line.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                said = None
            if type(said) is not dict or not ("message" in said or "error" in said or "done" in said):
                self._flush(events)
                self.failure = self._failures.broken_line(line, self._request.model, self.received)
                break
            if "error" in said:
                self._fail(said["error"], events)
                break
            if not self._remote and said.get("remote_host"):
                self._remote = True
                self._flush(events)
                model = said.get("remote_model")
                events.append(
                    Served(OLLAMA_CLOUD, one_line(model, 200) if isinstance(model, str) else None, "Ollama cloud")
                )
            message = said.get("message")
            if type(message) is dict:
                self._message(message, events)
            if said.get("done") is True:
                self._end_tags(events)
                self._flush(events)
                self.finished = self._done(said)
                events.append(self.finished)
        self._flush(events)
        return events

    def end(self, rest: bytes) -> list[ChatEvent]:
        """The events of what stood after the last line end, and of text held back, when the stream ends here."""
        events: list[ChatEvent] = []
        if self.finished is None and self.failure is None:
            if rest.strip() and _is_json(rest):
                # the reply to a request that is not streamed has no line end
                events = self.feed([rest])
            if self.finished is None:
                self._end_tags(events)
                self._flush(events)
        return events

    def _message(self, message: dict[str, Any], events: list[ChatEvent]) -> None:
        thinking = message.get("thinking")
        if thinking and type(thinking) is str:
            self._tags = None
            self._count(thinking)
            self._add(thinking, True, events)
        content = message.get("content")
        if content and type(content) is str:
            self._count(content)
            if self._tags is None:
                self._add(content, False, events)
            else:
                self._tagged(self._tags, content, events)
        calls = message.get("tool_calls")
        if calls and type(calls) is list:
            self._flush(events)
            events.extend(self._tool_calls(calls))

    def _count(self, piece: str) -> None:
        self.received += 1
        self._counted += 1
        trimmed = piece.strip()
        if trimmed == self._last:
            self._run += 1
        else:
            self._last = trimmed
            self._run = 1

    def _tagged(self, tags: ThinkTags, piece: str, events: list[ChatEvent]) -> None:
        thought, text = tags.feed(piece)
        if thought:
            self._add(thought, True, events)
        if text:
            self._add(text, False, events)
        if tags.settled:
            self._tags = None

    def _end_tags(self, events: list[ChatEvent]) -> None:
        if self._tags is not None:
            thought, text = self._tags.end()
            self._tags = None
            if thought:
                self._add(thought, True, events)
            if text:
                self._add(text, False, events)

    def _add(self, text: str, thinks: bool, events: list[ChatEvent]) -> None:
        """Join `text` to the delta in hand; pieces that were counted and not yet shown belong to it."""
        if thinks is not self._thinks:
            self._flush(events)
            self._thinks = thinks
        self._parts.append(text)
        self._pieces += self._counted
        self._counted = 0

    def _flush(self, events: list[ChatEvent]) -> None:
        if not self._parts:
            return
        text = "".join(self._parts)
        if not text.isascii():
            text = whole(text)
        events.append((ThinkingDelta if self._thinks else TextDelta)(text, self._pieces))
        self._parts = []
        self._pieces = 0

    def _fail(self, error: Any, events: list[ChatEvent]) -> None:
        self._end_tags(events)
        self._flush(events)
        self.failure = self._failures.said(error, doing="chat", model=self._request.model, received=self.received)

    def _tool_calls(self, calls: list[Any]) -> Iterable[ChatEvent]:
        """Calls come whole, with their arguments as an object, in any line; our index counts over the whole reply."""
        for call in calls:
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict):
                continue
            arguments = function.get("arguments")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
            name = function.get("name")
            own_id = call.get("id")
            part = ToolCallPart(
                id=own_id if isinstance(own_id, str) and own_id else f"call_{self._calls}",
                name=name if isinstance(name, str) else "",
                arguments=whole(text),
            )
            yield ToolCallDelta(self._calls, part)
            self._calls += 1

    def _done(self, said: dict[str, Any]) -> Finished:
        # no prompt has no tokens, so an absent count is one that was not told (old versions, on a cache hit)
        prompt = whole_number(said.get("prompt_eval_count"))
        # Go leaves zeros out; but a reply of which text came cannot have had none
        completion = whole_number(said.get("eval_count"))
        if completion is None and "eval_count" not in said and not self.received:
            completion = 0
        return Finished(
            self._reason(said.get("done_reason"), prompt, completion),
            Usage(prompt=prompt, completion=completion, source="daemon"),
            Durations(
                total_ns=whole_number(said.get("total_duration")),
                load_ns=whole_number(said.get("load_duration")),
                prompt_eval_ns=whole_number(said.get("prompt_eval_duration")),
                eval_ns=whole_number(said.get("eval_duration")),
            ),
        )

    def _reason(self, told: Any, prompt: int | None, completion: int | None) -> FinishReason:
        """Ollama says "length" of two things: `num_predict` was reached, or the context is full."""
        if told != "length":
            return "tool_calls" if self._calls else "stop"
        if self._remote or completion is None or completion >= self._request.max_tokens:
            return "length"
        # asked for less than 256, 0.32 runs with 256 and 0.24 with what was asked: full is not less in either case
        return "context_full" if prompt is None or prompt + completion >= self._request.num_ctx else "length"


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
