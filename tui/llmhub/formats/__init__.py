"""The only place that turns a quantity into text: for screens, commands and exports alike.

Unknown is `—`, never 0 and never blank. A figure of money carries its label: nothing before it when it was billed or
measured, `~` when it was declared, defaulted or estimated, `≥` and `≤` for bounds (cost-model.md, sections 1 and 10).
Money is Decimal; a float of money raises `TypeError`.
"""

from __future__ import annotations

from llmhub.formats.money import UNKNOWN, per_m, prefix, usd
from llmhub.formats.panel import arithmetic, balance, explanation, hint, left_out, row_title
from llmhub.formats.quantities import (
    ago,
    bar,
    byte_rate,
    context_used,
    count,
    exact_bytes,
    expires,
    joules,
    month,
    of_bytes,
    percent,
    period,
    place,
    rate,
    seconds,
    size,
    span,
    tokens,
    watts,
)
from llmhub.formats.width import cells, fit

__all__ = [
    "UNKNOWN",
    "ago",
    "arithmetic",
    "balance",
    "bar",
    "byte_rate",
    "cells",
    "context_used",
    "count",
    "exact_bytes",
    "expires",
    "explanation",
    "fit",
    "hint",
    "joules",
    "left_out",
    "month",
    "of_bytes",
    "per_m",
    "percent",
    "period",
    "place",
    "prefix",
    "rate",
    "row_title",
    "seconds",
    "size",
    "span",
    "tokens",
    "usd",
    "watts",
]
