"""Machines that one does not have: every budget of the worked fits, and what `--memory`, `--chip`, `--ram` mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmhub.core.errors import LLMHubError
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.sizing.imagined import imagined
from llmhub.machine.chips import chips, find_chip

GIB = 2**30
VECTORS = Path(__file__).resolve().parents[1] / "data" / "sizing-vectors.json"
ROWS: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))["fit"]
BUDGETS = {row["machine"]: (row["budget_bytes"], row["reserve_bytes"]) for row in ROWS}
MACHINES = {
    "mac-8gb-older-macos": (8, "M2"),
    "mac-16gb-older-macos": (16, "M4"),
    "mac-24gb-older-macos": (24, "M4 Pro"),
    "mac-32gb-older-macos": (32, "M4"),
    "mac-64gb-older-macos": (64, "M4 Max"),
    "mac-128gb-older-macos": (128, "M4 Max"),
    "mac-512gb-newer-macos": (512, "M3 Ultra"),
    "gpu-8gb": (8, "RTX 4060"),
    "gpu-12gb": (12, "RTX 4070"),
    "gpu-16gb": (16, "RTX 4080"),
    "gpu-24gb": (24, "RTX 4090"),
    "gpu-2x24gb": (48, "RTX 3090"),
    "gpu-80gb": (80, "H100 PCIe 80 GB"),
}
"""How each machine of the worked fits is asked for. A Mac is taken with the older macOS where both are known."""


def machine(gib: int | None, chip: str | None = None, ram_gib: int | None = None) -> MemoryState:
    memory, ram = (None if size is None else size * GIB for size in (gib, ram_gib))
    return imagined(memory, find_chip(chip, memory) if chip else None, ram)


def test_every_machine_of_the_worked_fits_is_here() -> None:
    assert BUDGETS.keys() - MACHINES.keys() == {"mac-16gb-newer-macos"}


@pytest.mark.parametrize("name", MACHINES)
def test_the_budget_and_the_reserve_are_those_of_the_worked_fits(name: str) -> None:
    state = machine(*MACHINES[name])

    assert (state.capacity_bytes, state.reserve_bytes) == BUDGETS[name]
    assert state.free_bytes == state.capacity_bytes
    assert sum(term.bytes for term in state.terms) == state.capacity_bytes
    assert state.imagined


@pytest.mark.parametrize(
    ("gib", "limit", "words"),
    [
        (24, 17_179_890_000, "older"),
        (18, 12 * GIB, "a third"),
        (96, 72 * GIB, "a quarter"),
        (192, 144 * GIB, "a quarter"),
    ],
)
def test_the_limit_of_a_mac_is_said_to_be_a_default(gib: int, limit: int, words: str) -> None:
    state = machine(gib, "M4 Pro")

    assert (state.label, state.placement, state.capacity_bytes) == ("unified", Placement.METAL, limit)
    assert words in state.source
    assert "default" in state.source


def test_a_bare_amount_is_unified_memory_and_all_of_it_is_free() -> None:
    state = machine(16)

    assert (state.placement, state.capacity_bytes, state.free_bytes) == (Placement.UNIFIED, 16 * GIB, 16 * GIB)
    assert state.host_free_bytes is None


def test_the_computers_memory_counts_beside_a_card_only_when_it_is_given() -> None:
    assert machine(None, "RTX 4090").host_free_bytes is None
    assert machine(None, "RTX 4090", 64).host_free_bytes == 64 * GIB
    assert machine(24, None, 64).host_free_bytes == 64 * GIB
    assert machine(24, None, 64).placement is Placement.CARD


def test_a_chip_with_one_size_needs_no_memory_and_one_with_more_names_the_choices() -> None:
    assert machine(None, "rtx 4090").capacity_bytes == 24 * GIB - GIB // 2

    with pytest.raises(LLMHubError) as raised:
        machine(None, "M4 Pro")

    assert raised.value.remedy == "add one of: --memory 24GiB, --memory 48GiB, --memory 64GiB"


def test_twins_that_differ_in_memory_name_the_sizes_of_all() -> None:
    with pytest.raises(LLMHubError) as raised:
        machine(None, "M4 Max")

    assert "--memory 36GiB, --memory 48GiB, --memory 64GiB, --memory 128GiB" in raised.value.remedy


def test_the_size_in_a_name_is_enough() -> None:
    assert imagined(None, find_chip("M4 Pro 24GB"), None).capacity_bytes == 17_179_890_000


def test_a_mac_may_be_told_by_its_ram() -> None:
    assert machine(None, "M4 Pro", 24).capacity_bytes == 17_179_890_000


@pytest.mark.parametrize(("gib", "count"), [(24, 1), (48, 2), (96, 4), (36, 1), (12, 1)])
def test_a_multiple_of_a_cards_memory_is_so_many_cards(gib: int, count: int) -> None:
    state = machine(gib, "RTX 4090")

    assert (state.devices, state.capacity_bytes) == (count, gib * GIB - count * GIB // 2)


def test_a_processor_leaves_the_system_its_part() -> None:
    desktop, small, bare = machine(64, "ddr5-5600"), machine(16, "ddr5-5600"), machine(None, None, 16)

    assert desktop.capacity_bytes == 64 * GIB - 64 * GIB // 10
    assert (small.capacity_bytes, small.placement) == (14 * GIB, Placement.CPU)
    assert (bare.capacity_bytes, bare.placement) == (14 * GIB, Placement.CPU)


def test_chips_that_share_memory_are_unified_by_their_own_rules() -> None:
    spark, halo = machine(None, "DGX Spark"), machine(128, "Strix Halo")

    assert (spark.label, spark.placement) == ("unified", Placement.UNIFIED)
    assert spark.capacity_bytes == 128 * GIB - 128 * GIB // 10
    assert (halo.label, halo.capacity_bytes, halo.host_free_bytes) == ("unified", 64 * GIB, 64 * GIB)
    assert "default" in halo.source


def test_no_machine_at_all_is_asked_for() -> None:
    with pytest.raises(LLMHubError):
        imagined(None, None, None)


@pytest.mark.parametrize("chip", chips(), ids=[chip.id for chip in chips()])
@pytest.mark.parametrize("memory", [1, 300 * 2**20, GIB, 10**15])
def test_no_amount_makes_more_than_itself_or_less_than_nothing(chip: Any, memory: int) -> None:
    state = imagined(memory, chip, None)

    assert 0 <= state.free_bytes == state.capacity_bytes <= memory
    assert 1 <= state.devices <= 16
