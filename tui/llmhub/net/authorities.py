"""Which key may go to which origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from llmhub.core.cloud import SIMULATED_KEY
from llmhub.core.places import is_loopback

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Authority:
    """A key that goes to one origin and nowhere else.

    Args:
        origin: `https://host` or `https://host:port`; plain HTTP on loopback alone, where no key is sent but the
            simulators' own: any program on this machine may listen there.
        key: Asked at each request, so that a key that was set or removed counts at once; `None` sends nothing.

    Raises:
        ValueError: the origin would carry the key in the clear.
    """

    origin: str
    key: Callable[[], str | None] = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.origin)
        host = parts.hostname or ""
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        if not safe or not host or parts.path.strip("/") or parts.query or parts.username:
            raise ValueError(f"a key cannot go to {self.origin!r}: it takes https:// and a host")

    def key_to_send(self) -> str | None:
        """The key as it may go to this origin; `None` when there is none, when it is no key, or when it must not go."""
        key = (self.key() or "").strip()
        # anything else would fail in the HTTP library, in an exception that carries the key
        if not key.isascii() or not key.isprintable() or " " in key:
            return None
        safe = urlsplit(self.origin).scheme == "https" or key == SIMULATED_KEY
        return key if key and safe else None

    def covers(self, url: httpx.URL) -> bool:
        """Whether `url` is of this origin."""
        parts = urlsplit(self.origin)
        ours = (parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])
        return ours == (url.scheme, url.host.lower(), url.port or _PORTS.get(url.scheme))


def put_key(request: httpx.Request, authorities: Iterable[Authority]) -> None:
    """Give `request` the key of its origin, and take away any other.

    A library of somebody else's may have put one there: `ollama` 0.6.3 sends `OLLAMA_API_KEY` to whatever host it has.
    """
    request.headers.pop("Authorization", None)
    for authority in authorities:
        if authority.covers(request.url):
            if key := authority.key_to_send():
                request.headers["Authorization"] = f"Bearer {key}"
            return
