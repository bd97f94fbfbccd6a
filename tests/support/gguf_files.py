"""GGUF files without weights: true keys, names, shapes, types and offsets; the data is left out, or a hole.

A file of 20 GB so takes some megabytes of disk, and a header alone fits into a test. Standard library only.

Which tensors a model has and how Q4_K_M mixes types: ggml-org/llama.cpp src/llama-model.cpp and src/llama-quant.cpp
(v0.5.0); the totals are held against `weights` of sizing-vectors.json in tests/core/gguf/test_shapes.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from llmhub.core.models import Tensor
from llmhub.core.sizing.blocks import BLOCK_TYPES

ALIGNMENT = 32
U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_CODES = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A scalar of a type that the value alone does not tell."""

    type: int
    value: Any


@dataclass(frozen=True, slots=True)
class Array:
    """An array; `type` is that of its elements. Elements of an array of arrays are `Array` themselves."""

    type: int
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Raw:
    """A value as bytes, for what must be large or wrong."""

    type: int
    data: bytes


@dataclass(frozen=True)
class Model:
    """What a file of a model holds, data aside."""

    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    alignment: int = ALIGNMENT
    offsets: tuple[int, ...] | None = None
    """`None`: one after the other, each padded."""

    @property
    def tensor_bytes(self) -> int:
        """Data of all tensors without padding."""
        return sum(map(data_bytes, self.tensors))

    def with_metadata(self, more: Mapping[str, Any]) -> Model:
        """With these keys in addition; they come last."""
        return replace(self, metadata={**self.metadata, **more})


def data_bytes(tensor: Tensor) -> int:
    """Bytes of a tensor's data."""
    block = BLOCK_TYPES[tensor.type]
    return prod(tensor.shape) // block.weights * block.bytes


def text(words: str | bytes) -> bytes:
    """A string as GGUF writes it."""
    data = words if isinstance(words, bytes) else words.encode()
    return struct.pack("<Q", len(data)) + data


def value(of: Any) -> bytes:
    """A value with its type: u32, i32 or 64 bits for a number, f32 for a float, unless it says more itself."""
    match of:
        case Raw(kind, data):
            return struct.pack("<I", kind) + data
        case Array():
            return struct.pack("<I", ARRAY) + _array(of)
        case Typed(kind, number):
            return struct.pack("<I", kind) + _scalar(kind, number)
        case bool():
            return value(Typed(BOOL, of))
        case int():
            return value(Typed(_number_type(of), of))
        case float():
            return value(Typed(F32, of))
        case str() | bytes():
            return value(Typed(STRING, of))
        case list() | tuple():
            return value(Array(_element_type(of), of))
    raise TypeError(f"no GGUF type for {of!r}")


def header(model: Model, *, version: int = 3, padded: bool = True) -> bytes:
    """Everything before the data."""
    keys = dict(model.metadata)
    if model.alignment != ALIGNMENT:
        keys["general.alignment"] = model.alignment
    parts = [struct.pack("<4sIQQ", b"GGUF", version, len(model.tensors), len(keys))]
    for key, of in keys.items():
        parts += [text(key), value(of)]
    offsets = model.offsets if model.offsets is not None else laid_out(model.tensors, model.alignment)
    for tensor, offset in zip(model.tensors, offsets, strict=True):
        parts.append(entry(tensor, offset))
    whole = b"".join(parts)
    return whole + bytes(-len(whole) % model.alignment) if padded else whole


def entry(tensor: Tensor, offset: int) -> bytes:
    """One line of the tensor list; a type `TYPE_77` is written as 77."""
    block = BLOCK_TYPES.get(tensor.type)
    kind = block.id if block is not None else int(tensor.type.removeprefix("TYPE_"))
    dimensions = len(tensor.shape)
    return text(tensor.name) + struct.pack(f"<I{dimensions}QIQ", dimensions, *tensor.shape, kind, offset)


