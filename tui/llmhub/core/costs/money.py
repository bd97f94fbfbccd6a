"""Exact arithmetic for money (cost-model.md, section 1): Decimal at 50 digits, no float, one rounding at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from decimal import (
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

CONTEXT = Context(prec=50, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
"""What every formula of this room is worked out with."""

PICO_USD = Decimal("1e-12")
"""The smallest amount that is kept, US dollars."""

MILLION = Decimal(1_000_000)
"""Dollars per million tokens are micro-dollars per token."""

ZERO = Decimal(0)


def exact(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Work `function` out at 50 digits, and refuse floats among its arguments, also inside lists and mappings.

    Raises:
        TypeError: from the decorated function, when a float reached it.
    """

    @wraps(function)
    def worked_out(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        for value in (*args, *kwargs.values()):
            refuse_floats(value)
        with localcontext(CONTEXT):
            return function(*args, **kwargs)

    return worked_out


def refuse_floats(value: object) -> None:
    """Raise `TypeError` when `value` is or holds a binary float; dataclasses check themselves when they are made."""
    if isinstance(value, float):
        raise TypeError(f"a float reached the cost model: {value!r}; use Decimal, or an integer of a smaller unit")
    if isinstance(value, Mapping):
        for item in value.values():
            refuse_floats(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            refuse_floats(item)


def refuse_float_fields(instance: Any) -> None:
    """The same for the fields of a dataclass; call it in `__post_init__`."""
    for field in fields(instance):
        refuse_floats(getattr(instance, field.name))


def decimal(value: Decimal | int | str) -> Decimal:
    """An exact number from a decimal string, an integer or a Decimal.

    Raises:
        TypeError: for a float, a bool or anything else that is no number.
        ValueError: for a string that is no finite number.
    """
    refuse_floats(value)
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise TypeError(f"not a number: {value!r}")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"not a number: {value!r}") from error
    if not number.is_finite():
        raise ValueError(f"not a finite number: {value!r}")
    return number


def quantized(amount: Decimal, places: int = 12) -> Decimal:
    """`amount` rounded once, half to even, as it leaves the model."""
    with localcontext(CONTEXT):
        return decimal(amount).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


@exact
def split(whole: Decimal, weights: Sequence[Decimal | int]) -> tuple[Decimal, ...]:
    """`whole`, rounded to pico-dollars, dealt out in proportion to `weights`; the parts add up to it exactly.

    Each part is rounded down, the missing pico-dollars go one by one to the largest remainders, earlier ones first.
    All zeros when there is nothing to weigh by: the caller keeps the whole as unallocated.
    """
    whole = quantized(whole)
    total = sum((decimal(weight) for weight in weights), ZERO)
    if total <= 0:
        return tuple(ZERO for _ in weights)
    ideal = [whole * decimal(weight) / total for weight in weights]
    parts = [part.quantize(PICO_USD, rounding=ROUND_FLOOR) for part in ideal]
    missing = int((whole - sum(parts, ZERO)) / PICO_USD)
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - ideal[i], i))
    for i in by_remainder[:missing]:
        parts[i] += PICO_USD
    return tuple(parts)
