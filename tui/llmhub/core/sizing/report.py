"""Everything that can be said of one model on one machine at one context: what `llmhub fit` prints and screens show."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmhub.core.memory import MemoryState
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.need import Need
from llmhub.core.sizing.speeds import NO_SPEED, Speed
from llmhub.core.sizing.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class LadderRow:
    """One quantization of the model, against the same memory."""

    quantization: str
    name: str | None
    """As it would be pulled; `None` where nobody offers it as far as is known."""
    file_bytes: int | None
    is_exact: bool
    """Whether `file_bytes` stand in a listing."""
    need_bytes: int | None
    verdict: Verdict
    speed: Speed = NO_SPEED
    is_default: bool = False
    """Q4_K_M, or the nearest where it does not exist."""
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class FitReport:
    """One model, sized."""

    model: str
    setup: Setup
    verdict: Verdict
    source: str | None = None
    quantization: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    file_bytes: int | None = None
    download_bytes: int | None = None
    context_trained: int | None = None
    largest_context: int | None = None
    """Largest that fits, tokens; 0 when none does, `None` when unknown."""
    speed: Speed = NO_SPEED
    ladder: tuple[LadderRow, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What the person should know besides: an estimate, the daemon's other figure, an old list."""

    @property
    def need(self) -> Need | None:
        """Term by term; `None` when unknown."""
        return self.verdict.need

    @property
    def memory(self) -> MemoryState | None:
        """The budget it was judged against; `None` when unknown."""
        return self.verdict.memory
