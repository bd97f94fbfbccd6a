"""How a figure came about: the formula in words, its inputs, and arithmetic that gives the figure again."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.money import exact, refuse_float_fields


@dataclass(frozen=True, slots=True)
class Input:
    """One number that a figure rests upon."""

    name: str
    """Its name in the arithmetic, an identifier."""
    words: str
    amount: Decimal
    unit: str
    """`$`, `$/kWh`, `J`, `W`, `s`, `tokens`, ... ; empty for a plain number."""
    label: Label
    source: str
    """Where it came from, in words."""
    by: Explanation | None = None
    """How it came about itself."""

    def __post_init__(self) -> None:
        refuse_float_fields(self)


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a figure came about. For an unknown figure there is no arithmetic; `figure.missing` says what to set."""

    title: str
    figure: Figure
    words: str
    """The formula in words."""
    expression: str = ""
    """The formula over the inputs' names, with `+ - * / ( )` and whole numbers."""
    inputs: tuple[Input, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader should know besides: what is left out, which rule, what is provisional."""
    unit: str = "$"

    def evaluate(self) -> Decimal | None:
        """The arithmetic worked out; `None` for an unknown figure."""
        if not self.expression:
            return None
        return evaluated(self.expression, {given.name: given.amount for given in self.inputs})


@exact
def evaluated(expression: str, values: Mapping[str, Decimal]) -> Decimal:
    """Work `expression` out.

    Raises:
        ValueError: when it holds anything but names of `values`, whole numbers, `+ - * /` and brackets.
    """
    return _worked_out(ast.parse(expression, mode="eval").body, values)


def _worked_out(node: ast.expr, values: Mapping[str, Decimal]) -> Decimal:
    match node:
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.Constant(value=int(number)):
            return Decimal(number)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _worked_out(left, values) + _worked_out(right, values)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _worked_out(left, values) - _worked_out(right, values)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _worked_out(left, values) * _worked_out(right, values)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _worked_out(left, values) / _worked_out(right, values)
    raise ValueError(f"not plain arithmetic: {ast.unparse(node)}")
