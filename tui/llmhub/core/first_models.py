"""Models to begin with, when a daemon has none: fast, balanced, and the largest that fits.

Sized from the catalogue that ships, so that this needs no network. Where there is no catalogue a rule of thumb stands
in, and says so: the file's bytes and a tenth, plus 1.5 GiB for the context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llmhub.core.catalog import CatalogEntry
from llmhub.core.memory import MemoryState
from llmhub.core.names import name_key
from llmhub.core.sizing.assess import assess, understood
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speeds import Chip
from llmhub.core.sizing.verdicts import VerdictKind

GIB = 1024**3
FAST_PARAMETERS = 2_500_000_000
"""Below so many a model is quick and of little use: offered only where nothing larger fits."""
BALANCED_SHARE = 0.6
"""Of the capacity: the rest is for a longer context and for a second model."""
BALANCED_SHARE_UNTIMED = 0.3
"""The same where no speed is known: a processor without a card, most often."""
BALANCED_PER_S = 15.0
"""Tokens a second: faster than anybody reads."""


@dataclass(frozen=True, slots=True)
class FirstModel:
    """One row of the short list. `file_bytes` is what a pull brings: all layers; `None` where no list told it."""

    name: str
    file_bytes: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Pick:
    """A model offered at the first start."""

    role: str
    model: FirstModel
    likely_fits: bool | None
    """`None` when the machine's memory is not known."""
    report: FitReport | None = None
    """The model sized; `None` where the rule of thumb stands in."""
    file_bytes: int | None = None
    """What a pull brings."""
    is_file_exact: bool = True
    """Whether `file_bytes` stand in a listing; otherwise they are an estimate."""
    parameters: int | None = None


FIRST_MODELS = (
    FirstModel("qwen3:0.6b", None, "tiny, for trying out"),
    FirstModel("llama3.2:1b", None, "small and quick"),
    FirstModel("llama3.2:3b", 2_019_393_189, "quick answers, little memory"),
    FirstModel("gemma3:4b", 3_338_801_804, "reads images as well"),
    FirstModel("qwen2.5:7b", 4_683_087_332, "a sound all-rounder"),
    FirstModel("qwen3:8b", 5_225_388_164, "thinks, uses tools"),
    FirstModel("gemma3:12b", None, "reads images, writes well"),
    FirstModel("qwen3:14b", None, "thinks, uses tools"),
    FirstModel("gpt-oss:20b", 13_793_441_244, "strong reasoning"),
    FirstModel("qwen3-coder:30b", 18_556_700_761, "for code; slow to load"),
    FirstModel("qwen3:30b", None, "many small experts"),
    FirstModel("qwen3:32b", None, "thorough"),
    FirstModel("llama3.3:70b", None, "large, for long texts"),
    FirstModel("gpt-oss:120b", None, "the strongest here that is quick"),
)
"""All layers, as `/api/tags` of public daemons list them; each the library's default: Q4_K_M, gpt-oss MXFP4."""


class FirstModels:
    """Picks from the catalogue; the same question is answered once.

    Args:
        shipped: The catalogue that ships; `None` where there is none.
    """

    def __init__(self, shipped: Callable[[], Sequence[CatalogEntry]] | None = None) -> None:
        self._shipped = shipped
        self._answered: tuple[tuple[object, ...], tuple[Pick, ...]] | None = None

    def picks(self, memory: MemoryState | None, chip: Chip | None, context: int) -> tuple[Pick, ...]:
        """At most three, each another one; none is offered as fitting that does not.

        Args:
            context: Tokens, as a chat would ask for.
        """
        asked = (memory, chip, context)
        if self._answered is None or self._answered[0] != asked:
            sized = self._sized(memory, chip, context)
            capacity = memory.capacity_bytes if memory is not None else None
            self._answered = asked, _chosen(sized, capacity) if sized else picks(FIRST_MODELS, capacity)
        return self._answered[1]

    def _sized(self, memory: MemoryState | None, chip: Chip | None, context: int) -> list[Pick]:
        """The short list's models that the catalogue knows, the smallest need first."""
        entries = {name_key(entry.name): entry for entry in (self._shipped() if self._shipped is not None else ())}
        found = []
        for model in FIRST_MODELS:
            entry = entries.get(name_key(model.name))
            if entry is None or entry.facts is None or entry.is_remote:
                continue
            sized = understood(entry.facts)
            setup = Setup(min(context, entry.context_trained or context))
            report = assess(model.name, sized, setup, memory, chip=chip, with_largest=False)
            if report.need is None:
                continue
            listed = entry.download_bytes or model.file_bytes
            estimated = sized.weights.text_bytes + sized.weights.projector_bytes if sized.weights is not None else None
            fits = None if memory is None else report.verdict.kind in _FITTING
            found.append(Pick("", model, fits, report, listed or estimated, listed is not None, entry.parameters))
        return sorted(found, key=_need)


