"""What a turn gets before it is booked: price list, our own estimate, the comparison; pure, and told again alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.costs.given import GROQ, NOV_20, profile, small, totals, turn
from llmhub.core.booking import complete, models_to_price, with_estimate
from llmhub.core.chat import Usage
from llmhub.core.cloud import CloudListing
from llmhub.core.costs.turn import turn_cost
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE
from llmhub.core.price_book import PriceBook
from llmhub.core.profiles import Profile
from llmhub.core.totals import Sums, Totals, sums_of
from llmhub.core.turns import AvoidedFacts, BilledFacts, Turn, TurnBytes
from support.fake_cloud import priced_model
from support.fake_host import installed_model

D = Decimal
QWEN, GPT = "qwen/qwen3-8b", "openai/gpt-4o"
LISTING = CloudListing(
    (
        priced_model(QWEN, "0.00000015", "0.00000015", hugging_face_id="Qwen/Qwen3-8B"),
        priced_model(GPT, "0.0000025", "0.00001", input_cache_read="0.00000125"),
        priced_model("openrouter/auto", "-1", "-1"),
    ),
    NOV_20 - timedelta(hours=1),
)
PRICES, NEW = PriceBook().noting(LISTING, [QWEN, GPT, "openrouter/auto"], NOV_20)


def in_cloud(**values: Any) -> Turn:
    made = turn(place=GROQ, model=GPT, prompt=900, completion=240, **values)
    return replace(made, tokens=replace(made.tokens, source="provider"))


def test_a_local_turn_is_compared_with_the_same_weights_at_the_price_of_its_hour() -> None:
    made = complete(turn(prompt=1850, completion=412), profile(busy_w=60), PRICES, LISTING)

    assert (made.ref_model, made.ref_snapshot) == (QWEN, NEW[0].id)
    assert made.avoided == AvoidedFacts("1", "1", "measured", "declared", 339_300_000, 339_300_000, 339_300_000)
    assert made.energy.charged_mj is not None
    assert Turn.from_record(made.to_record()) == made


def test_a_turn_that_was_compared_with_nothing_books_no_empty_comparison() -> None:
    made = complete(turn(model="mine"), Profile(), PRICES, LISTING)

    assert (made.ref_model, made.to_record()["avoided"]) == (None, None)
    assert turn_cost(made, Profile(), PRICES).cloud.missing == "reference_model"


def test_a_cloud_turn_names_its_price_list_and_carries_our_own_arithmetic() -> None:
    made = complete(in_cloud(billed="0.0047"), Profile(), PRICES, LISTING)

    assert made.price_snapshot == NEW[1].id
    assert made.billed.estimate_pico_usd == 4_650_000_000
    assert (sums_of(made).check_estimate_pico_usd, sums_of(made).check_billed_pico_usd) == (4650 * 10**6, 4700 * 10**6)


def test_a_fallback_is_priced_as_what_answered() -> None:
    asked = replace(in_cloud(billed="0.0047"), model="openrouter/auto", served_model=f"{GPT}-20260815")

    made = complete(asked, Profile(), PRICES, LISTING)

    assert made.price_snapshot == NEW[1].id
    assert made.billed.estimate_pico_usd == 4_650_000_000


def test_a_router_has_no_price_and_so_no_estimate() -> None:
    made = complete(replace(in_cloud(), model="openrouter/auto"), Profile(), PRICES, LISTING)

    assert made.billed.estimate_pico_usd is None


def test_a_stopped_cloud_turn_is_estimated_from_bytes_and_pieces() -> None:
    stopped = replace(
        in_cloud(),
        tokens=Usage(completion=240, source="estimate"),
        bytes=TurnBytes(3600, 900, 0),
        billed=BilledFacts(reconciled="pending"),
    )

    made = complete(stopped, Profile(), PRICES, LISTING)

    assert made.billed.estimate_pico_usd == 4_650_000_000
    added = sums_of(made)
    assert (added.pending_turns, added.pending_estimate_turns, added.pending_estimate_pico_usd) == (1, 1, 4650 * 10**6)
    assert (added.check_turns, added.billed_turns) == (0, 0)


def test_bills_of_a_key_of_ones_own_and_of_nothing_say_nothing_of_prices() -> None:
    own = replace(in_cloud(billed="0.0047"), billed=BilledFacts({"is_byok": True}, None, "stream", 5))

    assert sums_of(complete(own, Profile(), PRICES, LISTING)).check_turns == 0
    assert sums_of(complete(in_cloud(billed="0"), Profile(), PRICES, LISTING)).check_turns == 0


def test_a_model_in_ollamas_cloud_is_neither_compared_nor_estimated() -> None:
    made = complete(turn(place=OLLAMA_CLOUD), profile(busy_w=60), PRICES, LISTING)

    assert (made.ref_model, made.price_snapshot, made.billed) == (None, None, BilledFacts())
    assert turn_cost(made, Profile(), PRICES).cloud.why == "Ollama cloud named no price"


def test_a_reference_without_a_price_is_named_and_not_priced() -> None:
    named = profile(reference_model={"qwen3:8b": "gone/model"})

    made = complete(turn(), named, PRICES, LISTING)

    assert (made.ref_model, made.ref_snapshot, made.avoided) == ("gone/model", None, AvoidedFacts())
    assert turn_cost(made, named, PRICES).cloud.why == "no price of gone/model is known"


def seen(model: str, number_of_bytes: int, tokens: int, *, local: bool) -> Turn:
    """A turn with text of this many bytes and tokens on both sides."""
    made = turn(model=model, prompt=tokens, completion=tokens, place=THIS_MACHINE if local else GROQ, name=model)
    source: Any = "daemon" if local else "provider"
    return replace(
        made, tokens=replace(made.tokens, source=source), bytes=TurnBytes(number_of_bytes, number_of_bytes, 0)
    )


def test_other_weights_are_counted_by_the_bytes_per_token_that_the_ledger_has_seen() -> None:
    named = profile(reference_model={"qwen3:8b": GPT})
    before = totals(seen("qwen3:8b", 34_000, 10_000, local=True), seen(GPT, 85_000, 20_000, local=False))

    made = complete(turn(prompt=1000, completion=100), named, PRICES, LISTING, totals=before)

    assert made.avoided == AvoidedFacts(
        "0.8", "0.8", "estimated", "estimated", 2_800_000_000, 2_800_000_000, 2_800_000_000
    )
    assert turn_cost(made, named, PRICES).cloud.amount == D("0.0028")


def test_too_little_text_is_no_ratio_and_the_range_says_so() -> None:
    named = profile(reference_model={"qwen3:8b": GPT})
    before = totals(seen("qwen3:8b", 34_000, 10_000, local=True), seen(GPT, 1999, 400, local=False))

    made = complete(turn(prompt=1000, completion=100), named, PRICES, LISTING, totals=before)

    facts = made.avoided
    assert (facts.prompt_ratio, facts.ratio_label, facts.label) == ("1", "default", "default")
    assert (facts.low_pico_usd, facts.pico_usd, facts.high_pico_usd) == (2_555_000_000, 3_500_000_000, 4_795_000_000)


@pytest.mark.parametrize(
    ("cached", "prefix", "gap", "expected"),
    [
        (1536, None, "40.2", "0.00408"),  # 464 fresh, 1,536 at the cache price, 100 written
        (None, 1536, "40.2", "0.00408"),
        (None, 1536, "300.1", "0.00600"),
        (None, 1536, None, "0.00600"),
        (None, 1000, "1", "0.00600"),
    ],
)
def test_a_repeated_beginning_is_priced_as_cached_while_the_cache_lives(
    cached: int | None, prefix: int | None, gap: str | None, expected: str
) -> None:
    named = profile(reference_model={"qwen3:8b": GPT})
    made = turn(prompt=2000, completion=100)
    made = replace(
        made, tokens=replace(made.tokens, cached=cached), context=replace(made.context, prefix_tokens=prefix, gap_s=gap)
    )

    booked = complete(made, named, PRICES, LISTING)

    figure = turn_cost(booked, named, PRICES).cloud
    assert figure.amount == D(expected)
    assert figure.label == "default"


def test_models_to_price_are_the_cloud_lanes_and_the_references_of_the_local_ones() -> None:
    installed = (installed_model("qwen3:8b"),)

    found = models_to_price(
        [("qwen3:8b", False), (GPT, True), ("mine", False), (GPT, True)], LISTING, Profile(), installed
    )

    assert found == (QWEN, GPT)


def test_new_counts_give_a_new_estimate() -> None:
    made = complete(in_cloud(billed="0.0047"), Profile(), PRICES, LISTING)

    again = with_estimate(replace(made, tokens=Usage(0, 100, source="provider")), PRICES)

    assert again.billed.estimate_pico_usd == 10**9
    assert with_estimate(made, PriceBook()) == made


def test_bytes_are_counted_only_beside_tokens_that_a_backend_counted_in_them() -> None:
    plain = replace(in_cloud(), bytes=TurnBytes(3600, 960, 0))
    hidden = replace(plain, tokens=replace(plain.tokens, reasoning=200))
    guessed = replace(plain, tokens=replace(plain.tokens, source="estimate"))

    def counted(made: Turn) -> tuple[int, ...]:
        added = sums_of(made)
        return added.prompt_bytes, added.prompt_bytes_tokens, added.completion_bytes, added.completion_bytes_tokens

    assert counted(plain) == (3600, 900, 960, 240)
    assert counted(hidden) == (3600, 900, 0, 0)
    assert counted(guessed) == (0, 0, 0, 0)
    assert counted(replace(hidden, bytes=TurnBytes(3600, 100, 860))) == (3600, 900, 960, 240)


made_turns = st.builds(
    lambda local, prompt, completion, cost, watts: complete(
        turn(prompt=prompt, completion=completion)
        if local
        else replace(turn(place=GROQ, model=GPT, prompt=prompt, completion=completion, billed=cost)),
        profile(busy_w=watts) if watts else Profile(),
        PRICES,
        LISTING,
    ),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 100_000)),
    st.one_of(st.none(), st.integers(0, 100_000)),
    st.one_of(st.none(), small.map(str)),
    st.one_of(st.none(), small),
)


@given(st.lists(made_turns, max_size=8), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_sums_of_stored_turns_equal_those_of_the_turns_in_any_order(turns: list[Turn], order: Any) -> None:
    stored = [Turn.from_record(each.to_record()) for each in turns]
    order.shuffle(stored)

    assert sum(map(sums_of, turns), Sums()) == sum(map(sums_of, stored), Sums())


@given(made_turns)
@settings(deadline=None, max_examples=100)
def test_a_booked_comparison_is_worked_out_again_to_the_pico_dollar(made: Turn) -> None:
    cost = turn_cost(made, Profile(), PRICES)
    cached = turn_cost(made, Profile())

    if cost.cloud.amount is None:
        assert cached.cloud.amount is None
        return
    assert cached.cloud.amount is not None
    assert abs(cost.cloud.amount - cached.cloud.amount) <= D("1e-12")
    assert cost.cloud.label == cached.cloud.label
    if cost.cloud.low is not None:
        assert cost.cloud.high is not None
        assert cost.cloud.low <= cost.cloud.amount <= cost.cloud.high


def test_completing_twice_changes_nothing() -> None:
    once = complete(turn(), profile(busy_w=60), PRICES, LISTING, totals=Totals())

    assert complete(once, profile(busy_w=60), PRICES, LISTING, totals=Totals()) == once
