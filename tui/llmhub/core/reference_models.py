"""Which cloud model a local one is compared with: the one the person named, else the same weights where listed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llmhub.core.cloud import CloudListing, CloudModel
from llmhub.core.models import InstalledModel
from llmhub.core.names import ModelName, cloud_form, name_key
from llmhub.core.price_book import is_priced
from llmhub.core.profiles import Profile


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A local model as far as its weights can be told."""

    name: str
    family: str | None = None
    parameter_size: str | None = None
    """As the daemon says it: `8.2B`, `751.63M`."""
    also_named: tuple[str, ...] = ()
    """Other installed names of the same digest."""

    @classmethod
    def of(cls, name: str, installed: Iterable[InstalledModel] = (), digest: str | None = None) -> LocalModel:
        """The model of that name, with what the daemon's list tells of it and of its other names."""
        models = tuple(installed)
        key = name_key(name)
        known = next((model for model in models if name_key(model.name) == key), None)
        digest = digest or (known.digest if known else None)
        others = tuple(
            model.name for model in models if digest and model.digest == digest and name_key(model.name) != key
        )
        known = known or next((model for model in models if digest and model.digest == digest), None)
        return cls(name, known.family if known else None, known.parameter_size if known else None, others)


@dataclass(frozen=True, slots=True)
class Reference:
    """The cloud model whose prices stand against a local model's power."""

    model: str
    same_weights: bool
    """Whether it is the same model: then its tokens are the local ones."""
    declared: bool = False
    """Whether the person chose it."""

    @property
    def is_free_variant(self) -> bool:
        """A variant without a price, which allows a few requests a day; never chosen by itself."""
        return self.model.endswith(":free")


def reference_for(local: LocalModel | str, listing: CloudListing, profile: Profile) -> Reference | None:
    """What to compare `local` with; `None` when nobody named one and none with the same weights is listed.

    The one thing to set then is `[profile] reference_model`.
    """
    known = LocalModel(local) if isinstance(local, str) else local
    names = (known.name, *known.also_named)
    chosen = {name_key(name): cloud for name, cloud in profile.reference_model}
    for name in names:
        if (cloud := chosen.get(name_key(name))) is not None:
            model = listing.model(cloud)
            same = model is not None and any(_matches(key, model) for key in _keys_of(known))
            return Reference(model.id if model else cloud, same, declared=True)
    found = [model for model in listing.models if _may_be_default(model)]
    for key in _keys_of(known):
        same_weights = [model for model in found if _matches(key, model)]
        if same_weights:
            return Reference(min(same_weights, key=lambda model: (len(model.id), model.id)).id, same_weights=True)
    return None


def _may_be_default(model: CloudModel) -> bool:
    """A variant (`:free`, `:nitro`), an alias or a router is never chosen by itself, nor what has no price."""
    return ":" not in model.id and not model.id.startswith("~") and not model.alias_target and is_priced(model.pricing)


# -- what a name says of weights ------------------------------------------------------------------

Weights = frozenset[str]
"""Family, version, size and kind as words: `{"llama", "3.1", "8b"}`."""

_LIBRARY = {
    # names of Ollama's library that say less than, or something else than, the weights behind them (ollama.com/library)
    "deepseek-r1:1.5b": "deepseek-r1-distill-qwen-1.5b",
    "deepseek-r1:7b": "deepseek-r1-distill-qwen-7b",
    "deepseek-r1:8b": "deepseek-r1-0528-qwen3-8b",
    "deepseek-r1:14b": "deepseek-r1-distill-qwen-14b",
    "deepseek-r1:32b": "deepseek-r1-distill-qwen-32b",
    "deepseek-r1:70b": "deepseek-r1-distill-llama-70b",
    "phi4:14b": "phi-4",
    "mistral-nemo:12b": "mistral-nemo",
    "mistral-nemo:12b-instruct-2407": "mistral-nemo",
    "mistral-small:24b": "mistral-small-24b-instruct-2501",
    "mistral:7b": "mistral-7b-instruct-v0.3",
    "mixtral:8x7b": "mixtral-8x7b-instruct-v0.1",
    "mixtral:8x22b": "mixtral-8x22b-instruct-v0.1",
}
_LATEST = {
    "deepseek-r1": "8b",
    "gemma2": "9b",
    "gemma3": "4b",
    "gpt-oss": "20b",
    "llama3.1": "8b",
    "llama3.2": "3b",
    "llama3.3": "70b",
    "mistral-nemo": "12b",
    "mistral-small": "24b",
    "mistral-small3.1": "24b",
    "mistral-small3.2": "24b",
    "phi4": "14b",
    "qwen2.5": "7b",
    "qwen2.5-coder": "7b",
    "qwen3": "8b",
    "qwq": "32b",
}
"""The size behind a library name without a tag; used only when the daemon reports about that size."""
_SAID_OF_ALL = {"instruct", "it", "chat", "gguf", "meta", "hf", "latest", "preview"}
"""Words that tell no two sets of weights apart."""
_QUANTIZATION = re.compile(r"(i?q\d\w*|f16|fp16|bf16|fp8|fp32|f32|mxfp4|nvfp4|awq|gptq|int[48]|qat)$", re.IGNORECASE)
_ACTIVE = re.compile(r"a\d+(\.\d+)?b$")
_SIZE = re.compile(r"(\d+x)?\d+(\.\d+)?[bm]$")
_WORD = re.compile(r"(\d+x)?\d+(?:\.\d+)?[bm](?![a-z0-9])|a\d+(?:\.\d+)?b(?![a-z0-9])|[a-z]+|\d+(?:\.\d+)*")


