"""Memory of a machine that one does not have: `--memory`, `--chip`, `--ram` (design.md, section 9)."""

from __future__ import annotations

from llmhub.core.errors import LLMHubError
from llmhub.core.memory import (
    GIB,
    MemoryState,
    MemoryTerm,
    Placement,
    driver_bytes,
    metal_default_bytes,
    planned_bytes,
)
from llmhub.core.sizing.speeds import Chip, GpuLimit

_MOST_CARDS = 16


def imagined(memory_bytes: int | None, chip: Chip | None, ram_bytes: int | None) -> MemoryState:
    """The budget of an imagined machine; all of it is free.

    Args:
        memory_bytes: `--memory`: unified memory, or the memory of the card. On a computer without a card it is the
            same as `ram_bytes`. A whole multiple of what the card is sold with means so many cards.
        chip: `--chip`. Without one the figure counts as it stands: nothing is taken off for a system.
        ram_bytes: `--ram`: the computer's memory beside a card; without it only the card counts.

    Raises:
        LLMHubError: the memory is not given and the chip is sold with more than one size, or neither is given.
    """
    if chip is None:
        return _bare(memory_bytes, ram_bytes)
    if chip.kind == "cpu":
        return _computer(_size(chip, memory_bytes or ram_bytes), chip.name)
    if chip.kind == "apple":
        return _mac(_size(chip, memory_bytes or ram_bytes), chip)
    if chip.kind == "apu":
        return _shared(_size(chip, memory_bytes or ram_bytes), chip)
    if chip.unified:
        return _computer(_size(chip, memory_bytes or ram_bytes), chip.name, unified=True)
    return _cards(_size(chip, memory_bytes), chip, ram_bytes)


def _size(chip: Chip, asked_bytes: int | None) -> int:
    if asked_bytes is not None:
        return asked_bytes
    if len(chip.memory_gib) == 1:
        return chip.memory_gib[0] * GIB
    choices = ", ".join(f"--memory {gib}GiB" for gib in chip.memory_gib)
    raise LLMHubError(f"{chip.name} is sold with more than one size of memory", "--chip", f"add one of: {choices}")


def _bare(memory_bytes: int | None, ram_bytes: int | None) -> MemoryState:
    if memory_bytes is None:
        if ram_bytes is None:
            raise LLMHubError("no machine is named", "--chip, --memory", "name one, such as --memory 16GiB")
        return _computer(ram_bytes, "a computer without a card")
    if ram_bytes is not None:
        return MemoryState(
            "GPU",
            memory_bytes,
            memory_bytes,
            "imagined: a card and the computer's own memory beside it",
            Placement.CARD,
            host_free_bytes=ram_bytes,
            terms=(MemoryTerm("memory of the card, as asked", memory_bytes),),
            imagined=True,
        )
    terms = (MemoryTerm("unified memory, as asked", memory_bytes),)
    source = "imagined: unified memory, all of it for models"
    return MemoryState("unified", memory_bytes, memory_bytes, source, Placement.UNIFIED, terms=terms, imagined=True)


def _computer(installed_bytes: int, name: str, *, unified: bool = False) -> MemoryState:
    capacity = planned_bytes(installed_bytes)
    terms = (
        MemoryTerm("installed memory", installed_bytes),
        MemoryTerm("left to the system", capacity - installed_bytes),
    )
    label, placement = ("unified", Placement.UNIFIED) if unified else ("RAM", Placement.CPU)
    return MemoryState(label, capacity, capacity, f"imagined: {name}", placement, terms=terms, imagined=True)


def _mac(installed_bytes: int, chip: Chip) -> MemoryState:
    capacity, words = metal_limit(installed_bytes, chip.gpu_limits)
    terms = (MemoryTerm("installed memory", installed_bytes), MemoryTerm(words, capacity - installed_bytes))
    source = f"imagined: {chip.name}, {words}"
    return MemoryState("unified", capacity, capacity, source, Placement.METAL, terms=terms, imagined=True)


def metal_limit(installed_bytes: int, known: tuple[GpuLimit, ...]) -> tuple[int, str]:
    """What macOS lets the GPU have where Metal cannot be asked, and in words what is left out of it.

    The figures that older versions of macOS logged come first: newer ones give more, never less.
    """
    of_size = [limit for limit in known if limit.installed_bytes == installed_bytes]
    for limit in sorted(of_size, key=lambda limit: limit.macos != "older"):
        words = f"kept by macOS, default of {limit.macos} versions"
        return min(limit.limit_bytes, installed_bytes), words
    share = "a third" if installed_bytes <= 32 * GIB else "a quarter"
    return metal_default_bytes(installed_bytes), f"kept by macOS, {share} by default"


def _shared(installed_bytes: int, chip: Chip) -> MemoryState:
    # what the firmware sets aside differs from machine to machine; half is what Linux lends on every one
    capacity = installed_bytes // 2
    terms = (
        MemoryTerm("installed memory", installed_bytes),
        MemoryTerm("not lent to the GPU, Linux default", capacity - installed_bytes),
    )
    source = f"imagined: {chip.name}, half of the memory by default; the firmware can set more aside"
    return MemoryState(
        "unified",
        capacity,
        capacity,
        source,
        Placement.CARD,
        host_free_bytes=installed_bytes - capacity,
        terms=terms,
        imagined=True,
    )


def _cards(memory_bytes: int, chip: Chip, ram_bytes: int | None) -> MemoryState:
    count = _count(memory_bytes, chip)
    capacity = max(0, memory_bytes - count * driver_bytes(memory_bytes // count))
    name = chip.name if count == 1 else f"{count} × {chip.name}"
    terms = (MemoryTerm(name, memory_bytes), MemoryTerm("the driver's own part", capacity - memory_bytes))
    return MemoryState(
        "GPU",
        capacity,
        capacity,
        f"imagined: {name}",
        Placement.CARD,
        devices=count,
        host_free_bytes=ram_bytes,
        terms=terms,
        imagined=True,
    )


def _count(memory_bytes: int, chip: Chip) -> int:
    for gib in sorted(chip.memory_gib, reverse=True):
        count, rest = divmod(memory_bytes, gib * GIB)
        if rest == 0 and 1 <= count <= _MOST_CARDS:
            return count
    return 1
