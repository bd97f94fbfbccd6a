"""A program in a real pseudo-terminal: bytes in, a screen out, signals, and a terminal that can be closed.

POSIX only; tests that use it call `pytest.importorskip("pty")`. What the program writes is read by a thread all the
time, as a terminal does it, and kept twice: as the bytes that came (`raw`) and as the screen they draw (`screen`).
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Self

from rich.cells import cell_len

from support.processes import environment

LIMIT_S = 30.0
"""How long a test waits for what must come; a machine under load is slow."""
KEYS = {
    "enter": b"\r",
    "escape": b"\x1b",
    "tab": b"\t",
    "shift+tab": b"\x1b[Z",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "backspace": b"\x7f",
    "space": b" ",
    "f2": b"\x1bOQ",
    "f3": b"\x1bOR",
    "f4": b"\x1bOS",
    **{f"ctrl+{letter}": bytes([ord(letter) - 96]) for letter in "abcdefghijklmnopqrstuvwxyz"},
}
# A session's first process takes the terminal itself: a `preexec_fn` is not safe beside threads.
_TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
_NOT_PASSED_ON = ("NO_COLOR", "TMUX", "TERM_PROGRAM", "COLUMNS", "LINES")


class Screen:
    """What a terminal would show: enough of ECMA-48 for programs that place every row themselves."""

    _SEQUENCE = re.compile(
        r"\x1b\[(?P<private>[<=>?]?)(?P<numbers>[\d;:]*)(?P<middle>[ -/]*)(?P<final>[@-~])"
        r"|\x1b[\]PX^_](?P<string>.*?)(?:\x07|\x1b\\)"
        r"|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]",
        re.DOTALL,
    )

    def __init__(self, width: int, height: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self.alternate = False
        """Whether the program has a screen of its own, as full-screen programs do."""
        self.modes: dict[str, bool] = {}
        """Private modes that were set or reset, by number: `25` shows the cursor, `1000` tells of the mouse."""
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Another size. Everything is blank until it is drawn again."""
        self.width, self.height = width, height
        self.clear()

    def clear(self) -> None:
        """Blank."""
        self._rows = [[" "] * self.width for _ in range(self.height)]
        self._x = self._y = 0

    @property
    def lines(self) -> list[str]:
        """Rows without blanks at their ends."""
        return ["".join(row).rstrip() for row in self._rows]

    @property
    def text(self) -> str:
        """All rows."""
        return "\n".join(self.lines)

    def feed(self, data: bytes) -> None:
        """Draw what came."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        at = 0
        while at < len(text):
            character = text[at]
            if character == "\x1b":
                match = self._SEQUENCE.match(text, at)
                if match is None:
                    self._rest = text[at:]  # the rest of it is still to come
                    return
                if match["final"]:
                    self._control(match)
                at = match.end()
                continue
            at += 1
            self._put(character)

    def _put(self, character: str) -> None:
        if character == "\r":
            self._x = 0
        elif character == "\n":
            self._y = min(self.height - 1, self._y + 1)
        elif character == "\b":
            self._x = max(0, self._x - 1)
        elif character < " " or "\x7f" <= character < "\xa0":
            return
        else:
            self._write(character)

    def _write(self, character: str) -> None:
        cells = cell_len(character)
        if cells == 0:
            if self._x:
                self._rows[self._y][self._x - 1] += character
            return
        if self._x + cells > self.width:
            return
        self._rows[self._y][self._x] = character
        for more in range(1, cells):
            self._rows[self._y][self._x + more] = ""
        self._x += cells

    def _control(self, match: re.Match[str]) -> None:
        final, private = match["final"], match["private"]
        numbers = [int(part) if part.isdigit() else 0 for part in match["numbers"].split(";")]
        first = numbers[0]
        if private == "?" and final in "hl":
            for number in numbers:
                self.modes[str(number)] = final == "h"
                if number in {47, 1047, 1049}:
                    self.alternate = final == "h"
                    self.clear()
        elif private or match["middle"]:
            return
        elif final in "Hf":
            column = numbers[1] if len(numbers) > 1 else 1
            self._y = min(self.height, max(1, first)) - 1
            self._x = min(self.width, max(1, column)) - 1
        elif final in "ABCD":
            step = max(1, first)
            self._y = max(0, min(self.height - 1, self._y + {"A": -step, "B": step}.get(final, 0)))
            self._x = max(0, min(self.width - 1, self._x + {"D": -step, "C": step}.get(final, 0)))
        elif final == "J" and first == 2:
            self._rows = [[" "] * self.width for _ in range(self.height)]
        elif final == "K":
            self._rows[self._y][self._x :] = [" "] * (self.width - self._x)


class Terminal:
    """A program in a terminal of its own; a context manager that ends it, whatever happened.

    Args:
        command: The program and its arguments.
        size: Columns and rows.
        more: Variables besides this process's own.
    """

    def __init__(
        self, command: Sequence[str], *, size: tuple[int, int] = (80, 24), more: Mapping[str, str] | None = None
    ) -> None:
        self.screen = Screen(*size)
        self.raw = b""
        self._command = list(command)
        self._more = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **(more or {})}
        self._came = threading.Condition()
        self._ending = threading.Event()
        self._terminal: int | None = None

    def __enter__(self) -> Self:
        self._terminal, self._program = os.openpty()
        self._set_size(self.screen.width, self.screen.height)
        self.settings = termios.tcgetattr(self._program)
        """How the terminal was before the program started."""
        env = environment(self._more)
        for name in _NOT_PASSED_ON:
            env.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-ISc", _TAKE, *self._command],
            stdin=self._program,
            stdout=self._program,
            stderr=self._program,
            start_new_session=True,
            env=env,
        )
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT_S)
        self.hang_up()
        os.close(self._program)

    # -- what a person does ----------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Bytes, as a terminal would send them."""
        assert self._terminal is not None
        os.write(self._terminal, data)

    def type(self, text: str) -> None:
        """Characters."""
        self.send(text.encode())

    def press(self, *keys: str) -> None:
        """Keys by name (`KEYS`), or single characters."""
        for key in keys:
            self.send(KEYS[key] if key in KEYS else key.encode())

    def paste(self, text: str) -> None:
        """Text from the clipboard, bracketed as terminals do it."""
        self.send(b"\x1b[200~" + text.encode() + b"\x1b[201~")

    def click(self, column: int, row: int) -> None:
        """Press and release the left button; both from 0. Mouse reports in SGR form."""
        at = f"{column + 1};{row + 1}"
        self.send(f"\x1b[<0;{at}M\x1b[<0;{at}m".encode())

    def click_on(self, text: str) -> None:
        """Click on the first place that reads `text`."""
        row = next(number for number, line in enumerate(self.screen.lines) if text in line)
        line = self.screen.lines[row]
        self.click(cell_len(line[: line.index(text)]), row)

    def resize(self, width: int, height: int) -> None:
        """Another size; the program is told."""
        with self._came:
            self.screen.resize(width, height)
        self._set_size(width, height)

    def hang_up(self) -> None:
        """Close the terminal: the program hears SIGHUP, and nobody reads any more."""
        if self._terminal is None:
            return
        self._ending.set()
        self._reader.join()
        os.close(self._terminal)
        self._terminal = None

    def signal(self, number: signal.Signals) -> None:
        """A signal to the program."""
        self.process.send_signal(number)

    # -- what there is to see ----------------------------------------------------------------------

    def until(self, condition: Callable[[], Any], what: str = "", limit_s: float = LIMIT_S) -> None:
        """Wait until `condition()` is true; it is asked again whenever something was drawn.

        Raises:
            AssertionError: with the screen as text, when it is not true within the limit.
        """
        end = monotonic() + limit_s
        with self._came:
            while not condition():
                if monotonic() > end or (self.process.poll() is not None and not condition()):
                    raise AssertionError(f"did not come: {what or condition}\n{self.screen.text}\n{self._state}")
                self._came.wait(0.05)

    def shows(self, text: str, limit_s: float = LIMIT_S) -> None:
        """Wait until `text` is on the screen."""
        self.until(lambda: text in self.screen.text, f"{text!r} on the screen", limit_s)

    def hides(self, text: str, limit_s: float = LIMIT_S) -> None:
        """Wait until `text` is no longer on the screen."""
        self.until(lambda: text not in self.screen.text, f"a screen without {text!r}", limit_s)

    def ended(self, limit_s: float = LIMIT_S) -> int:
        """Wait for the program's end; its exit status, negative for a signal."""
        try:
            status = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end\n{self.screen.text}") from None
        if self._terminal is not None:
            self.until(lambda: not self._pending(), "the last bytes")
        return status

    @property
    def restored(self) -> bool:
        """Whether line editing is as it was, and the screen, the cursor, the mouse and pastes are the shell's again."""
        left = [mode for mode in ("1000", "1002", "1003", "1006", "2004") if self.screen.modes.get(mode)]
        now = termios.tcgetattr(self._program)
        same = now[:4] == self.settings[:4]
        return same and not left and not self.screen.alternate and self.screen.modes.get("25", True)

    @property
    def _state(self) -> str:
        code = self.process.poll()
        return "it runs" if code is None else f"it ended with {code}: {self.raw[-2000:].decode(errors='replace')}"

    def _pending(self) -> bool:
        assert self._terminal is not None
        return bool(select.select([self._terminal], [], [], 0)[0])

    def _read(self) -> None:
        assert self._terminal is not None
        while not self._ending.is_set():
            if not select.select([self._terminal], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._terminal, 65536)
            except OSError:
                return
            with self._came:
                self.raw += data
                self.screen.feed(data)
                self._came.notify_all()

    def _set_size(self, width: int, height: int) -> None:
        assert self._terminal is not None
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


def llmhub(*arguments: str) -> list[str]:
    """The command that runs llmhub as it is here."""
    return [sys.executable, "-m", "llmhub", *arguments]
