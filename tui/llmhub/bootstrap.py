"""The one place where real things are made and joined.

Rooms are imported where they are needed: the app's first frame waits for none of them, a command only for its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from llmhub.core.errors import LLMHubError
from llmhub.settings.config import Settings, read_settings
from llmhub.settings.places import Places, find_places

if TYPE_CHECKING:
    from llmhub.core.config import Config
    from llmhub.core.daemon_start import StartAdvice
    from llmhub.core.hub import Services
    from llmhub.core.memory import MemoryState
    from llmhub.core.ports import ModelHost, Registry
    from llmhub.core.profiles import Profile, ProfileBook
    from llmhub.core.turns import Turn
    from llmhub.net import Client
    from llmhub.settings.app_memory import AppMemoryFile
    from llmhub.ui.theming import Themes

log = logging.getLogger(__name__)


def open_world(flags: Mapping[str, object]) -> World:
    """The real world: the person's settings, daemon and ledger. Reads the settings; opens nothing yet.

    Args:
        flags: What the command line overrides, by setting (`{"offline": True}`).
    """
    places = find_places()
    return World(read_settings(places.config_file, os.environ, flags), places, os.environ)


class World:
    """Everything llmhub reaches, made when it is first asked for; an async context manager that closes what was made.

    Args:
        settings: What the person set, and what was wrong with it.
        places: Folders on this disk.
        environ: Variables for proxies and for the key.
        demo: Whether simulators stand for the outside.
    """

    def __init__(self, settings: Settings, places: Places, environ: Mapping[str, str], *, demo: bool = False) -> None:
        self.settings = settings
        self.places = places
        self.environ = environ
        self.demo = demo
        self.problems: list[LLMHubError] = list(settings.problems)
        """What was found wrong so far; a command tells it, the app shows it once."""
        self.machine_id: str | None = None

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.settings.config

    async def __aenter__(self) -> World:
        self.problems += await asyncio.to_thread(self.places.make)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> tuple[str, ...]:
        """Drain the ledger and the chats, close connections; what could not be saved, in words."""
        left: list[str] = []
        if "app_memory" in self.__dict__:
            await asyncio.to_thread(self.app_memory.close)
        if "client" in self.__dict__:
            await self.client.aclose()
        return tuple(left)

    # -- the outside ----------------------------------------------------------------------------

    @cached_property
    def client(self) -> Client:
        """The one way to the network."""
        from llmhub.net import Switch, make_client

        return make_client(
            Switch(self.config.offline), proxy=self.config.proxy, ca_file=self.config.ca_file, environ=self.environ
        )

    @cached_property
    def host(self) -> ModelHost:
        """The Ollama daemon."""
        from llmhub.backends.ollama import Ollama

        return Ollama(self.client, self.config.ollama_url)

    @cached_property
    def registry(self) -> Registry:
        """Where models are pulled from."""
        from llmhub.catalog.registry import OllamaRegistry

        return OllamaRegistry(self.client)

    # -- what is kept ---------------------------------------------------------------------------

    async def ledger(self) -> Any:
        """The ledger, open: what a killed llmhub left is settled, machine and profile are known."""
        raise LLMHubError("The ledger cannot be opened", str(self.places.ledger), "wait")

    def booked(self, month: str | None = None) -> Iterator[tuple[str, Turn]]:
        """Turns with the local day they were committed on, the oldest first; `month` as `2026-11`. Reads files."""
        from llmhub.ledger.history import History

        for found in History(self.places.ledger).turns(month, oldest_first=True):
            yield found.day, found.turn

    @property
    def profiles(self) -> ProfileBook:
        """Every version of the profile, the one in force included."""
        from llmhub.core.profiles import ProfileBook

        return ProfileBook((self.profile,))

    @cached_property
    def profile(self) -> Profile:
        """The profile in force."""
        from llmhub.core.profiles import read_profile

        found, problems = read_profile(self.config.profile, now=datetime.now(UTC))
        self.problems += problems
        return found

    def complete(self, turn: Turn) -> Turn:
        """Add what no backend knows: the energy that the profile declares."""
        from llmhub.core.costs.turn import with_energy

        return with_energy(turn, self.profile)

    # -- this machine ---------------------------------------------------------------------------

    @cached_property
    def app_memory(self) -> AppMemoryFile:
        """What the app remembers between two runs. Reads a file when first asked for."""
        from llmhub.settings.app_memory import AppMemoryFile

        return AppMemoryFile(self.places.state_file)

    async def memory(self) -> MemoryState | None:
        """Memory that models can have; `None` when the daemon is on another machine, which nobody here can measure."""
        from llmhub.machine.memory import memory_state

        if not self.host.place.is_local or self.host.place.name:
            return None
        return await asyncio.to_thread(memory_state, self.config.memory_bytes)

    async def start_advice(self) -> StartAdvice:
        """What to do when no daemon answers."""
        from llmhub.core.daemon_start import start_advice
        from llmhub.machine.daemon import daemon_facts

        return start_advice(await asyncio.to_thread(daemon_facts, self.environ), self.config.ollama_url)

    # -- what ships -----------------------------------------------------------------------------

    def themes(self) -> Themes:
        """The themes that ship with llmhub and the person's own. Reads files."""
        from llmhub.ui.theming import bundled, gather

        return gather(bundled(), self.places.themes)

    @staticmethod
    def missing_parts() -> list[str]:
        """Modules of ours that cannot be loaded, with the reason: a wheel that is not whole. Slow; not on the loop."""
        import pkgutil
        from importlib import import_module

        import llmhub

        broken = []
        for found in pkgutil.walk_packages(llmhub.__path__, "llmhub."):
            if found.name.endswith("__main__"):
                continue
            try:
                import_module(found.name)
            except ImportError as error:
                broken.append(f"{found.name}: {error}")
        return broken


def run_app(flags: Mapping[str, object]) -> int:
    """Open the app; the exit code."""
    return 1


def run_demo(flags: Mapping[str, object]) -> int:
    """Open the app against simulators; the exit code."""
    return 1
