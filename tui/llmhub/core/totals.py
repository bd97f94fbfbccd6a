"""Sums over turns, in integers, so that any order of adding gives the same figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from operator import add, attrgetter
from typing import overload

from llmhub.core.places import Place, PlaceKind
from llmhub.core.turns import AvoidedFacts, Turn


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
    prompt_bytes: int = 0
    prompt_bytes_tokens: int = 0
    """Prompt tokens of the turns whose bytes and tokens are both known: bytes a token of a model on that side."""
    completion_bytes: int = 0
    completion_bytes_tokens: int = 0
    pending_estimate_pico_usd: int = 0
    """Our own estimates of the bills that have not come."""
    pending_estimate_turns: int = 0
    check_estimate_pico_usd: int = 0
    """Our estimates of the turns that were billed more than nothing, beside what was billed for the same turns."""
    check_billed_pico_usd: int = 0
    check_turns: int = 0
    avoided_pico_usd: int = 0
    """What local turns would have cost in the cloud, without the fee on credits."""
    avoided_low_pico_usd: int = 0
    avoided_high_pico_usd: int = 0
    avoided_turns: int = 0
    avoided_default_turns: int = 0
    """Of those, turns whose comparison rests on a default, and on an estimate."""
    avoided_estimated_turns: int = 0
    paired_turns: int = 0
    """Turns with a comparison and energy (or, without any meter, with seconds that stated watts can be laid upon)."""
    paired_avoided_pico_usd: int = 0
    paired_energy_mj: int = 0
    paired_energy_pico_usd: int = 0
    paired_busy_ms: int = 0

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

    @property
    def months(self) -> tuple[str, ...]:
        """The months that have turns (`2026-11`), in order; none of them is looked at."""
        return tuple(sorted(self._months))

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
    """What one turn adds. A recount does this a million times: everything in one go."""
    tokens, billed, energy = turn.tokens, turn.billed, turn.energy
    prompt, completion, billable = tokens.prompt or 0, tokens.completion or 0, turn.billable_tokens
    busy, charged, eval_ns = turn.busy_s, energy.charged_mj, turn.durations.eval_ns
    busy_ms = 0 if busy is None else round(busy * 1000)
    pending = billed.reconciled == "pending"
    prompt_bytes, completion_bytes = _seen_text(turn)
    estimate = billed.estimate_pico_usd
    waits = pending and estimate is not None
    checked = not pending and estimate is not None and _says_of_prices(turn)
    avoided = turn.avoided if turn.avoided.pico_usd is not None and turn.place.is_local else _NOT_COMPARED
    point = avoided.pico_usd or 0
    compared = avoided is not _NOT_COMPARED
    # without any meter, stated watts can be laid upon the seconds it worked, also when they are stated later
    paired = compared and (charged is not None or (energy.method == "none" and busy is not None))
    return Sums(
        turns=1,
        failed_turns=int(turn.status in _FAILED),
        prompt_tokens=prompt,
        completion_tokens=completion,
        token_turns=int(billable is not None),
        busy_ms=busy_ms,
        busy_turns=int(busy is not None),
        energy_mj=charged or 0,
        energy_turns=int(charged is not None),
        energy_tokens=(billable or 0) if charged is not None else 0,
        billed_pico_usd=billed.pico_usd or 0,
        billed_turns=int(billed.pico_usd is not None),
        pending_turns=int(pending),
        eval_tokens=completion if eval_ns else 0,
        eval_ms=round((eval_ns or 0) / 1_000_000),
        energy_pico_usd=energy.cost_pico_usd or 0,
        prompt_bytes=prompt_bytes,
        prompt_bytes_tokens=prompt if prompt_bytes else 0,
        completion_bytes=completion_bytes,
        completion_bytes_tokens=completion if completion_bytes else 0,
        pending_estimate_pico_usd=(estimate or 0) if waits else 0,
        pending_estimate_turns=int(waits),
        check_estimate_pico_usd=(estimate or 0) if checked else 0,
        check_billed_pico_usd=(billed.pico_usd or 0) if checked else 0,
        check_turns=int(checked),
        avoided_pico_usd=point,
        avoided_low_pico_usd=point if avoided.low_pico_usd is None else avoided.low_pico_usd,
        avoided_high_pico_usd=point if avoided.high_pico_usd is None else avoided.high_pico_usd,
        avoided_turns=int(compared),
        avoided_default_turns=int(compared and avoided.label == "default"),
        avoided_estimated_turns=int(compared and avoided.label in {"estimated", None}),
        paired_turns=int(paired),
        paired_avoided_pico_usd=point if paired else 0,
        paired_energy_mj=(charged or 0) if paired else 0,
        paired_energy_pico_usd=(energy.cost_pico_usd or 0) if paired else 0,
        paired_busy_ms=busy_ms if paired else 0,
    )


_NOT_COMPARED = AvoidedFacts()
_FAILED = frozenset({"error", "cut", "repeated", "interrupted"})


def _seen_text(turn: Turn) -> tuple[int, int]:
    """Bytes of prompt and reply whose tokens a backend counted, else 0; hidden thoughts have tokens without bytes."""
    tokens, text = turn.tokens, turn.bytes
    if tokens.source != "daemon" and tokens.source != "provider":
        return 0, 0
    written = (text.completion or 0) + (text.reasoning or 0)
    if not tokens.completion or (tokens.reasoning and not text.reasoning):
        written = 0
    return (text.prompt or 0) if tokens.prompt else 0, written


def _says_of_prices(turn: Turn) -> bool:
    """Whether the bill can be held against our arithmetic: paid, by the provider's own list and counts."""
    billed = turn.billed
    return bool(billed.pico_usd) and turn.tokens.source == "provider" and not (billed.raw or {}).get("is_byok")


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything the panel needs at rest: sums per bucket, and how far they can be trusted."""

    buckets: Sequence[Row] = ()
    unsaved_turns: int = 0
    """Turns that could not be written yet; they are kept in memory and tried again."""
    newer_records: int = 0
    """Records of a newer schema, counted as far as understood."""
    damaged_lines: int = 0

    @property
    def first_month(self) -> str | None:
        """The earliest month that has turns, `2026-11`; `None` when there is none."""
        if isinstance(self.buckets, Buckets):
            return next(iter(self.buckets.months), None)
        return min((key.day[:7] for key, _ in self.buckets), default=None)

    def within(self, first: date, last: date) -> tuple[Row, ...]:
        """The buckets of the local days from `first` to `last`, both included."""
        low, high = first.isoformat(), last.isoformat()
        if isinstance(self.buckets, Buckets):
            return tuple(self.buckets.between(low, high))
        return tuple((key, sums) for key, sums in self.buckets if low <= key.day <= high)
