"""Rows: what a block becomes at a given width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from llmhub.ui.transcript.leaves import Box, Kind, Leaf
from llmhub.ui.transcript.palette import Palette
from llmhub.ui.transcript.wrap import Cut, Span

GUTTER = 1
"""Columns at the left that belong to the mark of the focused turn."""
LEAST_ROOM = 12
"""Columns that text keeps however deep its list is."""
_BULLETS = "•◦▪"
_SPACED = {Kind.CODE, Kind.TABLE}


@dataclass(slots=True)
class Row:
    """One row: what is drawn, and how it is read when it is copied."""

    strip: Strip
    lead: int = GUTTER
    """Characters before the text: the gutter, indents, bars, markers of rows above."""
    join: str = "\n"
    """What stands between this row's text and the next row's."""

    @property
    def text(self) -> str:
        """What is read of it."""
        return self.strip.text[self.lead :].rstrip()


@dataclass(slots=True)
class Work:
    """How much was done, for the tests that hold it flat."""

    blocks: int = 0
    rows: int = 0
    coloured: int = 0


class Sheet:
    """Builds rows of one width in one palette."""

    def __init__(self, width: int, palette: Palette, reserved: int = 0) -> None:
        self.width = width
        """Columns of a row, all of them."""
        self.room = max(LEAST_ROOM, width - GUTTER - reserved)
        """Columns for text; `reserved` at the right stay free."""
        self.palette = palette
        self.work = Work()
        self._gutter = Segment(" " * GUTTER, palette["text"])

    def row(self, spans: Sequence[Span], cells: int, lead: int = 0, join: str = "\n", ground: str = "text") -> Row:
        """A row of `spans`, `cells` columns wide, filled up with `ground`; `lead` characters of it are no text."""
        self.work.rows += 1
        segments = [self._gutter, *[Segment(text, style) for text, style in spans if text]]
        rest = self.width - GUTTER - cells
        if rest < 0:
            return Row(Strip(segments, GUTTER + cells).crop(0, self.width), GUTTER + lead, join)
        if ground != "text":
            inside = max(0, self.room - cells)
            segments.append(Segment(" " * inside, self.palette[ground]))
            rest -= inside
        if rest:
            segments.append(Segment(" " * rest, self.palette["text"]))
        return Row(Strip(segments, self.width), GUTTER + lead, join)

    def blank(self) -> Row:
        """An empty row."""
        return self.row([], 0)

    def boxed(self, leaf: Leaf, cuts: Sequence[Cut], task: str = "", ground: str = "text") -> list[Row]:
        """Rows of `cuts` in the boxes of `leaf`: bars beside quotes, markers before what begins an item."""
        if not leaf.path:
            return [self.row(cut.spans, cut.cells, 0, cut.join, ground) for cut in cuts]
        first, cells = self.prefix(leaf.path, leaf.new, task)
        others, _ = self.prefix(leaf.path, 0)
        marked = sum(len(text) for text, _ in first)
        plain = sum(len(text) for text, _ in others)
        rows: list[Row] = []
        for index, cut in enumerate(cuts):
            # A marker is read with its text, an indent is not.
            lead = (0 if leaf.new else marked) if index == 0 else plain
            spans = first if index == 0 else others
            rows.append(self.row([*spans, *cut.spans], cells + cut.cells, lead, cut.join, ground))
        return rows

    def prefix(self, path: Sequence[Box], new: int, task: str = "") -> tuple[list[Span], int]:
        """What stands before a row in the boxes of `path`, the last `new` of which begin there, and its columns."""
        parts: list[Span] = []
        for index, box in enumerate(path):
            begins = index >= len(path) - new
            if box.kind == "quote":
                parts.append(("▌ ", self.palette["quote"]))
            elif box.kind == "ordered":
                marker = f"{box.number:>2}. "
                parts.append((marker if begins else " " * len(marker), self.palette["marker"]))
            else:
                sign = task if task and index == len(path) - 1 else _BULLETS[box.depth % len(_BULLETS)]
                parts.append((f" {sign} " if begins else "   ", self.palette["marker"]))
        cells = sum(len(text) for text, _ in parts)
        while cells > max(0, self.room - LEAST_ROOM):
            cells -= len(parts.pop(0)[0])
        return parts, cells

    def room_in(self, leaf: Leaf) -> int:
        """Columns that text has in the boxes of `leaf`."""
        return self.room - self.prefix(leaf.path, 0)[1] if leaf.path else self.room

    def gap(self, above: Leaf | None, leaf: Leaf) -> list[Row]:
        """The empty row between two leaves, when there is to be one; quotes that hold both go on through it."""
        if above is None or not spaced(above, leaf):
            return []
        shared = [box for box, other in zip(above.path, leaf.path, strict=False) if box is other]
        parts, cells = self.prefix(shared, 0)
        return [self.row(parts, cells, cells)]


def spaced(above: Leaf, leaf: Leaf) -> bool:
    """Whether an empty row stands between two leaves: where the source has one, and around code and tables."""
    if leaf.before is not None:
        return False
    if leaf.blank_before or leaf.kind is Kind.HEADING or leaf.kind in _SPACED or above.kind in _SPACED:
        return True
    return [box for box in above.path if box.kind == "quote"] != [box for box in leaf.path if box.kind == "quote"]


def joined(spans: Sequence[Span]) -> str:
    """The text of spans."""
    return "".join([text for text, _ in spans])


def right_aligned(left: Cut, right: Cut, room: int, fill: Style) -> list[Cut]:
    """Two texts on one row, or on two when one is too narrow."""
    if not right.cells:
        return [left]
    between = room - left.cells - right.cells
    if between >= 2 or not left.cells:
        return [Cut([*left.spans, (" " * max(0, between), fill), *right.spans], max(room, right.cells), "\n")]
    return [left, Cut([(" " * max(0, room - right.cells), fill), *right.spans], max(room, right.cells), "\n")]
