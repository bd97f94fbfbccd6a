"""What the ledger knows of each model: how fast it was, and when it was used last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from llmhub.core.names import name_key
from llmhub.core.totals import Sums, Totals


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One model's past on this ledger."""

    decode_per_s: float | None
    """Tokens a second while decoding, measured by the daemon over all turns that told it."""
    last_used: date | None
    turns: int


UNUSED = ModelUse(None, None, 0)


def model_uses(totals: Totals, backend_name: str) -> dict[str, ModelUse]:
    """The past of each model of one backend, by `names.name_key`."""
    sums: dict[str, Sums] = {}
    days: dict[str, date] = {}
    for key, bucket in totals.buckets:
        if key.backend_name != backend_name:
            continue
        name = name_key(key.model)
        sums[name] = sums.get(name, Sums()) + bucket
        days[name] = max(days.get(name, key.date), key.date)
    return {
        name: ModelUse(
            total.eval_tokens * 1000 / total.eval_ms if total.eval_tokens and total.eval_ms else None,
            days[name],
            total.turns,
        )
        for name, total in sums.items()
    }
