"""Price lists as they were when turns ran: each distinct one is kept once, and found again for any turn."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal

from llmhub.core.cloud import CloudListing, CloudModel
from llmhub.core.costs.money import ZERO, decimal
from llmhub.core.costs.snapshots import Picked, pick_snapshot
from llmhub.core.turns import iso_ms

KIND = "price"
"""The ledger's word for these records."""


@dataclass(frozen=True, slots=True)
class PriceSnapshot:
    """What a provider asked for one model from a moment on."""

    id: str
    since: datetime
    """From when it is known to hold, UTC; in records the key is `from`."""
    model: str
    pricing: Mapping[str, Any]
    """The pricing object as it came, dollars per token; numbers with a fraction as their decimal text."""
    endpoint: str | None = None
    """The routing tag of one provider's price; `None` for the model's own."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Fields of a newer llmhub's record; they survive."""

    @property
    def is_priced(self) -> bool:
        """Whether prompt and completion have a price; a router's "-1" is none."""
        return is_priced(self.pricing)

    def to_record(self) -> dict[str, Any]:
        """As finite JSON."""
        return {
            **self.extra,
            "from": iso_ms(self.since),
            "model": self.model,
            "pricing": dict(self.pricing),
            "endpoint": self.endpoint,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> PriceSnapshot:
        """The snapshot of a record of kind `price`, with or without its envelope.

        Raises:
            ValueError: when it is none.
        """
        try:
            return cls(
                id=str(record["id"]),
                since=datetime.fromisoformat(record["from"]).astimezone(UTC),
                model=str(record["model"]),
                pricing=plain_pricing(dict(record["pricing"])),
                endpoint=record.get("endpoint"),
                extra={key: value for key, value in record.items() if key not in _KEYS},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"not a price: {error!r}") from error


_KEYS = {"id", "from", "model", "pricing", "endpoint", "v", "kind", "at", "day", "crc"}


def is_priced(pricing: Mapping[str, Any]) -> bool:
    """Whether a pricing object names what prompt and completion cost; 0 is a price, a negative number is none."""
    try:
        return all(decimal(pricing[key]) >= ZERO for key in ("prompt", "completion"))
    except (KeyError, TypeError, ValueError):
        return False


def plain_pricing(pricing: Mapping[str, Any]) -> dict[str, Any]:
    """A pricing object as finite JSON without binary fractions: such numbers become their decimal text."""
    return {str(key): _plain(value) for key, value in pricing.items()}


def _plain(value: Any) -> Any:
    match value:
        case Decimal() | float():
            return str(value)
        case Mapping():
            return plain_pricing(value)
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def content_id(model: str, pricing: Mapping[str, Any], endpoint: str | None = None) -> str:
    """The id of a price list by what it says: the same in every process."""
    content = json.dumps([model, endpoint, plain_pricing(pricing)], sort_keys=True, separators=(",", ":"))
    return f"pr{sha256(content.encode()).hexdigest()[:14]}"


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Every price list that was ever used; given in any order, kept in that of their dates."""

    snapshots: tuple[PriceSnapshot, ...] = ()
    _by_id: Mapping[str, PriceSnapshot] = field(init=False, repr=False, compare=False, default_factory=dict)
    _by_model: Mapping[tuple[str, str | None], tuple[PriceSnapshot, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        first: dict[str, PriceSnapshot] = {}
        for snapshot in self.snapshots:
            known = first.get(snapshot.id)
            # two processes may have seen the same list for the first time: the earlier one knew it longer
            first[snapshot.id] = snapshot if known is None or snapshot.since < known.since else known
        ordered = tuple(sorted(first.values(), key=lambda snapshot: (snapshot.since, snapshot.id)))
        models: dict[tuple[str, str | None], tuple[PriceSnapshot, ...]] = {}
        for snapshot in ordered:
            key = (snapshot.model, snapshot.endpoint)
            models[key] = (*models.get(key, ()), snapshot)
        object.__setattr__(self, "snapshots", ordered)
        object.__setattr__(self, "_by_id", first)
        object.__setattr__(self, "_by_model", models)

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> PriceBook:
        """The book of the ledger's `price` records (`kept("price")`); what is no price is passed over."""
        read = []
        for record in records:
            try:
                read.append(PriceSnapshot.from_record(record))
            except ValueError:
                continue
        return cls(tuple(read))

    def named(self, snapshot_id: str | None) -> PriceSnapshot | None:
        """The list of that id."""
        return None if snapshot_id is None else self._by_id.get(snapshot_id)

    def in_force(
        self, model: str, at: datetime, *, endpoint: str | None = None, mode: Literal["then", "today"] = "then"
    ) -> Picked[PriceSnapshot] | None:
        """The list that held for `model` at `at`, or today's; `None` when none was ever seen.

        What came before the first one is priced with it and marked as not exact (cost-model.md, section 3).
        """
        return pick_snapshot(self._by_model.get((model, endpoint), ()), at, mode)

    def for_turn(self, snapshot_id: str | None, model: str, at: datetime) -> Picked[PriceSnapshot] | None:
        """The list that a turn names, else the one in force when it began, marked as not exact."""
        named = self.named(snapshot_id)
        if named is not None:
            return Picked(named, exact=named.since <= at)
        picked = self.in_force(model, at)
        return None if picked is None else replace(picked, exact=False)

    def with_snapshot(self, snapshot: PriceSnapshot) -> PriceBook:
        """The book with `snapshot` in it, once."""
        known = self._by_id.get(snapshot.id)
        if known is not None and known.since <= snapshot.since:
            return self
        return PriceBook((*self.snapshots, snapshot))

    def snapshot_of(
        self, model: str, pricing: Mapping[str, Any], at: datetime, endpoint: str | None = None
    ) -> PriceSnapshot:
        """The list of this content that holds from `at` on: one that is known and in force, else a new one.

        A price that comes back after another one begins anew, under an id of its own.
        """
        pricing, at = plain_pricing(pricing), _to_the_millisecond(at)
        newest = self.in_force(model, at, endpoint=endpoint)
        if newest is not None and newest.exact and dict(newest.version.pricing) == pricing:
            return newest.version
        own = content_id(model, pricing, endpoint)
        if (known := self._by_id.get(own)) is not None and known.since <= at:
            own = f"{own}-{sha256(iso_ms(at).encode()).hexdigest()[:6]}"
        return PriceSnapshot(own, at, model, pricing, endpoint)

    def noting(
        self, listing: CloudListing, models: Iterable[str], at: datetime
    ) -> tuple[PriceBook, tuple[PriceSnapshot, ...]]:
        """The book with today's prices of these models, and those that are new and must be kept in the ledger.

        A list holds from the moment it was fetched; models that are not listed are passed over.
        """
        book, new = self, []
        seen_at = min(listing.fetched_at, at) if listing.fetched_at is not None else at
        for model_id in dict.fromkeys(models):
            model: CloudModel | None = listing.model(model_id)
            if model is None or not model.pricing:
                continue
            snapshot = book.snapshot_of(model.id, model.pricing, seen_at)
            if book.named(snapshot.id) is None or snapshot.since < book._by_id[snapshot.id].since:
                book = book.with_snapshot(snapshot)
                new.append(snapshot)
        return book, tuple(new)


def _to_the_millisecond(at: datetime) -> datetime:
    """As records hold it."""
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)
