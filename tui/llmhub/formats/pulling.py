"""Why a pull is not begun, and what is told of one that is: the same words on screens and in commands."""

from __future__ import annotations

from llmhub.core.errors import LLMHubError
from llmhub.core.plain import one_line
from llmhub.core.pull_check import PullCheck, PullRefusal, PullWarning
from llmhub.core.sizing.disk import KEPT_FREE_BYTES, DiskVerdict
from llmhub.core.sizing.report import LadderRow
from llmhub.core.sizing.verdicts import VerdictKind
from llmhub.formats.quantities import count, size
from llmhub.formats.sizing import gib, needs_sum, reasons, verdict_column, verdict_sentence

_MOST_NAME = 90
_HAPPENED = {
    (PullRefusal.MEMORY,): "It does not fit into the memory",
    (PullRefusal.DISK,): "It does not fit onto the disk",
    (PullRefusal.MEMORY, PullRefusal.DISK): "It fits neither into the memory nor onto the disk",
}


def refusal(check: PullCheck) -> LLMHubError:
    """Three parts: what speaks against a pull, the arithmetic, and what would clear it.

    How it is pulled all the same is for the screen or the command to say.
    """
    found = check.found
    if not found or (found == (PullRefusal.NAME,) and check.problem is not None):
        problem = check.problem
        return problem if problem is not None else LLMHubError("Nothing speaks against it", _name(check), "pull it")
    sums, ways = [], []
    if PullRefusal.MEMORY in found:
        sums.append(_memory_sum(check))
        ways.append(_memory_way(check))
    if PullRefusal.DISK in found and check.disk is not None:
        sums.append(_disk_sum(check.disk))
        ways.append(f"make room for {size(check.disk.missing_bytes)}: delete models that are no longer needed")
    return LLMHubError(_HAPPENED[found], f"{_name(check)}: {'; '.join(sums)}", "; ".join(ways))


def warning(check: PullCheck) -> str:
    """What is told of a pull that goes on, on one line; empty where there is nothing to tell."""
    verdict, told = check.verdict, []
    for what in check.warnings:
        if what is PullWarning.DISK and check.disk is not None:
            told.append(f"the disk is {size(check.disk.missing_bytes)} too small")
        elif what is PullWarning.SMALLER_CONTEXT and check.report is not None:
            asked = count(check.report.setup.context)
            told.append(f"≈ fits with a context of up to {count(check.smaller_context)} tokens, not with {asked}")
        elif verdict is not None:
            told.append(verdict_sentence(verdict))
            if what is PullWarning.TIGHT and check.smaller_context is not None:
                told.append(f"up to {count(check.smaller_context)} tokens of context it fits")
    return "; ".join(told)


def short_warning(check: PullCheck) -> str:
    """The same as short as a column is: `≈ tight`, `↻ unload 1`, `≈ up to 4,096`; empty where there is none."""
    told = check.warnings
    if not told:
        return ""
    if told[0] is PullWarning.DISK:
        return "✗ disk full"
    if told[0] is PullWarning.SMALLER_CONTEXT:
        return f"≈ up to {count(check.smaller_context)}"
    return verdict_column(check.verdict) if check.verdict is not None else ""


def verdict_line(check: PullCheck) -> str:
    """`4.9 GiB to fetch · ✓ fits: needs 6.2 GiB, …`, for a pull that nothing is to be said against."""
    parts = []
    if check.is_remote:
        return "it runs in Ollama's cloud: nothing is fetched, no memory is taken here"
    if check.disk is not None and check.disk.to_fetch_bytes is not None:
        there = f", {size(check.disk.present_bytes)} are there" if check.disk.present_bytes else ""
        parts.append(f"{size(check.disk.to_fetch_bytes)} to fetch{there}")
    elif check.entry is not None and check.entry.download_bytes is not None:
        parts.append(f"{size(check.entry.download_bytes)} to fetch")
    if check.verdict is not None:
        parts.append(verdict_sentence(check.verdict))
    return " · ".join(parts)


def arithmetic(check: PullCheck) -> tuple[str, ...]:
    """All of it, whole sentences: what `pull --json` lists."""
    told = reasons(check.verdict) if check.verdict is not None else ()
    if check.smaller_context is not None:
        told += (f"It fits with a context of up to {count(check.smaller_context)} tokens.",)
    return told + (check.disk.reasons if check.disk is not None else ())


def _name(check: PullCheck) -> str:
    return one_line(check.name, _MOST_NAME)


def _memory_sum(check: PullCheck) -> str:
    verdict = check.verdict
    if verdict is None or verdict.need is None or verdict.memory is None:
        return "what it needs is not known"
    need, memory = verdict.need, verdict.memory
    over = need.total_bytes - memory.capacity_bytes
    return (
        f"needs {needs_sum(need)}, there are {size(memory.capacity_bytes)} ({one_line(memory.source, 60)}): "
        f"{size(over)} too much"
    )


def _memory_way(check: PullCheck) -> str:
    if check.to_unload:
        names = " and ".join(f"{one_line(holder.name, 60)} ({size(holder.bytes)})" for holder in check.to_unload)
        return f"unload {names}: then it loads, partly on the CPU"
    smaller = check.smaller
    if smaller is None:
        return "no usual quantization of it fits here: take a smaller model"
    return _smaller_words(smaller)


def _smaller_words(row: LadderRow) -> str:
    about = "" if row.is_exact else "about "
    fits = "it fits"
    if row.verdict.kind is VerdictKind.FITS_IF_FREED:
        fits = f"it fits once {size(row.verdict.to_free_bytes)} are freed"
    if row.name is not None:
        return f"take {one_line(row.name, _MOST_NAME)}, {about}{size(row.file_bytes)}: {fits}"
    freed = fits.replace("it fits", "would fit")
    return f"a {row.quantization} of it, {about}{size(row.file_bytes)}, {freed}, where somebody offers one"


def _disk_sum(disk: DiskVerdict) -> str:
    there = f", {gib(disk.present_bytes)} are there already" if disk.present_bytes else ""
    return (
        f"{size(disk.to_fetch_bytes)} to fetch{there}, {gib(KEPT_FREE_BYTES)} to keep free, {size(disk.free_bytes)} of "
        f"the disk are free: {size(disk.missing_bytes)} too few"
    )
