"""Every key of the config file: its name, its field, what it may hold, and the variable that overrides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmhub.core.addresses import ollama_url
from llmhub.core.config import parse_memory
from llmhub.core.errors import ConfigError
from llmhub.core.places import is_loopback

Reader = Callable[[Any], Any]
"""Takes a value of the file or text of the environment, gives the field's; its `ValueError` says what it wants."""

_ADDRESS = 'an address such as "http://127.0.0.1:11434"'


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file."""

    name: str
    """As it is written with its table: `chat.context`."""
    field: str
    read: Reader
    from_environment: bool = True

    @property
    def variable(self) -> str:
        """The variable that overrides the file: `LLMHUB_CHAT_CONTEXT`."""
        return "LLMHUB_" + self.name.replace(".", "_").upper()


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("some text in quotes")
    return value.strip()


def _daemon(value: Any) -> str:
    try:
        return _checked(ollama_url(_text(value)))
    except ConfigError:
        raise ValueError(_ADDRESS) from None


def _url(value: Any) -> str:
    return _checked(_text(value).rstrip("/"))


def _provider(value: Any) -> str:
    """An address that a key goes to: over TLS, or not off this machine."""
    url = _url(value)
    parts = urlsplit(url)
    if "@" in parts.netloc or (parts.scheme != "https" and not is_loopback(parts.hostname or "")):
        raise ValueError("an https:// address, because a key goes there")
    return url


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or any(char.isspace() for char in url):
        raise ValueError(_ADDRESS)
    return url


def _proxy(value: Any) -> str:
    url = _text(value)
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https", "socks5", "socks5h"} or not parts.hostname:
        raise ValueError('an address such as "http://proxy.example:3128"')
    return str(parts.geturl())


def _tokens(value: Any) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000_000:
        raise ValueError("a whole number of tokens, such as 8192")
    return value


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off", ""} and isinstance(value, str):
        return False
    raise ValueError("true or false")


def _money(value: Any) -> Decimal:
    try:
        amount = Decimal(value) if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or amount < 0:
        raise ValueError("an amount in US dollars, such as 5 or 2.50")
    return amount


def _memory(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    try:
        return parse_memory(_text(value))
    except ValueError:
        raise ValueError('an amount such as "24 GiB"') from None


def _file(value: Any) -> Path:
    return Path(_text(value)).expanduser()


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a table")
    return value


def _keymap(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(keys, str) for keys in value.values()):
        raise ValueError('a table of keys per action, such as "app.quit" = "ctrl+q,f10"')
    return value


KEYS: tuple[Key, ...] = (
    Key("offline", "offline", _switch),
    Key("ollama.url", "ollama_url", _daemon),
    Key("openrouter.url", "openrouter_url", _provider),
    Key("chat.context", "chat_context", _tokens),
    Key("chat.max_tokens", "chat_max_tokens", _tokens),
    Key("profile", "profile", _table, from_environment=False),
    Key("ui.theme", "theme", _text),
    Key("ui.keymap", "keymap", _keymap, from_environment=False),
    Key("net.proxy", "proxy", _proxy),
    Key("net.ca_file", "ca_file", _file),
    Key("budget.day_usd", "day_budget_usd", _money),
    Key("budget.month_usd", "month_budget_usd", _money),
    Key("machine.memory", "memory_bytes", _memory),
)
BY_NAME = {key.name: key for key in KEYS}
TABLES = frozenset(name.partition(".")[0] for name in BY_NAME if "." in name)
