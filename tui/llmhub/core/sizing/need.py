"""What a model takes in memory, term by term."""

from __future__ import annotations

from dataclasses import dataclass


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
        return self.weights_bytes + self.state_bytes + self.compute_bytes + self.projector_bytes
