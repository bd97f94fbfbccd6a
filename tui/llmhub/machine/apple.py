"""What macOS says about itself, asked of the kernel; a program is started for the cores of the GPU alone."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmhub.core.memory import GIB
from llmhub.core.sizing.imagined import metal_limit
from llmhub.core.sizing.speeds import GpuLimit

Sysctl = Callable[[str], bytes | None]
"""The raw value of a kernel variable, `None` where there is none."""


def sysctl(name: str) -> bytes | None:
    """A kernel variable of macOS; `None` elsewhere."""
    if sys.platform == "darwin":
        libc = ctypes.CDLL(None)
        size = ctypes.c_size_t(0)
        if libc.sysctlbyname(name.encode(), None, ctypes.byref(size), None, 0) != 0 or size.value == 0:
            return None
        value = ctypes.create_string_buffer(size.value)
        if libc.sysctlbyname(name.encode(), value, ctypes.byref(size), None, 0) == 0:
            return value.raw[: size.value]
    return None


def text_of(value: bytes | None) -> str | None:
    """A kernel variable that is text."""
    return value.rstrip(b"\0").decode("utf-8", "replace").strip() or None if value else None


def number_of(value: bytes | None) -> int | None:
    """A kernel variable that is a whole number of 4 or 8 bytes."""
    return int.from_bytes(value, sys.byteorder, signed=False) if value and len(value) in {4, 8} else None


def gpu_limit_bytes(
    installed_bytes: int,
    read: Sysctl = sysctl,
    metal: Callable[[], int | None] = lambda: None,
    known: tuple[GpuLimit, ...] = (),
) -> tuple[int, str]:
    """How much of unified memory the GPU may have, and in words where that is from.

    Metal's own figure goes first: it knows the version of macOS and a limit set by the person. Then that limit
    (`iogpu.wired_limit_mb`, in MiB, 0 for none), the table by memory size, the rule of thumb (memory-sizing.md, a1).

    Args:
        metal: Asks Metal; `None` where it cannot.
        known: Limits that were seen on Macs.
    """
    wired = number_of(read("iogpu.wired_limit_mb"))
    asked = metal()
    if asked is not None and 0 < asked <= installed_bytes:
        return asked, "Metal's own limit on this Mac" + (", by iogpu.wired_limit_mb" if wired else "")
    if wired:
        return min(wired * 2**20, installed_bytes), "iogpu.wired_limit_mb of this Mac"
    limit, _ = metal_limit(installed_bytes, known)
    return limit, f"the usual Metal limit of a {installed_bytes / GIB:.0f} GiB Mac, by default"


@dataclass(frozen=True, slots=True)
class Pages:
    """What the kernel's pages of memory are used for."""

    size_bytes: int
    active: int
    inactive: int
    speculative: int
    wired: int
    compressor: int
    purgeable: int
    external: int
    """Backed by files: given back when asked."""


def free_bytes(installed_bytes: int, pages: Pages) -> int:
    """What is free as Ollama counts it (ollama/ollama discover/gpu_info_darwin.m at v0.33.0-rc2)."""
    used = pages.active + pages.inactive + pages.speculative + pages.wired + pages.compressor
    used -= pages.purgeable + pages.external
    return min(installed_bytes, max(0, installed_bytes - used * pages.size_bytes))


class _VmStatistics64(ctypes.Structure):
    """`struct vm_statistics64` of mach/vm_statistics.h."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("free", "active", "inactive", "wired")),
        *(
            (name, ctypes.c_uint64)
            for name in ("zeroed", "reactivated", "ins", "outs", "faults", "copied", "lookups", "hits", "purged")
        ),
        *((name, ctypes.c_uint32) for name in ("purgeable", "speculative")),
        *((name, ctypes.c_uint64) for name in ("decompressed", "compressed", "swapped_in", "swapped_out")),
        *((name, ctypes.c_uint32) for name in ("compressor", "throttled", "external", "internal")),
        ("in_compressor", ctypes.c_uint64),
    )


_HOST_VM_INFO64 = 4


def pages(load: Callable[[], Any] = lambda: ctypes.CDLL(None)) -> Pages | None:
    """The kernel's own count; `None` where it cannot be asked.

    Args:
        load: Opens the system's library, in tests another one.
    """
    try:
        libc = load()
        libc.mach_host_self.restype = ctypes.c_uint32
        host = libc.mach_host_self()
        told, count = _VmStatistics64(), ctypes.c_uint32(ctypes.sizeof(_VmStatistics64) // 4)
        size = ctypes.c_size_t(0)
        if libc.host_statistics64(ctypes.c_uint32(host), _HOST_VM_INFO64, ctypes.byref(told), ctypes.byref(count)) != 0:
            return None
        if libc.host_page_size(ctypes.c_uint32(host), ctypes.byref(size)) != 0 or not size.value:
            return None
    except (OSError, AttributeError, TypeError, ValueError, ctypes.ArgumentError):
        return None
    return Pages(
        size.value,
        told.active,
        told.inactive,
        told.speculative,
        told.wired,
        told.compressor,
        told.purgeable,
        told.external,
    )


def gpu_cores(run: Callable[[], bytes | None] | None = None) -> int | None:
    """Cores of the GPU, which tell apart chips of one name and two bandwidths; `None` elsewhere or when nobody says.

    Starts a program of the system's that takes a second or so: never on the event loop.

    Args:
        run: What the program prints, in tests.
    """
    told = (run or _displays)()
    try:
        displays = json.loads(told or b"{}").get("SPDisplaysDataType", [])
        cores = [str(display.get("sppci_cores", "")) for display in displays]
    except (ValueError, AttributeError, TypeError):
        return None
    known = [int(text) for text in cores if text.isascii() and text.isdigit() and len(text) < 5]
    return max(known, default=0) or None


def _displays() -> bytes | None:
    if sys.platform == "darwin":
        command = ["/usr/sbin/system_profiler", "SPDisplaysDataType", "-json"]
        try:
            return subprocess.run(command, capture_output=True, timeout=10, check=True).stdout  # noqa: S603 - fixed words
        except (OSError, subprocess.SubprocessError):
            return None
    return None


def host_uuid() -> str | None:
    """The hardware's own id on macOS; `None` elsewhere."""
    if sys.platform == "darwin":
        libc = ctypes.CDLL(None)
        uuid = (ctypes.c_ubyte * 16)()
        wait = (ctypes.c_long * 2)(1, 0)
        if libc.gethostuuid(uuid, wait) == 0:
            return bytes(uuid).hex()
    return None
