"""What a pull would bring, judged before a byte of it: does it fit into the memory, and onto the disk?

Refused is what cannot be used: weights that no context makes fit, a disk too small, a name that there is not. The rest
warns and goes on (design.md, section 9). The words for all of it are made by `llmhub.formats.pulling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from llmhub.core.catalog import CatalogEntry, CatalogError, Variant
from llmhub.core.errors import LLMHubError
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.models import LoadedModel, context_to_ask
from llmhub.core.names import name_key
from llmhub.core.sizing.assess import SizedModel, assess
from llmhub.core.sizing.disk import DiskVerdict, ModelsFolder, disk_verdict
from llmhub.core.sizing.entries import sized_entry
from llmhub.core.sizing.facts import EngineSettings
from llmhub.core.sizing.report import FitReport, LadderRow
from llmhub.core.sizing.verdicts import HOST_RESERVE_BYTES, Holder, Verdict, VerdictKind, fewest

LEAST_CONTEXT = 2048
"""Tokens below which a model that fits is of no use: it counts as one that does not."""
NOT_IN_TIME = "it could not be looked up in time"


class PullRefusal(StrEnum):
    """Why a pull is not begun unless the person says so twice."""

    NAME = "name"
    """The registry knows no such name."""
    MEMORY = "memory"
    DISK = "disk"


class PullWarning(StrEnum):
    """What is told of a pull that goes on."""

    SMALLER_CONTEXT = "smaller_context"
    """It does not fit at the context a chat asks for, but at a smaller one."""
    TOO_LARGE = "too_large"
    """It does not fit, but it is here already, or the person wants it all the same."""
    DISK = "disk"
    TIGHT = "tight"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    TO_FREE = "to_free"
    """It fits once something else is unloaded."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine of the daemon at the moment of the question."""

    memory: MemoryState | None = None
    """`None` where nobody can say."""
    holders: tuple[Holder, ...] = ()
    """Every loaded model and what it holds of the memory that counts."""
    installed: frozenset[str] = frozenset()
    """By `names.name_key`."""
    folder: ModelsFolder | None = None
    """`None` where the daemon is on another machine."""
    engine: EngineSettings = field(default_factory=EngineSettings)
    default_context: int = 8192


@dataclass(frozen=True, slots=True)
class PullCheck:
    """What is known of a pull before it begins."""

    name: str
    """As the person typed it."""
    entry: CatalogEntry | None = None
    """`None` when it could not be looked up; `problem` says why."""
    report: FitReport | None = None
    """`None` for a cloud model, and where `refusals` is about the name."""
    disk: DiskVerdict | None = None
    """`None` where the disk is not this machine's."""
    folder: ModelsFolder | None = None
    problem: LLMHubError | None = None
    """Why it could not be looked up."""
    is_update: bool = False
    """Whether the name is installed already."""
    forced: bool = False
    """Whether the person said a second time that it is wanted."""
    to_unload: tuple[Holder, ...] = ()
    """Of a model that does not fit: loaded ones without which it would load, partly on the CPU."""

    @property
    def verdict(self) -> Verdict | None:
        """On the memory."""
        return self.report.verdict if self.report is not None else None

    @property
    def is_remote(self) -> bool:
        """Whether it takes no memory here."""
        return self.entry is not None and self.entry.is_remote

    @property
    def found(self) -> tuple[PullRefusal, ...]:
        """What speaks against it, whether or not the person insists; the gravest first."""
        if isinstance(self.problem, CatalogError) and self.problem.is_unknown and self.entry is None:
            return (PullRefusal.NAME,)
        found = []
        if self.disk is not None and self.disk.fits is False and not self.is_update:
            found.append(PullRefusal.DISK)
        if (
            self.verdict is not None
            and self.verdict.refuses_pull
            and self.smaller_context is None
            and not self.is_update
        ):
            found.insert(0, PullRefusal.MEMORY)
        return tuple(found)

    @property
    def refusals(self) -> tuple[PullRefusal, ...]:
        """Why it is not begun; nothing when it is."""
        return () if self.forced else self.found

    @property
    def smaller_context(self) -> int | None:
        """Tokens with which a model fits that does not at the context asked for; `None` where none is of use."""
        largest = self.report.largest_context if self.report is not None else None
        if self.report is None or largest is None or not LEAST_CONTEXT <= largest < self.report.setup.context:
            return None
        return largest

    @property
    def warnings(self) -> tuple[PullWarning, ...]:
        """What is told of it while it is pulled."""
        told = []
        if self.verdict is not None:
            match self.verdict.kind:
                case VerdictKind.DOES_NOT_FIT:
                    smaller = self.smaller_context is not None
                    told.append(PullWarning.SMALLER_CONTEXT if smaller else PullWarning.TOO_LARGE)
                case VerdictKind.TIGHT:
                    told.append(PullWarning.TIGHT)
                case VerdictKind.PARTIAL:
                    told.append(PullWarning.PARTIAL)
                case VerdictKind.UNKNOWN:
                    told.append(PullWarning.UNKNOWN)
                case VerdictKind.FITS_IF_FREED:
                    told.append(PullWarning.TO_FREE)
        if self.disk is not None and self.disk.fits is False:
            told.append(PullWarning.DISK)
        return tuple(told)

    @property
    def smaller(self) -> LadderRow | None:
        """The largest smaller quantization that fits; its name is `None` where nobody is known to offer it."""
        if self.report is None:
            return None
        size = self.report.file_bytes or 0
        fitting = [
            row
            for row in self.report.ladder
            if not row.is_chosen
            and row.file_bytes is not None
            and row.file_bytes < size
            and row.verdict.kind in {VerdictKind.FITS, VerdictKind.FITS_IF_FREED}
        ]
        return max(fitting, key=lambda row: row.file_bytes or 0, default=None)


