"""The simulated daemon in a process of its own, and the app that talks to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.pty_app import PtyApp

ROOT = Path(__file__).resolve().parents[1]
MODEL = "bench:latest"
"""The one loaded model, so that the app opens on it. It is a second name, pointed at another speed between runs."""
APP = (sys.executable, "-m", "llmhub")
BARE = (sys.executable, "-m", "benchmarks.bare_app")
APP_READY = "F1 help"
"""At the right end of the last row: when it is there, the first frame is whole."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """A small, clean environment: a terminal with true colour, nothing of the person's own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tui")]),
        **more,
    }


@dataclass(frozen=True, slots=True)
class Handed:
    """When the daemon handed over its last stream, nanoseconds of CLOCK_MONOTONIC."""

    first_token_ns: int
    last_token_ns: int
    """The kernel had every byte of the last token at this moment."""
    done_ns: int
    tokens: int


class Daemon:
    """`python -m llmhub.simulators` on a free port; `with Daemon(home) as daemon`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "llmhub.simulators", "--ollama", "--port", "0", "--load", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(self._home))
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the simulated daemon did not start: exit code {self._process.wait()}")
        self.url = str(json.loads(line)["url"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def point(self, rate_per_s: int, tokens: int) -> None:
        """From now on the model says `tokens` tokens at `rate_per_s`."""
        self._ask("/api/copy", {"source": f"firehose:{rate_per_s}x{tokens}", "destination": MODEL})

    def load(self) -> None:
        """Have the model in memory for good, as the app asks for it."""
        options = {"num_ctx": 8192}
        order = {"model": MODEL, "keep_alive": -1, "options": options, "shift": False, "stream": False}
        self._ask("/api/generate", order)

    def last(self) -> Handed | None:
        """The last stream; `None` before the first."""
        body = self._ask("/_sim/last")["last"]
        if body is None:
            return None
        return Handed(body["first_token_ns"], body["last_token_ns"], body["done_ns"], body["tokens"])

    def app(self, command: Sequence[str] = APP) -> PtyApp:
        """The app against this daemon, with a home of its own; not started yet."""
        where = environment(self._home, LLMHUB_HOME=str(self._home / "llmhub"), OLLAMA_HOST=self.url)
        return PtyApp(command, where)

    def _ask(self, path: str, body: dict[str, object] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None
