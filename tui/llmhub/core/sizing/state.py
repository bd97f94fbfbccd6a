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
    rows = _rows(shape, setup.kv_type, flash_attention=setup.flash_attention)
    return State(
        setup.parallel * full_cells(setup) * rows.full_bytes,
        setup.parallel * window_cells(shape, setup) * rows.window_bytes if rows.window_bytes else 0,
        setup.parallel * rows.recurrent_bytes,
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """One cell over all layers of a kind, and the recurrent state of one sequence."""

    full_bytes: int
    window_bytes: int
    recurrent_bytes: int


def _rows(shape: ModelShape, kv_type: str, *, flash_attention: bool) -> _Rows:
    key = ("rows", kv_type, flash_attention)
    found: _Rows | None = shape.kept.get(key)
    if found is None:
        found = shape.kept[key] = _added_up(shape, kv_type, flash_attention=flash_attention)
    return found


def _added_up(shape: ModelShape, kv_type: str, *, flash_attention: bool) -> _Rows:
    widest = 0 if flash_attention else max((layer.v_width for layer in shape.layers), default=0)
    rows = {False: 0, True: 0}
    floats = 0
    for layer in shape.layers:
        floats += layer.recurrent_floats
        if layer.owns_cache:
            v_width = max(layer.v_width, widest) if layer.v_width else 0
            k_row = row_bytes(kv_type, layer.k_width)
            rows[layer.windowed] += k_row + (row_bytes(kv_type, v_width) if v_width else 0)
    return _Rows(rows[False], rows[True], floats * 4)
