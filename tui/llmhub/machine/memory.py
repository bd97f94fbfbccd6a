"""Memory that models can have on this machine: a card's, else what CPU and GPU share, else the computer's own."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llmhub.core.memory import GIB, MemoryState, MemoryTerm, Placement, planned_bytes
from llmhub.machine import apple, cgroups, chips, inventory, metal, nvidia
from llmhub.machine.cards import Card

DRIVER_BYTES = 457 * 2**20
"""What a process takes of a card before a model does, as Ollama assumes it (memory-sizing.md, a3)."""
UNASKED_BYTES = GIB
"""Kept back of a card whose memory is known from the table alone (memory-sizing.md, a4)."""
OVERRIDE = "set in [machine] memory"
_GIVEN_CARVE_OUT_BYTES = 4 * GIB
"""An integrated GPU with as much set aside was given it on purpose."""


@dataclass(frozen=True, slots=True)
class Ram:
    """The computer's own memory now."""

    total_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class Probes:
    """How this machine is looked at; tests look at others."""

    ram: Callable[[], Ram]
    cards: Callable[[], Sequence[Card]]
    """NVIDIA's, by its driver."""
    group: Callable[[], cgroups.GroupLimit | None]
    apple_silicon: bool
    sysctl: apple.Sysctl
    other_cards: Callable[[], Sequence[Card]] = tuple
    """Those that are found in other ways."""
    metal: Callable[[], int | None] = lambda: None
    pages: Callable[[], apple.Pages | None] = lambda: None
    kernel: Callable[[], str] = str
    """What the kernel says of itself: WSL's names its maker."""


def here() -> Probes:
    """Of the machine llmhub runs on."""
    silicon = sys.platform == "darwin" and platform.machine() == "arm64"
    return Probes(
        _ram,
        nvidia.cards,
        cgroups.memory_limit,
        silicon,
        apple.sysctl,
        inventory.other_cards,
        metal.working_set_bytes,
        apple.pages,
        _kernel,
    )


@dataclass(frozen=True, slots=True)
class _Room:
    """What was found: the capacity is the sum of the terms."""

    label: str
    placement: Placement
    terms: tuple[MemoryTerm, ...]
    available_bytes: int
    """Free now, before the capacity limits it."""
    source: str
    devices: int = 1
    host_free_bytes: int | None = None


def memory_state(set_bytes: int | None = None, probes: Probes | None = None) -> MemoryState:
    """One look. Takes a few milliseconds and reads files: not on the event loop.

    Args:
        set_bytes: The person's own figure (`[machine] memory`); it replaces the capacity that was found.
        probes: Another machine's, in tests.
    """
    room = _found(probes or here())
    if set_bytes is not None:
        room = replace(room, terms=(MemoryTerm(OVERRIDE, set_bytes),), source=OVERRIDE)
    capacity = max(0, sum(term.bytes for term in room.terms))
    return MemoryState(
        room.label,
        capacity,
        min(capacity, max(0, room.available_bytes)),
        room.source,
        room.placement,
        room.devices,
        room.host_free_bytes,
        room.terms,
    )


def _found(probes: Probes) -> _Room:
    ram = _sane(probes.ram())
    if probes.apple_silicon:
        return _mac(probes, ram)
    group = probes.group()
    if group is not None and not 0 < group.limit_bytes < ram.total_bytes:
        group = None
    available = ram.available_bytes if group is None else min(ram.available_bytes, max(0, group.free_bytes))
    told = [_completed(card) for card in (*probes.cards(), *probes.other_cards())]
    own = [card for card in told if card.total_bytes and not card.integrated]
    if own:
        return _of_cards(own, available)
    for card in told:
        if card.integrated and (chips.shares_memory(card.name) or (card.total_bytes or 0) >= _GIVEN_CARVE_OUT_BYTES):
            return _of_apu(card, available)
    # a card without memory of its own (GB10, Jetson) uses the computer's
    shared = any(card.maker == "NVIDIA" and not card.integrated and not card.from_table for card in told)
    room = _of_computer(ram, available, group, shared=shared, is_wsl="microsoft" in probes.kernel().lower())
    if unknown := [card.name for card in told if card.from_table]:
        return replace(room, source=f"{room.source}; {unknown[0]} cannot be measured: set [machine] memory")
    return room


def _sane(ram: Ram) -> Ram:
    total = max(0, ram.total_bytes)
    return Ram(total, min(total, max(0, ram.available_bytes)))


