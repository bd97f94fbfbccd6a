"""What the cost panel shows, without a screen: rows of figures, what to set, the balance, and every explanation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from llmhub.core.costs import explained_cloud, explanations
from llmhub.core.costs.avoided import avoided_spending
from llmhub.core.costs.explain import Explanation
from llmhub.core.costs.fee import with_fee
from llmhub.core.costs.labels import NO_REFERENCE, UNKNOWN, Figure, added, less, unknown
from llmhub.core.costs.live import LiveView
from llmhub.core.costs.loaded import RULE_A, RULE_B, rate_per_busy_second
from llmhub.core.costs.money import exact
from llmhub.core.costs.month import MonthView, Profiles, billed_figure, local_month
from llmhub.core.costs.spending import Buckets, MachinePortion, Spending, local_spending
from llmhub.core.costs.turn import busy_ms, fixed_month, local_day, local_start, turn_cost, turn_price
from llmhub.core.places import Place, PlaceKind
from llmhub.core.price_book import PriceBook
from llmhub.core.profile_keys import KEYS
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.totals import Sums, Totals
from llmhub.core.turns import Turn

RowKind = Literal["turn", "chat", "today", "month"]


@dataclass(frozen=True, slots=True)
class PanelRow:
    """One period, both ways of counting it beside each other."""

    kind: RowKind
    first: date
    last: date
    turns: int
    tokens: int
    """Billable tokens of the local turns."""
    power: Figure
    with_machine: Figure
    cloud: Figure
    """What providers charged."""
    cloud_turns: int
    rule: str
    """How the machine is laid upon these turns."""
    place: Place | None = None
    """For one turn: where it ran."""
    left_out: int = 0
    """Local turns in neither figure."""
    live: bool = False
    """Whether the figures still run."""
    provisional: bool = False
    avoided: Figure = NO_REFERENCE
    """What the local turns would have cost in the cloud."""
    cloud_cash: Figure = UNKNOWN
    """`cloud` with the fee on credits."""
    avoided_cash: Figure = UNKNOWN
    """`avoided` with the fee on credits."""
    cloud_tokens: int = 0
    """Billable tokens of the cloud turns."""
    pending_turns: int = 0
    """Cloud turns whose bill has not come."""
    not_compared: int = 0
    """Local turns that `avoided` does not count."""
    on_local: Figure = UNKNOWN
    """For a running cloud turn: the power of as many tokens on the local model beside it."""
    explained: tuple[tuple[str, Explanation], ...] = ()

    def explanation(self, column: str) -> Explanation | None:
        """How `power`, `with_machine`, `cloud`, `cloud_cash`, ... came about."""
        return dict(self.explained).get(column)


@dataclass(frozen=True, slots=True)
class Hint:
    """The one thing to set where a figure is not known."""

    key: str
    """Of the profile."""
    words: str
    """"set the watts": a clause without the key."""
    unit: str
    example: str

    @property
    def setting(self) -> str:
        """Where it stands in the configuration file."""
        return f"[profile] {self.key}"


@dataclass(frozen=True, slots=True)
class Balance:
    """Local against cloud over the same turns; positive is saved. Never one of them without the other."""

    power: Figure
    with_machine: Figure
    turns: int = 0
    left_out: int = 0
    """Local turns of which one side is not known: in neither side."""
    explained: tuple[tuple[str, Explanation], ...] = ()
    """How `power` and `with_machine` came about."""


@dataclass(frozen=True, slots=True)
class PanelView:
    """Everything the panel draws."""

    rows: tuple[PanelRow, ...]
    hints: tuple[Hint, ...]
    """Each missing input once, the most useful first."""
    balance: Balance | None
    """`None` until both sides of the month are known."""
    month: MonthView

    def row(self, kind: RowKind) -> PanelRow | None:
        """The row of that period."""
        return next((row for row in self.rows if row.kind == kind), None)


_HINTS = {
    "busy_w": "set the watts",
    "price_usd": "set the price of the machine",
    "reference_model": "name the cloud model to compare with",
}
_HINT_ORDER = ("busy_w", "price_usd")


def hint_for(figure: Figure) -> Hint | None:
    """What to set to make `figure` known; `None` when nothing would.

    `reference_model` wants a model for each local one, not a number: `PanelView.hints` leaves it to who can choose one.
    """
    key = figure.missing
    if key is None or key not in _HINTS:
        return None
    return Hint(key, _HINTS[key], KEYS[key].unit, KEYS[key].example)


def panel_view(
    totals: Totals,
    profiles: Profiles,
    today: date,
    *,
    turn: Turn | None = None,
    live: LiveView | None = None,
    place: Place | None = None,
    chat: Buckets = (),
    machine: str | None = None,
    prices: PriceBook | None = None,
) -> PanelView:
    """The panel at this moment.

    `turn` is the last turn as booked; while one streams, give its `live` view and `place` instead. `chat` holds the
    sums of this chat's turns (`spending.buckets_of`). `prices` are needed for the explanation of one turn only.
    """
    book = ProfileBook.of(profiles)
    month = local_month(totals, book, today, machine)
    rows: list[PanelRow] = []
    if live is not None and not live.final:
        rows.append(live_row(live, place, today))
    elif turn is not None:
        rows.append(turn_row(turn, book, prices))
    chat = tuple(chat)
    if chat:
        rows.append(_period("chat", chat, book, *_span(chat, today)))
    rows.append(_period("today", totals.within(today, today), book, today, today))
    rows.append(month_row(month, book.newest))
    return PanelView(tuple(rows), _hints(rows), balance_of(month), month)


def live_row(live: LiveView, place: Place | None, today: date) -> PanelRow:
    """The turn that streams."""
    is_local = place is None or place.is_local
    return PanelRow(
        "turn",
        today,
        today,
        turns=1,
        tokens=live.tokens,
        power=live.power,
        with_machine=live.with_machine,
        cloud=unknown() if is_local else live.cloud,
        cloud_turns=0 if is_local else 1,
        rule=RULE_A,
        place=place,
        live=True,
        avoided=live.cloud if is_local else unknown(),
        avoided_cash=live.cloud_cash if is_local else unknown(),
        cloud_cash=unknown() if is_local else live.cloud_cash,
        cloud_tokens=0 if is_local else live.tokens,
        on_local=live.on_local,
    )


def turn_row(turn: Turn, book: ProfileBook, prices: PriceBook | None = None) -> PanelRow:
    """One turn as it was booked."""
    cost = turn_cost(turn, book, prices)
    day = local_day(turn)
    is_local = turn.place.is_local
    explained: list[tuple[str, Explanation]] = []
    if is_local:
        explained += [
            ("power", explain_turn_power(turn, book)),
            ("with_machine", explain_turn_with_machine(turn, book)),
            ("avoided", explain_turn_cloud(turn, book, prices)),
            ("avoided_cash", explain_turn_cash(turn, book, prices)),
        ]
    else:
        explained += [
            ("cloud", explain_turn_cloud(turn, book, prices)),
            ("cloud_cash", explain_turn_cash(turn, book, prices)),
        ]
    return PanelRow(
        "turn",
        day,
        day,
        turns=1,
        tokens=turn.billable_tokens or 0,
        power=cost.power,
        with_machine=cost.with_machine,
        cloud=unknown() if is_local else cost.cloud,
        cloud_turns=0 if is_local else 1,
        rule=RULE_A,
        place=turn.place,
        left_out=int(is_local and not cost.power.known),
        avoided=cost.cloud if is_local else unknown(),
        avoided_cash=cost.cloud_cash if is_local else unknown(),
        cloud_cash=unknown() if is_local else cost.cloud_cash,
        cloud_tokens=0 if is_local else turn.billable_tokens or 0,
        pending_turns=int(turn.billed.reconciled == "pending"),
        not_compared=int(is_local and not cost.cloud.known),
        explained=tuple(explained),
    )


def explain_turn_cloud(turn: Turn, book: ProfileBook, prices: PriceBook | None = None) -> Explanation:
    """How the cloud side of a turn came about: what was charged, or what a local turn would have cost."""
    cost = turn_cost(turn, book, prices)
    if turn.place.is_local:
        return explained_cloud.turn_avoided("this turn in the cloud", turn, cost.cloud, cost.comparison)
    return explained_cloud.turn_charged("this turn, billed", turn, cost.cloud, turn_price(turn, prices))


def explain_turn_cash(turn: Turn, book: ProfileBook, prices: PriceBook | None = None) -> Explanation:
    """The same with the fee on credits."""
    cost = turn_cost(turn, book, prices)
    profile = book.named(turn.context.profile_id, turn.started_at).version
    title = f"this turn{' in the cloud' if turn.place.is_local else ''}, with the fee on credits"
    return explained_cloud.cash(title, cost.cloud, cost.cloud_cash, profile)


def explain_turn_power(turn: Turn, book: ProfileBook) -> Explanation:
    """How the power of a turn came about."""
    cost = turn_cost(turn, book)
    if cost.power.amount is None or cost.joules is None or cost.profile is None:
        return explanations.not_known("power of this turn", cost.power)
    method = turn.energy.method if turn.energy.charged_mj is not None else "declared"
    return explanations.power_of_joules(
        "power of this turn",
        cost.power,
        cost.joules,
        cost.profile,
        at=local_start(turn),
        method=method,
        busy_ms=busy_ms(turn),
    )


@exact
def explain_turn_with_machine(turn: Turn, book: ProfileBook) -> Explanation:
    """How a turn's cost with the machine came about."""
    cost, busy, day = turn_cost(turn, book), busy_ms(turn), local_day(turn)
    fixed, profile = fixed_month(book, book.named(turn.context.profile_id, turn.started_at), day)
    title = "this turn, with the machine"
    if fixed.amount is None or busy is None:
        return explanations.not_known(title, cost.with_machine)
    rate = rate_per_busy_second(fixed.amount, profile.planned_busy_s_per_month)
    portion = MachinePortion(profile, fixed, rate, busy, rate * busy / 1000, day)
    return explanations.with_machine_a(title, cost.with_machine, cost.power, (portion,))


