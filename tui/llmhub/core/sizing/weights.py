"""Weights by what becomes of them: text, embedding table, experts, projector, draft layers (memory-sizing.md b1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmhub.core.memory import Placement
from llmhub.core.models import Tensor
from llmhub.core.sizing.blocks import tensor_bytes
from llmhub.core.sizing.facts import ModelFacts
from llmhub.core.sizing.keys import Keys
from llmhub.core.sizing.shapes import ModelShape
from llmhub.core.sizing.tensor_shapes import NOT_TEXT


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of tensor data."""

    text_bytes: int
    """Everything of the model that answers, the embedding table and the experts included."""
    embedding_bytes: int | None = None
    """`token_embd`; `None` where no tensor list is known."""
    expert_bytes: int = 0
    projector_bytes: int = 0
    """Vision and audio parts, in the same file or in one of their own."""
    is_tied: bool = False
    """Whether the embedding table is the output layer as well."""
    is_exact: bool = True
    """Whether the bytes were added up tensor by tensor; otherwise it is a file's size, a little more."""

    def resident_bytes(self, shape: ModelShape | None, placement: Placement) -> int:
        """What has to be in the memory that counts."""
        embedding = self.embedding_bytes or 0
        if placement is Placement.CARD:
            return self.text_bytes - (0 if self.is_tied else embedding)
        if placement is Placement.CPU and shape is not None and shape.family.doubles_unmapped_embedding:
            return self.text_bytes + embedding  # read in, not mapped: the table is held twice
        return self.text_bytes

    def read_bytes(self, shape: ModelShape) -> int:
        """What is read for every token that is decoded."""
        embedding = 0 if self.is_tied else self.embedding_bytes or 0
        idle = 0
        if shape.experts and shape.experts_used:
            idle = self.expert_bytes - self.expert_bytes * shape.experts_used // shape.experts
        return max(0, self.text_bytes - embedding - idle)


def weights_of(facts: ModelFacts) -> Weights | None:
    """Add up a model's tensors; without a list, take its groups or its file's size.

    Returns:
        `None` when neither is known.
    """
    if facts.tensors:
        return _added_up(facts)
    if facts.groups is not None:
        return facts.groups
    if facts.file_bytes is not None:
        return Weights(facts.file_bytes, projector_bytes=facts.projector_bytes, is_exact=False)
    return None


def _added_up(facts: ModelFacts) -> Weights | None:
    skipped = _draft_blocks(facts)
    text = embedding = experts = projector = 0
    is_tied = True
    known = True
    for tensor in facts.tensors:
        size, told = _bytes(tensor)
        known = known and told
        if tensor.name.startswith(NOT_TEXT):
            projector += 0 if tensor.name.startswith("mtp.") else size
            continue
        if tensor.name.startswith(skipped):
            continue
        text += size
        if tensor.name == "token_embd.weight":
            embedding = size
        elif tensor.name == "output.weight":
            is_tied = False
        elif "_exps." in tensor.name:
            experts += size
    if not known and facts.file_bytes is not None:  # a type of tomorrow: the file's size is a sound upper bound
        text = max(text, facts.file_bytes - projector)
    return Weights(text, embedding, experts, projector + facts.projector_bytes, is_tied, known)


def _bytes(tensor: Tensor) -> tuple[int, bool]:
    try:
        return tensor_bytes(tensor), True
    except KeyError:
        return 0, False


def _draft_blocks(facts: ModelFacts) -> tuple[str, ...]:
    """Prefixes of the layers that only draft: a plain load skips them."""
    keys = Keys(facts.metadata, facts.architecture or "")
    drafts, blocks = keys.number("nextn_predict_layers") or 0, keys.number("block_count") or 0
    return tuple(f"blk.{number}." for number in range(max(0, blocks - drafts), blocks)) if drafts else ()


def listed_bytes(tensors: Sequence[Tensor]) -> int | None:
    """All tensor data, without padding; `None` without a list, or with a type that is not known."""
    try:
        return sum(map(tensor_bytes, tensors)) if tensors else None
    except KeyError:
        return None
