"""Where Ollama's own client would look for the daemon: `OLLAMA_HOST` by the rules of its Go code.

Rules and cases from ollama/ollama envconfig/config.go and its test table (ollama-api.md, section 9).
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from llmhub.core.errors import ConfigError

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def ollama_url(value: str | None) -> str:
    """The URL to connect to for a value of `OLLAMA_HOST` or of the setting; scheme, host and port always named.

    A value that is good for listening only (`0.0.0.0`, `[::]`, `:1234`) becomes the loopback it stands for.

    Raises:
        ConfigError: the scheme is neither http nor https.
    """
    text = (value or "").strip().strip("\"'").strip()
    scheme, separator, rest = text.partition("://")
    if separator:
        scheme = scheme.lower()
        default_port = _DEFAULT_PORTS.get(scheme, "")
        if not default_port:
            raise ConfigError(
                "This address cannot be used",
                f"{text!r}: neither http:// nor https://",
                "correct [ollama] url or OLLAMA_HOST",
            )
    else:
        scheme, default_port, rest = "http", "11434", text
        if text == "ollama.com":
            scheme, rest = "https", "ollama.com:443"
    place, slash, path = rest.partition("/")
    host, port = _host_and_port(place, default_port)
    return f"{scheme}://{_bracketed(_reachable(host))}:{port}{slash}{path}".rstrip("/")


def host_of(url: str) -> str:
    """The host of a URL, without brackets; empty when there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _host_and_port(place: str, default_port: str) -> tuple[str, str]:
    """Go's `net.SplitHostPort`, and what Ollama does where that fails."""
    host, port = place, default_port
    if place.startswith("["):
        inner, bracket, after = place[1:].partition("]")
        if bracket and (not after or after.startswith(":")):
            host, port = inner, after[1:] or default_port
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    return host, port if port.isascii() and port.isdigit() and int(port) <= 65535 else default_port


def _reachable(host: str) -> str:
    if not host:
        return "127.0.0.1"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "::1" if isinstance(address, IPv6Address) else "127.0.0.1"
    return str(address)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
