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
    UNIFIED = "unified"
    """In memory that CPU and GPU share, the file mapped once (Metal)."""
    CARD = "card"
    """On a card with memory of its own: an untied embedding table stays with the host."""


@dataclass(frozen=True, slots=True)
class MemoryTerm:
    """One line of the arithmetic that gives a capacity: `Metal limit of this Mac`, 25.0 GiB."""

    words: str
    bytes: int


@dataclass(frozen=True, slots=True)
class MemoryState:
    """One look at the memory that models are loaded into: the budget.

    `label` is GPU, RAM or unified; `source` says in words where the figures are from.
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
    """How the capacity came about, in order."""
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
