"""What a header tells of a model, as it is sized from."""

from __future__ import annotations

from llmhub.core.gguf.header import Header
from llmhub.core.sizing.facts import ModelFacts

_GUESSED = 1024
"""A bit that llama.cpp sets when it guessed the type."""
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 4: "MXFP4", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS",
    20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
    39: "NVFP4", 40: "Q1_0",
}  # fmt: skip
"""`general.file_type`: llama_ftype of ggml-org/llama.cpp include/llama.h; 4 is Ollama's own (ollama/ollama
fs/ggml/type.go)."""


def quantization_of(header: Header) -> str | None:
    """What the file calls its mix, `Q4_K_M`; `None` when it does not say or the number is not known."""
    told = header.metadata.get("general.file_type")
    if not isinstance(told, int) or isinstance(told, bool):
        return None
    return _FILE_TYPES.get(told & ~_GUESSED)


def facts_of_header(header: Header, file_bytes: int | None, source: str) -> ModelFacts:
    """The model's insides as its header tells them.

    Args:
        file_bytes: The GGUF file or files, header included; `None`: as the header knows it.
        source: Where it was read, in words: `registry.ollama.ai`.
    """
    return ModelFacts(
        metadata=header.metadata,
        tensors=header.tensors,
        vocab_size=header.vocab_size,
        file_bytes=header.file_bytes if file_bytes is None else file_bytes,
        quantization=quantization_of(header),
        source=source,
    )
