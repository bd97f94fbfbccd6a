"""Decode speed against published measurements (tests/data/sizing-vectors.json, `speed`)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.need import Need
from llmhub.core.sizing.shapes import ModelShape, shape_of
from llmhub.core.sizing.speed import NO_BANDWIDTH, cpu_share, decode_speed, estimate, measured
from llmhub.core.sizing.speeds import Chip, Speed, SpeedBasis, SpeedClass
from llmhub.core.sizing.state import state_of
from llmhub.core.sizing.verdicts import Verdict, VerdictKind, judge
from llmhub.core.sizing.weights import Weights
from llmhub.machine.chips import find_chip

DATA = Path(__file__).resolve().parents[2] / "data"
CHIPS = Path(__file__).resolve().parents[3] / "tui" / "llmhub" / "machine" / "chips.json"
VECTORS: dict[str, Any] = json.loads((DATA / "sizing-vectors.json").read_text("utf-8"))
ROWS: list[dict[str, Any]] = VECTORS["speed"]
RECENT = [row for row in ROWS if "May 2024" not in row["source"]]
"""The 2025-26 ones; builds of 2024 were slower."""
CLASSES = {
    row["id"]: SpeedClass(row["id"], row["eta"], row["c_ms_per_layer"], row["m_ms_per_layer"] or 0.06)
    for row in json.loads(CHIPS.read_text("utf-8"))["speed_classes"]
}
OF_CHIP = {
    "apple-m4-pro": (273, "apple-m3-up"),
    "rx-7900-xt": (800, "amd-rdna3"),
    "ddr5-5600-2ch": (89.6, "cpu"),
    "apple-m1": (68.25, "apple-m1"),
    "apple-m1-max": (400, "apple-m1"),
    "apple-m2-ultra": (800, "apple-m2"),
    "apple-m3-max-40": (400, "apple-m3-up"),
    "rtx-3090": (936.2, "nvidia-rtx"),
    "rtx-4090": (1008, "nvidia-rtx"),
    "a100-80-sxm": (2039, "nvidia-hbm"),
}


TIED = {row["id"] for row in VECTORS["models"] if row["tied_embeddings"]}


def chip(name: str = "apple-m4-pro") -> Chip:
    bandwidth, speed_class = OF_CHIP[name]
    return Chip(name, name, "", False, (24,), bandwidth, CLASSES[speed_class])


def shape(model: str) -> ModelShape:
    [keys] = [row["gguf"] for row in VECTORS["models"] if row["id"] == model]
    return shape_of(ModelFacts({key: tuple(v) if isinstance(v, list) else v for key, v in keys.items()}))


def weights(model: str) -> Weights:
    [row] = [row for row in VECTORS["weights"] if row["model"] == model]
    return Weights(row["tensor_bytes"], row["token_embd_bytes"], row["expert_bytes"] or 0, is_tied=row["model"] in TIED)


def speed(row: dict[str, Any], state_bytes: int = 0) -> Speed:
    of = shape(row["model"])
    experts = len(of.layers) if of.experts else 0
    return decode_speed(row["read_bytes_per_token"], state_bytes, len(of.layers), experts, chip(row["chip"]))


def error(row: dict[str, Any]) -> float:
    per_s = speed(row).per_s
    assert per_s is not None
    return per_s / float(row["measured_tok_s"]) - 1


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_ceiling_and_range_of_every_row(row: dict[str, Any]) -> None:
    found = speed(row)

    assert found.ceiling_per_s == pytest.approx(row["ceiling_tok_s"], abs=0.0051)
    assert found.per_s is not None
    assert found.low_per_s is not None
    assert found.high_per_s is not None
    assert found.ceiling_per_s is not None
    assert found.low_per_s < found.per_s < found.high_per_s <= found.ceiling_per_s
    assert found.low_per_s == pytest.approx(0.75 * found.per_s)
    assert found.high_per_s == pytest.approx(min(1.1 * found.per_s, found.ceiling_per_s))


def test_recent_measurements_are_met_within_three_percent_at_the_median_and_fifteen_at_the_most() -> None:
    errors = [abs(error(row)) for row in RECENT]

    assert len(errors) == 31
    assert median(errors) <= 0.03
    assert max(errors) <= 0.15


def test_older_measurements_are_met_within_a_quarter() -> None:
    errors = [abs(error(row)) for row in ROWS if row not in RECENT]

    assert len(errors) == 11
    assert median(errors) <= 0.09
    assert max(errors) <= 0.26


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_what_is_read_for_a_token_follows_from_the_weights(row: dict[str, Any]) -> None:
    assert weights(row["model"]).read_bytes(shape(row["model"])) == row["read_bytes_per_token"]


def test_a_filled_context_slows_decoding_by_half() -> None:
    of, setup = shape("llama3.1-8b"), Setup(32768, batch=512)
    state = state_of(of, setup)

    empty = estimate(of, weights("llama3.1-8b"), 0, chip(), None).per_s
    full = estimate(of, weights("llama3.1-8b"), state.kv_bytes, chip(), None).per_s

    assert empty is not None
    assert full is not None
    assert full / empty == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("state", [0, 10**6, 10**9, 10**12])
@pytest.mark.parametrize("read", [1, 10**6, 10**9, 10**12])
def test_no_estimate_is_above_the_ceiling(read: int, state: int) -> None:
    for eta in (0.37, 1.0, 1.7):
        fast = replace(chip(), speed_class=SpeedClass("x", eta, 0.0, 0.0))

        found = decode_speed(read, state, 0, 0, fast)

        assert found.per_s is not None
        assert found.high_per_s is not None
        assert found.ceiling_per_s is not None
        assert found.per_s <= found.high_per_s <= found.ceiling_per_s


def test_a_kind_that_nobody_measured_has_a_wide_range_and_says_so() -> None:
    guessed = replace(chip(), speed_class=CLASSES["unknown"])

    found = decode_speed(4 * 10**9, 0, 32, 0, guessed)

    assert found.per_s is not None
    assert found.low_per_s == pytest.approx(found.per_s * 0.5)
    assert found.high_per_s == pytest.approx(found.per_s * 1.2)
    assert "nobody measured" in found.words


def test_an_assumption_about_the_chip_is_in_the_words() -> None:
    found = decode_speed(10**9, 0, 32, 0, replace(chip(), note="the slowest of different cards"))

    assert "the slowest of different cards" in found.words
    assert found.basis is SpeedBasis.BANDWIDTH


@pytest.mark.parametrize(("read", "bandwidth"), [(0, 100.0), (-1, 100.0), (10**9, 0.0), (10**9, -5.0)])
def test_without_bytes_or_bandwidth_there_is_no_speed(read: int, bandwidth: float) -> None:
    assert decode_speed(read, 0, 32, 0, replace(chip(), bandwidth_gbs=bandwidth)).per_s is None


def test_without_a_chip_the_words_say_what_is_not_known() -> None:
    found = estimate(shape("qwen3-8b"), weights("qwen3-8b"), 0, None, None)

    assert found == NO_BANDWIDTH
    assert "bandwidth" in found.words


# -- partly on the CPU -----------------------------------------------------------------------------


CARD = MemoryState("GPU", 12 * GIB, 12 * GIB, "a card", Placement.CARD, host_free_bytes=64 * GIB)


def need(model: str, context_bytes: int = 0) -> Need:
    return Need(weights(model).resident_bytes(shape(model), Placement.CARD), context_bytes, 0, 200 * 2**20)


def test_a_tenth_on_the_cpu_is_slower_and_more_has_no_figure() -> None:
    card = chip("rtx-4090")
    whole, tenth, more = (decode_speed(10 * 10**9, 0, 40, 0, card, cpu_share=share) for share in (0.0, 0.1, 0.1 + 1e-9))

    assert whole.per_s is not None
    assert tenth.per_s is not None
    assert tenth.per_s < whole.per_s / 2
    assert more.per_s is None
    assert more.low_per_s is None
    assert more.high_per_s is None
    assert more.ceiling_per_s == whole.ceiling_per_s
    assert "on the CPU" in more.words


def test_how_much_goes_to_the_cpu_follows_from_the_verdict() -> None:
    model = "mistral-small-24b"
    verdict = judge(need(model), CARD)

    assert verdict.kind is VerdictKind.PARTIAL
    assert 0.15 < cpu_share(verdict) < 0.2
    assert (
        estimate(shape("mistral-small-24b"), weights("mistral-small-24b"), 0, chip("rtx-4090"), verdict).per_s is None
    )


def test_what_is_tight_on_a_card_leaves_a_little_to_the_cpu_and_on_a_mac_nothing() -> None:
    tight = need("qwen3-14b", 3 * GIB)
    on_card = judge(tight, CARD)
    on_mac = judge(tight, replace(CARD, placement=Placement.UNIFIED))

    assert (on_card.kind, on_mac.kind) == (VerdictKind.TIGHT, VerdictKind.TIGHT)
    assert 0 < cpu_share(on_card) < 0.1
    assert cpu_share(on_mac) == 0
    assert "on the CPU" in estimate(shape("qwen3-14b"), weights("qwen3-14b"), 0, chip("rtx-4090"), on_card).words


def test_what_does_not_fit_has_a_ceiling_and_no_speed() -> None:
    verdict = judge(need("llama3.1-70b"), replace(CARD, host_free_bytes=None))

    found = estimate(shape("llama3.1-70b"), weights("llama3.1-70b"), 0, chip("rtx-4090"), verdict)

    assert verdict.kind is VerdictKind.DOES_NOT_FIT
    assert (found.per_s, found.low_per_s, found.high_per_s) == (None, None, None)
    assert found.ceiling_per_s == pytest.approx(24.04, abs=0.01)


def test_a_verdict_without_figures_leaves_nothing_to_the_cpu() -> None:
    assert cpu_share(Verdict(VerdictKind.PARTIAL, None, None)) == 0
    assert cpu_share(None) == 0


# -- measured --------------------------------------------------------------------------------------


def test_a_measured_speed_stands_alone() -> None:
    found = measured(47.2, "median of 12 turns on this machine")

    assert (found.per_s, found.basis) == (47.2, SpeedBasis.MEASURED)
    assert (found.low_per_s, found.high_per_s, found.ceiling_per_s) == (None, None, None)
    assert found.words == "median of 12 turns on this machine"


def test_a_model_that_only_embeds_has_no_decode_speed() -> None:
    told = {"general.architecture": "nomic-bert", "nomic-bert.block_count": 12, "nomic-bert.embedding_length": 768}

    speed = estimate(shape_of(ModelFacts(told)), Weights(10**8), 0, find_chip("M4"), None)

    assert speed.per_s is None
    assert "decodes nothing" in speed.words
