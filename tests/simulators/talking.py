"""A client that sees every byte: HTTP over a bare asyncio socket, with the way an answer ends told apart."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

DATA = Path(__file__).parents[1] / "data"
HELLO = [{"role": "user", "content": "Explain merge sort"}]
Ended = Literal["properly", "early", "by reset"]


@dataclass(slots=True)
class Answer:
    """What came back, and how it ended."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes] = field(default_factory=list)
    ended: Ended = "properly"

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The stream as objects; the wire has one per line and no empty line."""
        assert self.body.endswith(b"\n")
        return [json.loads(line) for line in self.body[:-1].split(b"\n")]

    @property
    def text(self) -> str:
        return "".join(line.get("message", {}).get("content", "") for line in self.lines)


class Talk:
    """One connection, kept alive as long as the server keeps it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.reader = reader
        self.writer = writer
        self.host = host

    async def send(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, chunked: bool = False
    ) -> None:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        head = {"Host": self.host, **(headers or {})}
        if chunked:
            head["Transfer-Encoding"] = "chunked"
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
        elif data:
            head["Content-Length"] = str(len(data))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await self.writer.drain()

    async def head(self) -> Answer:
        """The status line and the headers."""
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in raw[1:] if line)}
        return Answer(int(raw[0].split()[1]), headers)

    async def chunk(self) -> bytes:
        """One chunk of a chunked body; empty at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        data = await self.reader.readexactly(size + 2)
        return data[:-2]

    async def rest(self, answer: Answer, *, has_body: bool = True) -> Answer:
        """Read the body to its end, whatever the end is."""
        try:
            if answer.headers.get("transfer-encoding") == "chunked":
                while chunk := await self.chunk():
                    answer.chunks.append(chunk)
            elif has_body:
                answer.chunks.append(await self.reader.readexactly(int(answer.headers.get("content-length", "0"))))
        except asyncio.IncompleteReadError as error:
            answer.chunks.append(error.partial)
            answer.ended = "early"
        except ConnectionResetError:
            answer.ended = "by reset"
        return answer

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> Answer:
        await self.send(method, path, body, **how)
        return await self.rest(await self.head(), has_body=method != "HEAD")

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def talking(url: str) -> AsyncIterator[Talk]:
    """A connection to `url`."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**24)
    talk = Talk(reader, writer, parts.netloc)
    try:
        yield talk
    finally:
        await talk.close()


async def ask(url: str, method: str, path: str, body: Any = None, **how: Any) -> Answer:
    """One request on a connection of its own."""
    async with asyncio.timeout(20), talking(url) as talk:
        return await talk.ask(method, path, body, **how)


async def chat(url: str, model: str = "llama3.2:3b", **fields: Any) -> Answer:
    """One chat; `fields` are those of the request."""
    return await ask(url, "POST", "/api/chat", {"model": model, "messages": HELLO, **fields})


def shape(value: Any) -> Any:
    """The keys and kinds of a JSON value, its contents left out; a number is a number."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def contract(name: str) -> Any:
    """A contract example: an object of a `.json`, the list of lines of a `.ndjson`."""
    text = (DATA / "contracts" / name).read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line] if name.endswith(".ndjson") else json.loads(text)


def recording(name: str, version: str = "0.32.15") -> dict[str, Any]:
    """A recording of a real daemon."""
    whole: dict[str, Any] = json.loads((DATA / "recorded" / f"ollama-{version}" / f"{name}.json").read_text("utf-8"))
    return whole


def recorded_body(name: str, version: str = "0.32.15") -> Any:
    """The only line of a recording, as JSON."""
    return json.loads(recording(name, version)["lines"][0][1])
