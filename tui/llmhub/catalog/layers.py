"""What is in a package of a registry: its manifest's layers by kind, and what its config tells."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from llmhub.core.models import Manifest, ManifestLayer
from llmhub.core.plain import one_line
from llmhub.net import as_json

_IMAGE = "application/vnd.ollama.image."
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COUNT = re.compile(r"(\d{1,7}(?:\.\d{1,4})?)\s*([KMBT])?", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
UNKNOWN = frozenset({"", "unknown"})


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of a manifest, by what they are."""

    models: tuple[ManifestLayer, ...] = ()
    """GGUF files; more than one for a model in parts."""
    projector_bytes: int = 0
    adapter_bytes: int = 0
    draft_bytes: int = 0
    tensor_bytes: int = 0
    """Of a model whose tensors are layers of their own (safetensors, MLX): there is no GGUF header then."""
    config: ManifestLayer | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Layers:
        """Sorted by media type; the config is the last layer."""
        *layers, config = manifest.layers

        def size(kind: str) -> int:
            return sum(layer.size_bytes for layer in layers if layer.media_type == _IMAGE + kind)

        return cls(
            models=tuple(layer for layer in layers if layer.media_type == _IMAGE + "model"),
            projector_bytes=size("projector"),
            adapter_bytes=size("adapter"),
            draft_bytes=size("draft"),
            tensor_bytes=size("tensor"),
            config=config,
        )

    @property
    def weights_bytes(self) -> int:
        """Of the model alone."""
        return sum(layer.size_bytes for layer in self.models) + self.tensor_bytes


@dataclass(frozen=True, slots=True)
class Config:
    """What the config blob tells (ollama/ollama types/model/config.go); everything may be missing."""

    format: str | None = None
    quantization: str | None = None
    parameters: int | None = None
    """From a figure such as `8.2B`, so not exact."""
    context_trained: int | None = None
    requires: str | None = None
    """The oldest Ollama that runs it."""
    is_remote: bool = False


def is_digest(text: str) -> bool:
    """Whether a layer's digest can be asked for."""
    return _DIGEST.fullmatch(text) is not None


def is_of(body: bytes, layer: ManifestLayer) -> bool:
    """Whether a blob is the one that its manifest names."""
    return layer.digest == "sha256:" + hashlib.sha256(body).hexdigest()


def read_config(body: bytes) -> Config | None:
    """A config blob; `None` when it is none."""
    told = as_json(body)
    if not isinstance(told, dict):
        return None
    quantization = _text(told, "file_type")
    context = told.get("context_length")
    return Config(
        format=_text(told, "model_format"),
        quantization=None if (quantization or "").lower() in UNKNOWN else quantization,
        parameters=count_of(_text(told, "model_type") or ""),
        context_trained=context if type(context) is int and context > 0 else None,
        requires=_text(told, "requires"),
        is_remote=bool(_text(told, "remote_host") or _text(told, "remote_model")),
    )


def count_of(text: str) -> int | None:
    """Parameters from a figure such as `8.2B` or `751.63M`; `None` when it is none."""
    found = _COUNT.fullmatch(text.strip())
    if found is None:
        return None
    return round(float(found[1]) * _UNITS[(found[2] or "").upper()]) or None


def _text(told: dict[str, Any], key: str) -> str | None:
    value = told.get(key)
    return one_line(value, 80) or None if isinstance(value, str) else None
