"""What a model takes in memory, term by term."""

from __future__ import annotations

from dataclasses import dataclass

from llmhub.core.memory import Placement
from llmhub.core.sizing.compute import compute_bytes, metal_extra_bytes, output_bytes
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.shapes import ModelShape
from llmhub.core.sizing.state import state_of
from llmhub.core.sizing.weights import Weights


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes a loaded model takes. The reserve is not in it."""

    weights_bytes: int
    kv_bytes: int
    recurrent_bytes: int
    compute_bytes: int
    """Working space, the small output buffer included."""
    projector_bytes: int = 0
    full_attention_bytes: int | None = None
    """For models with two caches: the bytes of the one of full attention, which `/api/ps` leaves out."""
    correction_bytes: int = 0
    """What earlier loads on this machine took more than was predicted, or less; within bounds."""
    estimated: bool = False
    """Whether a part is an upper bound (an architecture that is not known) or a guess from a file's size."""
    notes: tuple[str, ...] = ()
    """What the person should know of these figures, in words."""

    @property
    def state_bytes(self) -> int:
        """KV cache and recurrent state."""
        return self.kv_bytes + self.recurrent_bytes

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.state_bytes + self.compute_bytes + self.projector_bytes + self.correction_bytes


def need_of(shape: ModelShape, weights: Weights, setup: Setup, placement: Placement = Placement.CPU) -> Need:
    """Size a model for a setup.

    Args:
        placement: What counts of the weights (`Weights.resident_bytes`). State and work buffer are the same graph
            everywhere; a Mac's GPU takes scratch of its own, which grows with the context (engine-memory.md, 3), other
            backends little, which the reserve covers.

    Raises:
        KeyError: the KV type is not known.
    """
    state = state_of(shape, setup)
    work = compute_bytes(shape, setup) + output_bytes(shape, setup)
    if placement is Placement.METAL:
        work += metal_extra_bytes(shape, setup)
    notes = []
    if not shape.is_known:
        notes.append(
            f"{shape.architecture} is not an architecture llmhub knows: all layers counted in full, an upper bound"
        )
    if not weights.is_exact:
        notes.append(
            "the weights were not added up tensor by tensor: they are a file's size, or what its usual mix takes"
        )
    return Need(
        weights_bytes=weights.resident_bytes(shape, placement),
        kv_bytes=state.kv_bytes,
        recurrent_bytes=state.recurrent_bytes,
        compute_bytes=work,
        projector_bytes=weights.projector_bytes,
        full_attention_bytes=state.full_bytes if shape.has_two_caches else None,
        estimated=not shape.is_known or not weights.is_exact,
        notes=tuple(notes),
    )
