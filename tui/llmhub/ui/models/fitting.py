"""What the columns of the Models table and of the picker say of a model's size."""

from __future__ import annotations

from llmhub import formats
from llmhub.core.places import Place
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.verdicts import VerdictKind
from llmhub.formats.sizing import speed_column, verdict_column
from llmhub.ui.models.rows import ModelRow

MIB, GIB = 2**20, 2**30
INKS = {
    VerdictKind.FITS: "fits",
    VerdictKind.FITS_IF_FREED: "almost",
    VerdictKind.TIGHT: "almost",
    VerdictKind.PARTIAL: "almost",
    VerdictKind.DOES_NOT_FIT: "not",
    VerdictKind.UNKNOWN: "dim",
}
"""The part of a widget whose colour a verdict has; its sign and its words are there besides."""


def verdict(row: ModelRow) -> str:
    """`✓ fits`, `↻ unload 1`, `○ cloud`."""
    return verdict_of(row.fit, row.model.place)


def verdict_of(report: FitReport | None, place: Place) -> str:
    """The verdict in a column; a model that runs elsewhere has none."""
    if not place.is_local:
        return f"{place.sign} cloud"
    return verdict_column(report.verdict) if report is not None else formats.UNKNOWN


def ink(row: ModelRow) -> str:
    """Whose colour the verdict has."""
    return ink_of(row.fit, row.model.place)


def ink_of(report: FitReport | None, place: Place) -> str:
    """Whose colour a verdict has: a part's name."""
    if not place.is_local:
        return "cloud"
    return INKS[report.verdict.kind] if report is not None else "dim"


def needs(row: ModelRow) -> str:
    """`20.8 GiB`; `~20.8 GiB`, `~359 MiB` where a part of it is an estimate."""
    need = row.fit.need if row.fit is not None else None
    if need is None or not row.model.place.is_local:
        return formats.UNKNOWN
    if not need.estimated:
        return formats.size(need.total_bytes)
    small = need.total_bytes < GIB
    return f"~{need.total_bytes / MIB:.0f} MiB" if small else f"~{formats.size(need.total_bytes)}"


def speed(row: ModelRow) -> str:
    """`47.2` measured, `~42` estimated."""
    return speed_column(row.fit.speed) if row.fit is not None else formats.UNKNOWN
