"""A model's insides from the header of its file elsewhere, from as few of its bytes as will do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from llmhub.catalog.ranged import RangedFile
from llmhub.core.catalog import CatalogError
from llmhub.core.gguf.errors import GgufError
from llmhub.core.gguf.facts import facts_of_header
from llmhub.core.gguf.header import Header, NeedMore, next_read, read_header
from llmhub.core.gguf.limits import FIRST_READ_BYTES
from llmhub.core.models import Tensor
from llmhub.core.sizing.facts import ModelFacts

MOST_SHARDS = 64
"""Files of one model that are looked into; the largest models published have some thirty."""


async def read_facts(
    files: list[RangedFile], *, whole: bool, source: str
) -> tuple[ModelFacts | None, CatalogError | None]:
    """What the header of a model says, in one file or in several, and why it says less than it could.

    The first file has all keys; each has the list of its own tensors alone.

    Args:
        files: In their order.
        whole: Whether to read on to the list of tensors (3 to 14 MB), which tells the embedding table, the experts and
            the vision part apart. Where that fails the keys stand all the same.

    Raises:
        CatalogError: not even the first bytes could be had; nothing is known then.
    """
    first = files[0]
    wanted = whole and len(files) <= MOST_SHARDS
    data = await first.read(0, FIRST_READ_BYTES)
    problem: CatalogError | None = None
    header: Header | None = None
    if wanted:
        try:
            header, data = await _read_on(first, data, with_tensors=True)
        except CatalogError as error:
            problem = error
    if header is None:
        try:
            header, data = await _read_on(first, data, with_tensors=False)
        except CatalogError as error:
            return None, problem or error
    tensors = header.tensors
    told = header.metadata.get("split.count")
    if type(told) is int and told > len(files):
        tensors, problem = (), _one_part(first, len(files), told)
    elif len(files) > 1 and tensors:
        try:
            tensors += await _others(files[1:])
        except CatalogError as error:
            tensors, problem = (), error
        if len({tensor.name for tensor in tensors}) != len(tensors):
            tensors, problem = (), _twice(first)
    sizes = [file.size for file in files]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    facts = facts_of_header(header, total, source)
    return replace(facts, tensors=tensors), problem


def _one_part(file: RangedFile, have: int, told: int) -> CatalogError:
    return CatalogError(
        f"Only {have} of the model's {told:,} parts could be found", file.asked.subject, "take a variant in one file"
    )


def _twice(file: RangedFile) -> CatalogError:
    return CatalogError(
        "Two parts of the model hold the same tensor", file.asked.subject, "look for another upload of the model"
    )


async def _others(files: list[RangedFile]) -> tuple[Tensor, ...]:
    found: list[Tensor] = []
    for file in files:
        header, _ = await _read_on(file, await file.read(0, FIRST_READ_BYTES), with_tensors=True)
        found += header.tensors
    return tuple(found)


async def _read_on(file: RangedFile, data: bytes, *, with_tensors: bool) -> tuple[Header, bytes]:
    """The header, reading on from `data` as often as it takes, and everything that was read.

    Raises:
        CatalogError: it is none, it is longer than what is read of one, or no more could be had.
    """
    name = file.asked.subject
    while True:
        try:
            # in a thread: a large vocabulary takes a tenth of a second
            told = await asyncio.to_thread(
                read_header, data, with_tensors=with_tensors, file_bytes=file.size, name=name
            )
            if isinstance(told, Header):
                return told, data
            stop = next_read(_at_least(told, data), len(data), file.size, name=name)
        except GgufError as error:
            raise CatalogError(error.happened[:1].upper() + error.happened[1:], error.subject, error.remedy) from error
        more = await file.read(len(data), stop)
        if not more:
            raise CatalogError(
                "The file ends in the middle of its header", name, "look for another upload of the model"
            )
        data += more


def _at_least(told: NeedMore, data: bytes) -> NeedMore:
    """What the parser asks for, but never what is there already."""
    return NeedMore(max(told.at_least_bytes, len(data) + 1))
