"""The processor's name."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from llmhub.machine import apple


def chip_name(root: Path = Path("/")) -> str | None:
    """The processor, as the system calls it."""
    if sys.platform == "darwin":
        return apple.text_of(apple.sysctl("machdep.cpu.brand_string"))
    try:
        lines = (root / "proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor() or None
    names = ("model name", "Model", "Hardware", "cpu model")
    for name in names:
        for line in lines:
            key, colon, value = line.partition(":")
            if colon and key.strip() == name and value.strip():
                return " ".join(value.split())
    return platform.processor() or platform.machine() or None
