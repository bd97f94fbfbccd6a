"""Needs, budgets, verdicts and speeds as text, the same on screens and in commands."""

from __future__ import annotations

from dataclasses import dataclass

from llmhub.core.plain import one_line
from llmhub.core.sizing.need import Need
from llmhub.core.sizing.speeds import Speed, SpeedBasis
from llmhub.core.sizing.verdicts import HOST_RESERVE_BYTES, Verdict, VerdictKind
from llmhub.formats.money import UNKNOWN
from llmhub.formats.quantities import size

GIB = 2**30
SIGNS = {
    VerdictKind.FITS: "✓",
    VerdictKind.FITS_IF_FREED: "↻",
    VerdictKind.TIGHT: "≈",
    VerdictKind.PARTIAL: "◧",
    VerdictKind.DOES_NOT_FIT: "✗",
    VerdictKind.UNKNOWN: "?",
}
WORDS = {
    VerdictKind.FITS: "fits",
    VerdictKind.FITS_IF_FREED: "fits if freed",
    VerdictKind.TIGHT: "tight",
    VerdictKind.PARTIAL: "partly on the CPU",
    VerdictKind.DOES_NOT_FIT: "does not fit",
    VerdictKind.UNKNOWN: "unknown",
}
BAR_SIGNS = {"weights": "▓", "state": "▒", "compute": "░", "projector": "▚", "room": "·", "tick": "┊"}
"""What each part of the stacked bar is drawn with; colour comes on top and is never alone."""


def gib(n_bytes: int | None) -> str:
    """Bytes in GiB without the unit, where a line says it once: `18.4`; `<0.1` where one decimal would be 0."""
    if n_bytes is None:
        return UNKNOWN
    if 0 < n_bytes < GIB // 20:
        return "<0.1"
    return f"{n_bytes / GIB:.1f}"


def verdict_words(verdict: Verdict) -> str:
    """`✓ fits`, `◧ partly on the CPU`."""
    return f"{SIGNS[verdict.kind]} {WORDS[verdict.kind]}"


def verdict_column(verdict: Verdict) -> str:
    """As short as a column is: `✓ fits`, `↻ unload 1`, `↻ free 2.1`, `✗ no`, `? unknown`."""
    match verdict.kind:
        case VerdictKind.FITS_IF_FREED if verdict.to_unload:
            return f"↻ unload {len(verdict.to_unload)}"
        case VerdictKind.FITS_IF_FREED:
            return f"↻ free {gib(verdict.to_free_bytes)}"
        case VerdictKind.PARTIAL:
            return "◧ part CPU"
        case VerdictKind.DOES_NOT_FIT:
            return "✗ no"
        case _:
            return verdict_words(verdict)


def verdict_sentence(verdict: Verdict) -> str:
    """One line with the figures: `↻ fits if freed: needs 20.8 GiB, keeps 1.0 free; qwen3:8b holds 6.2`."""
    need, memory = verdict.need, verdict.memory
    if need is None or memory is None:
        return f"{verdict_words(verdict)}: {one_line(verdict.why_unknown)}"
    about = "about " if need.estimated else ""
    needs = f"{verdict_words(verdict)}: needs {about}{size(need.total_bytes)}"
    capacity, kept = gib(memory.capacity_bytes), gib(verdict.reserve_bytes)
    match verdict.kind:
        case VerdictKind.FITS:
            return f"{needs}, keeps {kept} free, {gib(verdict.free_bytes)} are free now"
        case VerdictKind.FITS_IF_FREED:
            return f"{needs}, keeps {kept} free; {_what_goes(verdict)}"
        case VerdictKind.TIGHT:
            return f"{needs} of {capacity}, which leaves less than the {kept} to keep free"
        case VerdictKind.PARTIAL:
            return f"{needs}, the card has {capacity}: the rest would run on the CPU, much slower"
        case _:
            return f"{needs}, there are {capacity}: {gib(need.total_bytes - memory.capacity_bytes)} too much"


def _what_goes(verdict: Verdict) -> str:
    if verdict.to_unload:
        return " and ".join(f"{one_line(holder.name)} holds {gib(holder.bytes)}" for holder in verdict.to_unload)
    return f"{size(verdict.to_free_bytes)} have to come free first"


def reasons(verdict: Verdict) -> tuple[str, ...]:
    """The arithmetic of a verdict, whole sentences; what `fit --json` lists."""
    need, memory = verdict.need, verdict.memory
    lines = []
    if need is not None:
        lines.append(f"It needs {needs_sum(need)}.")
    if memory is not None:
        lines.append(f"There are {size(memory.capacity_bytes)} ({one_line(memory.source)}), {_free_words(verdict)}.")
    if need is None or memory is None:
        why = verdict.why_unknown or "something is not known"
        return (*lines, f"No verdict: {one_line(why)}.")
    total, capacity, kept = need.total_bytes, memory.capacity_bytes, verdict.reserve_bytes
    match verdict.kind:
        case VerdictKind.FITS:
            lines.append(f"{size(total)} and {size(kept)} kept free are within both.")
        case VerdictKind.FITS_IF_FREED:
            lines.append(f"{size(total)} and {size(kept)} kept free are within the capacity, not within what is free.")
            if verdict.to_unload:
                names = " and ".join(f"{one_line(holder.name)} ({size(holder.bytes)})" for holder in verdict.to_unload)
                lines.append(f"It fits when {names} {'is' if len(verdict.to_unload) == 1 else 'are'} unloaded.")
            else:
                lines.append(f"It fits when {size(verdict.to_free_bytes)} come free.")
        case VerdictKind.TIGHT:
            lines.append(f"It would leave {size(capacity - total)}, and {size(kept)} should stay free.")
        case VerdictKind.PARTIAL:
            host = memory.host_free_bytes or 0
            lines.append(f"It is {size(total - capacity)} more than the card has.")
            lines.append(
                f"With {size(host)} of the computer's own memory less {size(HOST_RESERVE_BYTES)} for its system it "
                "loads, and what lies there runs on the CPU, much slower."
            )
        case _:
            lines.append(f"It is {size(total - capacity)} more than there is.")
            if need.weights_bytes > capacity:
                lines.append(f"The weights alone, {size(need.weights_bytes)}, are more than that.")
    return tuple(lines)


