"""A month at rest: what local and cloud turns cost, power and with the machine beside each other.

With the machine follows rule B here (`loaded.py`): what has accrued of the month's fixed cost, over the month's tokens.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from llmhub.core.costs.avoided import Avoided, avoided_spending
from llmhub.core.costs.checks import ModelCheck, price_checks
from llmhub.core.costs.fee import fee_of, with_fee
from llmhub.core.costs.labels import NO_REFERENCE, UNKNOWN, Figure, Label, added, unknown, weakest
from llmhub.core.costs.loaded import RULE_B, rate_per_busy_second
from llmhub.core.costs.money import MILLION, ZERO, exact, quantized, split
from llmhub.core.costs.pairs import Paired, paired_spending
from llmhub.core.costs.snapshots import Picked, pick_snapshot
from llmhub.core.costs.spending import Buckets, Spending, local_spending
from llmhub.core.costs.turn import fixed_month
from llmhub.core.places import Place, PlaceKind
from llmhub.core.profiles import Profile, ProfileBook, midnight
from llmhub.core.totals import BucketKey, Sums, Totals
from llmhub.core.turns import PICO

Profiles = ProfileBook | Profile | Iterable[Profile]
DEFAULT_PROFILE = Profile()
NOTHING_COMPARED = Avoided(NO_REFERENCE, 0, 0)


@dataclass(frozen=True, slots=True)
class CloudSpending:
    """Cloud turns added up."""

    turns: int
    tokens: int
    billed: Figure
    """What was charged; while no bill has come at all our estimate, pending, or unknown."""
    cash: Figure
    """With the fee on credits."""
    pending_turns: int
    unpriced_turns: int
    """Turns without a bill that are not waiting for one."""
    fee_fraction: Decimal = ZERO
    estimate: Figure = UNKNOWN
    """Our own arithmetic for the bills that have not come; in neither figure above."""
    billed_turns: int = 0


@dataclass(frozen=True, slots=True)
class MonthView:
    """One calendar month, US dollars."""

    first: date
    last: date
    """The last day that is counted: today, or the month's end."""
    days: int
    """Days of the whole month."""
    elapsed: Decimal
    """Fraction of the month that has passed, today included."""
    provisional: bool
    local: Spending
    with_machine: Figure
    """Power and what has accrued of the machine: rule B."""
    usd_per_m: Figure
    """With the machine, per million tokens."""
    power_usd_per_m: Figure
    fixed_month: Figure
    """The machine's cost of the whole month."""
    accrued: Figure
    unallocated: Figure
    """What accrued in a month without tokens; zero otherwise."""
    unabsorbed: Figure
    """What rule A's plan left uncovered so far; negative when the machine worked more than planned."""
    cloud: CloudSpending
    """Providers."""
    ollama_cloud: CloudSpending
    """Models behind the local daemon that ran in Ollama's cloud: counted apart, never as local."""
    avoided: Figure
    """What the local turns would have cost in the cloud, with its range; without the fee on credits."""
    profile: Profile
    """The version that the machine's cost came from."""
    machine: str | None = None
    """The machine in words."""
    rule: str = RULE_B
    avoided_cash: Figure = UNKNOWN
    """`avoided` with the fee on credits."""
    compared: Avoided = NOTHING_COMPARED
    """How many turns `avoided` counts, and by which models."""
    paired: Paired | None = None
    """The turns that a balance counts: those of which power and comparison are known."""
    checks: tuple[ModelCheck, ...] = ()
    """Our price arithmetic against the bills, by model."""
    fee_profile: Profile = DEFAULT_PROFILE
    """The version that the fee on credits came from."""

    @property
    def warnings(self) -> tuple[ModelCheck, ...]:
        """Models whose bills differ so much from our arithmetic that comparisons with them are off."""
        return tuple(each for each in self.checks if not each.check.ok)

    @property
    def measured_fraction(self) -> Decimal | None:
        """Part of the local tokens whose energy was measured; `None` without tokens."""
        return Decimal(self.local.measured_tokens) / self.local.tokens if self.local.tokens else None


@exact
def local_month(
    totals: Totals, profiles: Profiles, today: date, machine: str | None = None, *, month: date | None = None
) -> MonthView:
    """The month that `month` (today, when not given) lies in, up to today at most; local calendar days."""
    book = ProfileBook.of(profiles)
    first, end = month_of(month or today)
    last = max(first, min(end, today))
    buckets = totals.within(first, end)
    local = local_spending(buckets, book)
    elapsed = _elapsed(first, end, today)
    # the version in force when the counted days ended
    picked = pick_snapshot(book.versions, midnight(last + timedelta(days=1))) or Picked(Profile(), exact=True)
    fixed, profile = fixed_month(book, picked, first)
    accrued = _scaled(fixed, elapsed)
    with_machine = added(accrued, local.power)
    compared = avoided_spending(buckets)
    return MonthView(
        first=first,
        last=last,
        days=end.day,
        elapsed=elapsed,
        provisional=elapsed < 1,
        local=local,
        with_machine=with_machine,
        usd_per_m=_per_m(with_machine, local.tokens),
        power_usd_per_m=_per_m(local.power, local.tokens),
        fixed_month=fixed,
        accrued=accrued,
        unallocated=_scaled(accrued, Decimal(0 if local.tokens else 1)),
        unabsorbed=_unabsorbed(accrued, fixed, profile, local.busy_ms),
        cloud=_cloud(buckets, {PlaceKind.PROVIDER}, book.newest),
        ollama_cloud=_cloud(buckets, {PlaceKind.OLLAMA_CLOUD}, book.newest),
        avoided=compared.figure,
        profile=profile,
        machine=machine,
        avoided_cash=with_fee(compared.figure, book.newest),
        compared=compared,
        paired=paired_spending(buckets, book, compared.figure),
        checks=price_checks(buckets),
        fee_profile=book.newest,
    )


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of the calendar month of `day`."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