def check_of(
    name: str,
    entry: CatalogEntry | None,
    around: Surroundings,
    *,
    problem: LLMHubError | None = None,
    why_unknown: str = "",
    variants: Sequence[Variant] | None = None,
) -> PullCheck:
    """Judge a pull from what was found.

    Args:
        entry: What the catalogue tells; `None` when it told nothing.
        problem: Why it told nothing, or less.
        why_unknown: The same as a clause, where there is no error to name.
        variants: Other quantizations, for one that fits; `None` when nobody asked for them.
    """
    key = name_key(name)
    is_update = key in around.installed
    if isinstance(problem, CatalogError) and problem.is_unknown and entry is None:
        return PullCheck(name, problem=problem, is_update=is_update)
    disk = _disk(entry, around)
    if entry is not None and entry.is_remote:
        return PullCheck(name, entry, None, disk, around.folder, is_update=is_update)
    told = problem or (entry.problem if entry is not None else None)
    why = why_unknown or (told.happened[:1].lower() + told.happened[1:] if told is not None else "")
    sized = sized_entry(entry) if entry is not None else None
    others = tuple(holder for holder in around.holders if name_key(holder.name) != key)
    report = assess(
        name,
        sized,
        around.engine.setup(_context(entry, sized, around), one_slot=sized is not None and sized.one_slot),
        around.memory,
        holders=others,
        own_bytes=sum(holder.bytes for holder in around.holders if name_key(holder.name) == key),
        variants=variants,
        source=entry.source if entry is not None else None,
        quantization=entry.quantization if entry is not None else None,
        download_bytes=entry.download_bytes if entry is not None else None,
        why_unknown=why if sized is None else "",
    )
    return PullCheck(
        name, entry, report, disk, around.folder, told, is_update, to_unload=_to_unload(report.verdict, others)
    )


def held_bytes(loaded: LoadedModel, memory: MemoryState | None) -> int:
    """What a loaded model holds of the memory that counts, as the daemon tells it."""
    return loaded.vram_bytes if memory is not None and memory.placement is Placement.CARD else loaded.size_bytes


def _context(entry: CatalogEntry | None, sized: SizedModel | None, around: Surroundings) -> int:
    trained = entry.context_trained if entry is not None else None
    if trained is None and sized is not None and sized.shape is not None:
        trained = sized.shape.context_trained
    return context_to_ask(wanted=None, preset=None, resident=None, trained=trained, default=around.default_context)


def _disk(entry: CatalogEntry | None, around: Surroundings) -> DiskVerdict | None:
    """`None` too where nothing of the package is known: that says nothing of the disk."""
    if around.folder is None or entry is None or entry.manifest is None:
        return None
    return disk_verdict(entry.manifest.layers, around.folder.present, around.folder.free_bytes)


def _to_unload(verdict: Verdict, holders: Sequence[Holder]) -> tuple[Holder, ...]:
    """Loaded models that keep a model from being partly on a card; nothing frees what is not there at all."""
    need, memory = verdict.need, verdict.memory
    if verdict.kind is not VerdictKind.DOES_NOT_FIT or need is None or memory is None:
        return ()
    if memory.placement is not Placement.CARD or memory.host_free_bytes is None:
        return ()
    host = max(0, memory.host_free_bytes - HOST_RESERVE_BYTES)
    if need.total_bytes > memory.capacity_bytes + host:
        return ()
    return fewest(holders, need.total_bytes - (verdict.free_bytes or 0) - host)
