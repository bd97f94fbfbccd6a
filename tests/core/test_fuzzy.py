"""Fuzzy search over model names."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.fuzzy import FuzzyMatch, fuzzy_match, fuzzy_rank

NAMES = [
    "qwen3:8b",
    "qwen3:32b",
    "qwen2.5-coder:7b",
    "gpt-oss:20b",
    "gpt-oss:120b-cloud",
    "llama3.1:70b",
    "llama3.2:latest",
    "hf.co/bartowski/Qwen3-8B-GGUF:Q4_K_M",
    "nomic-embed-text:latest",
]


def ranked(query: str) -> list[str]:
    return [name for name, _ in fuzzy_rank(query, NAMES, key=lambda name: name)]


def test_an_empty_query_fits_everything_in_the_order_given() -> None:
    assert ranked("  ") == NAMES


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("qwen3:8b", "qwen3:8b"),
        ("q8b", "qwen3:8b"),
        ("qwen 32", "qwen3:32b"),
        ("coder", "qwen2.5-coder:7b"),
        ("oss", "gpt-oss:20b"),
        ("120", "gpt-oss:120b-cloud"),
        ("LLAMA 70", "llama3.1:70b"),
        ("70 llama", "llama3.1:70b"),
        ("bart q4", "hf.co/bartowski/Qwen3-8B-GGUF:Q4_K_M"),
        ("embed", "nomic-embed-text:latest"),
    ],
)
def test_the_name_meant_comes_first(query: str, first: str) -> None:
    assert ranked(query)[0] == first


def test_a_name_without_one_of_the_letters_does_not_fit() -> None:
    assert fuzzy_match("qwenz", "qwen3:8b") is None
    assert fuzzy_match("b8", "qwen3:8b") is None


def test_the_letters_that_fit_are_told() -> None:
    match = fuzzy_match("q8b", "qwen3:8b")

    assert match is not None
    assert match.positions == (0, 6, 7)


def test_letters_at_the_start_of_a_part_are_preferred_to_the_first_ones_found() -> None:
    match = fuzzy_match("c", "deepseek-coder:1b")

    assert match is not None
    assert match.positions == (9,)


def test_letters_in_a_row_are_preferred_to_scattered_ones() -> None:
    match = fuzzy_match("lama", "xlxaxmxa/xlama")

    assert match is not None
    assert match.positions == (10, 11, 12, 13)


def test_the_plain_name_beats_a_longer_one_that_holds_it() -> None:
    assert next(name for name, _ in fuzzy_rank("mistral", ["mistral-nemo:12b", "mistral:7b"], key=str)) == "mistral:7b"


def test_equals_stay_in_the_order_given() -> None:
    assert [name for name, _ in fuzzy_rank("a", ["a:2", "a:1"], key=str)] == ["a:2", "a:1"]


def test_a_letter_that_grows_when_lowered_does_not_shift_the_positions() -> None:
    match = fuzzy_match("x", "İx")

    assert match == FuzzyMatch(match.score if match else 0, (1,))


@given(st.text(max_size=12), st.text(max_size=40))
def test_any_text_can_be_searched_and_the_positions_lie_inside(query: str, text: str) -> None:
    match = fuzzy_match(query, text)

    assert match is None or all(0 <= place < len(text) for place in match.positions)


@given(st.text(alphabet="abcdef:/-0123", min_size=1, max_size=30), st.data())
def test_letters_taken_from_a_text_in_order_always_fit_it(text: str, data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    query = "".join(letter for letter, keep in zip(text, kept, strict=True) if keep)

    assert fuzzy_match(query, text) is not None


def test_four_hundred_names_are_ranked_within_a_tenth_of_a_second() -> None:
    names = [f"hf.co/author{n % 40}/Some-Model-{n}B-Instruct-GGUF:Q{n % 8}_K_M" for n in range(450)]
    began = process_time()

    fuzzy_rank("some instr q4", names, key=str)

    assert process_time() - began < 0.1 * 3  # thrice, for a busy machine
