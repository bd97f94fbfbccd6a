"""Figures as JSON: the amount with its label, and for an unknown one what is missing."""

from __future__ import annotations

from typing import Any

from llmhub.core.costs.labels import Figure
from llmhub.core.costs.money import quantized
from llmhub.core.costs.turn import TurnCost
from llmhub.core.turns import Turn


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
