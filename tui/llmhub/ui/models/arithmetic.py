"""The arithmetic behind a verdict, for the details of a model: every term of the need and of the budget by its name."""

from __future__ import annotations

from llmhub import formats
from llmhub.core.memory import MemoryState
from llmhub.core.plain import one_line
from llmhub.core.sizing.need import Need
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.verdicts import Verdict
from llmhub.formats.sizing import reasons, speed_words, verdict_sentence

Fact = tuple[str, str]
"""A name and a value."""


def arithmetic(report: FitReport) -> list[tuple[str, list[Fact | str]]]:
    """Parts with their heads: facts, and whole sentences."""
    verdict, setup = report.verdict, report.setup
    sentences: list[Fact | str] = [verdict_sentence(verdict), *reasons(verdict)]
    sentences += [f"{note[:1].upper()}{note[1:]}." for note in map(one_line, report.notes)]
    parts = [(f"will it fit, at {setup.context:,} tokens of context", sentences)]
    if verdict.need is not None:
        parts.append(("what it needs", _need(verdict.need)))
    if verdict.memory is not None:
        parts.append(("what there is", _memory(verdict.memory, verdict)))
    run: list[Fact | str] = [("KV cache of type", setup.kv_type), ("micro-batch", f"{setup.micro_batch:,} tokens")]
    if setup.parallel > 1:
        run.append(("slots", str(setup.parallel)))
    largest = report.largest_context
    run.append(("largest context", "none fits" if largest == 0 else formats.count(largest)))
    run.append(("speed", speed_words(report.speed)))
    parts.append(("how it would run", run))
    return parts


def _need(need: Need) -> list[Fact | str]:
    terms = [
        ("weights", need.weights_bytes),
        ("KV cache", need.kv_bytes),
        ("recurrent state", need.recurrent_bytes),
        ("compute", need.compute_bytes),
        ("projector", need.projector_bytes),
        ("seen here besides", need.correction_bytes),
    ]
    facts: list[Fact | str] = [(name, _bytes(n_bytes)) for name, n_bytes in terms if n_bytes]
    return [*facts, ("together", _bytes(need.total_bytes, about=need.estimated))]


def _memory(memory: MemoryState, verdict: Verdict) -> list[Fact | str]:
    facts: list[Fact | str] = [(one_line(term.words), _bytes(term.bytes)) for term in memory.terms]
    facts.append(("capacity", f"{_bytes(memory.capacity_bytes)}: {one_line(memory.source)}"))
    facts.append(("free now", _bytes(memory.free_bytes)))
    if verdict.own_bytes:
        facts.append(("held by this model", _bytes(verdict.own_bytes)))
    if verdict.reserve_bytes:
        facts.append(("kept free", _bytes(verdict.reserve_bytes)))
    facts += [(f"{one_line(holder.name)} holds", _bytes(holder.bytes)) for holder in verdict.to_unload]
    if memory.host_free_bytes is not None:
        facts.append(("free beside the card", _bytes(memory.host_free_bytes)))
    return facts


def _bytes(n_bytes: int, *, about: bool = False) -> str:
    """`20.8 GiB (22,318,743,552 bytes)`; a minus before what is taken away."""
    sign = "−" if n_bytes < 0 else "~" if about else ""
    return f"{sign}{formats.size(abs(n_bytes))} ({sign}{formats.exact_bytes(abs(n_bytes))})"