def _keys_of(local: LocalModel) -> list[Weights]:
    """What the names of a local model say of its weights, the surest first."""
    keys = [key for name in (local.name, *local.also_named) if (key := _local_key(name, local.parameter_size))]
    return list(dict.fromkeys(keys))


def _local_key(name: str, parameter_size: str | None) -> Weights | None:
    try:
        parsed = ModelName.parse(cloud_form(name))
    except ValueError:
        return None
    if parsed.is_hugging_face:
        return _key(parsed.model)
    if parsed.namespace.lower() != "library":
        return None  # somebody's own: what it was made from cannot be told from its name
    tag = "-".join(part for part in parsed.tag.lower().split("-") if not _is_quantization(part))
    model = parsed.model.lower()
    if tag in {"", "latest"}:
        tag = _LATEST.get(model, "")
        if not tag or not _about(parameter_size, tag):
            return None
    return _key(_LIBRARY.get(f"{model}:{tag}", f"{model}-{tag}"))


def _is_quantization(part: str) -> bool:
    """`q4_K_M`, `fp16`: what a tag says of numbers, not of weights."""
    return bool(_QUANTIZATION.match(part))


def _key(text: str) -> Weights | None:
    """The words of a name; `None` when it names no size and so could be several models."""
    parts = [part for part in re.split(r"[-_ ]", text.lower()) if not _is_quantization(part)]
    words = [found.group(0) for part in parts for found in _WORD.finditer(part)]
    kept = frozenset(word for word in words if word not in _SAID_OF_ALL and not _ACTIVE.match(word))
    named_without_size = kept in (frozenset({"phi", "4"}), frozenset({"mistral", "nemo"}))
    return kept if named_without_size or any(_SIZE.match(word) for word in kept) else None


def _matches(key: Weights, model: CloudModel) -> bool:
    """Whether a listed model has these weights, by the repository its weights are in or by its own name."""
    repository = (model.hugging_face_id or "").rpartition("/")[2]
    if repository and (said := _key(_NEMO.get(repository.lower(), repository))) is not None:
        return said == key
    return _key(model.id.partition(":")[0].rpartition("/")[2]) == key


_NEMO = {"mistral-nemo-instruct-2407": "mistral-nemo"}


def _about(parameter_size: str | None, size: str) -> bool:
    """Whether what the daemon reports is about what the name stands for; nothing reported contradicts nothing."""
    reported, named = _billions(parameter_size), _billions(size)
    if reported is None or named is None:
        return parameter_size is None
    return abs(reported - named) <= 0.2 * named


def _billions(text: str | None) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bm])", (text or "").strip().lower())
    return None if match is None else float(match[1]) * (1 if match[2] == "b" else 1e-3)


def references_of(models: Sequence[InstalledModel], listing: CloudListing, profile: Profile) -> dict[str, Reference]:
    """For each installed model that runs here its reference, where there is one; by name."""
    found = {}
    for model in models:
        if not model.place.is_local:
            continue
        if (reference := reference_for(LocalModel.of(model.name, models), listing, profile)) is not None:
            found[model.name] = reference
    return found
