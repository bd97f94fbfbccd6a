"""What a simulated server can be made to do wrong.

A fault is asked for in two ways: `sim.fail_next(Fault(...))` for the next fitting request, or by the model's name,
`llama3.2:3b-fault-cut-12` (the model `llama3.2:3b`, cut after 12 tokens), so that the demo and a person at the keyboard
can ask for one as well.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

ENGINE_KILLED = "an error was encountered while running the model: unexpected EOF"
"""The line that a killed engine leaves (recordings of 0.24.0 and 0.32.15, runner-killed-midstream)."""
RUNNER_STOPPED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
    "check ollama server logs for details"
)
"""500: the engine died while it loaded (ollama-errors.json)."""
OOM_NEW = (
    "llama-server process has terminated: exit status 1: ggml_aligned_malloc: insufficient memory "
    "(attempted to allocate 31320.00 MB)\nggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size "
    "32841400320\nalloc_tensor_range: failed to allocate CPU_REPACK buffer of size 32841400320\n"
    "error loading model: unable to allocate CPU_REPACK buffer"
)
"""500 of 0.32.15 when a model is larger than the memory (recording, too-big-for-memory)."""
OOM_STARTUP = "llama-server reported out-of-memory during startup: cudaMalloc failed: out of memory"
"""500, another text for the same (ollama-api.md, section 6)."""
HTML_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n"
    "<body><h1>502 Bad Gateway</h1><hr>proxy</body></html>\n"
)
HOSTILE_TEXT = (
    "Plain start. \x1b[31mred\x1b[0m \x1b]0;owned\x07 \x1b[2J\x1b[H [bold]markup[/bold] [/] "
    "[link=https://example.org]x[/link] "
    "[@click=app.quit]quit[/] \x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ \x9b31m \x07\x08\x00 $primary end."
)
"""Terminal escapes and markup of Textual and Rich, which must all arrive on the screen as harmless text."""
SEPARATORS_TEXT = "One\u0085two\u2028three\u2029four\x0bfive\x0csix\x1cseven, one line all the same."
"""Characters at which `str.splitlines` and httpx's `iter_lines` split, and the protocol does not (trap T5)."""


class FaultKind(StrEnum):
    """What goes wrong."""

    CUT = "cut"
    """The stream ends cleanly, without a `done` line."""
    CLOSE = "close"
    """The connection is closed in mid-stream, the chunked body unfinished: the daemon was killed."""
    RESET = "reset"
    """The connection is reset."""
    HALF_LINE = "half"
    """The stream ends inside a line."""
    STALL = "stall"
    """Nothing comes for `seconds`, then it goes on."""
    SILENCE = "silence"
    """`seconds` pass before the first byte, headers included."""
    ERROR_LINE = "error"
    """An error line after the tokens; the engine is gone and loads again with the next request."""
    MALFORMED = "malformed"
    """A line that is not JSON; then the stream goes on."""
    HTML = "html"
    """An HTML page instead of JSON, with `status` (200 unless given)."""
    STATUS = "status"
    """`status` and `{"error": text}` before anything else."""
    REPEAT = "repeat"
    """The model says the same piece for ever: a 0.32 daemon ends the stream after 31 of them, without a word."""
    ENDLESS = "endless"
    """The model never stops by itself."""
    HOSTILE = "hostile"
    """The answer is `HOSTILE_TEXT`."""
    SEPARATORS = "separators"
    """The answer is `SEPARATORS_TEXT`."""
    PIECES = "pieces"
    """Every byte arrives in pieces of 1 to 37, cut inside characters."""
    THINK_TAGS = "thinktags"
    """Thoughts come as `<think>` text inside the content, as old model files do it."""
    EMPTY = "empty"
    """The answer has no text at all, only the `done` line."""
    LAST_TEXT = "lasttext"
    """The `done` line carries the last piece of the text."""


_STATUS_NAMES = {
    "oom": (500, OOM_NEW),
    "oomstartup": (500, OOM_STARTUP),
    "runner": (500, RUNNER_STOPPED),
    "busy": (503, "server busy, please try again.  maximum pending requests exceeded"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong once.

    Attributes:
        after: Tokens that are sent properly before it.
        seconds: How long a stall or a silence lasts, on the simulator's clock.
        text: The text of an error line, a status or a reply; each kind has its own default.
        status: HTTP status of `STATUS` and `HTML`.
        path: Which endpoint it is for; `None` is any.
        model: Which model, as it is named in the request; `None` is any.
    """

    kind: FaultKind
    after: int = 3
    seconds: float = 3.0
    text: str = ""
    status: int = 0
    path: str | None = None
    model: str | None = None

    def fits(self, path: str, model: str | None) -> bool:
        """Whether it is meant for a request to `path` naming `model`."""
        return self.path in (None, path) and self.model in (None, model)


_SUFFIX = re.compile(r"^(?P<model>.+)-fault-(?P<kind>[a-z]+)(?:-(?P<number>\d+))?$")


def from_name(name: str) -> tuple[str, Fault | None]:
    """The model a name means, and the fault it asks for.

    The number is seconds for a stall and a silence, tokens for the others.
    """
    match = _SUFFIX.match(name)
    if match is None:
        return name, None
    kind, number = match["kind"], match["number"]
    if kind in _STATUS_NAMES:
        status, text = _STATUS_NAMES[kind]
        return match["model"], Fault(FaultKind.STATUS, status=status, text=text)
    if kind not in set(FaultKind):
        return name, None
    fault_kind = FaultKind(kind)
    if number is None:
        return match["model"], Fault(fault_kind)
    if fault_kind in (FaultKind.SILENCE, FaultKind.STALL):
        return match["model"], Fault(fault_kind, seconds=float(number))
    return match["model"], Fault(fault_kind, after=int(number))


class Fitting(Protocol):
    """A fault that knows which requests it is for."""

    def fits(self, path: str, model: str | None) -> bool:
        """Whether it is meant for a request to `path` naming `model`."""
        ...


_F = TypeVar("_F", bound=Fitting)


class FaultQueue(Generic[_F]):
    """Faults that wait for their request."""

    def __init__(self) -> None:
        self._waiting: deque[_F] = deque()

    def add(self, *faults: _F) -> None:
        """Each is used once, by the first request that fits."""
        self._waiting.extend(faults)

    def take(self, path: str, model: str | None) -> _F | None:
        """The first one that fits, removed from the queue."""
        for fault in self._waiting:
            if fault.fits(path, model):
                self._waiting.remove(fault)
                return fault
        return None

    def __len__(self) -> int:
        return len(self._waiting)
