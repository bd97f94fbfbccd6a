"""How much memory a model can have here, first form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryState:
    """One look at the memory that models are loaded into.

    `label` is GPU, RAM or unified; `source` says in words where the figures are from.
    """

    label: str
    capacity_bytes: int
    free_bytes: int
    source: str

    @property
    def used_bytes(self) -> int:
        """What is taken, by models and by everything else."""
        return max(0, self.capacity_bytes - self.free_bytes)