def month_row(month: MonthView, profile: Profile) -> PanelRow:
    """The month at rest, by rule B."""
    return PanelRow(
        "month",
        month.first,
        month.last,
        turns=month.local.turns,
        tokens=month.local.tokens,
        power=month.local.power,
        with_machine=month.with_machine,
        cloud=month.cloud.billed,
        cloud_turns=month.cloud.turns,
        rule=RULE_B,
        left_out=month.local.left_out,
        provisional=month.provisional,
        avoided=month.avoided,
        cloud_cash=month.cloud.cash,
        avoided_cash=month.avoided_cash,
        cloud_tokens=month.cloud.tokens,
        pending_turns=month.cloud.pending_turns,
        not_compared=month.compared.left_out,
        explained=(
            ("power", explanations.spending_power("this month, power", month.local)),
            ("with_machine", explanations.month_with_machine(month)),
            ("usd_per_m", explanations.per_million(month)),
            ("cloud", explanations.billed_by_providers("this month, billed", month.cloud)),
            ("cloud_cash", explanations.cloud_cash("this month, with the fee on credits", month.cloud, profile)),
            ("avoided", explained_cloud.avoided_total("this month in the cloud", month.compared)),
            (
                "avoided_cash",
                explained_cloud.cash(
                    "this month in the cloud, with the fee on credits",
                    month.avoided,
                    month.avoided_cash,
                    month.fee_profile,
                ),
            ),
        ),
    )


