"""What can be pulled and what is in it, as the catalogue tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from llmhub.core.errors import LLMHubError
from llmhub.core.models import Manifest
from llmhub.core.sizing.facts import ModelFacts


class CatalogError(LLMHubError):
    """A model could not be looked up, in three parts.

    `is_unknown`: there is no such model or tag, as far as is known.
    """

    def __init__(self, happened: str, subject: str, remedy: str, *, is_unknown: bool = False) -> None:
        super().__init__(happened, subject, remedy)
        self.is_unknown = is_unknown


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model that can be pulled."""

    name: str
    """As it would be pulled: `qwen3:32b`, `hf.co/user/repo:Q4_K_M`."""
    source: str
    """Where this is from, in words: `registry.ollama.ai`, `the catalogue that ships, of 2026-11-20`."""
    facts: ModelFacts | None = None
    """Its insides; `None` when no header could be read (`problem` says why)."""
    manifest: Manifest | None = None
    """`None` when only a catalogue knows it."""
    download_bytes: int | None = None
    """All layers."""
    quantization: str | None = None
    parameters: int | None = None
    is_remote: bool = False
    """A cloud model: it never takes memory here."""
    fetched_at: datetime | None = None
    """When it was asked for, UTC; `None` for what ships."""
    from_cache: bool = False
    """Whether it is kept from an earlier look, because nothing newer could be had or none was needed."""
    problem: CatalogError | None = None
    """Why less is known than could be, when something failed."""
    context_trained: int | None = None
    """Tokens; also where no header could be read but the package's config tells it."""
    adapter_bytes: int = 0
    """LoRA adapters of the package: they are held beside the weights."""
    draft_bytes: int = 0
    """A draft model of the package: its weights, when it drafts, are held beside the others with a state of its own."""
    requires: str | None = None
    """The oldest Ollama that runs it, as its config says: `0.12.0`."""
    stock_bytes: Mapping[str, int] | None = None
    """Tensor bytes of the model by quantization, as the stock mixes would make them: estimates, from what ships."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One quantization of a model that can be had."""

    name: str
    """As it would be pulled."""
    quantization: str
    file_bytes: int | None
    """The weights' file or files; `None` until it is looked up."""
    is_exact: bool = True
    """Whether the bytes stand in a listing; otherwise they are an estimate from the quantization's mix."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One repository found by a search."""

    name: str
    """`hf.co/user/repo`."""
    downloads: int | None = None
    likes: int | None = None
    updated_at: datetime | None = None
    gated: bool = False


class Catalog(Protocol):
    """What can be looked up before a byte of weights is pulled. Works offline on what it keeps."""

    async def look_up(self, name: str, *, refresh: bool = False, whole: bool = True) -> CatalogEntry:
        """Everything known of one name. Raises `CatalogError` when nothing is.

        Args:
            refresh: Ask, also when what is kept is young.
            whole: Read the list of tensors too (3 to 14 MB, once); without it weights are known by the file's size.
        """

    async def variants(self, name: str) -> tuple[Variant, ...]:
        """The quantizations of the same model, the largest first. Raises `CatalogError`."""

    async def search(self, query: str) -> tuple[SearchHit, ...]:
        """Repositories with GGUF files on Hugging Face. Raises `CatalogError`."""

    def shipped(self) -> tuple[CatalogEntry, ...]:
        """The models people really run, from the file that ships with llmhub. Asks nobody; the first call reads it."""
