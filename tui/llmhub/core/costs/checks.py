"""Our own price arithmetic held against the bills, model by model (cost-model.md, section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from llmhub.core.costs.billing import PriceCheck, checked
from llmhub.core.costs.money import exact
from llmhub.core.costs.spending import Buckets
from llmhub.core.totals import Sums
from llmhub.core.turns import PICO


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One cloud model's bills and what we made of the same turns."""

    model: str
    check: PriceCheck
    estimate_usd: Decimal
    billed_usd: Decimal

    @property
    def off_by(self) -> Decimal | None:
        """How far our arithmetic is above (or below, negative) the bills, a fraction; `None` without a pair."""
        return None if self.check.ratio is None else self.check.ratio - 1


@exact
def price_checks(buckets: Buckets) -> tuple[ModelCheck, ...]:
    """Every model with a bill of more than nothing beside an estimate, in the order of their names."""
    models: dict[str, Sums] = {}
    for key, sums in buckets:
        if sums.check_turns:
            models[key.model] = models.get(key.model, Sums()) + sums
    found = []
    for model, sums in sorted(models.items()):
        ours, theirs = Decimal(sums.check_estimate_pico_usd) / PICO, Decimal(sums.check_billed_pico_usd) / PICO
        found.append(ModelCheck(model, checked(ours, theirs, sums.check_turns), ours, theirs))
    return tuple(found)
