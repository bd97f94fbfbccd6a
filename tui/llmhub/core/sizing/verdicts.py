"""The verdict on a need and a budget (memory-sizing.md, a7), with its reasons in words and bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from llmhub.core.memory import MemoryState
from llmhub.core.sizing.need import Need


class VerdictKind(StrEnum):
    """What can be said; the values are those of `fit --json`."""

    FITS = "fits"
    FITS_IF_FREED = "fits_if_freed"
    TIGHT = "tight"
    PARTIAL = "partial"
    DOES_NOT_FIT = "does_not_fit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict."""

    kind: VerdictKind
    need: Need | None
    memory: MemoryState | None
    reasons: tuple[str, ...] = ()
    """Whole sentences, the arithmetic in them."""
    to_free_bytes: int = 0
    """For `fits_if_freed`: what has to come free before it fits."""
    to_unload: tuple[str, ...] = ()
    """Loaded models whose going would free enough, the fewest; empty where they alone would not do."""

    @property
    def exit_code(self) -> int:
        """Of `llmhub fit`: 0 fits or fits_if_freed, 3 tight, partial or does_not_fit, 4 unknown."""
        if self.kind in {VerdictKind.FITS, VerdictKind.FITS_IF_FREED}:
            return 0
        return 4 if self.kind is VerdictKind.UNKNOWN else 3


@dataclass(frozen=True, slots=True)
class Holder:
    """A loaded model and what its going would free, from `/api/ps`."""

    name: str
    bytes: int
