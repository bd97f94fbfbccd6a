"""One request for a streamed reply: from its headers to its end, whatever kind of end that is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from llmhub.backends.openrouter_bodies import Body
from llmhub.backends.openrouter_failures import Failures, is_page
from llmhub.backends.openrouter_json import decoded
from llmhub.backends.openrouter_replies import ReplyReader, generation_id
from llmhub.core.chat import Accepted, ChatEvent, Waiting
from llmhub.core.errors import BackendError
from llmhub.net import Client, EventReader, LineSplitter, NetError, Opened, ServerEvent, Silence, exchange

_MOST_BODY_BYTES = 16 * 1024 * 1024
_HEAD_BYTES = 4096
_HEADERS = {
    # no HTTP-Referer: it would put the person's use into a public ranking
    "X-OpenRouter-Title": "llmhub",
    "Accept": "text/event-stream, application/json;q=0.9",
}


class TryAgainError(Exception):
    """A timeout, or a fault of the server's, before anything began."""


class ReplyStream:
    """Sends a request and reads its reply.

    Args:
        may_try_again: Whether a timeout or a fault of the server's is told as `TryAgainError`.
    """

    def __init__(
        self,
        client: Client,
        url: str,
        body: Body,
        failures: Failures,
        *,
        silence_s: float,
        give_up_s: float,
        may_try_again: bool,
    ) -> None:
        self._client = client
        self._url = url
        self._body = body
        self._failures = failures
        self._silence_s = silence_s
        self._give_up_s = give_up_s
        self._may_try_again = may_try_again
        self._model: str = body["model"]
        self._opened: Opened | None = None
        self._reader = ReplyReader(self._model, failures)
        self._lines = LineSplitter()
        self._sse = EventReader()
        self._gathered: list[bytes] = []
        """The body, where it is no stream: a refusal, or a reply in one piece."""
        self._size = 0
        self._head = b""
        """How a stream began that has no event yet: what came may be something else."""

    async def events(self) -> AsyncGenerator[ChatEvent, None]:
        """What comes.

        Raises:
            BackendError: any end but a proper one.
            TryAgainError: nothing began, and the same request may succeed.
        """
        broken: NetError | None = None
        try:
            async with aclosing(
                exchange(self._client, "POST", self._url, body=self._body, headers=_HEADERS, silence_s=self._silence_s)
            ) as happenings:
                async for happening in happenings:
                    if type(happening) is list:
                        for event in self._take(b"".join(happening)):
                            yield event
                        if self._reader.finished is not None:
                            return
                        if self._reader.failure is not None:
                            raise self._reader.failure
                    elif isinstance(happening, Silence):
                        if self._reader.is_complete:
                            break  # only [DONE] is missing
                        if happening.seconds >= self._give_up_s:
                            opened = self._opened is not None
                            raise self._failures.gone_silent(
                                self._model, self._reader.received, happening.seconds, opened=opened
                            )
                        yield Waiting(happening.seconds, happening.started)
                    elif isinstance(happening, Opened):
                        for event in self._open(happening):
                            yield event
        except NetError as error:
            broken = error
        # outside of the handler: the chain, with its frames and their values, could carry the key
        for event in self._end(broken):
            yield event
        if self._reader.failure is not None:
            raise self._reader.failure

    # -- as it comes ----------------------------------------------------------------------------

    def _open(self, opened: Opened) -> list[ChatEvent]:
        self._opened = opened
        if opened.status != 200:
            return []
        if is_page(_type_of(opened.headers), ""):
            raise self._failures.page(status=200)
        accepted = generation_id(opened.headers.get("x-generation-id", "").strip())
        self._reader = ReplyReader(self._model, self._failures, accepted_id=accepted)
        return [Accepted(accepted)]

    def _take(self, chunk: bytes) -> list[ChatEvent]:
        if self._is_whole:
            self._size += len(chunk)
            if self._size <= _MOST_BODY_BYTES:
                self._gathered.append(chunk)
            return []
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[:_HEAD_BYTES]
        return self._reader.feed(self._sse.feed(self._lines.feed(chunk)))

    @property
    def _is_whole(self) -> bool:
        """Whether the body is one piece: a refusal, or a reply although a stream was asked for."""
        if self._opened is None or self._opened.status != 200:
            return True
        return "application/json" in _type_of(self._opened.headers)

    # -- the end --------------------------------------------------------------------------------

    def _end(self, broken: NetError | None) -> list[ChatEvent]:
        opened, body = self._opened, b"".join(self._gathered)
        if opened is not None and opened.status != 200 and (body or broken is None):
            raise self._refusal(opened, body)
        if broken is None:
            if opened is not None and self._is_whole:
                return self._reader.whole(body)
            events = self._reader.feed(self._left())
            if self._reader.failure is None and self._reader.finished is None:
                events += self._reader.end()
            if self._reader.failure is not None and not self._reader.received:
                self._reader.failure = self._something_else() or self._reader.failure
            return events
        events = self._reader.end()
        if self._reader.finished is None:
            self._reader.failure = self._failures.net(
                broken, model=self._model, received=self._reader.received, opened=opened is not None
            )
        return events

    def _refusal(self, opened: Opened, body: bytes) -> Exception:
        saying = self._failures.saying(opened.status, opened.headers, body)
        if self._may_try_again:
            may = saying.may_be_tried_again if saying is not None else opened.status in {408, 524}
            if may:
                return TryAgainError()
        return self._failures.refused(opened.status, opened.headers, body, model=self._model)

    def _left(self) -> list[ServerEvent]:
        """The last event, where the stream ended without the blank line after it; half an event is none."""
        left = self._sse.feed([self._lines.rest, b""])
        return [event for event in left if event.data.strip() == "[DONE]" or decoded(event.data) is not None]

    def _something_else(self) -> BackendError | None:
        """What it was, when it was no stream although it said so."""
        text = self._head.decode("utf-8", "replace")
        if is_page("", text):
            return self._failures.page(status=200)
        if text.lstrip().startswith("{"):
            saying = self._failures.saying(200, {}, self._head)
            return None if saying is None else self._failures.said(saying, model=self._model)
        return None


def _type_of(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").lower()
