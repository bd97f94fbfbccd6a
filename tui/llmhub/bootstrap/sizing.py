"""What sizing takes from this machine: the chip that models run on, and how its daemon keeps its caches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from llmhub.core.places import THIS_MACHINE

if TYPE_CHECKING:
    from llmhub.bootstrap.outside import Outside
    from llmhub.core.memory import MemoryState
    from llmhub.core.sizing.facts import EngineSettings, ModelFacts
    from llmhub.core.sizing.speeds import Chip

KV_TYPE = "OLLAMA_KV_CACHE_TYPE"
FLASH_ATTENTION = "OLLAMA_FLASH_ATTENTION"
PARALLEL = "OLLAMA_NUM_PARALLEL"
DEFAULT_KV_TYPE = "f16"
MOST_SLOTS = 256
_OFF = {"0", "f", "false"}
"""What Go takes for false."""


async def chip_here(world: Outside) -> Chip | None:
    """What models run on, from the table of chips; `None` where the daemon is elsewhere or the table lacks it."""
    if world.host.place != THIS_MACHINE:
        return None
    machine = await world.machine()
    from llmhub.machine import apple, nvidia
    from llmhub.machine.chips import chip_of_machine

    def found() -> Chip | None:
        card_bytes = next((card.total_bytes for card in nvidia.cards()), None)
        chip = chip_of_machine(machine, card_bytes)
        if chip is not None and chip.kind == "apple" and chip.note:  # one name, two bandwidths: the cores tell
            chip = chip_of_machine(machine, card_bytes, apple.gpu_cores())
        return chip

    return await asyncio.to_thread(found)


async def engine_here(world: Outside) -> EngineSettings:
    """How the daemon runs models, as far as its settings can be seen; its defaults where they cannot."""
    from llmhub.core.sizing.facts import EngineSettings

    if world.demo or world.host.place != THIS_MACHINE:
        return EngineSettings()
    from llmhub.machine.daemon_settings import daemon_settings

    return engine_of(await asyncio.to_thread(daemon_settings, world.environ))


def engine_of(settings: Mapping[str, str]) -> EngineSettings:
    """From the daemon's variables; its defaults for what no daemon would take.

    Without flash attention a daemon keeps to f16, whatever type was asked for.
    """
    from llmhub.core.sizing.blocks import KV_TYPES, QUANTIZED_KV
    from llmhub.core.sizing.facts import EngineSettings

    kv_type = settings.get(KV_TYPE, "").lower()
    flash = settings.get(FLASH_ATTENTION, "").lower() not in _OFF
    if kv_type not in KV_TYPES or (kv_type in QUANTIZED_KV and not flash):
        kv_type = DEFAULT_KV_TYPE
    told = settings.get(PARALLEL, "")
    slots = int(told) if told.isascii() and told.isdigit() and 0 < int(told) <= MOST_SLOTS else 1
    return EngineSettings(kv_type, slots, flash)


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
