"""What differed between lanes that were asked the same: what was really sent to each, and how their answers differ."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from llmhub.core.turns import Turn

MOST_LINES = 4000
"""Longer answers are compared by their first lines only: the comparison grows with the square."""


@dataclass(frozen=True, slots=True)
class SentFact:
    """One thing that was sent, per lane; `None` where it was not sent or is not known."""

    name: str
    values: tuple[str | None, ...]

    @property
    def differs(self) -> bool:
        """Whether not all lanes got the same."""
        return len(set(self.values)) > 1


def what_was_sent(turns: Sequence[Turn]) -> tuple[SentFact, ...]:
    """The facts of what each lane was sent, those that differ first; lanes in the order given."""

    def fact(name: str, values: Sequence[object]) -> SentFact:
        return SentFact(name, tuple(None if value is None else _words(value) for value in values))

    facts = [
        fact("model", [turn.model for turn in turns]),
        fact("served by", [turn.place.words for turn in turns]),
        fact("quantization", [turn.context.quantization for turn in turns]),
        fact("context asked for", [turn.num_ctx for turn in turns]),
        fact("most tokens of the reply", [turn.max_tokens for turn in turns]),
        fact("think", [turn.think for turn in turns]),
        fact("bytes of the prompt", [turn.bytes.prompt for turn in turns]),
        fact("tokens of the prompt", [turn.tokens.prompt for turn in turns]),
    ]
    return tuple(sorted(facts, key=lambda entry: not entry.differs))


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def difference_lines(first: str, second: str) -> list[tuple[str, str]]:
    """Two answers line by line: `(" ", both)`, `("-", only in the first)`, `("+", only in the second)`."""
    left, right = (text.splitlines()[:MOST_LINES] for text in (first, second))
    rows = difflib.ndiff(left, right, charjunk=None) if len(left) * len(right) < 250_000 else _coarse(left, right)
    return [(row[:1], row[2:]) for row in rows if not row.startswith("?")]


def _coarse(left: list[str], right: list[str]) -> list[str]:
    rows: list[str] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=True).get_opcodes():
        if tag == "equal":
            rows += [f"  {line}" for line in left[a:b]]
        else:
            rows += [f"- {line}" for line in left[a:b]] + [f"+ {line}" for line in right[c:d]]
    return rows
