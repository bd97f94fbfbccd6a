"""Verdicts: the worked fits of tests/data/sizing-vectors.json, every rule at its edge, and what must always hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.need import Need, need_of
from llmhub.core.sizing.shapes import ModelShape, shape_of
from llmhub.core.sizing.verdicts import HOST_RESERVE_BYTES, Holder, Verdict, VerdictKind, fewest, judge, unknown
from llmhub.core.sizing.weights import Weights

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "data" / "sizing-vectors.json").read_text("utf-8")
)
ROWS: list[dict[str, Any]] = VECTORS["fit"]
ROBUST = [row for row in ROWS if row["robust"]]
TIED = {row["id"] for row in VECTORS["models"] if row["tied_embeddings"]}
RANK = {
    VerdictKind.FITS: 0,
    VerdictKind.FITS_IF_FREED: 1,
    VerdictKind.TIGHT: 2,
    VerdictKind.PARTIAL: 3,
    VerdictKind.DOES_NOT_FIT: 4,
}
"""From good to bad. What is tight on a Mac may be partial on a card; both are a step down from fitting."""


def need(total: int) -> Need:
    """A need of so many bytes, spread over its terms."""
    return Need(total - total // 4 - total // 8, total // 4, 0, total // 8)


def memory(capacity: int, free: int | None = None, **changes: Any) -> MemoryState:
    made = MemoryState("RAM", capacity, capacity if free is None else free, "a test")
    return replace(made, **changes)


def card(capacity: int, host: int | None, free: int | None = None) -> MemoryState:
    return memory(capacity, free, placement=Placement.CARD, host_free_bytes=host)


# -- the worked fits --------------------------------------------------------------------------------


def budget_of(row: dict[str, Any]) -> MemoryState:
    devices = row["reserve_bytes"] // GIB
    placement = Placement.UNIFIED if row["machine"].startswith("mac") else Placement.CARD
    return MemoryState("", row["budget_bytes"], row["budget_bytes"], row["machine"], placement, devices)


def shape_and_weights(row: dict[str, Any]) -> tuple[ModelShape, Weights]:
    [keys] = [model["gguf"] for model in VECTORS["models"] if model["id"] == row["model"]]
    [told] = [w for w in VECTORS["weights"] if w["model"] == row["model"] and w["quant"] == row["quant"]]
    weights = Weights(
        told["tensor_bytes"], told["token_embd_bytes"], told["expert_bytes"] or 0, is_tied=row["model"] in TIED
    )
    return shape_of(ModelFacts({key: tuple(v) if isinstance(v, list) else v for key, v in keys.items()})), weights


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_the_verdict_on_the_figures_of_every_worked_fit(row: dict[str, Any]) -> None:
    told = Need(row["resident_bytes"], row["state_bytes"], 0, row["compute_bytes"])

    assert told.total_bytes == row["need_bytes"]
    assert judge(told, budget_of(row)).kind == row["expected"]


@pytest.mark.parametrize("row", ROBUST, ids=[row["id"] for row in ROBUST])
def test_the_verdict_on_our_own_need_of_every_robust_fit(row: dict[str, Any]) -> None:
    budget = budget_of(row)
    shape, weights = shape_and_weights(row)
    setup = Setup(row["n_ctx"], row["kv_type"], batch=row["n_ubatch"])

    found = need_of(shape, weights, setup, budget.placement)
    verdict = judge(found, budget)

    assert verdict.kind == row["expected"]
    assert found.state_bytes == row["state_bytes"]
    if budget.placement is Placement.CARD:
        assert found.weights_bytes == row["resident_bytes"]


def test_most_of_the_worked_fits_are_robust_and_every_simple_verdict_is_among_them() -> None:
    assert len(ROWS) == 59
    assert {row["expected"] for row in ROBUST} == {"fits", "tight", "does_not_fit"}


# -- every rule at its edge -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "free", "kind"),
    [
        (9 * GIB, 10 * GIB, VerdictKind.FITS),
        (9 * GIB, 10 * GIB - 1, VerdictKind.FITS_IF_FREED),
        (9 * GIB, 0, VerdictKind.FITS_IF_FREED),
        (9 * GIB + 1, 10 * GIB, VerdictKind.TIGHT),
        (10 * GIB, 10 * GIB, VerdictKind.TIGHT),
        (10 * GIB + 1, 10 * GIB, VerdictKind.DOES_NOT_FIT),
        (0, 10 * GIB, VerdictKind.FITS),
    ],
)
def test_the_edges_of_a_budget_of_ten(total: int, free: int, kind: VerdictKind) -> None:
    assert judge(need(total), memory(10 * GIB, free)).kind is kind


def test_what_is_free_beyond_the_capacity_does_not_count() -> None:
    # a Mac with much free memory, and a GPU that may have less of it
    assert judge(need(9 * GIB + 1), memory(10 * GIB, 30 * GIB)).kind is VerdictKind.TIGHT


@pytest.mark.parametrize(
    ("total", "host", "kind"),
    [
        (12 * GIB, 4 * GIB, VerdictKind.PARTIAL),
        (12 * GIB + 1, 4 * GIB, VerdictKind.DOES_NOT_FIT),
        (12 * GIB, None, VerdictKind.DOES_NOT_FIT),
        (10 * GIB + 1, HOST_RESERVE_BYTES, VerdictKind.DOES_NOT_FIT),
        (10 * GIB + 1, 0, VerdictKind.DOES_NOT_FIT),
    ],
)
def test_a_card_with_known_host_memory_may_be_partial(total: int, host: int | None, kind: VerdictKind) -> None:
    assert judge(need(total), card(10 * GIB, host)).kind is kind


def test_a_machine_without_a_card_is_never_partial() -> None:
    unified = memory(10 * GIB, placement=Placement.UNIFIED, host_free_bytes=64 * GIB)

    assert judge(need(12 * GIB), unified).kind is VerdictKind.DOES_NOT_FIT


def test_partial_counts_what_is_free_on_the_card_not_what_it_has() -> None:
    assert judge(need(12 * GIB), card(10 * GIB, 4 * GIB, free=9 * GIB)).kind is VerdictKind.DOES_NOT_FIT


def test_what_the_model_holds_beside_the_card_makes_the_card_no_larger() -> None:
    # loaded with 8 GiB on the CPU: the daemon's figure is of all of it
    assert judge(need(17 * GIB), card(10 * GIB, 8 * GIB, free=0), own_bytes=16 * GIB).kind is VerdictKind.DOES_NOT_FIT
    assert judge(need(16 * GIB), card(10 * GIB, 8 * GIB, free=0), own_bytes=16 * GIB).kind is VerdictKind.PARTIAL


def test_each_of_two_cards_keeps_its_reserve_and_a_model_that_one_holds_needs_one() -> None:
    two = card(48 * GIB, None)
    two = replace(two, devices=2)

    spread, single = judge(need(46 * GIB + 1), two), judge(need(23 * GIB), two)

    assert (spread.kind, spread.reserve_bytes) == (VerdictKind.TIGHT, 2 * GIB)
    assert (single.kind, single.reserve_bytes) == (VerdictKind.FITS, GIB)


# -- what has to go ---------------------------------------------------------------------------------


SMALL, MIDDLE, LARGE = Holder("small", GIB), Holder("middle", 3 * GIB), Holder("large", 6 * GIB)


def test_the_one_model_that_is_just_large_enough_has_to_go() -> None:
    verdict = judge(need(7 * GIB), memory(16 * GIB, 6 * GIB), (SMALL, MIDDLE, LARGE))

    assert verdict.to_free_bytes == 2 * GIB
    assert verdict.to_unload == (MIDDLE,)


def test_two_go_where_no_single_one_does() -> None:
    verdict = judge(need(12 * GIB), memory(16 * GIB, 5 * GIB), (SMALL, MIDDLE, LARGE))

    assert set(verdict.to_unload) == {MIDDLE, LARGE}


def test_where_all_models_together_do_not_do_only_the_bytes_are_told() -> None:
    verdict = judge(need(12 * GIB), memory(16 * GIB, GIB), (SMALL, MIDDLE))

    assert (verdict.to_unload, verdict.to_free_bytes) == ((), 12 * GIB)


def test_what_the_model_holds_itself_counts_as_free() -> None:
    busy = memory(16 * GIB, 2 * GIB)

    assert judge(need(7 * GIB), busy).kind is VerdictKind.FITS_IF_FREED
    assert judge(need(7 * GIB), busy, own_bytes=6 * GIB).kind is VerdictKind.FITS
    assert judge(need(7 * GIB), busy, own_bytes=60 * GIB).free_bytes == 16 * GIB


def test_a_great_many_loaded_models_are_still_answered_at_once() -> None:
    many = [Holder(f"m{number}", GIB // 4 + number) for number in range(400)]

    assert len(fewest(many, GIB)) == 4


# -- unknown ----------------------------------------------------------------------------------------


def test_without_a_need_the_reason_is_told_and_the_memory_kept() -> None:
    verdict = judge(None, memory(GIB), why_unknown="its file is not there")

    assert (verdict.kind, verdict.why_unknown) == (VerdictKind.UNKNOWN, "its file is not there")
    assert verdict.memory is not None


def test_without_a_budget_the_need_is_kept() -> None:
    verdict = judge(need(GIB), None)

    assert verdict.kind is VerdictKind.UNKNOWN
    assert verdict.need is not None
    assert "not known" in verdict.why_unknown
    assert verdict.free_bytes is None


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (VerdictKind.FITS, 0),
        (VerdictKind.FITS_IF_FREED, 0),
        (VerdictKind.TIGHT, 3),
        (VerdictKind.PARTIAL, 3),
        (VerdictKind.DOES_NOT_FIT, 3),
        (VerdictKind.UNKNOWN, 4),
    ],
)
def test_exit_codes_and_which_verdict_refuses_a_pull(kind: VerdictKind, code: int) -> None:
    verdict = unknown("x") if kind is VerdictKind.UNKNOWN else Verdict(kind, need(GIB), memory(GIB))

    assert verdict.exit_code == code
    assert verdict.refuses_pull is (kind is VerdictKind.DOES_NOT_FIT)


# -- what always holds ------------------------------------------------------------------------------

amounts = st.integers(0, 512 * GIB)
holders = st.lists(st.builds(Holder, st.just("other"), st.integers(0, 64 * GIB)), max_size=6)


@st.composite
def machines(draw: st.DrawFn) -> MemoryState:
    capacity = draw(amounts)
    return MemoryState(
        "",
        capacity,
        draw(st.integers(0, capacity)),
        "",
        draw(st.sampled_from(Placement)),
        draw(st.integers(1, 4)),
        draw(st.none() | amounts),
    )


@given(amounts, machines(), holders)
def test_it_never_fits_what_does_not_fit(total: int, machine: MemoryState, others: list[Holder]) -> None:
    verdict = judge(need(total), machine, others)

    if verdict.kind in {VerdictKind.FITS, VerdictKind.FITS_IF_FREED}:
        assert total + verdict.reserve_bytes <= machine.capacity_bytes
        assert verdict.reserve_bytes >= GIB
    if verdict.kind is VerdictKind.FITS:
        assert total + verdict.reserve_bytes <= machine.free_bytes
    if verdict.kind is VerdictKind.TIGHT:
        assert total <= machine.capacity_bytes


@given(amounts, machines(), holders)
def test_what_would_be_unloaded_is_enough_and_none_of_it_is_in_vain(
    total: int, machine: MemoryState, others: list[Holder]
) -> None:
    verdict = judge(need(total), machine, others)

    freed = [holder.bytes for holder in verdict.to_unload]
    if freed:
        assert sum(freed) >= verdict.to_free_bytes > 0
        assert all(sum(freed) - one < verdict.to_free_bytes for one in freed)
    elif verdict.kind is VerdictKind.FITS_IF_FREED:
        assert sum(holder.bytes for holder in others) < verdict.to_free_bytes


@given(amounts, machines(), st.integers(0, 64 * GIB), st.integers(0, 64 * GIB))
def test_more_memory_is_never_worse(total: int, machine: MemoryState, capacity_more: int, free_more: int) -> None:
    capacity = machine.capacity_bytes + capacity_more
    larger = replace(
        machine, capacity_bytes=capacity, free_bytes=min(capacity, machine.free_bytes + capacity_more + free_more)
    )

    assert RANK[judge(need(total), larger).kind] <= RANK[judge(need(total), machine).kind]


@given(amounts, st.integers(0, 64 * GIB), machines())
def test_a_larger_need_is_never_better(total: int, more: int, machine: MemoryState) -> None:
    assert RANK[judge(need(total + more), machine).kind] >= RANK[judge(need(total), machine).kind]


@given(amounts, machines(), amounts)
def test_more_host_memory_is_never_worse(total: int, machine: MemoryState, host: int) -> None:
    without, beside = replace(machine, host_free_bytes=None), replace(machine, host_free_bytes=host)

    assert RANK[judge(need(total), beside).kind] <= RANK[judge(need(total), without).kind]