def laid_out(tensors: Iterable[Tensor], alignment: int = ALIGNMENT) -> tuple[int, ...]:
    """Offsets of tensors one after the other."""
    offsets, end = [], 0
    for tensor in tensors:
        offsets.append(end)
        end += -(-data_bytes(tensor) // alignment) * alignment
    return tuple(offsets)


def file_bytes(model: Model) -> int:
    """How long the whole file is, data and its padding included."""
    padded = (-(-data_bytes(tensor) // model.alignment) * model.alignment for tensor in model.tensors)
    return len(header(model)) + sum(padded)


def write(path: Path, model: Model, *, sparse: bool = False) -> Path:
    """Write a header alone, or with `sparse` a file of its true length whose data is a hole."""
    with path.open("wb") as file:
        file.write(header(model))
        if sparse:
            file.truncate(file_bytes(model))
    return path


def write_shards(folder: Path, stem: str, model: Model, count: int, *, sparse: bool = False) -> list[Path]:
    """Write `count` files as llama.cpp splits a model: all keys in the first, the tensors spread over all."""
    paths = []
    for number in range(count):
        split = {
            "split.no": Typed(U16, number),
            "split.count": Typed(U16, count),
            "split.tensors.count": Typed(I32, len(model.tensors)),
        }
        share = model.tensors[number * len(model.tensors) // count : (number + 1) * len(model.tensors) // count]
        part = replace(model, metadata={**(model.metadata if number == 0 else {}), **split}, tensors=share)
        paths.append(write(folder / f"{stem}-{number + 1:05}-of-{count:05}.gguf", part, sparse=sparse))
    return paths


def tokenizer(tokens: int, merges: int = 0) -> dict[str, Any]:
    """Keys of a byte-level vocabulary as long as a real one, its words made up: 7.8 MB for 128,256 and 280,147."""
    words = b"".join(text(b"w%d" % number) for number in range(tokens))
    pairs = b"".join(text(b"wo%d xy%d" % (number % 977, number % 9973)) for number in range(merges))
    keys: dict[str, Any] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": Raw(ARRAY, struct.pack("<IQ", STRING, tokens) + words),
        "tokenizer.ggml.token_type": Raw(ARRAY, struct.pack("<IQ", I32, tokens) + struct.pack("<i", 1) * tokens),
    }
    if merges:
        keys["tokenizer.ggml.merges"] = Raw(ARRAY, struct.pack("<IQ", STRING, merges) + pairs)
    return {**keys, "tokenizer.ggml.bos_token_id": tokens - 2, "tokenizer.ggml.eos_token_id": tokens - 1}


NO_VOCABULARY = {"tokenizer.ggml.model": "no_vocab"}
"""For an engine that is to load the file without a tokenizer."""


@dataclass(frozen=True)
class Dense:
    """The shape of a model without experts, with gated feed-forward: Llama, Yi, Qwen2."""

    name: str
    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int
    architecture: str = "llama"
    tied: bool = False
    biases: bool = False
    """Of the attention's projections."""
    rope_factors: bool = False
    rope_base: float = 10_000.0
    more: Mapping[str, Any] = field(default_factory=dict)
    """Keys in addition."""

    @property
    def head_length(self) -> int:
        return self.width // self.heads

    def metadata(self, file_type: int) -> dict[str, Any]:
        """Keys in the order of llama.cpp's converters."""
        own = {
            "block_count": self.layers,
            "context_length": self.context,
            "embedding_length": self.width,
            "feed_forward_length": self.feed_forward,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.kv_heads,
            "rope.freq_base": self.rope_base,
            "attention.layer_norm_rms_epsilon": 1e-5,
            "vocab_size": self.vocabulary,
            "rope.dimension_count": self.head_length,
        }
        return {
            "general.architecture": self.architecture,
            "general.type": "model",
            "general.name": self.name,
            **{f"{self.architecture}.{key}": of for key, of in own.items()},
            "general.file_type": file_type,
            **self.more,
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor, dim 0 first."""
        wide, kv, deep = self.width, self.kv_heads * self.head_length, self.feed_forward
        found: dict[str, tuple[int, ...]] = {
            "token_embd.weight": (wide, self.vocabulary),
            "output_norm.weight": (wide,),
        }
        if not self.tied:
            found["output.weight"] = (wide, self.vocabulary)
        if self.rope_factors:
            found["rope_freqs.weight"] = (self.head_length // 2,)
        for layer in range(self.layers):
            of_layer: dict[str, tuple[int, ...]] = {
                "attn_norm.weight": (wide,),
                "attn_q.weight": (wide, wide),
                "attn_k.weight": (wide, kv),
                "attn_v.weight": (wide, kv),
                "attn_output.weight": (wide, wide),
                "ffn_norm.weight": (wide,),
                "ffn_gate.weight": (wide, deep),
                "ffn_up.weight": (wide, deep),
                "ffn_down.weight": (deep, wide),
            }
            if self.biases:
                of_layer |= {"attn_q.bias": (wide,), "attn_k.bias": (kv,), "attn_v.bias": (kv,)}
            found |= {f"blk.{layer}.{name}": shape for name, shape in of_layer.items()}
        return found

    def q4_k_m(self, vocabulary: Mapping[str, Any] | None = None) -> Model:
        """As a Q4_K_M file; `vocabulary` are the tokenizer's keys, none unless given."""
        tensors = tuple(Tensor(name, self._q4_k_m_type(name, shape), shape) for name, shape in self.shapes().items())
        last = {"general.quantization_version": 2}
        return Model({**self.metadata(15), **(vocabulary or {}), **last}, tensors)

    def _q4_k_m_type(self, name: str, shape: tuple[int, ...]) -> str:
        if len(shape) == 1:
            return "F32"
        if name == "output.weight" or (self.tied and name == "token_embd.weight"):
            return "Q6_K"
        if name.endswith(("attn_v.weight", "ffn_down.weight")) and self._gets_more(int(name.split(".")[1])):
            return "Q6_K"
        if name.endswith("attn_v.weight") and self.layers == 80 and self.kv_heads < self.heads:
            return "Q5_K"  # 70B: eight heads share one V, so that it is small and worth a bit more
        return "Q4_K"

    def _gets_more(self, layer: int) -> bool:
        """The first and the last eighth, and every third layer between."""
        eighth = self.layers // 8
        return layer < eighth or layer >= 7 * self.layers // 8 or (layer - eighth) % 3 == 2


YI_34B = Dense("Yi 1.5 34B", 60, 7168, 20480, 56, 8, 64_000, 4096, rope_base=5e6)
QWEN_2_5_32B = Dense(
    "Qwen2.5 32B", 64, 5120, 27648, 40, 8, 152_064, 32_768, architecture="qwen2", biases=True, rope_base=1e6
)
LLAMA_3_1_70B = Dense("Llama 3.1 70B", 80, 8192, 28672, 64, 8, 128_256, 131_072, rope_factors=True, rope_base=5e5)
LLAMA_3_1_8B = Dense("Llama 3.1 8B", 32, 4096, 14336, 32, 8, 128_256, 131_072, rope_factors=True, rope_base=5e5)
TINY = Dense("Tiny", 2, 256, 512, 4, 2, 512, 2048)
"""A header of two kilobytes."""


def _number_type(number: int) -> int:
    if 0 <= number < 2**32:
        return U32
    if -(2**31) <= number < 0:
        return I32
    return U64 if number > 0 else I64


def _element_type(values: Sequence[Any]) -> int:
    if not values or isinstance(values[0], bool):
        return BOOL if values else U32
    if isinstance(values[0], str | bytes):
        return STRING
    if isinstance(values[0], float):
        return F32
    return I32 if isinstance(values[0], int) else ARRAY


def _array(array: Array) -> bytes:
    if array.type in _CODES:
        body = struct.pack(f"<{len(array.values)}{_CODES[array.type]}", *array.values)
    elif array.type == STRING:
        body = b"".join(map(text, array.values))
    else:
        body = b"".join(map(_array, array.values))
    return struct.pack("<IQ", array.type, len(array.values)) + body


def _scalar(kind: int, number: Any) -> bytes:
    return text(number) if kind == STRING else struct.pack(f"<{_CODES[kind]}", number)
