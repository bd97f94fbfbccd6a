"""Entries of the catalogue from what was read, and the messages of entries that say less than they could."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from llmhub.catalog.refusals import Asked
from llmhub.catalog.repository import Repository, RepositoryModel
from llmhub.core.catalog import CatalogEntry, CatalogError, Variant
from llmhub.core.names import ModelName
from llmhub.core.plain import one_line
from llmhub.core.sizing.facts import ModelFacts


def cloud_entry(name: ModelName) -> CatalogEntry:
    """What a name alone says of a cloud model."""
    return CatalogEntry(name.short, "its name", is_remote=True, problem=cloud_problem(name))


def cloud_problem(name: ModelName) -> CatalogError:
    """Why a cloud model is not sized."""
    return CatalogError(
        "This model runs in Ollama's cloud", name.short, "it takes no memory here, so there is nothing to size"
    )


def no_header(asked: Asked, tensor_bytes: int) -> CatalogError:
    """Why a package without a GGUF file is not sized; `tensor_bytes` are those of its safetensors."""
    if tensor_bytes:
        return CatalogError(
            "This model comes as safetensors, without a GGUF header",
            asked.subject,
            "its size is known, what its context takes is not; look for a GGUF variant of it",
        )
    return CatalogError(
        "This package has no model in it",
        asked.subject,
        "look at its page" if asked.page is None else f"see {asked.page}",
    )


def in_parts(name: ModelName, model: RepositoryModel) -> CatalogError:
    """Why a model that was sized cannot be pulled."""
    return CatalogError(
        f"Ollama does not pull a model in {model.parts} parts from Hugging Face",
        name.short,
        "take a quantization in one file, or join the parts and create the model from them",
    )


def no_variant(name: ModelName, repository: Repository) -> CatalogError:
    """A tag that means nothing in its repository."""
    labels = [one_line(model.label, 40) for model in repository.models]
    shown = ", ".join(labels[:12]) + (f" and {len(labels) - 12} more" if len(labels) > 12 else "")
    return CatalogError("This repository has no such quantization", name.short, f"it has {shown}", is_unknown=True)


def variant_of(name: ModelName, model: RepositoryModel) -> Variant:
    """A model of a repository as it would be pulled."""
    return Variant(f"hf.co/{name.namespace}/{name.model}:{one_line(model.label, 80)}", model.label, model.size_bytes)


def with_facts(
    entry: CatalogEntry, facts: ModelFacts | None, problem: CatalogError | None, projector_bytes: int
) -> CatalogEntry:
    """An entry with what its header says, as far as one could be read."""
    if facts is None:
        return replace(entry, problem=problem or entry.problem)
    quantization = entry.quantization or facts.quantization
    trained = facts.metadata.get(f"{facts.architecture}.context_length")
    counted = sum(prod(tensor.shape) for tensor in facts.tensors) or None
    return replace(
        entry,
        facts=replace(facts, projector_bytes=projector_bytes, quantization=quantization),
        quantization=quantization,
        parameters=counted or entry.parameters,
        context_trained=trained if type(trained) is int and trained > 0 else entry.context_trained,
        problem=problem or entry.problem,
    )
