"""Runs a module as `python -m` would and notes which modules are loaded when its first frame is written.

`python -m benchmarks.first_frame FILE WORDS MODULE`: as soon as WORDS are handed to the terminal's driver, the names go
to FILE, in the same thread and before anything that follows the frame can run.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from benchmarks.terminal_text import Search
from textual.drivers.linux_driver import LinuxDriver


def watch(file: Path, words: str) -> None:
    """Note the loaded modules when `words` are written for the first time."""
    search = Search(words)
    write = LinuxDriver.write

    def watched(driver: LinuxDriver, data: str) -> None:
        if search.feed(data.encode("utf-8", "replace")):
            LinuxDriver.write = write  # type: ignore[method-assign]
            file.write_text("\n".join(sorted(sys.modules)), "utf-8")
        write(driver, data)

    LinuxDriver.write = watched  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    target, marker, module = sys.argv[1:4]
    sys.argv = [module, *sys.argv[4:]]
    watch(Path(target), marker)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
