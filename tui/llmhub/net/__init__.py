"""The one HTTP transport, and reading lines and events from it."""

from llmhub.net import lean as lean  # before anything that imports httpx
from llmhub.net.authorities import Authority
from llmhub.net.client import Client, Reply, Streamed, as_json, make_client
from llmhub.net.errors import (
    BrokenError,
    GarbledError,
    NetError,
    OfflineError,
    SilentError,
    UnreachableError,
    translated,
)
from llmhub.net.exchanges import SILENCE_S, Opened, Silence, exchange
from llmhub.net.lines import LineSplitter
from llmhub.net.sse import EventReader, ServerEvent
from llmhub.net.switch import Switch
from llmhub.net.transport import Transport

__all__ = [
    "SILENCE_S",
    "Authority",
    "BrokenError",
    "Client",
    "EventReader",
    "GarbledError",
    "LineSplitter",
    "NetError",
    "OfflineError",
    "Opened",
    "Reply",
    "ServerEvent",
    "Silence",
    "SilentError",
    "Streamed",
    "Switch",
    "Transport",
    "UnreachableError",
    "as_json",
    "exchange",
    "make_client",
    "translated",
]
