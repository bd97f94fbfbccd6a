"""Sums over turns, in integers, so that any order of adding gives the same figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from operator import add, attrgetter
from typing import overload

from llmhub.core.places import Place, PlaceKind
from llmhub.core.turns import Turn


@dataclass(frozen=True, slots=True)
class BucketKey:
    """What turns have in common that are added up together."""

    day: str
    """Local calendar day at commit, ISO."""
    place_kind: PlaceKind
    place_name: str
    backend_name: str
    model: str
    profile_id: str | None
    energy_method: str

    @property
    def place(self) -> Place:
        """Where these turns ran."""
        return Place(self.place_kind, self.place_name)

    @property
    def date(self) -> date:
        """The day as a date."""
        return date.fromisoformat(self.day)


@dataclass(frozen=True, slots=True)
class Sums:
    """What was added up. Every `*_turns` beside a sum says how many turns knew that figure."""

    turns: int = 0
    failed_turns: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    token_turns: int = 0
    busy_ms: int = 0
    busy_turns: int = 0
    energy_mj: int = 0
    energy_turns: int = 0
    energy_tokens: int = 0
    """Billable tokens of the turns whose energy is known."""
    billed_pico_usd: int = 0
    billed_turns: int = 0
    pending_turns: int = 0
    eval_tokens: int = 0
    eval_ms: int = 0
    energy_pico_usd: int = 0
    """What the energy cost at the price of each turn's own hour; used where a tariff has several prices."""

    def __add__(self, other: Sums) -> Sums:
        """Field by field."""
        return Sums(*map(add, _figures(self), _figures(other)))

    @property
    def billable_tokens(self) -> int:
        """Prompt and completion tokens of the turns that knew them."""
        return self.prompt_tokens + self.completion_tokens


_figures = attrgetter(*(field.name for field in fields(Sums)))
Row = tuple[BucketKey, Sums]


class Buckets(Sequence[Row]):
    """Rows by month. A month is worked out when it is first looked at: years of history cost nothing to open.

    Args:
        months: For each month (`2026-11`), a function that gives its rows; it is asked once.
    """

    def __init__(self, months: Mapping[str, Callable[[], tuple[Row, ...]]]) -> None:
        self._months = months
        self._rows: dict[str, tuple[Row, ...]] = {}

    def month(self, month: str) -> tuple[Row, ...]:
        """The rows of one month; none for a month without turns."""
        if month not in self._rows:
            self._rows[month] = self._months[month]() if month in self._months else ()
        return self._rows[month]

    def between(self, low: str, high: str) -> Iterator[Row]:
        """The rows of the ISO days from `low` to `high`, both included."""
        for month in self._months:
            if low[:7] <= month <= high[:7]:
                yield from (row for row in self.month(month) if low <= row[0].day <= high)

    def __iter__(self) -> Iterator[Row]:
        for month in self._months:
            yield from self.month(month)

    def __len__(self) -> int:
        return sum(len(self.month(month)) for month in self._months)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        """Equal when the rows are, in any order of months; months that are the same object are not looked into."""
        if not isinstance(other, Buckets):
            return NotImplemented
        if self._months.keys() != other._months.keys():
            return False
        return all(
            self._months[month] is other._months[month] or self.month(month) == other.month(month)
            for month in self._months
        )

    def __hash__(self) -> int:
        return hash(frozenset(self._months))

    def __repr__(self) -> str:
        return f"Buckets of {len(self._months)} months"


def key_of(turn: Turn, day: str) -> BucketKey:
    """The bucket that `turn`, committed on local `day`, is counted in."""
    place = turn.place
    return BucketKey(
        day,
        place.kind,
        place.name,
        turn.context.backend_name,
        turn.model,
        turn.context.profile_id,
        turn.energy.method,
    )


def sums_of(turn: Turn) -> Sums:
    """What one turn adds."""
    billable, busy, energy = turn.billable_tokens, turn.busy_s, turn.energy.charged_mj
    eval_ns = turn.durations.eval_ns
    return Sums(
        turns=1,
        failed_turns=int(turn.status in {"error", "cut", "repeated", "interrupted"}),
        prompt_tokens=turn.tokens.prompt or 0,
        completion_tokens=turn.tokens.completion or 0,
        token_turns=int(billable is not None),
        busy_ms=0 if busy is None else round(busy * 1000),
        busy_turns=int(busy is not None),
        energy_mj=energy or 0,
        energy_turns=int(energy is not None),
        energy_tokens=(billable or 0) if energy is not None else 0,
        billed_pico_usd=turn.billed.pico_usd or 0,
        billed_turns=int(turn.billed.pico_usd is not None),
        pending_turns=int(turn.billed.reconciled == "pending"),
        eval_tokens=(turn.tokens.completion or 0) if eval_ns else 0,
        eval_ms=round((eval_ns or 0) / 1_000_000),
        energy_pico_usd=turn.energy.cost_pico_usd or 0,
    )


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything the panel needs at rest: sums per bucket, and how far they can be trusted."""

    buckets: Sequence[Row] = ()
    unsaved_turns: int = 0
    """Turns that could not be written yet; they are kept in memory and tried again."""
    newer_records: int = 0
    """Records of a newer schema, counted as far as understood."""
    damaged_lines: int = 0

    def within(self, first: date, last: date) -> tuple[Row, ...]:
        """The buckets of the local days from `first` to `last`, both included."""
        low, high = first.isoformat(), last.isoformat()
        if isinstance(self.buckets, Buckets):
            return tuple(self.buckets.between(low, high))
        return tuple((key, sums) for key, sums in self.buckets if low <= key.day <= high)
