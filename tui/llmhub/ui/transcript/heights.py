"""Rows of a stack of things, and which of them is at a given row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Heights:
    """Heights in order, with running sums that are made only as far as they are asked for.

    A stream grows at its end, where a change costs nothing; a change further up costs one pass in C over what follows.
    """

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    def __setitem__(self, index: int, height: int) -> None:
        if self._heights[index] != height:
            self._heights[index] = height
            del self._ends[index:]

    def append(self, height: int) -> None:
        """Add one below the others."""
        self._heights.append(height)

    def truncate(self, length: int) -> None:
        """Keep the first `length`."""
        del self._heights[length:]
        del self._ends[length:]

    @property
    def total(self) -> int:
        """All of them together."""
        return self._sums(len(self._heights))[-1] if self._heights else 0

    def top(self, index: int) -> int:
        """The row at which number `index` begins; `len(self)` asks for the row after the last."""
        return self._sums(index)[index - 1] if index else 0

    def find(self, row: int) -> int:
        """The number of the one that covers `row`, else the nearest.

        Raises:
            IndexError: when there is none at all.
        """
        if not self._heights:
            raise IndexError("an empty stack covers no row")
        ends = self._sums(len(self._heights))
        return min(bisect_right(ends, max(0, row)), len(self._heights) - 1)

    def _sums(self, upto: int) -> list[int]:
        ends = self._ends
        if (known := len(ends)) < upto:
            start = ends[-1] if known else 0
            ends += list(accumulate(self._heights[known:upto], initial=start))[1:]
        return ends
