"""Turns and figures for other programs: JSON objects and rows of CSV, for commands and for the screen alike."""

from __future__ import annotations

import csv
import io
from typing import Any

from llmhub.core.costs.labels import Figure
from llmhub.core.costs.money import quantized
from llmhub.core.costs.turn import TurnCost
from llmhub.core.turns import Turn, iso_ms

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would work out a cell that begins so."""


def figure_json(figure: Figure) -> dict[str, Any]:
    """`{"amount": "0.000030", "label": "default", …}`; dollars as text, unknown as null."""
    found: dict[str, Any] = {
        "amount": None if figure.amount is None else quantized(figure.amount),
        "label": str(figure.label),
    }
    if figure.bound:
        found["bound"] = str(figure.bound)
    if figure.low is not None and figure.high is not None:
        found["low"], found["high"] = quantized(figure.low), quantized(figure.high)
    if figure.pending:
        found["pending"] = True
    if figure.missing:
        found["missing"] = figure.missing
    if figure.why:
        found["why"] = figure.why
    return found


def derived_json(turn: Turn, cost: TurnCost) -> dict[str, Any]:
    """What follows from a turn's record, each with its label; never stored (cost-model.md, section 3)."""
    rate = turn.decode_per_s
    measured = turn.durations.eval_ns is not None and turn.tokens.source in {"daemon", "provider"}
    return {
        "power_usd": figure_json(cost.power),
        "with_machine_usd": figure_json(cost.with_machine) | {"rule": cost.rule},
        "cloud_usd": figure_json(cost.cloud),
        "joules": None if cost.joules is None else quantized(cost.joules, 3),
        "decode_per_s": {
            "amount": None if rate is None else round(rate, 3),
            "label": "unknown" if rate is None else "measured" if measured else "estimated",
        },
        "profile_id": cost.profile.profile_id if cost.profile else None,
    }


def csv_head() -> str:
    """The names of the columns, without a line's end."""
    return _csv_line(list(_COLUMNS))


def csv_row(turn: Turn, day: str, cost: TurnCost) -> str:
    """One turn in columns, without a line's end. Amounts are dollars and plain decimals, an empty cell is unknown."""
    cells = _cells(turn, day, cost)
    return _csv_line([_safe(cells[name]) for name in _COLUMNS])


def turn_json(turn: Turn, day: str, cost: TurnCost) -> dict[str, Any]:
    """One turn as it is booked, verbatim, and what follows from it."""
    return turn.to_record() | {"day": day, "derived": derived_json(turn, cost)}


def _cells(turn: Turn, day: str, cost: TurnCost) -> dict[str, Any]:
    context, tokens, spans, bill = turn.context, turn.tokens, turn.durations, turn.billed.raw or {}
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
        "billed_as_told": bill.get("cost"),
        "upstream_as_told": bill.get("upstream_inference_cost"),
        "is_byok": bill.get("is_byok"),
        "cloud_with_fee_usd": _amount(cost.cloud_cash),
        "generation_id": turn.generation_id,
        "price_snapshot": turn.price_snapshot,
        "ref_model": turn.ref_model,
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
    *(
        "with_machine_label",
        "cloud_usd",
        "cloud_label",
        "billed_state",
        "billed_as_told",
        "upstream_as_told",
        "is_byok",
        "cloud_with_fee_usd",
        "generation_id",
        "price_snapshot",
        "ref_model",
        "chat",
        "lane",
        "group_id",
        "seq",
        "machine",
    ),
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
