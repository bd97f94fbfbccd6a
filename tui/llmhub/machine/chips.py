"""The table of chips (`chips.json`): which one a name means, and which one this machine has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from llmhub.core.errors import LLMHubError
from llmhub.core.machines import Machine
from llmhub.core.memory import GIB
from llmhub.core.sizing.speeds import UNKNOWN_CLASS, Chip, GpuLimit, SpeedClass
from llmhub.machine import chip_names

_LONGEST_NAME = 120
_SIZE = re.compile(r"\s(\d{1,4})\s*gi?b\s*$", re.IGNORECASE)


@cache
def _table() -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(files("llmhub.machine").joinpath("chips.json").read_text("utf-8"))
    return read


@cache
def gpu_limits() -> tuple[GpuLimit, ...]:
    """What macOS gives the GPU by memory size, as far as it was seen."""
    return tuple(
        GpuLimit(row["ram_gib"] * GIB, row["max_working_set_bytes"], row["macos"])
        for row in _table()["apple_metal_working_set"]
    )


@cache
def chips() -> tuple[Chip, ...]:
    """The whole table, 124 chips and cards."""
    classes = _classes()
    return tuple(
        Chip(
            id=row["id"],
            name=row["name"],
            kind=row["kind"],
            unified=row["unified"],
            memory_gib=tuple(row["memory_gb"]),
            bandwidth_gbs=float(row["bandwidth_gbs"]),
            speed_class=classes[_class_of(row["id"], row["kind"])],
            gpu_limits=gpu_limits() if row["kind"] == "apple" else (),
        )
        for row in _table()["chips"]
    )


def _classes() -> dict[str, SpeedClass]:
    rows = {row["id"]: row for row in _table()["speed_classes"]}
    guess = rows[UNKNOWN_CLASS]["m_ms_per_layer"]
    return {
        name: SpeedClass(
            name, row["eta"], row["c_ms_per_layer"], guess if row["m_ms_per_layer"] is None else row["m_ms_per_layer"]
        )
        for name, row in rows.items()
    }


_BY_PREFIX = (
    (("apple-m1",), "apple-m1"),
    (("apple-m2",), "apple-m2"),
    (("apple-m3", "apple-m4", "apple-m5"), "apple-m3-up"),
    (("a100-", "h100-", "h200-"), "nvidia-hbm"),
    (("gtx-10",), "nvidia-gtx10"),
    (("rtx-", "l40", "l4"), "nvidia-rtx"),
)
"""What `applies_to` of the classes says, by id. T4, P40, GTX 16 and GB10 are in none of them."""


def _class_of(chip_id: str, kind: str) -> str:
    if kind == "cpu":
        return "cpu"
    if kind == "amd":
        return "amd-rdna3"
    if kind in {"apple", "nvidia"}:
        return next((name for prefixes, name in _BY_PREFIX if chip_id.startswith(prefixes)), UNKNOWN_CLASS)
    return UNKNOWN_CLASS


def find_chip(text: str, memory_bytes: int | None = None, gpu_cores: int | None = None) -> Chip:
    """The chip that a person means: `M4 Pro`, `rtx 4090`, `4090`, an id or a name of the table.

    Of chips that share a name the memory or the GPU's cores decide. Where they do not, the one with the lower bandwidth
    is taken with the sizes of all; its `note` says so.

    Args:
        memory_bytes: What the machine or one card has, where it is known.
        gpu_cores: Cores of the GPU of a Mac.

    Raises:
        LLMHubError: there is no such chip in the table, or the text means several kinds; it names the nearest.
    """
    text = text[:_LONGEST_NAME]
    try:
        found, exact = chip_names.meant(text, chips())
    except LLMHubError:
        if (size := _SIZE.search(text)) is None:
            raise
        # `M4 Pro 24GB` is a chip and the memory of the machine
        chip = find_chip(text[: size.start()], memory_bytes or int(size[1]) * GIB, gpu_cores)
        return replace(chip, memory_gib=(int(size[1]),)) if int(size[1]) in chip.memory_gib else chip
    return _one_of(found, memory_bytes, gpu_cores, exact)


def chip_of_machine(machine: Machine, card_bytes: int | None = None, gpu_cores: int | None = None) -> Chip | None:
    """The chip that models run on: the card, else the chip of a Mac or an APU.

    Of different cards it is the slowest, as every layer waits for the card that holds it. `None` for a processor
    without a card (its memory bandwidth cannot be read) and for what is not in the table.

    Args:
        card_bytes: Memory of one card: tells two cards of one name apart.
        gpu_cores: Cores of the GPU of a Mac.
    """
    found: dict[str, list[Chip]] = {}
    for name in dict.fromkeys(machine.gpus):
        of_name = chip_names.driver_calls(name, chips())
        if not of_name:
            return None
        size = machine.memory_bytes if of_name[0].unified else card_bytes
        found.setdefault(of_name[0].kind, []).append(_one_of(of_name, size, None))
    if found:
        # an engine does not spread a model over two makers' cards: those with more memory are used
        used = max(found.values(), key=lambda of_kind: sum(max(chip.memory_gib) for chip in of_kind))
        slowest = min(used, key=lambda chip: chip.bandwidth_gbs)
        return slowest if len(used) == 1 else replace(slowest, note="the slowest of different cards")
    if machine.chip and (of_name := chip_names.processor_is(machine.chip, chips())):
        return _one_of(of_name, machine.memory_bytes, gpu_cores)
    return None


def card_gib(name: str) -> tuple[int, ...]:
    """The sizes of memory that a card with this driver's name is sold with; none for a name that is not known."""
    return tuple(sorted({gib for chip in chip_names.driver_calls(name, chips()) for gib in chip.memory_gib}))


def shares_memory(name: str) -> bool:
    """Whether a chip with this driver's name has no memory of its own."""
    return any(chip.unified for chip in chip_names.driver_calls(name, chips()))


def apu_of(processor: str) -> Chip | None:
    """The APU of the table that a processor's name means."""
    found = [chip for chip in chip_names.processor_is(processor, chips()) if chip.kind == "apu"]
    return found[0] if found else None


def _one_of(found: Sequence[Chip], memory_bytes: int | None, gpu_cores: int | None, exact: Chip | None = None) -> Chip:
    if gpu_cores is not None and (of_cores := [c for c in found if chip_names.gpu_cores(c) == gpu_cores]):
        found = of_cores
    elif memory_bytes is not None and (of_size := [c for c in found if _is_sold_with(c, memory_bytes)]):
        found = of_size
    if exact is not None and exact in found:
        return exact
    if len(found) == 1:
        return found[0]
    lowest = min(found, key=lambda chip: chip.bandwidth_gbs)
    sizes = tuple(sorted({gib for chip in found for gib in chip.memory_gib}))
    others = ", ".join(chip.name for chip in found if chip.id != lowest.id)
    return replace(lowest, memory_gib=sizes, note=f"taken as the {lowest.name}; could be {others}")


def _is_sold_with(chip: Chip, memory_bytes: int) -> bool:
    """Drivers and kernels tell a little less than what is sold, people write GB for GiB: 8 % are let pass."""
    return any(0.92 * gib * GIB <= memory_bytes <= 1.02 * gib * GIB for gib in chip.memory_gib)
