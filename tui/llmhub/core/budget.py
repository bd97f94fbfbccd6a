"""The guard of the budget: a prompt that could pass a limit is refused before a byte of it leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Literal

from llmhub.core.costs.estimate import SendEstimate
from llmhub.core.costs.money import CONTEXT, ZERO, exact
from llmhub.core.costs.month import month_of
from llmhub.core.errors import LLMHubError
from llmhub.core.totals import Sums, Totals
from llmhub.core.turns import PICO

NEAR = Decimal("0.8")
"""From this part of a limit on it is said to be near."""
Span = Literal["day", "month"]


class BudgetError(LLMHubError):
    """A prompt was not sent because a limit could be passed.

    Attributes:
        span: Which limit.
    """

    def __init__(self, happened: str, subject: str, remedy: str, *, span: Span) -> None:
        super().__init__(happened, subject, remedy)
        self.span = span


@dataclass(frozen=True, slots=True)
class Spent:
    """One limit and how much of it is gone, US dollars."""

    span: Span
    limit_usd: Decimal
    billed_usd: Decimal
    pending_usd: Decimal
    """Our own arithmetic for the bills that have not come."""
    reserved_usd: Decimal
    """The most that replies under way may cost."""

    @property
    def total_usd(self) -> Decimal:
        """Everything that counts against the limit."""
        with localcontext(CONTEXT):
            return self.billed_usd + self.pending_usd + self.reserved_usd

    @property
    def left_usd(self) -> Decimal:
        """What may still be spent; never below nothing."""
        with localcontext(CONTEXT):
            return max(ZERO, self.limit_usd - self.total_usd)

    @property
    def is_near(self) -> bool:
        """Whether it is time to say so."""
        return self.total_usd >= self.limit_usd * NEAR


class BudgetGuard:
    """Limits per day and month over what providers bill. Safe to call from any thread.

    Args:
        day_usd: The most that a local calendar day may cost; `None` is no limit.
        month_usd: The same for a calendar month.
        totals: What was booked so far.
        today: The local day.
    """

    def __init__(
        self,
        day_usd: Decimal | None,
        month_usd: Decimal | None,
        *,
        totals: Callable[[], Totals],
        today: Callable[[], date],
    ) -> None:
        self._limits: tuple[tuple[Span, Decimal | None], ...] = (("day", day_usd), ("month", month_usd))
        self._totals = totals
        self._today = today
        self._reserved: dict[str, Decimal] = {}
        self._one = threading.Lock()

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return any(limit is not None for _, limit in self._limits)

    @property
    def spent(self) -> tuple[Spent, ...]:
        """Each limit that is set, the day's first."""
        with self._one:
            return self._spent()

    def check(self, *estimates: SendEstimate) -> None:
        """Look whether these could be sent together; nothing is reserved.

        Raises:
            BudgetError: naming the limit, what is spent, and what to do.
        """
        with self._one:
            self._check(estimates)

    def reserve(self, estimates: Mapping[str, SendEstimate]) -> None:
        """Take room for all lanes of a prompt, or for none: by turn, until `release`.

        Raises:
            BudgetError: nothing was reserved; nothing may be sent.
        """
        with self._one:
            self._check(tuple(estimates.values()))
            for turn_id, estimate in estimates.items():
                if estimate.high_usd is not None:
                    self._reserved[turn_id] = estimate.high_usd

    def release(self, turn_id: str) -> None:
        """The turn is booked (or was never sent): from now on its bill counts, not its reservation."""
        with self._one:
            self._reserved.pop(turn_id, None)

    @exact
    def _spent(self) -> tuple[Spent, ...]:
        limits = [(span, limit) for span, limit in self._limits if limit is not None]
        if not limits:
            return ()
        totals, today = self._totals(), self._today()
        reserved = sum(self._reserved.values(), ZERO)
        found = []
        for span, limit in limits:
            first, last = (today, today) if span == "day" else month_of(today)
            sums = sum((each for key, each in totals.within(first, last) if not key.place.is_local), Sums())
            billed, pending = Decimal(sums.billed_pico_usd) / PICO, Decimal(sums.pending_estimate_pico_usd) / PICO
            found.append(Spent(span, limit, billed, pending, reserved))
        return tuple(found)

    def _check(self, estimates: tuple[SendEstimate, ...]) -> None:
        for spent in self._spent():
            unpriced = next((each for each in estimates if each.high_usd is None), None)
            if unpriced is not None:
                raise _refusal(spent, unpriced.model, None)
            with localcontext(CONTEXT):
                most = sum((each.high_usd or ZERO for each in estimates), ZERO)
                too_much = most > 0 and spent.total_usd + most > spent.limit_usd
            if too_much:
                raise _refusal(spent, ", ".join(dict.fromkeys(each.model for each in estimates)), most)


def _refusal(spent: Spent, models: str, most: Decimal | None) -> BudgetError:
    words = {"day": "today", "month": "this month"}[spent.span]
    gone = [f"{_dollars(spent.billed_usd)} billed {words}"]
    if spent.pending_usd:
        gone.append(f"about {_dollars(spent.pending_usd, ROUND_CEILING)} pending")
    if spent.reserved_usd:
        gone.append(f"up to {_dollars(spent.reserved_usd, ROUND_CEILING)} in replies under way")
    limit = f"The limit of {_dollars(spent.limit_usd)} a {spent.span}"
    if most is None:
        happened, asked = f"{limit} cannot be kept: the price of the model is not known", models
    else:
        happened, asked = f"{limit} could be passed", f"{models}, up to {_dollars(most, ROUND_CEILING)}"
    return BudgetError(
        happened,
        f"{asked}; {', '.join(gone)}",
        f"ask a model on this machine, which bills nothing, or raise [budget] {spent.span}_usd",
        span=spent.span,
    )


def _dollars(amount: Decimal, rounding: str = ROUND_FLOOR) -> str:
    """For a message of the core, which no screen formats: cents, and three digits of what has parts of one."""
    with localcontext(CONTEXT):
        if amount == 0:
            return "$0.00"
        places = 2 if amount >= 1 else max(2, 2 - amount.adjusted())
        shown = amount.quantize(Decimal(1).scaleb(-places), rounding=rounding)
        if shown == (cents := shown.quantize(Decimal("0.01"), rounding=rounding)):
            shown = cents
        return f"${shown:,f}"
