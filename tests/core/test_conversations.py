"""A chat is a tree, and its entries replayed give it again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.conversations import MAX_LANES, Chat, Entry, LaneSetup, title_from

PLACE = {"kind": "this_machine", "name": ""}
QWEN, LLAMA = LaneSetup("ollama", "qwen3:8b"), LaneSetup("ollama", "llama3.2:3b", num_ctx=4096)


class Kept:
    """A chat and the entries its changes gave."""

    def __init__(self, *setups: LaneSetup) -> None:
        self.chat = Chat("c1")
        self.entries: list[Entry] = self.chat.start()
        self.lanes = []
        for setup in setups:
            entries, lane = self.chat.add_lane(setup)
            self.entries += entries
            self.lanes.append(lane)

    def ask(self, text: str, *replies: str) -> dict[int, str]:
        entries, asked = self.chat.ask(text, self.lanes)
        self.entries += entries
        return {lane: self.reply(lane, asked[lane], reply) for lane, reply in zip(self.lanes, replies, strict=False)}

    def reply(self, lane: int, question: str, text: str) -> str:
        model = self.chat.lanes[lane].model
        entries, node = self.chat.begin_reply(lane, question, turn_id="t", model=model, place=PLACE)
        half = len(text) // 2
        entries += self.chat.extend(node, text[:half]) + self.chat.extend(node, text[half:])
        self.entries += entries + self.chat.finish_reply(node, "complete")
        return node

    def texts(self, lane: int) -> list[str]:
        return [node.content for node in self.chat.path(lane)]


def test_one_prompt_to_two_lanes_shares_the_question_and_keeps_each_sides_history() -> None:
    kept = Kept(QWEN, LLAMA)

    kept.ask("one?", "q1", "l1")
    kept.ask("two?", "q2", "l2")

    assert kept.texts(0) == ["one?", "q1", "two?", "q2"]
    assert kept.texts(1) == ["one?", "l1", "two?", "l2"]
    assert kept.chat.path(0)[0] is kept.chat.path(1)[0]
    assert [(m.role, m.text) for m in kept.chat.messages(1)] == [
        ("user", "one?"),
        ("assistant", "l1"),
        ("user", "two?"),
        ("assistant", "l2"),
    ]


def test_editing_a_question_makes_a_sibling_and_loses_nothing() -> None:
    kept = Kept(QWEN)
    kept.ask("one?", "q1")
    kept.ask("two?", "q2")
    first = kept.chat.path(0)[0].id

    entries, asked = kept.chat.edit(first, "uno?", [0])
    kept.entries += entries
    kept.reply(0, asked[0], "r1")

    assert kept.texts(0) == ["uno?", "r1"]
    assert [node.content for node in kept.chat.siblings(first)] == ["one?", "uno?"]
    kept.entries += kept.chat.select(0, first)
    assert kept.texts(0) == ["one?", "q1", "two?", "q2"]


def test_a_second_reply_to_a_question_is_a_sibling_of_the_first() -> None:
    kept = Kept(QWEN)
    node = kept.ask("one?", "q1")[0]
    question = kept.chat.nodes[node].parent
    assert question is not None

    again = kept.reply(0, question, "q1 again")

    assert kept.texts(0) == ["one?", "q1 again"]
    assert [sibling.id for sibling in kept.chat.siblings(again)] == [node, again]


def test_replies_of_two_lanes_to_one_question_are_no_versions_of_each_other() -> None:
    kept = Kept(QWEN, LLAMA)

    nodes = kept.ask("one?", "q1", "l1")

    assert [node.id for node in kept.chat.siblings(nodes[0])] == [nodes[0]]


def test_a_lane_added_later_goes_on_from_the_first_lane_and_a_dropped_one_leaves_its_messages() -> None:
    kept = Kept(QWEN)
    kept.ask("one?", "q1")
    entries, lane = kept.chat.add_lane(LLAMA)
    kept.entries += entries
    kept.lanes.append(lane)

    kept.ask("two?", "q2", "l2")
    kept.entries += kept.chat.drop_lane(0)

    assert kept.texts(lane) == ["one?", "q1", "two?", "l2"]
    assert list(kept.chat.lanes) == [lane]
    assert any(node.content == "q2" for node in kept.chat.nodes.values())
    kept.entries += (added := kept.chat.add_lane(QWEN))[0]
    assert added[1] not in {0, lane}


def test_there_are_at_most_four_lanes() -> None:
    kept = Kept(*[QWEN] * MAX_LANES)

    with pytest.raises(ValueError):
        kept.chat.add_lane(QWEN)


def test_an_empty_reply_is_not_sent_back_to_the_model_and_the_system_prompt_stands_first() -> None:
    kept = Kept(QWEN)
    kept.entries += kept.chat.set_system("Be terse.")

    kept.ask("one?", "")
    kept.ask("two?", "q2")

    assert [(m.role, m.text) for m in kept.chat.messages(0)] == [
        ("system", "Be terse."),
        ("user", "one?"),
        ("user", "two?"),
        ("assistant", "q2"),
    ]


def test_the_title_is_the_first_question_until_the_person_gives_one() -> None:
    kept = Kept(QWEN)

    kept.ask("  \nSort this list\nplease", "ok")
    assert kept.chat.title == "Sort this list"
    kept.entries += kept.chat.rename("Sorting")
    kept.ask("and that?", "ok")

    assert kept.chat.title == "Sorting"


@given(st.text(max_size=300))
def test_a_title_is_one_short_line(text: str) -> None:
    title = title_from(text)

    assert len(title) <= 60
    assert len(title.splitlines()) <= 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "again", "edit", "lane", "drop", "rename", "system", "select"]),
        st.text(max_size=20),
        st.integers(0, 7),
    ),
    max_size=14,
)


@given(STEPS)
def test_replaying_the_entries_gives_the_chat_again(steps: list[tuple[str, str, int]]) -> None:
    kept = Kept(QWEN)
    for step, text, number in steps:
        chat = kept.chat
        lane = kept.lanes[number % len(kept.lanes)]
        path = chat.path(lane)
        if step == "ask":
            kept.ask(text, *[f"{text}!"] * len(kept.lanes))
        elif step == "again" and path:
            question = next(node for node in reversed(path) if node.role == "user")
            kept.reply(lane, question.id, text)
        elif step == "edit" and path:
            entries, asked = chat.edit(next(node for node in path if node.role == "user").id, text, [lane])
            kept.entries += entries
            kept.reply(lane, asked[lane], text)
        elif step == "lane" and len(chat.lanes) < MAX_LANES:
            entries, new = chat.add_lane(LLAMA)
            kept.entries += entries
            kept.lanes.append(new)
        elif step == "drop" and len(kept.lanes) > 1:
            kept.entries += chat.drop_lane(lane)
            kept.lanes.remove(lane)
        elif step == "rename":
            kept.entries += chat.rename(text)
        elif step == "system":
            kept.entries += chat.set_system(text)
        elif step == "select" and path:
            kept.entries += chat.select(lane, path[number % len(path)].id)

    on_disk = json.loads(json.dumps(kept.entries))
    again = Chat.replay("c1", on_disk)

    assert again.title == kept.chat.title
    assert again.system == kept.chat.system
    assert again.lanes == kept.chat.lanes
    assert again.heads == kept.chat.heads
    assert {k: (n.content, n.parent, n.lane, n.status) for k, n in again.nodes.items()} == {
        k: (n.content, n.parent, n.lane, n.status) for k, n in kept.chat.nodes.items()
    }


def test_entries_of_an_unknown_kind_are_skipped() -> None:
    kept = Kept(QWEN)
    kept.ask("one?", "q1")

    again = Chat.replay("c1", [*kept.entries, {"kind": "hologram", "at": "2030-01-01T00:00:00.000Z"}])

    assert [node.content for node in again.path(0)] == ["one?", "q1"]
