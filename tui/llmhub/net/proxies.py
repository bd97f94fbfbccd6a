"""Which proxy a request goes through. Loopback never comes here: it has no proxy (see `transport`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from llmhub.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """A proxy for each scheme, and the hosts that are reached without."""

    http: str | None = None
    https: str | None = None
    exempt: tuple[str, ...] = ()

    @classmethod
    def single(cls, url: str | None) -> ProxyRules:
        """One proxy for everything; none for `None`.

        Raises:
            ConfigError: when it is no HTTP proxy.
        """
        proxy = _proxy(url, "[net] proxy")
        return cls(proxy, proxy)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ProxyRules:
        """What HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say; lower case counts before upper case.

        Raises:
            ConfigError: when one of them is no HTTP proxy.
        """

        def said(name: str) -> str | None:
            return environ.get(name.lower()) or environ.get(name)

        every = said("ALL_PROXY")
        return cls(
            _proxy(said("HTTP_PROXY") or every, "HTTP_PROXY"),
            _proxy(said("HTTPS_PROXY") or every, "HTTPS_PROXY"),
            tuple(part.strip().lower() for part in (said("NO_PROXY") or "").split(",") if part.strip()),
        )

    def proxy_for(self, scheme: str, host: str, port: int | None) -> str | None:
        """The proxy's URL, or `None` to go directly."""
        proxy = self.https if scheme == "https" else self.http
        return None if proxy is None or any(_matches(rule, host.lower(), port) for rule in self.exempt) else proxy


def _proxy(url: str | None, where: str) -> str | None:
    if not url:
        return None
    url = url if "://" in url else f"http://{url}"
    if not url.lower().startswith(("http://", "https://")):
        scheme = url.partition("://")[0]
        raise ConfigError("This proxy cannot be used", f"{where}: {scheme}://", "name an http:// or https:// proxy")
    return url


def _matches(rule: str, host: str, port: int | None) -> bool:
    if rule == "*":
        return True
    if "/" in rule:
        try:
            return ip_address(host) in ip_network(rule, strict=False)
        except ValueError:
            return False
    name, colon, number = rule.rpartition(":")
    if colon and number.isdigit() and ":" not in name:
        if port != int(number):
            return False
        rule = name
    rule = rule.strip("[]").lstrip("*").lstrip(".")
    return host == rule or host.endswith(f".{rule}")
