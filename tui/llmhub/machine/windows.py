"""Cards of a Windows machine, from the registry: WMI's figure has 32 bits and is wrong above 4 GiB."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping

from llmhub.core.plain import one_line
from llmhub.machine import chips
from llmhub.machine.cards import Card

_DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_NAME, _SIZE = "DriverDesc", "HardwareInformation.qwMemorySize"
_MAKERS = {"nvidia": "NVIDIA", "amd": "AMD", "radeon": "AMD", "intel": "Intel", "arc": "Intel"}

Entries = Callable[[], Iterable[Mapping[str, object]]]
"""The values of each display driver."""


def entries() -> list[dict[str, object]]:
    """From the registry; none on another system."""
    found: list[dict[str, object]] = []
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _DISPLAY_CLASS) as drivers:
                for number in range(winreg.QueryInfoKey(drivers)[0]):
                    try:
                        with winreg.OpenKey(drivers, winreg.EnumKey(drivers, number)) as driver:
                            found.append({name: winreg.QueryValueEx(driver, name)[0] for name in (_NAME, _SIZE)})
                    except OSError:
                        continue  # no card, or a key that only the system may read
        except OSError:
            return found
    return found


def cards(read: Entries = entries) -> tuple[Card, ...]:
    """Cards with memory of their own. What is free is not told.

    Parts of a processor are left out: what the registry tells of them is the piece set aside, not what they may use.
    """
    found = []
    for entry in read():
        name, size = entry.get(_NAME), entry.get(_SIZE)
        if isinstance(size, bytes):  # some drivers write it as bytes
            size = int.from_bytes(size, "little")
        if not isinstance(name, str) or isinstance(size, bool) or not isinstance(size, int) or size <= 0:
            continue
        shown = one_line(name)
        maker = next((maker for word, maker in _MAKERS.items() if word in shown.lower()), None)
        if maker is not None and not chips.shares_memory(shown) and chips.card_gib(shown):
            found.append(Card(shown, size, None, maker))
    return tuple(found)
