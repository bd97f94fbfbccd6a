"""Turns as files, as the table shows them: CSV for a spreadsheet, JSON lines with every fact."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from llmhub.core.booked import Booked
from llmhub.core.costs.turn import turn_cost
from llmhub.core.errors import StorageError
from llmhub.core.price_book import PriceBook
from llmhub.core.profiles import ProfileBook
from llmhub.formats.exported import csv_head, csv_row, turn_json


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    turns: int
    csv: Path
    jsonl: Path


@dataclass(frozen=True, slots=True)
class Costing:
    """What costs are worked out with."""

    profiles: ProfileBook
    prices: PriceBook


def export_turns(
    folder: Path,
    name: str,
    turns: Iterator[Booked],
    costing: Costing,
    *,
    left: Callable[[], bool] = lambda: False,
) -> Exported | None:
    """Write `turns` to `NAME.csv` and `NAME.jsonl` in `folder`; both are there whole, or not at all. Blocks.

    Args:
        left: Asked between two turns; when it says yes nothing is kept, and nothing is returned.

    Raises:
        StorageError: it cannot be written, or the turns cannot be read; nothing is left behind then.
    """
    found = Exported(0, folder / f"{name}.csv", folder / f"{name}.jsonl")
    parts = [path.with_name(f".{path.name}.part") for path in (found.csv, found.jsonl)]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            csv, jsonl = (stack.enter_context(_private(part)) for part in parts)
            count = _written(csv, jsonl, turns, costing, left)
        if count is None:
            return None
        for part, path in zip(parts, (found.csv, found.jsonl), strict=True):
            part.replace(path)
    except OSError as error:
        words = error.strerror or str(error)
        raise StorageError(
            "The turns could not be exported", f"{folder}: {words}", "make room or rights there"
        ) from error
    finally:
        for part in parts:
            with suppress(OSError):  # it was put in its place, or never begun
                part.unlink()
    return Exported(count, found.csv, found.jsonl)


def export_name(month: str, query: str, now: datetime) -> str:
    """`turns-2026-11-20261120-090000`; `some` in it says that a filter chose them."""
    return f"turns-{month}{'-some' if query else ''}-{now:%Y%m%d-%H%M%S}"


def _written(
    csv: TextIO, jsonl: TextIO, turns: Iterator[Booked], costing: Costing, left: Callable[[], bool]
) -> int | None:
    count = 0
    csv.write(csv_head() + "\r\n")
    for booked in turns:
        if left():
            return None
        cost = turn_cost(booked.turn, costing.profiles, costing.prices)
        csv.write(csv_row(booked.turn, booked.day, cost) + "\r\n")
        facts = turn_json(booked.turn, booked.day, cost)
        jsonl.write(json.dumps(facts, ensure_ascii=False, allow_nan=False, default=_as_text) + "\n")
        count += 1
    return count


def _private(path: Path) -> TextIO:
    """A new file that only its owner may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8", newline="")


def _as_text(value: object) -> str:
    """Money is never a float: a decimal is written as its digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"no JSON: {value!r}")
