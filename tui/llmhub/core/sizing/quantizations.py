"""Finding a quantization among those that are offered, by the name a person gives it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmhub.core.catalog import Variant
from llmhub.core.names import ModelName
from llmhub.core.sizing.ladder import BITS_A_WEIGHT

_OF_TAG = re.compile(r"(?:^|-)((?:i?q\d[\w]*)|fp16|fp32|f16|f32|bf16|mxfp4\w*|nvfp4|tq\d_\d)$", re.IGNORECASE)
_SPELLED = {"FP16": "F16", "FP32": "F32"}


def plain_name(text: str) -> str:
    """As names of quantizations are compared: `q4-k-m` is `Q4_K_M`, `fp16` is `F16`."""
    name = text.strip().upper().replace("-", "_")
    return _SPELLED.get(name, name)


def is_same(one: str | None, other: str | None) -> bool:
    """Whether two names mean the same mix."""
    return bool(one and other) and plain_name(one or "") == plain_name(other or "")


def of_tag(tag: str) -> str | None:
    """The quantization that a tag ends in: `32b-instruct-q8_0` in Q8_0."""
    found = _OF_TAG.search(tag)
    return plain_name(found[1]) if found else None


def tag_without(tag: str) -> str:
    """A tag without its quantization: `32b-instruct-q8_0` is `32b-instruct`."""
    return _OF_TAG.sub("", tag)


def possible_names(name: str, wanted: str) -> tuple[str, ...]:
    """What Ollama's library might call a quantization of a model: `qwen3:32b-q8_0`, `llama3.1:8b-instruct-q8_0`.

    Nothing for a name that says no size, and for what is not a name.
    """
    try:
        parsed = ModelName.parse(name)
    except ValueError:
        return ()
    base = tag_without(parsed.tag)
    if not base or base == "latest" or parsed.is_hugging_face:
        return ()
    mix = plain_name(wanted)
    tail = {"F16": "fp16", "F32": "fp32"}.get(mix, mix[:1].lower() + mix[1:] if mix.startswith("Q") else mix.lower())
    stem = parsed.short.rpartition(":")[0]
    tags = [f"{base}-{tail}"] + ([] if "instruct" in base else [f"{base}-instruct-{tail}"])
    return tuple(f"{stem}:{tag}" for tag in tags)


def pick(variants: Sequence[Variant], wanted: str, like: str) -> Variant | None:
    """The variant in that quantization; of several the one whose name is most like `like`."""
    found = [variant for variant in variants if is_same(variant.quantization, wanted)]
    return min(found, key=lambda variant: -_alike(variant.name, like), default=None)


def nearest(variants: Sequence[Variant], wanted: str, like: str) -> Variant | None:
    """The variant nearest in bits a weight; of two as near the smaller one, which fits where the other does.

    `None` where nobody can say what is near: a mix that is not known, or none among the variants.
    """
    bits = bits_of(wanted)
    known = [variant for variant in variants if bits_of(variant.quantization) is not None]
    if bits is None or not known:
        return None

    def distance(variant: Variant) -> tuple[float, float, int]:
        of_variant = bits_of(variant.quantization) or 0.0
        return abs(of_variant - bits), of_variant, -_alike(variant.name, like)

    return min(known, key=distance)


def bits_of(name: str) -> float | None:
    """About how many bits a weight takes; `None` for a mix that is not known."""
    return BITS_A_WEIGHT.get(plain_name(name))


def is_larger(one: str, other: str) -> bool:
    """Whether the first takes more bits a weight."""
    return (bits_of(one) or 0.0) > (bits_of(other) or 0.0)


def _alike(one: str, other: str) -> int:
    """Signs that two names share at their start."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
