"""The models that are offered at the first start, as rows, and what the largest of them trades."""

from __future__ import annotations

from collections.abc import Sequence

from llmhub import formats
from llmhub.core.first_models import Pick
from llmhub.core.hub import Hub
from llmhub.core.memory import MemoryState
from llmhub.core.plain import one_line
from llmhub.core.sizing.speeds import Chip
from llmhub.core.sizing.verdicts import VerdictKind
from llmhub.formats.sizing import gib, speed_column, verdict_column

_MUCH_SLOWER = 1.5
_LIKELY = {True: "likely fits", False: "may not fit", None: "? memory unknown"}


def first_picks(hub: Hub) -> tuple[Pick, ...]:
    """Sized for the context that a chat asks for where nothing else is said."""
    return hub.first_models.picks(hub.memory_state, hub.advisor.chip, hub.services.default_context)


def room_words(memory: MemoryState, chip: Chip | None) -> str:
    """`This Mac can give a model 25.0 GiB (the Metal limit …).`"""
    what = "This Mac" if chip is not None and chip.kind == "apple" else "This machine"
    return f"{what} can give a model {formats.size(memory.capacity_bytes)} ({one_line(memory.source)})."


def pick_rows(found: Sequence[Pick]) -> list[str]:
    """A line for each, in columns."""
    table = [_cells(pick) for pick in found]
    widths = [max((formats.cells(row[at]) for row in table), default=0) for at in range(6)]
    rows = []
    for cells in table:
        padded = []
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            blanks = " " * (width - formats.cells(cell))
            padded.append(blanks + cell if at in _RIGHT else cell + blanks)
        rows.append("  ".join(cell for cell, width in zip(padded, widths, strict=True) if width).rstrip())
    return rows


_RIGHT = {2, 5}


def _cells(pick: Pick) -> tuple[str, ...]:
    """Role, name, to pull, needs, verdict, speed."""
    size = f"{'' if pick.is_file_exact else '~'}{formats.size(pick.file_bytes)}"
    report = pick.report
    if report is None or report.need is None:
        return pick.role, pick.model.name, size, "", _LIKELY[pick.likely_fits], ""
    unknown = report.verdict.kind is VerdictKind.UNKNOWN
    verdict = _LIKELY[None] if unknown else verdict_column(report.verdict)
    speed = f"{speed_column(report.speed)} tok/s" if report.speed.per_s is not None else ""
    return pick.role, pick.model.name, size, f"needs {formats.size(report.need.total_bytes)}", verdict, speed


def trades(found: Sequence[Pick]) -> tuple[str, ...]:
    """What the largest one costs; and whether figures are a rule of thumb."""
    lines = []
    if any(pick.report is None for pick in found):
        lines.append("By a rule of thumb from the size of the file: nothing here was sized.")
    largest = next((pick for pick in found if pick.role == "largest"), None)
    if largest is None or largest.report is None or largest.report.need is None or largest.report.memory is None:
        return tuple(lines)
    memory, need = largest.report.memory, largest.report.need
    left = gib(memory.capacity_bytes - need.total_bytes)
    words = f"The largest leaves {left} of {formats.size(memory.capacity_bytes)} for a longer context"
    other = next((pick for pick in found if pick.role == "balanced"), found[0])
    slow, quick = largest.report.speed.per_s, other.report.speed.per_s if other.report is not None else None
    if slow and quick and quick / slow >= _MUCH_SLOWER:
        words += f", and answers ~{quick / slow:.1f} x slower than {other.model.name}"
    return (*lines, f"{words}.")
