"""The lines that tell how a figure of the Costs mode came about."""

from __future__ import annotations

from collections.abc import Iterable

from llmhub import formats
from llmhub.core.costs.explain import Explanation
from llmhub.core.costs.explanations import billed_by_providers
from llmhub.core.costs.month import MonthRow, MonthView
from llmhub.core.costs.month_explained import explain_row
from llmhub.core.costs.panel import balance_of, month_row, turn_row
from llmhub.core.plain import one_line
from llmhub.core.price_book import PriceBook
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.totals import Totals
from llmhub.core.turns import Turn
from llmhub.ui.costs.words import BlockRow, RowName, why_unknown
from llmhub.ui.metrics import details_lines

Facts = list[tuple[str, str]]

_COLUMNS: dict[RowName, tuple[str, ...]] = {
    "local": ("power", "with_machine", "usd_per_m"),
    "avoided": ("avoided", "avoided_cash"),
    "cloud": ("cloud", "cloud_cash"),
    "ollama_cloud": (),
}


def explained_block(view: MonthView, row: BlockRow, profile: Profile) -> Facts:
    """Both figures of one line of the month."""
    panel = month_row(view, profile)
    found = [each for column in _COLUMNS[row.name] if (each := panel.explanation(column)) is not None]
    if row.name == "avoided" and (both := balance_of(view)) is not None:
        found += [each for _, each in both.explained]
    if row.name == "ollama_cloud":
        found.append(billed_by_providers("Ollama cloud, billed", view.ollama_cloud))
    return _lines(found)


def explained_group(totals: Totals, profiles: ProfileBook, view: MonthView, row: MonthRow) -> Facts:
    """The figures of one model, day or place."""
    return _lines(explain_row(totals, profiles, view, row))


def explained_turn(turn: Turn, profiles: ProfileBook, prices: PriceBook) -> Facts:
    """Every fact of a turn, then how its figures came about."""
    row = turn_row(turn, profiles, prices)
    facts = [(name, one_line(value)) for name, value in details_lines(turn)]
    if not turn.place.is_local:
        facts.append(("billed", formats.usd(row.cloud) if row.cloud.known else why_unknown(row.cloud)))
        told = (turn.billed.raw or {}).get("cost")
        facts.append(("as it was told", one_line(str(told)) if told is not None else formats.UNKNOWN))
        facts.append(("came by", turn.billed.reconciled or formats.UNKNOWN))
    return [*facts, ("", ""), *_lines(each for _, each in row.explained)]


def _lines(found: Iterable[Explanation]) -> Facts:
    return [("", line) for each in found for line in (*formats.explanation(each), "")]
