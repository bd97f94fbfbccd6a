"""Tables as rows. The first rows decide how wide the columns are, so that a row drawn once stays as it is."""

from __future__ import annotations

from typing import Any

from llmhub.ui.transcript import starts
from llmhub.ui.transcript.inline import styled
from llmhub.ui.transcript.leaves import Leaf
from llmhub.ui.transcript.palette import BOLD
from llmhub.ui.transcript.rows import Row, Sheet, joined
from llmhub.ui.transcript.wrap import Cut, Span, wrap

LEAST_COLUMN = 4
_BETWEEN = " │ "


def table_rows(leaf: Leaf, sheet: Sheet, env: dict[str, Any], stamp: object) -> list[Row]:
    """Rows of one leaf of a table."""
    first = leaf.before or leaf
    memo = leaf.memo.get("table")
    if memo is None or memo["stamp"] != stamp:
        memo = leaf.memo["table"] = {"stamp": stamp, "cells": {}, "rows": {}}
    table = _Table(leaf, sheet, env, memo["cells"])
    widths = table.widths(first)
    out: list[Row] = []
    known: dict[object, list[Row]] = memo["rows"]
    for index, source in enumerate(leaf.lines):
        if index == 0 and leaf.before is not None:
            continue  # the header is drawn once
        key = (index == 0, source, tuple(widths))
        if key not in known:
            known[key] = table.record(source, index) if not widths else table.row(source, widths, header=index == 0)
        out += known[key]
    return out


class _Table:
    def __init__(self, leaf: Leaf, sheet: Sheet, env: dict[str, Any], cells: dict[object, list[Span]]) -> None:
        self._leaf = leaf
        self._sheet = sheet
        self._env = env
        self._cells = cells
        self._room = sheet.room_in(leaf)

    def widths(self, first: Leaf) -> list[int]:
        """Columns of each column: what its text needs, the widest cut first; none at all when they do not fit."""
        count = len(first.aligns)
        room = self._room - len(_BETWEEN) * (count - 1)
        if room < count * LEAST_COLUMN:
            return []
        needs = [1] * count
        for source in first.lines:
            for index, cell in enumerate(self._split(source)):
                cuts = wrap(self._styled(cell, header=source is first.lines[0]), 10_000)
                needs[index] = max(needs[index], *(cut.cells for cut in cuts))
        if sum(needs) <= room:
            return needs
        limit = max(needs)
        while sum(min(need, limit) for need in needs) > room:
            limit -= 1
        widths = [min(need, limit) for need in needs]
        spare = room - sum(widths)
        for index, need in enumerate(needs):
            if spare and need > widths[index]:
                widths[index] += 1
                spare -= 1
        return widths

    def row(self, source: str, widths: list[int], *, header: bool) -> list[Row]:
        """A row of the table, its cells wrapped; a line under the header."""
        border = self._sheet.palette["rule"]
        ground = self._sheet.palette["text"]
        columns = [
            wrap(self._styled(cell, header=header), width)
            for cell, width in zip(self._split(source), widths, strict=True)
        ]
        cuts: list[Cut] = []
        for line in range(max(len(column) for column in columns)):
            spans: list[Span] = []
            for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
                if index:
                    spans.append((_BETWEEN, border))
                cut = column[line] if line < len(column) else Cut([], 0, "\n")
                left, right = self._padding(width - cut.cells, self._leaf.aligns[index])
                spans += [(" " * left, ground), *cut.spans, (" " * right, ground)]
            cuts.append(Cut(spans, sum(widths) + len(_BETWEEN) * (len(widths) - 1), "\n"))
        if header:
            line_under = "─┼─".join("─" * width for width in widths)
            cuts.append(Cut([(line_under, border)], len(line_under), "\n"))
        return self._boxed(cuts, header=header)

    def record(self, source: str, index: int) -> list[Row]:
        """A row where columns do not fit side by side: a line for each cell, with its column's name."""
        if index == 0:
            return []
        names = self._split(self._leaf.lines[0])
        spans: list[Span] = []
        for name, cell in zip(names, self._split(source), strict=True):
            label = joined(self._styled(name, header=True)).replace("\n", " ")
            spans += [
                ("\n" if spans else "", self._sheet.palette["text"]),
                (f"{label}: ", self._sheet.palette.mixed("text", BOLD)),
                *self._styled(cell, header=False),
            ]
        line = "─" * min(self._room, 24)
        cuts = wrap(spans, self._room)
        return self._boxed([*cuts, Cut([(line, self._sheet.palette["rule"])], len(line), "\n")], header=index == 1)

    def _boxed(self, cuts: list[Cut], *, header: bool) -> list[Row]:
        leaf = self._leaf
        return self._sheet.boxed(Leaf(leaf.kind, leaf.path, leaf.new if header else 0), cuts)

    def _split(self, source: str) -> list[str]:
        cells = starts.cells(source)
        count = len(self._leaf.aligns)
        return [*cells, *[""] * (count - len(cells))][:count]

    def _styled(self, cell: str, *, header: bool) -> list[Span]:
        key = (header, cell)
        if key not in self._cells:
            self._cells[key] = styled(cell, self._env, self._sheet.palette, "text", BOLD if header else 0)
        return self._cells[key]

    @staticmethod
    def _padding(space: int, align: str) -> tuple[int, int]:
        space = max(0, space)
        if align == "right":
            return space, 0
        if align == "center":
            return space // 2, space - space // 2
        return 0, space
