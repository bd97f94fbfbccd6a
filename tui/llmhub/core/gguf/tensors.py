"""The tensor list at the end of a header, and whether its data can lie in a file as the list says."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from llmhub.core.gguf import limits
from llmhub.core.gguf.cursor import Cursor, shown
from llmhub.core.models import Tensor
from llmhub.core.sizing.blocks import TYPES_BY_ID

LEAST_BYTES = 24
"""What one entry takes at least: an empty name, no dimensions, type and offset."""
_BODIES = [struct.Struct(f"<{dimensions}QIQ") for dimensions in range(limits.MAX_DIMENSIONS + 1)]


@dataclass(frozen=True, slots=True)
class TensorList:
    """All tensors in the order of the file."""

    tensors: tuple[Tensor, ...]
    offsets: tuple[int, ...]
    """Where each one's data begins, bytes from the beginning of the data."""
    sizes: tuple[int | None, ...]
    """Bytes of each one's data; `None` when its type is not known."""
    data_bytes: int | None
    """Data of all, each padded to the alignment; `None` when the last one's type is not known."""


def read_tensors(cursor: Cursor, count: int, alignment: int) -> TensorList:
    """Read the list.

    Raises:
        ShortError: the bytes end before it does.
        GgufError: it makes no sense.
    """
    tensors: dict[str, Tensor] = {}
    offsets: list[int] = []
    sizes: list[int | None] = []
    for number in range(count):
        cursor.after = LEAST_BYTES * (count - number - 1)
        tensor, offset, size = _read_one(cursor)
        if tensor.name in tensors:
            cursor.refuse(f"two tensors have one name: {shown(tensor.name)}")
        if offset % alignment:
            cursor.refuse(f"the data of {shown(tensor.name)} is not aligned to {alignment} bytes")
        tensors[tensor.name] = tensor
        offsets.append(offset)
        sizes.append(size)
    listed = tuple(tensors.values())
    return TensorList(listed, tuple(offsets), tuple(sizes), _data_bytes(cursor, listed, offsets, sizes, alignment))


def check_extent(cursor: Cursor, listed: TensorList, data_start: int, file_bytes: int) -> None:
    """Refuse a list whose data would end beyond the file's end; the padding after the last tensor may be missing.

    Raises:
        GgufError: it does.
    """
    for tensor, offset, size in zip(listed.tensors, listed.offsets, listed.sizes, strict=True):
        end = data_start + offset + (size or 0)
        if end > file_bytes:
            cursor.refuse(
                f"the data of {shown(tensor.name)} would end at byte {end:,} of a file of {file_bytes:,} bytes"
            )


def _read_one(cursor: Cursor) -> tuple[Tensor, int, int | None]:
    name = cursor.name_of("tensor", rest=16)
    dimensions = cursor.u32(rest=12)
    if dimensions > limits.MAX_DIMENSIONS:
        cursor.refuse(f"{shown(name)} has {dimensions:,} dimensions")
    body = _BODIES[dimensions]
    cursor.demand(cursor.at + body.size)
    *shape, kind, offset = body.unpack_from(cursor.data, cursor.at)
    weights = 1
    for length in shape:
        # a zero must not hide how large the others are
        weights *= length or 1
    if weights > limits.MAX_WEIGHTS or offset > limits.MAX_WEIGHTS:
        cursor.refuse(f"{shown(name)} is larger than any model")
    block = TYPES_BY_ID.get(kind)
    size = None
    if block is not None:
        row = shape[0] if shape else 1
        if row % block.weights:
            cursor.refuse(
                f"rows of {row:,} weights in {shown(name)} do not divide into blocks of {block.weights} ({block.name})"
            )
        size = _size(tuple(shape), block.weights, block.bytes)
    cursor.at += body.size
    return Tensor(name, block.name if block is not None else f"TYPE_{kind}", tuple(shape)), offset, size


def _size(shape: tuple[int, ...], block_weights: int, block_bytes: int) -> int:
    weights = 1
    for length in shape:
        weights *= length
    return -(-weights // block_weights) * block_bytes


def _data_bytes(
    cursor: Cursor, tensors: tuple[Tensor, ...], offsets: list[int], sizes: list[int | None], alignment: int
) -> int | None:
    """Where the data ends, padded.

    Raises:
        GgufError: two tensors lie over each other.
    """
    end: int | None = 0
    before = -1
    # of two at one place the empty one comes first
    for number in sorted(range(len(offsets)), key=lambda n: (offsets[n], sizes[n] or 0)):
        if end is not None and offsets[number] < end:
            names = f"{shown(tensors[before].name)} and {shown(tensors[number].name)}"
            cursor.refuse(f"the data of {names} overlap")
        size = sizes[number]
        end = None if size is None else offsets[number] + size
        before = number
    return None if end is None else -(-end // alignment) * alignment
