"""The machine that a model is sized for, and what its daemon holds there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llmhub.cli.fit_asked import FitAsked, MisuseError
from llmhub.core.bench import speed_here
from llmhub.core.errors import LLMHubError
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.model_use import model_uses
from llmhub.core.models import InstalledModel
from llmhub.core.names import name_key
from llmhub.core.sizing.advisor import Advisor
from llmhub.core.sizing.assess import SizedModel, with_room
from llmhub.core.sizing.facts import EngineSettings, Setup
from llmhub.core.sizing.predictions import Basis
from llmhub.core.sizing.speeds import Chip, Speed
from llmhub.core.sizing.verdicts import Holder
from llmhub.core.watch import HostState, HostWatch

if TYPE_CHECKING:
    from llmhub.bootstrap import World


@dataclass(frozen=True, slots=True)
class Machine:
    """What models would run on."""

    memory: MemoryState | None
    chip: Chip | None
    engine: EngineSettings
    """Of the daemon there, as far as it is known."""


async def machine_for(world: World, asked: FitAsked) -> Machine:
    """The machine that was asked about; the daemon's own where none was.

    Raises:
        MisuseError: a chip that is not in the table, or a machine whose memory is not clear.
    """
    from llmhub.bootstrap.sizing import chip_here, engine_here, imagined_here

    if not asked.is_imagined:
        return Machine(await world.memory(), await chip_here(world), await engine_here(world))
    try:
        memory, chip = await imagined_here(asked.memory_bytes, asked.chip, asked.ram_bytes)
    except LLMHubError as error:
        happened = error.happened[:1].upper() + error.happened[1:]
        raise MisuseError(happened, error.subject, error.remedy) from error
    if chip is None and memory.placement is Placement.UNIFIED:
        # nobody said how a file is loaded there: read in, as the daemon does without a GPU, is never less than mapped
        memory = replace(memory, placement=Placement.CPU)
    return Machine(memory, chip, EngineSettings())


class Daemon:
    """What the daemon has, looked at once and only when it is asked about."""

    def __init__(self, world: World, machine: Machine, *, is_real: bool) -> None:
        self._world = world
        self._machine = machine
        self._is_real = is_real
        self._state: HostState | None = None
        self._advisor: Advisor | None = None

    async def state(self) -> HostState:
        """One look; one that failed has nothing in it."""
        if self._state is None:
            self._state = await HostWatch(self._world.host, lambda _: None).look()
        return self._state

    async def find(self, name: str) -> InstalledModel | None:
        """The installed model of that name."""
        key = name_key(name)
        return next((model for model in (await self.state()).installed if name_key(model.name) == key), None)

    async def advisor(self, *wanted: InstalledModel) -> Advisor:
        """Knows the insides of `wanted` and of what is loaded."""
        state = await self.state()
        loaded = {name_key(model.name) for model in state.loaded}
        known = [model for model in state.installed if model in wanted or name_key(model.name) in loaded]
        looks: list[Coroutine[Any, Any, None]] = []
        advisor = Advisor(
            self._world.host,
            state=lambda: replace(state, installed=tuple(known)),
            memory=lambda: self._machine.memory,
            changed=lambda: None,
            spawn=looks.append,
            default_context=self._world.config.chat_context,
        )
        advisor.engine = self._machine.engine
        advisor.looked()
        await asyncio.gather(*looks)
        self._advisor = advisor
        return advisor

    async def holders(self, besides: str) -> tuple[Holder, ...]:
        """What else is loaded; nothing on a machine that is imagined."""
        if not self._is_real or self._machine.memory is None or not (await self.state()).loaded:
            return ()
        return (self._advisor or await self.advisor()).holders(besides)

    async def own_bytes(self, name: str) -> int:
        """What the model holds already."""
        resident = (await self.state()).resident(name) if self._is_real else None
        return self._advisor.held_bytes(resident) if resident is not None and self._advisor is not None else 0

    async def correction_bytes(self, name: str, sized: SizedModel | None, setup: Setup) -> int:
        """What earlier loads of an installed model, or of its kind, took here more than predicted, or less."""
        memory, state = self._machine.memory, await self.state()
        model = await self.find(name)
        if not self._is_real or memory is None or state.info is None or model is None:
            return 0
        if sized is None or sized.shape is None:
            return 0
        need = sized.need(with_room(sized, setup, memory), memory.placement)
        with contextlib.suppress(LLMHubError):
            await self._world.ledger()  # knows what was compared before
            book = self._world.predictions.of_machine(self._world.daemon_machine)
            return book.correction_bytes(
                need.total_bytes if need is not None else 0,
                version=state.info.version,
                basis=Basis.CPU if memory.placement is Placement.CPU else Basis.GPU,
                digest=model.digest,
                architecture=sized.shape.architecture,
            )
        return 0

    async def speed(self, name: str) -> Speed | None:
        """What was measured of an installed model here, if anything was."""
        if not self._is_real:
            return None
        with contextlib.suppress(LLMHubError):
            use = model_uses((await self._world.ledger()).totals, self._world.host.name).get(name_key(name))
            installed = await self.find(name)
            digest = installed.digest if installed is not None else None
            return speed_here(use, self._world.benches.newest(self._world.daemon_machine, digest))
        return None
