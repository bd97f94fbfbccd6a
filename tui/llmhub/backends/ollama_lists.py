"""What Ollama lists and shows, read by hand.

The `ollama` package (0.6.3) drops `remote_host`, `capabilities` and the context length, so cloud stubs look local.
Other programs answer parts of this API with strings for sizes (ggml-org/llama.cpp), so nothing is taken on trust.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from llmhub.core.models import InstalledModel, LoadedModel, ModelDetails, Tensor
from llmhub.core.names import says_cloud
from llmhub.core.places import OLLAMA_CLOUD, place_of
from llmhub.core.plain import one_line, plain

_NEVER_YEAR = 2200
"""A negative keep-alive is listed as an end some 292 years ahead (2^63 - 1 ns)."""


def installed_models(answer: Any, host: str) -> tuple[InstalledModel, ...] | None:
    """The models of `/api/tags`; `None` when this is no such list."""
    entries = _models(answer)
    return None if entries is None else tuple(_installed(entry, host) for entry in entries)


def loaded_models(answer: Any) -> tuple[LoadedModel, ...] | None:
    """The models of `/api/ps`; `None` when this is no such list."""
    entries = _models(answer)
    return None if entries is None else tuple(_loaded(entry) for entry in entries)


def model_details(answer: Any, model: str) -> ModelDetails | None:
    """What `/api/show` tells of `model`; `None` when this is no such answer."""
    if not isinstance(answer, dict) or not ("details" in answer or "model_info" in answer):
        return None
    details = _dict(answer.get("details"))
    told = _dict(answer.get("model_info"))
    # the vocabulary is megabytes, and nobody here reads it
    info = {key: value for key, value in told.items() if not (key.startswith("tokenizer.") and isinstance(value, list))}
    architecture = _word(info.get("general.architecture"))
    return ModelDetails(
        name=model,
        architecture=architecture,
        parameter_count=whole_number(info.get("general.parameter_count")),
        parameter_size=_word(details.get("parameter_size")),
        quantization=_quantization(details),
        family=_word(details.get("family")),
        context_trained=whole_number(info.get(f"{architecture}.context_length")) if architecture else None,
        capabilities=_words(answer.get("capabilities")),
        parameters=_text(answer.get("parameters")),
        template=_text(answer.get("template")),
        system=_text(answer.get("system")),
        license=_text(answer.get("license")),
        modelfile=_text(answer.get("modelfile")),
        remote_model=_word(answer.get("remote_model")),
        remote_host=_word(answer.get("remote_host")),
        model_info=info,
        tensors=tuple(_tensors(answer.get("tensors"))),
    )


def whole_number(value: Any) -> int | None:
    """`value` if it is a whole number and not negative, else `None`."""
    return value if type(value) is int and value >= 0 else None


def _installed(entry: dict[str, Any], host: str) -> InstalledModel:
    details = _dict(entry.get("details"))
    name = _name(entry)
    remote_host = _word(entry.get("remote_host"))
    place = OLLAMA_CLOUD if says_cloud(name) else place_of(host, remote_host)
    return InstalledModel(
        name=name,
        place=place,
        # a stub's few hundred bytes say nothing about the model
        size_bytes=None if place == OLLAMA_CLOUD else whole_number(entry.get("size")),
        digest=_word(entry.get("digest")),
        modified_at=_moment(entry.get("modified_at")),
        family=_word(details.get("family")),
        parameter_size=_word(details.get("parameter_size")),
        quantization=_quantization(details),
        format=_word(details.get("format")),
        context_trained=whole_number(details.get("context_length")),
        capabilities=_words(entry.get("capabilities")),
        remote_model=_word(entry.get("remote_model")),
        remote_host=remote_host,
    )


def _loaded(entry: dict[str, Any]) -> LoadedModel:
    expires = _moment(entry.get("expires_at"))
    never = expires is not None and expires.year >= _NEVER_YEAR
    return LoadedModel(
        name=_name(entry),
        size_bytes=whole_number(entry.get("size")) or 0,
        vram_bytes=whole_number(entry.get("size_vram")) or 0,
        digest=_word(entry.get("digest")),
        expires_at=None if never else expires,
        never_expires=never,
        context_tokens=whole_number(entry.get("context_length")),
    )


def _models(answer: Any) -> list[dict[str, Any]] | None:
    if not isinstance(answer, dict) or "models" not in answer:
        return None
    models = answer["models"]
    if models is None:
        return []
    if not isinstance(models, list):
        return None
    return [entry for entry in models if isinstance(entry, dict) and _name(entry)]


def _name(entry: dict[str, Any]) -> str:
    return _word(entry.get("name")) or _word(entry.get("model")) or ""


def _quantization(details: dict[str, Any]) -> str | None:
    """`None` for "unknown", which many pulls from Hugging Face say."""
    word = _word(details.get("quantization_level"))
    return None if word is None or word.lower() == "unknown" else word


def _moment(value: Any) -> datetime | None:
    """A time of the daemon's, with its offset and nine digits; year 1 is Go for "not set"."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None and moment.year > 1 else None


def _tensors(value: Any) -> Iterator[Tensor]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and isinstance(shape := entry.get("shape"), list):
            sizes = tuple(size for size in map(whole_number, shape) if size is not None)
            if len(sizes) == len(shape):
                yield Tensor(_word(entry.get("name")) or "", _word(entry.get("type")) or "", sizes)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(value: Any) -> str | None:
    """A short text; empty is unknown."""
    return (one_line(value, 500) or None) if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    return (plain(value) or None) if isinstance(value, str) else None


def _words(value: Any) -> frozenset[str] | None:
    return frozenset(word for word in value if isinstance(word, str)) if isinstance(value, list) else None
