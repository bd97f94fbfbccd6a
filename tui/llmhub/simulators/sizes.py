"""What a load takes, and what the simulated daemon says of it.

The formula is the one that a real daemon meets (memory-sizing.md, a6: 27 rows of ollama 0.32.15, `ps-sizes.json`), its
mistake included; where it counts what is said in ollama/ollama fb30760, llm/llama_server.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmhub.core.memory import Placement
from llmhub.core.models import Tensor as CoreTensor
from llmhub.core.sizing.compute import output_bytes
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.need import Need, need_of
from llmhub.core.sizing.shapes import ModelShape, shape_of
from llmhub.core.sizing.weights import Weights, weights_of
from llmhub.simulators.shapes import Tensor


class Load:
    """A model in memory at a context."""

    def __init__(
        self, keys: Mapping[str, Any], tensors: Sequence[Tensor], context: int, parallel: int, *, on_gpu: bool
    ) -> None:
        named = tuple(CoreTensor(name, kind, tuple(shape)) for name, kind, shape in tensors)
        facts = ModelFacts(keys, named)
        self.shape: ModelShape = shape_of(facts)
        self.weights: Weights = weights_of(facts) or Weights(0)
        self._setup = Setup(context, parallel=parallel)
        placement = Placement.UNIFIED if on_gpu else Placement.CPU
        self.need: Need = need_of(self.shape, self.weights, self._setup, placement)

    @property
    def file_bytes(self) -> int:
        """All tensors; the header is not in it."""
        return self.weights.text_bytes + self.weights.projector_bytes

    def told_bytes(self, vram_bytes: int, *, modern: bool) -> int:
        """`size` of `/api/ps`.

        From 0.30 on the buffers that the engine logs: without the projector's weights, without the first of two
        caches, and without what lies with the host when all layers are on the GPU. Before, weights and caches, and the
        work buffer where a GPU has it.
        """
        need = self.need
        if not modern:
            return need.weights_bytes + need.state_bytes + (need.compute_bytes if vram_bytes else 0)
        told = need.weights_bytes + need.state_bytes + need.compute_bytes - (need.full_attention_bytes or 0)
        return told - output_bytes(self.shape, self._setup) if vram_bytes >= need.total_bytes else told
