"""A server on loopback that sends exactly what it is told, over real sockets, in pieces, late, or not to the end."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

DATA = Path(__file__).parents[1] / "data"
VERSIONS = ("0.32.15", "0.24.0")

End = Literal["proper", "reset", "vanish", "hang"]
"""How an answer ends: with its last chunk; with a reset; with the connection closed in the middle; never."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What is sent back.

    `pieces` cuts the body into pieces of 1 to 37 bytes, across lines and inside characters, each its own HTTP chunk;
    the number is the seed. `until` sends only so many bytes of it. `before_s` is a silence before the headers,
    `between` one after so many bytes of the body.
    """

    body: bytes = b""
    status: int = 200
    content_type: str | None = "application/x-ndjson"
    chunked: bool = True
    pieces: int | None = None
    until: int | None = None
    end: End = "proper"
    before_s: float = 0.0
    between: tuple[int, float] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    """Sent as it stands instead of an HTTP answer."""

    @classmethod
    def of(cls, body: object, status: int = 200) -> Answer:
        """A whole JSON answer, or the empty one for `None`."""
        if body is None:
            return cls(b"", status, None, chunked=False)
        return cls(json.dumps(body).encode(), status, "application/json; charset=utf-8", chunked=False)

    @classmethod
    def lines(cls, *lines: object, end: End = "proper") -> Answer:
        """One JSON object a line."""
        return cls(b"".join(json.dumps(line).encode() + b"\n" for line in lines), end=end)

    def but(self, **changes: Any) -> Answer:
        """The same, changed."""
        return replace(self, **changes)


Route = Answer | Sequence[Answer] | Callable[[Asked], Answer]
"""One answer for every request, one after another (the last one stays), or what makes one."""


@dataclass
class Replay:
    """The server while it runs.

    Attributes:
        asked: Requests in order.
        left: Set when a client closed its connection before the answer's end.
        sent: Bytes of bodies sent so far.
    """

    routes: Mapping[str, Route]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    got: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the first request."""
    sent: int = 0
    connections: int = 0
    _turns: dict[str, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            ahead = b""
            while (asked := await _request(reader, ahead)) is not None:
                self.asked.append(asked)
                self.got.set()
                answering = asyncio.ensure_future(self._answer(self._route(asked), writer))
                # a client sends nothing more before it has its answer, so what is read here is the end, or comes after
                listening = asyncio.ensure_future(reader.read(1))
                for task in (answering, listening):
                    # when the test ends in between, nobody asks how these ended
                    task.add_done_callback(lambda done: done.cancelled() or done.exception())
                await asyncio.wait({answering, listening}, return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    self.left.set()
                    answering.cancel()
                listening.cancel()
                await asyncio.wait({answering, listening})
                ahead = b"" if listening.cancelled() or listening.exception() is not None else listening.result()
                if answering.cancelled() or answering.exception() is not None or not answering.result():
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()
            with suppress(ConnectionError, OSError):
                await writer.wait_closed()

    def _route(self, asked: Asked) -> Answer:
        key = f"{asked.method} {asked.path}"
        if key not in self.routes:  # a route without a query answers any
            key = key.partition("?")[0]
        route = self.routes.get(key, Answer(b"404 page not found", 404, "text/plain", chunked=False))
        if isinstance(route, Answer):
            return route
        if callable(route):
            return route(asked)
        turn = self._turns.get(key, 0)
        self._turns[key] = turn + 1
        return route[min(turn, len(route) - 1)]

    async def _answer(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        """Send `answer`; says whether the connection can be used again."""
        if answer.before_s:
            await asyncio.sleep(answer.before_s)
        if answer.raw is not None:
            writer.write(answer.raw)
            await writer.drain()
            return False
        head = [f"HTTP/1.1 {answer.status} Answer"]
        if answer.content_type:
            head.append(f"Content-Type: {answer.content_type}")
        head.append("Transfer-Encoding: chunked" if answer.chunked else f"Content-Length: {len(answer.body)}")
        head += [f"{name}: {value}" for name, value in answer.headers]
        writer.write("\r\n".join([*head, "", ""]).encode())
        for piece in _pieces(answer):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
            await writer.drain()
            self.sent += len(piece)
            if answer.between is not None and self.sent >= answer.between[0] > self.sent - len(piece):
                await asyncio.sleep(answer.between[1])
            elif answer.pieces is not None:
                await asyncio.sleep(0)
        match answer.end:
            case "proper":
                writer.write(b"0\r\n\r\n" if answer.chunked else b"")
                await writer.drain()
                return True
            case "reset":
                # let what was written be read first: a reset throws away what the other side has not taken yet
                await asyncio.sleep(0.05)
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case "hang":
                await asyncio.Event().wait()
            case "vanish":
                pass
        return False


@asynccontextmanager
async def replay(routes: Mapping[str, Route], *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Replay]:
    """Serve `routes` (`"GET /api/tags"`) on a free port of 127.0.0.1, over TLS where there is a context for it."""
    server = Replay(routes)
    listener = await asyncio.start_server(server._connected, "127.0.0.1", 0, ssl=tls)
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        tasks = list(server._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()


async def _request(reader: asyncio.StreamReader, ahead: bytes) -> Asked | None:
    try:
        head = ahead + await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *rest = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
    return Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def _pieces(answer: Answer) -> list[bytes]:
    body = answer.body[: answer.until]
    if answer.pieces is not None:
        return cut(body, answer.pieces)
    marks = [0, *([answer.between[0]] if answer.between else []), len(body)]
    return [piece for start, stop in pairwise(marks) if (piece := body[start:stop])]


def cut(body: bytes, seed: int) -> list[bytes]:
    """`body` in pieces of 1 to 37 bytes, the same for the same seed."""
    sizes = random.Random(seed)
    pieces: list[bytes] = []
    at = 0
    while at < len(body):
        size = sizes.randint(1, 37)
        pieces.append(body[at : at + size])
        at += size
    return pieces


# -- what is replayed ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Recording:
    """One recorded interaction."""

    version: str
    name: str
    method: str
    path: str
    sent: dict[str, Any]
    """The body of the recorded request."""
    answer: Answer
    lines: tuple[str, ...]
    """Those that were kept, without the marks of what was left out."""
    closed_after: int | None
    """The recorder hung up after so many lines."""
    lines_total: int

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def said(self) -> list[Any]:
        """The lines, parsed."""
        return [json.loads(line) for line in self.lines]


@cache
def recorded(version: str, name: str) -> Recording:
    """`tests/data/recorded/ollama-<version>/<name>.json`."""
    told = json.loads((DATA / "recorded" / f"ollama-{version}" / f"{name}.json").read_text("utf-8"))
    request = told["request"]
    lines = tuple(line for seconds, line in told["lines"] if seconds is not None)
    headers = {key.lower(): value for key, value in (told.get("headers") or {}).items()}
    kind = headers.get("content-type")
    closed_after = told.get("client_closed_after_lines")
    streamed = kind is None or "ndjson" in kind
    body = "".join(f"{line}\n" for line in lines) if streamed else "\n".join(lines)
    end: End = "proper"
    if closed_after is not None:
        end = "hang"
    elif told.get("transport_error"):
        end = "vanish"
    answer = Answer(
        body.encode(),
        told["status"],
        kind,
        chunked=headers.get("transfer-encoding") == "chunked" or (streamed and bool(lines)),
        end=end,
    )
    return Recording(
        version,
        name,
        request["method"],
        request["path"],
        request.get("body") or {},
        answer,
        lines,
        closed_after,
        told.get("lines_total", len(lines)),
    )


def recordings(path: str) -> list[tuple[str, str]]:
    """Version and name of every recording of a request to `path`."""
    found = []
    for version in VERSIONS:
        for file in sorted((DATA / "recorded" / f"ollama-{version}").glob("*.json")):
            told = json.loads(file.read_text("utf-8"))
            if isinstance(told, dict) and (told.get("request") or {}).get("path") == path:
                found.append((version, file.stem))
    return found


@cache
def contract(name: str) -> bytes:
    """A file of `tests/data/contracts`, as it is sent: `.json` compact, everything else byte for byte."""
    body = (DATA / "contracts" / name).read_bytes()
    if name.endswith(".json") and name != "ollama-manifest.json":
        return json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
    return body


def contract_answer(name: str) -> Answer:
    """A contract file as an answer."""
    if name.endswith(".json"):
        return Answer(contract(name), content_type="application/json; charset=utf-8", chunked=False)
    return Answer(contract(name), content_type="text/event-stream" if name.endswith(".sse") else "application/x-ndjson")


@cache
def contract_errors(name: str = "ollama-errors.json") -> dict[str, Answer]:
    """A table of refusals by its `when`."""
    table = {}
    for entry in json.loads(contract(name)):
        body, kind = entry["body"], entry.get("content_type", "application/json")
        sent = body if isinstance(body, str) else json.dumps(body)
        headers = tuple(entry.get("headers", {}).items())
        table[entry["when"]] = Answer(sent.encode(), entry["status"], kind, chunked=False, headers=headers)
    return table
