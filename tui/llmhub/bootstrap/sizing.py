"""What sizing takes from this machine: the chip that models run on, and how its daemon keeps its caches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from llmhub.core.places import THIS_MACHINE

if TYPE_CHECKING:
    from llmhub.bootstrap.world import World
    from llmhub.core.memory import MemoryState
    from llmhub.core.sizing.facts import ModelFacts
    from llmhub.core.sizing.speeds import Chip

KV_TYPE = "OLLAMA_KV_CACHE_TYPE"
DEFAULT_KV_TYPE = "f16"


async def chip_here(world: World) -> Chip | None:
    """What models run on, from the table of chips; `None` where the daemon is elsewhere or the table lacks it."""
    if world.host.place != THIS_MACHINE:
        return None
    machine = await world.machine()
    from llmhub.machine import nvidia
    from llmhub.machine.chips import chip_of_machine

    def found() -> Chip | None:
        card_bytes = next((card.total_bytes for card in nvidia.cards()), None)
        return chip_of_machine(machine, card_bytes)

    return await asyncio.to_thread(found)


async def kv_type_here(world: World) -> str:
    """The type of the daemon's KV cache, as far as its settings can be seen; its default where they cannot."""
    if world.demo or world.host.place != THIS_MACHINE:
        return DEFAULT_KV_TYPE
    from llmhub.machine.daemon_settings import daemon_settings

    return kv_type_of(await asyncio.to_thread(daemon_settings, world.environ))


def kv_type_of(settings: Mapping[str, str]) -> str:
    """The KV type of the daemon's variables; its default for one that no engine knows."""
    from llmhub.core.sizing.blocks import KV_TYPES

    told = settings.get(KV_TYPE, "").lower()
    return told if told in KV_TYPES else DEFAULT_KV_TYPE


async def imagined_here(
    memory_bytes: int | None, chip: str | None, ram_bytes: int | None
) -> tuple[MemoryState, Chip | None]:
    """The budget and the chip of a machine that somebody asks about.

    Raises:
        LLMHubError: there is no such chip in the table, or its memory is not clear.
    """
    from llmhub.core.sizing.imagined import imagined
    from llmhub.machine.chips import find_chip

    found = await asyncio.to_thread(find_chip, chip, memory_bytes) if chip is not None else None
    return imagined(memory_bytes, found, ram_bytes), found


def facts_of_gguf(path: Path) -> ModelFacts:
    """The insides of a model from its file. Reads the file: not on the event loop. Raises `GgufError`."""
    from llmhub.catalog.gguf_file import facts_of_file

    return facts_of_file(path)
