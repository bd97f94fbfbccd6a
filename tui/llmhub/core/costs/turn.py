"""What one turn costs: its energy as it is booked, and both ways of counting a local turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from llmhub.core.costs.avoided import Compared, booked_figure, compared_turn, ratios_of
from llmhub.core.costs.billing import cloud_actual
from llmhub.core.costs.energy import (
    Energy,
    bound_of_method,
    energy_cost,
    energy_declared,
    label_of_method,
)
from llmhub.core.costs.estimate import estimate
from llmhub.core.costs.fee import with_fee
from llmhub.core.costs.hardware import HardwareMonth, hardware_month
from llmhub.core.costs.labels import UNKNOWN, Figure, Label, added, nothing, unknown, weakest
from llmhub.core.costs.loaded import RULE_A, rate_per_busy_second
from llmhub.core.costs.money import ZERO, exact
from llmhub.core.costs.snapshots import Picked
from llmhub.core.places import Place, PlaceKind
from llmhub.core.price_book import PriceBook, PriceSnapshot
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.turns import PICO, EnergyFacts, Turn

NOT_OURS = "it did not run on a machine of yours"
NO_TIME = "how long the machine worked is not known"


@dataclass(frozen=True, slots=True)
class TurnCost:
    """What a turn costs, counted both ways; neither is "the" cost alone."""

    place: Place
    power: Figure
    """Energy only, US dollars; unknown for a turn that did not run on a machine of the person's."""
    with_machine: Figure
    """Power and the machine by rule A, US dollars."""
    cloud: Figure
    """What a provider charged, or (for a local turn) would have charged, US dollars; without the fee on credits."""
    joules: Decimal | None = None
    rule: str = RULE_A
    profile: Profile | None = None
    """The version that the energy was priced with."""
    cloud_cash: Figure = UNKNOWN
    """`cloud` with the fee on credits: what the person would notice in the purse."""
    comparison: Compared | None = None
    """For a local turn whose price list is known: what `cloud` rests upon."""


def declared_energy(turn: Turn, profile: Profile) -> EnergyFacts:
    """The energy of a turn from the watts that the person stated; unknown without them, and off the person's machines.

    For a LAN host stated watts are all there can be: this machine's meters say nothing about another one.
    """
    if not turn.place.is_local or profile.busy_w is None or (busy_s := turn.busy_s) is None:
        return EnergyFacts()
    joules = joules_declared(profile, busy_s)
    charged_mj = int((joules * 1000).to_integral_value(ROUND_HALF_EVEN))
    return EnergyFacts(
        method="declared",
        scope="declared",
        window_s=format(busy_s, "f"),
        idle_w=None if profile.idle_w is None else format(profile.idle_w, "f"),
        idle_source="none" if profile.idle_w is None else "profile",
        charged_mj=charged_mj,
    )


def with_energy(turn: Turn, profiles: ProfileBook | Profile) -> Turn:
    """The turn as it is booked: energy filled in where no meter did, its price cached, the profile named.

    From a book the version is taken that the turn names: the one in force when it began, also when it was edited since.
    """
    book = ProfileBook.of(profiles)
    named = turn.context.profile_id
    profile = book.newest if named is None else book.named(named, turn.started_at).version
    energy = turn.energy if turn.energy.charged_mj is not None else declared_energy(turn, profile)
    if energy.charged_mj is not None:
        cost = energy_usd(energy.charged_mj, profile, local_start(turn))
        energy = replace(energy, cost_pico_usd=int((cost * PICO).to_integral_value(ROUND_HALF_EVEN)))
    context = replace(turn.context, profile_id=turn.context.profile_id or profile.profile_id)
    return replace(turn, energy=energy, context=context)


