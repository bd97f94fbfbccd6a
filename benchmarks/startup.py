"""How soon the first frame is painted and the first key echoed, against a bare Textual app; what is imported by then.

`python -m benchmarks.startup [--quick]`
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bare_app import READY
from benchmarks.command import benchmark
from benchmarks.daemon import APP, APP_READY, BARE, MODEL, Daemon, environment
from benchmarks.figures import Row, at_most, context, median, paired_ratio
from benchmarks.pty_app import PtyApp

GROUP = "start"
MAX_FRAME = 1.35
MAX_KEY = 1.6
MAX_RESIDENT_MB = 60
FORBIDDEN = ("ollama", "pydantic", "tinydb")
WORTH_KNOWING = ("httpx", "httpcore", "psutil", "keyring", "platformdirs", "tomlkit", "humanize", "click", "asyncio")
_KEY = "ж"


@dataclass(frozen=True, slots=True)
class Start:
    """One start of llmhub."""

    frame_ms: float
    key_ms: float
    """From the start to the echo of a key that was pressed when the first frame was there."""
    resident_mb: float


def python_ms(home: Path) -> float:
    """The interpreter alone."""
    began = time.monotonic_ns()
    subprocess.run([sys.executable, "-c", "pass"], check=True, env=environment(home))
    return (time.monotonic_ns() - began) / 1e6


def bare_ms(home: Path) -> float:
    """The first frame of a Textual app of one line."""
    with PtyApp(BARE, environment(home)) as app:
        return (app.wait(READY) - app.started_ns) / 1e6


def app_start(daemon: Daemon) -> Start:
    """llmhub, with its daemon running."""
    with daemon.app() as app:
        frame_ns = app.wait(APP_READY)
        app.send(_KEY)
        key_ns = app.wait(_KEY, after_ns=frame_ns)
        app.wait(MODEL)
        app.settle()
        resident_mb = app.resident_bytes() / 1e6
        return Start((frame_ns - app.started_ns) / 1e6, (key_ns - app.started_ns) / 1e6, resident_mb)


def loaded_by_first_frame(daemon: Daemon, home: Path, command: Sequence[str], words: str) -> set[str]:
    """Names of the modules that are loaded when `words` are written."""
    file = home / "modules.txt"
    file.unlink(missing_ok=True)
    with daemon.app([sys.executable, "-m", "benchmarks.first_frame", str(file), words, *command[2:]]) as app:
        app.wait(words)
    return set(file.read_text("utf-8").split())


def measure(*, quick: bool) -> list[Row]:
    """Rounds of python, bare Textual and llmhub, one after the other, after one of each that is not counted."""
    rounds = 5 if quick else 15
    pythons: list[float] = []
    bares: list[float] = []
    starts: list[Start] = []
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        home = Path(folder)
        daemon.point(1000, 100)
        daemon.load()
        for number in range(rounds + 1):
            python, bare, start = python_ms(home), bare_ms(home), app_start(daemon)
            if number:  # the first one writes byte code and fills the disk cache
                pythons.append(python)
                bares.append(bare)
                starts.append(start)
        loaded = loaded_by_first_frame(daemon, home, APP, APP_READY)
        bare_loaded = loaded_by_first_frame(daemon, home, BARE, READY)
    frames = [start.frame_ms for start in starts]
    keys = [start.key_ms for start in starts]
    found = [name for name in FORBIDDEN if name in loaded]
    known = [name for name in WORTH_KNOWING if name in loaded]
    return [
        context(GROUP, "python -c pass", median(pythons), " ms", 0),
        context(GROUP, "bare Textual, first frame", median(bares), " ms", 0),
        context(GROUP, "llmhub, first frame", median(frames), " ms", 0),
        context(GROUP, "llmhub, first key echoed", median(keys), " ms", 0),
        at_most(GROUP, "first frame / bare Textual", paired_ratio(frames, bares), MAX_FRAME, " x"),
        at_most(GROUP, "first key echoed / bare Textual's first frame", paired_ratio(keys, bares), MAX_KEY, " x"),
        at_most(GROUP, "resident at rest", median(start.resident_mb for start in starts), MAX_RESIDENT_MB, " MB", 0),
        Row(GROUP, "loaded by the first frame", ", ".join(found) or "none", f"no {', '.join(FORBIDDEN)}", not found),
        Row(GROUP, "modules by the first frame, bare Textual's", f"{len(loaded)}, {len(bare_loaded)}"),
        Row(GROUP, "others loaded by the first frame", ", ".join(known) or "none"),
    ]


if __name__ == "__main__":
    benchmark(__doc__, measure)
