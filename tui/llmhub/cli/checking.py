"""Holding what a daemon says of a load against the prediction, for commands: two looks, as the app takes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llmhub.core.errors import BackendError
from llmhub.core.memory import Placement
from llmhub.core.models import LoadedModel
from llmhub.core.names import name_key
from llmhub.core.sizing.advisor import counts_its_buffers
from llmhub.core.sizing.assess import SizedModel, understood
from llmhub.core.sizing.details import facts_of_details
from llmhub.core.sizing.facts import EngineSettings
from llmhub.core.sizing.predictions import Prediction
from llmhub.core.sizing.reality import Expected, LoadChecks, expected
from llmhub.core.watch import HostState

if TYPE_CHECKING:
    from llmhub.bootstrap import World

BETWEEN_LOOKS_S = 0.3
"""The daemon reads its engine's log a moment after the load; until then it shows the size of the file."""


class Looks:
    """Looks at what is loaded. Nothing more is asked of a daemon whose figures are not compared; no failure is told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: list[Prediction] = []
        self._sized: dict[str, SizedModel] = {}
        self._state = HostState()
        self._engine = EngineSettings()
        self._placement: Placement | None = None
        self._checks: LoadChecks | None = None

    async def expected(self, loaded: LoadedModel) -> Expected | None:
        """What the daemon should say of a load; `None` when that cannot be said."""
        with contextlib.suppress(BackendError):
            if await self._is_compared() and await self._learn(loaded.name):
                sized = self._sized.get(name_key(loaded.name))
                return expected(sized, loaded, engine=self._engine, placement=self._placement)
        return None

    async def look(self, name: str) -> Expected | None:
        """Look once; at the second look that shows the same, the load is compared and kept.

        Returns:
            What the daemon should say; `None` when that cannot be said, or it is not loaded.
        """
        said = None
        with contextlib.suppress(BackendError):
            if not await self._is_compared() or not await self._learn(name):
                return None
            loaded = tuple(one for one in await self._world.host.loaded() if name_key(one.name) == name_key(name))
            if loaded:
                said = await self.expected(loaded[0])
            (await self._opened()).looked(replace(self._state, loaded=loaded))
        while self._kept:
            await self._world.keep_prediction(self._kept.pop())
        return said

    async def settle(self, name: str) -> Expected | None:
        """Two looks, a moment apart."""
        said = await self.look(name)
        if said is None:
            return None
        await asyncio.sleep(BETWEEN_LOOKS_S)
        return await self.look(name)

    async def _is_compared(self) -> bool:
        """Whether this daemon's figures are compared at all; learns what that takes, once."""
        if not self._state.looked:
            info = await self._world.host.info()
            self._state = HostState(looked=True, info=info)
            if counts_its_buffers(info.version):
                from llmhub.bootstrap.sizing import engine_here

                self._state = HostState(looked=True, info=info, installed=await self._world.host.installed())
                self._engine = await engine_here(self._world)
                memory = await self._world.memory()
                self._placement = memory.placement if memory is not None else None
        return self._state.info is not None and counts_its_buffers(self._state.info.version)

    async def _opened(self) -> LoadChecks:
        if self._checks is None:
            await self._world.ledger()  # knows the machine, and what was compared before
            machine_id = self._world.daemon_machine
            self._checks = LoadChecks(
                self._world.predictions.of_machine(machine_id),
                machine_id=machine_id,
                sized=lambda name: self._sized.get(name_key(name)),
                engine=lambda: self._engine,
                placement=lambda: self._placement,
                now=lambda: datetime.now(UTC),
                keep=self._kept.append,
            )
        return self._checks

    async def _learn(self, name: str) -> bool:
        key = name_key(name)
        if key in self._sized:
            return True
        model = next((one for one in self._state.installed if name_key(one.name) == key), None)
        if model is None or not model.place.is_local:
            return False
        self._sized[key] = understood(facts_of_details(await self._world.host.details(model.name), model.size_bytes))
        return True
