"""The table of chips, and which of them a name means."""

from __future__ import annotations

import pytest

from llmhub.core.errors import LLMHubError
from llmhub.core.machines import Machine
from llmhub.core.sizing.speeds import Chip
from llmhub.machine.chips import chip_of_machine, chips, find_chip, gpu_limits

GIB = 2**30


def test_the_whole_table_is_there_with_a_class_for_every_chip() -> None:
    table = chips()

    assert len(table) == 124
    assert len({chip.id for chip in table}) == 124
    assert all(chip.bandwidth_gbs > 0 and chip.memory_gib for chip in table)
    assert len(gpu_limits()) == 16


@pytest.mark.parametrize(
    ("chip", "speed_class"),
    [
        ("apple-m1-ultra", "apple-m1"),
        ("apple-m2-pro", "apple-m2"),
        ("apple-m3", "apple-m3-up"),
        ("apple-m5-max-40", "apple-m3-up"),
        ("rtx-2060", "nvidia-rtx"),
        ("rtx-pro-6000", "nvidia-rtx"),
        ("l40s", "nvidia-rtx"),
        ("h200-sxm", "nvidia-hbm"),
        ("gtx-1050-ti", "nvidia-gtx10"),
        ("gtx-1660-ti", "unknown"),
        ("gb10", "unknown"),
        ("t4", "unknown"),
        ("rx-6800", "amd-rdna3"),
        ("mi300x", "amd-rdna3"),
        ("arc-b580", "unknown"),
        ("strix-halo", "unknown"),
        ("ddr5-5600-2ch", "cpu"),
    ],
)
def test_a_chip_has_the_class_that_the_table_gives_it(chip: str, speed_class: str) -> None:
    assert find_chip(chip).speed_class.id == speed_class


@pytest.mark.parametrize("chip", chips(), ids=[chip.id for chip in chips()])
def test_every_chip_is_found_by_its_id_and_by_its_name(chip: Chip) -> None:
    assert find_chip(chip.id) == chip
    assert find_chip(chip.name, chip.memory_gib[0] * GIB).bandwidth_gbs == chip.bandwidth_gbs


@pytest.mark.parametrize(
    ("text", "chip"),
    [
        ("M4 Pro", "apple-m4-pro"),
        ("apple m4 pro", "apple-m4-pro"),
        ("m4pro", "apple-m4-pro"),
        ("M4", "apple-m4"),
        ("rtx 4090", "rtx-4090"),
        ("RTX4090", "rtx-4090"),
        ("4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("4090 laptop", "rtx-4090-laptop"),
        ("4070 ti super", "rtx-4070-ti-super"),
        ("4070", "rtx-4070"),
        ("rtx 3080", "rtx-3080"),
        ("rtx 3080 12gb", "rtx-3080-12"),
        ("5060 ti 8 GB", "rtx-5060-ti-8"),
        ("7900 xtx", "rx-7900-xtx"),
        ("7900XT", "rx-7900-xt"),
        ("a6000", "rtx-a6000"),
        ("l4", "l4"),
        ("strix halo", "strix-halo"),
        ("Ryzen AI Max+ 395", "strix-halo"),
        ("dgx spark", "gb10"),
        ("780M", "radeon-780m"),
        ("B580", "arc-b580"),
        ("ddr5-5600", "ddr5-5600-2ch"),
        ("m4 max 40", "apple-m4-max-40"),
    ],
)
def test_people_name_chips_as_they_like(text: str, chip: str) -> None:
    assert find_chip(text).id == chip


@pytest.mark.parametrize(
    ("text", "gib", "chip"),
    [
        ("M4 Max", 36, "apple-m4-max-32"),
        ("M4 Max", 64, "apple-m4-max-40"),
        ("M3 Max", 96, "apple-m3-max-30"),
        ("rtx 3060", 12, "rtx-3060-12"),
        ("a100", 40, "a100-40-pcie"),
    ],
)
def test_of_twins_the_memory_decides(text: str, gib: int, chip: str) -> None:
    assert find_chip(text, gib * GIB).id == chip
    assert find_chip(text, gib * GIB).note is None


def test_of_twins_the_cores_of_the_gpu_decide_before_the_memory() -> None:
    assert find_chip("M4 Max", 36 * GIB, gpu_cores=40).id == "apple-m4-max-40"


def test_twins_that_nothing_tells_apart_are_the_slower_one_with_a_word() -> None:
    chip = find_chip("M4 Max")

    assert (chip.bandwidth_gbs, chip.memory_gib) == (410, (36, 48, 64, 128))
    assert chip.note == "taken as the Apple M4 Max (32-core GPU); could be Apple M4 Max (40-core GPU)"


def test_a_size_behind_the_name_is_the_memory_of_the_machine() -> None:
    chip = find_chip("M4 Max 64GB")

    assert (chip.id, chip.memory_gib) == ("apple-m4-max-40", (64,))


def test_a_chip_that_was_never_sold_is_reported_and_not_replaced() -> None:
    with pytest.raises(LLMHubError) as raised:
        find_chip("M4 Ultra")

    assert raised.value.happened == "there is no Apple M4 Ultra"
    assert "Apple M3 Ultra" in raised.value.remedy


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("M6 Max", "Max"),
        ("rtx 4095", "RTX 409"),
        ("4090 super", "GeForce RTX 4080 SUPER"),
        ("", "M4 Pro"),
        ("toaster", "M4 Pro"),
        ("rtx", "GeForce RTX 5090"),
        ("max", "Apple M1 Max"),
    ],
)
def test_what_is_no_chip_gets_the_nearest(text: str, near: str) -> None:
    with pytest.raises(LLMHubError) as raised:
        find_chip(text)

    assert near in raised.value.remedy


