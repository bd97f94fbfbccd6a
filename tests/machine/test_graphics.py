"""AMD and Intel cards by the kernel's files, and the registry of Windows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from llmhub.machine.cards import Card
from llmhub.machine.graphics import cards
from llmhub.machine.windows import cards as windows_cards
from llmhub.machine.windows import entries

GIB = 2**30
LIST = """\
# a piece of the list of PCI ids
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]
\t\t1002 0e3b  Radeon RX 7900 XTX
\t7480  Navi 33 [Radeon RX 7600/7600 XT/7600M XT/7600S/7700S / PRO W7600]
\t1586  Strix Halo [Radeon Graphics / Radeon 8050S Graphics / Radeon 8060S Graphics]
8086  Intel Corporation
\t56a0  DG2 [Arc A770]
\ta780  Raptor Lake-S GT1 [UHD Graphics 770]
"""
DISCRETE, INTEGRATED = b"\x78\x00\x01\x03", b"\x78\x00\x02\x04"
"""The start of `gpu_metrics`: size, format, content."""


def card(root: Path, number: int, files: Mapping[str, str | int | bytes]) -> Path:
    folder = root / f"sys/class/drm/card{number}/device"
    folder.mkdir(parents=True)
    for name, value in files.items():
        (folder / name).write_bytes(value if isinstance(value, bytes) else f"{value}\n".encode())
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "usr/share/misc").mkdir(parents=True)
    (tmp_path / "usr/share/misc/pci.ids").write_text(LIST)
    (tmp_path / "sys/class/drm/card0-DP-1").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("gib", "name"),
    [(24, "Radeon RX 7900 XTX"), (20, "Radeon RX 7900 XT"), (16, "Radeon RX 7900 GRE")],
)
def test_an_amd_card_is_named_by_its_id_and_its_size(root: Path, gib: int, name: str) -> None:
    files: dict[str, str | int | bytes] = {"vendor": "0x1002", "device": "0x744c", "gpu_metrics": DISCRETE}
    card(root, 0, files | {"mem_info_vram_total": gib * GIB, "mem_info_vram_used": 2 * GIB})

    assert cards(root) == (Card(name, gib * GIB, (gib - 2) * GIB, "AMD"),)


def test_a_size_that_no_name_of_the_list_has_leaves_the_whole_list(root: Path) -> None:
    card(root, 0, {"vendor": "0x1002", "device": "0x744C", "mem_info_vram_total": 12 * GIB, "gpu_metrics": DISCRETE})

    [found] = cards(root)

    assert (found.name, found.free_bytes) == ("Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M", None)


def test_a_part_of_the_processor_has_its_name_and_what_the_system_lends(root: Path) -> None:
    card(
        root,
        1,
        {
            "vendor": "0x1002",
            "device": "0x1586",
            "gpu_metrics": INTEGRATED,
            "mem_info_vram_total": 96 * GIB,
            "mem_info_vram_used": GIB,
            "mem_info_gtt_total": 16 * GIB,
            "mem_info_gtt_used": 2 * GIB,
        },
    )

    [found] = cards(root, "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S")

    assert found == Card(
        "Ryzen AI Max+ 395 (Radeon 8060S, Strix Halo)", 96 * GIB, 95 * GIB, "AMD", True, 16 * GIB, 2 * GIB
    )


def test_where_the_format_is_not_told_little_memory_means_a_part_of_the_processor(root: Path) -> None:
    card(root, 0, {"vendor": "0x1002", "mem_info_vram_total": GIB // 2, "mem_info_gtt_total": 8 * GIB})
    card(root, 1, {"vendor": "0x1002", "mem_info_vram_total": 8 * GIB, "mem_info_gtt_total": 8 * GIB})

    assert [(found.name, found.integrated) for found in cards(root)] == [
        ("AMD graphics of the processor", True),
        ("AMD card", False),
    ]


def test_an_intel_card_is_named_and_a_part_of_the_processor_is_not(root: Path) -> None:
    card(root, 0, {"vendor": "0x8086", "device": "0xa780"})
    card(root, 1, {"vendor": "0x8086", "device": "0x56a0"})

    assert cards(root) == (Card("Arc A770", None, None, "Intel"),)


@pytest.mark.parametrize("total", ["", "lots", "-5", "0", "٣", "0x10"])
def test_a_total_that_is_no_amount_is_no_card(root: Path, total: str) -> None:
    card(root, 0, {"vendor": "0x1002", "device": "0x744c", "mem_info_vram_total": total, "gpu_metrics": b"\xff"})

    assert cards(root) == ()


def test_more_used_than_there_is_leaves_nothing_free(root: Path) -> None:
    card(root, 0, {"vendor": "0x1002", "mem_info_vram_total": 8 * GIB, "mem_info_vram_used": 9 * GIB})

    assert cards(root)[0].free_bytes == 0


def test_without_files_there_are_no_cards(tmp_path: Path) -> None:
    assert cards(tmp_path / "nothing") == ()


# -- Windows ------------------------------------------------------------------------------------

SIZE = "HardwareInformation.qwMemorySize"


def test_the_registry_tells_the_sizes_of_cards() -> None:
    def read() -> list[dict[str, object]]:
        return [
            {"DriverDesc": "AMD Radeon RX 7900 XTX", SIZE: 24 * GIB},
            {"DriverDesc": "NVIDIA GeForce RTX 4070", SIZE: (12 * GIB).to_bytes(8, "little")},
            {"DriverDesc": "AMD Radeon(TM) 780M", SIZE: GIB // 2},
            {"DriverDesc": "Microsoft Basic Display Adapter", SIZE: GIB},
        ]

    assert windows_cards(read) == (
        Card("AMD Radeon RX 7900 XTX", 24 * GIB, None, "AMD"),
        Card("NVIDIA GeForce RTX 4070", 12 * GIB, None, "NVIDIA"),
    )


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"DriverDesc": "AMD Radeon RX 7900 XTX"},
        {"DriverDesc": 5, SIZE: GIB},
        {"DriverDesc": "AMD Radeon RX 7900 XTX", SIZE: "24 GB"},
        {"DriverDesc": "AMD Radeon RX 7900 XTX", SIZE: 0},
        {"DriverDesc": "AMD Radeon RX 7900 XTX", SIZE: True},
        {"DriverDesc": "AMD Radeon RX 7900 XTX", SIZE: b""},
    ],
)
def test_an_entry_that_makes_no_sense_is_no_card(entry: dict[str, object]) -> None:
    assert windows_cards(lambda: [entry]) == ()


def test_on_another_system_there_is_no_registry() -> None:
    import sys

    assert sys.platform == "win32" or entries() == []
