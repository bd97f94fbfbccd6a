"""Local turns of which both sides are known: what a balance may count, and nothing else (cost-model.md, section 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from llmhub.core.costs.labels import Figure, unknown, weakest
from llmhub.core.costs.money import ZERO, exact
from llmhub.core.costs.spending import Buckets, Spending, local_spending
from llmhub.core.profiles import ProfileBook, midnight
from llmhub.core.totals import BucketKey, Sums
from llmhub.core.turns import PICO


@dataclass(frozen=True, slots=True)
class Paired:
    """Turns with both power and a comparison, added up."""

    turns: int
    left_out: int
    """Local turns of which one side is not known: in neither."""
    avoided: Figure
    """Without the fee on credits."""
    power: Figure
    spending: Spending
    """What the power is made of."""


@exact
def paired_spending(buckets: Buckets, book: ProfileBook, avoided: Figure) -> Paired:
    """Both sides over the same turns; `avoided` lends its label, which is that of all turns with a comparison."""
    buckets = tuple(buckets)
    local = sum(sums.turns for key, sums in buckets if key.place.is_local)
    pairs = tuple(_pairs(buckets, book))
    spending = local_spending(pairs, book)
    turns = sum(sums.turns for _, sums in pairs)
    if not turns or avoided.amount is None:
        nobody = unknown(avoided.missing, avoided.why) if avoided.amount is None else spending.power
        return Paired(0, local, nobody, spending.power, spending)
    amount = sum((Decimal(sums.avoided_pico_usd) for _, sums in pairs), ZERO) / PICO
    return Paired(turns, local - turns, Figure(amount, weakest([avoided.label])), spending.power, spending)


def _pairs(buckets: Buckets, book: ProfileBook) -> Iterator[tuple[BucketKey, Sums]]:
    for key, sums in buckets:
        if not key.place.is_local or not sums.paired_turns:
            continue
        metered = bool(sums.energy_turns)
        if not metered and book.stating("busy_w", book.named(key.profile_id, midnight(key.date))) is None:
            continue  # nobody ever stated watts: there is no power to hold against
        paired = Sums(
            turns=sums.paired_turns,
            busy_ms=sums.paired_busy_ms,
            busy_turns=sums.paired_turns,
            energy_mj=sums.paired_energy_mj,
            energy_turns=sums.paired_turns if metered else 0,
            energy_pico_usd=sums.paired_energy_pico_usd,
            avoided_pico_usd=sums.paired_avoided_pico_usd,
        )
        yield key, paired
