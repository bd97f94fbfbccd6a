"""An OpenRouter on loopback: lists, streams, bills and refuses as the real one does, and misbehaves on purpose."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from llmhub.simulators.clock import Clock, RealClock
from llmhub.simulators.exchange import Exchange, Record, Split
from llmhub.simulators.faults import FaultQueue
from llmhub.simulators.http import HttpServer
from llmhub.simulators.openrouter_accounts import Account, GenerationRecord
from llmhub.simulators.openrouter_activity import activity_body
from llmhub.simulators.openrouter_chat import CloudChat
from llmhub.simulators.openrouter_faults import (
    CloudFault,
    CloudFaultKind,
    CloudRefusal,
    from_model,
    plain,
    refused,
)
from llmhub.simulators.openrouter_json import dumps
from llmhub.simulators.openrouter_listing import page
from llmhub.simulators.openrouter_orders import parse
from llmhub.simulators.openrouter_routing import Catalogue
from llmhub.simulators.openrouter_script import OpenRouterScript
from llmhub.simulators.openrouter_signin import SignIn
from llmhub.simulators.openrouter_spoiling import spoil

JSON = "application/json"
BASE = "/api/v1"
CHAT = f"{BASE}/chat/completions"
_NS = 1_000_000_000
Route = Callable[[Exchange], Awaitable[None]]


class OpenRouterSimulator:
    """One simulated OpenRouter; `async with OpenRouterSimulator(script) as sim: sim.url`.

    Args:
        script: How it behaves, and what its account has spent.
        clock: The time it lives in; with a `ManualClock` speeds, day and night prices and caches are the test's affair.
        port: Where to listen on 127.0.0.1; 0 for a free port.
    """

    def __init__(self, script: OpenRouterScript | None = None, *, clock: Clock | None = None, port: int = 0) -> None:
        self.script = script or OpenRouterScript()
        self.clock = clock or RealClock()
        self.catalogue = Catalogue(self.script)
        self.account = Account(self.script)
        self.chat = CloudChat(self.script, self.clock, self.catalogue, self.account)
        self._sign_in = SignIn(self.script.key)
        self._faults: FaultQueue[CloudFault] = FaultQueue()
        self._server = HttpServer(self._handle, port=port)
        self._routes: dict[tuple[str, str], Route] = {
            ("GET", f"{BASE}/models"): self._models,
            ("GET", f"{BASE}/models/user"): self._models,
            ("GET", f"{BASE}/models/count"): self._count,
            ("POST", CHAT): self._chat,
            ("GET", f"{BASE}/generation"): self._generation,
            ("GET", f"{BASE}/key"): self._key,
            ("GET", f"{BASE}/credits"): self._credits,
            ("GET", f"{BASE}/activity"): self._activity,
            ("POST", f"{BASE}/auth/keys"): self._sign_in.exchange,
            ("GET", "/auth"): self._sign_in.authorize,
            ("GET", "/_sim/last"): self._last,
            ("POST", "/_sim/firehose"): self._firehose,
        }

    # -- what a test or the demo does with it

    @property
    def url(self) -> str:
        """The base address, as the setting `[openrouter] url` wants it: with `/api/v1`, without a slash at the end."""
        return self._server.url + BASE

    @property
    def origin(self) -> str:
        """Scheme, host and port alone."""
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
    def generations(self) -> list[GenerationRecord]:
        """Every chat that was let through, oldest first, with what it cost."""
        return list(self.account.generations.values())

    @property
    def spent_usd(self) -> Decimal:
        """What all of them cost together, since the start."""
        return self.account.spent_usd

    @property
    def credentials(self) -> set[str]:
        """Every `Authorization` that came, on any path: whoever sends a key where it does not belong is seen here."""
        return {record.headers["authorization"] for record in self._server.records if "authorization" in record.headers}

    def mentions(self, secret: str) -> list[Record]:
        """The requests in which `secret` stands anywhere but in `Authorization`: address, other headers, body."""
        return [record for record in self._server.records if _mentions(record, secret)]

    def requests_to(self, path: str) -> list[Record]:
        """The requests to one endpoint, oldest first; a path may be given without `/api/v1`."""
        return [record for record in self._server.records if record.path in (path, BASE + path)]

    def fail_next(self, *faults: CloudFault) -> None:
        """Each fault strikes once, at the first request it fits."""
        self._faults.add(*faults)

    def replay_next(
        self, body: bytes | str, *, status: int = 200, headers: Mapping[str, str] | None = None, path: str | None = CHAT
    ) -> None:
        """The next request to `path` is answered with exactly this; text beginning with `:` or `data:` is a stream."""
        text = body.decode() if isinstance(body, bytes) else body
        kind = "text/event-stream" if text.startswith((":", "data:")) else JSON
        fault = CloudFault(
            CloudFaultKind.RAW, text=text, status=status, headers=headers or {}, content_type=kind, path=path
        )
        self._faults.add(fault)

    async def kill(self) -> None:
        """Nobody listens any more: connections break, new ones are refused, as without a network."""
        await self._server.stop("cut")

    async def revive(self) -> None:
        """It is there again, at the same address, and remembers everything."""
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
        exchange.record.notes["query"] = dict(exchange.query)
        if self.script.splits:
            exchange.split = Split()
        try:
            if len(exchange.body) > self.script.max_body_bytes:
                raise refused("large")
            fault = self._fault_of(exchange)
            if fault is not None and await spoil(exchange, fault, self.clock, speaks=exchange.path == CHAT):
                return
            exchange.record.notes["fault"] = fault
            await self._route(exchange)(exchange)
        except CloudRefusal as refusal:
            await exchange.respond(
                refusal.status, dumps(refusal.body).encode("utf-8", "replace"), JSON, headers=refusal.headers
            )

    def _route(self, exchange: Exchange) -> Route:
        path = exchange.path.rstrip("/")
        route = self._routes.get((exchange.method, path))
        if route is not None:
            return route
        if exchange.method == "GET" and path.startswith(f"{BASE}/models/") and path.endswith("/endpoints"):
            return self._endpoints
        if exchange.method == "GET" and path.startswith((f"{BASE}/model/", f"{BASE}/models/")):
            return self._model
        raise refused("missing")

    def _fault_of(self, exchange: Exchange) -> CloudFault | None:
        body = exchange.record.json if exchange.path == CHAT else None
        named = body.get("model") if isinstance(body, dict) else None
        model = named if isinstance(named, str) else None
        return self._faults.take(exchange.path, model) or (from_model(model)[1] if model else None)

    async def _models(self, exchange: Exchange) -> None:
        now = self._now()
        if exchange.path.endswith("/user"):
            self._check_key(exchange)
        if not exchange.query:
            await exchange.respond(200, self.catalogue.whole(now), JSON)
            return
        rows = [self.catalogue.row(model, now) for model in self.catalogue.models]
        await _reply(exchange, page(rows, exchange.query))

    async def _count(self, exchange: Exchange) -> None:
        await _reply(exchange, {"data": {"count": len(self.catalogue.models)}})

    async def _model(self, exchange: Exchange) -> None:
        name = exchange.path.removeprefix(f"{BASE}/models/").removeprefix(f"{BASE}/model/")
        model = self.catalogue.find(name)
        if model is None:
            raise refused("missing")
        await _reply(exchange, {"data": self.catalogue.row(model, self._now())})

    async def _endpoints(self, exchange: Exchange) -> None:
        name = exchange.path.removeprefix(f"{BASE}/models/").removesuffix("/endpoints")
        model = self.catalogue.find(name)
        if model is None:
            raise refused("missing")
        if model.alias_of:
            model = self.catalogue.find(model.alias_of) or model
        with_key = exchange.headers.get("authorization") == f"Bearer {self.script.key}"
        await _reply(exchange, {"data": model.endpoints_body(self._now(), with_key=with_key)})

    async def _chat(self, exchange: Exchange) -> None:
        self._check_key(exchange)
        await self.chat.answer(exchange, parse(exchange.body), exchange.record.notes["fault"])

    async def _generation(self, exchange: Exchange) -> None:
        self._check_key(exchange)
        asked = exchange.query.get("id")
        if not asked:
            raise refused("parameters")
        record = self.account.look_up(asked)
        if record is None:
            raise plain(404, f"Generation {asked[:80]} not found")
        await _reply(exchange, {"data": record.body()})

    async def _key(self, exchange: Exchange) -> None:
        self._check_key(exchange)
        await _reply(exchange, {"data": self.account.body()})

    async def _credits(self, exchange: Exchange) -> None:
        self._check_management(exchange)
        used = self.script.used_usd + self.spent_usd
        await _reply(exchange, {"data": {"total_credits": self.script.credits_usd, "total_usage": used}})

    async def _activity(self, exchange: Exchange) -> None:
        self._check_management(exchange)
        await _reply(exchange, activity_body(self.generations, self._now(), exchange.query.get("date")))

    async def _last(self, exchange: Exchange) -> None:
        last = asdict(self.chat.last) if self.chat.last is not None else None
        await exchange.respond(200, json.dumps({"now_ns": time.monotonic_ns(), "last": last}).encode(), JSON)

    async def _firehose(self, exchange: Exchange) -> None:
        body = exchange.record.json
        try:
            self.catalogue.firehose = float(body["rate"]), int(body["tokens"])
        except (TypeError, KeyError, ValueError) as error:
            raise refused("parameters") from error
        await _reply(exchange, {})

    def _check_key(self, exchange: Exchange) -> None:
        keys = (self.script.key, self.script.management_key)
        if exchange.headers.get("authorization") not in [f"Bearer {key}" for key in keys]:
            raise refused("key")

    def _check_management(self, exchange: Exchange) -> None:
        self._check_key(exchange)
        if exchange.headers.get("authorization") != f"Bearer {self.script.management_key}":
            raise refused("management")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.wall_ns() / _NS, UTC)


async def _reply(exchange: Exchange, body: dict[str, Any]) -> None:
    await exchange.respond(200, dumps(body).encode("utf-8", "replace"), JSON)


def _mentions(record: Record, secret: str) -> bool:
    headers = [value for name, value in record.headers.items() if name != "authorization"]
    query = [text for pair in record.notes.get("query", {}).items() for text in pair]
    return secret.encode() in record.body or any(secret in text for text in (record.path, *headers, *query))
