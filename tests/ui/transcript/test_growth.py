"""A stream gives the rows of the whole text, and its last token costs what its thousandth did."""

from __future__ import annotations

import pytest

from llmhub.ui.transcript.rows import Work
from ui.transcript.sheets import Paper
from ui.transcript.texts import chunks, document


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_any_cutting_of_the_stream_gives_the_rows_of_the_whole_text(first: int) -> None:
    for seed in range(first, first + 50):
        text = document(seed, lines=16)
        whole = Paper().feed([text]).finish().strips

        grown = Paper().feed(chunks(text, seed)).finish().strips

        assert grown == whole, (seed, text)


@pytest.mark.parametrize("first", range(0, 100, 50))
def test_the_same_holds_while_the_text_still_grows(first: int) -> None:
    for seed in range(first, first + 50):
        text = document(seed, lines=10)
        growing = Paper()
        pieces = chunks(text, seed)

        for count in range(1, len(pieces) + 1):
            growing.feed(pieces[count - 1 : count])

            assert growing.strips == Paper().feed(["".join(pieces[:count])]).strips, (seed, "".join(pieces[:count]))


@pytest.mark.parametrize("seed", range(40))
def test_another_width_gives_what_that_width_would_have_given(seed: int) -> None:
    text = document(seed, lines=30)
    narrow = Paper(width=33).feed(chunks(text, seed)).finish()

    narrow.document.use(Paper(width=71).document.renderer)

    assert narrow.strips == Paper(width=71).feed([text]).finish().strips


def test_a_definition_that_comes_late_makes_links_of_what_named_it() -> None:
    early = Paper().feed(["[r]: http://x\n\nsee [r] and [this][R]\n"]).finish().strips[1:]

    late = Paper().feed(["see [r] and [this][R]\n", "\n[r]: ", "http://x\n"]).finish().strips[1:]

    assert late == early
    assert "transcript-link" in str([segment.style.meta for strip in late for segment in strip if segment.style])


SHAPES = {
    "prose": ("", "Some words of *prose* that wrap, with `code`, again and again, and an end.\n\n"),
    "list": ("", "- an item of a list that goes on and on\n"),
    "nested list": ("", "- outer\n  - inner with **bold**\n"),
    "fence": ("```python\n", "    return compute(first, second)  # and so on\n"),
    "table": ("| a | b |\n|---|---|\n", "| one cell | another `cell` |\n"),
    "quote": ("", "> a quote that never ends\n>\n"),
    "paragraph": ("", "words and *more* words without any empty line between them "),
    "paragraph of lines": ("", "words and *more* words, then a line end\n"),
    "line of code": ("```\n", "abcdefgh "),
    "html": ("<!--\n", "a comment nobody closes\n"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_frame_at_token_20_000_does_no_more_than_one_at_token_1_000(shape: str) -> None:
    opening, unit = SHAPES[shape]
    paper = Paper(width=80)
    paper.feed([opening])
    text = unit * (20_600 * 4 // len(unit) + 1)
    done: dict[int, Work] = {}

    for start in (1_000, 20_000):
        have = paper.turn.text
        paper.feed([text[len(have) - len(opening) : start * 4]])
        work = paper.document.renderer.work
        before = (work.blocks, work.rows, work.coloured)
        for token in range(start, start + 200):
            paper.feed([text[token * 4 : token * 4 + 4]])
        done[start] = Work(work.blocks - before[0], work.rows - before[1], work.coloured - before[2])

    early, late = done[1_000], done[20_000]
    assert late.blocks <= early.blocks * 1.1 + 20
    assert late.rows <= early.rows * 1.25 + 100
    assert late.coloured <= early.coloured * 1.1 + 20


@pytest.mark.parametrize("lines", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_fence_however_long_colours_each_line_once(lines: int) -> None:
    paper = Paper(width=80).feed(["```python\n"])

    paper.feed(["x = 1  # a line\n"] * lines)

    assert paper.document.renderer.work.coloured <= lines * 1.1


def test_rows_long_off_the_screen_are_forgotten_and_come_back_the_same() -> None:
    text = "".join(f"- item {number}\n" for number in range(6_000))
    paper = Paper().feed([text]).finish()
    first = [placed.row.strip for placed in paper.document.window(0, 20)]

    for top in range(0, 6_000, 20):
        paper.document.window(top, 20)

    kept = sum(unit.rows is not None for unit in paper.turn.sections[2].units)
    assert kept < 5_000
    assert [placed.row.strip for placed in paper.document.window(0, 20)] == first
