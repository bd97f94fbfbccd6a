"""Price lists are kept once for each thing they say, and found again for any turn."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.cloud import CloudListing
from llmhub.core.price_book import PriceBook, PriceSnapshot, content_id, is_priced
from support.fake_cloud import priced_model

D = Decimal
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GPT = "openai/gpt-4o"
CHEAP = {"prompt": "0.000001", "completion": "0.000002"}
DEAR = {"prompt": "0.000002", "completion": "0.000004"}


def noted(book: PriceBook, pricing: dict[str, Any], at: datetime) -> tuple[PriceBook, PriceSnapshot]:
    snapshot = book.snapshot_of(GPT, pricing, at)
    return book.with_snapshot(snapshot), snapshot


def test_the_same_list_is_one_snapshot_however_often_it_is_seen() -> None:
    book, first = noted(PriceBook(), CHEAP, NOON)
    book, again = noted(book, dict(CHEAP), NOON + timedelta(days=3))

    assert first == again
    assert book.snapshots == (first,)


def test_two_processes_give_the_same_list_the_same_id_and_the_earlier_moment_counts() -> None:
    _, first = noted(PriceBook(), CHEAP, NOON)
    _, second = noted(PriceBook(), CHEAP, NOON + timedelta(seconds=1))

    assert first.id == second.id == content_id(GPT, CHEAP)
    assert PriceBook((second, first)).snapshots == (first,)
    assert PriceBook((second,)).with_snapshot(first).snapshots == (first,)


def test_the_list_in_force_is_the_latest_that_began_before_and_the_earliest_for_what_came_before_all() -> None:
    book, cheap = noted(PriceBook(), CHEAP, NOON)
    book, dear = noted(book, DEAR, NOON + timedelta(days=1))

    def picked(at: datetime, **how: Any) -> tuple[str, bool]:
        found = book.in_force(GPT, at, **how)
        assert found is not None
        return found.version.id, found.exact

    assert picked(NOON) == (cheap.id, True)
    assert picked(NOON + timedelta(hours=23)) == (cheap.id, True)
    assert picked(NOON + timedelta(days=1)) == (dear.id, True)
    assert picked(NOON - timedelta(seconds=1)) == (cheap.id, False)
    assert picked(NOON, mode="today") == (dear.id, True)
    assert book.in_force("another/model", NOON) is None


def test_a_price_that_comes_back_holds_again_from_then_on() -> None:
    book, cheap = noted(PriceBook(), CHEAP, NOON)
    book, _ = noted(book, DEAR, NOON + timedelta(days=1))
    book, back = noted(book, CHEAP, NOON + timedelta(days=2))

    assert back.id != cheap.id
    found = book.in_force(GPT, NOON + timedelta(days=3))
    assert found is not None
    assert found.version == back
    assert len(book.snapshots) == 3


def test_numbers_with_a_fraction_are_kept_as_their_text_and_the_record_is_plain_json() -> None:
    pricing = {"prompt": "1.775e-05", "completion": "0", "discount": D("0.1"), "overrides": [{"min_prompt_tokens": 9}]}
    book, snapshot = noted(PriceBook(), pricing, NOON)

    record = json.loads(json.dumps(snapshot.to_record() | {"id": snapshot.id, "kind": "price", "v": 1}))

    assert record["pricing"] == pricing | {"discount": "0.1"}
    assert record["from"] == "2026-11-20T12:00:00.000Z"
    assert PriceBook.from_records([record, {"id": "x"}, {"from": 3}]) == book


def test_fields_of_a_newer_llmhub_survive() -> None:
    _, snapshot = noted(PriceBook(), CHEAP, NOON)

    read = PriceSnapshot.from_record(snapshot.to_record() | {"id": snapshot.id, "mood": "green"})

    assert read.to_record()["mood"] == "green"


@pytest.mark.parametrize(
    ("pricing", "expected"),
    [
        (CHEAP, True),
        ({"prompt": "0", "completion": "0"}, True),
        ({"prompt": "-1", "completion": "-1"}, False),
        ({"prompt": "0.1"}, False),
        ({"prompt": "a lot", "completion": "0"}, False),
        ({}, False),
    ],
)
def test_a_router_has_no_price_and_nothing_is_free_by_omission(pricing: dict[str, Any], expected: bool) -> None:
    assert is_priced(pricing) is expected


def test_a_listing_is_noted_for_the_models_that_are_used_and_only_what_is_new_is_told() -> None:
    listing = CloudListing((priced_model(GPT), priced_model("a/b"), priced_model("c/d")), NOON - timedelta(hours=2))

    book, new = PriceBook().noting(listing, [GPT, "a/b", GPT, "not/listed"], NOON)
    again, nothing = book.noting(listing, [GPT, "a/b"], NOON + timedelta(hours=1))

    assert [snapshot.model for snapshot in new] == [GPT, "a/b"]
    assert {snapshot.since for snapshot in new} == {NOON - timedelta(hours=2)}
    assert (again, nothing) == (book, ())


def test_a_turn_finds_the_list_it_names_and_else_the_one_in_force_marked_as_not_exact() -> None:
    book, cheap = noted(PriceBook(), CHEAP, NOON)
    book, dear = noted(book, DEAR, NOON + timedelta(days=1))

    named = book.for_turn(cheap.id, GPT, NOON + timedelta(days=2))
    other = book.for_turn("lost", GPT, NOON + timedelta(days=2))

    assert named is not None
    assert other is not None
    assert (named.version, named.exact) == (cheap, True)
    assert (other.version, other.exact) == (dear, False)
    assert book.for_turn(None, "x", NOON) is None


@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from([0, 1, 2])), max_size=12, unique_by=lambda each: each[0])
)
def test_whatever_order_lists_are_seen_in_the_one_of_the_moment_is_in_force(seen: list[tuple[int, int]]) -> None:
    lists = [CHEAP, DEAR, {"prompt": "0.1", "completion": "0.1"}]
    book = PriceBook()
    for hours, which in sorted(seen):
        at = NOON + timedelta(hours=hours)
        book, snapshot = noted(book, lists[which], at)

        found = book.in_force(GPT, at)
        assert found is not None
        assert dict(found.version.pricing) == lists[which]
        assert book.named(snapshot.id) is not None
        assert PriceBook(book.snapshots[::-1]) == book
