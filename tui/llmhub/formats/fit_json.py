"""A sized model as `fit --json` writes it (design.md, section 4): a public shape, its fields in this order."""

from __future__ import annotations

from typing import Any

from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speeds import Speed
from llmhub.formats import sizing


def fit_json(report: FitReport) -> dict[str, Any]:
    """Exact figures, `None` for what is not known.

    `need_bytes` is the sum of the four terms before it: what earlier loads taught counts with the work buffer.
    """
    need, memory, setup, verdict = report.need, report.memory, report.setup, report.verdict
    return {
        "model": report.model,
        "source": report.source,
        "quantization": report.quantization,
        "architecture": report.architecture,
        "parameters": report.parameters,
        "file_bytes": report.file_bytes,
        "weights_bytes": need.weights_bytes if need else None,
        "state_bytes": need.state_bytes if need else None,
        "compute_bytes": need.compute_bytes + need.correction_bytes if need else None,
        "projector_bytes": need.projector_bytes if need else None,
        "need_bytes": need.total_bytes if need else None,
        "context": setup.context,
        "context_trained": report.context_trained,
        "largest_context": report.largest_context,
        "kv_type": setup.kv_type,
        "parallel": setup.parallel,
        "batch": setup.micro_batch,
        "budget": {
            "capacity_bytes": memory.capacity_bytes if memory else None,
            "free_bytes": verdict.free_bytes,
            "reserve_bytes": (verdict.reserve_bytes or memory.reserve_bytes) if memory else None,
            "source": memory.source if memory else None,
        },
        "verdict": verdict.kind.value,
        "reasons": [*sizing.reasons(verdict), *(sizing.sentence(note) for note in report.notes)],
        "speed": _speed(report.speed),
    }


def _speed(speed: Speed) -> dict[str, Any]:
    return {
        "estimate_per_s": _rounded(speed.per_s),
        "low_per_s": _rounded(speed.low_per_s),
        "high_per_s": _rounded(speed.high_per_s),
        "ceiling_per_s": _rounded(speed.ceiling_per_s),
        "basis": speed.basis.value if speed.basis else None,
    }


def _rounded(per_s: float | None) -> float | None:
    return None if per_s is None else round(per_s, 2)
