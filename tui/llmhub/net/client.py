"""Requests: small ones whole, long ones as a stream of bytes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from llmhub import __version__
from llmhub.net.authorities import Authority
from llmhub.net.errors import GarbledError, translated
from llmhub.net.proxies import ProxyRules
from llmhub.net.switch import Switch
from llmhub.net.transport import Transport

CONNECT_S = 5.0
WRITE_S = 30.0
POOL_S = 5.0
MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest body that is read whole. A verbose `show` is some megabytes."""

_HEADERS = {
    "User-Agent": f"llmhub/{__version__}",
    "Accept": "application/json, */*;q=0.5",
    # lines must come as they are written, and nobody may hand us a bomb
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 become U+FFFD."""
        return self.body.decode("utf-8", "replace")


class Streamed:
    """An answer whose body is still coming."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives, in pieces of any size. To be closed by whoever does not read to the end."""
        # somebody between us and the server may compress all the same
        packed = bool(self._response.headers.get("content-encoding"))
        chunks = self._response.aiter_bytes() if packed else self._response.aiter_raw()
        return cast("AsyncGenerator[bytes, None]", chunks)

    async def read(self, most: int = MAX_BODY_BYTES) -> bytes:
        """The rest of the body.

        Raises:
            GarbledError: it is larger than `most`.
        """
        parts: list[bytes] = []
        size = 0
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise GarbledError(f"the answer is larger than {most:,} bytes")
                parts.append(chunk)
        return b"".join(parts)


class Client:
    """What the rest of llmhub asks the network with. Raises `NetError` and nothing else.

    Connecting may take 5 s, writing 30 s. Reading has no limit unless a call names one: a daemon that loads a model
    sends nothing for minutes, and that is told to the person, not ended (see `exchanges`).
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._http = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            headers=_HEADERS,
            timeout=httpx.Timeout(None, connect=CONNECT_S, write=WRITE_S, pool=POOL_S),
            max_redirects=5,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        read_s: float | None = None,
        most: int = MAX_BODY_BYTES,
        follow_redirects: bool = False,
    ) -> Reply:
        """Send a request and read the whole answer; see `stream`.

        Raises:
            NetError: no connection, a broken one, an answer that is too large, or no byte for `read_s` seconds.
        """
        async with self.stream(
            method, url, body=body, headers=headers, read_s=read_s, follow_redirects=follow_redirects
        ) as streamed:
            return Reply(streamed.status, streamed.headers, await streamed.read(most))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        read_s: float | None = None,
        follow_redirects: bool = False,
    ) -> AsyncGenerator[Streamed, None]:
        """Send a request; the block runs once its headers are there, and leaving it closes the connection.

        `body` is sent as JSON when it is not `None`. `read_s` is the longest time without a byte. Redirects are never
        followed from an origin that gets a key, whatever is asked.

        Raises:
            NetError: here, or while the body is read inside the block.
        """
        sent = dict(headers or {})
        content: bytes | None = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
            sent.setdefault("Content-Type", "application/json")
        with translated():
            async with self._http.stream(
                method,
                url,
                content=content,
                headers=sent,
                timeout=httpx.Timeout(read_s, connect=CONNECT_S, write=WRITE_S, pool=POOL_S),
                follow_redirects=follow_redirects and not self.transport.has_key_for(url),
            ) as response:
                yield Streamed(response)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()


def make_client(
    switch: Switch | None = None,
    *,
    proxy: str | None = None,
    ca_file: Path | None = None,
    authorities: Sequence[Authority] = (),
    environ: Mapping[str, str] | None = None,
) -> Client:
    """The client of a whole run of llmhub.

    Args:
        switch: The program's one offline switch; its own, off, when not given.
        proxy: For everything but loopback; without it what `environ` says.
        ca_file: Certificate authorities to trust beside the usual ones.
        authorities: Keys, and where they may go.
        environ: Where to look for HTTP_PROXY and its like; nowhere when not given.

    Raises:
        ConfigError: the proxy cannot be used.
    """
    proxies = ProxyRules.single(proxy) if proxy else ProxyRules.from_environment(environ or {})
    return Client(Transport(switch or Switch(), proxies=proxies, ca_file=ca_file, authorities=authorities))


def as_json(text: str | bytes) -> Any:
    """JSON from outside; `None` when it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
