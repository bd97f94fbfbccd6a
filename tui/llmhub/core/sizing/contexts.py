"""The largest context that fits a budget."""

from __future__ import annotations

from dataclasses import replace

from llmhub.core.memory import MemoryState
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.need import need_of
from llmhub.core.sizing.shapes import ModelShape
from llmhub.core.sizing.state import CELL_STEP
from llmhub.core.sizing.verdicts import reserve_of
from llmhub.core.sizing.weights import Weights

MOST_TOKENS = 2**20
"""Looked at where a model does not say what it was trained for."""
SMALLEST_BATCH = 512
"""What the daemon falls back to where a larger batch leaves no room."""


def has_room(shape: ModelShape, weights: Weights, setup: Setup, memory: MemoryState, correction_bytes: int = 0) -> bool:
    """Whether need, what earlier loads took more, and reserve are within the capacity."""
    need = need_of(shape, weights, setup, memory.placement).total_bytes + correction_bytes
    return need + reserve_of(need, memory) <= memory.capacity_bytes


def largest_context(
    shape: ModelShape, weights: Weights, setup: Setup, memory: MemoryState, correction_bytes: int = 0
) -> int:
    """Tokens of one slot that fit into the capacity with its reserve, in steps of 256; 0 when none do.

    Never above what the model was trained for. A need never falls as the context grows, so halving finds it. An
    automatic batch is the smallest here: the daemon takes a larger one only where that leaves room.
    """
    trained = shape.context_trained or MOST_TOKENS
    batch = SMALLEST_BATCH if setup.batch is None else setup.batch

    def fits(context: int) -> bool:
        return has_room(shape, weights, replace(setup, context=context, batch=batch), memory, correction_bytes)

    if fits(trained):
        return trained
    low, high = 0, -(-trained // CELL_STEP)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle * CELL_STEP):
            low = middle
        else:
            high = middle
    return low * CELL_STEP
