"""NVIDIA cards, through the optional `nvidia-ml-py`."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any

from llmhub.core.plain import one_line
from llmhub.machine.cards import Card

_log = logging.getLogger(__name__)


def library() -> Any | None:
    """`pynvml`, when it is installed."""
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return None


def cards(nvml: Any | None = None) -> tuple[Card, ...]:
    """The cards of this machine; none without the library or the driver.

    Args:
        nvml: Stands for `pynvml` in tests.
    """
    nvml = nvml or library()
    if nvml is None:
        return ()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        _log.debug("no NVIDIA driver: %s", error)
        return ()
    try:
        found = [_card(nvml, number) for number in range(nvml.nvmlDeviceGetCount())]
        return tuple(card for card in found if card is not None)
    except nvml.NVMLError as error:
        _log.warning("the NVIDIA driver did not list its cards: %s", error)
        return ()
    finally:
        nvml.nvmlShutdown()


def _card(nvml: Any, number: int) -> Card | None:
    """One that does not answer at all is left out: it has fallen off the bus."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(number)
        name = nvml.nvmlDeviceGetName(handle)
    except nvml.NVMLError as error:
        _log.warning("NVIDIA card %d does not answer: %s", number, error)
        return None
    shown = one_line(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)) or "NVIDIA card"
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        total, free = int(memory.total), int(memory.free)
    except (nvml.NVMLError, AttributeError, TypeError, ValueError) as error:
        _log.debug("%s does not tell its memory: %s", shown, error)
        return Card(shown, None, None)
    return Card(shown, total, free)


def named_by_kernel(root: Path = Path("/")) -> tuple[Card, ...]:
    """The cards that the driver's files name (Linux): their memory is not told there, so it waits for the table."""
    found = []
    for file in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        try:
            lines = file.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == "Model" and value.strip():
                found.append(Card(one_line(value.strip()), None, None, from_table=True))
    return tuple(found)
