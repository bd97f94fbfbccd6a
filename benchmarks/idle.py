"""What the app takes from the processor while nobody does anything and the daemon is watched.

`python -m benchmarks.idle [--quick]`
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.bare_app import READY
from benchmarks.command import benchmark
from benchmarks.daemon import APP_READY, BARE, Daemon, environment
from benchmarks.figures import Row, at_most, context
from benchmarks.pty_app import PtyApp

GROUP = "idle"
MAX_S_PER_MIN = 0.35
_SETTLED_S = 5.0


def measure(*, quick: bool) -> list[Row]:
    """The app on a chat with a loaded model, and a bare app beside it, over the same seconds."""
    seconds = 10.0 if quick else 30.0
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        daemon.point(1000, 100)
        daemon.load()
        with daemon.app() as app, PtyApp(BARE, environment(Path(folder))) as bare:
            app.wait(APP_READY)
            bare.wait(READY)
            time.sleep(_SETTLED_S)
            before, bare_before, began = app.cpu_s(), bare.cpu_s(), time.monotonic()
            time.sleep(seconds)
            used, bare_used, passed = app.cpu_s() - before, bare.cpu_s() - bare_before, time.monotonic() - began
    return [
        context(GROUP, f"bare Textual over {seconds:.0f} s", bare_used * 60 / passed, " s/min"),
        at_most(GROUP, f"llmhub over {seconds:.0f} s, the daemon watched", used * 60 / passed, MAX_S_PER_MIN, " s/min"),
    ]


if __name__ == "__main__":
    benchmark(__doc__, measure)
