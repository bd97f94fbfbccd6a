"""Find: in what is shown, across the ends of rows, one turn after the other and no further than needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from llmhub.ui.transcript.document import Document, Spot
from llmhub.ui.transcript.leaves import Leaf
from llmhub.ui.transcript.rows import Row
from llmhub.ui.transcript.turns import BODY, THOUGHTS, Turn

COUNTED_UNITS = 250
"""Units that are drawn to count matches; where more might hold one the number stays unknown."""
_JUNK = r"[*_`~\\\[\]]*"
_SPACE = r"[\s*_`~>|\\\[\]]+"


class Match(NamedTuple):
    """The `number`-th match in a unit."""

    spot: Spot
    number: int


class Finder:
    """Matches of one query, letter case ignored."""

    def __init__(self, document: Document, query: str) -> None:
        self._document = document
        self.query = query
        self._exact = re.compile(r"\s+".join(map(re.escape, query.split())), re.IGNORECASE)
        tolerant = [_JUNK.join(re.escape(char) for char in word) for word in query.split()]
        self._maybe = re.compile(_SPACE.join(tolerant), re.IGNORECASE)
        self.current: Match | None = None

    def ranges(self, rows: list[Row]) -> list[list[tuple[int, int, int]]]:
        """For each match in a unit: row, first character, the one after the last; of every row it touches."""
        text, starts = _joined(rows)
        out: list[list[tuple[int, int, int]]] = []
        for found in self._exact.finditer(text):
            if found.end() == found.start():
                continue
            touched: list[tuple[int, int, int]] = []
            for line, (start, length) in enumerate(starts):
                first, last = max(found.start(), start), min(found.end(), start + length)
                if first < last:
                    lead = rows[line].lead
                    touched.append((line, first - start + lead, last - start + lead))
            if touched:
                out.append(touched)
        return out

    def count(self) -> int | None:
        """How many matches there are; `None` when it would take drawing too much to say."""
        total = 0
        for drawn, spot in enumerate(self._candidates(Spot(0, 0, 0), 1)):
            if drawn >= COUNTED_UNITS:
                return None
            total += len(self.ranges(self._document.rows_of(spot)))
        return total

    def number(self) -> int | None:
        """Which match the current one is, from 1."""
        if self.current is None:
            return None
        number = 0
        for drawn, spot in enumerate(self._candidates(Spot(0, 0, 0), 1)):
            if drawn >= COUNTED_UNITS:
                return None
            if spot == self.current.spot:
                return number + self.current.number + 1
            number += len(self.ranges(self._document.rows_of(spot)))
        return None

    def step(self, direction: int, start: Spot) -> Match | None:
        """Go to the next match, or the one before, around the ends; from `start` when there is no current one."""
        current = self.current
        if current is not None:
            inside = current.number + direction
            here = self.ranges(self._document.rows_of(current.spot)) if self._document.unit(current.spot) else []
            if 0 <= inside < len(here):
                self.current = Match(current.spot, inside)
                return self.current
            start = current.spot
        for spot in self._around(start, direction, skip=current is not None):
            if here := self.ranges(self._document.rows_of(spot)):
                self.current = Match(spot, 0 if direction > 0 else len(here) - 1)
                return self.current
        return self.current

    def _around(self, start: Spot, direction: int, *, skip: bool) -> Iterator[Spot]:
        """Candidates from `start` on to the end, then those from the other end back to it."""
        first = True
        for spot in self._candidates(start, direction):
            if not (first and skip and spot == start):
                yield spot
            first = False
        end = Spot(0, 0, 0) if direction > 0 else Spot(len(self._document.turns) - 1, 3, 1 << 27)
        for spot in self._candidates(end, direction):
            yield spot
            if spot == start:
                return

    def _candidates(self, start: Spot, direction: int) -> Iterator[Spot]:
        turns = self._document.turns
        numbers = range(start.turn, len(turns)) if direction > 0 else range(min(start.turn, len(turns) - 1), -1, -1)
        for number in numbers:
            turn = turns[number]
            if not self._may_hold(turn):
                continue
            self._document.turn_ready(number)
            for section in (THOUGHTS, BODY)[::direction]:
                units = turn.sections[section].units
                for index in range(len(units))[::direction]:
                    spot = Spot(number, section, index)
                    if number == start.turn and (spot < start if direction > 0 else spot > start):
                        continue
                    block = units[index].block
                    if isinstance(block, Leaf) and self._maybe.search(block.text + "\n".join(block.lines)):
                        yield spot

    def _may_hold(self, turn: Turn) -> bool:
        return self._maybe.search(turn.text) is not None or (
            turn.expanded and self._maybe.search(turn.thinking) is not None
        )


def _joined(rows: list[Row]) -> tuple[str, list[tuple[int, int]]]:
    """The text of rows with what stands between them, and where in it each begins and how long it is."""
    text = ""
    starts: list[tuple[int, int]] = []
    for row in rows:
        part = row.text
        starts.append((len(text), len(part)))
        text += part + row.join
    return text, starts
