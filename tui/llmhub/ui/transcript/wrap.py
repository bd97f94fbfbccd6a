"""Styled text cut into rows of a given number of cells."""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style

Span = tuple[str, Style]

_ONE_CELL = re.compile(
    r"[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u2010-\u2027\u2190-\u21ff\u2200-\u22ff\u2500-\u25fc]*"
)
_WIDE = r"\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6"
_CLOSERS = r"、。，．：；！？）」』】〉》］｝"
_PIECES = re.compile(rf" +|[{_WIDE}][{_CLOSERS}]*|[^ {_WIDE}]+")
"""Where a row may end: at spaces, and between ideographs but not before what closes them."""


class Cut(NamedTuple):
    """One row of a wrapped text."""

    spans: list[Span]
    cells: int
    join: str
    """What stands between this row and the next in the text: a line end, a space, or nothing in a word that was cut."""


def wrap(spans: list[Span], width: int, *, anywhere: bool = False) -> list[Cut]:
    """Rows of at most `width` cells. A line end in a span ends a row.

    Args:
        anywhere: Cut at any character, as code is.
    """
    out: list[Cut] = []
    for line in _lines(spans):
        text = "".join([part for part, _ in line])
        one_cell = _ONE_CELL.fullmatch(text) is not None
        if (len(text) if one_cell else cell_len(text)) <= width:
            out.append(Cut(line, len(text) if one_cell else cell_len(text), "\n"))
            continue
        if one_cell:
            ranges = _cut_anywhere(len(text), width) if anywhere else _cut_one_cell(text, width)
        else:
            ranges = _cut_wide(text, width, anywhere=anywhere)
        out += _slices(line, ranges, one_cell=one_cell)
    return out


def _lines(spans: list[Span]) -> list[list[Span]]:
    lines: list[list[Span]] = [[]]
    for text, style in spans:
        if "\n" not in text:
            lines[-1].append((text, style))
            continue
        first, *others = text.split("\n")
        lines[-1].append((first, style))
        lines += [[(other, style)] for other in others]
    return lines


Range = tuple[int, int, str]


def _cut_anywhere(length: int, width: int) -> list[Range]:
    out = [(at, min(at + width, length), "") for at in range(0, length, width)]
    return [*out[:-1], (*out[-1][:2], "\n")]


def _cut_one_cell(text: str, width: int) -> list[Range]:
    out: list[Range] = []
    at, length = 0, len(text)
    while length - at > width:
        space = text.rfind(" ", at, at + width + 1)
        end = len(text[at:space].rstrip(" ")) + at if space > at else at
        if end <= at:
            out.append((at, at + width, ""))
            at += width
            continue
        out.append((at, end, " "))
        at = space + 1
        while at < length and text[at] == " ":
            at += 1
    if at < length or not out:
        out.append((at, length, "\n"))
    else:
        out[-1] = (*out[-1][:2], "\n")
    return out


def _cut_wide(text: str, width: int, *, anywhere: bool) -> list[Range]:
    out: list[Range] = []
    start = end = cells = 0
    for piece in _PIECES.finditer(text) if not anywhere else re.finditer(r"(?s).", text):
        word = piece[0]
        size = cell_len(word)
        if word[0] == " " and not anywhere:
            cells += size
            continue
        if cells + size > width:
            if end > start:
                out.append((start, end, " " if text[end] == " " and not anywhere else ""))
            start, cells = piece.start(), 0
        while size > width:
            head = _fitting(word, width - cells) or 1
            at = piece.end() - len(word) + head
            out.append((start, at, ""))
            start, cells = at, 0
            word = word[head:]
            size = cell_len(word)
        cells += size
        end = piece.end()
    if start < end or not out:
        out.append((start, max(end, start), "\n"))
    return [*out[:-1], (*out[-1][:2], "\n")]


def _fitting(word: str, cells: int) -> int:
    """How many characters of `word` fit into `cells`."""
    used = 0
    for index, char in enumerate(word):
        used += cell_len(char)
        if used > cells:
            return index
    return len(word)


def _slices(line: list[Span], ranges: list[Range], *, one_cell: bool) -> list[Cut]:
    out: list[Cut] = []
    index, begins = 0, 0
    for start, end, join in ranges:
        row: list[Span] = []
        while index < len(line):
            text, style = line[index]
            stop = begins + len(text)
            if stop <= start:
                index, begins = index + 1, stop
                continue
            if begins >= end:
                break
            row.append((text[max(0, start - begins) : end - begins], style))
            if stop > end:
                break
            index, begins = index + 1, stop
        cells = end - start if one_cell else sum([cell_len(text) for text, _ in row])
        out.append(Cut(row, cells, join))
    return out
