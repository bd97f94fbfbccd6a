"""Cost while tokens stream (cost-model.md, section 11): both lenses, and no amount falls before the final count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from llmhub.core.costs.avoided import SAME_TOKENS, TokenRatios, compared
from llmhub.core.costs.counterfactual import PrefixCache
from llmhub.core.costs.energy import energy_cost, price_at
from llmhub.core.costs.estimate import tokens_of_bytes
from llmhub.core.costs.fee import with_fee
from llmhub.core.costs.labels import NO_REFERENCE, UNKNOWN, Figure, Label, added, less, unknown, weakest
from llmhub.core.costs.money import MILLION, ZERO, exact
from llmhub.core.costs.pricing import Pricing, Tokens, cloud_cost
from llmhub.core.costs.snapshots import Picked
from llmhub.core.costs.turn import NOT_OURS, joules_declared, machine_part, price_label, turn_cost
from llmhub.core.places import Place, PlaceKind
from llmhub.core.price_book import PriceBook, PriceSnapshot
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
class LivePrices:
    """What a running turn's cloud side is worked out with; every part may be missing."""

    price: Picked[PriceSnapshot] | None = None
    """The price list: of the lane's own model, or of a local model's reference."""
    prompt_bytes: int = 0
    """Of what was sent: stands for its tokens until they are counted."""
    ratios: TokenRatios = SAME_TOKENS
    """For a local turn: the reference's tokens for each local one."""
    cache: PrefixCache | None = None
    """For a local turn: what is known of a repeated beginning (`avoided.prefix_cache`)."""
    local_usd_per_m: Figure = UNKNOWN
    """For a cloud turn: power of the local model beside it, dollars per million tokens (`spending.power_per_m`)."""
    why: str | None = None
    """Why there is no price list, when there is none and nothing can be set."""


NO_PRICES = LivePrices()


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
    """For a cloud turn our estimate until the bill comes; for a local turn the same text in the cloud."""
    joules: Decimal | None = None
    watts: Decimal | None = None
    """Watts that are charged now."""
    profile: Profile | None = None
    """The version that the energy was priced with."""
    final: bool = False
    """Whether the backend's counts have replaced the running estimates."""
    cloud_cash: Figure = UNKNOWN
    """`cloud` with the fee on credits."""
    on_local: Figure = UNKNOWN
    """For a cloud turn: the power of as many tokens on the local model beside it."""

    @property
    def ahead_power(self) -> Figure:
        """For a local turn: the cloud less power; positive is ahead."""
        return less(self.cloud_cash, self.power)

    @property
    def ahead_with_machine(self) -> Figure:
        """For a local turn: the cloud less power and machine."""
        return less(self.cloud_cash, self.with_machine)


class LiveCost:
    """Follows one turn. Feed it at most four times a second, and settle it with the turn as it was booked.

    `profiles` is what was declared so far, the newest version in force; `started` and `day` are local. `prices` is what
    is known of the cloud side when the prompt is sent; `at_utc` decides between prices by the hour.
    """

    def __init__(
        self,
        profiles: ProfileBook | Profile | Iterable[Profile],
        place: Place,
        *,
        started: time,
        day: date,
        prices: LivePrices = NO_PRICES,
        at_utc: time | None = None,
    ) -> None:
        self._book = ProfileBook.of(profiles)
        self._profile = self._book.newest
        self._place = place
        self._started = started
        self._day = day
        self._prices = prices
        self._at_utc = at_utc
        self._elapsed_ms = 0
        self._tokens = 0
        self._cloud: Figure | None = None
        self.view = self._running()

    def tick(self, elapsed_ms: int, tokens: int) -> LiveView:
        """The turn so far; a clock or a count that went back is not followed."""
        if self.view.final:
            return self.view
        self._elapsed_ms = max(self._elapsed_ms, elapsed_ms)
        self._tokens = max(self._tokens, tokens)
        self.view = self._running()
        return self.view

    def settle(self, turn: Turn, prices: PriceBook | None = None) -> LiveView:
        """The turn as it was booked takes the place of the estimates."""
        cost = turn_cost(turn, self._book, prices)
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
            cloud_cash=cost.cloud_cash,
            on_local=self._on_local(turn.billable_tokens),
        )
        return self.view

    @exact
    def _running(self) -> LiveView:
        profile = self._profile
        cloud = self._never_less(self._counterfactual() if self._place.is_local else self._estimate())
        cash = with_fee(cloud, profile)
        if not self._place.is_local:
            nobody = unknown(why=NOT_OURS)
            prompt = tokens_of_bytes(self._prices.prompt_bytes)
            return LiveView(
                self._elapsed_ms,
                self._tokens,
                nobody,
                nobody,
                cloud,
                cloud_cash=cash,
                on_local=self._on_local(prompt + self._tokens),
            )
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
            cloud,
            joules=joules,
            watts=watts,
            profile=profile,
            cloud_cash=cash,
        )

    def _estimate(self) -> Figure:
        """A cloud turn so far: its prompt is owed before the first token."""
        price = self._prices.price
        if self._place.kind is not PlaceKind.PROVIDER or price is None or not price.version.is_priced:
            return unknown(why=self._prices.why or "the bill has not come yet")
        tokens = Tokens(tokens_of_bytes(self._prices.prompt_bytes), self._tokens)
        return Figure(cloud_cost(price.version.pricing, tokens, self._at_utc).total, Label.ESTIMATED)

    def _counterfactual(self) -> Figure:
        """A local turn's text so far at the price of its reference."""
        price = self._prices.price
        if price is None:
            return NO_REFERENCE if self._prices.why is None else unknown(why=self._prices.why)
        found = compared(
            tokens_of_bytes(self._prices.prompt_bytes),
            self._tokens,
            price,
            self._prices.ratios,
            self._prices.cache or PrefixCache(),
            self._profile,
            self._at_utc,
        )
        if found is None or found.figure.amount is None:
            return unknown(why=f"no price of {price.version.model} is known")
        # pieces of a stream stand for tokens, so nothing is better than an estimate yet; the range comes at the end
        return Figure(found.figure.amount, Label.ESTIMATED)

    def _never_less(self, figure: Figure) -> Figure:
        before = self._cloud
        if before is not None and before.amount is not None and figure.amount is not None:
            figure = figure if figure.amount >= before.amount else before
        self._cloud = figure
        return figure

    def _on_local(self, tokens: int | None) -> Figure:
        rate = self._prices.local_usd_per_m
        if self._place.is_local or rate.amount is None or tokens is None:
            return rate if rate.amount is None else UNKNOWN
        return Figure(tokens_at(rate.amount, tokens), rate.label, rate.bound)


@exact
def tokens_at(usd_per_m: Decimal, tokens: int) -> Decimal:
    """Dollars of so many tokens at a price per million."""
    return tokens * usd_per_m / MILLION


@exact
def _watts(joules: Decimal, seconds: Decimal) -> Decimal:
    return joules / seconds
