"""Memory that models can have on this machine, first form: the card's, else unified, else the computer's own."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmhub.core.memory import MemoryState
from llmhub.machine import apple, cgroups, nvidia


@dataclass(frozen=True, slots=True)
class Ram:
    """The computer's own memory now."""

    total_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class Probes:
    """How this machine is looked at; tests look at others."""

    ram: Callable[[], Ram]
    cards: Callable[[], Sequence[nvidia.Card]]
    group: Callable[[], cgroups.GroupLimit | None]
    apple_silicon: bool
    sysctl: apple.Sysctl


def here() -> Probes:
    """Of the machine llmhub runs on."""
    silicon = sys.platform == "darwin" and platform.machine() == "arm64"
    return Probes(_ram, nvidia.cards, cgroups.memory_limit, silicon, apple.sysctl)


def memory_state(set_bytes: int | None = None, probes: Probes | None = None) -> MemoryState:
    """One look. Takes a few milliseconds and reads files: not on the event loop.

    Args:
        set_bytes: The person's own figure (`[machine] memory`); it replaces the capacity that was found.
        probes: Another machine's, in tests.
    """
    found = _found(probes or here())
    if set_bytes is None:
        return found
    return MemoryState(found.label, set_bytes, min(set_bytes, found.free_bytes), "set in [machine] memory")


def _found(probes: Probes) -> MemoryState:
    cards = probes.cards()
    known = [(card.total_bytes, card.free_bytes) for card in cards if card.total_bytes and card.free_bytes is not None]
    ram = probes.ram()
    if known:
        names = cards[0].name if len(cards) == 1 else f"{len(cards)} NVIDIA cards"
        return MemoryState(
            "GPU",
            sum(total or 0 for total, _ in known),
            sum(free or 0 for _, free in known),
            f"{names}, as the driver says",
        )
    if probes.apple_silicon:
        limit, source = apple.gpu_limit_bytes(ram.total_bytes, probes.sysctl)
        return MemoryState("unified", limit, min(limit, ram.available_bytes), source)
    # a card without memory of its own (GB10, Jetson) uses the computer's
    label = "unified" if cards else "RAM"
    group = probes.group()
    if group is not None and group.limit_bytes < ram.total_bytes:
        free = min(group.free_bytes, ram.available_bytes)
        return MemoryState(label, group.limit_bytes, free, "the limit of this container")
    return MemoryState(label, ram.total_bytes, ram.available_bytes, "the system's memory")


def _ram() -> Ram:
    import psutil  # 20 ms that the first frame does not wait for

    memory = psutil.virtual_memory()
    return Ram(int(memory.total), int(memory.available))
