"""A chat's server-sent events, read into ours. Knows no network, so that any cut of the bytes can be tried on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from llmhub.backends.openrouter_ends import bill_of, reason_of, usage_of
from llmhub.backends.openrouter_failures import Failures, is_page
from llmhub.backends.openrouter_json import as_text, decoded, dict_of, text_of
from llmhub.backends.openrouter_sayings import Saying
from llmhub.backends.openrouter_tools import ToolCalls
from llmhub.core.chat import Accepted, ChatEvent, Finished, Served, TextDelta, ThinkingDelta
from llmhub.core.errors import BackendError
from llmhub.core.places import Place, PlaceKind
from llmhub.core.plain import one_line, whole
from llmhub.net import ServerEvent

OPENROUTER = Place(PlaceKind.PROVIDER, "OpenRouter")
_ID = re.compile(r"[\w.:-]{1,200}", re.ASCII)
_CHUNK = {"choices", "usage", "error", "id"}


def generation_id(value: Any) -> str | None:
    """What a generation can be asked for by; `None` when it is no id."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


class ReplyReader:
    """Turns chunks into events; the last one is `Finished`, or `failure` is set.

    Any field may be null, missing or of another type, `choices` may be empty, and `usage` may come in any chunk. Text
    of one `feed` is joined to one delta: a thousand chunks a second are not rare.

    Attributes:
        finished: Set by the end, when it was a proper one.
        failure: Set by an error in the stream, or by a chunk that cannot be read. What came before is in the events.
        received: Pieces of text and thought so far.
    """

    def __init__(self, model: str, failures: Failures, *, accepted_id: str | None = None) -> None:
        self.finished: Finished | None = None
        self.failure: BackendError | None = None
        self.received = 0
        self._model = model
        self._failures = failures
        self._id = accepted_id
        self._served: tuple[str | None, str | None] = (None, None)
        self._tools = ToolCalls()
        self._reason: Any = None
        self._native: Any = None
        self._usage: dict[str, Any] = {}
        self._done = False
        # the delta being joined
        self._thinks = False
        self._parts: list[str] = []
        self._details: list[str] = []
        self._pieces = 0

    @property
    def is_complete(self) -> bool:
        """Whether all that an end needs is there, the bill with it; only `[DONE]` may still be missing."""
        return bool(self._reason) and self._usage.get("cost") is not None

    def feed(self, coming: Iterable[ServerEvent]) -> list[ChatEvent]:
        """Our events of these; nothing after the end or a failure."""
        events: list[ChatEvent] = []
        for event in coming:
            if self.finished is not None or self.failure is not None:
                break
            if event.data.strip() == "[DONE]":
                self._done = True
                self._finish(events)
                break
            said = decoded(event.data)
            if type(said) is not dict or _CHUNK.isdisjoint(said):
                self._flush(events)
                self.failure = self._failures.broken_event(event.data, self._model, self.received)
                break
            self._chunk(said, events)
        self._flush(events)
        return events

    def whole(self, body: bytes) -> list[ChatEvent]:
        """The events of a reply that came in one piece, although a stream was asked for."""
        text = body.decode("utf-8-sig", "replace")
        said = decoded(text)
        if type(said) is not dict or _CHUNK.isdisjoint(said):
            self.failure = self._failures.page(status=200) if is_page("", text) else self._failures.not_openrouter(body)
            return []
        events: list[ChatEvent] = []
        self._done = True
        self._chunk(said, events)
        self._flush(events)
        if self.failure is None:
            self._finish(events)
        return events

    def end(self) -> list[ChatEvent]:
        """The events of a stream that ends here: a proper end when a finish reason came, and usage or `[DONE]`."""
        events: list[ChatEvent] = []
        if self.finished is None and self.failure is None:
            self._finish(events)
        return events

    # -- one chunk ------------------------------------------------------------------------------

    def _chunk(self, said: dict[str, Any], events: list[ChatEvent]) -> None:
        if self._id is None and (found := generation_id(said.get("id"))) is not None:
            self._id = found
            self._flush(events)
            events.append(Accepted(found))
        self._serve(said, events)
        choices = said.get("choices")
        choice = dict_of(choices[0]) if isinstance(choices, list) and choices else {}
        if choice:
            self._message(choice.get("delta") or choice.get("message"), events)
            self._reason = choice.get("finish_reason") or self._reason
            self._native = choice.get("native_finish_reason") or self._native
        usage = said.get("usage")
        if type(usage) is dict:
            # a provider's own counts may come first and the bill last: what is told later counts, what is null does not
            self._usage |= {key: value for key, value in usage.items() if value is not None}
        error = said.get("error") or choice.get("error")
        if error or choice.get("finish_reason") == "error":
            self._flush(events)
            told = Saying.of(error) if error else Saying.of("the provider ended the reply with an error", 502)
            self.failure = self._failures.said(told, model=self._model, received=self.received)

    def _serve(self, said: dict[str, Any], events: list[ChatEvent]) -> None:
        provider, model = self._served
        named = (said.get("provider") or provider, said.get("model") or model)
        if named == self._served or not all(isinstance(name, str | None) for name in named):
            return
        self._served = named
        provider, model = (None if name is None else one_line(name, 120) for name in named)
        self._flush(events)
        place = Place(PlaceKind.PROVIDER, provider) if provider else OPENROUTER
        events.append(Served(place, model or None, provider or None))

    def _message(self, message: Any, events: list[ChatEvent]) -> None:
        if type(message) is not dict:
            return
        details = message.get("reasoning_details")
        thought = message.get("reasoning")
        if type(details) is list and details:
            if not thought:
                thought = "".join(_thought(detail) for detail in details)
            self._turn(True, events)
            self._details += [f"{as_text(detail)}\n" for detail in details]
        if thought and type(thought) is str:
            self._add(thought, True, events)
        for key in ("content", "refusal"):
            if text := message.get(key):
                self._add(text if type(text) is str else _joined(text), False, events)
        if calls := message.get("tool_calls"):
            self._tools.take(calls)

    # -- joining --------------------------------------------------------------------------------

    def _turn(self, thinks: bool, events: list[ChatEvent]) -> None:
        if thinks is not self._thinks:
            self._flush(events)
            self._thinks = thinks

    def _add(self, text: str, thinks: bool, events: list[ChatEvent]) -> None:
        if text:
            self._turn(thinks, events)
            self._parts.append(text)
            self._pieces += 1
            self.received += 1

    def _flush(self, events: list[ChatEvent]) -> None:
        if not self._parts and not self._details:
            return
        text = "".join(self._parts)
        if not text.isascii():
            text = whole(text)
        if self._thinks:
            events.append(ThinkingDelta(text, self._pieces, "".join(self._details)))
        else:
            events.append(TextDelta(text, self._pieces))
        self._parts, self._details, self._pieces = [], [], 0

    # -- the end --------------------------------------------------------------------------------

    def _finish(self, events: list[ChatEvent]) -> None:
        self._flush(events)
        if not self._reason or not (self._usage or self._done):
            self.failure = self._failures.ended(self._model, self.received)
            return
        calls = self._tools.whole()
        events.extend(calls)
        reason = reason_of(self._reason, self._native, called=bool(calls))
        self.finished = Finished(reason, usage_of(self._usage), bill=bill_of(self._usage))
        events.append(self.finished)


def _thought(detail: Any) -> str:
    """What can be read of a detail; encrypted ones have nothing."""
    told = dict_of(detail)
    return text_of(told.get("text")) or text_of(told.get("summary"))


def _joined(parts: Any) -> str:
    """The text of a content that is a list of parts."""
    return "".join(text_of(dict_of(part).get("text")) for part in parts) if isinstance(parts, list) else ""
