"""Known differences between llama.cpp as it was measured for the prediction and builds that came after.

A row of `test_real_engine` that is more than one percent off passes only where a drift named here accounts for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmhub.core.sizing.blocks import QUANTIZED_KV
from llmhub.core.sizing.facts import Setup


@dataclass(frozen=True)
class Drift:
    """One difference, in 32-bit floats a token of the micro-batch."""

    name: str
    first_build: int
    """Of those that were looked at, the first that has it."""
    floats: Mapping[str, tuple[int, int]]
    """By model of `engine_models`: with a plain KV cache, with a quantized one."""

    def bytes_of(self, model: str, setup: Setup) -> int:
        """What such a build takes beyond the prediction."""
        plain, quantized = self.floats.get(model, (0, 0))
        return 4 * setup.micro_batch * (quantized if setup.kv_type in QUANTIZED_KV else plain)


MIXED_INPUT = Drift(
    name="inp_mixed_embd",
    first_build=11549,
    floats={"llama": (384, 768), "gemma3": (384, 128), "lfm2": (768, 768), "qwen35": (512, 512)},
)
"""Measured, not documented: b11549 logs one more input of the graph, `inp_mixed_embd`, as wide as an embedding.

b11063 does not have it and allocates what was measured for the prediction. Where a dense feed-forward block is the
peak, that peak is from then on 3F + 5E floats a token, whatever the KV type (F: feed-forward width, E: embedding
width). Before, it was 3F + 3E + Q for dense models, where a quantized KV cache moved it, and 3F + 3E for hybrids. The
table is the difference for the widths of `engine_models`; models whose peak is elsewhere (gpt-oss, granitehybrid) take
what they took.
"""
DRIFTS = (MIXED_INPUT,)


def drifts_of(build: int, model: str, setup: Setup) -> dict[str, int]:
    """Names and bytes of what is known to differ in a build of llama.cpp."""
    all_bytes = {drift.name: drift.bytes_of(model, setup) for drift in DRIFTS if build >= drift.first_build}
    return {name: size for name, size in all_bytes.items() if size}