def balance_of(month: MonthView) -> Balance | None:
    """What the month's local turns saved, both ways; the fee on credits is part of what was avoided.

    Only turns of which both sides are known are counted; the others are said.
    """
    paired, accrued = month.paired, month.accrued
    if paired is None or not paired.turns or not paired.power.known or not accrued.known:
        return None
    avoided = with_fee(paired.avoided, month.fee_profile)
    power, loaded = less(avoided, paired.power), less(avoided, added(accrued, paired.power))
    told = (
        ("power", explained_cloud.saved("saved on power", power, avoided, paired.power, None, paired.left_out)),
        (
            "with_machine",
            explained_cloud.saved("saved with the machine", loaded, avoided, paired.power, accrued, paired.left_out),
        ),
    )
    return Balance(power, loaded, paired.turns, paired.left_out, told)


def _period(kind: RowKind, buckets: Buckets, book: ProfileBook, first: date, last: date) -> PanelRow:
    buckets = tuple(buckets)
    spending: Spending = local_spending(buckets, book)
    compared = avoided_spending(buckets)
    elsewhere = [(key, sums) for key, sums in buckets if not key.place.is_local]
    # what runs in Ollama's cloud is billed by plan: it has turns and tokens here, and no part in the amount
    providers = sum((sums for key, sums in elsewhere if key.place_kind is PlaceKind.PROVIDER), Sums())
    cloud_turns = sum(sums.turns for _, sums in elsewhere)
    cloud = billed_figure(providers, Place(PlaceKind.PROVIDER))
    if cloud_turns and not providers.turns:
        cloud = unknown(why="no bill has come")
    cash, avoided_cash = with_fee(cloud, book.newest), with_fee(compared.figure, book.newest)
    words = {"chat": "this chat", "today": "today"}[kind]
    return PanelRow(
        kind,
        first,
        last,
        turns=spending.turns,
        tokens=spending.tokens,
        power=spending.power,
        with_machine=spending.with_machine,
        cloud=cloud,
        cloud_turns=cloud_turns,
        rule=RULE_A,
        left_out=spending.left_out,
        avoided=compared.figure,
        cloud_cash=cash,
        avoided_cash=avoided_cash,
        cloud_tokens=sum(sums.billable_tokens for _, sums in elsewhere),
        pending_turns=providers.pending_turns,
        not_compared=compared.left_out,
        explained=(
            ("power", explanations.spending_power(f"{words}, power", spending)),
            ("with_machine", explanations.spending_with_machine(f"{words}, with the machine", spending)),
            ("avoided", explained_cloud.avoided_total(f"{words} in the cloud", compared)),
            (
                "avoided_cash",
                explained_cloud.cash(f"{words} in the cloud, with the fee", compared.figure, avoided_cash, book.newest),
            ),
            ("cloud", explanations.billed_sum(f"{words}, billed", cloud, providers.pending_turns)),
            ("cloud_cash", explained_cloud.cash(f"{words}, with the fee on credits", cloud, cash, book.newest)),
        ),
    )


def _span(buckets: Buckets, today: date) -> tuple[date, date]:
    days = [key.date for key, _ in buckets]
    return min(days, default=today), max(days, default=today)


def _hints(rows: list[PanelRow]) -> tuple[Hint, ...]:
    found = {hint.key: hint for row in rows for figure in (row.power, row.with_machine) if (hint := hint_for(figure))}
    return tuple(found[key] for key in _HINT_ORDER if key in found)
