"""One request and its answer, the log of both, and the ways in which an answer can be spoiled."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

Outcome = Literal["open", "done", "client left", "cut", "reset"]

_REASONS = {
    200: "OK", 201: "Created", 206: "Partial Content", 302: "Found", 307: "Temporary Redirect", 400: "Bad Request",
    401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 413: "Payload Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Entity",
    429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable",
}  # fmt: skip
_PLAIN_LIMIT = 2048
"""Above this Go's server no longer knows the length in advance and sends a reply chunked (net/http's write buffer)."""


@dataclass(slots=True)
class Record:
    """What became of one request; the log that a test reads."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    received_ns: int
    status: int | None = None
    outcome: Outcome = "open"
    bytes_sent: int = 0
    bytes_after_leaving: int = 0
    """Bytes of the answer that were still written after the client had gone: 0 for a server that stops at once."""
    tokens_sent: int = 0
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body as JSON; `None` where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # a hostile client nests it too deeply for any parser
            return None


class Split:
    """Cuts what is sent into pieces of 1 to 37 bytes, through the middle of characters, the same way in every run.

    Each piece is a chunk of its own, so that no kernel and no client can join them again.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311  not a secret

    def __call__(self, data: bytes) -> Iterable[bytes]:
        """The pieces of `data`, in order."""
        start = 0
        while start < len(data):
            end = start + self._random.randint(1, 37)
            yield data[start:end]
            start = end


class GoneError(Exception):
    """This connection is over: the client left, or a fault ended it."""


class Wire(Protocol):
    """The connection, as an exchange sees it."""

    def write(self, data: bytes) -> None:
        """Hand bytes on; after the client left they are only counted, and `GoneError` is raised."""
        ...

    async def flush(self) -> None:
        """Wait until the kernel has everything that was written."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """End the connection: `cut` closes it, `reset` breaks it."""
        ...


class Exchange:
    """One request and the answer to it."""

    def __init__(self, connection: Wire, record: Record, target: str) -> None:
        self._connection = connection
        self.record = record
        parts = urlsplit(target)
        self.method = record.method
        self.path = unquote(parts.path)
        self.query = dict(parse_qsl(parts.query))
        self.headers = record.headers
        self.body = record.body
        self.split: Split | None = None
        self._chunked = False

    @property
    def started(self) -> bool:
        """Whether the status line is out."""
        return self.record.status is not None

    async def respond(
        self,
        status: int,
        body: bytes = b"",
        content_type: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        chunked: bool | None = None,
    ) -> None:
        """Send a whole answer; the length is told in advance for short ones, as Go does."""
        if self.method == "HEAD":
            self._head(status, content_type, {"Content-Length": str(len(body)), **(headers or {})})
            await self._connection.flush()
            return
        if chunked is None:
            chunked = len(body) > _PLAIN_LIMIT
        if chunked or self.split is not None:
            await self.start(status, content_type, headers)
            await self.send(body)
            await self.end()
            return
        self._head(status, content_type, {"Content-Length": str(len(body)), **(headers or {})})
        self._connection.write(body)
        await self._connection.flush()

    async def respond_long(
        self, status: int, length: int, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        """Send the head of an answer whose `length` is known; the body follows with `write`."""
        self._head(status, content_type, {"Content-Length": str(length), **(headers or {})})
        await self._connection.flush()

    async def write(self, data: bytes) -> None:
        """Send a piece of a body of known length, waiting for the client."""
        self._connection.write(data)
        await self._connection.flush()

    async def start(self, status: int, content_type: str | None, headers: dict[str, str] | None = None) -> None:
        """Begin a chunked answer."""
        self._chunked = True
        self._head(status, content_type, {"Transfer-Encoding": "chunked", **(headers or {})})
        await asyncio.sleep(0)

    async def send(self, *parts: bytes) -> None:
        """Send each part as a chunk of its own, all in one write, and let the client keep up."""
        pieces = parts if self.split is None else [piece for part in parts for piece in self.split(part)]
        frames = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece]
        if frames:
            self._connection.write(b"".join(frames))
        await self._connection.flush()

    async def end(self) -> None:
        """Finish a chunked answer properly."""
        self._connection.write(b"0\r\n\r\n")
        await self._connection.flush()

    def cut(self) -> None:
        """Close the connection without finishing the answer: what a client sees when the daemon is killed."""
        self._connection.finish("cut")
        raise GoneError

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self._connection.finish("reset")
        raise GoneError

    def _head(self, status: int, content_type: str | None, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}"]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.record.status = status
        self._connection.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
