"""A small HTTP/1.1 server that can also behave badly.

An ASGI server cannot reset, cut and stall a connection on purpose (design.md, section 7), so the protocol is spoken
here: keep-alive, Content-Length and chunked bodies both ways, HEAD, DELETE with a body, ranges. A handler whose client
leaves is cancelled at once, as a Go server cancels the context of a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from llmhub.simulators.exchange import Exchange, GoneError, Outcome, Record

_MAX_HEAD = 64 * 1024

Handler = Callable[[Exchange], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One client's connection: requests in, one after the other, answers out."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._record: Record | None = None
        self._busy = False
        self._gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # so that `flush` returns when the kernel has every byte, as a blocking write does in the real daemon
        transport.set_write_buffer_limits(high=0)
        self._server.connections.add(self)
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Keep what arrives until the server comes to it."""
        self._buffer += data
        self._arrived.set()

    def eof_received(self) -> bool:
        """A client that closes its side has left: Go's server cancels the request too."""
        self._left()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        """The connection is over, by whomever."""
        self._left()
        self._server.connections.discard(self)

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()

    def write(self, data: bytes) -> None:
        """Hand bytes on; after the client left they are only counted."""
        record = self._record
        if self._gone or self._transport is None or self._transport.is_closing():
            if record is not None:
                record.bytes_after_leaving += len(data)
            raise GoneError
        if record is not None:
            record.bytes_sent += len(data)
        self._transport.write(data)

    async def flush(self) -> None:
        """Wait until the kernel has everything that was written."""
        await asyncio.sleep(0)
        await self._writable.wait()
        if self._gone:
            raise GoneError

    def finish(self, outcome: Outcome) -> None:
        """End the connection: `cut` closes it, `reset` breaks it."""
        if self._record is not None and self._record.outcome == "open":
            self._record.outcome = outcome
        self._gone = True
        if self._transport is None:
            return
        if outcome == "reset":
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()

    async def shut(self) -> None:
        """End everything here and wait for it."""
        if self._transport is not None:
            self._transport.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _left(self) -> None:
        self._gone = True
        self._arrived.set()
        self._writable.set()
        if self._busy and self._task is not None:
            self._task.cancel()

    async def _serve(self) -> None:
        try:
            while not self._gone:
                request = await self._next()
                if request is None:
                    break
                exchange, closing = request
                self._record = exchange.record
                self._busy = True
                try:
                    await self._handle(exchange)
                    if exchange.record.outcome == "open":
                        exchange.record.outcome = "done"
                finally:
                    self._busy = False
                    if exchange.record.outcome == "open":
                        exchange.record.outcome = "client left"
                if closing:
                    break
        except (GoneError, asyncio.CancelledError):
            pass
        except ValueError:  # not HTTP: a length that is no number
            if not self._gone and self._transport is not None:
                self._transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        finally:
            if self._transport is not None and not self._transport.is_closing():
                self._transport.close()

    async def _handle(self, exchange: Exchange) -> None:
        try:
            await self._server.handle(exchange)
        except (GoneError, asyncio.CancelledError):
            raise
        except Exception as error:
            # a mistake of the simulator's own: kept, so that the end of the test tells it
            self._server.failures.append(error)
            if exchange.started:
                exchange.cut()
            await exchange.respond(500, repr(error).encode(), "text/plain")

    async def _next(self) -> tuple[Exchange, bool] | None:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEAD or not await self._more():
                return None
        head = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        method, _, rest = head[0].partition(" ")
        target, _, version = rest.rpartition(" ")
        headers: dict[str, str] = {}
        for entry in head[1:]:
            name, _, value = entry.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self._body(headers)
        if body is None:
            return None
        record = Record(method.upper(), urlsplit(target).path, body, headers, time.monotonic_ns())
        self._server.records.append(record)
        closing = headers.get("connection", "").lower() == "close" or version == "HTTP/1.0"
        return Exchange(self, record, target), closing

    async def _body(self, headers: dict[str, str]) -> bytes | None:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            whole = bytearray()
            while True:
                size_line = await self._take_line()
                if size_line is None:
                    return None
                size = int(size_line.split(b";")[0], 16)
                chunk = await self._take(size + 2)
                if chunk is None:
                    return None
                if not size:
                    return bytes(whole)
                whole += chunk[:size]
        return await self._take(int(headers.get("content-length") or 0))

    async def _take_line(self) -> bytes | None:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if not await self._more():
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    async def _take(self, count: int) -> bytes | None:
        while len(self._buffer) < count:
            if not await self._more():
                return None
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    async def _more(self) -> bool:
        if self._gone:
            return False
        self._arrived.clear()
        await self._arrived.wait()
        return not self._gone


class HttpServer:
    """Listens on loopback and hands every request to one handler.

    Args:
        handler: Answers an exchange; it is cancelled when the client leaves.
        host: The loopback address to listen on.
        port: 0 for a free one.
        keep: How many requests the log holds.
    """

    def __init__(self, handler: Handler, *, host: str = "127.0.0.1", port: int = 0, keep: int = 5000) -> None:
        self.handle = handler
        self.host = host
        self.port = port
        self.records: deque[Record] = deque(maxlen=keep)
        self.connections: set[Connection] = set()
        self.failures: list[Exception] = []
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Begin to listen; a second start after `stop` takes the same port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self.host, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self, outcome: Outcome = "cut") -> None:
        """Stop listening and end every connection in mid-word.

        Raises:
            Exception: the first mistake a handler made, if there was one.
        """
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self.connections):
            connection.finish(outcome)
        await asyncio.gather(*(connection.shut() for connection in list(self.connections)))
        if self.failures:
            raise self.failures.pop(0)
