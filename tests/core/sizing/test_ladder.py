"""The quant ladder: what is offered or usual against the same memory, the default one marked; and the ways out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmhub.core.catalog import Variant
from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.sizing import quantizations
from llmhub.core.sizing.assess import SizedModel, assess, understood
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.ladder import Rung, default_rung, guessed_bytes, rungs_of
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speeds import Chip, SpeedClass
from llmhub.core.sizing.verdicts import VerdictKind
from llmhub.core.sizing.ways import Ways, ways_of
from llmhub.core.sizing.weights import Weights

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "data" / "sizing-vectors.json").read_text("utf-8")
)
FAST = Chip("fast", "Fast", "apple", True, (32,), 400.0, SpeedClass("apple-m1", 0.7, 0.1, 0.05))


def facts(model: str, quant: str | None = "Q4_K_M") -> ModelFacts:
    [row] = [row for row in VECTORS["models"] if row["id"] == model]
    [told] = [w for w in VECTORS["weights"] if w["model"] == model]
    metadata = {key: tuple(v) if isinstance(v, list) else v for key, v in row["gguf"].items()}
    return ModelFacts(
        {**metadata, "general.parameter_count": row["parameters"]},
        file_bytes=told["tensor_bytes"],
        groups=Weights(told["tensor_bytes"], told["token_embd_bytes"], told["expert_bytes"] or 0),
        quantization=quant,
    )


def sized(model: str = "qwen3-32b") -> SizedModel:
    return understood(facts(model))


def offered(*names: str, model: str = "qwen3-32b") -> tuple[Variant, ...]:
    rows = {row["quant"]: row["tensor_bytes"] for row in VECTORS["quant_ladders"] if row["model"] == model}
    return tuple(Variant(f"{model}:{name}", name, rows[name]) for name in names)


def machine(capacity: int, placement: Placement = Placement.UNIFIED) -> MemoryState:
    return MemoryState("", capacity, capacity, "", placement)


AT_8K = Setup(8192)


def report(capacity: int = 25 * GIB, setup: Setup = AT_8K, **more: Any) -> FitReport:
    given = {"chip": FAST, "variants": offered("Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M", "Q2_K"), "quantization": "Q4_K_M"}
    return assess("qwen3:32b", sized(), setup, machine(capacity), **{**given, **more})


# -- rungs ------------------------------------------------------------------------------------------


def test_rungs_go_from_the_largest_to_the_smallest_and_the_chosen_one_is_marked() -> None:
    rows = report().ladder

    assert [row.quantization for row in rows] == ["Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M", "Q2_K"]
    assert [row.quantization for row in rows if row.is_chosen] == ["Q4_K_M"]
    assert [row.quantization for row in rows if row.is_default] == ["Q4_K_M"]
    assert all(row.is_exact for row in rows)
    assert [row.name for row in rows][:2] == ["qwen3-32b:Q8_0", "qwen3-32b:Q6_K"]


def test_only_the_weights_differ_between_two_rungs() -> None:
    found = report()

    needs = {row.quantization: row.verdict.need for row in found.ladder}

    assert len({(need.state_bytes, need.compute_bytes) for need in needs.values() if need}) == 1
    sizes = [row.need_bytes for row in found.ladder]
    assert sizes == sorted(sizes, key=lambda n_bytes: -(n_bytes or 0))


def test_a_smaller_rung_has_no_worse_verdict_and_no_lower_speed() -> None:
    good = [VerdictKind.FITS, VerdictKind.TIGHT, VerdictKind.DOES_NOT_FIT]

    rows = report().ladder

    ranks = [good.index(row.verdict.kind) for row in rows]
    assert ranks == sorted(ranks, reverse=True)
    assert {row.verdict.kind for row in rows} == set(good) - {VerdictKind.TIGHT}
    speeds = [row.speed.per_s for row in rows if row.speed.per_s]
    assert speeds == sorted(speeds)


def test_the_chosen_rung_says_what_the_report_says() -> None:
    found = report()

    [row] = [row for row in found.ladder if row.is_chosen]

    assert found.need is not None
    assert (row.need_bytes, row.verdict, row.speed) == (found.need.total_bytes, found.verdict, found.speed)


def test_where_nothing_is_offered_the_usual_ones_are_estimated_and_say_so() -> None:
    rows = report(variants=()).ladder

    assert [row.quantization for row in rows if row.is_exact] == ["Q4_K_M"]
    assert all(row.name is None for row in rows)
    assert {"Q8_0", "Q4_K_M", "Q2_K"} <= {row.quantization for row in rows}
    assert all(row.verdict.need and row.verdict.need.estimated for row in rows if not row.is_chosen)


def test_no_ladder_where_none_is_wanted() -> None:
    assert report(variants=None).ladder == ()


@pytest.mark.parametrize("model", ["llama3.2-1b", "llama3.1-8b", "llama3.1-70b", "gemma3-27b", "qwen3-30b-a3b"])
def test_a_guessed_file_is_within_four_percent_of_the_quantizers_own_bytes(model: str) -> None:
    shape = sized(model).shape
    assert shape is not None

    rows = [row for row in VECTORS["quant_ladders"] if row["model"] == model]
    errors = {
        row["quant"]: guess / row["tensor_bytes"] - 1
        for row in rows
        if (guess := guessed_bytes(shape, row["quant"])) is not None
    }

    assert len(errors) >= 7
    assert all(abs(error) <= 0.04 for error in errors.values()), errors


def test_a_mix_that_nobody_knows_is_not_guessed() -> None:
    shape = sized().shape
    assert shape is not None

    rungs = rungs_of(shape, (Variant("a:x", "UD-Q9_XXL", None),), chosen=None, chosen_bytes=None)
    rows = report(variants=(Variant("a:x", "UD-Q9_XXL", None), *offered("Q8_0"))).ladder

    assert [(rung.file_bytes, rung.is_exact) for rung in rungs] == [(None, False)]
    [row] = [row for row in rows if row.quantization == "UD-Q9_XXL"]
    assert (row.need_bytes, row.verdict.kind, row.speed.per_s) == (None, VerdictKind.UNKNOWN, None)


@pytest.mark.parametrize(
    ("names", "default"),
    [
        (("Q8_0", "Q4_K_M", "Q2_K"), "Q4_K_M"),
        (("Q8_0", "Q4_K_S", "Q2_K"), "Q4_K_S"),
        (("F16", "Q8_0"), "Q8_0"),
        (("MXFP4",), "MXFP4"),
        ((), None),
    ],
)
def test_the_default_is_q4_k_m_or_the_nearest(names: tuple[str, ...], default: str | None) -> None:
    rungs = [Rung(name, None, None, False) for name in names]

    found = default_rung(rungs)

    assert (found.quantization if found else None) == default


# -- the names of quantizations ---------------------------------------------------------------------


def test_a_quantization_is_found_under_any_spelling_and_in_the_repository_that_was_meant() -> None:
    variants = (
        Variant("hf.co/a/b:Q8_0", "Q8_0", 1),
        Variant("qwen3:32b-q8_0", "Q8_0", 1),
        Variant("qwen3:32b-fp16", "F16", 2),
    )

    def picked(wanted: str, like: str) -> str | None:
        found = quantizations.pick(variants, wanted, like)
        return found.name if found else None

    assert picked("q8-0", "qwen3:32b") == "qwen3:32b-q8_0"
    assert picked("Q8_0", "hf.co/a/b:Q4_K_M") == "hf.co/a/b:Q8_0"
    assert picked("fp16", "qwen3:32b") == "qwen3:32b-fp16"
    assert picked("Q5_K_M", "qwen3:32b") is None


@pytest.mark.parametrize(
    ("wanted", "near"), [("Q5_K_M", "Q4_K_M"), ("F16", "Q8_0"), ("Q2_K", "Q3_K_M"), ("Q9_X", None)]
)
def test_the_nearest_is_nearest_in_bits_a_weight(wanted: str, near: str | None) -> None:
    variants = tuple(Variant(f"m:{name}", name, None) for name in ("Q8_0", "Q4_K_M", "Q3_K_M", "UD-X"))

    found = quantizations.nearest(variants, wanted, "m")

    assert (found.quantization if found else None) == near


@pytest.mark.parametrize(
    ("name", "wanted", "first"),
    [
        ("qwen3:32b", "q8_0", "qwen3:32b-q8_0"),
        ("qwen3:32b", "Q4_K_M", "qwen3:32b-q4_K_M"),
        ("qwen3:32b-q4_K_M", "F16", "qwen3:32b-fp16"),
        ("me/mine:7b", "iq4_xs", "me/mine:7b-iq4_xs"),
        ("qwen3", "Q8_0", None),
        ("hf.co/a/b:Q4_K_M", "Q8_0", None),
        ("no name at all", "Q8_0", None),
    ],
)
def test_what_the_library_might_call_a_quantization(name: str, wanted: str, first: str | None) -> None:
    assert next(iter(quantizations.possible_names(name, wanted)), None) == first


@pytest.mark.parametrize(
    ("tag", "mix"),
    [("32b-instruct-q8_0", "Q8_0"), ("8b-fp16", "F16"), ("Q4_K_M", "Q4_K_M"), ("32b", None), ("latest", None)],
)
def test_a_tag_may_end_in_its_quantization(tag: str, mix: str | None) -> None:
    assert quantizations.of_tag(tag) == mix


# -- what would make it fit -------------------------------------------------------------------------


def test_what_fits_needs_no_way_out() -> None:
    assert not ways_of(report(), sized())


def test_a_shorter_context_a_smaller_cache_and_a_smaller_file_each_for_itself() -> None:
    long = report(25 * GIB, Setup(32_768))

    ways = ways_of(long, sized())

    assert long.verdict.kind is VerdictKind.DOES_NOT_FIT
    assert ways.context == long.largest_context
    assert ways.context is not None
    assert 8192 < ways.context < 32_768
    assert ways.kv_type == "q8_0"
    assert ways.rung is not None
    assert ways.rung.quantization == "Q3_K_M"
    at_context = report(25 * GIB, Setup(ways.context))
    with_cache = report(25 * GIB, Setup(32_768, ways.kv_type))
    assert {at_context.verdict.kind, with_cache.verdict.kind, ways.rung.verdict.kind} == {VerdictKind.FITS}


def test_no_way_is_named_that_would_not_do() -> None:
    hopeless = report(8 * GIB)

    assert ways_of(hopeless, sized()) == Ways()
    # a quantized cache needs flash attention, and is no way where it is set already
    slow = report(31 * GIB, Setup(32_768, flash_attention=False))
    assert slow.verdict.kind is VerdictKind.DOES_NOT_FIT
    assert ways_of(slow, sized()).kv_type is None
    assert ways_of(report(22 * GIB, Setup(40_960, "q8_0")), sized()).kv_type is None


def test_an_unknown_verdict_has_no_ways() -> None:
    found = assess("x", None, Setup(8192), machine(GIB), why_unknown="a test")

    assert ways_of(found, None) == Ways()
    assert ways_of(replace(report(8 * GIB), verdict=found.verdict), sized()) == Ways()
