"""Server-sent events by the WHATWG rules."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.net import EventReader, GarbledError, LineSplitter, ServerEvent


def read(*chunks: bytes) -> list[ServerEvent]:
    splitter, reader = LineSplitter(), EventReader()
    return [event for chunk in chunks for event in reader.feed(splitter.feed(chunk))]


def test_comments_are_no_events() -> None:
    body = b": OPENROUTER PROCESSING\n\n:\n\n: keepalive 1/2\n\ndata: x\n\n"

    assert read(body) == [ServerEvent("x")]


def test_data_without_a_space_and_several_data_lines() -> None:
    assert read(b"data:{\ndata: 1}\n\n") == [ServerEvent("{\n1}")]


def test_names_and_ids_come_with_their_event() -> None:
    body = b"event: error\nid: 7\ndata: no\n\ndata: next\n\n"

    assert read(body) == [ServerEvent("no", "error", "7"), ServerEvent("next", "", "7")]


def test_a_byte_order_mark_and_carriage_returns_are_no_text() -> None:
    assert read(b"\xef\xbb\xbfdata: one\r\n\r\ndata: two\r\r\n") == [ServerEvent("one"), ServerEvent("two")]


def test_line_separators_inside_the_data_stay() -> None:
    body = 'data: {"a":"x\u2028y\x85z"}\n\n'.encode()

    assert read(body) == [ServerEvent('{"a":"x\u2028y\x85z"}')]


def test_what_no_blank_line_ends_is_no_event() -> None:
    assert read(b"data: one\n\ndata: [DONE]\n") == [ServerEvent("one")]


def test_a_blank_line_after_an_id_is_no_second_event() -> None:
    assert read(b"id: 1\ndata: x\n\n\n\n") == [ServerEvent("x", "", "1")]


def test_an_event_without_end_is_refused() -> None:
    reader = EventReader(most=100)

    with pytest.raises(GarbledError):
        reader.feed([b"data: " + b"x" * 60, b"data: " + b"x" * 60])


@given(st.lists(st.integers(0, 60), max_size=10))
def test_any_cut_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    body = "event: a\ndata: grüß 😀\n\n: c\ndata:1\ndata:2\n\n".encode()
    marks = [0, *sorted(cuts), len(body)]

    events = read(*(body[start:stop] for start, stop in pairwise(marks)))

    assert events == [ServerEvent("grüß 😀", "a"), ServerEvent("1\n2")]
