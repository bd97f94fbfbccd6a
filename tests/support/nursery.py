"""Children that may be killed: one process that has everything imported forks them, so that one costs milliseconds.

Run as a program it is that process: it reads a line of JSON for each child, forks, and answers with the child's number.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

SLOTS = 20_000
ID_BYTES = 26
LIMIT_S = 30.0


class Acknowledged:
    """Ids that a child says are durable, in memory that outlives it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(8 + SLOTS * ID_BYTES)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def __len__(self) -> int:
        return int.from_bytes(self._map[:8], "little")

    def add(self, turn_id: str) -> None:
        """Called by the child, right after it was told that the turn is durable."""
        count = len(self)
        place = 8 + count * ID_BYTES
        self._map[place : place + ID_BYTES] = turn_id.encode("ascii")
        self._map[:8] = (count + 1).to_bytes(8, "little")

    def ids(self) -> list[str]:
        """In the order they were acknowledged."""
        data = self._map[8 : 8 + len(self) * ID_BYTES]
        return [data[at : at + ID_BYTES].decode("ascii") for at in range(0, len(data), ID_BYTES)]

    def wait_for(self, count: int) -> None:
        """Until there are `count`."""
        until(lambda: len(self) >= count)


class Nursery:
    """Starts children by the name of a job in `support.ledger_jobs`, and always knows how they ended."""

    def __init__(self) -> None:
        self._children: set[int] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ) | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def start(self, job: str, **arguments: Any) -> int:
        """Fork a child that runs `job`; its process id."""
        child = self._ask({"job": job, "arguments": arguments})
        self._children.add(child)
        return child

    def wait(self, child: int) -> int:
        """The exit status of a child, negative for the signal that killed it."""
        self._children.discard(child)
        return self._ask({"wait": child})

    def kill(self, child: int) -> None:
        """SIGKILL, and wait until it is gone."""
        os.kill(child, signal.SIGKILL)
        self.wait(child)

    def close(self) -> None:
        """End every child that is left, and the nursery."""
        for child in list(self._children):
            os.kill(child, signal.SIGKILL)
            self.wait(child)
        self._process.communicate(timeout=LIMIT_S)

    def _ask(self, question: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def until(condition: Any, limit_s: float = LIMIT_S) -> None:
    """Wait for a condition, with a limit."""
    end = monotonic() + limit_s
    while not condition():
        assert monotonic() < end, "waited too long"
        sleep(0.0005)


def _serve() -> None:
    from support import ledger_jobs

    ledger_jobs.warm_up()
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            print(os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1]), flush=True)
            continue
        child = os.fork()
        if child == 0:
            sys.stdin.close()
            status = 1
            try:
                getattr(ledger_jobs, question["job"])(**question["arguments"])
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(child, flush=True)


if __name__ == "__main__":
    _serve()
