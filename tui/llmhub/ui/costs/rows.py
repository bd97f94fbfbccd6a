"""The lines of the three tables, and their columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from llmhub import formats
from llmhub.core.booked import Booked
from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.month import By, MonthRow
from llmhub.core.costs.turn import local_moment, turn_cost
from llmhub.core.places import PlaceKind
from llmhub.core.plain import one_line
from llmhub.core.price_book import PriceBook
from llmhub.core.profiles import ProfileBook
from llmhub.core.turns import Turn
from llmhub.ui.costs.words import STATUS, BlockRow
from llmhub.ui.models.words import fit_name
from llmhub.ui.widgets.line_table import REST, Line, LineColumn

_NAME_CELLS = 40
"""A longer name loses its middle before it is laid into its column."""


def block_columns(title: str) -> tuple[LineColumn, ...]:
    """The month."""
    return (
        LineColumn(title, REST, REST),
        LineColumn("power", 17, 17, right=True, inked=True),
        LineColumn("with the machine", 18, 18, right=True, inked=True),
        LineColumn("label", 0, 36),
    )


def block_line(row: BlockRow) -> Line:
    """One line of the month."""
    signs = {"local": "●", "avoided": " ", "cloud": "○", "ollama_cloud": "○"}
    power, _, ranged = formats.usd(replace(row.power, pending=False)).partition(" (")
    if row.billed and row.power.known:
        power += " billed" if row.power.label is Label.BILLED else " pending"
    # a range is as long as its digits: only the first column has room for it
    name = f"{row.words.replace('the cloud', 'cloud')} ({ranged}" if ranged else row.words
    return Line(
        row.name,
        (name, power, formats.usd(_plain(row.with_machine)), row.label),
        sign=signs[row.name],
        local=row.name == "local",
    )


GROUP_TITLES: dict[By, str] = {"model": "model", "day": "day", "place": "place"}


def group_columns(by: By) -> tuple[LineColumn, ...]:
    """Turns that have something in common."""
    return (
        LineColumn(GROUP_TITLES[by], REST, REST),
        LineColumn("turns", 7, 8, right=True),
        LineColumn("tokens", 8, 9, right=True),
        LineColumn("power", 13, 15, right=True, inked=True),
        LineColumn("with machine", 13, 15, right=True, inked=True),
        LineColumn("tok/s", 7, 8, right=True, gives_way=1),
    )


def group_key(row: MonthRow) -> str:
    """What tells a row from the others."""
    return f"{row.model}\n{row.day}\n{row.place.kind}\n{row.place.name}"


def group_line(row: MonthRow, by: By) -> Line:
    """One line of the table by model, day or place."""
    names = {"model": one_line(row.model or ""), "day": row.day or "", "place": one_line(row.place.words)}
    here = by == "place" or row.place.kind is PlaceKind.THIS_MACHINE
    name = names[by] if here else f"{names[by]} · {one_line(row.place.words)}"
    rate = row.eval_tokens * 1000 / row.eval_ms if row.eval_ms else None
    return Line(
        group_key(row),
        (
            name,
            formats.count(row.turns),
            formats.tokens(row.tokens),
            *cost_cells(row.place.is_local, row.power, row.with_machine, row.billed),
            formats.rate(rate, unit="").strip(),
        ),
        sign=row.place.sign,
        local=row.place.is_local,
    )


TURN_COLUMNS = (
    LineColumn("when", 8, 8),
    LineColumn("model", REST, REST),
    LineColumn("in", 5, 8, right=True),
    LineColumn("out", 5, 8, right=True),
    LineColumn("status", 8, 15, gives_way=2),
    LineColumn("tok/s", 5, 7, right=True, gives_way=3),
    LineColumn("power", 11, 14, right=True, inked=True),
    LineColumn("machine", 11, 14, right=True, inked=True),
)


def turn_key(booked: Booked) -> str:
    """A turn's id."""
    return booked.turn.id


def turn_line_with(profiles: ProfileBook, prices: PriceBook) -> Callable[[Booked], Line]:
    """What draws a turn with the profiles and prices as they stand."""

    def line(booked: Booked) -> Line:
        turn = booked.turn
        cost = turn_cost(turn, profiles, prices)
        mark = "~" if turn.tokens.source == "estimate" else ""
        measured = turn.durations.eval_ns is not None
        return Line(
            turn.id,
            (
                f"{local_moment(turn):%d %H:%M}",
                fit_name(turn_name(turn), _NAME_CELLS),
                _many(turn.tokens.prompt, mark),
                _many(turn.tokens.completion, mark),
                STATUS[turn.status],
                formats.rate(turn.decode_per_s, measured=measured, unit="").strip(),
                *cost_cells(turn.place.is_local, cost.power, cost.with_machine, cost.cloud),
            ),
            sign=turn.place.sign,
            local=turn.place.is_local,
        )

    return line


def turn_name(turn: Turn) -> str:
    """The model; what did not run on this machine, with its place."""
    name = one_line(turn.model)
    return name if turn.place.kind is PlaceKind.THIS_MACHINE else f"{name} · {one_line(turn.place.words)}"


def cost_cells(is_local: bool, power: Figure, with_machine: Figure, billed: Figure) -> tuple[str, str]:
    """Both ways of counting a local turn; of a cloud turn what was billed, and that it was."""
    if is_local:
        return formats.usd(power), formats.usd(with_machine)
    state = "pending" if billed.pending else "billed" if billed.known else ""
    return formats.usd(_plain(billed)), state


def _plain(figure: Figure) -> Figure:
    """Without range and waiting, which have no room in a narrow column."""
    return replace(figure, low=None, high=None, pending=False)


def _many(count: int | None, mark: str) -> str:
    return formats.UNKNOWN if count is None else mark + formats.tokens(count)
