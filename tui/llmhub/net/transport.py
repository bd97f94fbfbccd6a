"""The one way out: every connection of llmhub is made here, so what must never happen is refused here.

Offline nothing but loopback is reached; loopback never goes through a proxy; a key goes to its own origin only.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import cast

import httpx

from llmhub.core.places import is_loopback
from llmhub.net.authorities import Authority, put_key
from llmhub.net.away import Away, AwayStream
from llmhub.net.errors import UnreachableError
from llmhub.net.proxies import ProxyRules
from llmhub.net.switch import Switch

_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=10, keepalive_expiry=30.0)


class Transport(httpx.AsyncBaseTransport):
    """Guards the connections of httpx. Pools are made when they are first needed.

    Args:
        switch: Read at every request; turning it on ends what is under way.
        proxies: For everything but loopback.
        ca_file: Certificate authorities to trust beside the usual ones.
        authorities: Keys and the origins they may go to.
    """

    def __init__(
        self,
        switch: Switch,
        *,
        proxies: ProxyRules | None = None,
        ca_file: Path | None = None,
        authorities: Sequence[Authority] = (),
    ) -> None:
        self._away = Away(switch)
        self._proxies = proxies or ProxyRules()
        self._ca_file = ca_file
        self._authorities = tuple(authorities)
        self._pools: dict[tuple[str | None, bool, bool], httpx.AsyncHTTPTransport] = {}
        """By proxy, whether there is TLS, and whether they stay on this machine."""
        self._trust: asyncio.Task[ssl.SSLContext] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        switch.when_offline(self._leave)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` if it may go.

        Raises:
            OfflineError: the switch is on and the host is not loopback.
        """
        url = request.url
        if is_loopback(url.host):
            return await self._send(request, None, local=True)
        async with self._away.held(url.host):
            response = await self._send(request, self._proxies.proxy_for(url.scheme, url.host, url.port), local=False)
        response.stream = AwayStream(cast("httpx.AsyncByteStream", response.stream), self._away, url.host)
        return response

    async def _send(self, request: httpx.Request, proxy: str | None, *, local: bool) -> httpx.Response:
        put_key(request, self._authorities)
        tls = request.url.scheme == "https" or (proxy or "").lower().startswith("https://")
        pool = await self._pool(proxy, tls=tls, local=local)
        return await pool.handle_async_request(request)

    @property
    def offline(self) -> bool:
        """Whether nothing may leave this machine; for those who could ask a program here to send it on."""
        return self._away.is_closed

    def authorize(self, authority: Authority) -> None:
        """Give a key to its origin from now on, in place of the one that the origin had."""
        others = (other for other in self._authorities if other.origin != authority.origin)
        self._authorities = (authority, *others)

    def has_key_for(self, url: str) -> bool:
        """Whether a key goes to the origin of `url`."""
        return any(authority.covers(httpx.URL(url)) for authority in self._authorities)

    def borrowed(self) -> httpx.AsyncBaseTransport:
        """The same transport for a library that closes what it is given."""
        return _Borrowed(self)

    async def aclose(self) -> None:
        """Close every connection."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()

    def _leave(self) -> None:
        """Close connections to elsewhere that wait for their next request."""
        away = [key for key in self._pools if not key[2]]
        for pool in [self._pools.pop(key) for key in away]:
            closing = asyncio.get_running_loop().create_task(pool.aclose())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _pool(self, proxy: str | None, *, tls: bool, local: bool) -> httpx.AsyncHTTPTransport:
        found = self._pools.get((proxy, tls, local))
        if found is None:
            # plain HTTP never looks at it; an empty one trusts nobody and costs nothing
            trust = await self._trusted() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            to_proxy = (
                trust if (proxy or "").lower().startswith("https://") else None
            )  # httpcore takes none for http://
            way = None if proxy is None else httpx.Proxy(proxy, ssl_context=to_proxy)
            made = httpx.AsyncHTTPTransport(verify=trust, trust_env=False, limits=_LIMITS, proxy=way)
            found = self._pools.setdefault((proxy, tls, local), made)
        return found

    async def _trusted(self) -> ssl.SSLContext:
        if self._trust is None or (self._trust.done() and (self._trust.cancelled() or self._trust.exception())):
            # reading the authorities takes 20 ms and a file, so it happens off the loop and at the first TLS request
            self._trust = asyncio.create_task(asyncio.to_thread(trust, self._ca_file))
        return await asyncio.shield(self._trust)


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """What TLS trusts: httpx's bundle, the system's authorities, and those of `ca_file`. Reads files.

    Raises:
        UnreachableError: when `ca_file` cannot be used.
    """
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except OSError as error:  # ssl.SSLError is one
            raise UnreachableError(
                f"the certificate authorities in {ca_file} cannot be read ([net] ca_file)"
            ) from error
    return context


class _Borrowed(httpx.AsyncBaseTransport):
    def __init__(self, owner: Transport) -> None:
        self._owner = owner

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Leave the owner's connections alone."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._owner.handle_async_request(request)
