"""Models to begin with, when a daemon has none: fast, balanced, and the largest that is likely to fit.

A first form: the rule here is the file's bytes and a tenth, plus 1.5 GiB for the context, against the memory that
models can have. The exact verdict, architecture by architecture, replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class FirstModel:
    """One row of the short list. `file_bytes` is what a pull brings: all layers."""

    name: str
    file_bytes: int
    words: str


@dataclass(frozen=True, slots=True)
class Pick:
    """A model offered at the first start."""

    role: str
    model: FirstModel
    likely_fits: bool | None
    """`None` when the machine's memory is not known."""


FIRST_MODELS = (
    FirstModel("llama3.2:3b", 2_019_393_189, "quick answers, little memory"),
    FirstModel("gemma3:4b", 3_338_801_804, "reads images as well"),
    FirstModel("qwen2.5:7b", 4_683_087_332, "a sound all-rounder"),
    FirstModel("qwen3:8b", 5_225_388_164, "thinks, uses tools"),
    FirstModel("gpt-oss:20b", 13_793_441_244, "strong reasoning; slower"),
    FirstModel("qwen3-coder:30b", 18_556_700_761, "for code; slow to load"),
)
"""All layers, as `/api/tags` of public daemons list them; each the library's default: Q4_K_M, gpt-oss MXFP4."""


def likely_need_bytes(model: FirstModel) -> int:
    """An upper-side estimate of what the model takes in memory at 8,192 tokens of context."""
    return model.file_bytes + model.file_bytes // 10 + GIB * 3 // 2


def picks(models: tuple[FirstModel, ...], capacity_bytes: int | None) -> tuple[Pick, ...]:
    """Three picks: the smallest, the middle of what fits, the largest that fits; fewer when fewer differ."""
    by_size = sorted(models, key=lambda model: model.file_bytes)
    if not by_size:
        return ()
    if capacity_bytes is None:
        chosen = [("fast", by_size[0]), ("balanced", by_size[len(by_size) // 2])]
        return tuple(Pick(role, model, None) for role, model in chosen)
    fitting = [model for model in by_size if likely_need_bytes(model) <= capacity_bytes]
    if not fitting:
        return (Pick("smallest", by_size[0], False),)
    chosen = [("fast", fitting[0]), ("balanced", fitting[len(fitting) // 2]), ("largest that fits", fitting[-1])]
    seen: set[str] = set()
    out = []
    for role, model in chosen:
        if model.name not in seen:
            seen.add(model.name)
            out.append(Pick(role, model, True))
    return tuple(out)