@exact
def turn_cost(
    turn: Turn, profiles: ProfileBook | Profile | Iterable[Profile], prices: PriceBook | None = None
) -> TurnCost:
    """What the turn costs by the profile it names; watts that were stated later are used for it, marked as an estimate.

    `prices` are the price lists of the ledger: with them the cloud side is worked out again from the turn's facts,
    without them its cached figure stands.
    """
    book = ProfileBook.of(profiles)
    picked = book.named(turn.context.profile_id, turn.started_at)
    if not turn.place.is_local:
        charged = cloud_figure(turn, prices)
        cash = with_fee(charged, picked.version)
        nobody = unknown(why=NOT_OURS)
        return TurnCost(turn.place, nobody, nobody, charged, profile=picked.version, cloud_cash=cash)
    priced, joules, power = _power(turn, picked, book)
    machine = machine_part(book, picked, busy_ms(turn), local_day(turn))
    comparison = turn_comparison(turn, picked.version, prices)
    avoided = comparison.figure if comparison else _uncompared(turn)
    return TurnCost(
        turn.place,
        power,
        added(machine, power),
        avoided,
        joules=joules,
        profile=priced,
        cloud_cash=with_fee(avoided, picked.version),
        comparison=comparison,
    )


def turn_comparison(turn: Turn, profile: Profile, prices: PriceBook | None) -> Compared | None:
    """A local turn at the price of the model it was compared with when it was booked; `None` when there is none."""
    if prices is None or turn.ref_model is None or turn.avoided.pico_usd is None:
        return None
    price = prices.for_turn(turn.ref_snapshot, turn.ref_model, turn.started_at)
    return None if price is None else compared_turn(turn, price, ratios_of(turn), profile)


def _uncompared(turn: Turn) -> Figure:
    counted = turn.tokens.prompt is not None and turn.tokens.completion is not None
    if turn.ref_snapshot is not None and not counted:
        return unknown(why="its tokens were not counted")
    return booked_figure(turn)


def cloud_figure(turn: Turn, prices: PriceBook | None = None) -> Figure:
    """What a provider charged; while that is not known, our own arithmetic, marked as pending or as an estimate.

    With a key of the person's own the upstream's charge belongs to it; where that was not told, it is an estimate.
    """
    charged = billed(turn)
    raw = turn.billed.raw
    is_pending = turn.billed.reconciled == "pending"
    if charged.known or turn.place.kind is not PlaceKind.PROVIDER or not (is_pending or raw):
        return charged
    ours = turn_estimate(turn, prices)
    figure = cloud_actual(None if raw is None else _usage(raw), ours)
    if figure.known:
        return replace(figure, pending=is_pending)
    if is_pending:
        return charged
    return unknown(why="what the upstream charged was not told" if (raw or {}).get("is_byok") else charged.why)


def turn_estimate(turn: Turn, prices: PriceBook | None) -> Decimal | None:
    """Our own arithmetic for a cloud turn: by its price list where that is at hand, else as it was booked."""
    price = turn_price(turn, prices)
    cost = None if price is None else estimate(turn, price.version.pricing)
    if cost is not None:
        return cost.total
    booked = turn.billed.estimate_pico_usd
    return None if booked is None else Decimal(booked) / PICO


def turn_price(turn: Turn, prices: PriceBook | None) -> Picked[PriceSnapshot] | None:
    """The price list of a cloud turn's model."""
    return None if prices is None else prices.for_turn(turn.price_snapshot, turn.model, turn.started_at)


def billed(turn: Turn) -> Figure:
    """What a provider charged; unknown while the bill has not come, and where nobody bills."""
    if turn.billed.pico_usd is not None:
        return Figure(Decimal(turn.billed.pico_usd) / PICO, Label.BILLED)
    if turn.billed.reconciled == "pending":
        return replace(unknown(why="the bill has not come yet"), pending=True)
    return unknown(why=f"{turn.place.words} named no price")


def _usage(raw: dict[str, Any]) -> dict[str, Any]:
    """The facts of a bill in the words of the provider's usage object."""
    details = {"upstream_inference_cost": raw.get("upstream_inference_cost")}
    return {"cost": raw.get("cost"), "is_byok": raw.get("is_byok"), "cost_details": details}


@exact
def machine_part(book: ProfileBook, picked: Picked[Profile], busy: int | None, day: date) -> Figure:
    """Rule A's share of the machine in `busy` milliseconds of work."""
    if busy is None:
        return unknown(why=NO_TIME)
    fixed, profile = fixed_month(book, picked, day)
    if fixed.amount is None:
        return fixed
    rate = rate_per_busy_second(fixed.amount, profile.planned_busy_s_per_month)
    labels = [fixed.label] if fixed.amount == 0 else [fixed.label, profile.label("planned_busy_s_per_month")]
    return Figure(rate * busy / 1000, weakest(labels), fixed.bound)


