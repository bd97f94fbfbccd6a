"""Turns as files for other programs: every fact of the record, and what follows from it."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import click

from llmhub.cli.costs import month_option
from llmhub.cli.figures import derived_json
from llmhub.cli.options import Group, session
from llmhub.cli.session import DONE
from llmhub.core.costs.labels import Figure
from llmhub.core.costs.turn import TurnCost, turn_cost
from llmhub.core.turns import Turn, iso_ms

if TYPE_CHECKING:
    from llmhub.bootstrap import World

_AT_ONCE = 500
"""Turns per trip to the disk: ctrl+c is heard between two trips."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would work out a cell that begins so."""


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
        profiles = world.profiles
        if not as_lines:
            console.print(_csv_line(list(_COLUMNS)))
        while batch := await asyncio.to_thread(_take, found):
            for day, turn in batch:
                cost = turn_cost(turn, profiles)
                if as_lines:
                    console.data(turn.to_record() | {"day": day, "derived": derived_json(turn, cost)})
                else:
                    cells = _cells(turn, day, cost)
                    console.print(_csv_line([_safe(cells[name]) for name in _COLUMNS]))
        return DONE

    context.exit(session(context).run(work))


def _take(found: Iterator[tuple[str, Turn]]) -> list[tuple[str, Turn]]:
    return list(islice(found, _AT_ONCE))


def _cells(turn: Turn, day: str, cost: TurnCost) -> dict[str, Any]:
    """One turn in columns. Amounts are dollars and plain decimals, an empty cell is unknown."""
    context, tokens, spans = turn.context, turn.tokens, turn.durations
    return {
        "id": turn.id,
        "started_at": iso_ms(turn.started_at),
        "day": day,
        "status": str(turn.status),
        "reason": turn.reason,
        "backend": context.backend_name,
        "place_kind": str(turn.place.kind),
        "place": turn.place.words,
        "model": turn.model,
        "served_model": turn.served_model,
        "provider": turn.provider,
        "quantization": context.quantization,
        "digest": context.digest,
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "reasoning_tokens": tokens.reasoning,
        "cached_tokens": tokens.cached,
        "tokens_source": tokens.source,
        "context": turn.num_ctx,
        "max_tokens": turn.max_tokens,
        "total_ns": spans.total_ns,
        "load_ns": spans.load_ns,
        "prompt_eval_ns": spans.prompt_eval_ns,
        "eval_ns": spans.eval_ns,
        "first_ms": turn.client_ms.first,
        "wall_ms": turn.client_ms.wall,
        "energy_method": turn.energy.method,
        "energy_mj": turn.energy.charged_mj,
        "power_usd": _amount(cost.power),
        "power_label": str(cost.power.label),
        "with_machine_usd": _amount(cost.with_machine),
        "with_machine_label": str(cost.with_machine.label),
        "cloud_usd": _amount(cost.cloud),
        "cloud_label": str(cost.cloud.label),
        "billed_state": turn.billed.reconciled,
        "chat": context.chat_id,
        "lane": context.lane,
        "group_id": context.group_id,
        "seq": context.seq,
        "machine": context.machine_id,
        "profile_id": context.profile_id,
        "vote": turn.vote,
    }


_COLUMNS = (
    *("id", "started_at", "day", "status", "reason", "backend", "place_kind", "place", "model", "served_model"),
    *("provider", "quantization", "digest", "prompt_tokens", "completion_tokens", "reasoning_tokens"),
    *("cached_tokens", "tokens_source", "context", "max_tokens", "total_ns", "load_ns", "prompt_eval_ns", "eval_ns"),
    *("first_ms", "wall_ms", "energy_method", "energy_mj", "power_usd", "power_label", "with_machine_usd"),
    *("with_machine_label", "cloud_usd", "cloud_label", "billed_state", "chat", "lane", "group_id", "seq", "machine"),
    *("profile_id", "vote"),
)


def _amount(figure: Figure) -> str | None:
    """Every digit that is kept: an export is for adding up."""
    return None if figure.amount is None else format(figure.amount.normalize(), "f")


def _safe(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
