"""What is known of a model's insides, wherever it was read: a header, `/api/show`, a catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmhub.core.models import Tensor

if TYPE_CHECKING:
    from llmhub.core.sizing.weights import Weights


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The insides of one model, as far as they are known. Everything that is sized is sized from this.

    Nothing here is normalised yet: `llmhub.core.sizing.shapes.shape_of` understands the dialects.
    """

    metadata: Mapping[str, Any]
    """GGUF keys. An array is a tuple, or `None` where the source leaves arrays out (`/api/show` without verbose)."""
    tensors: tuple[Tensor, ...] = ()
    """Every tensor with its type and shape (dim 0 is the row); empty where the list is not known."""
    vocab_size: int | None = None
    """Entries of the vocabulary, from the tokenizer's array; `None` where only a key or a tensor can tell."""
    file_bytes: int | None = None
    """The GGUF file, header included; `None` when unknown."""
    projector_bytes: int = 0
    """A vision projector in a file of its own."""
    groups: Weights | None = None
    """Bytes by group where they are known without a tensor list (a catalogue, a vector)."""
    quantization: str | None = None
    """As the source names it: `Q4_K_M`."""
    source: str = ""
    """Where this is from, in words: `the daemon`, `registry.ollama.ai`, `header of the file`."""

    @property
    def architecture(self) -> str | None:
        """`general.architecture` as the file spells it."""
        told = self.metadata.get("general.architecture")
        return told if isinstance(told, str) and told else None


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How a daemon runs every model, as far as its settings can be seen; its defaults where they cannot."""

    kv_type: str = "f16"
    """`OLLAMA_KV_CACHE_TYPE`."""
    parallel: int = 1
    """`OLLAMA_NUM_PARALLEL`, slots."""
    flash_attention: bool = True
    """Unless `OLLAMA_FLASH_ATTENTION` switches it off."""

    def setup(self, context: int, *, one_slot: bool = False) -> Setup:
        """For a context of so many tokens a slot.

        Args:
            one_slot: Whether the daemon gives this kind of model one slot, whatever is set.
        """
        slots = 1 if one_slot else self.parallel
        return Setup(context, self.kv_type, slots, flash_attention=self.flash_attention)


@dataclass(frozen=True, slots=True)
class Setup:
    """How a model is to be run."""

    context: int
    """Tokens of one slot: `num_ctx`."""
    kv_type: str = "f16"
    """Type of the K and V caches, one of `llmhub.core.sizing.blocks.KV_TYPES`."""
    parallel: int = 1
    """Slots (`OLLAMA_NUM_PARALLEL`); each has its own context."""
    batch: int | None = None
    """The micro-batch (`-ub`); `None`: as the daemon chooses it from `context * parallel`."""
    flash_attention: bool = True
    outputs: int = 1
    """Tokens a batch that return logits: 1 with llama-server, hence with Ollama."""
    full_window_cache: bool = False
    """Whether window layers keep every cell (`swa_full`); never with Ollama."""

    @property
    def micro_batch(self) -> int:
        """The batch in force, tokens: 512 up to 4,096 tokens in all slots, 1,024 above, 2,048 above 32,768.

        Source: observed on ollama 0.32.15 (memory-sizing.md, a6).
        """
        if self.batch is not None:
            return self.batch
        total = self.context * self.parallel
        return 512 if total <= 4096 else 1024 if total <= 32768 else 2048
