"""AMD and Intel cards on Linux, from the kernel's files: no library is needed."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from llmhub.core.memory import GIB
from llmhub.core.plain import one_line
from llmhub.machine import chips
from llmhub.machine.cards import Card

_AMD, _INTEL = "0x1002", "0x8086"
_ID_LISTS = ("usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids")
_SMALL_CARVE_OUT_BYTES = GIB


def cards(root: Path = Path("/"), processor: str | None = None) -> tuple[Card, ...]:
    """AMD's cards with their memory, and Intel's that are no part of a processor, without.

    Args:
        processor: Its name: the integrated GPU has none of its own.
    """
    found = []
    for device in sorted((root / "sys/class/drm").glob("card*/device")):
        if not re.fullmatch(r"card\d+", device.parent.name):
            continue  # card0-DP-1 is a plug
        vendor, number = _text(device / "vendor"), _text(device / "device")
        if vendor == _AMD and (card := _amd(device, root, number, processor)):
            found.append(card)
        elif vendor == _INTEL and number:
            name = _listed(root, _INTEL, number)
            if name and chips.card_gib(name):
                found.append(Card(name, None, None, "Intel"))
    return tuple(found)


def _amd(device: Path, root: Path, number: str | None, processor: str | None) -> Card | None:
    total, used = _number(device / "mem_info_vram_total"), _number(device / "mem_info_vram_used")
    if not total:
        return None
    free = None if used is None else max(0, total - used)
    listed = _text(device / "product_name") or (_listed(root, _AMD, number) if number else None)
    if not _is_integrated(device, total):
        return Card(_of_size(listed, total) or "AMD card", total, free, "AMD")
    apu = chips.apu_of(processor or "")
    return Card(
        apu.name if apu else listed or "AMD graphics of the processor",
        total,
        free,
        "AMD",
        integrated=True,
        lent_bytes=_number(device / "mem_info_gtt_total") or 0,
        lent_used_bytes=_number(device / "mem_info_gtt_used") or 0,
    )


def _is_integrated(device: Path, total_bytes: int) -> bool:
    revision = _metrics_revision(device)
    return total_bytes <= _SMALL_CARVE_OUT_BYTES if revision is None else revision in {2, 3}


@cache
def _metrics_revision(device: Path) -> int | None:
    """Of `gpu_metrics`: 1 for cards, 2 and 3 for parts of a processor (Linux, kgd_pp_interface.h).

    Read once: asking wakes a card that sleeps.
    """
    try:
        with (device / "gpu_metrics").open("rb") as file:
            header = file.read(4)
    except OSError:
        return None
    return header[2] if len(header) == 4 else None


def _listed(root: Path, vendor: str, number: str) -> str | None:
    """What the system's list of PCI ids calls it, the trade name where there is one: `Arc A770`."""
    for place in _ID_LISTS:
        if (names := _ids(root / place)) and (name := names.get((vendor, number.lower()))):
            bracket = re.search(r"\[(.+)\]", name)
            return one_line(bracket[1] if bracket else name)
    return None


@cache
def _ids(file: Path) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return found
    vendor = ""
    for line in lines:
        if line[:1] not in {"\t", "#", ""}:
            vendor = "0x" + line[:4].lower()
        elif vendor in {_AMD, _INTEL} and line[:1] == "\t" and line[1:2] != "\t":
            number, _, name = line.strip().partition("  ")
            found[(vendor, "0x" + number.lower())] = name.strip()
    return found


def _of_size(listed: str | None, total_bytes: int) -> str | None:
    """Which of the cards that share an id it is: `Radeon RX 7900 XT/7900 XTX` with 24 GiB is the second."""
    if listed is None or "/" not in listed:
        return listed
    first, *others = [part.strip() for part in listed.split("/")]
    start = re.match(r"\D*", first)
    prefix = start[0] if start else ""
    names = [first, *(name if name.startswith(prefix) else prefix + name for name in others)]
    fitting = [name for name in names if any(abs(gib * GIB - total_bytes) < GIB // 2 for gib in chips.card_gib(name))]
    return fitting[0] if len(fitting) == 1 else listed


def _text(path: Path) -> str | None:
    try:
        return one_line(path.read_text("utf-8", "replace")).strip() or None
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text and text.isascii() and text.isdigit() else None
