"""Selected text. Positions are names of rows that stay right while others grow, fold or scroll."""

from __future__ import annotations

from collections.abc import Iterator

from textual.geometry import Offset
from textual.selection import Selection

from llmhub.ui.transcript.document import Document, Placed, Spot
from llmhub.ui.transcript.rows import Row

_LINES = 1 << 20
_UNITS = 1 << 28
_SECTIONS = 4


def row_name(spot: Spot, line: int) -> int:
    """A number for a row that grows in the order of reading and does not depend on what is above it."""
    return ((spot.turn * _SECTIONS + spot.section) * _UNITS + spot.unit) * _LINES + line


def named_row(name: int) -> tuple[Spot, int]:
    """The row of that number."""
    rest, line = divmod(name, _LINES)
    rest, unit = divmod(rest, _UNITS)
    turn, section = divmod(rest, _SECTIONS)
    return Spot(turn, section, unit), line


def selected_range(selection: Selection, placed: Placed) -> tuple[int, int] | None:
    """Characters of a row that are selected."""
    span = selection.get_span(row_name(placed.spot, placed.line))
    if span is None:
        return None
    start, end = span
    text = placed.row.strip.text
    last = max(placed.row.lead, len(text.rstrip()))
    return max(start, placed.row.lead), last if end < 0 else min(end, last)


def selected_text(document: Document, selection: Selection, visible: list[Placed]) -> str:
    """What a selection reads as. A side that is open ends where the screen does.

    Rows that were one line of the text are one line again.
    """
    if not visible:
        return ""
    first = visible[0] if selection.start is None else None
    last = visible[-1] if selection.end is None else None
    start = row_name(first.spot, first.line) if first else (selection.start or Offset()).y
    end = row_name(last.spot, last.line) if last else (selection.end or Offset()).y
    pieces: list[str] = []
    for placed in _rows(document, start, end):
        if (span := selected_range(selection, placed)) is None:
            continue
        row: Row = placed.row
        pieces += [row.strip.text[span[0] : span[1]].rstrip(), row.join]
    return "".join(pieces[:-1])


def _rows(document: Document, start: int, end: int) -> Iterator[Placed]:
    begin, _ = named_row(start)
    if document.unit(begin) is None:
        return
    for spot in document.spots(begin):
        for line, row in enumerate(document.rows_of(spot)):
            name = row_name(spot, line)
            if name > end:
                return
            if name >= start:
                yield Placed(spot, line, row)


def word_around(row: Row, at: int) -> tuple[int, int]:
    """The characters of the word at character `at` of a row."""
    text = row.strip.text
    if at >= len(text) or text[at].isspace():
        return at, at
    start = end = at
    while start > row.lead and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end
