"""Turns as files for other programs: every fact of the record, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Literal

import click

from llmhub.cli.costs import month_option
from llmhub.cli.options import Group, session
from llmhub.cli.session import DONE
from llmhub.core.costs.turn import turn_cost
from llmhub.core.turns import Turn
from llmhub.formats.exported import csv_head, csv_row, turn_json

if TYPE_CHECKING:
    from llmhub.bootstrap import World

_AT_ONCE = 500
"""Turns per trip to the disk: ctrl+c is heard between two trips."""


@click.group(cls=Group)
def export() -> None:
    """Write what llmhub keeps, for other programs."""


@export.command()
@click.option("--format", "shape", type=click.Choice(["csv", "jsonl"]), help="One of both; csv unless --json.")
@month_option("Only this month; all without it.")
@click.pass_context
def turns(context: click.Context, shape: Literal["csv", "jsonl"] | None, month: date | None) -> None:
    """Every turn that was booked, the oldest first, on stdout."""
    console = session(context).console
    as_lines = (shape or ("jsonl" if console.json else "csv")) == "jsonl"

    async def work(world: World) -> int:
        await world.ledger()  # settles what a killed llmhub left open, and reads the profiles
        found = world.booked(f"{month:%Y-%m}" if month else None)
        profiles, prices = world.profiles, world.prices
        if not as_lines:
            console.print(csv_head())
        while batch := await asyncio.to_thread(_take, found):
            for day, turn in batch:
                cost = turn_cost(turn, profiles, prices)
                if as_lines:
                    console.data(turn_json(turn, day, cost))
                else:
                    console.print(csv_row(turn, day, cost))
        return DONE

    context.exit(session(context).run(work))


def _take(found: Iterator[tuple[str, Turn]]) -> list[tuple[str, Turn]]:
    return list(islice(found, _AT_ONCE))
