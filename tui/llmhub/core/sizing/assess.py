"""One model on one machine at one context, put together: need, verdict, largest context, speed, ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmhub.core.catalog import Variant
from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.sizing.blocks import KV_TYPES, QUANTIZED_KV
from llmhub.core.sizing.contexts import SMALLEST_BATCH, largest_context
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.ladder import ladder_of, rungs_of
from llmhub.core.sizing.need import Need, need_of
from llmhub.core.sizing.report import FitReport, LadderRow
from llmhub.core.sizing.shapes import ModelShape, ShapeError, shape_of
from llmhub.core.sizing.speed import NO_BANDWIDTH, estimate
from llmhub.core.sizing.speeds import NO_SPEED, Chip, Speed
from llmhub.core.sizing.state import State, state_of
from llmhub.core.sizing.verdicts import Holder, judge, reserve_of, unknown
from llmhub.core.sizing.weights import Weights, weights_of

VISION_WORKSPACE_BYTES = 2**30
"""What encoding an image takes besides the projector (memory-sizing.md, b4)."""


@dataclass(frozen=True, slots=True)
class SizedModel:
    """A model that was understood once and is sized many times; what does not change with the setup."""

    facts: ModelFacts
    shape: ModelShape | None
    weights: Weights | None
    why_not: str = ""
    """Why it cannot be sized, a clause."""

    @property
    def is_sized(self) -> bool:
        """Whether a need can be worked out."""
        return self.shape is not None and self.weights is not None

    @property
    def one_slot(self) -> bool:
        """Whether a daemon runs it with one slot, whatever is set."""
        return self.shape is not None and self.shape.family.one_slot

    def need(self, setup: Setup, placement: Placement) -> Need | None:
        """What it takes; `None` when that cannot be said."""
        if self.shape is None or self.weights is None:
            return None
        return need_of(self.shape, self.weights, setup, placement)

    def state(self, setup: Setup) -> State | None:
        """What it keeps between tokens."""
        return state_of(self.shape, setup) if self.shape is not None else None


def understood(facts: ModelFacts) -> SizedModel:
    """Understand a model once."""
    weights = weights_of(facts)
    try:
        shape = shape_of(facts)
    except ShapeError as error:
        return SizedModel(facts, None, weights, str(error))
    if weights is None:
        return SizedModel(facts, shape, None, "the size of its weights is not known")
    return SizedModel(facts, shape, weights)


def refused(setup: Setup) -> str | None:
    """Why the engine would refuse a setup, a clause; `None` when it would not."""
    if setup.kv_type not in KV_TYPES:
        return f"a KV cache of {setup.kv_type} does not exist; there are {', '.join(KV_TYPES)}"
    if setup.kv_type in QUANTIZED_KV and not setup.flash_attention:
        return f"a KV cache of {setup.kv_type} needs flash attention: the engine refuses it without"
    return None


def with_room(sized: SizedModel, setup: Setup, memory: MemoryState | None) -> Setup:
    """The setup with the batch that the daemon would choose: a larger one than 512 only where it leaves room.

    Source: server/sched.go of ollama (memory-sizing.md, a6). A batch that was given stays, and so does the daemon's
    own choice where no batch makes it fit.
    """
    return _settled(sized, setup, memory)[0]


def _settled(sized: SizedModel, setup: Setup, memory: MemoryState | None) -> tuple[Setup, Need | None]:
    """See `with_room`; and the need that comes of it."""
    need = sized.need(setup, memory.placement if memory else Placement.CPU)
    if need is None or memory is None or setup.batch is not None or setup.micro_batch <= SMALLEST_BATCH:
        return setup, need
    if _is_within(need, memory) or need.weights_bytes >= memory.capacity_bytes:
        return setup, need
    for batch in (1024, SMALLEST_BATCH):
        if batch < setup.micro_batch:
            smaller = replace(setup, batch=batch)
            less = sized.need(smaller, memory.placement)
            if less is not None and _is_within(less, memory):
                return smaller, less
    return setup, need


def _is_within(need: Need, memory: MemoryState) -> bool:
    return need.total_bytes + reserve_of(need.total_bytes, memory) <= memory.capacity_bytes


def assess(
    model: str,
    sized: SizedModel | None,
    setup: Setup,
    memory: MemoryState | None,
    *,
    chip: Chip | None = None,
    measured: Speed | None = None,
    holders: Sequence[Holder] = (),
    own_bytes: int = 0,
    variants: Sequence[Variant] | None = None,
    source: str | None = None,
    quantization: str | None = None,
    download_bytes: int | None = None,
    correction_bytes: int = 0,
    why_unknown: str = "",
    with_largest: bool = True,
) -> FitReport:
    """Say everything that can be said.

    Args:
        sized: `None` when nothing of its insides is known; `why_unknown` says why.
        measured: A speed that was seen here; it replaces the estimate.
        variants: Other quantizations for the ladder; `None` for no ladder.
        correction_bytes: What earlier loads on this machine took more, or less, than predicted.
        with_largest: Whether to look for the largest context that fits: it takes as long as a dozen sizings.
    """
    refusal = refused(setup)
    asked, need = setup, None
    if sized is not None and refusal is None:
        setup, need = _settled(sized, setup, memory)
        if need is not None and correction_bytes:
            need = replace(need, correction_bytes=correction_bytes)
    why = refusal or why_unknown or (sized.why_not if sized is not None else "")
    verdict = (
        unknown(refusal, None, memory)
        if refusal
        else judge(need, memory, holders, own_bytes=own_bytes, why_unknown=why)
    )
    if sized is None or sized.shape is None or sized.weights is None or need is None:
        facts = sized.facts if sized is not None else None
        return FitReport(
            model,
            setup,
            verdict,
            source=source,
            quantization=quantization or (facts.quantization if facts else None),
            architecture=facts.architecture if facts else None,
            file_bytes=facts.file_bytes if facts else None,
            download_bytes=download_bytes,
            speed=measured or NO_SPEED,
        )
    shape, weights, facts = sized.shape, sized.weights, sized.facts
    context_bytes = need.state_bytes // max(1, setup.parallel)
    speed = measured or (estimate(shape, weights, context_bytes, chip, verdict) if chip else NO_BANDWIDTH)
    chosen = quantization or facts.quantization
    ladder: tuple[LadderRow, ...] = ()
    if variants is not None:
        rungs = rungs_of(shape, variants, chosen=chosen, chosen_bytes=facts.file_bytes or weights.text_bytes)
        ladder = ladder_of(
            rungs,
            shape,
            weights,
            need,
            memory,
            context_bytes=context_bytes,
            chip=chip,
            holders=holders,
            own_bytes=own_bytes,
            chosen_speed=speed,
        )
    return FitReport(
        model,
        setup,
        verdict,
        source=source or facts.source or None,
        quantization=chosen,
        architecture=shape.architecture,
        parameters=shape.parameters,
        file_bytes=facts.file_bytes,
        download_bytes=download_bytes,
        context_trained=shape.context_trained,
        largest_context=largest_context(shape, weights, asked, memory, correction_bytes)
        if memory and with_largest
        else None,
        speed=speed,
        ladder=ladder,
        notes=notes_of(need, shape, setup),
    )


def notes_of(need: Need, shape: ModelShape, setup: Setup) -> tuple[str, ...]:
    """What the person should know besides the figures, whole sentences without a full stop."""
    notes = list(need.notes)
    if shape.context_trained and setup.context > shape.context_trained:
        notes.append(
            f"the model was trained for {shape.context_trained:,} tokens; the daemon cuts a longer context to that"
        )
    if need.projector_bytes:
        notes.append("encoding an image takes about 1 GiB more for a moment")
    if need.full_attention_bytes and need.full_attention_bytes != need.kv_bytes:
        left_out = need.full_attention_bytes
        notes.append(
            f"ollama ps leaves out one of this model's two caches ({left_out / GIB:.2f} GiB, {left_out:,} bytes): "
            "it counts only the last of the two"
        )
    return tuple(notes)
