"""llmhub, or a few lines that import it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import llmhub

SOURCE = Path(llmhub.__file__).parents[1]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, with the llmhub under test found first."""
    return {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONWARNINGS": "error", **(more or {})}


def run_python(code: str, *, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment(more), check=False
    )


def run_llmhub(
    *arguments: str, stdin: str | None = None, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python -m llmhub` with `arguments`; without `stdin` there is nothing to read."""
    return subprocess.run(
        [sys.executable, "-m", "llmhub", *arguments],
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(more),
        check=False,
    )
