"""What was used on days that are over, per model and provider: the reply of `/activity`, for management keys."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from llmhub.simulators.openrouter_accounts import GenerationRecord

_NS = 1_000_000_000
_DAYS = 30


def activity_body(records: Iterable[GenerationRecord], now: datetime, day: str | None) -> dict[str, Any]:
    """The last 30 completed UTC days; today is never in it. `day` (YYYY-MM-DD) keeps one of them."""
    today = now.date()
    sums: dict[tuple[str, str, str], dict[str, Any]] = {}
    for record in records:
        when = datetime.fromtimestamp(record.begun_ns / _NS, UTC).date()
        if not today - timedelta(days=_DAYS) <= when < today or day not in (None, when.isoformat()):
            continue
        model, endpoint = record.chosen.model, record.chosen.endpoint
        row = sums.setdefault(
            (when.isoformat(), model.id, endpoint.tag),
            {
                "date": when.isoformat(),
                "model": model.id,
                "model_permaslug": model.served,
                "endpoint_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{model.id} {endpoint.tag}")),
                "provider_name": endpoint.provider.name,
                "usage": Decimal(0),
                "byok_usage_inference": Decimal(0),
                "requests": 0,
                "prompt_tokens": 0,
                "completion_tokens": 0,
                "reasoning_tokens": 0,
            },
        )
        row["usage"] += record.cost_usd
        row["byok_usage_inference"] += record.upstream_usd
        row["requests"] += 1
        row["prompt_tokens"] += record.counts.prompt
        row["completion_tokens"] += record.counts.completion
        row["reasoning_tokens"] += record.counts.reasoning
    return {"data": [sums[key] for key in sorted(sums, reverse=True)]}
