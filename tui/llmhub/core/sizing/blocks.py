"""Block layouts of the tensor types: how many weights one block holds and how many bytes it takes.

Source: ggml_blck_size and ggml_type_size of ggml-org/llama.cpp v0.5.0 (memory-sizing.md, c1).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from llmhub.core.models import Tensor


@dataclass(frozen=True, slots=True)
class BlockType:
    """One type of tensor data."""

    name: str
    """In capitals, as `/api/show` spells it: `Q4_K`."""
    id: int
    weights: int
    bytes: int


_ROWS = (
    ("F32", 0, 1, 4), ("F16", 1, 1, 2), ("Q4_0", 2, 32, 18), ("Q4_1", 3, 32, 20), ("Q5_0", 6, 32, 22),
    ("Q5_1", 7, 32, 24), ("Q8_0", 8, 32, 34), ("Q8_1", 9, 32, 36), ("Q2_K", 10, 256, 84), ("Q3_K", 11, 256, 110),
    ("Q4_K", 12, 256, 144), ("Q5_K", 13, 256, 176), ("Q6_K", 14, 256, 210), ("Q8_K", 15, 256, 292),
    ("IQ2_XXS", 16, 256, 66), ("IQ2_XS", 17, 256, 74), ("IQ3_XXS", 18, 256, 98), ("IQ1_S", 19, 256, 50),
    ("IQ4_NL", 20, 32, 18), ("IQ3_S", 21, 256, 110), ("IQ2_S", 22, 256, 82), ("IQ4_XS", 23, 256, 136),
    ("I8", 24, 1, 1), ("I16", 25, 1, 2), ("I32", 26, 1, 4), ("I64", 27, 1, 8), ("F64", 28, 1, 8),
    ("IQ1_M", 29, 256, 56), ("BF16", 30, 1, 2), ("TQ1_0", 34, 256, 54), ("TQ2_0", 35, 256, 66),
    ("MXFP4", 39, 32, 17), ("NVFP4", 40, 64, 36), ("Q1_0", 41, 128, 18), ("Q2_0", 42, 64, 18),
)  # fmt: skip
BLOCK_TYPES = {name: BlockType(name, number, weights, size) for name, number, weights, size in _ROWS}
TYPES_BY_ID = {block.id: block for block in BLOCK_TYPES.values()}
KV_TYPES = ("f16", "bf16", "f32", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""What a KV cache can be made of."""
QUANTIZED_KV = frozenset(KV_TYPES) - {"f16", "bf16", "f32"}
"""Those that need flash attention for V (the engine refuses otherwise)."""


def row_bytes(type_name: str, weights: int) -> int:
    """Bytes of one row of `weights` weights; a last block that is not full counts whole.

    Raises:
        KeyError: no such type.
    """
    block = BLOCK_TYPES[type_name.upper()]
    return -(-weights // block.weights) * block.bytes


def tensor_bytes(tensor: Tensor) -> int:
    """Bytes of a tensor's data, without padding.

    Raises:
        KeyError: its type is not known.
    """
    if not tensor.shape:
        return row_bytes(tensor.type, 1)
    return row_bytes(tensor.type, tensor.shape[0]) * prod(tensor.shape[1:])
