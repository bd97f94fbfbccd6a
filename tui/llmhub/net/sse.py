"""Server-sent events, from the same byte lines as everything else.

The decoder of `httpx_sse` (there in every 0.4) is fed by hand: its public reader takes a whole `httpx.Response` and has
no limit to the size of a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from httpx_sse._decoders import SSEDecoder

from llmhub.net.errors import GarbledError
from llmhub.net.lines import MAX_LINE_BYTES


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; `name` is empty where the stream gave none, or "message", which means the same."""

    data: str
    name: str = ""
    id: str = ""


class EventReader:
    """Joins lines into events by the WHATWG rules: comments, several `data:` lines, `data:` without a space.

    Whatever follows the last blank line is no event, by the same rules.
    """

    def __init__(self, most: int = MAX_LINE_BYTES) -> None:
        self._decoder = SSEDecoder()
        self._most = most
        self._size = 0
        self._first = True

    def feed(self, lines: Iterable[bytes]) -> list[ServerEvent]:
        r"""The events that `lines` (split at `b"\n"`) complete.

        Raises:
            GarbledError: an event grows larger than we take.
        """
        events: list[ServerEvent] = []
        for line in lines:
            text = line.decode("utf-8", "replace")
            if self._first:
                text, self._first = text.removeprefix("\ufeff"), False
            # a carriage return ends a line as well; the one before the line feed is already the end of this line
            for part in text.removesuffix("\r").split("\r"):
                self._size += len(part)
                if self._size > self._most:
                    raise GarbledError(f"an event is larger than {self._most:,} bytes")
                event = self._decoder.decode(part)
                if not part:
                    self._size = 0
                if event is not None and event.data:
                    events.append(ServerEvent(event.data, "" if event.event == "message" else event.event, event.id))
        return events
