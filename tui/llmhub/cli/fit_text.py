"""A sized model as lines of text, 80 columns wide or less."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from llmhub import formats
from llmhub.cli.fit_model import FILE, INSTALLED, TO_PULL
from llmhub.cli.fit_road import Fitted
from llmhub.cli.table import table
from llmhub.core.plain import one_line
from llmhub.core.sizing.ladder import DEFAULT_QUANTIZATION
from llmhub.core.sizing.quantizations import is_same
from llmhub.core.sizing.report import FitReport, LadderRow
from llmhub.core.sizing.verdicts import VerdictKind
from llmhub.formats import fit_words, sizing

WIDTH = 80
_LABEL = 8
_STYLES = {
    VerdictKind.FITS: "green",
    VerdictKind.DOES_NOT_FIT: "red",
    VerdictKind.UNKNOWN: "dim",
}
"""Of the verdict; all others are yellow."""
_LEGEND = (("weights", "weights"), ("state", "KV cache"), ("compute", "compute"), ("projector", "projector"))
_MOST_ROWS = 14


@dataclass(frozen=True, slots=True)
class Line:
    """One line and its style, as `Console.print` takes them."""

    text: str
    style: str | None = None


def fit_lines(fitted: Fitted, width: int = WIDTH, now: datetime | None = None) -> list[Line]:
    """Everything that is said, for a terminal of that width; never more than 80 columns.

    Args:
        now: The moment, for ages.
    """
    width = max(40, min(WIDTH, width))
    report = fitted.report
    lines = [Line(formats.fit(_title(fitted), width), "bold")]
    if report.need is not None:
        if source := _source(fitted, now):
            lines += _labelled("from", source, width, "dim")
        lines += _labelled("at", fit_words.setup_words(report.setup, report.context_trained), width)
        lines += _labelled("needs", fit_words.needs_words(report.verdict), width)
        lines += _labelled("have", fit_words.have_words(report.verdict), width)
        for words in fit_words.capacity_words(report.memory):
            lines += _labelled("", words, width, "dim")
    lines += _bar(report, width)
    lines += _wrapped(fit_words.verdict_line(report), width, 2, _STYLES.get(report.verdict.kind, "yellow"))
    lines += [line for reason in _arithmetic(report) for line in _wrapped(f"  {reason}", width, 2)]
    if ways := fit_words.ways_words(fitted.ways):
        lines += _wrapped(f"  {ways}", width, 2)
    if report.need is not None:
        lines += _wrapped(sizing.speed_words(report.speed), width, 2)
    lines += [line for note in report.notes for line in _wrapped(f"note: {one_line(note, 400)}", width, 6, "dim")]
    if len(report.ladder) > 1:
        lines += [Line(""), *_ladder(report, width)]
    return lines


def _title(fitted: Fitted) -> str:
    report = fitted.report
    words = [one_line(report.model, fit_words.LONGEST_NAME)]
    words += [one_line(report.quantization, 24)] if report.quantization else []
    words += [fit_words.parameters(report.parameters)] if report.parameters else []
    size = report.file_bytes if fitted.origin == FILE else report.download_bytes or report.file_bytes
    if size is not None:
        words.append(f"{formats.size(size)} {fitted.origin}")
    elif fitted.origin == TO_PULL and report.need is not None:
        words.append(f"~{formats.size(report.need.weights_bytes + report.need.projector_bytes)} {fitted.origin}")
    elif fitted.origin == INSTALLED:
        words.append(INSTALLED)
    return "  ".join(words)


def _source(fitted: Fitted, now: datetime | None) -> str:
    words = one_line(fitted.source_words, 200)
    if words and fitted.fetched_at is not None:
        kept = ", as it was kept" if fitted.from_cache else ""
        words += f", looked up {formats.ago(fitted.fetched_at, now)}{kept}"
    return words


def _arithmetic(report: FitReport) -> tuple[str, ...]:
    """The reasons that the lines above do not tell already."""
    if report.need is None or report.memory is None:
        return ()
    told = sizing.reasons(report.verdict)[2:]
    match report.verdict.kind:
        case VerdictKind.FITS_IF_FREED:
            return told[:1]
        case VerdictKind.TIGHT | VerdictKind.PARTIAL | VerdictKind.DOES_NOT_FIT:
            return told[1:]  # how much is too much stands in the verdict's own line
        case _:
            return told


def _bar(report: FitReport, width: int) -> list[Line]:
    bar = sizing.stacked_bar(report.verdict, width)
    if bar is None or report.memory is None:
        return []
    drawn = {part for _, part in bar.cells}
    words = [f"{sizing.BAR_SIGNS[part]} {called}" for part, called in _LEGEND if part in drawn]
    words.append(_ticks(report, bar))
    return [Line(bar.text), *_wrapped("  ".join(words), width, 0, "dim")]


def _ticks(report: FitReport, bar: sizing.StackedBar) -> str:
    memory, tick = report.memory, sizing.BAR_SIGNS["tick"]
    assert memory is not None
    limit = f"{tick} {sizing.gib(memory.capacity_bytes)} limit"
    if bar.free_at == bar.limit_at:
        return limit
    return f"{tick} {sizing.gib(report.verdict.free_bytes)} free  {limit}"


# -- the ladder -----------------------------------------------------------------------------------


def _ladder(report: FitReport, width: int) -> list[Line]:
    rows = _shown(report.ladder)
    above = {id(row): report.ladder[at - 1] if at else None for at, row in enumerate(report.ladder)}
    cells = [
        (
            f"{'›' if row.is_chosen else ' '} {one_line(row.quantization, 16) or formats.UNKNOWN}",
            _about(row, report) + formats.size(row.file_bytes),
            _about(row, report) + formats.size(row.need_bytes),
            sizing.verdict_column(row.verdict),
            sizing.speed_column(row.speed),
            fit_words.step_up_words(row, above[id(row)]) + (" ◂" if row.is_default else ""),
        )
        for row in rows
    ]
    heads = ("  variant", "file", "needs", "verdict", "tok/s", "one step up costs")
    made = table(heads, ("<", ">", ">", "<", ">", "<"), cells)
    styles = ["dim", *("bold" if row.is_chosen else None for row in rows)]
    lines = [Line(formats.fit(text, width), style) for text, style in zip(made, styles, strict=True)]
    return lines + _wrapped(f"  {_key(report, len(rows))}", width, 2, "dim")


def _shown(ladder: tuple[LadderRow, ...]) -> tuple[LadderRow, ...]:
    """All rungs, or those around the chosen one and the default one where they are many."""
    if len(ladder) <= _MOST_ROWS:
        return ladder
    marked = [at for at, row in enumerate(ladder) if row.is_chosen or row.is_default]
    middle = sum(marked) // len(marked) if marked else len(ladder) // 2
    first = max(0, min(middle - _MOST_ROWS // 2, len(ladder) - _MOST_ROWS))
    kept = {*range(first, first + _MOST_ROWS), *marked}
    return tuple(row for at, row in enumerate(ladder) if at in kept)


def _about(row: LadderRow, report: FitReport) -> str:
    """The sign of an estimate; a chosen one is estimated where no listing or file told its size."""
    exact = report.file_bytes is not None if row.is_chosen else row.is_exact
    return "" if exact or row.file_bytes is None else "~"


def _key(report: FitReport, shown: int) -> str:
    """What the signs of the table mean."""
    default = next((row for row in report.ladder if row.is_default), None)
    words = ["› as sized"] if any(row.is_chosen for row in report.ladder) else []
    if default is not None:
        named = "the usual choice"
        if not is_same(default.quantization, DEFAULT_QUANTIZATION):
            named = f"the nearest to {DEFAULT_QUANTIZATION}, which is not offered"
        words.append(f"◂ {named}")
    if any(_about(row, report) for row in report.ladder):
        words.append("~ by its usual mix")
    if shown < len(report.ladder):
        words.append(f"{len(report.ladder) - shown} more are offered")
    return " · ".join(words)


# -- lines ----------------------------------------------------------------------------------------


def _labelled(label: str, words: str, width: int, style: str | None = None) -> list[Line]:
    return _wrapped(f"{label:<{_LABEL}}{words}", width, _LABEL, style)


def _wrapped(text: str, width: int, indent: int, style: str | None = None) -> list[Line]:
    """`text` broken at blanks; blanks within a line stay as they are, a word that is too long is cut."""
    lines: list[str] = []
    line = ""
    rest = text
    while rest:
        body = rest.lstrip(" ") if lines and not line else rest
        blanks = body[: len(body) - len(body.lstrip(" "))]
        word = body[len(blanks) :].partition(" ")[0]
        rest = body[len(blanks) + len(word) :]
        if not word:
            break
        if line and formats.cells(line + blanks + word) > width:
            lines.append(line)
            line = " " * indent + word
        elif lines and not line:
            line = " " * indent + word
        else:
            line += blanks + word
        line = formats.fit(line, width)
    if line:
        lines.append(line)
    return [Line(one, style) for one in lines]
