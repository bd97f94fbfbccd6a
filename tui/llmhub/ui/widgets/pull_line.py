"""One pull on one line: how far, how fast, how long still, and the keys that hold or leave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from llmhub import formats
from llmhub.core.plain import one_line
from llmhub.core.pull_queue import Pull, PullState
from llmhub.core.pulls import PullPhase, PullProgress
from llmhub.ui.models.words import fit_name

_MOST_BAR, _LEAST_BAR = 24, 6
_MOST_NAME, _LEAST_NAME = 40, 12


class PullLine(Widget, can_focus=True):
    """`↓ gpt-oss:20b   ▓▓▓▓▓▓▓░░░░ 61 %  7.8 of 12.8 GiB  42 MiB/s  2 m left  space  x`.

    Without a whole total there is no bar and no percentage, only "at least". Standing still, verifying and waiting are
    said in words. Space and x work while it has the focus; both can be clicked. What its verdict warns of stands on a
    second line while it is pulled.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pull-line--sign",
        "pull-line--bar",
        "pull-line--words",
        "pull-line--warning",
        "pull-line--error",
        "pull-line--key",
    }

    DEFAULT_CSS = """
    PullLine {
        height: 1;
        & > .pull-line--sign { color: $text-accent; }
        & > .pull-line--bar { color: $text-accent; }
        & > .pull-line--words { color: $foreground-muted; }
        & > .pull-line--warning { color: $text-warning; }
        & > .pull-line--error { color: $text-error; }
        & > .pull-line--key { color: $text-accent; text-style: bold; }
        &:hover { background: $surface; }
        &:focus { background: $panel; text-style: bold; }
        &.-warned { height: 2; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "hold", "pause", id="pull.toggle", tooltip="Pause this pull, or go on with it", show=False),
        Binding("x", "leave", "cancel", id="pull.cancel", tooltip="Take this pull out of the queue", show=False),
        Binding("enter", "first", "pull next", id="pull.first", tooltip="Make this pull the next one", show=False),
    ]

    pull: reactive[Pull | None] = reactive(None)

    @dataclass
    class Toggled(Message):
        """Pause it, or go on."""

        name: str

    @dataclass
    class Left(Message):
        """Take it out of the queue."""

        name: str

    @dataclass
    class PutFirst(Message):
        """Pull it next."""

        name: str

    def __init__(self, pull: Pull) -> None:
        super().__init__()
        self._keys_from = (0, 0)
        self.name_of_model = pull.name
        self.set_reactive(PullLine.pull, pull)

    def on_mount(self) -> None:
        """As high as what is said."""
        self.watch_pull()

    def watch_pull(self) -> None:
        """A warning takes a line of its own."""
        self.set_class(bool(self._warning), "-warned")

    @property
    def _warning(self) -> str:
        """What its verdict warns of, while it is pulled."""
        pull = self.pull
        if pull is None or pull.check is None or pull.state is not PullState.PULLING:
            return ""
        from llmhub.formats.pulling import warning

        return warning(pull.check)

    def render(self) -> Content:
        """The line, as much as the width holds; the keys always. Below it the warning, if there is one."""
        pull = self.pull
        if pull is None:
            return Content("")
        line = self._line(pull)
        if not (warning := self._warning):
            return line
        style = self.get_visual_style("pull-line--warning")
        return Content.assemble(line, "\n", (f"   {formats.fit(warning, max(4, self.size.width - 4))}", style))

    def _line(self, pull: Pull) -> Content:
        width = self.size.width
        dim, key = self.get_visual_style("pull-line--words"), self.get_visual_style("pull-line--key")
        sign, sign_style = _sign(pull)
        space, leave = _keys(pull)
        keys = f"{space}  {leave} "
        self._keys_from = (width - len(keys), width - len(leave) - 2)
        room = width - len(keys) - 3 - 2
        told, told_style = told_words(pull)
        progress = pull.progress
        bar, percent = "", ""
        if progress is not None and progress.fraction is not None and pull.state is not PullState.FAILED:
            percent = f"{formats.percent(progress.fraction)}  "
        rest = formats.cells(told) + len(percent) + 2
        for_name = room - rest - (_LEAST_BAR + 1 if percent else 0)
        name = fit_name(one_line(pull.name), max(_LEAST_NAME, min(_MOST_NAME, for_name)))
        if percent:
            cells = min(_MOST_BAR, room - formats.cells(name) - rest - 1)
            bar = f"{formats.bar(progress.fraction, cells)} " if progress is not None and cells >= _LEAST_BAR else ""
        bar += percent
        line = Content.assemble(
            (f" {sign} ", self.get_visual_style(f"pull-line--{sign_style}")),
            f"{name}  ",
            (bar, self.get_visual_style("pull-line--bar")),
            (
                formats.fit(told, max(4, room - formats.cells(name) - formats.cells(bar))),
                self.get_visual_style(f"pull-line--{told_style}") if told_style else dim,
            ),
        )
        gap = max(1, width - line.cell_length - len(keys))
        return Content.assemble(line, " " * gap, (keys, key))

    def on_click(self, event: events.Click) -> None:
        """The keys at the end are buttons."""
        first, second = self._keys_from
        if event.y:
            return
        if event.x >= second:
            self.action_leave()
        elif event.x >= first:
            self.action_hold()

    def action_hold(self) -> None:
        """Pause, or go on."""
        self.post_message(self.Toggled(self.name_of_model))

    def action_leave(self) -> None:
        """Take it out of the queue."""
        self.post_message(self.Left(self.name_of_model))

    def action_first(self) -> None:
        """Make it the next one."""
        self.post_message(self.PutFirst(self.name_of_model))


def told_words(pull: Pull) -> tuple[str, str]:
    """What a pull's line says after the bar, and the component that colours it (empty: dim)."""
    progress = pull.progress
    amount = _amount(progress)
    match pull.state:
        case PullState.WAITING:
            place = "next" if pull.position == 1 else f"{_ordinal(pull.position or 0)}"
            return "  ".join(part for part in (f"waiting, {place}", amount, _short(pull)) if part), ""
        case PullState.PAUSED:
            return "  ".join(part for part in ("paused", amount) if part), "warning"
        case PullState.FAILED:
            happened = one_line(pull.error.happened) if pull.error else "failed"
            return "  ".join(part for part in (happened, amount) if part), "error"
        case PullState.DONE:
            return "done", ""
        case PullState.PULLING:
            return _pulling(progress, amount)


