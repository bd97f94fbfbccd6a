"""NVIDIA cards, through the optional `nvidia-ml-py`."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from typing import Any

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Card:
    """One card. Memory is `None` where the driver does not tell (it shares the computer's own)."""

    name: str
    total_bytes: int | None
    free_bytes: int | None


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
        return tuple(_card(nvml, number) for number in range(nvml.nvmlDeviceGetCount()))
    except nvml.NVMLError as error:
        _log.warning("the NVIDIA driver did not list its cards: %s", error)
        return ()
    finally:
        nvml.nvmlShutdown()


def _card(nvml: Any, number: int) -> Card:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    name = nvml.nvmlDeviceGetName(handle)
    shown = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        _log.debug("%s does not tell its memory: %s", shown, error)
        return Card(shown, None, None)
    return Card(shown, int(memory.total), int(memory.free))
