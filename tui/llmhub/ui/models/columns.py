"""The columns of the Models table, and which of them a width holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from llmhub import formats
from llmhub.core.plain import one_line
from llmhub.ui.models import fitting, words
from llmhub.ui.models.rows import ModelRow, Order

_REST = -1
"""The width of the column that takes what is left."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what its head says, how wide it is, what a row says in it."""

    title: str
    width: int
    """In cells; 0 where it is not shown."""
    wide: int
    """The same from `_WIDE` cells of the table on."""
    right: bool
    text: Callable[[ModelRow, datetime, int], str]
    """The cell, from the row, the moment and the width."""
    order: Order | None = None
    ink: Callable[[ModelRow], str] = lambda _: ""
    """The part of the table whose colour the cell has; empty for none."""


_WIDE = 100
VERDICT = "context"
"""Title of the column whose head names the context that was chosen."""
_COLUMNS = (
    Column("model", _REST, _REST, False, lambda row, _, width: words.fit_name(one_line(row.name), width), Order.NAME),
    Column("size", 9, 9, True, lambda row, _, __: formats.size(row.model.size_bytes), Order.SIZE),
    Column("params", 0, 7, True, lambda row, _, __: words.of(row.model.parameter_size)),
    Column("quant", 6, 8, False, lambda row, _, __: words.of(row.model.quantization)),
    Column(VERDICT, 12, 12, False, lambda row, _, __: fitting.verdict(row), ink=fitting.ink),
    Column("needs", 9, 9, True, lambda row, _, __: fitting.needs(row)),
    Column("tok/s", 5, 5, True, lambda row, _, __: fitting.speed(row)),
    Column("trained", 0, 9, True, lambda row, _, __: formats.count(row.model.context_trained)),
    Column("can", 0, 15, False, lambda row, _, width: words.abilities(row.model.capabilities, width)),
    Column("last used", 0, 9, True, lambda row, now, _: words.last_used(row.last_used, now), Order.LAST_USED),
    Column("loaded", 9, 13, False, words.loaded, ink=lambda row: "job" if row.job is not None else ""),
)
SIGN_CELLS = 3
"""What stands before the first column: the cursor's mark, the place's sign, a blank."""
_LEAST_NAME = 16
_GIVE_WAY = ("can", "trained", "params", "last used", "quant", "size", "loaded", "tok/s", "needs")
"""What is left out where there is no room, the least important first."""


def columns_at(width: int) -> list[tuple[Column, int, int]]:
    """The columns that fit into `width` cells, each with its own cells and the blanks before it."""
    wide = width >= _WIDE
    shown = [(c, c.wide if wide else c.width, 0 if not at else 1 if c.right else 2) for at, c in enumerate(_COLUMNS)]
    shown = [(column, cells, blanks) for column, cells, blanks in shown if cells]

    def left() -> int:
        return width - SIGN_CELLS - sum(max(0, cells) + blanks for _, cells, blanks in shown)

    for title in _GIVE_WAY:
        if left() < _LEAST_NAME:
            shown = [entry for entry in shown if entry[0].title != title]
    return [(column, left() if cells == _REST else cells, blanks) for column, cells, blanks in shown]
