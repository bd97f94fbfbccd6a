"""What a command writes: data on stdout, everything else on stderr, nothing that a terminal would obey."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, TextIO

from llmhub import formats
from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.plain import one_line, plain

_STYLES = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33"}
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""What JSON may hold raw, but a terminal would obey and a reader of lines or of UTF-8 would trip over."""
_SIGNS = {
    "✗": "x",
    "✓": "v",
    "●": "*",
    "◐": "o",
    "○": "o",
    "—": "-",
    "·": "-",
    "▓": "#",
    "░": ".",
    "…": "...",
    "≈": "~",
    "▒": "=",
    "▚": "%",
    "┊": "|",
    "↻": "~",
    "◧": "%",
    "›": ">",
    "◂": "<",
    "≤": "<=",
    "≥": ">=",
    "−": "-",
    "–": "-",
}


class Console:
    """The two streams of a command.

    Args:
        out: For data; `sys.stdout` when not given.
        err: For people; `sys.stderr` when not given.
        environ: Where `NO_COLOR` and `TERM` are looked up.
    """

    def __init__(
        self, out: TextIO | None = None, err: TextIO | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        environ = os.environ if environ is None else environ
        self.json = False
        self.colour = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._redraws = environ.get("TERM") != "dumb" and _is_terminal(self._err)
        self._drawn = False

    @property
    def redraws(self) -> bool:
        """Whether progress is one line that is drawn again, or lines below each other."""
        return self._redraws

    @property
    def width(self) -> int:
        """Columns of the terminal; 80 where there is none."""
        return shutil.get_terminal_size((80, 24)).columns

    # -- data ---------------------------------------------------------------------------------

    def print(self, text: str = "", style: str | None = None) -> None:
        """A line of data."""
        self._to(self._out, self._styled(self._out, plain(text), style) + "\n")

    def stream(self, text: str) -> None:
        """A piece of a reply, shown at once."""
        self._to(self._out, plain(text))

    def data(self, value: object) -> None:
        """One JSON object on one line; decimals as text, so that no reader makes floats of money."""
        text = json.dumps(value, ensure_ascii=not _is_unicode(self._out), allow_nan=False, default=_json)
        self._to(self._out, _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")

    # -- for people ---------------------------------------------------------------------------

    def note(self, text: str, style: str | None = None) -> None:
        """A line beside the data."""
        self._to(self._err, self._styled(self._err, plain(text), style) + "\n")

    def aside(self, text: str) -> None:
        """A piece of thought, dim."""
        self._to(self._err, self._styled(self._err, plain(text), "dim"))

    def error(self, error: LLMHubError) -> None:
        """What happened, to what, what to do."""
        self.clear()
        sign = self._styled(self._err, "✗", "red")
        self._to(self._err, f"{sign} {one_line(error.happened)} · {one_line(error.subject)}\n")
        if isinstance(error, BackendError) and error.detail and error.detail not in str(error):
            self.note(f"  it said: {one_line(error.detail, 1000)}", "dim")
        self._to(self._err, f"  {one_line(error.remedy, 1000)}\n")

    def warning(self, error: LLMHubError) -> None:
        """Something is wrong, and the command goes on."""
        self.clear()
        sign = self._styled(self._err, "!", "yellow")
        self._to(
            self._err, f"{sign} {one_line(error.happened)} · {one_line(error.subject)} · {one_line(error.remedy)}\n"
        )

    def progress(self, text: str) -> None:
        """The progress line: drawn over the last one on a terminal, a line of its own elsewhere."""
        line = plain(text).replace("\n", " ")
        if self._redraws:
            line = formats.fit(line, max(20, self.width - 1))
            self._write(self._err, f"\r\x1b[2K{line}")
            self._drawn = True
        else:
            self._to(self._err, line + "\n")

    def clear(self) -> None:
        """Take the progress line away."""
        if self._drawn:
            self._drawn = False
            self._write(self._err, "\r\x1b[2K")

    def close(self) -> None:
        """Hand over what is buffered; a reader that is gone is no error any more."""
        self.clear()
        for stream in (self._out, self._err):
            try:
                stream.flush()
            except (BrokenPipeError, ValueError):
                # Python would try again at exit and complain; there is nobody left to complain to
                if stream is sys.stdout or stream is sys.stderr:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    # -- how ----------------------------------------------------------------------------------

    def _styled(self, stream: TextIO, text: str, style: str | None) -> str:
        if not style or not text or not self.colour or not _is_terminal(stream):
            return text
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"

    def _to(self, stream: TextIO, text: str) -> None:
        self.clear()
        self._write(stream, text)

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        if not _is_unicode(stream):
            for sign, stand_in in _SIGNS.items():
                text = text.replace(sign, stand_in)
            text = text.encode(stream.encoding or "ascii", "replace").decode(stream.encoding or "ascii")
        stream.write(text)
        stream.flush()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().replace("-", "").replace("_", "") in {"utf8", "utf16", "utf8sig"}


def _json(value: object) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"not JSON: {type(value).__name__}")