By = Literal["model", "day", "place"]


@dataclass(frozen=True, slots=True)
class MonthRow:
    """Turns of a month that have something in common."""

    model: str | None
    day: str | None
    place: Place
    """Always one: where turns ran is never added away."""
    turns: int
    tokens: int
    left_out: int
    power: Figure
    with_machine: Figure
    """By rule B; the rows add up to the month exactly."""
    billed: Figure
    eval_tokens: int
    eval_ms: int
    avoided: Figure = UNKNOWN
    """What the local ones among them would have cost in the cloud, without the fee on credits."""


@exact
def month_rows(totals: Totals, profiles: Profiles, view: MonthView, by: Sequence[By]) -> tuple[MonthRow, ...]:
    """The month of `view` split up by model, day or place, in the order of their keys; places never share a row."""
    book = ProfileBook.of(profiles)
    groups: dict[tuple[str, ...], list[tuple[BucketKey, Sums]]] = defaultdict(list)
    for key, sums in totals.within(view.first, view.first.replace(day=view.days)):
        place = f"{key.place_kind}/{key.place_name}"
        values = {"model": key.model, "day": key.day, "place": place}
        groups[*(values[name] for name in by), place].append((key, sums))
    ordered = sorted(groups.items())
    spent = [local_spending(buckets, book) for _, buckets in ordered]
    accrued = view.accrued.amount if view.accrued.amount is not None and view.local.tokens else None
    parts = split(accrued or ZERO, [spending.tokens for spending in spent])
    rows = []
    for (_, buckets), spending, part in zip(ordered, spent, parts, strict=True):
        key = buckets[0][0]
        sums = sum((each for _, each in buckets), Sums())
        share = Figure(part, view.accrued.label) if accrued is not None else view.accrued
        is_local = key.place.is_local
        rows.append(
            MonthRow(
                model=key.model if "model" in by else None,
                day=key.day if "day" in by else None,
                place=key.place,
                turns=sums.turns,
                tokens=sums.billable_tokens,
                left_out=spending.left_out if is_local else sums.turns - sums.billed_turns,
                power=spending.power if is_local else unknown(),
                with_machine=added(share, spending.power) if is_local else unknown(),
                billed=unknown() if is_local else billed_figure(sums, key.place),
                eval_tokens=sums.eval_tokens,
                eval_ms=sums.eval_ms,
                avoided=avoided_spending(buckets).figure if is_local else unknown(),
            )
        )
    return tuple(rows)


def _elapsed(first: date, end: date, today: date) -> Decimal:
    """Days that have begun, of the days of the month."""
    if today < first:
        return ZERO
    return Decimal(1) if today > end else Decimal(today.day) / end.day


def _scaled(figure: Figure, factor: Decimal) -> Figure:
    if figure.amount is None:
        return figure
    return Figure(quantized(figure.amount * factor), figure.label, figure.bound)


def _per_m(figure: Figure, tokens: int) -> Figure:
    if figure.amount is None:
        return figure
    if not tokens:
        return unknown(why="no tokens yet")
    return Figure(figure.amount * MILLION / tokens, figure.label, figure.bound)


def _unabsorbed(accrued: Figure, fixed: Figure, profile: Profile, busy_ms: int) -> Figure:
    if accrued.amount is None or fixed.amount is None:
        return accrued
    rate = rate_per_busy_second(fixed.amount, profile.planned_busy_s_per_month)
    label = weakest((fixed.label, profile.label("planned_busy_s_per_month")))
    return Figure(accrued.amount - rate * busy_ms / 1000, label, fixed.bound)


def _cloud(buckets: Buckets, kinds: set[PlaceKind], profile: Profile) -> CloudSpending:
    sums = sum((each for key, each in buckets if key.place_kind in kinds), Sums())
    charged = billed_figure(sums, Place(next(iter(kinds))))
    unpriced = sums.turns - sums.billed_turns - sums.pending_turns
    return CloudSpending(
        sums.turns,
        sums.billable_tokens,
        charged,
        with_fee(charged, profile),
        sums.pending_turns,
        max(0, unpriced),
        fee_of(profile),
        pending_estimate(sums),
        sums.billed_turns,
    )


def billed_figure(sums: Sums, place: Place) -> Figure:
    """What was charged for these turns, pending while bills are to come; our estimate while none has come at all."""
    if sums.billed_turns or not sums.turns:
        amount = Decimal(sums.billed_pico_usd) / PICO
        return Figure(amount, Label.BILLED, pending=bool(sums.pending_turns))
    if sums.pending_turns:
        waiting = pending_estimate(sums)
        return waiting if waiting.known else unknown(why="the bills have not come yet")
    return unknown(why=f"{place.words} named no price")


def pending_estimate(sums: Sums) -> Figure:
    """Our own arithmetic for the bills to come; unknown when one of them cannot be estimated."""
    if not sums.pending_turns or sums.pending_estimate_turns < sums.pending_turns:
        return unknown(why="the bills have not come yet" if sums.pending_turns else "no bill is pending")
    return Figure(Decimal(sums.pending_estimate_pico_usd) / PICO, Label.ESTIMATED, pending=True)
