"""What differed between lanes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.differences import difference_lines, what_was_sent
from llmhub.core.places import THIS_MACHINE
from llmhub.core.turns import Turn, TurnContext, TurnStatus

TURN = Turn(
    id="t",
    started_at=datetime(2026, 11, 20, tzinfo=UTC),
    utc_offset_min=0,
    status=TurnStatus.COMPLETE,
    reason=None,
    context=TurnContext("c", 0, "g", 1, "ollama", THIS_MACHINE, quantization="Q4_K_M"),
    model="a:1b",
    num_ctx=8192,
    max_tokens=4096,
    think=True,
)


def test_what_differs_stands_first_and_what_was_not_sent_is_unknown() -> None:
    facts = what_was_sent([TURN, replace(TURN, model="b:1b", think=None)])

    assert [fact.name for fact in facts if fact.differs] == ["model", "think"]
    assert facts[0].values == ("a:1b", "b:1b")
    assert facts[1].values == ("yes", None)
    assert next(fact for fact in facts if fact.name == "context asked for").values == ("8,192", "8,192")


def test_lines_of_both_answers_are_marked_by_where_they_stand() -> None:
    assert difference_lines("same\nold\n", "same\nnew\n") == [(" ", "same"), ("-", "old"), ("+", "new")]


TEXTS = st.lists(st.text("ab ", max_size=4), max_size=12).map("\n".join)


@given(TEXTS, TEXTS)
def test_both_answers_can_be_read_out_of_their_difference(first: str, second: str) -> None:
    rows = difference_lines(first, second)

    assert [line for sign, line in rows if sign in " -"] == first.splitlines()
    assert [line for sign, line in rows if sign in " +"] == second.splitlines()


def test_long_answers_are_compared_without_growing_out_of_hand() -> None:
    first = "\n".join(f"line {number}" for number in range(3000))

    rows = difference_lines(first, first.replace("line 1500", "changed"))

    assert [row for row in rows if row[0] != " "] == [("-", "line 1500"), ("+", "changed")]
