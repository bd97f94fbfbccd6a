"""Cost while tokens stream (cost-model.md, section 11): both lenses, and no amount falls before the final count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from llmhub.core.costs.energy import energy_cost, price_at
from llmhub.core.costs.labels import Figure, Label, added, unknown, weakest
from llmhub.core.costs.money import MILLION, ZERO, exact
from llmhub.core.costs.pricing import Pricing, Tokens, cloud_cost
from llmhub.core.costs.snapshots import Picked
from llmhub.core.costs.turn import NOT_OURS, joules_declared, machine_part, price_label, turn_cost
from llmhub.core.places import Place
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.turns import Turn


@dataclass(frozen=True, slots=True)
class LiveLocal:
    """A local turn so far, US dollars."""

    energy: Decimal
    loaded: Decimal
    """By rule A."""
    cloud: Decimal
    """The reference model's price of the prompt and the tokens so far, fee included, nothing cached."""
    ahead_energy_only: Decimal
    """Cloud less local: positive is ahead."""
    ahead_fully_loaded: Decimal


@exact
def live_local(
    *,
    elapsed_s: Decimal,
    charged_j: Decimal,
    usd_per_kwh: Decimal,
    rate_usd_per_busy_s: Decimal,
    pricing: Pricing,
    prompt_tokens: int,
    completion_tokens: int,
    prompt_ratio: Decimal = Decimal(1),
    completion_ratio: Decimal = Decimal(1),
    credit_fee: Decimal = ZERO,
) -> LiveLocal:
    """Before the first token the cloud side already owes the prompt."""
    energy = energy_cost(charged_j, usd_per_kwh)
    loaded = energy + rate_usd_per_busy_s * elapsed_s
    tokens = Tokens(prompt_tokens * prompt_ratio, completion_tokens * completion_ratio)
    cloud = cloud_cost(pricing, tokens).total * (1 + credit_fee)
    return LiveLocal(energy, loaded, cloud, cloud - energy, cloud - loaded)


@dataclass(frozen=True, slots=True)
class LiveCloud:
    """A cloud turn so far, US dollars."""

    estimate: Decimal
    cash: Decimal
    local_energy: Decimal
    """What the same tokens would take on a local model, from its rate in the ledger."""


@exact
def live_cloud(
    *,
    pricing: Pricing,
    prompt_tokens: int,
    completion_tokens: int,
    credit_fee: Decimal = ZERO,
    local_energy_usd_per_m: Decimal = ZERO,
) -> LiveCloud:
    """Our own estimate until the bill comes."""
    estimate = cloud_cost(pricing, Tokens(prompt_tokens, completion_tokens)).total
    energy = (prompt_tokens + completion_tokens) * local_energy_usd_per_m / MILLION
    return LiveCloud(estimate, estimate * (1 + credit_fee), energy)


@dataclass(frozen=True, slots=True)
class LiveView:
    """One turn at one moment."""

    elapsed_ms: int
    tokens: int
    """Pieces of the stream until the backend's own count comes."""
    power: Figure
    with_machine: Figure
    """By rule A."""
    cloud: Figure
    joules: Decimal | None = None
    watts: Decimal | None = None
    """Watts that are charged now."""
    profile: Profile | None = None
    """The version that the energy was priced with."""
    final: bool = False
    """Whether the backend's counts have replaced the running estimates."""


class LiveCost:
    """Follows one turn. Feed it at most four times a second, and settle it with the turn as it was booked.

    `profiles` is what was declared so far, the newest version in force; `started` and `day` are local.
    """

    def __init__(
        self, profiles: ProfileBook | Profile | Iterable[Profile], place: Place, *, started: time, day: date
    ) -> None:
        self._book = ProfileBook.of(profiles)
        self._profile = self._book.newest
        self._place = place
        self._started = started
        self._day = day
        self._elapsed_ms = 0
        self._tokens = 0
        self.view = self._running()

    def tick(self, elapsed_ms: int, tokens: int) -> LiveView:
        """The turn so far; a clock or a count that went back is not followed."""
        if self.view.final:
            return self.view
        self._elapsed_ms = max(self._elapsed_ms, elapsed_ms)
        self._tokens = max(self._tokens, tokens)
        self.view = self._running()
        return self.view

    def settle(self, turn: Turn) -> LiveView:
        """The turn as it was booked takes the place of the estimates."""
        cost = turn_cost(turn, self._book)
        tokens = turn.tokens.completion
        self.view = LiveView(
            self._elapsed_ms if turn.client_ms.wall is None else turn.client_ms.wall,
            self._tokens if tokens is None else tokens,
            cost.power,
            cost.with_machine,
            cost.cloud,
            joules=cost.joules,
            watts=None if cost.joules is None or not turn.busy_s else _watts(cost.joules, turn.busy_s),
            profile=cost.profile,
            final=True,
        )
        return self.view

    @exact
    def _running(self) -> LiveView:
        profile = self._profile
        if not self._place.is_local:
            nobody = unknown(why=NOT_OURS)
            return LiveView(self._elapsed_ms, self._tokens, nobody, nobody, unknown(why="the bill has not come yet"))
        power, joules, watts = unknown("busy_w"), None, None
        if profile.busy_w is not None:
            watts = joules_declared(profile, Decimal(1))
            joules = watts * self._elapsed_ms / 1000
            price = price_at(profile.usd_per_kwh, profile.tariff, self._started)
            power = Figure(energy_cost(joules, price), weakest((Label.DECLARED, price_label(profile))))
        machine = machine_part(self._book, Picked(profile, exact=True), self._elapsed_ms, self._day)
        return LiveView(
            self._elapsed_ms,
            self._tokens,
            power,
            added(machine, power),
            unknown("reference_model"),
            joules=joules,
            watts=watts,
            profile=profile,
        )


@exact
def _watts(joules: Decimal, seconds: Decimal) -> Decimal:
    return joules / seconds
