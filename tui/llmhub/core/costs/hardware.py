"""What a machine costs in a month, used or not (cost-model.md, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from llmhub.core.costs.money import ZERO, exact

CapitalBasis = Literal["average", "initial"]
"""Interest on the mean of price and residual value, or on the whole price (which overstates)."""


@dataclass(frozen=True, slots=True)
class HardwareMonth:
    """One month of a machine, US dollars."""

    depreciation: Decimal
    capital: Decimal
    standby: Decimal
    fixed: Decimal
    """The part of all three that is charged to the models."""


@exact
def hardware_month(
    *,
    price_usd: Decimal,
    residual_fraction: Decimal,
    life_months: int,
    annual_cost_of_capital: Decimal,
    capital_basis: CapitalBasis = "average",
    share: Decimal = Decimal(1),
    standby_w: Decimal = ZERO,
    standby_hours: Decimal = ZERO,
    usd_per_kwh: Decimal = ZERO,
    month_index: int = 0,
) -> HardwareMonth:
    """The fixed cost of month `month_index`, counted from the month of purchase (0).

    Past its life a machine has no depreciation left, and only its residual value ties capital up. Before its purchase
    it cost nothing.
    """
    residual = price_usd * residual_fraction
    month_rate = annual_cost_of_capital / 12
    standby = standby_w * standby_hours / 1000 * usd_per_kwh
    if month_index < 0:
        depreciation = capital = standby = ZERO
    elif month_index >= life_months:
        depreciation, capital = ZERO, month_rate * residual
    else:
        depreciation = (price_usd - residual) / life_months
        capital = month_rate * ((price_usd + residual) / 2 if capital_basis == "average" else price_usd)
    return HardwareMonth(depreciation, capital, standby, share * (depreciation + capital + standby))
