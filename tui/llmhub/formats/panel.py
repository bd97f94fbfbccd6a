"""The cost panel and its explanations as text."""

from __future__ import annotations

import re
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.money import CONTEXT
from llmhub.formats.money import UNKNOWN, per_m, usd
from llmhub.formats.quantities import count, period

if TYPE_CHECKING:  # the first frame needs formats, and nothing of the cost model's rules
    from llmhub.core.costs.explain import Explanation, Input
    from llmhub.core.costs.panel import Balance, Hint, PanelRow


def row_title(row: PanelRow) -> str:
    """What a row of the panel is about: `this turn`, `today`, `November 1–20`."""
    names = {"turn": "this turn", "chat": "this chat", "today": "today"}
    return names.get(row.kind) or period(row.first, row.last)


def hint(asked: Hint) -> str:
    """The one thing to set: `set the watts: [profile] busy_w`."""
    return f"{asked.words}: {asked.setting}"


def left_out(row: PanelRow) -> str:
    """Turns that no figure counts: `2 of 61 turns not counted`; empty when all are."""
    return f"{count(row.left_out)} of {count(row.turns)} turns not counted" if row.left_out else ""


def balance(both: Balance) -> str:
    """Local against cloud, both ways: `local saved ~$0.2151 on power; with the machine it cost ~$32.73 more`."""
    return f"local {_outcome(both.power)} on power; with the machine it {_outcome(both.with_machine)}"


def _outcome(saved: Figure) -> str:
    if not saved.amount:
        return "came out even" if saved.known else f"saved {UNKNOWN}"
    if saved.amount > 0:
        return f"saved {usd(saved)}"
    return f"cost {usd(Figure(-saved.amount, saved.label, saved.bound.opposite))} more"


_OPERATORS = {"*": "×", "/": "÷", "-": "−"}
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+|[-+*/()]")


def arithmetic(explained: Explanation, *, units: bool = True) -> str:
    """The right side of a figure: `1,040 J ÷ 3,600,000 × $0.18/kWh (default)`; with bare numbers without units."""
    given = {entry.name: entry for entry in explained.inputs}
    words = []
    for token in _TOKEN.findall(explained.expression):
        if token in given:
            words.append(_with_label(given[token]) if units else _plain(given[token].amount))
        elif token.isdigit():
            words.append(f"{int(token):,}" if units else token)
        else:
            words.append(_OPERATORS.get(token, token) if units else token)
    return " ".join(words).replace("( ", "(").replace(" )", ")")


def explanation(explained: Explanation) -> list[str]:
    """Lines of an explanation: the formula in words, the arithmetic, then each input with label and source."""
    lines = [f"{explained.title}: {explained.words}"]
    if explained.expression:
        lines.append(f"{_result(explained)} = {arithmetic(explained)}")
    for entry in explained.inputs:
        lines.append(f"  {entry.words}: {_quantity(entry.amount, entry.unit)} · {entry.label} · {entry.source}")
        if entry.by is not None:
            lines += [f"    {line}" for line in explanation(entry.by)[: 2 if entry.by.expression else 1]]
            lines += [
                f"      {inner.words}: {_quantity(inner.amount, inner.unit)} · {inner.label} · {inner.source}"
                for inner in entry.by.inputs
            ]
    lines += [f"  ({note})" for note in explained.notes]
    return lines


def _result(explained: Explanation) -> str:
    figure = explained.figure
    if explained.unit == "$":
        return usd(figure)
    return per_m(figure) if explained.unit == "$/M" else _quantity(figure.amount, explained.unit)


def _with_label(entry: Input) -> str:
    said = f" ({entry.label})" if entry.label in {Label.DEFAULT, Label.DECLARED, Label.ESTIMATED} else ""
    return _quantity(entry.amount, entry.unit) + said


def _quantity(amount: Decimal | None, unit: str) -> str:
    if amount is None:
        return UNKNOWN
    digits = f"{Decimal(_plain(amount)):,f}"
    if unit.startswith("$"):
        return f"${digits}{unit[1:]}".replace("$-", "-$")
    return f"{digits} {unit}".rstrip()


def _plain(amount: Decimal) -> str:
    """All digits of a short number, ten significant ones of a long one."""
    with localcontext(CONTEXT) as context:
        if len(amount.as_tuple().digits) > 10:
            context.prec = 10
            amount = +amount
        return format(amount.normalize() if amount == amount.to_integral_value() else amount, "f")
