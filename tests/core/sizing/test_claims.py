"""What the README says of machines people ask about is what the arithmetic says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmhub.core.sizing.assess import SizedModel, assess
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.imagined import imagined
from llmhub.core.sizing.shapes import shape_of
from llmhub.core.sizing.verdicts import VerdictKind
from llmhub.core.sizing.weights import Weights
from llmhub.machine.chips import find_chip

VECTORS = json.loads((Path(__file__).parents[2] / "data/sizing-vectors.json").read_text("utf-8"))
GIB = 2**30


def sized(model: str) -> SizedModel:
    """A vector's model in the quantization it is known in."""
    entry = next(entry for entry in VECTORS["models"] if entry["id"] == model)
    row = next(row for row in VECTORS["weights"] if row["model"] == model)
    facts = ModelFacts(entry["gguf"], quantization=row["quant"])
    weights = Weights(
        row["tensor_bytes"], row["token_embd_bytes"], row["expert_bytes"], is_tied=bool(entry["tied_embeddings"])
    )
    return SizedModel(facts, shape_of(facts), weights)


@pytest.mark.parametrize(
    ("model", "context", "kv_type", "chip", "gib"),
    [
        ("llama3.1-8b", 32768, "f16", "M4", 16),
        ("qwen3-8b", 32768, "f16", "M4", 16),
        ("mistral-small-24b", 8192, "f16", "M4 Pro", 24),
        ("gpt-oss-20b", 131072, "f16", "M4 Pro", 24),
        ("qwen3-32b", 8192, "q8_0", "M4", 32),
        ("llama3.1-70b", 8192, "f16", "M4 Pro", 64),
        ("gpt-oss-120b", 131072, "f16", "M4 Max", 128),
        ("qwen3-32b", 8192, "f16", "RTX 4090", 24),
        ("llama3.1-70b", 8192, "f16", "RTX 4090", 48),
    ],
)
def test_what_the_readme_calls_true_fits(model: str, context: int, kv_type: str, chip: str, gib: int) -> None:
    found = find_chip(chip, gib * GIB)

    report = assess(model, sized(model), Setup(context, kv_type), imagined(gib * GIB, found, None), chip=found)

    assert report.verdict.kind is VerdictKind.FITS
    assert report.largest_context is not None
    assert report.largest_context >= context


def test_a_seventy_billion_model_needs_two_cards_of_24_gb() -> None:
    found = find_chip("RTX 4090", 24 * GIB)

    report = assess(
        "llama3.1-70b", sized("llama3.1-70b"), Setup(4096, "q4_0"), imagined(24 * GIB, found, None), chip=found
    )

    assert report.verdict.kind is VerdictKind.DOES_NOT_FIT