def _short(pull: Pull) -> str:
    """What its verdict warns of, as short as a column is."""
    if pull.check is None:
        return ""
    from llmhub.formats.pulling import short_warning

    return short_warning(pull.check)


def _pulling(progress: PullProgress | None, amount: str) -> tuple[str, str]:
    if progress is None or progress.phase is PullPhase.STARTING:
        return "  ".join(part for part in ("asking the registry", amount) if part), ""
    if progress.phase is PullPhase.VERIFYING:
        return "verifying what came", ""
    if progress.phase in {PullPhase.FINISHING, PullPhase.DONE}:
        return "finishing", ""
    if progress.stalled_s is not None:
        return f"{amount}  stands still for {formats.span(progress.stalled_s)}", "warning"
    parts = [amount]
    if progress.per_s is not None:
        parts.append(formats.byte_rate(progress.per_s))
    if progress.left_s is not None:
        parts.append(f"{formats.span(progress.left_s)} left")
    return "  ".join(part for part in parts if part), ""


def _amount(progress: PullProgress | None) -> str:
    """`7.8 of 12.8 GiB`; `7.8 of at least 12.8 GiB` while the whole is not known; empty before the first byte."""
    if progress is None or (not progress.completed_bytes and not progress.total_bytes):
        return ""
    if progress.total_bytes is None:
        return formats.size(progress.completed_bytes)
    between = " of " if progress.total_is_whole else " of at least "
    return formats.of_bytes(progress.completed_bytes, progress.total_bytes, between)


def _sign(pull: Pull) -> tuple[str, str]:
    signs = {
        PullState.WAITING: ("↓", "words"),
        PullState.PULLING: ("↓", "sign"),
        PullState.PAUSED: ("‖", "warning"),
        PullState.FAILED: ("✗", "error"),
        PullState.DONE: ("✓", "sign"),
    }
    return signs[pull.state]


def _keys(pull: Pull) -> tuple[str, str]:
    """The two buttons at the end; space says what it would do where that is not to hold."""
    if pull.state is PullState.PAUSED:
        return "space: go on", "x"
    if pull.state is PullState.FAILED:
        return "space: again", "x"
    return "space", "x"


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
