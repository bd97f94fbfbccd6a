"""The rows of the Models table: what is known of each model, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from llmhub.core.fuzzy import fuzzy_rank
from llmhub.core.host_jobs import JobKind
from llmhub.core.model_use import UNUSED
from llmhub.core.models import InstalledModel, LoadedModel
from llmhub.core.names import name_key
from llmhub.core.sizing.report import FitReport

if TYPE_CHECKING:
    from llmhub.core.hub import Hub


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One row."""

    model: InstalledModel
    loaded: LoadedModel | None = None
    job: JobKind | None = None
    fit: FitReport | None = None
    """At the context that was chosen; without its largest one."""
    last_used: date | None = None

    @property
    def name(self) -> str:
        """What the row is found by."""
        return self.model.name

    @property
    def trained(self) -> int | None:
        """Tokens it was trained for, from the list or from its insides."""
        return self.model.context_trained or (self.fit.context_trained if self.fit is not None else None)


class Order(StrEnum):
    """What the table is sorted by; the words are those of the screen."""

    LAST_USED = "last used"
    NAME = "name"
    SIZE = "size"

    @property
    def following(self) -> Order:
        """The next one, round and round."""
        orders = list(Order)
        return orders[(orders.index(self) + 1) % len(orders)]


def rows_of(hub: Hub, context: int | None = None) -> tuple[ModelRow, ...]:
    """The rows of a hub, as its daemon lists them.

    Args:
        context: What each is sized for, tokens; the one that a chat with it would ask for when not given.
    """
    uses, reports = hub.uses, hub.advisor.reports(context)
    loaded = {name_key(entry.name): entry for entry in hub.state.loaded}
    rows = []
    for model in hub.state.installed:
        key = name_key(model.name)
        use = uses.get(key, UNUSED)
        job = hub.jobs.running.get(model.name)
        rows.append(ModelRow(model, loaded.get(key), job, reports.get(model.name), use.last_used))
    return tuple(rows)


def arranged(rows: Sequence[ModelRow], order: Order, query: str = "") -> tuple[ModelRow, ...]:
    """The rows that fit `query`, the best fit first; without one, in `order`."""
    rows = sorted(rows, key=_KEYS[order])
    if query.strip():
        return tuple(row for row, _ in fuzzy_rank(query, rows, key=lambda row: row.name))
    return tuple(rows)


def _by_use(row: ModelRow) -> tuple[bool, int, float, str]:
    """In memory first, then by the day it was used last, then by the moment it was pulled."""
    used = row.last_used.toordinal() if row.last_used else 0
    modified = (row.model.modified_at or datetime.fromtimestamp(0, UTC)).timestamp()
    return (row.loaded is None, -used, -modified, row.name.casefold())


_KEYS: dict[Order, Callable[[ModelRow], tuple[bool, int, float, str]]] = {
    Order.LAST_USED: _by_use,
    Order.NAME: lambda row: (False, 0, 0.0, row.name.casefold()),
    Order.SIZE: lambda row: (row.model.size_bytes is None, -(row.model.size_bytes or 0), 0.0, row.name.casefold()),
}
