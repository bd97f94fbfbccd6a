"""The words of the simulated models: whole, always the same, cut like tokens, and varied enough to test a screen."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.simulators import replies
from llmhub.simulators.catalogue import INSTALLED
from llmhub.simulators.texts import GENERAL, SUBJECTS

TEXTS = [text for subject in (*SUBJECTS, GENERAL) for text in (subject.brief, subject.thorough)]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_the_pieces_of_any_text_are_that_text(text: str) -> None:
    pieces = replies.pieces(text)

    assert "".join(pieces) == text
    assert all(pieces)


@pytest.mark.parametrize("text", TEXTS)
def test_a_piece_is_about_as_long_as_a_token(text: str) -> None:
    pieces = replies.pieces(text)

    assert 2.0 < len(text.encode()) / len(pieces) < 5.0
    assert len(pieces) > 40


def test_no_text_repeats_a_piece_so_often_that_a_daemon_would_stop_it() -> None:
    run = longest = 1
    pieces = list(replies.stream(20_000))
    for before, after in pairwise(pieces):
        run = run + 1 if before.strip() == after.strip() else 1
        longest = max(longest, run)

    assert len(pieces) == 20_000
    assert longest < 10


def test_together_they_use_all_of_markdown_and_wide_characters() -> None:
    whole = "\n".join(TEXTS)
    languages = set(re.findall(r"^```(\w+)$", whole, flags=re.MULTILINE))

    assert len(languages) >= 6
    for mark in ("# ", "## ", "### ", "\n> ", "\n- ", "\n  - ", "\n1. ", "| ---", "**", "- [x] ", "\n---\n", "`"):
        assert mark in whole
    assert any("\u4e00" <= sign <= "\u9fff" for sign in whole)
    assert any(ord(sign) > 0x1F000 for sign in whole)


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("Write a Python function that sorts a list", "merge"),
        ("How does ownership work in Rust?", "owner"),
        ("Make this SQL query faster", "index"),
        ("你好", "中文"),
        ("Plan a weekend trip", "Coffee"),
        ("Which is better, local or cloud?", "context"),
        ("What about that other thing", "That other thing"),
    ],
)
def test_a_prompt_is_answered_by_its_subject(prompt: str, word: str) -> None:
    for model in INSTALLED:
        assert word.lower() in replies.answer(prompt, model.name).lower()


def test_brief_is_brief_and_the_models_differ() -> None:
    prompt = "Explain merge sort"

    answers = {replies.answer(prompt, model.name) for model in INSTALLED}

    assert len(answers) >= 4
    assert len(replies.answer(prompt, "llama3.2:3b", brief=True)) < len(replies.answer(prompt, "llama3.2:3b"))
    assert all("{topic}" not in answer for answer in answers)


def test_more_effort_is_more_thought() -> None:
    lengths = [len(replies.thoughts("Why?", "qwen3:8b", effort=effort)) for effort in ("low", "medium", "high")]

    assert lengths == sorted(set(lengths))
