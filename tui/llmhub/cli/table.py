"""Tables of text: columns as wide as their longest cell, two blanks between, no lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from llmhub import formats
from llmhub.core.plain import one_line

Side = Literal["<", ">"]


def table(heads: Sequence[str], sides: Sequence[Side], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines: the heads, then the rows. Cells are text from outside as likely as not, so each is made one plain line.

    Args:
        heads: One per column.
        sides: To which side a column's cells stand.
        rows: Cells per row.
    """
    cells = [[_plain(cell) for cell in row] for row in [list(heads), *rows]]
    widths = [max(formats.cells(row[at]) for row in cells) for at in range(len(heads))]
    return [
        "  ".join(_set(cell, width, side) for cell, width, side in zip(row, widths, sides, strict=True)).rstrip()
        for row in cells
    ]


def _plain(cell: str) -> str:
    indent = cell[: len(cell) - len(cell.lstrip(" "))]
    return indent + one_line(cell, 200)


def _set(cell: str, width: int, side: Side) -> str:
    blanks = " " * (width - formats.cells(cell))
    return blanks + cell if side == ">" else cell + blanks
