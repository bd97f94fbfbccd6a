from __future__ import annotations

import inspect
from decimal import Decimal, getcontext
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.costs.given import amounts
from llmhub.core.costs import billing, counterfactual, decisions, energy, hardware, labels, live, loaded, money, pricing
from llmhub.core.costs.labels import Bound, Figure, Label, added, less, unknown, weakest
from llmhub.core.costs.money import decimal, quantized, split

D = Decimal
MODULES = (billing, counterfactual, decisions, energy, hardware, live, loaded, money, pricing)


@given(amounts, st.lists(st.integers(0, 1_000_000), max_size=20))
def test_the_parts_of_a_split_add_up_to_the_whole_exactly(whole: Decimal, weights: list[int]) -> None:
    parts = split(whole, weights)

    assert sum(parts, D(0)) == (whole if any(weights) else 0)
    assert all(part >= 0 and part == part.quantize(D("1e-12")) for part in parts)


def test_the_missing_pico_dollars_go_to_the_earlier_of_equal_parts() -> None:
    assert split(D(1), [1, 1, 1]) == (D("0.333333333334"), D("0.333333333333"), D("0.333333333333"))


def test_a_split_keeps_to_proportion_within_a_pico_dollar() -> None:
    parts = split(D("17.037037037020"), [1200, 48800])

    assert parts == (D("0.408888888888"), D("16.628148148132"))


@pytest.mark.parametrize("value", [0.1, [0.1], {"a": 0.1}, (D(1), [{"b": 0.5}])])
def test_a_float_is_refused_wherever_it_hides(value: object) -> None:
    with pytest.raises(TypeError, match="float"):
        money.refuse_floats(value)


def _money_functions() -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for module in MODULES:
        assert isinstance(module, ModuleType)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and hasattr(function, "__wrapped__"):
                found.append((f"{module.__name__.rpartition('.')[2]}.{name}", function))
    return found


@pytest.mark.parametrize(
    ("name", "function"), _money_functions(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_float_that_reaches_a_formula_raises_in_whatever_argument_it_comes(name: str, function: object) -> None:
    assert callable(function)
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        with pytest.raises(TypeError, match="float"):
            function(**{parameter.name: 0.5})


def test_a_figure_cannot_be_made_of_a_float() -> None:
    with pytest.raises(TypeError, match="float"):
        Figure(0.5, Label.MEASURED)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["abc", "", "nan", "inf", "1e", "0x10"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        decimal(text)


@pytest.mark.parametrize("value", [True, None, b"1"])
def test_what_is_no_number_at_all_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        decimal(value)  # type: ignore[arg-type]


def test_formulas_work_at_fifty_digits_whatever_the_caller_has_set() -> None:
    before = getcontext().prec

    month = hardware.hardware_month(
        price_usd=D(1), residual_fraction=D(0), life_months=3, annual_cost_of_capital=D(0), share=D(1)
    )

    assert month.fixed == D("0." + "3" * 50)
    assert getcontext().prec == before


def test_rounding_is_half_to_even() -> None:
    assert [quantized(D(text), 2) for text in ("0.125", "0.135", "-0.125")] == [D("0.12"), D("0.14"), D("-0.12")]


@given(st.lists(st.sampled_from(Label), min_size=1))
def test_a_derived_figure_has_the_weakest_label_of_its_inputs(given_labels: list[Label]) -> None:
    order = ["billed", "measured", "declared", "default", "estimated", "unknown"]

    assert weakest(given_labels) == max(given_labels, key=lambda label: order.index(label))


def test_one_unknown_makes_a_sum_unknown_and_keeps_what_is_missing() -> None:
    known = Figure(D(1), Label.BILLED)

    assert added(known, unknown("busy_w")) == unknown("busy_w")
    assert less(known, unknown("price_usd")) == unknown("price_usd")


@pytest.mark.parametrize(
    ("bounds", "together"),
    [
        ((Bound.NONE, Bound.LOW), Bound.LOW),
        ((Bound.HIGH, Bound.NONE), Bound.HIGH),
        ((Bound.LOW, Bound.LOW), Bound.LOW),
        ((Bound.LOW, Bound.HIGH), Bound.BOTH),
        ((Bound.BOTH, Bound.LOW), Bound.BOTH),
    ],
)
def test_a_bound_survives_addition_and_opposite_ones_cancel(bounds: tuple[Bound, Bound], together: Bound) -> None:
    total = added(*(Figure(D(1), Label.MEASURED, bound) for bound in bounds))

    assert total == Figure(D(2), Label.MEASURED, together)


def test_a_lower_bound_that_is_taken_off_leaves_an_upper_one() -> None:
    saved = less(Figure(D(3), Label.ESTIMATED), Figure(D(1), Label.MEASURED, Bound.LOW))

    assert saved == Figure(D(2), Label.ESTIMATED, Bound.HIGH)


def test_a_figure_without_an_amount_must_say_that_it_is_unknown() -> None:
    with pytest.raises(ValueError, match="unknown"):
        Figure(None, Label.MEASURED)
    with pytest.raises(ValueError, match="unknown"):
        labels.Figure(D(0), Label.UNKNOWN)


def test_ranges_add_up_at_both_ends() -> None:
    total = added(Figure(D(2), Label.ESTIMATED, low=D(1), high=D(4)), Figure(D(1), Label.BILLED))

    assert (total.low, total.amount, total.high) == (D(2), D(3), D(5))
