"""The header of a GGUF file, from as much of the file's beginning as there is (memory-sizing.md, d4).

Standard library only and written by hand, because no kept library reads a header from a part of a file: `gguf` of
ggml-org/llama.cpp maps a whole one and takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmhub.core.gguf import limits
from llmhub.core.gguf.cursor import ARRAY, STRING, Cursor, ShortError, shown
from llmhub.core.gguf.errors import FETCH_AGAIN, GgufError
from llmhub.core.gguf.strangers import described
from llmhub.core.gguf.tensors import LEAST_BYTES as TENSOR_LEAST_BYTES
from llmhub.core.gguf.tensors import check_extent, read_tensors
from llmhub.core.models import Tensor
from llmhub.core.plain import one_line

_MAGIC = b"GGUF"
_FIXED_BYTES = 24
_KEY_LEAST_BYTES = 13
"""An empty key, its type, one byte."""
_TOKENS = "tokenizer.ggml.tokens"
_ALIGNMENT = "general.alignment"
_DEFAULT_ALIGNMENT = 32
_ENOUGH = ("block_count", "embedding_length")
"""Keys of the architecture that must have been seen before reading may stop at the tokenizer. They stand together with
the others in files of llama.cpp's converters and in Ollama's, whose keys are sorted."""


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The bytes end before the header does."""

    at_least_bytes: int
    """So many from the file's beginning are needed at least."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the data."""

    version: int
    metadata: Mapping[str, Any]
    """Every key that was read. A small array is a tuple; arrays of the tokenizer, large or nested ones and texts beyond
    all measure are `None`."""
    array_lengths: Mapping[str, int]
    """Elements of every array, skipped or not."""
    tensor_count: int
    """As the header's beginning says."""
    tensors: tuple[Tensor, ...] = ()
    """Empty unless `is_whole`. An unknown type number 77 is the type `TYPE_77`."""
    offsets: tuple[int, ...] = ()
    """Where each tensor's data begins, bytes after `header_bytes`."""
    alignment: int = _DEFAULT_ALIGNMENT
    is_whole: bool = False
    """Whether all of it was read, tensors too; otherwise it ended at the vocabulary, or where the keys do."""
    header_bytes: int | None = None
    """Where the data begins, padding included; `None` unless `is_whole`."""
    data_bytes: int | None = None
    """Data of all tensors with padding; `None` unless `is_whole`, or when a tensor's type is not known."""
    file_bytes: int | None = None
    """The file, or all files of a model that is split; `None` when unknown."""
    shards: int = 1
    """Files that were read."""

    @property
    def vocab_size(self) -> int | None:
        """Entries of the tokenizer's vocabulary; `None` when there is none."""
        return self.array_lengths.get(_TOKENS)

    @property
    def architecture(self) -> str | None:
        """`general.architecture` as the file spells it."""
        return _architecture(self.metadata)

    @property
    def split_count(self) -> int | None:
        """Files of the model, as this one says: above 1, its tensors are but a share. `None`: it does not say."""
        told = self.metadata.get("split.count")
        return told if isinstance(told, int) else None


def read_header(
    data: bytes | bytearray | memoryview,
    *,
    with_tensors: bool = False,
    file_bytes: int | None = None,
    name: str = "the file",
) -> Header | NeedMore:
    """Read a header from a file's beginning.

    Args:
        data: The beginning, of any length; nothing of it is kept.
        with_tensors: Read to the end; otherwise stop at the tokenizer's vocabulary once the architecture's keys were
            seen, which 64 KiB nearly always reach. A file whose keys come in another order is read on.
        file_bytes: The length of the whole file, if known: what cannot lie in it is refused.
        name: What the file is called in messages.

    Returns:
        The header, or how many bytes it takes at least; `next_read` says how many to fetch.

    Raises:
        GgufError: it is no GGUF file, one of a kind that is not read, or it makes no sense. Work and memory are
            bounded whatever the bytes are.
    """
    cursor = Cursor(memoryview(data).cast("B"), one_line(name, 120), file_bytes)
    try:
        return _read(cursor, with_tensors=with_tensors)
    except ShortError as short:
        return NeedMore(short.at_least_bytes)


def next_read(need: NeedMore, have_bytes: int, file_bytes: int | None = None, *, name: str = "the file") -> int:
    """How many bytes from the file's beginning to read next: twice as many, or what is known to be needed.

    Args:
        have_bytes: How many there were; 0 for the first read.
        file_bytes: The length of the whole file, if known.

    Raises:
        GgufError: the header is longer than 16 MiB, or the file ends within it.
    """
    subject = f"{one_line(name, 120)}, at least {need.at_least_bytes:,} bytes"
    if max(need.at_least_bytes, have_bytes + 1) > limits.MAX_HEADER_BYTES:
        raise GgufError("the header is longer than the 16 MiB that llmhub reads", subject, FETCH_AGAIN)
    if file_bytes is not None and max(need.at_least_bytes, have_bytes + 1) > file_bytes:
        raise GgufError(f"the file ends at byte {file_bytes:,}, in the middle of its header", subject, FETCH_AGAIN)
    wanted = max(2 * have_bytes, need.at_least_bytes, limits.FIRST_READ_BYTES)
    return min(wanted, limits.MAX_HEADER_BYTES, *(() if file_bytes is None else (file_bytes,)))


