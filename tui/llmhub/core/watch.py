"""Watching a daemon: who answers, what is installed, what is loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.models import DaemonInfo, InstalledModel, LoadedModel, ModelDetails
from llmhub.core.places import THIS_MACHINE, Place
from llmhub.core.ports import ModelHost

CALM_S = 5.0
"""Seconds between two looks while nothing happens."""
MISSING_S = 2.0
"""Seconds between two looks while no daemon answers: the app goes on by itself once it does."""


@dataclass(frozen=True, slots=True)
class HostState:
    """One look at a daemon."""

    name: str = "ollama"
    url: str = ""
    place: Place = THIS_MACHINE
    looked: bool = False
    """False until the first answer or failure."""
    info: DaemonInfo | None = None
    installed: tuple[InstalledModel, ...] = ()
    loaded: tuple[LoadedModel, ...] = ()
    error: BackendError | None = None

    @property
    def alive(self) -> bool:
        """Whether it answered the last time."""
        return self.looked and self.error is None

    def model(self, name: str) -> InstalledModel | None:
        """The installed model of that name; a name without a tag means `latest`."""
        wanted = {name, name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"}
        return next((model for model in self.installed if model.name in wanted), None)

    def resident(self, name: str) -> LoadedModel | None:
        """The loaded model of that name."""
        wanted = {name, name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"}
        return next((model for model in self.loaded if model.name in wanted), None)


class HostWatch:
    """Looks at a daemon again and again, and says when something changed.

    Args:
        on_change: Called on the loop with each new state that differs from the last one.
        on_look: Called on the loop after each look, whether anything changed or not.
    """

    def __init__(
        self,
        host: ModelHost,
        on_change: Callable[[HostState], None],
        on_look: Callable[[HostState], None] = lambda _: None,
    ) -> None:
        self._host = host
        self._on_change = on_change
        self._on_look = on_look
        self._poked = asyncio.Event()
        self._looking = asyncio.Lock()
        self.state = HostState(host.name, host.url, host.place)
        self._learnt: dict[str, ModelDetails | None] = {}
        """By name and digest, what the list does not tell; `None` where the daemon would not tell it either."""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await self._learn()
            self._poked.clear()
            try:
                async with asyncio.timeout(CALM_S if self.state.alive else MISSING_S):
                    await self._poked.wait()
            except TimeoutError:
                continue

    def poke(self) -> None:
        """Look again now: something was loaded, pulled or deleted."""
        self._poked.set()

    async def look(self) -> HostState:
        """Look once. A look under way is waited for first, so that an older answer never comes after a newer one."""
        async with self._looking:
            return await self._look()

    async def _look(self) -> HostState:
        try:
            info = self.state.info if self.state.alive else await self._host.info()
            installed = tuple(self._completed(model) for model in await self._host.installed())
            loaded = await self._host.loaded()
        except BackendError as error:
            told = self.state.error
            same = told is not None and (told.kind, told.detail) == (error.kind, error.detail)
            seen = replace(self.state, looked=True, info=None, loaded=(), error=told if same else error)
        else:
            seen = replace(self.state, looked=True, info=info, installed=installed, loaded=loaded, error=None)
        if seen != self.state:
            self.state = seen
            self._on_change(seen)
        self._on_look(self.state)
        return self.state

    async def _learn(self) -> None:
        """Ask for context and capabilities of each model once: the list of Ollama before 0.30 has neither."""
        for model in self.state.installed if self.state.alive else ():
            if model.is_told or _key(model) in self._learnt:
                continue
            try:
                self._learnt[_key(model)] = await self._host.details(model.name)
            except BackendError as error:
                if error.kind is FailureKind.UNREACHABLE:
                    return
                self._learnt[_key(model)] = None
            if self._poked.is_set():
                return  # somebody waits for another look; the rest is asked after it
        async with self._looking:
            seen = replace(self.state, installed=tuple(self._completed(model) for model in self.state.installed))
            if seen != self.state:
                self.state = seen
                self._on_change(seen)

    def _completed(self, model: InstalledModel) -> InstalledModel:
        details = self._learnt.get(_key(model))
        return model if details is None else model.completed(details)


def _key(model: InstalledModel) -> str:
    return f"{model.name} {model.digest}"


async def learn(host: ModelHost, model: InstalledModel) -> InstalledModel:
    """`model` with its context and capabilities asked for where the list did not tell them."""
    if model.is_told:
        return model
    try:
        return model.completed(await host.details(model.name))
    except BackendError:
        return model
