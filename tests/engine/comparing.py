"""One prediction beside what a real engine took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from engine.engine_log import EngineMemory
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.need import Need

MIB = 2**20
ALLOWED_PERCENT = 1.0


def printed(size: int) -> Decimal:
    """Bytes as the engine prints them: MiB with two decimals."""
    return Decimal(f"{size / MIB:.2f}")


@dataclass(frozen=True)
class Comparison:
    """A row of the table."""

    version: str
    model: str
    setup: Setup
    need: Need
    taken: EngineMemory
    drifts: Mapping[str, int] = field(default_factory=dict)
    """Known differences of this build, bytes."""

    @property
    def name(self) -> str:
        """Which row this is."""
        slots = f", {self.setup.parallel} slots" if self.setup.parallel > 1 else ""
        attention = "" if self.setup.flash_attention else ", no flash attention"
        return f"{self.model} at {self.setup.context:,} tokens, {self.setup.kv_type}{slots}{attention}"

    @property
    def percent(self) -> float:
        """How far the total is off, in percent of what was taken; above 0: more was taken."""
        return self._percent(self.need.total_bytes)

    @property
    def unexplained_percent(self) -> float:
        """The same beside the prediction with the known differences."""
        return self._percent(self.need.total_bytes + sum(self.drifts.values()))

    def _percent(self, predicted: int) -> float:
        return 100 * (float(self.taken.total) * MIB - predicted) / (float(self.taken.total) * MIB)

    @property
    def parts(self) -> str:
        """Where it is off: taken less predicted, MiB."""
        taken, need = self.taken, self.need
        differences = {
            "weights": taken.weights - printed(need.weights_bytes),
            "caches": sum(taken.caches, Decimal()) - printed(need.kv_bytes),
            "recurrent state": (taken.recurrent or Decimal()) - printed(need.recurrent_bytes),
            "work buffers": taken.compute + taken.output - printed(need.compute_bytes),
        }
        return ", ".join(f"{part} {size:+}" for part, size in differences.items())

    @property
    def line(self) -> str:
        """For the table."""
        text = (
            f"{self.name:<58} predicted {printed(self.need.total_bytes):>7} MiB  taken {self.taken.total:>7} MiB"
            f"  {self.percent:+.2f} %"
        )
        if abs(self.percent) <= ALLOWED_PERCENT:
            return text
        return f"{text}  drift: {' and '.join(self.drifts) or 'unknown'}"
