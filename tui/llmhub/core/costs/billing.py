"""What a provider charged, the fee on credits, our own arithmetic against the bills (cost-model.md, section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from llmhub.core.costs.labels import Figure, Label, unknown
from llmhub.core.costs.money import ZERO, decimal, exact


@exact
def credit_fee(*, topup_usd: Decimal, fee_fraction: Decimal, minimum_usd: Decimal) -> tuple[Decimal, Decimal]:
    """The fee on one purchase of credits, US dollars, and what it comes to as a fraction of the purchase."""
    fee = max(topup_usd * fee_fraction, minimum_usd)
    return fee, fee / topup_usd


@exact
def cloud_actual(usage: Mapping[str, Any] | None, estimate_usd: Decimal | None = None) -> Figure:
    """What a turn was charged: `usage.cost`, and with a key of one's own what the upstream charged besides.

    Without a bill our estimate stands. A zero bill is a bill.
    """
    cost = None if usage is None else usage.get("cost")
    if usage is not None and cost is not None:
        if not usage.get("is_byok"):
            return Figure(decimal(cost), Label.BILLED)
        upstream = (usage.get("cost_details") or {}).get("upstream_inference_cost")
        if upstream is not None:
            return Figure(decimal(cost) + decimal(upstream), Label.BILLED)
    if estimate_usd is None:
        return unknown(why="no bill has come")
    return Figure(estimate_usd, Label.ESTIMATED, pending=usage is None)


@dataclass(frozen=True, slots=True)
class PriceCheck:
    """Our estimates over what was billed."""

    ratio: Decimal | None
    pairs: int
    ok: bool
    """False when enough pairs differ by more than the tolerance: comparisons with this model are off."""


@exact
def price_check(
    pairs: Iterable[tuple[Decimal, Decimal]], *, min_pairs: int = 3, tolerance: Decimal = Decimal("0.05")
) -> PriceCheck:
    """Hold (estimate, billed) pairs against each other; turns that were billed at nothing say nothing."""
    paid = [(estimate, billed) for estimate, billed in pairs if billed > 0]
    return checked(
        sum((estimate for estimate, _ in paid), ZERO),
        sum((billed for _, billed in paid), ZERO),
        len(paid),
        min_pairs=min_pairs,
        tolerance=tolerance,
    )


@exact
def checked(
    estimate_usd: Decimal,
    billed_usd: Decimal,
    pairs: int,
    *,
    min_pairs: int = 3,
    tolerance: Decimal = Decimal("0.05"),
) -> PriceCheck:
    """The same from sums over `pairs` turns that were billed more than nothing."""
    if not pairs:
        return PriceCheck(None, 0, ok=True)
    ratio = estimate_usd / billed_usd
    return PriceCheck(ratio, pairs, pairs < min_pairs or abs(ratio - 1) <= tolerance)
