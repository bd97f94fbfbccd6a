"""State: the KV cache and the recurrent state, exact to the byte (memory-sizing.md b2; engine-memory.md 1)."""

from __future__ import annotations

from dataclasses import dataclass

from llmhub.core.sizing.blocks import row_bytes
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.shapes import ModelShape

CELL_STEP = 256
"""The engine allocates cells in steps of so many."""


@dataclass(frozen=True, slots=True)
class State:
    """Bytes of the caches, all slots together."""

    full_bytes: int
    """KV cache of the layers that attend to everything."""
    window_bytes: int
    recurrent_bytes: int

    @property
    def kv_bytes(self) -> int:
        """Both KV caches."""
        return self.full_bytes + self.window_bytes


def padded(tokens: int) -> int:
    """Cells for that many tokens."""
    return -(-tokens // CELL_STEP) * CELL_STEP


def full_cells(setup: Setup) -> int:
    """Cells of one slot in a layer that attends to everything."""
    return padded(setup.context)


def window_cells(shape: ModelShape, setup: Setup) -> int:
    """Cells of one slot in a layer that slides."""
    if shape.window is None or setup.full_window_cache:
        return full_cells(setup)
    return padded(min(full_cells(setup), shape.window + setup.micro_batch))


def state_of(shape: ModelShape, setup: Setup) -> State:
    """What the engine keeps between tokens.

    Without flash attention every V row is as wide as the widest one.

    Raises:
        KeyError: the KV type is not known.
    """
    widest = 0 if setup.flash_attention else max((layer.v_width for layer in shape.layers), default=0)
    cells = {False: full_cells(setup), True: window_cells(shape, setup)}
    rows = {False: 0, True: 0}
    floats = 0
    for layer in shape.layers:
        floats += layer.recurrent_floats
        if layer.owns_cache:
            v_width = max(layer.v_width, widest) if layer.v_width else 0
            k_row = row_bytes(setup.kv_type, layer.k_width)
            rows[layer.windowed] += k_row + (row_bytes(setup.kv_type, v_width) if v_width else 0)
    return State(
        setup.parallel * cells[False] * rows[False],
        setup.parallel * cells[True] * rows[True],
        setup.parallel * floats * 4,
    )
