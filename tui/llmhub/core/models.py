"""Models as a daemon lists, loads and pulls them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from llmhub.core.places import Place


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One installed name. Two names with one digest are one model."""

    name: str
    place: Place
    size_bytes: int | None
    """On disk, all layers; `None` where the server does not say (a cloud stub, another program on the port)."""
    digest: str | None = None
    modified_at: datetime | None = None
    family: str | None = None
    parameter_size: str | None = None
    quantization: str | None = None
    """`None` when the daemon says "unknown" or nothing."""
    format: str | None = None
    context_trained: int | None = None
    capabilities: frozenset[str] | None = None
    """`None` where the list does not say (Ollama before 0.30)."""
    remote_model: str | None = None
    remote_host: str | None = None

    @property
    def is_told(self) -> bool:
        """Whether the list told context and capabilities; before 0.30 Ollama tells them with the details only."""
        return self.context_trained is not None and self.capabilities is not None

    def completed(self, details: ModelDetails) -> InstalledModel:
        """This model with what its details tell and the list did not."""
        return replace(
            self,
            context_trained=details.context_trained if self.context_trained is None else self.context_trained,
            capabilities=details.capabilities if self.capabilities is None else self.capabilities,
        )


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory."""

    name: str
    size_bytes: int
    vram_bytes: int
    digest: str | None = None
    expires_at: datetime | None = None
    """`None`: never (an expiry more than a hundred years away) or not told."""
    never_expires: bool = False
    context_tokens: int | None = None

    @property
    def gpu_fraction(self) -> float | None:
        """Share of its memory on the GPU, 0 to 1; `None` when the daemon's figures make no sense."""
        if self.size_bytes <= 0 or self.vram_bytes > self.size_bytes or self.vram_bytes < 0:
            return None
        return self.vram_bytes / self.size_bytes


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a local GGUF: its type (`Q4_K`) and shape are the best basis for the size of the weights."""

    name: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """What `show` tells of one model."""

    name: str
    architecture: str | None = None
    parameter_count: int | None = None
    parameter_size: str | None = None
    quantization: str | None = None
    family: str | None = None
    context_trained: int | None = None
    capabilities: frozenset[str] | None = None
    parameters: str | None = None
    """The preset, as text, one parameter a line."""
    template: str | None = None
    system: str | None = None
    license: str | None = None
    modelfile: str | None = None
    remote_model: str | None = None
    remote_host: str | None = None
    model_info: dict[str, Any] = field(default_factory=dict)
    """Arrays are `None` unless asked for verbosely; the vocabulary is always left out."""
    tensors: tuple[Tensor, ...] = ()

    @property
    def preset_context(self) -> int | None:
        """`num_ctx` of the model's own preset, if it names one."""
        for line in (self.parameters or "").splitlines():
            words = line.split()
            if len(words) == 2 and words[0] == "num_ctx" and words[1].isdigit():
                return int(words[1])
        return None


@dataclass(frozen=True, slots=True)
class DaemonInfo:
    """Who answers at the address."""

    version: str
    is_ollama: bool
    """Whether `GET /` says so; other programs answer parts of the same API."""
    cloud_disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class PullEvent:
    """One status line of a pull, as the daemon sent it."""

    status: str
    digest: str | None = None
    total_bytes: int | None = None
    completed_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ManifestLayer:
    """One layer of a registry manifest."""

    digest: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pull will bring, before it begins."""

    digest: str
    """SHA-256 of the manifest's bytes, 64 hex: the `digest` the daemon will list."""
    layers: tuple[ManifestLayer, ...]
    """The config included, as the last one."""

    @property
    def size_bytes(self) -> int:
        """Bytes to fetch when nothing is there yet."""
        return sum(layer.size_bytes for layer in self.layers)


def context_to_ask(
    *, wanted: int | None, preset: int | None, resident: int | None, trained: int | None, default: int
) -> int:
    """The context a request asks for (design.md, section 9), tokens.

    What the person set wins; then the larger of the default, the model's preset and a resident load (asking for less
    would load the model again). Never above the trained one.
    """
    asked = wanted if wanted is not None else max(default, preset or 0, resident or 0)
    return min(asked, trained) if trained else asked
