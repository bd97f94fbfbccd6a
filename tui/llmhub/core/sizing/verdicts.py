"""The verdict on a need and a budget (memory-sizing.md, a7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from llmhub.core.memory import GIB, RESERVE_PER_DEVICE_BYTES, MemoryState, Placement
from llmhub.core.sizing.need import Need

HOST_RESERVE_BYTES = 2 * GIB
"""Left to the computer's system where a model is partly on the CPU."""
_MOST_COMBINED = 12
"""Loaded models among which the fewest to unload are looked for; a daemon keeps three for each card."""


class VerdictKind(StrEnum):
    """What can be said; the values are those of `fit --json`."""

    FITS = "fits"
    FITS_IF_FREED = "fits_if_freed"
    TIGHT = "tight"
    PARTIAL = "partial"
    DOES_NOT_FIT = "does_not_fit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Holder:
    """A loaded model and what its going would free, from `/api/ps`."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict. The words for it are made by `llmhub.formats`, from these figures alone."""

    kind: VerdictKind
    need: Need | None
    memory: MemoryState | None
    reserve_bytes: int = 0
    """What is kept free, on the devices that would be used."""
    to_free_bytes: int = 0
    """For `fits_if_freed`: what has to come free before it fits."""
    to_unload: tuple[Holder, ...] = ()
    """The fewest loaded models whose going frees enough; empty where they would not do."""
    own_bytes: int = 0
    """What this very model holds already; it counts as free."""
    why_unknown: str = ""
    """For `unknown`: the reason, a clause."""

    @property
    def exit_code(self) -> int:
        """Of `llmhub fit`: 0 fits or fits_if_freed, 3 tight, partial or does_not_fit, 4 unknown."""
        if self.kind in {VerdictKind.FITS, VerdictKind.FITS_IF_FREED}:
            return 0
        return 4 if self.kind is VerdictKind.UNKNOWN else 3

    @property
    def free_bytes(self) -> int | None:
        """What is free for this model now, within the capacity."""
        if self.memory is None:
            return None
        return min(self.memory.capacity_bytes, self.memory.free_bytes + self.own_bytes)

    @property
    def refuses_pull(self) -> bool:
        """Whether a pull is refused: what cannot be loaded is not worth its bytes."""
        return self.kind is VerdictKind.DOES_NOT_FIT


def unknown(why: str, need: Need | None = None, memory: MemoryState | None = None) -> Verdict:
    """The verdict where something is missing; `why` says what, as a clause."""
    return Verdict(VerdictKind.UNKNOWN, need, memory, why_unknown=why)


def judge(
    need: Need | None,
    memory: MemoryState | None,
    holders: Sequence[Holder] = (),
    *,
    own_bytes: int = 0,
    why_unknown: str = "",
) -> Verdict:
    """Set a need against a budget.

    Args:
        holders: Other loaded models.
        own_bytes: What this very model holds already.
        why_unknown: Why `need` is `None`, as a clause.
    """
    if need is None:
        return unknown(why_unknown or "its insides are not known", None, memory)
    if memory is None:
        return unknown(why_unknown or "the memory of the machine it would run on is not known", need)
    total, capacity = need.total_bytes, memory.capacity_bytes
    reserve = reserve_of(total, memory)
    free = min(capacity, memory.free_bytes + own_bytes)
    if total + reserve <= capacity:
        if total + reserve <= free:
            return Verdict(VerdictKind.FITS, need, memory, reserve, own_bytes=own_bytes)
        short = total + reserve - free
        going = fewest(holders, short)
        return Verdict(VerdictKind.FITS_IF_FREED, need, memory, reserve, short, going, own_bytes)
    if total <= capacity:
        return Verdict(VerdictKind.TIGHT, need, memory, reserve, own_bytes=own_bytes)
    if memory.placement is Placement.CARD and memory.host_free_bytes is not None:
        room = free + max(0, memory.host_free_bytes - HOST_RESERVE_BYTES)
        if total <= room:
            return Verdict(VerdictKind.PARTIAL, need, memory, reserve, own_bytes=own_bytes)
    return Verdict(VerdictKind.DOES_NOT_FIT, need, memory, reserve, own_bytes=own_bytes)


def reserve_of(need_bytes: int, memory: MemoryState) -> int:
    """What is kept free: 1 GiB on every device that is used; one is enough where it holds the whole model."""
    each = memory.capacity_bytes // memory.devices
    used = 1 if need_bytes + RESERVE_PER_DEVICE_BYTES <= each else memory.devices
    return RESERVE_PER_DEVICE_BYTES * used


def fewest(holders: Sequence[Holder], short_bytes: int) -> tuple[Holder, ...]:
    """The fewest loaded models that free so much, the smallest of those; none when all together do not."""
    known = sorted(holders, key=lambda holder: -holder.bytes)[:_MOST_COMBINED]
    if sum(holder.bytes for holder in known) < short_bytes:
        return ()
    for count in range(1, len(known) + 1):
        enough = [some for some in combinations(known, count) if sum(one.bytes for one in some) >= short_bytes]
        if enough:
            return min(enough, key=lambda some: sum(one.bytes for one in some))
    return ()
