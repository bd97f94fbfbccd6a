"""What macOS says about itself, asked of the kernel without starting a process."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

GIB = 2**30

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


def gpu_limit_bytes(installed_bytes: int, read: Sysctl = sysctl) -> tuple[int, str]:
    """How much of unified memory the GPU may have, and in words where that is from.

    A limit set by the person (`iogpu.wired_limit_mb`, in MiB, 0 for none) is exact. Otherwise macOS gives about two
    thirds up to 32 GB and three quarters above (memory-sizing.md, a1); newer versions give a little more.
    """
    wired = number_of(read("iogpu.wired_limit_mb"))
    if wired:
        return min(wired * 2**20, installed_bytes), "iogpu.wired_limit_mb of this Mac"
    share = (2, 3) if installed_bytes <= 32 * GIB else (3, 4)
    limit = installed_bytes * share[0] // share[1]
    return limit, f"the usual Metal limit of a {installed_bytes / GIB:.0f} GB Mac, by default"


def host_uuid() -> str | None:
    """The hardware's own id on macOS; `None` elsewhere."""
    if sys.platform == "darwin":
        libc = ctypes.CDLL(None)
        uuid = (ctypes.c_ubyte * 16)()
        wait = (ctypes.c_long * 2)(1, 0)
        if libc.gethostuuid(uuid, wait) == 0:
            return bytes(uuid).hex()
    return None
