"""What the pane below the table says of the selected model, line by line, each piece with the part it is drawn as."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from llmhub import formats
from llmhub.core.models import InstalledModel
from llmhub.core.plain import one_line
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.verdicts import Verdict
from llmhub.formats.sizing import BAR_SIGNS, gib, needs_sum, speed_words, stacked_bar, verdict_sentence
from llmhub.ui.models import fitting, words
from llmhub.ui.models.rows import ModelRow

Piece = tuple[str, str]
"""Text, and the part whose style it has; empty for plain text."""
Line = tuple[Piece, ...]
ROOMY = 8
"""Lines from which on everything is told; below, one line of it."""


@dataclass(frozen=True, slots=True)
class PaneView:
    """All that is shown."""

    row: ModelRow
    report: FitReport | None
    """With the largest context."""
    everything: tuple[InstalledModel, ...]
    now: datetime
    left_out_bytes: int = 0
    """What the daemon leaves out of what it says the loaded model holds."""
    daemon_words: str = ""
    """Why the daemon's figures of what is loaded are others than ours, where it is an older one."""


def pane_lines(view: PaneView, width: int, height: int) -> list[Line]:
    """At most `height` lines; those of `width` cells end in `…` where they are longer."""
    about, where, on_disk = words.about(view.row, view.everything, view.now)
    name = one_line(view.row.name)
    lines: list[Line] = [((name, "name"), (about[len(name) :], ""))]
    report = view.report
    where = _held(view) or where
    if report is None or not view.row.model.place.is_local:
        lines += [(("", ""),), ((where, ""),), ((on_disk, "dim"),)]
        return lines[:height]
    lines += [*_sum(report.verdict, width), _setup(report, width, with_speed=height < ROOMY), _verdict(report)]
    notes = [note for note in report.notes if not (view.left_out_bytes and note.startswith("ollama ps"))]
    if view.row.loaded is not None and view.daemon_words:
        notes.insert(0, one_line(view.daemon_words))
    if height < ROOMY:
        resting = view.row.loaded is None and view.row.job is None
        remark = f"· {notes[0]}" if resting and notes else where if not resting else f"{where} · {on_disk}"
        lines.append(((remark, "dim"),))
    else:
        lines += [((speed_words(report.speed), "dim"),), *(((f"· {note}", "dim"),) for note in notes[:2])]
        lines += [((where, "dim"),), ((on_disk, "dim"),)]
    return lines[:height]


def _sum(verdict: Verdict, width: int) -> list[Line]:
    """The bar and its legend; without a budget or a need what there is of the arithmetic."""
    bar = stacked_bar(verdict, width)
    if bar is not None:
        return [_joined(bar.cells), legend(verdict, width)]
    need, memory = verdict.need, verdict.memory
    lines: list[Line] = []
    lines.append(((f"needs {needs_sum(need)}" if need is not None else "", ""),))
    if memory is not None:
        free = gib(verdict.free_bytes)
        lines.append(((f"there are {formats.size(memory.capacity_bytes)}, {free} free · {memory.source}", ""),))
    else:
        lines.append((("the person who runs that machine can set [machine] memory", "dim"),) if need else (("", ""),))
    return lines


def _joined(cells: tuple[tuple[str, str], ...]) -> Line:
    """Cells of one part put together."""
    found: list[Piece] = []
    for sign, part in cells:
        if found and found[-1][1] == part:
            found[-1] = (found[-1][0] + sign, part)
        else:
            found.append((sign, part))
    return tuple(found)


def legend(verdict: Verdict, width: int) -> Line:
    """`▓ weights 18.4   ▒ KV cache 2.0   ░ compute 0.4   ┊ 18.8 free   ┊ 25.0 limit GiB`, closer where it is narrow."""
    need, memory = verdict.need, verdict.memory
    if need is None or memory is None:
        return ()
    state = "KV cache" if not need.recurrent_bytes else "KV and recurrent state" if need.kv_bytes else "recurrent state"
    told = [
        ("weights", "weights", need.weights_bytes + max(0, need.correction_bytes)),
        ("state", state, need.state_bytes),
        ("compute", "compute", need.compute_bytes),
    ]
    if need.projector_bytes:
        told.append(("projector", "projector", need.projector_bytes))
    free, limit = gib(verdict.free_bytes), gib(memory.capacity_bytes)
    for gap, brevity in (("   ", 0), ("  ", 0), ("  ", 1), ("  ", 2), (" ", 2)):
        pieces: list[Piece] = []
        for part, name, n_bytes in told:
            pieces += [(BAR_SIGNS[part], part), (f" {_BRIEF.get(name, name) if brevity > 1 else name}", "")]
            pieces.append((f" {gib(n_bytes)}{gap}", ""))
        of_it = " for it" if verdict.own_bytes and not brevity else ""
        pieces += [(BAR_SIGNS["tick"], "tick"), (f" {free} free{of_it}{gap}", "")]
        pieces += [(BAR_SIGNS["tick"], "tick"), (f" {limit} limit{'' if brevity else ' GiB'}", "")]
        if sum(formats.cells(text) for text, _ in pieces) <= width:
            break
    return tuple(pieces)


_BRIEF = {"KV cache": "KV", "KV and recurrent state": "state", "recurrent state": "state"}


def _setup(report: FitReport, width: int, *, with_speed: bool) -> Line:
    """`context 8,192   KV f16   largest 20,992   ~9 tok/s (7–10)`."""
    setup, largest = report.setup, report.largest_context
    pieces: list[Piece] = [("context ", "dim"), (formats.count(setup.context), "name")]
    if setup.context == report.context_trained:
        pieces.append((", all it was trained for", "dim"))
    pieces += [("   KV ", "dim"), (setup.kv_type, "")]
    if setup.parallel > 1:
        pieces += [("   slots ", "dim"), (str(setup.parallel), "")]
    if report.memory is not None and report.need is not None:
        pieces += [("   largest ", "dim"), ("none fits" if largest == 0 else formats.count(largest), "")]
    speed = report.speed
    if with_speed and speed.per_s is not None:
        ranged = speed.low_per_s is not None and speed.high_per_s is not None
        shown = formats.rate(speed.per_s, measured=not ranged, low=speed.low_per_s, high=speed.high_per_s)
        if sum(formats.cells(text) for text, _ in pieces) + len(shown) + 3 <= width:
            pieces.append((f"   {shown}", ""))
    return tuple(pieces)


def _verdict(report: FitReport) -> Line:
    return ((verdict_sentence(report.verdict), fitting.INKS[report.verdict.kind]),)


def _held(view: PaneView) -> str:
    """Of a loaded model whose daemon leaves out a cache: both figures, and why they differ."""
    entry = view.row.loaded
    if entry is None or not view.left_out_bytes or view.row.job is not None:
        return ""
    told, held = formats.size(entry.size_bytes), gib(entry.size_bytes + view.left_out_bytes)
    return f"loaded · ollama ps says {told} and leaves out one of its two caches: it holds {held}"
