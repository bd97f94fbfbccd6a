"""Sums over turns of any period: what their power cost, and by rule A the machine with it.

Everything is worked out from the integer sums of `core.totals`, so a month costs as many steps as it has buckets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from llmhub.core.costs.energy import JOULES_PER_KWH, bound_of_method, label_of_method
from llmhub.core.costs.labels import Bound, Figure, Label, added, nothing, unknown, weakest
from llmhub.core.costs.loaded import rate_per_busy_second
from llmhub.core.costs.money import MILLION, ZERO, exact
from llmhub.core.costs.snapshots import Picked
from llmhub.core.costs.turn import NO_TIME, fixed_month, joules_declared, local_day, price_label
from llmhub.core.profiles import Profile, ProfileBook, midnight
from llmhub.core.totals import BucketKey, Sums, key_of, sums_of
from llmhub.core.turns import PICO, Turn

Buckets = Iterable[tuple[BucketKey, Sums]]


@dataclass(frozen=True, slots=True)
class EnergyPortion:
    """Joules of turns that were priced alike."""

    profile: Profile
    joules: Decimal
    usd: Decimal
    label: Label
    bound: Bound
    method: str
    busy_ms: int
    turns: int
    exact: bool
    """False for watts or prices that were stated only after these turns."""


@dataclass(frozen=True, slots=True)
class MachinePortion:
    """Seconds of work at one rate of rule A."""

    profile: Profile
    fixed: Figure
    """The machine's month."""
    rate_usd_per_busy_s: Decimal
    busy_ms: int
    usd: Decimal
    day: date
    """A day of the month that the rate is of."""


@dataclass(frozen=True, slots=True)
class Spending:
    """Local turns added up."""

    turns: int
    failed_turns: int
    tokens: int
    """Billable: prompt and completion."""
    turns_without_tokens: int
    busy_ms: int
    power: Figure
    with_machine: Figure
    """Power and the machine by rule A, over the turns that power counts."""
    left_out: int
    """Turns whose energy is not known: in neither figure, and said beside them."""
    measured_tokens: int
    """Billable tokens of turns whose energy was measured."""
    energy: tuple[EnergyPortion, ...] = ()
    machine: tuple[MachinePortion, ...] = ()

    @property
    def joules(self) -> Decimal | None:
        """Energy of the turns that are counted."""
        return sum((portion.joules for portion in self.energy), ZERO) if self.power.known else None


def buckets_of(turns: Iterable[Turn]) -> tuple[tuple[BucketKey, Sums], ...]:
    """Turns of one chat, added up as the totals are; the day is the one they began on."""
    summed: dict[BucketKey, Sums] = defaultdict(Sums)
    for turn in turns:
        summed[key_of(turn, local_day(turn).isoformat())] += sums_of(turn)
    return tuple(summed.items())


@exact
def local_spending(buckets: Buckets, profiles: ProfileBook | Profile | Iterable[Profile]) -> Spending:
    """What the local turns of these buckets cost; buckets of other places are passed over."""
    book = ProfileBook.of(profiles)
    adder = _Adder(book)
    for key, sums in buckets:
        if key.place.is_local:
            adder.add(key, sums)
    return adder.spending()


@exact
def power_per_m(
    buckets: Buckets, profiles: ProfileBook | Profile | Iterable[Profile], model: str | None = None
) -> Figure:
    """Dollars of power per million tokens of a local model, or of all, over the turns whose energy was booked."""
    counted, tokens = [], 0
    for key, sums in buckets:
        if key.place.is_local and sums.energy_turns and sums.energy_tokens and model in {None, key.model}:
            counted.append((key, sums))
            tokens += sums.energy_tokens
    spending = local_spending(counted, profiles)
    if not tokens or spending.power.amount is None:
        return unknown("busy_w") if not tokens else spending.power
    return Figure(spending.power.amount * MILLION / tokens, spending.power.label, spending.power.bound)


