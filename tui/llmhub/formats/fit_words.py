"""What `llmhub fit` says of a sized model besides what screens say too: lines of words, no wider than they must be."""

from __future__ import annotations

from llmhub.core.memory import MemoryState
from llmhub.core.plain import one_line
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.report import FitReport, LadderRow
from llmhub.core.sizing.verdicts import Holder, Verdict, VerdictKind
from llmhub.core.sizing.ways import Ways
from llmhub.formats.money import UNKNOWN
from llmhub.formats.quantities import count, size
from llmhub.formats.sizing import GIB, gib, needs_sum, verdict_words

LONGEST_NAME = 60
"""Signs of a model's name in a sentence."""
_CLEARLY = 1.05
"""How many times slower is worth a word."""


def parameters(number: int | None) -> str:
    """How many weights a model has: `32.8 B`, `596 M`, `1.0 T`."""
    if number is None:
        return UNKNOWN
    for unit, name in ((10**12, "T"), (10**9, "B"), (10**6, "M")):
        if number >= unit * 0.9995:
            shown = number / unit
            return f"{shown:.1f} {name}" if unit > 10**6 or shown < 9.95 else f"{shown:.0f} {name}"
    return count(number)


def setup_words(setup: Setup, context_trained: int | None) -> str:
    """`8,192 tokens of 40,960 trained, KV cache f16, batch 1,024`."""
    trained = f" of {context_trained:,} trained" if context_trained else ""
    if setup.parallel > 1:
        slots = f"{setup.parallel} slots of {setup.context:,} tokens each{trained}"
    else:
        slots = f"{setup.context:,} tokens{trained}"
    words = f"{slots}, KV cache {setup.kv_type}, batch {setup.micro_batch:,}"
    return words if setup.flash_attention else f"{words}, no flash attention"


def needs_words(verdict: Verdict) -> str:
    """`20.8 GiB = weights 18.4 + KV cache 2.0 + compute 0.4  (1.0 kept free)`."""
    if verdict.need is None:
        return UNKNOWN
    kept = f"  ({gib(verdict.reserve_bytes)} kept free)" if verdict.reserve_bytes else ""
    return f"{needs_sum(verdict.need)}{kept}"


def have_words(verdict: Verdict) -> str:
    """`25.0 GiB  Metal's own limit on this Mac; 18.8 free now`."""
    memory = verdict.memory
    if memory is None:
        return f"{UNKNOWN}  not known: tell it with --memory, or set [machine] memory"
    if memory.imagined:
        free = "all of it free"
    else:
        own = f", {gib(verdict.own_bytes)} of it held by this model" if verdict.own_bytes else ""
        free = f"{gib(verdict.free_bytes)} free now{own}"
    source = one_line(memory.source)
    for term in memory.terms:  # they stand on a line of their own
        source = source.removesuffix(f", {one_line(term.words)}")
    return f"{size(memory.capacity_bytes)}  {source}; {free}"


def capacity_words(memory: MemoryState | None) -> tuple[str, ...]:
    """How a capacity came about, and what there is beside it; a line each."""
    if memory is None:
        return ()
    return tuple(words for words in (terms_words(memory), host_words(memory)) if words)


def terms_words(memory: MemoryState) -> str:
    """How a capacity came about: `installed memory 32.0 − kept by macOS 7.0`; nothing where it is one figure."""
    if len(memory.terms) < 2:
        return ""
    source = one_line(memory.source)
    parts = [(one_line(term.words).removesuffix(f": {source}"), term.bytes) for term in memory.terms]
    words = f"= {parts[0][0]} {gib(parts[0][1])}"
    for called, n_bytes in parts[1:]:
        words += f" {'−' if n_bytes < 0 else '+'} {called} {gib(abs(n_bytes))}"
    return words


def host_words(memory: MemoryState) -> str:
    """What the computer has beside a card; nothing where that does not count."""
    if memory.host_free_bytes is None:
        return ""
    return f"beside it {size(memory.host_free_bytes)} of the computer's own memory" + (
        "" if memory.imagined else ", free now"
    )


def verdict_line(report: FitReport) -> str:
    """`↻ fits if qwen3:8b (6.2 GiB) is unloaded. Largest context that fits: 20,992.`"""
    said = _said(report.verdict)
    return f"{said}. {largest}" if (largest := _largest(report)) else f"{said}."


def _said(verdict: Verdict) -> str:
    need, memory = verdict.need, verdict.memory
    words = verdict_words(verdict)
    if need is None or memory is None:
        return f"{words}: {one_line(verdict.why_unknown)}"
    total, capacity = need.total_bytes, memory.capacity_bytes
    match verdict.kind:
        case VerdictKind.FITS:
            return words
        case VerdictKind.FITS_IF_FREED if verdict.to_unload:
            are = "is" if len(verdict.to_unload) == 1 else "are"
            return f"↻ fits if {_names(verdict.to_unload)} {are} unloaded"
        case VerdictKind.FITS_IF_FREED:
            return f"↻ fits if {size(verdict.to_free_bytes)} come free first"
        case VerdictKind.TIGHT:
            return f"{words}: it would leave {gib(capacity - total)} of the {size(verdict.reserve_bytes)} to keep free"
        case VerdictKind.PARTIAL:
            return f"{words}: it is {size(total - capacity)} more than the card has"
        case _:
            return f"{words}: it is {size(total - capacity)} more than there is"


def _names(holders: tuple[Holder, ...]) -> str:
    return " and ".join(f"{one_line(holder.name, LONGEST_NAME)} ({size(holder.bytes)})" for holder in holders)


def _largest(report: FitReport) -> str:
    largest = report.largest_context
    if largest is None:
        return ""
    on_card = " on the card" if report.verdict.kind is VerdictKind.PARTIAL else ""
    if largest == 0:
        is_tight = report.verdict.kind is VerdictKind.TIGHT
        return "No shorter context would do." if is_tight else f"No context fits{on_card}."
    whole = ", all it was trained for" if largest == report.context_trained else ""
    return f"Largest context that fits{on_card}: {largest:,}{whole}."


def ways_words(ways: Ways) -> str:
    """`It would fit with --ctx 12288, with --kv q8_0, or as Q3_K_M (13.4 GiB).`; nothing where nothing would do."""
    found = []
    if ways.context is not None:
        found.append(f"with --ctx {ways.context}")
    if ways.kv_type is not None:
        found.append(f"with --kv {ways.kv_type}")
    if ways.rung is not None:
        about = "" if ways.rung.is_exact else "~"
        found.append(f"as {one_line(ways.rung.quantization, 24)} ({about}{size(ways.rung.need_bytes)})")
    if not found:
        return ""
    return f"It would fit {', '.join(found[:-1])}{', or ' if len(found) > 1 else ''}{found[-1]}."


def step_up_words(row: LadderRow, above: LadderRow | None) -> str:
    """What the next larger quantization costs: `+2.7 GiB, 1.5 x slower`; `—` on the top rung."""
    if above is None or row.need_bytes is None or above.need_bytes is None:
        return UNKNOWN
    step = above.need_bytes - row.need_bytes
    more = f"+{gib(step)} GiB" if abs(step) >= GIB // 20 else f"+{size(step)}"
    if row.speed.per_s and above.speed.per_s and row.speed.per_s / above.speed.per_s >= _CLEARLY:
        more += f", {row.speed.per_s / above.speed.per_s:.1f} x slower"
    return more
