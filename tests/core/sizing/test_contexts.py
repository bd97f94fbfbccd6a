"""The largest context that fits: it does, the next step does not, and more memory never makes it smaller."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.sizing.contexts import MOST_TOKENS, SMALLEST_BATCH, largest_context
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.need import need_of
from llmhub.core.sizing.shapes import ModelShape, shape_of
from llmhub.core.sizing.state import CELL_STEP
from llmhub.core.sizing.verdicts import VerdictKind, judge
from llmhub.core.sizing.weights import Weights

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "data" / "sizing-vectors.json").read_text("utf-8")
)
MODELS = ("llama3.1-8b", "qwen3-32b", "gemma3-4b", "gpt-oss-20b", "qwen3-next-80b-a3b", "deepseek-v3")
"""Plain, wide heads, two caches, experts with windows, hybrid, latent attention."""
KNOWN: dict[str, tuple[ModelShape, Weights]] = {}
for _row in VECTORS["models"]:
    if _row["id"] in MODELS:
        [_told] = [w for w in VECTORS["weights"] if w["model"] == _row["id"]]
        _facts = ModelFacts({key: tuple(v) if isinstance(v, list) else v for key, v in _row["gguf"].items()})
        KNOWN[_row["id"]] = (
            shape_of(_facts),
            Weights(_told["tensor_bytes"], _told["token_embd_bytes"], is_tied=_row["tied_embeddings"]),
        )


def machine(capacity: int, placement: Placement = Placement.UNIFIED) -> MemoryState:
    return MemoryState("", capacity, capacity, "", placement)


def fits(model: str, setup: Setup, memory: MemoryState, context: int) -> bool:
    """With the batch that was given, else the smallest: the daemon takes a larger one only where that leaves room."""
    need = need_of(
        *KNOWN[model], replace(setup, context=context, batch=setup.batch or SMALLEST_BATCH), memory.placement
    )
    return judge(need, memory).kind in {VerdictKind.FITS, VerdictKind.FITS_IF_FREED}


setups = st.builds(
    Setup,
    st.just(8192),
    st.sampled_from(("f16", "q8_0", "q4_0")),
    st.integers(1, 4),
    st.none() | st.sampled_from((64, 512, 2048)),
)


@pytest.mark.parametrize("model", MODELS)
@given(setup=setups, extra=st.integers(0, 40 * GIB), placement=st.sampled_from(Placement))
@settings(max_examples=25, deadline=None)
def test_the_largest_context_fits_and_the_next_step_does_not(
    model: str, setup: Setup, extra: int, placement: Placement
) -> None:
    memory = machine(KNOWN[model][1].text_bytes + extra, placement)

    largest = largest_context(*KNOWN[model], setup, memory)

    trained = KNOWN[model][0].context_trained
    assert trained is not None
    assert 0 <= largest <= trained
    assert largest == trained or largest % CELL_STEP == 0
    if largest:
        assert fits(model, setup, memory, largest)
    if largest < trained:
        assert not fits(model, setup, memory, min(trained, largest + CELL_STEP))


@given(setup=setups, capacity=st.integers(0, 60 * GIB), more=st.integers(0, 20 * GIB))
@settings(max_examples=40, deadline=None)
def test_more_memory_never_makes_it_smaller(setup: Setup, capacity: int, more: int) -> None:
    shape, weights = KNOWN["qwen3-32b"]

    small, large = (largest_context(shape, weights, setup, machine(size)) for size in (capacity, capacity + more))

    assert small <= large


def test_a_model_whose_weights_do_not_fit_has_none() -> None:
    assert largest_context(*KNOWN["qwen3-32b"], Setup(8192), machine(16 * GIB)) == 0


def test_a_smaller_cache_makes_room_for_a_longer_context() -> None:
    memory = machine(24 * GIB)

    f16, q8 = (largest_context(*KNOWN["qwen3-32b"], Setup(8192, kv), memory) for kv in ("f16", "q8_0"))

    assert 0 < f16 < q8 < 2 * f16 + 4096


def test_what_the_model_was_trained_for_is_the_most() -> None:
    assert largest_context(*KNOWN["llama3.1-8b"], Setup(8192), machine(512 * GIB)) == 131_072


def test_a_model_that_does_not_say_what_it_was_trained_for_is_looked_at_up_to_a_million() -> None:
    shape, weights = KNOWN["gemma3-4b"]

    found = largest_context(replace(shape, context_trained=None), weights, Setup(8192), machine(2048 * GIB))

    assert found == MOST_TOKENS


def test_it_is_judged_against_the_capacity_not_against_what_is_free_now() -> None:
    free = machine(24 * GIB)

    busy = replace(free, free_bytes=GIB)

    assert largest_context(*KNOWN["qwen3-32b"], Setup(8192), busy) == largest_context(
        *KNOWN["qwen3-32b"], Setup(8192), free
    )
