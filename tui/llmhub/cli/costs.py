"""The panel's figures for a month."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from llmhub import formats
from llmhub.cli.figures import figure_json
from llmhub.cli.host import place_json
from llmhub.cli.options import Command, session
from llmhub.cli.session import DONE
from llmhub.cli.table import table
from llmhub.core.costs.labels import Figure
from llmhub.core.costs.money import quantized
from llmhub.core.costs.month import By, MonthRow, MonthView, local_month, month_rows
from llmhub.core.costs.panel import balance_of, hint_for

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console

_BY = get_args(By)


def month_option(help_text: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """`--month YYYY-MM`, as the month's first day."""
    return click.option("--month", metavar="YYYY-MM", callback=_month, help=help_text)


def _month(_context: click.Context, _option: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}", value):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(f"{value}-01")
    raise click.BadParameter(f"{value!r} is no month; write it as 2026-11")


def _columns(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[By, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in (value or "").split(",") if word.strip()))
    if (value is not None and not words) or any(word not in _BY for word in words):
        raise click.BadParameter(f"{value!r}: write one or more of {', '.join(_BY)}, with commas between")
    return cast("tuple[By, ...]", words)


@click.command(cls=Command)
@month_option("Another month than this one.")
@click.option("--by", metavar=",".join(_BY), callback=_columns, help="Split it up.")
@click.pass_context
def cost(context: click.Context, month: date | None, by: tuple[By, ...]) -> None:
    """What local and cloud turns of a month cost: power alone, and with the machine."""
    console = session(context).console

    async def work(world: World) -> int:
        ledger = await world.ledger()
        await world.settle_bills()
        totals, today = ledger.totals, datetime.now().astimezone().date()
        view = local_month(totals, world.profiles, today, month=month)
        rows = month_rows(totals, world.profiles, view, by) if by else ()
        if console.json:
            console.data(month_json(view, rows, by) | {"unsaved_turns": totals.unsaved_turns})
        else:
            _print(console, view, rows, by)
            if totals.unsaved_turns:
                console.note(f"{totals.unsaved_turns} turns are not saved yet; llmhub doctor says why")
        return DONE

    context.exit(session(context).run(work))


def month_json(view: MonthView, rows: Sequence[MonthRow], by: Sequence[By]) -> dict[str, Any]:
    """The month as `cost --json` tells it: every figure with its label."""
    balance = balance_of(view)
    found: dict[str, Any] = {
        "month": f"{view.first:%Y-%m}",
        "first": view.first,
        "last": view.last,
        "provisional": view.provisional,
        "local": {
            "turns": view.local.turns,
            "tokens": view.local.tokens,
            "left_out": view.local.left_out,
            "measured_fraction": view.measured_fraction,
            "power_usd": figure_json(view.local.power),
            "with_machine_usd": figure_json(view.with_machine) | {"rule": view.rule},
            "usd_per_m": figure_json(view.usd_per_m),
            "power_usd_per_m": figure_json(view.power_usd_per_m),
            "avoided_usd": figure_json(view.avoided),
            "avoided_with_fee_usd": figure_json(view.avoided_cash),
            "compared_turns": view.compared.turns,
        },
        "machine": {
            "month_usd": figure_json(view.fixed_month),
            "accrued_usd": figure_json(view.accrued),
            "unallocated_usd": figure_json(view.unallocated),
        },
        "balance": None
        if balance is None
        else {"power_usd": figure_json(balance.power), "with_machine_usd": figure_json(balance.with_machine)},
        "profile_id": view.profile.profile_id,
    }
    for name, side in (("cloud", view.cloud), ("ollama_cloud", view.ollama_cloud)):
        found[name] = {
            "turns": side.turns,
            "tokens": side.tokens,
            "billed_usd": figure_json(side.billed),
            "with_fee_usd": figure_json(side.cash),
            "billed_turns": side.billed_turns,
            "pending_turns": side.pending_turns,
            "pending_estimate_usd": figure_json(side.estimate),
            "unpriced_turns": side.unpriced_turns,
        }
    found["price_checks"] = [
        {
            "model": each.model,
            "turns": each.check.pairs,
            "estimate_usd": quantized(each.estimate_usd),
            "billed_usd": quantized(each.billed_usd),
            "ok": each.check.ok,
        }
        for each in view.checks
    ]
    if by:
        found["by"] = [_row_json(row, by) for row in rows]
    return found


