"""Money as text (cost-model.md, sections 1 and 10)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from llmhub.core.costs.labels import Bound, Figure, Label
from llmhub.core.costs.money import CONTEXT, decimal

UNKNOWN = "—"

_SIGNS = {Bound.LOW: "≥", Bound.HIGH: "≤", Bound.BOTH: "~"}
_RANGE_WORTH_SHOWING = Decimal("1.1")


def prefix(label: Label | str, bound: Bound | str = Bound.NONE) -> str:
    """What stands before a figure with this label: nothing, `~`, `≥` or `≤`."""
    sign = _SIGNS.get(Bound(bound))
    return sign or ("" if Label(label) in {Label.BILLED, Label.MEASURED} else "~")


def usd(
    amount: Figure | Decimal | int | None, label: Label | str = Label.ESTIMATED, bound: Bound | str = Bound.NONE
) -> str:
    """Dollars: `$0.000314`, `~$0.0423`, `≥$0.00420`, `$1,234.56`, `<$0.000001`, `~$0.000310 pending`, `—`.

    Raises:
        TypeError: for a float.
    """
    figure = _figure(amount, label, bound)
    if figure.amount is None:
        return UNKNOWN
    ranged = ""
    if figure.low and figure.high and figure.high / figure.low > _RANGE_WORTH_SHOWING:
        ranged = f" ({_dollars(figure.low)}–{_dollars(figure.high)})".replace("$", "")
    waiting = " pending" if figure.pending else ""
    return prefix(figure.label, figure.bound) + _dollars(figure.amount) + ranged + waiting


def per_m(
    amount: Figure | Decimal | int | None, label: Label | str = Label.ESTIMATED, bound: Bound | str = Bound.NONE
) -> str:
    """Dollars per million tokens: `~$1,583/M`, `$2.50/M`, `$0.0375/M`, `<$0.0001/M`."""
    figure = _figure(amount, label, bound)
    if figure.amount is None:
        return UNKNOWN
    sign, value = ("-" if figure.amount < 0 else ""), abs(figure.amount)
    if value == 0:
        digits = "$0.00"
    elif value < Decimal("0.0001"):
        return f"{prefix(figure.label, figure.bound)}{'-' if sign else ''}<$0.0001/M"
    elif (small := _significant(value)) < 1:
        digits = f"${small:f}"
    elif (cents := _rounded(value, 2)) < 100:
        digits = f"${cents:f}"
    else:
        digits = f"${_rounded(value, 0):,f}"
    return f"{prefix(figure.label, figure.bound)}{sign}{digits}/M"


def _figure(amount: Figure | Decimal | int | None, label: Label | str, bound: Bound | str) -> Figure:
    if isinstance(amount, Figure):
        return amount
    if amount is None:
        return Figure(None)
    return Figure(decimal(amount), Label(label), Bound(bound))


def _dollars(amount: Decimal) -> str:
    sign, value = ("-" if amount < 0 else ""), abs(amount)
    if value == 0:
        return "$0.00"
    if value < Decimal("0.000001"):
        return f"{sign}<$0.000001"
    if (small := _significant(value)) < Decimal("0.01"):
        return f"{sign}${small:f}"
    if (middle := _rounded(value, 4)) < 1:
        return f"{sign}${middle:f}"
    return f"{sign}${_rounded(value, 2):,f}"


def _rounded(value: Decimal, places: int) -> Decimal:
    with localcontext(CONTEXT):
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


def _significant(value: Decimal, digits: int = 3) -> Decimal:
    """`value` at that many significant digits, zeros kept."""
    with localcontext(CONTEXT):
        rounded = value.quantize(Decimal(1).scaleb(value.adjusted() - digits + 1), rounding=ROUND_HALF_EVEN)
        # 0.0099996 becomes 0.01000, one digit too many
        return rounded.quantize(Decimal(1).scaleb(rounded.adjusted() - digits + 1))
