"""Block structure read line by line is that of the whole text."""

from __future__ import annotations

import re

import pytest

from llmhub.ui.transcript.blocks import LINE_LIMIT, PARAGRAPH_LIMIT, Blocks
from llmhub.ui.transcript.leaves import CHUNK_LINES, Kind
from ui.transcript.oracle import flat, incremental, whole
from ui.transcript.texts import chunks, document


def differs_on_purpose(text: str) -> bool:
    """Where CommonMark and markdown-it part, or we from both.

    markdown-it 4.3 takes a line indented by four after a list or a quote for code where CommonMark goes on with the
    paragraph, and a `>` so deep for a quote; a definition with text right below it may be followed by code there, and
    a table may begin in the first line after a quote's mark.
    """
    deep = re.search(r"(?m)^(?:[ >]*)(?:    |\t)|\t", text) is not None
    return (
        (deep and re.search(r"(?m)^\s*(?:>|[-+*] |[-+*]$|\d+[.)])", text) is not None)
        or re.search(r"\[r\]: http://x\n[^\n]", text) is not None
        or (re.search(r"(?m)^\s*[->|:][ -|:]*\|[ -|:]*$", text) is not None and ">" in text)
    )


@pytest.mark.parametrize("first", range(0, 2_000, 400))
def test_leaves_are_those_of_markdown_it_over_the_whole_text(first: int) -> None:
    compared = 0
    for seed in range(first, first + 400):
        text = document(seed)
        if differs_on_purpose(text):
            continue
        compared += 1

        assert incremental(text) == whole(text), (seed, text)

    assert compared > 100


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_any_cutting_of_the_stream_gives_the_same_leaves_at_every_step(first: int) -> None:
    for seed in range(first, first + 100):
        text = document(seed)
        growing = Blocks()
        so_far = ""

        for chunk in chunks(text, seed):
            growing.feed(chunk)
            so_far += chunk
            at_once = Blocks()
            at_once.feed(so_far)

            assert flat([*growing.closed, *growing.tail()]) == flat([*at_once.closed, *at_once.tail()]), (seed, so_far)
        growing.finish()

        assert flat(growing.closed) == incremental(text)


def test_a_closed_leaf_never_changes() -> None:
    text = document(7, lines=60)
    growing = Blocks()
    seen: list[object] = []

    for char in text:
        growing.feed(char)

        assert flat(growing.closed)[: len(seen)] == seen
        seen = list(flat(growing.closed))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("```py\nx\n", [Kind.CODE]),
        ("a\n-", [Kind.PARAGRAPH]),
        ("a\n--", [Kind.PARAGRAPH]),
        ("a\n1", [Kind.PARAGRAPH]),
        ("a\n- b", [Kind.PARAGRAPH, Kind.PARAGRAPH]),
        ("| a | b |\n|--", [Kind.PARAGRAPH]),
        ("| a | b |\n|---|---|\n| 1", [Kind.TABLE]),
    ],
)
def test_a_line_that_may_still_become_something_else_waits(text: str, kinds: list[Kind]) -> None:
    blocks = Blocks()
    blocks.feed(text)

    leaves = [*blocks.closed, *blocks.tail()]

    assert [leaf.kind for leaf in leaves] == kinds
    assert all(leaf.kind is not Kind.HEADING for leaf in leaves)


def test_a_line_of_a_megabyte_is_read_in_pieces_that_lose_nothing() -> None:
    text = "word " * 200_000
    blocks = Blocks()

    blocks.feed(text)
    blocks.finish()

    assert "".join(leaf.text.replace(" ", "") for leaf in blocks.closed) == text.replace(" ", "")
    assert max(len(leaf.text) for leaf in blocks.closed) <= LINE_LIMIT


def test_a_long_line_of_code_is_one_line_again_when_it_is_put_together() -> None:
    line = "x" * 5_000
    blocks = Blocks()

    blocks.feed(f"```\n{line}\n```\n")
    (leaf,) = blocks.closed

    assert "".join(leaf.lines) == line
    assert leaf.glued == {1, 2}


def test_leaves_of_endless_blocks_stay_small() -> None:
    blocks = Blocks()
    blocks.feed("- item\n" * 500 + "\n```\n" + "code\n" * 500 + "```\n\n" + "line of a paragraph\n" * 2_000)
    blocks.feed("\n| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 300)
    blocks.finish()

    assert max(len(leaf.lines) for leaf in blocks.closed) <= CHUNK_LINES
    assert max(len(leaf.text) for leaf in blocks.closed) <= PARAGRAPH_LIMIT
