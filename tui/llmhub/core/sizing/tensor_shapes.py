"""What a tensor list tells where arrays of keys were left out (`/api/show` without verbose)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod

from llmhub.core.models import Tensor

NOT_TEXT = ("v.", "mm.", "a.", "mtp.", "model.vision_tower.", "model.vision_embed_tokens.")
"""Tensors of vision, audio and drafting that may lie in the same file (memory-sizing.md, d6)."""
_RECURRENT = (".ssm_", ".shortconv.", ".time_mix_")


class TensorShapes:
    """A tensor list, by name."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors = tensors

    @cached_property
    def _by_name(self) -> dict[str, Tensor]:
        return {tensor.name: tensor for tensor in self._tensors}

    @cached_property
    def _recurrent(self) -> frozenset[int]:
        found = set()
        for tensor in self._tensors:
            if tensor.name.startswith("blk.") and any(part in tensor.name for part in _RECURRENT):
                number = tensor.name.split(".", 2)[1]
                if number.isdigit():
                    found.add(int(number))
        return frozenset(found)

    def _rows(self, name: str) -> int | None:
        tensor = self._by_name.get(name)
        return tensor.shape[1] if tensor is not None and len(tensor.shape) > 1 else None

    def cache_width(self, layer: int, heads: int, key_length: int) -> tuple[int, int] | None:
        """Elements of a K row and a V row of that layer, (0, 0) where it has none; `None` without a list."""
        if not self._tensors:
            return None
        prefix = f"blk.{layer}."
        latent = self._rows(f"{prefix}attn_kv_a_mqa.weight")
        if latent is not None:
            return latent, 0
        k_rows, v_rows = self._rows(f"{prefix}attn_k.weight"), self._rows(f"{prefix}attn_v.weight")
        if k_rows is not None:
            return k_rows, k_rows if v_rows is None else v_rows
        fused = self._rows(f"{prefix}attn_qkv.weight")
        if fused is not None and fused > heads * key_length and not self.is_recurrent(layer):
            both = fused - heads * key_length
            return both // 2, both // 2
        return 0, 0

    def is_recurrent(self, layer: int) -> bool:
        """Whether that layer has the tensors of a recurrent one."""
        return layer in self._recurrent

    def _most_rows(self, layers: int, *names: str) -> int | None:
        rows = [self._rows(f"blk.{layer}.{name}") for layer in range(layers) for name in names]
        return max((found for found in rows if found is not None), default=None)

    def cache_rows(self, layers: int) -> int | None:
        """Rows of the widest K of all layers."""
        return self._most_rows(layers, "attn_k.weight")

    def feed_forward(self, layers: int) -> int | None:
        """Rows of the widest feed-forward part that has no experts."""
        return self._most_rows(layers, "ffn_up.weight")

    def windowed(self, layers: int) -> tuple[bool, ...] | None:
        """Which layers slide, where those have shorter heads than the others; `None` where all are alike."""
        rows = [self._rows(f"blk.{layer}.attn_q.weight") for layer in range(layers)]
        widths = {found for found in rows if found is not None}
        if len(widths) != 2:
            return None
        return tuple(found == min(widths) for found in rows)

    @property
    def expert_width(self) -> int | None:
        """Width of one expert, from the first layer that has any."""
        for name in ("ffn_gate_exps.weight", "ffn_up_exps.weight"):
            for layer in range(8):
                rows = self._rows(f"blk.{layer}.{name}")
                if rows is not None:
                    return rows
        return None

    @property
    def vocab(self) -> int | None:
        """Rows of the embedding table."""
        return self._rows("token_embd.weight")

    @cached_property
    def parameters(self) -> int | None:
        """Weights of the text model; `None` without a list."""
        if not self._tensors:
            return None
        return sum(prod(tensor.shape) for tensor in self._tensors if not tensor.name.startswith(NOT_TEXT))
