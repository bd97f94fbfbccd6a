"""What is inside the catalogue's models: tensors by name, type and shape.

The types follow llama.cpp's Q4_K_M mix; for every stock model the sum of the bytes equals the quantizer's own result
(memory-sizing.md, part b; the tests compare). What a load of them takes is in `sizes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Tensor = tuple[str, str, list[int]]
"""Name, type and shape, the shape in GGUF order (rows last)."""

BLOCKS = {
    "F32": (1, 4),
    "F16": (1, 2),
    "BF16": (1, 2),
    "Q4_K": (256, 144),
    "Q5_K": (256, 176),
    "Q6_K": (256, 210),
    "MXFP4": (32, 17),
}
"""Weights and bytes per block (llama.cpp v0.5.0, ggml/src/ggml-common.h)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers from which a model's tensors follow."""

    architecture: str
    layers: int
    embedding: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    tied: bool = False
    experts: int = 0
    experts_used: int = 0
    window: int = 0
    window_every: int = 0
    """Of every `window_every` layers all but the last slide; 0: none does."""
    attn_v_type: str | None = None
    """Set where a file keeps the V weights in one type of its own (Ollama's qwen3:8b: F16, memory-sizing.md part 0)."""
    rope_freqs: bool = False
    seventy: bool = False
    """The quantizer gives V one step more in 70B models."""
    plain_type: str | None = None
    """Everything but experts and norms in this one type."""

    def tensors(self) -> list[Tensor]:
        """Every tensor of the file, in no particular order of importance."""
        if self.architecture == "nomic-bert":
            return _bert(self)
        return _experts(self) if self.experts else _dense(self)

    def tensor_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor_bytes(tensor) for tensor in self.tensors())


def tensor_bytes(tensor: Tensor) -> int:
    """Bytes of one tensor's data."""
    weights, size = BLOCKS[tensor[1]]
    return math.prod(tensor[2]) // weights * size


def tensor_list(tensors: list[Tensor]) -> list[dict[str, Any]]:
    """The `tensors` of `/api/show`."""
    return [{"name": name, "type": kind, "shape": shape} for name, kind, shape in tensors]