def _completed(card: Card) -> Card:
    """With the memory that such a card is sold with where the driver does not tell it, and without the impossible."""
    if chips.shares_memory(card.name) and not card.integrated:
        return replace(card, total_bytes=None, free_bytes=None)
    if card.total_bytes is None or card.total_bytes <= 0:
        sizes = chips.card_gib(card.name)
        if not sizes:
            return replace(card, total_bytes=None, free_bytes=None)
        return replace(card, total_bytes=min(sizes) * GIB, free_bytes=None, from_table=True)
    if card.free_bytes is None:
        return card
    return replace(card, free_bytes=min(card.total_bytes, max(0, card.free_bytes)))


def _of_cards(cards: Sequence[Card], host_free_bytes: int) -> _Room:
    """The cards of one maker: an engine does not spread a model over two makers'. The most memory decides."""
    memory = {maker: sum(card.total_bytes or 0 for card in cards if card.maker == maker) for maker in _makers(cards)}
    maker = max(memory, key=lambda name: memory[name])
    used = [card for card in cards if card.maker == maker]
    kept = [UNASKED_BYTES if card.from_table else DRIVER_BYTES for card in used]
    terms = [MemoryTerm(card.name, card.total_bytes or 0) for card in used]
    terms += [
        MemoryTerm("kept back: its free memory cannot be asked" if card.from_table else "the driver's own part", -part)
        for card, part in zip(used, kept, strict=True)
    ]
    free = sum(
        max(0, (card.total_bytes or 0 if card.free_bytes is None else card.free_bytes) - part)
        for card, part in zip(used, kept, strict=True)
    )
    names = used[0].name if len(used) == 1 else f"{len(used)} {maker} cards"
    how = "size from the table of chips" if any(card.from_table for card in used) else "as the driver says"
    unknown = "; what is free is not told" if any(card.free_bytes is None for card in used) else ""
    left_out = [card.name for card in cards if card.maker != maker]
    beside = f"; not counted: {', '.join(left_out)}" if left_out else ""
    return _Room(
        "GPU",
        Placement.CARD,
        tuple(terms),
        free,
        f"{names}, {how}{unknown}{beside}",
        devices=len(used),
        host_free_bytes=host_free_bytes,
    )


def _makers(cards: Sequence[Card]) -> list[str]:
    return list(dict.fromkeys(card.maker for card in cards))


def _of_apu(card: Card, available_bytes: int) -> _Room:
    """What is set aside for the GPU and what the computer lends it: parts of one memory, and to the engine a card's.

    What is left of the memory takes the layers that do not fit.
    """
    set_aside, lent = card.total_bytes or 0, max(0, card.lent_bytes)
    lent_free = min(available_bytes, max(0, lent - max(0, card.lent_used_bytes)))
    own_free = set_aside if card.free_bytes is None else card.free_bytes
    terms = (
        MemoryTerm("set aside for the GPU by the firmware", set_aside),
        MemoryTerm("lent to the GPU by the system (GTT)", lent),
    )
    source = f"{card.name}, as the driver says"
    rest = max(0, available_bytes - lent_free)
    return _Room("unified", Placement.CARD, terms, own_free + lent_free, source, host_free_bytes=rest)


def _mac(probes: Probes, ram: Ram) -> _Room:
    limit, source = apple.gpu_limit_bytes(ram.total_bytes, probes.sysctl, probes.metal, chips.gpu_limits())
    pages = probes.pages()
    available = ram.available_bytes if pages is None else apple.free_bytes(ram.total_bytes, pages)
    terms = (
        MemoryTerm("installed memory", ram.total_bytes),
        MemoryTerm(f"kept by macOS: {source}", limit - ram.total_bytes),
    )
    return _Room("unified", Placement.METAL, terms, available, source)


def _of_computer(
    ram: Ram, available_bytes: int, group: cgroups.GroupLimit | None, *, shared: bool, is_wsl: bool
) -> _Room:
    label, placement = ("unified", Placement.UNIFIED) if shared else ("RAM", Placement.CPU)
    planned = planned_bytes(ram.total_bytes)
    terms = [
        MemoryTerm("memory of this WSL machine" if is_wsl else "installed memory", ram.total_bytes),
        MemoryTerm("left to the system", planned - ram.total_bytes),
    ]
    source = "the memory WSL was given, a part of the computer's" if is_wsl else "the system's memory"
    if group is not None and group.limit_bytes < planned:
        terms = [MemoryTerm("limit of this container", group.limit_bytes)]
        source = "the limit of this container"
    return _Room(label, placement, tuple(terms), available_bytes, source)


def _ram() -> Ram:
    import psutil  # 20 ms that the first frame does not wait for

    memory = psutil.virtual_memory()
    return Ram(int(memory.total), int(memory.available))


def _kernel() -> str:
    try:
        return Path("/proc/version").read_text("utf-8", "replace")
    except OSError:
        return ""
