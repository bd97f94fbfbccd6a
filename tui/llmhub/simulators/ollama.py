"""A daemon on loopback that answers as Ollama does, and fails as Ollama does."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from types import TracebackType
from typing import Any, Literal, Self

from llmhub.simulators import names
from llmhub.simulators.chat import Chat
from llmhub.simulators.clock import Clock, RealClock
from llmhub.simulators.engine import Engine, Runner
from llmhub.simulators.exchange import Exchange, Record, Split
from llmhub.simulators.faults import HTML_PAGE, Fault, FaultKind, FaultQueue, from_name
from llmhub.simulators.http import HttpServer
from llmhub.simulators.library import Library
from llmhub.simulators.orders import Refusal, body_of, parse
from llmhub.simulators.pulls import Puller, PullRecord
from llmhub.simulators.registry import Registry
from llmhub.simulators.script import OllamaScript, PullScript
from llmhub.simulators.wire import dumps, rfc3339

JSON = "application/json; charset=utf-8"
TEXT = "text/plain"
Route = Callable[[Exchange, Fault | None], Awaitable[None]]
_LOCAL_NAMES = (".localhost", ".local", ".internal")


class OllamaSimulator:
    """One simulated daemon; `async with OllamaSimulator(script) as sim: sim.url`.

    Args:
        script: How it behaves.
        clock: The time it lives in; a `ManualClock` makes loads, keep-alive and speeds the test's own affair.
        registry: What it pulls from; share it with a `RegistrySimulator` and both tell the same sizes.
        port: Where to listen on 127.0.0.1; 0 for a free port.
    """

    def __init__(
        self,
        script: OllamaScript | None = None,
        *,
        clock: Clock | None = None,
        registry: Registry | None = None,
        port: int = 0,
    ) -> None:
        self.script = script or OllamaScript()
        self.clock = clock or RealClock()
        self.registry = registry or Registry(self.script.registry)
        self.library = Library(self.script, self.registry)
        self.engine = Engine(self.script, self.clock)
        self.puller = Puller(self.script, self.clock, self.library, self.registry)
        self.chat = Chat(self.script, self.clock, self.engine, self.library)
        self._faults: FaultQueue[Fault] = FaultQueue()
        self._server = HttpServer(self._handle, port=port)
        self._routes: dict[str, dict[str, Route]] = {
            "/": {"GET": self._root, "HEAD": self._root},
            "/api/version": {"GET": self._version, "HEAD": self._version},
            "/api/status": {"GET": self._status},
            "/api/tags": {"GET": self._tags, "HEAD": self._tags},
            "/api/ps": {"GET": self._ps},
            "/api/show": {"POST": self._show},
            "/api/chat": {"POST": self._chat},
            "/api/generate": {"POST": self._chat},
            "/api/pull": {"POST": self._pull},
            "/api/delete": {"DELETE": self._delete},
            "/api/copy": {"POST": self._copy},
            "/_sim/last": {"GET": self._last},
        }

    # -- what a test or the demo does with it

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return self._server.url

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    @property
    def requests(self) -> list[Record]:
        """Everything that was asked, oldest first."""
        return list(self._server.records)

    @property
    def pulls(self) -> list[PullRecord]:
        """Every pull, oldest first."""
        return self.puller.records

    def requests_to(self, path: str) -> list[Record]:
        """The requests to one endpoint, oldest first."""
        return [record for record in self._server.records if record.path == path]

    def fail_next(self, *faults: Fault) -> None:
        """Each fault strikes once, at the first request it fits."""
        self._faults.add(*faults)

    def pull_next(self, *scripts: PullScript) -> None:
        """The next pulls go this way, one each."""
        self.puller.script_next(*scripts)

    def kill_engine(self, name: str) -> bool:
        """The engine process of a loaded model dies in mid-stream. Whether there was one."""
        return self.engine.kill(names.shown(name))

    async def kill(self) -> None:
        """The daemon dies: every connection breaks and nobody listens; memory is empty, pulls are paused."""
        await self._server.stop("cut")
        self.engine.runners.clear()

    async def revive(self) -> None:
        """It is started again, at the same address."""
        await self._server.start()

    async def start(self) -> None:
        """Begin to listen."""
        await self._server.start()

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        await self._server.stop()

    async def until(self, holds: Callable[[], bool], *, limit_s: float = 5.0) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: it is not, after `limit_s` real seconds.
        """
        async with asyncio.timeout(limit_s):
            while not holds():  # noqa: ASYNC110  any state of any part may be asked for
                await asyncio.sleep(0.002)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- what a client sees

    async def _handle(self, exchange: Exchange) -> None:
        if self.script.splits:
            exchange.split = Split()
        if self.script.checks_host and not _is_local(exchange.headers.get("host", "")):
            await exchange.respond(403)
            return
        routes = self._routes.get(exchange.path)
        if routes is None:
            await exchange.respond(404, b"404 page not found", TEXT)
            return
        route = routes.get(exchange.method)
        if route is None:
            await exchange.respond(405, b"405 method not allowed", TEXT)
            return
        fault = self._fault_of(exchange)
        try:
            if fault is not None and await self._fail_first(exchange, fault):
                return
            await route(exchange, fault)
        except Refusal as refusal:
            body = dumps({"error": refusal.text, **refusal.extra}).encode("utf-8", "replace")
            if refusal.nested:
                await exchange.respond(refusal.status, body, "application/json", chunked=True)
            else:
                await exchange.respond(refusal.status, body, JSON)

    def _fault_of(self, exchange: Exchange) -> Fault | None:
        body = exchange.record.json
        named = (body.get("model") or body.get("name")) if isinstance(body, dict) else None
        model = named if isinstance(named, str) else None
        by_name = (
            from_name(model)[1] if model and exchange.path in ("/api/chat", "/api/generate", "/api/pull") else None
        )
        return self._faults.take(exchange.path, model) or by_name

    async def _fail_first(self, exchange: Exchange, fault: Fault) -> bool:
        """Do what must happen before anything else; whether that was the whole answer."""
        streams = exchange.path in ("/api/chat", "/api/generate", "/api/pull")
        if fault.kind is FaultKind.PIECES:
            exchange.split = Split()
        elif fault.kind is FaultKind.SILENCE or (fault.kind is FaultKind.STALL and not streams):
            await self.clock.sleep(fault.seconds)
        elif fault.kind is FaultKind.HTML:
            await exchange.respond(fault.status or 200, (fault.text or HTML_PAGE).encode(), "text/html")
            return True
        elif fault.kind is FaultKind.STATUS:
            raise Refusal(fault.status or 500, fault.text or "internal error")
        elif streams:
            return False
        elif fault.kind is FaultKind.RESET:
            exchange.reset()
        elif fault.kind is FaultKind.MALFORMED:
            await exchange.respond(200, (fault.text or '{"models":[oops').encode(), JSON)
            return True
        elif fault.kind in (FaultKind.CUT, FaultKind.CLOSE, FaultKind.HALF_LINE):
            await exchange.respond_long(200, 1000, JSON)
            await exchange.write(b'{"models":[')
            exchange.cut()
        return False

    async def _root(self, exchange: Exchange, _: Fault | None) -> None:
        await exchange.respond(200, b"Ollama is running", "text/plain; charset=utf-8")

    async def _version(self, exchange: Exchange, _: Fault | None) -> None:
        await _reply(exchange, {"version": self.script.version})

    async def _status(self, exchange: Exchange, _: Fault | None) -> None:
        disabled = self.script.cloud_disabled
        await _reply(exchange, {"cloud": {"disabled": disabled, "source": "config" if disabled else "none"}})

    async def _tags(self, exchange: Exchange, _: Fault | None) -> None:
        await _reply(exchange, self.library.tags())

    async def _ps(self, exchange: Exchange, _: Fault | None) -> None:
        await _reply(exchange, {"models": [self._loaded(runner) for runner in self.engine.loaded()]})

    def _loaded(self, runner: Runner) -> dict[str, Any]:
        size_bytes, vram_bytes = self.engine.told(runner)
        return {
            "name": runner.name,
            "model": runner.name,
            "size": size_bytes,
            "digest": runner.digest,
            "details": runner.model.details(with_context=False),
            "expires_at": rfc3339(runner.expires_ns, self.script.utc_offset_min),
            "size_vram": vram_bytes,
            "context_length": runner.context,
        }

    async def _show(self, exchange: Exchange, _: Fault | None) -> None:
        body = body_of(exchange.body)
        name = str(body.get("model") or body.get("name") or "")
        if not name:
            raise Refusal(400, "model is required")
        shown = self.library.show(name, verbose=body.get("verbose") is True)
        if shown is None:
            # 0.32 names the tag, 0.24 repeats what was typed (recording, show-missing)
            raise Refusal(404, f"model '{names.shown(name) if self.script.modern else name}' not found")
        await _reply(exchange, shown)

    async def _chat(self, exchange: Exchange, fault: Fault | None) -> None:
        kind: Literal["chat", "generate"] = "chat" if exchange.path == "/api/chat" else "generate"
        await self.chat.answer(exchange, parse(kind, exchange.body), fault)

    async def _pull(self, exchange: Exchange, fault: Fault | None) -> None:
        await self.puller.answer(exchange, body_of(exchange.body), fault)

    async def _delete(self, exchange: Exchange, _: Fault | None) -> None:
        body = body_of(exchange.body)
        name = str(body.get("model") or body.get("name") or "")
        if not self.library.delete(name):
            raise Refusal(404, f"model '{name}' not found")
        await exchange.respond(200)

    async def _copy(self, exchange: Exchange, _: Fault | None) -> None:
        body = body_of(exchange.body)
        source, destination = str(body.get("source") or ""), str(body.get("destination") or "")
        for which, name in (("source", source), ("destination", destination)):
            if not names.is_valid(name):
                raise Refusal(400, f'{which} "{name}" is invalid')
        entry = self.library.entry(source)
        if entry is None:
            raise Refusal(404, f'model "{source}" not found')
        self.library.copy(entry, destination, self.clock.wall_ns())
        await exchange.respond(200)

    async def _last(self, exchange: Exchange, _: Fault | None) -> None:
        last = asdict(self.chat.last) if self.chat.last is not None else None
        await exchange.respond(200, json.dumps({"now_ns": time.monotonic_ns(), "last": last}).encode(), JSON)


async def _reply(exchange: Exchange, body: dict[str, Any]) -> None:
    await exchange.respond(200, dumps(body).encode("utf-8", "replace"), JSON)


def _is_local(host: str) -> bool:
    """Go's host check for a daemon on loopback (ollama-api.md, section 1)."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower().rstrip(".")
    if name in ("", "localhost") or name.endswith(_LOCAL_NAMES):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_unspecified