def architecture_keys(shape: Shape, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The GGUF keys with the architecture as prefix, as a file of that family writes them."""
    a = shape.architecture
    keys: dict[str, Any] = {
        f"{a}.attention.head_count": shape.heads,
        f"{a}.block_count": shape.layers,
        f"{a}.context_length": shape.context,
        f"{a}.embedding_length": shape.embedding,
        f"{a}.feed_forward_length": shape.feed_forward,
    }
    if a != "nomic-bert":
        keys[f"{a}.attention.head_count_kv"] = shape.kv_heads
        keys[f"{a}.vocab_size"] = shape.vocabulary
    if a in {"qwen3", "gemma3", "gptoss"}:
        keys[f"{a}.attention.key_length"] = shape.head_dim
        keys[f"{a}.attention.value_length"] = shape.head_dim
    if a in {"llama", "qwen2"}:
        keys[f"{a}.rope.dimension_count"] = shape.head_dim
    if shape.window:
        keys[f"{a}.attention.sliding_window"] = shape.window
    if shape.experts:
        keys[f"{a}.expert_count"] = shape.experts
        keys[f"{a}.expert_used_count"] = shape.experts_used
    keys.update({f"{a}.{name}": value for name, value in extra.items()})
    return keys


def _more_bits(layer: int, layers: int) -> bool:
    # llama.cpp's use_more_bits: the first and last eighth, and every third layer between
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _dense(s: Shape) -> list[Tensor]:
    rows, kv = s.heads * s.head_dim, s.kv_heads * s.head_dim
    out: list[Tensor] = [("token_embd.weight", "Q6_K" if s.tied else "Q4_K", [s.embedding, s.vocabulary])]
    if s.rope_freqs:
        out.append(("rope_freqs.weight", "F32", [s.head_dim // 2]))
    out.append(("output_norm.weight", "F32", [s.embedding]))
    if not s.tied:
        out.append(("output.weight", "Q6_K", [s.embedding, s.vocabulary]))
    for layer in range(s.layers):
        p = f"blk.{layer}."
        down = "Q6_K" if _more_bits(layer, s.layers) else "Q4_K"
        value = s.attn_v_type or ("Q5_K" if s.seventy and down == "Q4_K" else down)
        out += [
            (p + "attn_k.weight", "Q4_K", [s.embedding, kv]),
            (p + "attn_norm.weight", "F32", [s.embedding]),
            (p + "attn_output.weight", "Q4_K", [rows, s.embedding]),
            (p + "attn_q.weight", "Q4_K", [s.embedding, rows]),
            (p + "attn_v.weight", value, [s.embedding, kv]),
            (p + "ffn_down.weight", down, [s.feed_forward, s.embedding]),
            (p + "ffn_gate.weight", "Q4_K", [s.embedding, s.feed_forward]),
            (p + "ffn_norm.weight", "F32", [s.embedding]),
            (p + "ffn_up.weight", "Q4_K", [s.embedding, s.feed_forward]),
        ]
        if s.architecture == "qwen2":
            out += [(f"{p}attn_{which}.bias", "F32", [size]) for which, size in (("q", rows), ("k", kv), ("v", kv))]
        if s.architecture in {"qwen3", "gemma3"}:
            out += [(f"{p}attn_{which}_norm.weight", "F32", [s.head_dim]) for which in "qk"]
        if s.architecture == "gemma3":
            out += [(f"{p}post_{which}_norm.weight", "F32", [s.embedding]) for which in ("attention", "ffw")]
    return out


def _experts(s: Shape) -> list[Tensor]:
    rows, kv, plain = s.heads * s.head_dim, s.kv_heads * s.head_dim, s.plain_type or "BF16"
    out: list[Tensor] = [
        ("token_embd.weight", plain, [s.embedding, s.vocabulary]),
        ("output.weight", plain, [s.embedding, s.vocabulary]),
        ("output_norm.weight", "F32", [s.embedding]),
    ]
    for layer in range(s.layers):
        p = f"blk.{layer}."
        for which, size in (("q", rows), ("k", kv), ("v", kv)):
            out += [(f"{p}attn_{which}.weight", plain, [s.embedding, size]), (f"{p}attn_{which}.bias", "F32", [size])]
        out += [
            (p + "attn_out.weight", plain, [rows, s.embedding]),
            (p + "attn_out.bias", "F32", [s.embedding]),
            (p + "attn_sinks", "F32", [s.heads]),
            (p + "attn_norm.weight", "F32", [s.embedding]),
            (p + "ffn_norm.weight", "F32", [s.embedding]),
            (p + "ffn_gate_inp.weight", "F32", [s.embedding, s.experts]),
            (p + "ffn_gate_inp.bias", "F32", [s.experts]),
        ]
        for which, inside, outside in (
            ("gate", s.embedding, s.feed_forward),
            ("up", s.embedding, s.feed_forward),
            ("down", s.feed_forward, s.embedding),
        ):
            out.append((f"{p}ffn_{which}_exps.weight", "MXFP4", [inside, outside, s.experts]))
            out.append((f"{p}ffn_{which}_exps.bias", "F32", [outside, s.experts]))
    return out


def _bert(s: Shape) -> list[Tensor]:
    out: list[Tensor] = [
        ("token_embd.weight", "F16", [s.embedding, s.vocabulary]),
        ("token_types.weight", "F32", [s.embedding, 2]),
        ("token_embd_norm.weight", "F32", [s.embedding]),
        ("token_embd_norm.bias", "F32", [s.embedding]),
    ]
    for layer in range(s.layers):
        p = f"blk.{layer}."
        out += [
            (p + "attn_qkv.weight", "F16", [s.embedding, 3 * s.embedding]),
            (p + "attn_output.weight", "F16", [s.embedding, s.embedding]),
            (p + "ffn_up.weight", "F16", [s.embedding, s.feed_forward]),
            (p + "ffn_gate.weight", "F16", [s.embedding, s.feed_forward]),
            (p + "ffn_down.weight", "F16", [s.feed_forward, s.embedding]),
        ]
        for norm in ("attn_output_norm", "layer_output_norm"):
            out += [(f"{p}{norm}.{part}", "F32", [s.embedding]) for part in ("weight", "bias")]
    return out
