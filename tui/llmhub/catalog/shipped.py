"""The catalogue that ships with llmhub: models that people really run, with the keys that size them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from llmhub.core.catalog import CatalogEntry, Variant
from llmhub.core.names import name_key
from llmhub.core.sizing.facts import ModelFacts
from llmhub.core.sizing.weights import Weights

FILE_NAME = "models.json"


@dataclass(frozen=True, slots=True)
class ShippedTag:
    """One name that can be pulled."""

    name: str
    quantization: str | None
    download_bytes: int | None
    """All layers, as a daemon was seen to list them."""
    file_bytes: int | None
    """As a listing of files has it."""
    groups: Weights | None
    """Estimated by the stock mix of the quantization."""

    @property
    def variant(self) -> Variant:
        """As a row of the ladder; bytes that stand in no listing are marked as an estimate."""
        listed = self.file_bytes or self.download_bytes
        estimated = self.groups.text_bytes + self.groups.projector_bytes if self.groups else None
        return Variant(self.name, self.quantization or "", listed or estimated, is_exact=listed is not None)


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """One model under all its names."""

    title: str
    parameters: int
    metadata: dict[str, Any]
    stock_bytes: dict[str, int]
    tags: tuple[ShippedTag, ...]
    """The first is the one it goes by."""


class ShippedCatalogue:
    """Reads its file when it is first asked: a few milliseconds, not for the event loop."""

    def entries(self) -> tuple[CatalogEntry, ...]:
        """One for each model, by the name it goes by."""
        return tuple(self._entry(model, model.tags[0]) for model in self._models)

    def entry(self, name: str) -> CatalogEntry | None:
        """What it knows of one name; `None` when the name is not in it: no other one is taken in its place."""
        found = self._by_key.get(_key(name))
        return self._entry(*found) if found else None

    def variants(self, name: str) -> tuple[Variant, ...]:
        """Every name of the model that has this one; nothing when it is not in it."""
        found = self._by_key.get(_key(name))
        return tuple(tag.variant for tag in found[0].tags) if found else ()

    @cached_property
    def source(self) -> str:
        """Its name and date."""
        return f"the catalogue that ships, of {self._told['date']}"

    def _entry(self, model: ShippedModel, tag: ShippedTag) -> CatalogEntry:
        architecture = model.metadata["general.architecture"]
        context = model.metadata.get(f"{architecture}.context_length")
        return CatalogEntry(
            name=tag.name,
            source=self.source,
            facts=ModelFacts(
                metadata=model.metadata,
                vocab_size=model.metadata.get(f"{architecture}.vocab_size"),
                file_bytes=tag.file_bytes,
                groups=tag.groups,
                quantization=tag.quantization,
                source=self.source,
            ),
            download_bytes=tag.download_bytes or tag.file_bytes,
            quantization=tag.quantization,
            parameters=model.parameters,
            context_trained=context,
            stock_bytes=model.stock_bytes,
        )

    @cached_property
    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(files("llmhub.catalog").joinpath(FILE_NAME).read_bytes())
        return told

    @cached_property
    def _models(self) -> tuple[ShippedModel, ...]:
        return tuple(_model(told) for told in self._told["models"])

    @cached_property
    def _by_key(self) -> dict[str, tuple[ShippedModel, ShippedTag]]:
        return {_key(tag.name): (model, tag) for model in self._models for tag in model.tags}


def _key(name: str) -> str:
    """Both hosts of Hugging Face are one."""
    key = name_key(name)
    return f"hf.co/{key.removeprefix('huggingface.co/')}" if key.startswith("huggingface.co/") else key


def _model(told: dict[str, Any]) -> ShippedModel:
    tied = told["tied_embeddings"]
    tags = tuple(
        ShippedTag(
            tag["name"],
            tag["quantization"],
            tag.get("download_bytes"),
            tag.get("file_bytes"),
            _groups(tag["weights"], is_tied=tied) if "weights" in tag else None,
        )
        for tag in told["tags"]
    )
    metadata = {key: tuple(value) if isinstance(value, list) else value for key, value in told["metadata"].items()}
    return ShippedModel(told["title"], told["parameters"], metadata, told["stock_tensor_bytes"], tags)


def _groups(told: dict[str, Any], *, is_tied: bool) -> Weights:
    return Weights(
        text_bytes=told["text"],
        embedding_bytes=told.get("embedding"),
        expert_bytes=told.get("experts", 0),
        projector_bytes=told.get("projector", 0),
        is_tied=is_tied,
        is_exact=False,
    )
