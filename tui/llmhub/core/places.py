"""Where a turn runs. Always visible, derived from addresses and never from the client's name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address


class PlaceKind(StrEnum):
    """The four kinds of place; a ledger record carries one of these words."""

    THIS_MACHINE = "this_machine"
    LAN_HOST = "lan_host"
    OLLAMA_CLOUD = "ollama_cloud"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model runs.

    `name` is empty for this machine, the host for a LAN host, the provider for a provider.
    """

    kind: PlaceKind
    name: str = ""

    @property
    def is_local(self) -> bool:
        """Whether the power of the turn is paid by the person's own meter (this machine or a LAN host)."""
        return self.kind in {PlaceKind.THIS_MACHINE, PlaceKind.LAN_HOST}

    @property
    def sign(self) -> str:
        """The sign that stands before every model: full, half or open circle."""
        return {PlaceKind.THIS_MACHINE: "●", PlaceKind.LAN_HOST: "◐"}.get(self.kind, "○")

    @property
    def words(self) -> str:
        """The place in words, as every screen and command writes it."""
        if self.kind is PlaceKind.THIS_MACHINE:
            return "this machine"
        if self.kind is PlaceKind.OLLAMA_CLOUD:
            return "Ollama cloud"
        return self.name or ("LAN host" if self.kind is PlaceKind.LAN_HOST else "unknown provider")


THIS_MACHINE = Place(PlaceKind.THIS_MACHINE)
OLLAMA_CLOUD = Place(PlaceKind.OLLAMA_CLOUD, "ollama.com")


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, brackets allowed) is this machine's loopback."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def place_of(host: str, remote_host: str | None = None) -> Place:
    """The place of a model behind the daemon at `host`.

    A model with a `remote_host` runs in the cloud whatever the daemon's address is; ollama.com is the cloud itself.
    """
    if remote_host or host.rstrip(".").lower() in {"ollama.com", "www.ollama.com"}:
        return OLLAMA_CLOUD
    return THIS_MACHINE if is_loopback(host) else Place(PlaceKind.LAN_HOST, host.strip("[]"))