class _Adder:
    def __init__(self, book: ProfileBook) -> None:
        self._book = book
        self._sums = Sums()
        self._left_out = 0
        self._untimed = 0
        self._measured_tokens = 0
        self._energy: dict[tuple[str, str, bool], EnergyPortion] = {}
        self._machine: dict[tuple[str, int, int], MachinePortion] = {}
        self._unpriced: Figure | None = None

    def add(self, key: BucketKey, sums: Sums) -> None:
        """Take one bucket in."""
        self._sums += sums
        picked = self._book.named(key.profile_id, midnight(key.date))
        portion = self._measured(key, sums, picked) if sums.energy_turns else self._restated(sums, picked)
        counted = portion.turns if portion else 0
        self._left_out += sums.turns - counted
        self._work(key, sums if portion else Sums(), picked)
        if portion is None:
            self._untimed += sums.turns if not sums.busy_turns else 0
            return
        if label_of_method(key.energy_method) is Label.MEASURED:
            self._measured_tokens += sums.energy_tokens
        merged = (portion.profile.profile_id, portion.method, portion.exact)
        self._energy[merged] = _together(self._energy.get(merged), portion)

    def spending(self) -> Spending:
        """Everything that was taken in."""
        sums, energy = self._sums, tuple(self._energy.values())
        power = self._power(energy)
        return Spending(
            turns=sums.turns,
            failed_turns=sums.failed_turns,
            tokens=sums.billable_tokens,
            turns_without_tokens=sums.turns - sums.token_turns,
            busy_ms=sums.busy_ms,
            power=power,
            with_machine=self._with_machine(power),
            left_out=self._left_out,
            measured_tokens=self._measured_tokens,
            energy=energy,
            machine=tuple(self._machine.values()),
        )

    @property
    def _priced(self) -> bool:
        return any(version.price_usd is not None for version in self._book.versions)

    def _measured(self, key: BucketKey, sums: Sums, picked: Picked[Profile]) -> EnergyPortion:
        """Energy as it was booked, at the price of the profile that the turns name."""
        profile = picked.version
        joules = Decimal(sums.energy_mj) / 1000
        by_the_hour = bool(profile.tariff and sums.energy_pico_usd)
        usd = Decimal(sums.energy_pico_usd) / PICO if by_the_hour else joules * profile.usd_per_kwh / JOULES_PER_KWH
        return EnergyPortion(
            profile,
            joules,
            usd,
            _label(key.energy_method, profile, exact=picked.exact),
            bound_of_method(key.energy_method),
            key.energy_method,
            sums.busy_ms,
            sums.energy_turns,
            picked.exact,
        )

    def _restated(self, sums: Sums, picked: Picked[Profile]) -> EnergyPortion | None:
        """Energy of turns that ran before watts were stated, by the earliest version that states them.

        The hour of each is not known any more: a tariff's base price is taken.
        """
        stating = self._book.stating("busy_w", picked)
        if stating is None or not sums.busy_turns:
            return None
        profile = stating.version
        joules = joules_declared(profile, Decimal(sums.busy_ms) / 1000)
        return EnergyPortion(
            profile,
            joules,
            joules * profile.usd_per_kwh / JOULES_PER_KWH,
            _label("declared", profile, exact=False),
            Bound.NONE,
            "declared",
            sums.busy_ms,
            sums.busy_turns,
            exact=False,
        )

    def _work(self, key: BucketKey, sums: Sums, picked: Picked[Profile]) -> None:
        day = key.date
        fixed, profile = fixed_month(self._book, picked, day)
        if fixed.amount is None:
            self._unpriced = fixed
            return
        if not sums.busy_ms:
            return
        rate = rate_per_busy_second(fixed.amount, profile.planned_busy_s_per_month)
        merged = (profile.profile_id, day.year, day.month)
        before = self._machine.get(merged)
        busy = sums.busy_ms + (before.busy_ms if before else 0)
        if before:
            fixed = Figure(fixed.amount, weakest((fixed.label, before.fixed.label)), fixed.bound)
        self._machine[merged] = MachinePortion(profile, fixed, rate, busy, rate * busy / 1000, day)

    def _power(self, energy: tuple[EnergyPortion, ...]) -> Figure:
        if energy:
            return added(*(Figure(part.usd, part.label, part.bound) for part in energy))
        if not self._sums.turns:
            return nothing()
        return unknown(why=NO_TIME) if self._untimed == self._sums.turns else unknown("busy_w")

    def _with_machine(self, power: Figure) -> Figure:
        # the price comes first: each of the two figures then names another thing to set
        if self._unpriced is not None:
            return self._unpriced
        if not self._sums.turns and self._book.newest.share and not self._priced:
            return unknown("price_usd")
        if not power.known:
            return power
        return added(power, *(_machine_figure(part) for part in self._machine.values()))


def _machine_figure(part: MachinePortion) -> Figure:
    labels = [part.fixed.label]
    if part.fixed.amount:
        labels.append(part.profile.label("planned_busy_s_per_month"))
    return Figure(part.usd, weakest(labels), part.fixed.bound)


def _label(method: str, profile: Profile, *, exact: bool) -> Label:
    return weakest([label_of_method(method), price_label(profile), *([] if exact else [Label.ESTIMATED])])


def _together(before: EnergyPortion | None, portion: EnergyPortion) -> EnergyPortion:
    if before is None:
        return portion
    return EnergyPortion(
        portion.profile,
        before.joules + portion.joules,
        before.usd + portion.usd,
        weakest((before.label, portion.label)),
        before.bound | portion.bound,
        portion.method,
        before.busy_ms + portion.busy_ms,
        before.turns + portion.turns,
        portion.exact,
    )