@pytest.mark.parametrize(
    "text", ["\x1b[31mM4\x1b[2J quux", "x" * 10_000, "(" * 500, "4090\n4080\x00zz", "24GB 24GB 24GB"]
)
def test_hostile_names_are_refused_in_words_without_escapes(text: str) -> None:
    with pytest.raises(LLMHubError) as raised:
        find_chip(text)

    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


# -- this machine ----------------------------------------------------------------------------------


def machine(chip: str = "", gpus: tuple[str, ...] = (), gib: int = 64) -> Machine:
    return Machine("m-1", "box", chip, gib * GIB, "Linux", gpus)


@pytest.mark.parametrize(
    ("chip", "gib", "found"),
    [
        ("Apple M4 Max", 64, "apple-m4-max-40"),
        ("Apple M4 Max", 36, "apple-m4-max-32"),
        ("Apple M2", 16, "apple-m2"),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", 128, "strix-halo"),
        ("AMD Ryzen 7 7840HS w/ Radeon 780M Graphics", 32, "radeon-780m"),
    ],
)
def test_a_machine_without_a_card_runs_on_its_chip(chip: str, gib: int, found: str) -> None:
    is_it = chip_of_machine(machine(chip, gib=gib))

    assert is_it is not None
    assert is_it.id == found


@pytest.mark.parametrize("chip", ["AMD Ryzen 9 7950X 16-Core Processor", "Intel(R) Core(TM) i9-14900K", "Apple M9", ""])
def test_the_bandwidth_of_a_processor_is_not_known(chip: str) -> None:
    assert chip_of_machine(machine(chip)) is None


@pytest.mark.parametrize(
    ("gpu", "found"),
    [
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "rtx-4090-laptop"),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", "rtx-4070-ti-super"),
        ("NVIDIA A100-SXM4-80GB", "a100-80-sxm"),
        ("NVIDIA A100 80GB PCIe", "a100-80-pcie"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "rtx-pro-6000"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"),
        ("NVIDIA GB10", "gb10"),
        ("Tesla T4", "t4"),
        ("AMD Radeon RX 7900 XTX", "rx-7900-xtx"),
        ("Intel(R) Arc(TM) A770 Graphics", "arc-a770"),
    ],
)
def test_a_card_is_known_by_its_drivers_name(gpu: str, found: str) -> None:
    is_it = chip_of_machine(machine("AMD Ryzen 9 7950X", (gpu,)))

    assert is_it is not None
    assert is_it.id == found


@pytest.mark.parametrize(
    "gpu", ["NVIDIA GeForce RTX 4090 D", "Quadro RTX 6000", "NVIDIA GeForce RTX 6090", "AMD Radeon Graphics", "\x1b[2J"]
)
def test_a_card_that_is_nearly_one_of_the_table_is_not_taken_for_it(gpu: str) -> None:
    assert chip_of_machine(machine("Apple M4", (gpu,))) is None


def test_of_cards_with_one_name_the_memory_decides() -> None:
    twelve = chip_of_machine(machine("x", ("NVIDIA GeForce RTX 3060",)), 12 * GIB)
    unknown = chip_of_machine(machine("x", ("NVIDIA GeForce RTX 3060",)))

    assert twelve is not None
    assert unknown is not None
    assert (twelve.bandwidth_gbs, unknown.bandwidth_gbs) == (360, 240)
    assert unknown.note is not None


def test_of_different_cards_the_slowest_sets_the_pace() -> None:
    chip = chip_of_machine(machine("x", ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 3060 Ti")))

    assert chip is not None
    assert (chip.id, chip.note) == ("rtx-3060-ti", "the slowest of different cards")


def test_of_two_makers_the_cards_with_more_memory_are_meant() -> None:
    chip = chip_of_machine(machine("x", ("NVIDIA GeForce RTX 4090", "Radeon RX 7600")))

    assert chip is not None
    assert chip.id == "rtx-4090"