def _read(cursor: Cursor, *, with_tensors: bool) -> Header:
    version = _version(cursor)
    tensor_count, key_count = _counts(cursor)
    metadata: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    for left in range(key_count - 1, -1, -1):
        if with_tensors:
            cursor.after = left * _KEY_LEAST_BYTES + tensor_count * TENSOR_LEAST_BYTES
        key = cursor.name_of("key", rest=_KEY_LEAST_BYTES - 8)
        if key in metadata:
            cursor.refuse(f"a key comes twice: {shown(key)}")
        if key == _TOKENS and not with_tensors and _has_enough(metadata):
            length = _vocabulary(cursor, key)
            if length is not None:
                metadata[key], lengths[key] = None, length
                alignment = _alignment(cursor, metadata)
                return Header(
                    version, metadata, lengths, tensor_count, alignment=alignment, file_bytes=cursor.file_bytes
                )
        metadata[key], count = cursor.value(key)
        if count is not None:
            lengths[key] = count
    alignment = _alignment(cursor, metadata)
    if not with_tensors:
        return Header(version, metadata, lengths, tensor_count, alignment=alignment, file_bytes=cursor.file_bytes)
    listed = read_tensors(cursor, tensor_count, alignment)
    data_start = -(-cursor.at // alignment) * alignment
    if cursor.file_bytes is not None:
        check_extent(cursor, listed, data_start, cursor.file_bytes)
    return Header(
        version,
        metadata,
        lengths,
        tensor_count,
        tensors=listed.tensors,
        offsets=listed.offsets,
        alignment=alignment,
        is_whole=True,
        header_bytes=data_start,
        data_bytes=listed.data_bytes,
        file_bytes=cursor.file_bytes,
    )


def _version(cursor: Cursor) -> int:
    start = bytes(cursor.data[: len(_MAGIC)])
    if not _MAGIC.startswith(start):
        what = described(cursor.data)
        cursor.refuse(
            f"it is {what}, not GGUF" if what else "it does not begin like a GGUF file",
            "give a file that ends in .gguf; other formats must be converted first",
        )
    cursor.at = len(start)
    version = cursor.u32(rest=_FIXED_BYTES - 8) if len(start) == len(_MAGIC) else cursor.lack(_FIXED_BYTES)
    if version in (2, 3):
        return version
    if version == 1:
        cursor.refuse("GGUF version 1 is not read", "look for a newer conversion: version 1 was given up in 2023")
    if version and not version & 0xFFFFFF:
        cursor.refuse("it is a big-endian GGUF file", "look for a little-endian conversion, as nearly all are")
    if 3 < version < 100:
        cursor.refuse(f"GGUF version {version} is newer than llmhub knows", "update llmhub")
    return cursor.refuse(f"there is no GGUF version {version:,}")


def _counts(cursor: Cursor) -> tuple[int, int]:
    cursor.demand(_FIXED_BYTES)
    tensor_count, key_count = cursor.u64(), cursor.u64()
    if tensor_count > limits.MAX_TENSORS:
        cursor.refuse(f"a header with {tensor_count:,} tensors makes no sense")
    if key_count > limits.MAX_KEYS:
        cursor.refuse(f"a header with {key_count:,} keys makes no sense")
    least = _FIXED_BYTES + key_count * _KEY_LEAST_BYTES + tensor_count * TENSOR_LEAST_BYTES
    if cursor.file_bytes is not None and least > cursor.file_bytes:
        cursor.refuse(
            f"{key_count:,} keys and {tensor_count:,} tensors do not fit into a file of {cursor.file_bytes:,} bytes"
        )
    return tensor_count, key_count


def _architecture(metadata: Mapping[str, Any]) -> str | None:
    told = metadata.get("general.architecture")
    return told if isinstance(told, str) and told else None


def _has_enough(metadata: Mapping[str, Any]) -> bool:
    architecture = _architecture(metadata)
    return architecture is not None and all(f"{architecture}.{key}" in metadata for key in _ENOUGH)


def _vocabulary(cursor: Cursor, key: str) -> int | None:
    """The length of the array that comes next; `None`, without a step ahead, when it is no array of texts."""
    before = cursor.at
    if cursor.u32(rest=1) == ARRAY:
        element, count = cursor.array_head(key)
        if element == STRING:
            return count
    cursor.at = before
    return None


def _alignment(cursor: Cursor, metadata: Mapping[str, Any]) -> int:
    told = metadata.get(_ALIGNMENT, _DEFAULT_ALIGNMENT)
    if not isinstance(told, int) or isinstance(told, bool) or told <= 0 or told & (told - 1) or told > 2**30:
        cursor.refuse(f"data cannot be aligned to {one_line(str(told), 30)} bytes")
    return told