def sentence(clause: str) -> str:
    """A clause as a sentence of its own: a capital at its start unless a name stands there, a full stop at its end."""
    words = one_line(clause, 600)
    first = words.partition(" ")[0]
    if first.isascii() and first.isalpha() and first.islower() and not words.startswith("ollama "):
        words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _free_words(verdict: Verdict) -> str:
    memory = verdict.memory
    if memory is not None and memory.imagined:
        return "all of it taken as free"
    held = f", {size(verdict.own_bytes)} of it held by this model already" if verdict.own_bytes else ""
    return f"{size(verdict.free_bytes)} free now{held}"


def needs_sum(need: Need) -> str:
    """`20.8 GiB = weights 18.4 + KV cache 2.0 + compute 0.4`, every term named."""
    terms = [f"weights {gib(need.weights_bytes)}"]
    if need.kv_bytes or not need.recurrent_bytes:
        terms.append(f"KV cache {gib(need.kv_bytes)}")
    if need.recurrent_bytes:
        terms.append(f"recurrent state {gib(need.recurrent_bytes)}")
    terms.append(f"compute {gib(need.compute_bytes)}")
    if need.projector_bytes:
        terms.append(f"projector {gib(need.projector_bytes)}")
    if need.correction_bytes > 0:
        terms.append(f"seen here besides {gib(need.correction_bytes)}")
    total = " + ".join(terms)
    if need.correction_bytes < 0:
        total += f" − seen here {gib(-need.correction_bytes)}"
    return f"{'~' if need.estimated else ''}{gib(need.total_bytes)} GiB = {total}"


def speed_column(speed: Speed) -> str:
    """As short as a column is: `47.2` measured, `~42` estimated, `—`."""
    if speed.per_s is None:
        return UNKNOWN
    if speed.basis is SpeedBasis.MEASURED:
        return f"{speed.per_s:.1f}" if speed.per_s < 99.95 else f"{speed.per_s:.0f}"
    return f"~{_round(speed.per_s)}"


def speed_words(speed: Speed) -> str:
    """`47.2 tok/s, measured here`, `~9 tok/s (7–10) from the memory bandwidth of …`, or why there is none."""
    if speed.per_s is None:
        ceiling = f"; at most ≤{_round(speed.ceiling_per_s)} tok/s" if speed.ceiling_per_s else ""
        return f"{UNKNOWN} tok/s: {one_line(speed.words)}{ceiling}"
    if speed.basis is SpeedBasis.MEASURED:
        return f"{speed_column(speed)} tok/s, {one_line(speed.words)}"
    between = ""
    if speed.low_per_s is not None and speed.high_per_s is not None:
        between = f" ({_round(speed.low_per_s)}–{_round(speed.high_per_s)})"
    return f"~{_round(speed.per_s)} tok/s{between} {one_line(speed.words)}"


def _round(per_s: float) -> str:
    return f"{per_s:.1f}" if per_s < 9.95 and round(per_s, 1) != round(per_s) and per_s < 3 else f"{per_s:.0f}"


@dataclass(frozen=True, slots=True)
class StackedBar:
    """A bar of a need against a budget, cell by cell."""

    cells: tuple[tuple[str, str], ...]
    """Each a sign and the part it stands for: weights, state, compute, projector, room or tick."""
    free_at: int
    """Cell of the tick that says how far what is free now reaches."""
    limit_at: int

    @property
    def text(self) -> str:
        """Without colours."""
        return "".join(sign for sign, _ in self.cells)


def stacked_bar(verdict: Verdict, width: int) -> StackedBar | None:
    """Weights, state, compute and projector in this order, with a tick for what is free and one for the limit.

    The scale ends at the limit, or at the need where that is more. `None` where need or memory is not known.
    """
    need, memory = verdict.need, verdict.memory
    if need is None or memory is None or width < 8:
        return None
    free = min(memory.capacity_bytes, verdict.free_bytes or 0)
    scale = max(need.total_bytes, memory.capacity_bytes, 1)
    parts = (
        ("weights", need.weights_bytes + max(0, need.correction_bytes)),
        ("state", need.state_bytes),
        ("compute", need.compute_bytes),
        ("projector", need.projector_bytes),
    )
    cells: list[tuple[str, str]] = []
    upto = 0
    for name, n_bytes in parts:
        upto += n_bytes
        end = min(width, max(len(cells) + (1 if n_bytes else 0), round(upto * width / scale)))
        cells += [(BAR_SIGNS[name], name)] * (end - len(cells))
    cells += [(BAR_SIGNS["room"], "room")] * (width - len(cells))
    free_at, limit_at = (min(width - 1, round(n * width / scale)) for n in (free, memory.capacity_bytes))
    for at in (free_at, limit_at):
        cells[at] = (BAR_SIGNS["tick"], "tick")
    return StackedBar(tuple(cells), free_at, limit_at)
