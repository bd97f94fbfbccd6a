"""What to do when no daemon answers: the one command that installs it here, or starts it the way it was installed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from llmhub.core.addresses import host_of
from llmhub.core.places import is_loopback

INSTALL_SCRIPT = "curl -fsSL https://ollama.com/install.sh | sh"
"""For Linux and macOS (ollama/ollama scripts/install.sh, v0.32)."""
INSTALL_SCRIPT_WINDOWS = "irm https://ollama.com/install.ps1 | iex"
"""In PowerShell (ollama/ollama scripts/install.ps1, v0.32)."""


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """How Ollama is present on this machine. `None` and false mean that it was not found that way."""

    system: Literal["linux", "darwin", "windows", "other"]
    service: Literal["system", "user"] | None = None
    """A systemd unit, where systemd runs."""
    snap: bool = False
    brew_service: bool = False
    """Installed by Homebrew, which also runs it as a service."""
    app: str | None = None
    """Path of the Mac or Windows app."""
    binary: str | None = None
    """Path of `ollama` on the PATH."""
    models: str | None = None
    """Where a bare `ollama serve` of this person would keep its models."""
    in_container: bool = False


class StartKind(StrEnum):
    """What the advice is about."""

    START = "start"
    INSTALL = "install"
    ELSEWHERE = "elsewhere"
    """The daemon is on another machine; nothing here can start it."""


@dataclass(frozen=True, slots=True)
class StartAdvice:
    """One command, or one sentence where no command helps."""

    kind: StartKind
    command: str | None
    """To be copied whole; `None` for `ELSEWHERE`."""
    how: str
    """Why this one: "the service it was installed as"."""
    note: str | None = None
    """What would surprise otherwise."""

    @property
    def words(self) -> str:
        """On one line: the command, and why this one."""
        line = f"{self.command}  ({self.how})" if self.command else self.how
        return f"{line}; {self.note}" if self.note else line


def start_advice(facts: DaemonFacts, url: str) -> StartAdvice:
    """The way to a daemon at `url`.

    A service or an app keeps its models in a place of its own, so a bare `ollama serve` comes last: beside a service
    it would show an empty list.
    """
    host = host_of(url)
    if host and not is_loopback(host):
        return StartAdvice(
            StartKind.ELSEWHERE,
            None,
            f"start Ollama on {host}, listening on the network (OLLAMA_HOST=0.0.0.0 there)",
            "or set another address: [ollama] url in config.toml, or OLLAMA_HOST",
        )
    command, how = _installed_as(facts)
    if command is not None:
        return StartAdvice(StartKind.START, command, how)
    if facts.binary is not None:
        kept = f"it keeps its models in {facts.models}; " if facts.models else ""
        return StartAdvice(
            StartKind.START,
            _serve(url),
            "the program on the PATH, in a terminal of its own",
            f"{kept}a daemon started by another user or a service keeps its own elsewhere",
        )
    return _install(facts)


def _installed_as(facts: DaemonFacts) -> tuple[str | None, str]:
    if facts.service == "system":
        return "sudo systemctl start ollama", "the system service it was installed as"
    if facts.service == "user":
        return "systemctl --user start ollama", "the service of yours it was installed as"
    if facts.snap:
        return "sudo snap start ollama", "the snap it was installed as"
    if facts.app is not None and facts.system == "windows":
        return f'Start-Process "{facts.app}"', "the app it was installed as (in PowerShell)"
    if facts.app is not None:
        quoted = f'"{facts.app}"' if " " in facts.app else facts.app
        return f"open {quoted}", "the app it was installed as"
    if facts.brew_service:
        return "brew services start ollama", "the Homebrew service it was installed as"
    return None, ""


def _serve(url: str) -> str:
    """`ollama serve` where this llmhub looks for it."""
    plain = url in {"http://127.0.0.1:11434", "http://localhost:11434", ""}
    return "ollama serve" if plain else f"OLLAMA_HOST={url} ollama serve"


def _install(facts: DaemonFacts) -> StartAdvice:
    if facts.system == "windows":
        return StartAdvice(StartKind.INSTALL, INSTALL_SCRIPT_WINDOWS, "Ollama's own installer, in PowerShell")
    if facts.system in {"linux", "darwin"}:
        note = "in a container nothing starts it afterwards: run ollama serve" if facts.in_container else None
        return StartAdvice(StartKind.INSTALL, INSTALL_SCRIPT, "Ollama's own installer", note)
    return StartAdvice(StartKind.INSTALL, None, "see ollama.com/download for this system")
