"""What can go wrong on the wire, in words of our own: httpx's exceptions never leave this room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from llmhub.core.plain import one_line


class NetError(Exception):
    """A request did not go as it should; `str()` is a short reason, safe to show."""


class UnreachableError(NetError):
    """No connection came about."""


class SilentError(NetError):
    """The connection stands, but no answer came in the time that this call allows."""


class BrokenError(NetError):
    """The connection broke after it was made."""


class GarbledError(NetError):
    """What came is not HTTP, or more than we take."""


class OfflineError(NetError):
    """llmhub itself refused: the offline switch is on."""

    def __init__(self, host: str) -> None:
        super().__init__(f"llmhub is offline, so it did not connect to {one_line(host, 80)}")
        self.host = host


# h11 0.16 and httpcore 1.0 say so when the other side goes away; every other RemoteProtocolError is nonsense from it
_GONE = ("peer closed connection", "Server disconnected")


@contextmanager
def translated() -> Iterator[None]:
    """Raise httpx's exceptions as ours."""
    try:
        yield
    except httpx.ReadTimeout as error:
        raise SilentError("no answer came in time") from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise UnreachableError(_reason(error, "nothing answers there")) from error
    except httpx.RemoteProtocolError as error:
        reason = _reason(error, "the answer is not HTTP")
        raise (BrokenError if reason.startswith(_GONE) else GarbledError)(reason) from error
    except (httpx.NetworkError, httpx.TimeoutException) as error:
        raise BrokenError(_reason(error, "the connection broke")) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise GarbledError(_reason(error, type(error).__name__)) from error


def _reason(error: Exception, otherwise: str) -> str:
    text = one_line(str(error), 200)
    return otherwise if not text or text == "All connection attempts failed" else text
