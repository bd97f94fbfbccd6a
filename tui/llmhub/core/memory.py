"""How much memory a model can have: on this machine, on one that is imagined, or on one nobody here can look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GIB = 2**30
RESERVE_PER_DEVICE_BYTES = GIB
"""Kept free on every device that is used (memory-sizing.md, a7)."""


class Placement(StrEnum):
    """Where the buffers of a model lie, which decides what counts."""

    CPU = "cpu"
    """In the computer's own memory, the file read in and not mapped (as the daemon does)."""
    METAL = "metal"
    """In a Mac's unified memory, the file mapped once, the GPU's own scratch beside it."""
    UNIFIED = "unified"
    """In memory that CPU and GPU share, of a kind that is not named, the file mapped once."""
    CARD = "card"
    """On a card with memory of its own: an untied embedding table stays with the host."""


@dataclass(frozen=True, slots=True)
class MemoryTerm:
    """One line of the arithmetic that gives a capacity: `installed memory`, 32 GiB. All of them add up to it."""

    words: str
    bytes: int
    """Below zero where it is taken away."""


@dataclass(frozen=True, slots=True)
class MemoryState:
    """One look at the memory that models are loaded into: the budget.

    `label` is GPU, RAM or unified, or memory where the kind is not known; `source` says in words where the figures are
    from.
    """

    label: str
    capacity_bytes: int
    """What it can ever give."""
    free_bytes: int
    """What it could give now."""
    source: str
    placement: Placement = Placement.CPU
    devices: int = 1
    """Devices a model may be spread over; each keeps its own reserve."""
    host_free_bytes: int | None = None
    """Memory of the computer beside a card with its own, free now; `None` where it is not known or not there."""
    terms: tuple[MemoryTerm, ...] = ()
    """How the capacity came about, in order; they add up to it."""
    imagined: bool = False
    """Whether it is a machine that somebody asked about (`--memory`, `--chip`)."""

    @property
    def used_bytes(self) -> int:
        """What is taken, by models and by everything else."""
        return max(0, self.capacity_bytes - self.free_bytes)

    @property
    def reserve_bytes(self) -> int:
        """What a verdict keeps free: 1 GiB for each device."""
        return RESERVE_PER_DEVICE_BYTES * self.devices


def system_share_bytes(installed_bytes: int) -> int:
    """What planning leaves to the system and its programs: 2 GiB, or a tenth if more (memory-sizing.md, a2)."""
    return max(2 * GIB, installed_bytes // 10)


def planned_bytes(installed_bytes: int) -> int:
    """What models can have of a computer's own memory."""
    return max(0, installed_bytes - system_share_bytes(installed_bytes))


def driver_bytes(card_bytes: int) -> int:
    """What is missing on a card before a model gets anything, of the memory it is sold with.

    The driver's context takes 0.3 to 0.6 GiB, and large cards report a little less than their size (memory-sizing.md,
    a3). The worked fits (f4) take half a GiB up to 24 GiB and one GiB of 80: so half a GiB, or an 80th if more.
    """
    return max(GIB // 2, card_bytes // 80)


def metal_default_bytes(installed_bytes: int) -> int:
    """What macOS gives the GPU, by rule of thumb: 2/3 up to 32 GiB, 3/4 above (memory-sizing.md, a1)."""
    share, of = (2, 3) if installed_bytes <= 32 * GIB else (3, 4)
    return installed_bytes * share // of


def declared(memory_bytes: int, used_bytes: int = 0) -> MemoryState:
    """Of a machine that nobody here can measure, as the person told it in `[machine] memory`.

    Args:
        used_bytes: What loaded models hold, as the daemon there says.
    """
    free = max(0, memory_bytes - max(0, used_bytes))
    terms = (MemoryTerm("set in [machine] memory", memory_bytes),)
    return MemoryState("memory", memory_bytes, free, "set in [machine] memory", Placement.UNIFIED, terms=terms)
