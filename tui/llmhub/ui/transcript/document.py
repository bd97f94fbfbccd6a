"""The whole conversation of a lane as rows, of which only those on the screen are ever made."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from llmhub.ui.transcript.heights import Heights
from llmhub.ui.transcript.leaves import Leaf
from llmhub.ui.transcript.render import Renderer
from llmhub.ui.transcript.rows import Row
from llmhub.ui.transcript.sections import Unit
from llmhub.ui.transcript.turns import BODY, HEAD, Turn

KEPT_ROWS = 4_000
"""Rows that are kept; those longest off the screen are forgotten first and made again when seen."""


class Spot(NamedTuple):
    """A unit's place, in the order of reading."""

    turn: int
    section: int
    unit: int


class Placed(NamedTuple):
    """A row and where it is: number `line` of its unit."""

    spot: Spot
    line: int
    row: Row

    @property
    def is_gap(self) -> bool:
        """Whether it is the empty row above a turn."""
        return self.spot.section == HEAD and self.spot.unit == 0 and self.line == 0 and not self.row.text


class Document:
    """Turns one under the other."""

    def __init__(self, renderer: Renderer, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.renderer = renderer
        self.turns: list[Turn] = []
        self._numbers: dict[str, int] = {}
        self._heights = Heights()
        self._drawn: deque[Unit] = deque()
        self._kept = 0
        """Rows of the units in `_drawn`."""
        self._tick = 0

    # -- turns --------------------------------------------------------------------------------

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def number(self, key: str) -> int | None:
        """Which turn has `key`, from 0."""
        return self._numbers.get(key)

    def turn(self, key: str) -> Turn | None:
        """The turn of that key."""
        number = self._numbers.get(key)
        return None if number is None else self.turns[number]

    def append(self, turn: Turn) -> None:
        """Put a turn at the end. Of two with one key the later is found."""
        turn.first = not self.turns
        self._numbers[turn.key] = len(self.turns)
        self.turns.append(turn)
        self._heights.append(turn.height(self.renderer))

    def replace(self, turns: list[Turn]) -> None:
        """Show other turns."""
        self.turns = []
        self._numbers = {}
        self._heights = Heights()
        for turn in turns:
            self.append(turn)

    def follow(self, turn: Turn) -> None:
        """Take what a turn was fed or given since."""
        turn.follow(self.renderer)
        number = self._numbers[turn.key]
        self._heights[number] = turn.height(self.renderer)

    def use(self, renderer: Renderer) -> None:
        """Draw with another renderer: heights are guesses until a unit is seen."""
        self.renderer = renderer
        self._heights = Heights(turn.height(renderer) for turn in self.turns)

    def recolour(self, language: str) -> None:
        """Code in `language` looks different now; it is as high as before."""
        for turn in self.turns:
            for unit in turn.sections[BODY].units:
                if isinstance(unit.block, Leaf) and unit.block.language == language:
                    unit.stamp = None

    # -- places -------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """Rows of everything."""
        return self._heights.total

    def at(self, y: int) -> tuple[Spot, int] | None:
        """The unit at row `y` and which of its rows that is; `None` where there is none at all."""
        if not self.turns or y < 0 or y >= self.height:
            return None
        number = self._heights.find(y)
        turn = self._laid_out(number)
        y = max(0, y - self._heights.top(number))
        for index, section in enumerate(turn.sections):
            if y < section.heights.total:
                unit = section.heights.find(y)
                return Spot(number, index, unit), y - section.heights.top(unit)
            y -= section.heights.total
        return None

    def top(self, spot: Spot) -> int:
        """The row a unit begins at."""
        turn = self._laid_out(spot.turn)
        above = sum(section.heights.total for section in turn.sections[: spot.section])
        heights = turn.sections[spot.section].heights
        return self._heights.top(spot.turn) + above + heights.top(min(spot.unit, len(heights)))

    def turn_top(self, number: int) -> int:
        """The row a turn begins at."""
        return self._heights.top(number)

    def turn_at(self, y: int) -> int | None:
        """The number of the turn at row `y`, or of the nearest."""
        return self._heights.find(y) if self.turns else None

    def spots(self, start: Spot) -> Iterator[Spot]:
        """Units from `start` to the end, in the order of reading."""
        number, section, unit = start
        while number < len(self.turns):
            turn = self._laid_out(number)
            while section < len(turn.sections):
                for index in range(unit, len(turn.sections[section].units)):
                    yield Spot(number, section, index)
                unit, section = 0, section + 1
            section, number = 0, number + 1

    def turn_ready(self, number: int) -> None:
        """Read a turn and give its units heights, if that was not done yet."""
        self._laid_out(number)

    def unit(self, spot: Spot) -> Unit | None:
        """The unit at a spot, if there still is one."""
        try:
            return self.turns[spot.turn].sections[spot.section].units[spot.unit]
        except IndexError:
            return None

    # -- drawing ------------------------------------------------------------------------------

    def rows_of(self, spot: Spot) -> list[Row]:
        """The rows of a unit, made now if they were not."""
        turn = self._laid_out(spot.turn)
        section = turn.sections[spot.section]
        unit = section.units[spot.unit]
        if unit.rows is None or unit.stamp is not self.renderer.stamp:
            rows = section.draw(spot.unit, self.renderer)
            self._heights[spot.turn] = turn.height(self.renderer)
            if unit.final:
                self._drawn.append(unit)
                self._kept += unit.count
        else:
            rows = unit.rows
        unit.used = self._tick
        return rows

    def draw(self, top: int, bottom: int) -> bool:
        """Make the rows from `top` to `bottom`. Gives whether a height turned out otherwise than guessed."""
        before = self.height
        place = self.at(min(top, max(0, self.height - 1)))
        if place is None:
            return self.height != before
        start = place[0]
        y = self.top(start)
        changed = self.height != before
        for spot in self.spots(start):
            if y >= bottom:
                break
            turn = self.turns[spot.turn]
            guess = turn.sections[spot.section].heights[spot.unit]
            exact = len(self.rows_of(spot))
            changed = changed or exact != guess
            y += exact
        return changed or self.height != before

    def window(self, top: int, count: int) -> list[Placed]:
        """`count` rows from row `top` on, fewer at the end."""
        self._tick += 1
        out: list[Placed] = []
        place = self.at(top)
        if place is None:
            return out
        start, skip = place
        for spot in self.spots(start):
            rows = self.rows_of(spot)
            out += [Placed(spot, index, rows[index]) for index in range(skip, min(len(rows), skip + count - len(out)))]
            skip = 0
            if len(out) >= count:
                break
        self._forget()
        return out

    def _laid_out(self, number: int) -> Turn:
        turn = self.turns[number]
        if not turn.laid_out(self.renderer):
            turn.lay_out(self.renderer)
            self._heights[number] = turn.height(self.renderer)
        return turn

    def _forget(self) -> None:
        """Drop the rows of units that were not on the screen for the longest."""
        for _ in range(len(self._drawn)):
            if self._kept <= KEPT_ROWS:
                return
            unit = self._drawn.popleft()
            if unit.used >= self._tick - 1:
                self._drawn.append(unit)
            else:
                self._kept -= unit.count
                unit.forget()
