"""The contexts that the table is moved through."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.ui.models import contexts


def test_steps_double_and_end_at_what_a_model_was_trained_for() -> None:
    assert contexts.steps(40_960) == (1024, 2048, 4096, 8192, 16_384, 32_768, 40_960)
    assert contexts.steps(131_072, 40_960)[-4:] == (32_768, 40_960, 65_536, 131_072)
    assert contexts.steps(512) == (512,)
    assert contexts.steps(0)[-1] == contexts.MOST


@pytest.mark.parametrize(
    ("context", "by", "moved"),
    [
        (8192, 1, 16_384),
        (8192, -1, 4096),
        (1024, -1, 1024),
        (40_960, 1, 40_960),
        (10_000, 1, 16_384),
        (10_000, -1, 8192),
    ],
)
def test_moving_goes_to_the_next_step_and_stays_at_the_ends(context: int, by: int, moved: int) -> None:
    assert contexts.moved(context, by, 40_960) == moved


@given(st.integers(1, 2**24), st.sampled_from([-1, 1]), st.integers(1, 2**21), st.integers(1, 2**21))
def test_moving_never_goes_the_other_way(context: int, by: int, most: int, own: int) -> None:
    moved = contexts.moved(context, by, most, own)

    assert moved == context or (moved > context) == (by > 0)


@pytest.mark.parametrize(
    ("value", "context"), [(16_384, 16_384), (None, 8192), ("16384", 8192), (True, 8192), (-1, 8192), (10**12, 8192)]
)
def test_only_a_sensible_context_is_remembered(value: Any, context: int) -> None:
    assert contexts.remembered(value, 8192) == context


@pytest.mark.parametrize(
    ("context", "width", "head"),
    [
        (8192, 12, "8k context"),
        (131_072, 12, "128k context"),
        (131_072, 11, "128k ctx"),
        (40_960, 12, "40k context"),
        (1_048_576, 12, "1M context"),
        (8000, 13, "8,000 context"),
    ],
)
def test_the_head_names_the_context(context: int, width: int, head: str) -> None:
    assert contexts.head(context, width) == head
