"""The first bytes of a model's weights: a GGUF header with true keys and tensors, so that a ranged read finds them."""

from __future__ import annotations

import math
import struct
from typing import Any

from llmhub.simulators.catalogue import SimModel
from llmhub.simulators.shapes import tensor_bytes

_TYPES = {"F32": 0, "F16": 1, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14, "BF16": 30, "MXFP4": 39}
"""ggml's type numbers (ggml-org/llama.cpp ggml/include/ggml.h)."""
_UINT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
_ALIGNMENT = 32


def header(model: SimModel) -> bytes:
    """GGUF version 3, padded to the alignment; empty for a model without a file."""
    if model.shape is None:
        return b""
    values = {name: value for name, value in model.model_info().items() if value is not None}
    values.pop("general.parameter_count")  # the daemon counts it, the file does not say it
    tokens = model.shape.vocabulary
    tensors = model.tensors()
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(values) + 1)]
    for name, value in values.items():
        parts += [_text(name), _value(value)]
    parts += [_text("tokenizer.ggml.tokens"), struct.pack("<IIQ", _ARRAY, _STRING, tokens)]
    parts += [struct.pack("<Q7s", 7, b"t%06d" % number) for number in range(tokens)]
    offset = 0
    for tensor in tensors:
        name, kind, shape = tensor
        parts += [_text(name), struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, _TYPES[kind], offset)]
        offset += math.ceil(tensor_bytes(tensor) / _ALIGNMENT) * _ALIGNMENT
    whole = b"".join(parts)
    return whole + bytes(-len(whole) % _ALIGNMENT)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    return struct.pack("<I", _STRING) + _text(str(value))
