"""Lines are split at line feeds alone, whatever way the bytes come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.net import GarbledError, LineSplitter


def split(chunks: list[bytes]) -> tuple[list[bytes], bytes]:
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines, splitter.rest


def test_separators_that_stand_inside_json_strings_do_not_split_a_line() -> None:
    line = '{"a":"one\x85two\u2028three\u2029four\x0b\x0c\x1c\x1d\x1e"}'.encode()

    lines, rest = split([line + b"\n" + line + b"\n"])

    assert (lines, rest) == ([line, line], b"")


def test_a_character_cut_in_two_is_whole_again() -> None:
    body = "grüß 😀\n".encode()

    lines, rest = split([bytes([byte]) for byte in body])

    assert (lines, rest) == (["grüß 😀".encode()], b"")


def test_what_follows_the_last_line_end_is_kept_apart() -> None:
    assert split([b"one\ntw", b"o\nthr", b"ee"]) == ([b"one", b"two"], b"three")


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=20))
def test_any_cut_of_the_bytes_gives_the_same_lines(body: bytes, cuts: list[int]) -> None:
    marks = [0, *sorted(cuts), len(body)]
    chunks = [body[start:stop] for start, stop in pairwise(marks)]

    lines, rest = split(chunks)

    assert b"\n".join([*lines, rest]) == body
    assert [*lines, rest] == body.split(b"\n")


def test_a_line_far_beyond_the_usual_64_kib_is_taken() -> None:
    long = b"x" * 5_000_000

    assert split([long[:3_000_000], long[3_000_000:] + b"\n"]) == ([long], b"")


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    splitter = LineSplitter(most=1000)
    splitter.feed(b"x" * 900)

    with pytest.raises(GarbledError, match="longer than 1,000 bytes"):
        splitter.feed(b"x" * 200)
