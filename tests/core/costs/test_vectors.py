"""The shared vectors of the cost model, every one, against our own functions."""

from __future__ import annotations

from typing import Any

import pytest

from core.costs.adapter import NOT_COVERED_YET, OPS, VECTORS, as_compared


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: str(vector["id"]))
def test_a_vector_of_the_cost_model_comes_out(vector: dict[str, Any]) -> None:
    if vector["op"] in NOT_COVERED_YET:
        pytest.skip(f"not covered yet: {vector['op']}: {NOT_COVERED_YET[vector['op']]}")

    result = OPS[vector["op"]](vector["inputs"])

    assert as_compared("", result) == vector["expected"]


def test_every_op_of_the_vectors_is_covered_or_listed_as_not_covered_yet() -> None:
    ops = {vector["op"] for vector in VECTORS["vectors"]}

    assert ops == OPS.keys() | NOT_COVERED_YET.keys()
    assert len(ops) == 31


def test_no_vector_is_lost() -> None:
    assert len(VECTORS["vectors"]) == 81
