"""How fast a model decodes: an estimate from memory bandwidth with its range and ceiling, or a measured figure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SpeedBasis(StrEnum):
    """Where a speed is from; the values are those of `fit --json`."""

    MEASURED = "measured"
    """On this machine, with this model: turns, or `llmhub bench`."""
    BANDWIDTH = "bandwidth"
    """From the chip's memory bandwidth and a fit to published measurements."""


@dataclass(frozen=True, slots=True)
class SpeedClass:
    """The fitted numbers of one class of chips (chips.json, `speed_classes`)."""

    id: str
    eta: float
    """Share of the peak bandwidth that decoding reaches."""
    layer_ms: float
    expert_layer_ms: float
    """In addition, for each layer with experts."""

    @property
    def is_guess(self) -> bool:
        """Whether nothing of the kind was measured: a wide range follows."""
        return self.id == UNKNOWN_CLASS


UNKNOWN_CLASS = "unknown"


@dataclass(frozen=True, slots=True)
class GpuLimit:
    """What macOS let the GPU of a Mac with so much memory have, as it was logged."""

    installed_bytes: int
    limit_bytes: int
    macos: str
    """`older` or `newer`: newer versions give more."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip or card as the table knows it."""

    id: str
    name: str
    kind: str
    """apple, nvidia, amd, intel, apu or cpu."""
    unified: bool
    memory_gib: tuple[int, ...]
    """The sizes it is sold with."""
    bandwidth_gbs: float
    """Peak, 10^9 bytes a second."""
    speed_class: SpeedClass
    gpu_limits: tuple[GpuLimit, ...] = ()
    """For Macs."""
    note: str | None = None
    """What was assumed when this one was chosen, in words."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Decode speed, tokens a second."""

    per_s: float | None
    low_per_s: float | None
    high_per_s: float | None
    ceiling_per_s: float | None
    basis: SpeedBasis | None
    words: str
    """Where it is from, in words: `on an M1 Max, from its memory bandwidth; not measured here yet`."""


NO_SPEED = Speed(None, None, None, None, None, "not known for this machine")
