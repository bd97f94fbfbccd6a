"""Fuzzy search over names: `q8b` finds `qwen3:8b`. Fast enough for hundreds of names at every key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")

_HIT = 16
_IN_A_ROW = 14
_WORD_START = 10
_NAME_START = 8
_GAP = 1
_SEPARATORS = frozenset("/:-_. @")


@dataclass(frozen=True, slots=True)
class FuzzyMatch:
    """How well a query fits a text. `positions` are the letters that fit, for highlighting."""

    score: int
    positions: tuple[int, ...] = ()


def fuzzy_match(query: str, text: str) -> FuzzyMatch | None:
    """How `query` fits `text`: its words in any order, the letters of each word in order, case ignored.

    Letters at the start of a part of the name (`qwen3`, `8b`, `coder`) and letters in a row count more, gaps less.

    Returns:
        The best match, or `None` where a letter is missing. An empty query fits everything, with 0.
    """
    low = text.lower()
    if len(low) != len(text):
        # a few capitals grow when lowered (İ): then positions would not be those of `text`
        low = "".join(character.lower()[:1] or character for character in text)
    score, positions = 0, set[int]()
    for word in query.lower().split():
        found = _match_word(word, low)
        if found is None:
            return None
        score += found.score
        positions.update(found.positions)
    if query and score:
        # of two that fit alike the shorter one is the nearer
        score -= len(text) // 4
        if query.strip().lower() in {low, low.partition(":")[0]}:
            score += _HIT
    return FuzzyMatch(score, tuple(sorted(positions)))


def fuzzy_rank(query: str, items: Iterable[_T], key: Callable[[_T], str]) -> list[tuple[_T, FuzzyMatch]]:
    """The items that fit, the best first; equals stay in the order given."""
    found = [(item, match) for item in items if (match := fuzzy_match(query, key(item))) is not None]
    if query.strip():
        found.sort(key=lambda pair: -pair[1].score)
    return found


def _match_word(word: str, text: str) -> FuzzyMatch | None:
    at = -1
    for letter in word:  # most names do not fit: find that out before anything dear
        at = text.find(letter, at + 1)
        if at < 0:
            return None
    # best[i]: the best way to have matched so far with the last letter at i
    best: dict[int, tuple[int, tuple[int, ...]]] = {}
    for index, letter in enumerate(word):
        ahead: dict[int, tuple[int, tuple[int, ...]]] = {}
        for place in _places(text, letter):
            own = _HIT + (_WORD_START if _starts_part(text, place) else 0) + (_NAME_START if place == 0 else 0)
            if index == 0:
                ahead[place] = (own - min(place, 12) * _GAP, (place,))
                continue
            ways = [
                (score + own + (_IN_A_ROW if last == place - 1 else -min(place - last - 1, 12) * _GAP), last)
                for last, (score, _) in best.items()
                if last < place
            ]
            if ways:
                score, last = max(ways)
                ahead[place] = (score, (*best[last][1], place))
        best = ahead
        if not best:
            return None
    score, positions = max(best.values())
    return FuzzyMatch(score, positions)


def _places(text: str, letter: str) -> list[int]:
    out, at = [], text.find(letter)
    while at >= 0:
        out.append(at)
        at = text.find(letter, at + 1)
    return out


def _starts_part(text: str, place: int) -> bool:
    if place == 0:
        return True
    before, here = text[place - 1], text[place]
    return before in _SEPARATORS or (before.isdigit() != here.isdigit() and here not in _SEPARATORS)
