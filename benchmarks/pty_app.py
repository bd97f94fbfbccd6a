"""A program in a terminal of its own: its keys, its output with the moment of each piece, its processor time."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from benchmarks.processes import resident_bytes, tree_cpu_s
from benchmarks.terminal_text import Search, Stripper

COLUMNS, ROWS = 120, 40
_ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y"}
"""What a terminal of today says when asked: frames can be held back until they are whole."""


class NotShownError(Exception):
    """The words did not come in time."""


class PtyApp:
    """One program in a pty of 120 x 40; `with PtyApp([...]) as app: app.wait("ready")`.

    All moments are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. A thread here reads what the
    program writes, so that the program never waits for its terminal and pays nothing for being measured.

    Args:
        command: The program and its arguments.
        environment: All of its environment.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._chunks: list[tuple[int, bytes]] = []
        self._changed = threading.Condition()
        self._ended = False
        self.started_ns = 0

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._wake_out, self._wake_in = os.pipe()
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self.started_ns = time.monotonic_ns()
        self._process = subprocess.Popen(
            self._command, stdin=slave, stdout=slave, stderr=slave, env=self._environment, start_new_session=True
        )
        os.close(slave)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        os.write(self._wake_in, b"x")
        self._reader.join()
        for descriptor in (self._master, self._wake_in, self._wake_out):
            os.close(descriptor)

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    def send(self, keys: str | bytes) -> int:
        """Press keys; the moment just before."""
        at_ns = time.monotonic_ns()
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)
        return at_ns

    def wait(self, words: str, *, after_ns: int = 0, limit_s: float = 20.0) -> int:
        """The moment when `words` had been written, counting output from `after_ns` on.

        Raises:
            NotShownError: not within `limit_s`; the last output as text is in it.
        """
        search = Search(words)
        at_ns = self._follow(lambda chunk: search.feed(chunk), after_ns, limit_s)
        if at_ns is None:
            raise NotShownError(f"{words!r} was not shown within {limit_s:g} s; last: {self.tail()!r}")
        return at_ns

    def first_output(self, limit_s: float = 20.0) -> int:
        """The moment of the very first byte.

        Raises:
            NotShownError: there was none.
        """
        at_ns = self._follow(lambda _: True, 0, limit_s)
        if at_ns is None:
            raise NotShownError("nothing was written")
        return at_ns

    def settle(self, quiet_s: float = 0.4, limit_s: float = 15.0) -> None:
        """Wait until nothing was written for `quiet_s`; give up waiting after `limit_s`."""
        end_ns = time.monotonic_ns() + round(limit_s * 1e9)
        while (now := time.monotonic_ns()) < end_ns:
            last = self._chunks[-1][0] if self._chunks else self.started_ns
            left_s = quiet_s - (now - last) / 1e9
            if left_s <= 0:
                return
            time.sleep(left_s)

    def cpu_s(self) -> float:
        """Processor seconds of the program and all it started."""
        return tree_cpu_s(self.pid)

    def resident_bytes(self) -> int:
        """RAM of the program and all it started."""
        return resident_bytes(self.pid)

    def written(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        """How many bytes, in how many reads, came between two moments."""
        sizes = [len(data) for at_ns, data in self._chunks if start_ns <= at_ns <= end_ns]
        return sum(sizes), len(sizes)

    def frames(self, start_ns: int, end_ns: int) -> int:
        """How many frames were painted between two moments: each ends by telling the terminal to show it."""
        data = b"".join(data for at_ns, data in self._chunks if start_ns <= at_ns <= end_ns)
        return data.count(b"\x1b[?2026l")

    def tail(self, characters: int = 600) -> str:
        """The end of the output as text, for a message."""
        stripper = Stripper()
        text = "".join(stripper.feed(data) for _, data in self._chunks[-40:])
        return " ".join(text.split())[-characters:]

    def _follow(self, holds: Callable[[bytes], bool], after_ns: int, limit_s: float) -> int | None:
        end = time.monotonic() + limit_s
        position = 0
        while True:
            while position < len(self._chunks):
                at_ns, data = self._chunks[position]
                position += 1
                if at_ns >= after_ns and holds(data):
                    return at_ns
            with self._changed:
                left_s = end - time.monotonic()
                if position == len(self._chunks) and (self._ended or left_s <= 0):
                    return None
                if position == len(self._chunks):
                    self._changed.wait(left_s)

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._wake_out], [], [])
            if self._master not in ready:
                break
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # Linux: the last one who had the terminal open is gone
                data = b""
            if not data:
                break
            at_ns = time.monotonic_ns()
            for question, answer in _ANSWERS.items():
                if question in data:
                    os.write(self._master, answer)
            with self._changed:
                self._chunks.append((at_ns, data))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            os.killpg(self._process.pid, number)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                continue
        self._process.wait(5)