_FITTING = {VerdictKind.FITS, VerdictKind.FITS_IF_FREED}


def _need(pick: Pick) -> int:
    need = pick.report.need if pick.report is not None else None
    return need.total_bytes if need is not None else 0


def _chosen(sized: list[Pick], capacity_bytes: int | None) -> tuple[Pick, ...]:
    large = [pick for pick in sized if (pick.parameters or 0) >= FAST_PARAMETERS]
    if capacity_bytes is None:
        return _with_roles([("fast", (large or sized)[0]), ("balanced", (large or sized)[len(large or sized) // 3])])
    fitting = [pick for pick in sized if pick.likely_fits]
    if not fitting:
        return _with_roles([("smallest", sized[0])])
    fast = next((pick for pick in large if pick.likely_fits), fitting[0])
    largest = fitting[-1]
    between = [pick for pick in fitting if _need(pick) > _need(fast) and _is_balanced(pick, capacity_bytes)]
    balanced = between[-1] if between else fitting[len(fitting) // 2]
    if _need(balanced) < _need(fast):
        balanced = fast
    return _with_roles([("fast", fast), ("balanced", balanced), ("largest", largest)])


def _is_balanced(pick: Pick, capacity_bytes: int) -> bool:
    per_s = pick.report.speed.per_s if pick.report is not None else None
    if per_s is None:
        return _need(pick) <= capacity_bytes * BALANCED_SHARE_UNTIMED
    return per_s >= BALANCED_PER_S and _need(pick) <= capacity_bytes * BALANCED_SHARE


def _with_roles(chosen: list[tuple[str, Pick]]) -> tuple[Pick, ...]:
    """Each model once, in its first role."""
    found: dict[str, Pick] = {}
    for role, pick in chosen:
        found.setdefault(pick.model.name, replace(pick, role=role))
    return tuple(found.values())


# -- without a catalogue ------------------------------------------------------------------------------


def likely_need_bytes(file_bytes: int) -> int:
    """An upper-side estimate of what a model takes in memory at 8,192 tokens of context."""
    return file_bytes + file_bytes // 10 + GIB * 3 // 2


def picks(models: Sequence[FirstModel], capacity_bytes: int | None) -> tuple[Pick, ...]:
    """By the rule of thumb: the smallest, the middle of what fits, the largest; fewer when fewer differ."""
    known = [(model, model.file_bytes) for model in models if model.file_bytes is not None]
    by_size = sorted(known, key=lambda entry: entry[1])
    if not by_size:
        return ()
    if capacity_bytes is None:
        return _thumbed([("fast", by_size[0]), ("balanced", by_size[len(by_size) // 2])], None)
    fitting = [entry for entry in by_size if likely_need_bytes(entry[1]) <= capacity_bytes]
    if not fitting:
        return _thumbed([("smallest", by_size[0])], False)
    middle = fitting[len(fitting) // 2]
    return _thumbed([("fast", fitting[0]), ("balanced", middle), ("largest", fitting[-1])], True)


def _thumbed(chosen: list[tuple[str, tuple[FirstModel, int]]], fits: bool | None) -> tuple[Pick, ...]:
    return _with_roles([(role, Pick(role, model, fits, file_bytes=size)) for role, (model, size) in chosen])