def fixed_month(book: ProfileBook, picked: Picked[Profile], day: date) -> tuple[Figure, Profile]:
    """The machine's fixed cost of the month that `day` lies in, US dollars, and the profile it came from.

    A version that names no price is helped out by the earliest that does; the figure is then an estimate.
    """
    if picked.version.price_usd is None and picked.version.share == 0:
        return nothing(picked.version.label("share")), picked.version
    stating = book.stating("price_usd", picked)
    if stating is None:
        return unknown("price_usd"), picked.version
    profile = stating.version
    month = hardware_of(profile, day)
    labels = [profile.label(key) for key in fixed_inputs(profile, day)]
    return Figure(month.fixed, weakest(labels if stating.exact else [*labels, Label.ESTIMATED])), profile


def fixed_inputs(profile: Profile, day: date) -> tuple[str, ...]:
    """The keys that the fixed cost of a month rests upon."""
    keys = ["price_usd", "share"]
    if profile.share == 0:
        return ("share",)
    if profile.price_usd:
        keys += ["residual_fraction", "life_months", "annual_cost_of_capital"]
        if profile.month_index(day) >= profile.life_months:
            keys.append("purchased")
    if profile.standby_w and profile.standby_hours:
        keys += ["standby_w", "standby_hours", "usd_per_kwh"]
    return tuple(keys)


def hardware_of(profile: Profile, day: date) -> HardwareMonth:
    """The machine's month by a profile that names a price."""
    return hardware_month(
        price_usd=profile.price_usd or ZERO,
        residual_fraction=profile.residual_fraction,
        life_months=profile.life_months,
        annual_cost_of_capital=profile.annual_cost_of_capital,
        capital_basis=profile.capital_basis,
        share=profile.share,
        standby_w=profile.standby_w,
        standby_hours=profile.standby_hours,
        usd_per_kwh=profile.usd_per_kwh,
        month_index=profile.month_index(day),
    )


def joules_declared(profile: Profile, busy_s: Decimal) -> Decimal:
    """Joules of `busy_s` seconds at the stated watts; the profile must state them."""
    energy: Energy = energy_declared(
        busy_w=profile.busy_w or ZERO,
        busy_s=busy_s,
        idle_w=profile.idle_w or ZERO,
        attribution=profile.idle_attribution,
    )
    return energy.charged_j or ZERO


def energy_usd(charged_mj: int, profile: Profile, at: time | None) -> Decimal:
    """Dollars of millijoules at the price that a profile has at local time `at`."""
    return energy_cost(Decimal(charged_mj) / 1000, profile.usd_per_kwh, tariff=profile.tariff, local_time=at)


def busy_ms(turn: Turn) -> int | None:
    """Milliseconds that the machine worked: the unit in which totals hold them, so that turns add up to their day."""
    return None if turn.busy_s is None else round(turn.busy_s * 1000)


def price_label(profile: Profile) -> Label:
    """How far the electricity price can be trusted."""
    return Label.DECLARED if profile.tariff else profile.label("usd_per_kwh")


def local_moment(turn: Turn) -> datetime:
    """When the turn began, on the clock of the place where it was asked."""
    return turn.started_at + timedelta(minutes=turn.utc_offset_min)


def local_start(turn: Turn) -> time:
    """The local time of day that decides the electricity price."""
    return local_moment(turn).time()


def local_day(turn: Turn) -> date:
    """The local day the turn began on."""
    return local_moment(turn).date()


def _power(turn: Turn, picked: Picked[Profile], book: ProfileBook) -> tuple[Profile, Decimal | None, Figure]:
    charged, method, sure = turn.energy.charged_mj, turn.energy.method, picked.exact
    profile = picked.version
    if charged is None:
        if turn.busy_s is None:
            return profile, None, unknown(why=NO_TIME)
        stating = book.stating("busy_w", picked)
        if stating is None:
            return profile, None, unknown("busy_w")
        profile, sure = stating.version, stating.exact
        facts = declared_energy(turn, profile)
        charged, method = facts.charged_mj, facts.method
    if charged is None:
        return profile, None, unknown("busy_w")
    labels = [label_of_method(method), price_label(profile), *([] if sure else [Label.ESTIMATED])]
    figure = Figure(energy_usd(charged, profile, local_start(turn)), weakest(labels), bound_of_method(method))
    return profile, Decimal(charged) / 1000, figure
