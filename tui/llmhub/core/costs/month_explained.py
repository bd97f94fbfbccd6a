"""How the figures of one model, day or place of a month came about."""

from __future__ import annotations

from decimal import Decimal

from llmhub.core.costs.explain import Explanation, Input
from llmhub.core.costs.explanations import not_known, spending_power
from llmhub.core.costs.labels import Label
from llmhub.core.costs.loaded import RULE_B
from llmhub.core.costs.money import exact
from llmhub.core.costs.month import MonthRow, MonthView, Profiles
from llmhub.core.costs.spending import local_spending
from llmhub.core.profiles import ProfileBook
from llmhub.core.totals import BucketKey, Totals


def explain_row(totals: Totals, profiles: Profiles, view: MonthView, row: MonthRow) -> tuple[Explanation, ...]:
    """Power and with the machine of a local row; what was billed of another one."""
    name = row.model or row.day or row.place.words
    if not row.place.is_local:
        return (_billed(f"{name}, billed", row),)
    month = totals.within(view.first, view.first.replace(day=view.days))
    spending = local_spending([(key, sums) for key, sums in month if _belongs(key, row)], ProfileBook.of(profiles))
    power = spending_power(f"{name}, power", spending)
    return power, _with_machine(f"{name}, with the machine", view, row, power)


def _belongs(key: BucketKey, row: MonthRow) -> bool:
    return key.place == row.place and row.model in {None, key.model} and row.day in {None, key.day}


def _billed(title: str, row: MonthRow) -> Explanation:
    if row.billed.amount is None:
        return not_known(title, row.billed)
    given = Input("billed", "sum of the bills", row.billed.amount, "$", row.billed.label, "the provider's own figures")
    notes = (f"{row.left_out} of {row.turns} turns without a bill are not counted",) if row.left_out else ()
    return Explanation(title, row.billed, "the sum of what was charged", "billed", (given,), notes)


@exact
def _with_machine(title: str, view: MonthView, row: MonthRow, power: Explanation) -> Explanation:
    if row.with_machine.amount is None or row.power.amount is None or view.accrued.amount is None:
        return not_known(title, row.with_machine)
    inputs = [Input("power", "power", row.power.amount, "$", row.power.label, "the line above", power)]
    if not view.local.tokens:
        return Explanation(
            title, row.with_machine, "power alone: no tokens to lay the machine upon", "power", (*inputs,)
        )
    inputs += [
        Input("machine", "the machine so far", view.accrued.amount, "$", view.accrued.label, "the month's line"),
        _tokens("tokens", "tokens of these turns", row.tokens),
        _tokens("all_tokens", "local tokens of the month", view.local.tokens),
    ]
    return Explanation(
        title,
        row.with_machine,
        "power + the machine so far × tokens ÷ all tokens",
        "power + machine * tokens / all_tokens",
        tuple(inputs),
        (f"the machine {RULE_B}",),
    )


def _tokens(name: str, words: str, count: int) -> Input:
    return Input(name, words, Decimal(count), "tokens", Label.MEASURED, "the ledger")
