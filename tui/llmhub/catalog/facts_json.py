"""A model's insides as JSON, for the cache: keys and tensors, never a vocabulary."""

from __future__ import annotations

from typing import Any

from llmhub.core.models import Tensor
from llmhub.core.sizing.facts import ModelFacts

_MOST_TEXT = 4096


def facts_to_json(facts: ModelFacts) -> dict[str, Any]:
    """What a header told. Chat templates and other long texts stay out: nothing is sized from them."""
    return {
        "metadata": {key: _plain(value) for key, value in facts.metadata.items() if _is_kept(value)},
        "tensors": [[tensor.name, tensor.type, list(tensor.shape)] for tensor in facts.tensors],
        "vocab_size": facts.vocab_size,
        "file_bytes": facts.file_bytes,
        "quantization": facts.quantization,
    }


def facts_from_json(told: Any, source: str) -> ModelFacts | None:
    """The same again; `None` when it is not of this form."""
    try:
        metadata, tensors = told["metadata"], told["tensors"]
        facts = ModelFacts(
            metadata={str(key): tuple(v) if isinstance(v, list) else v for key, v in metadata.items()},
            tensors=tuple(Tensor(str(name), str(kind), tuple(map(int, shape))) for name, kind, shape in tensors),
            vocab_size=_count(told["vocab_size"]),
            file_bytes=_count(told["file_bytes"]),
            quantization=told["quantization"],
            source=source,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return facts if facts.quantization is None or isinstance(facts.quantization, str) else None


def _is_kept(value: Any) -> bool:
    return not (isinstance(value, str) and len(value) > _MOST_TEXT)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise ValueError("no count")
    return value