def _row_json(row: MonthRow, by: Sequence[By]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if field.name in _BY:
            if field.name in by:
                found[field.name] = place_json(value) if field.name == "place" and value is not None else value
        elif isinstance(value, Figure):
            found[f"{field.name}_usd"] = figure_json(value)
        else:
            found[field.name] = value
    found["decode_per_s"] = round(row.eval_tokens * 1000 / row.eval_ms, 3) if row.eval_ms else None
    return found


def _print(console: Console, view: MonthView, rows: Sequence[MonthRow], by: Sequence[By]) -> None:
    days = f"{formats.period(view.first, view.last)}, {view.first.year}"
    console.print(f"{days}, provisional" if view.provisional else days, "bold")
    local, cloud, relayed = view.local, view.cloud, view.ollama_cloud
    lines = [
        (
            "● local",
            formats.count(local.turns),
            formats.count(local.tokens),
            *map(formats.usd, (local.power, view.with_machine)),
        ),
        (
            "○ cloud",
            formats.count(cloud.turns),
            formats.count(cloud.tokens),
            *map(formats.usd, (cloud.billed, cloud.cash)),
        ),
    ]
    if view.avoided.known:
        avoided = (formats.usd(view.avoided), formats.usd(view.avoided_cash))
        lines.insert(1, ("  the same in the cloud", formats.count(view.compared.turns), "", *avoided))
    if relayed.turns:
        lines.append(
            (
                "○ Ollama cloud",
                formats.count(relayed.turns),
                formats.count(relayed.tokens),
                formats.usd(relayed.billed),
                "",
            )
        )
    heads = ("", "turns", "tokens", "power or billed", "with machine or fee")
    _table(console, heads, ("<", ">", ">", ">", ">"), lines)
    for words in _remarks(view):
        console.print(words)
    if by:
        console.print()
        _print_rows(console, rows, by)


def _remarks(view: MonthView) -> list[str]:
    words = []
    if (balance := balance_of(view)) is not None:
        words.append(f"{_sentence(formats.balance(balance))}.")
    if view.usd_per_m.known:
        words.append(f"With the machine local tokens cost {formats.per_m(view.usd_per_m)}.")
    hints = {hint.key: hint for figure in (view.local.power, view.with_machine) if (hint := hint_for(figure))}
    words += [f"{_sentence(formats.hint(hint))}, such as {hint.example}." for hint in hints.values()]
    if view.local.left_out:
        words.append(f"{view.local.left_out} local turns are in neither figure: their power is not known.")
    if view.cloud.pending_turns:
        about = f", {formats.usd(view.cloud.estimate)} by our own arithmetic" if view.cloud.estimate.known else ""
        many = "1 bill has" if view.cloud.pending_turns == 1 else f"{view.cloud.pending_turns} bills have"
        words.append(f"{many} not come yet{about}.")
    for each in view.warnings:
        off = formats.percent(None if each.off_by is None else abs(each.off_by))
        words.append(f"{each.model}: bills differ from its price list by {off}, so comparisons with it are off.")
    if view.local.power.known and (measured := view.measured_fraction) is not None and measured < 1:
        words.append(f"Power measured for {formats.percent(measured)} of local tokens.")
    return words


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _print_rows(console: Console, rows: Sequence[MonthRow], by: Sequence[By]) -> None:
    lines = []
    for row in rows:
        names = {"model": row.model, "day": row.day, "place": row.place.words if row.place else None}
        sign = row.place.sign if row.place else " "
        first, *rest = [names[column] or formats.UNKNOWN for column in by]
        rate = formats.rate(row.eval_tokens * 1000 / row.eval_ms) if row.eval_ms else formats.UNKNOWN
        is_local = row.place is None or row.place.is_local
        amounts = (row.power, row.with_machine) if is_local else (row.billed, None)
        shown = [formats.usd(amount) if amount is not None else "" for amount in amounts]
        lines.append((f"{sign} {first}", *rest, formats.count(row.turns), formats.count(row.tokens), *shown, rate))
    heads = (f"  {by[0]}", *by[1:], "turns", "tokens", "power or billed", "with machine", "speed")
    _table(console, heads, (*("<" for _ in by), *(">" * 5)), lines)


def _table(console: Console, heads: Sequence[str], sides: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    for at, line in enumerate(table(heads, cast("Any", sides), lines)):
        console.print(line, "dim" if at == 0 else None)
