"""What a second lane costs: a local and a cloud lane that stream side by side, against the local one alone.

`python -m benchmarks.lanes [--quick]`
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.command import benchmark
from benchmarks.daemon import APP, APP_READY, MODEL, Daemon, environment
from benchmarks.figures import Row, at_most, context, median
from benchmarks.pty_app import PtyApp
from benchmarks.stream import AFTER_LAST_S, streamed

GROUP = "lanes"
MAX_RATIO = 1.9
RATE_PER_S = 1000
_ADD_LANE = b"\x14"  # ctrl+t
_CLOUD_MODEL = "sim/firehose"


class Provider:
    """`python -m llmhub.simulators --openrouter` in a process of its own; `with Provider(home, tokens) as provider`."""

    def __init__(self, home: Path, tokens: int) -> None:
        self._home = home
        self._tokens = tokens
        self.url = ""
        self.key = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "llmhub.simulators", "--openrouter", "--rate", str(RATE_PER_S)]
        command += ["--tokens", str(self._tokens), "--first-token", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(self._home))
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.url, self.key = str(told["openrouter_url"]), str(told["openrouter_key"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def last(self) -> dict[str, Any] | None:
        """The last stream's stamps; `None` before the first."""
        address = self.url.removesuffix("/api/v1") + "/_sim/last"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=10) as answer:
            found: dict[str, Any] | None = json.loads(answer.read())["last"]
        return found


def measure(*, quick: bool) -> list[Row]:
    """One lane and two, the same number of tokens in each, at the same rate."""
    rounds, tokens = (1, 2000) if quick else (3, 5000)
    with (
        tempfile.TemporaryDirectory() as folder,
        Daemon(Path(folder)) as daemon,
        Provider(Path(folder), tokens) as cloud,
    ):
        daemon.point(RATE_PER_S, 100)
        daemon.load()
        where = environment(
            Path(folder),
            LLMHUB_HOME=str(Path(folder) / "llmhub"),
            OLLAMA_HOST=daemon.url,
            LLMHUB_OPENROUTER_URL=cloud.url,
            OPENROUTER_API_KEY=cloud.key,
        )
        with PtyApp(APP, where) as app:
            app.wait(APP_READY)
            app.wait(MODEL)
            app.settle()
            streamed(app, daemon, RATE_PER_S, 1000)  # what is imported and opened for the first turn of a run
            one = [streamed(app, daemon, RATE_PER_S, tokens) for _ in range(rounds)]
            _add_cloud_lane(app)
            two = [_both(app, daemon, cloud, tokens) for _ in range(rounds)]
    alone = median(reply.cpu_s for reply in one)
    together = median(two)
    return [
        context(GROUP, f"one lane, {tokens:,} tokens at {RATE_PER_S:,} tok/s: CPU", alone, " s"),
        context(GROUP, "two lanes, as many in each: CPU", together, " s"),
        at_most(GROUP, "two lanes / one lane", together / alone, MAX_RATIO, " x"),
    ]


def _add_cloud_lane(app: PtyApp) -> None:
    app.send(_ADD_LANE)
    app.wait("Add a lane")
    sent_ns = app.send("\r")
    app.wait("Which model?", after_ns=sent_ns)
    app.settle()
    app.send(_CLOUD_MODEL)
    app.wait(_CLOUD_MODEL, after_ns=sent_ns)
    app.settle()
    sent_ns = app.send("\r")
    app.wait("2 lanes", after_ns=sent_ns)
    app.settle()


def _both(app: PtyApp, daemon: Daemon, cloud: Provider, tokens: int) -> float:
    before_cloud = cloud.last()
    reply = streamed(app, daemon, RATE_PER_S, tokens)
    last = cloud.last()
    if last is None or last == before_cloud or int(last["tokens"]) < tokens:
        raise RuntimeError(f"the cloud lane did not stream its {tokens} tokens: {last}; on the screen: {app.tail()!r}")
    if time.monotonic_ns() < int(last["last_token_ns"]) + AFTER_LAST_S * 1e9:
        time.sleep(AFTER_LAST_S)
    return reply.cpu_s


if __name__ == "__main__":
    benchmark(__doc__, measure)
