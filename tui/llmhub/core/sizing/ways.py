"""What would make a model fit that does not: a shorter context, a smaller KV cache, a smaller quantization."""

from __future__ import annotations

from dataclasses import dataclass, replace

from llmhub.core.sizing.assess import SizedModel, with_room
from llmhub.core.sizing.report import FitReport, LadderRow
from llmhub.core.sizing.verdicts import VerdictKind, judge

HALF_KV = "q8_0"
"""About half of f16, and the first that people try."""
_GOOD = frozenset({VerdictKind.FITS, VerdictKind.FITS_IF_FREED})
_BAD = frozenset({VerdictKind.TIGHT, VerdictKind.PARTIAL, VerdictKind.DOES_NOT_FIT})


@dataclass(frozen=True, slots=True)
class Ways:
    """Each for itself would do; `None` where it would not."""

    context: int | None = None
    """Tokens: the largest that fits."""
    kv_type: str | None = None
    """At the same context."""
    rung: LadderRow | None = None
    """The largest quantization that fits, the rest as it was."""

    def __bool__(self) -> bool:
        return self != NO_WAY


NO_WAY = Ways()


def ways_of(report: FitReport, sized: SizedModel | None) -> Ways:
    """What would clear a verdict that is not good; nothing where it is, or where no verdict could be given."""
    verdict, setup, memory = report.verdict, report.setup, report.memory
    if verdict.kind not in _BAD or verdict.need is None or memory is None:
        return NO_WAY
    largest = report.largest_context
    context = largest if largest and largest < setup.context else None
    kv_type = None
    if sized is not None and setup.kv_type in {"f16", "bf16", "f32"} and setup.flash_attention:
        smaller = with_room(sized, replace(setup, kv_type=HALF_KV), memory)
        need = sized.need(smaller, memory.placement)
        if need is not None and judge(need, memory, own_bytes=verdict.own_bytes).kind in _GOOD:
            kv_type = HALF_KV
    now = verdict.need.total_bytes
    rung = next(
        (
            row
            for row in report.ladder
            if row.verdict.kind in _GOOD and row.need_bytes is not None and row.need_bytes < now
        ),
        None,
    )
    return Ways(context, kv_type, rung)
