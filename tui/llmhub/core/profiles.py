"""The assumption profile: what the person declared about power, the machine and prices (cost-model.md, section 2).

A profile is versioned: editing one makes a new version, and a turn names the version that held when it ran. It
describes the machine that runs the local models, this one or the LAN host behind the configured address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from llmhub.core.costs.energy import Attribution, TariffWindow
from llmhub.core.costs.hardware import CapitalBasis
from llmhub.core.costs.labels import Label
from llmhub.core.costs.money import refuse_float_fields
from llmhub.core.costs.snapshots import Picked, pick_snapshot
from llmhub.core.errors import ConfigError
from llmhub.core.profile_keys import KEYS, Unusable, nearest, plain, read_value

DEFAULTS = "defaults"
"""The id of the profile in which nobody has set anything."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Profile:
    """One version of the assumptions. `None` is not set, and nothing is invented for it."""

    profile_id: str = DEFAULTS
    since: datetime = _NEVER
    """From when it holds; in records the key is `from`."""
    declared: frozenset[str] = frozenset()
    """Keys that the person set; all others hold their defaults."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Fields of a newer llmhub's record; they survive."""

    usd_per_kwh: Decimal = Decimal("0.18")
    """US residential average forecast for 2026: 18.02 ¢ (EIA Short-Term Energy Outlook, December 2025)."""
    tariff: tuple[TariffWindow, ...] = ()
    busy_w: Decimal | None = None
    """Watts while it answers. Without them, and without a meter, power is unknown."""
    idle_w: Decimal | None = None
    idle_attribution: Attribution = "net"
    wall_factor: Decimal = Decimal(1)
    unmetered_w: Decimal = Decimal(0)
    standby_w: Decimal = Decimal(0)
    standby_hours: Decimal = Decimal(0)
    price_usd: Decimal | None = None
    """What the machine cost, or the part that was paid for the models."""
    residual_fraction: Decimal = Decimal("0.20")
    life_months: int = 36
    purchased: date | None = None
    annual_cost_of_capital: Decimal = Decimal("0.05")
    capital_basis: CapitalBasis = "average"
    share: Decimal = Decimal(1)
    """Part of the machine that is charged to the models; 1 makes its cost an upper bound."""
    planned_busy_s_per_month: Decimal = Decimal(876_000)
    """Eight hours a day."""
    reference_model: tuple[tuple[str, str], ...] = ()
    """(local model, cloud model it is compared with)."""
    cache_policy: str = "prefix"
    cache_ttl_s: Decimal = Decimal(300)
    cache_min_tokens: int = 1024
    topup_usd: Decimal = Decimal(10)
    credit_fee_fraction: Decimal = Decimal("0.055")
    credit_fee_minimum_usd: Decimal = Decimal("0.80")
    grid_g_per_kwh: Decimal | None = None
    embodied_kg: Decimal | None = None
    hour_value_usd: Decimal | None = None

    def __post_init__(self) -> None:
        refuse_float_fields(self)
        if self.since.tzinfo is None:
            raise ValueError("a profile holds from an aware moment")

    def label(self, key: str) -> Label:
        """How far the value of `key` can be trusted: declared by the person, the default, or unknown."""
        if getattr(self, key) is None:
            return Label.UNKNOWN
        return Label.DECLARED if key in self.declared else Label.DEFAULT

    def source(self, key: str) -> str:
        """Where the value of `key` came from, in words."""
        return KEYS[key].default_source if key not in self.declared else f"your profile, {key}"

    def values(self) -> dict[str, Any]:
        """All assumptions by key, as finite JSON: numbers as decimal strings."""
        return {name: plain(name, getattr(self, name)) for name in KEYS}

    def month_index(self, day: date) -> int:
        """Which month of the machine's life `day` lies in; 0 when the purchase is not dated."""
        if self.purchased is None:
            return 0
        return (day.year - self.purchased.year) * 12 + day.month - self.purchased.month

    def setting(self, changes: Mapping[str, Any], now: datetime) -> Profile:
        """The version after the person set some keys; `None` or an empty text sets one back to its default.

        Raises:
            ConfigError: for the first key that cannot be used.
        """
        values: dict[str, Any] = {name: getattr(self, name) for name in self.declared}
        for key, text in changes.items():
            if text is None or text == "":
                values.pop(key, None)
            else:
                values[key] = text
        return Profile.from_config(values, now=now, before=self)

    @classmethod
    def from_config(cls, table: Mapping[str, Any], *, now: datetime = _NEVER, before: Profile | None = None) -> Profile:
        """The profile of a `[profile]` table: numbers as integers, decimals or text.

        `before` is the newest version so far; it is returned when the table says the same.

        Raises:
            ConfigError: for the first key that cannot be used. `read_profile` goes on instead.
        """
        profile, problems = read_profile(table, now=now, before=before)
        if problems:
            raise problems[0]
        return profile

    def to_record(self) -> dict[str, Any]:
        """As finite JSON, with every value, so that a later default cannot change an old figure."""
        return {
            **self.extra,
            "profile_id": self.profile_id,
            "from": self.since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "declared": sorted(self.declared),
            "values": self.values(),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Profile:
        """The profile of a record.

        Raises:
            ValueError: when it is none.
        """
        try:
            stored = dict(record["values"])
            values = {key: read_value(key, stored[key]) for key in KEYS if stored.get(key) is not None}
            return cls(
                profile_id=str(record["profile_id"]),
                since=datetime.fromisoformat(record["from"]),
                declared=frozenset(record.get("declared") or ()) & KEYS.keys(),
                extra={key: value for key, value in record.items() if key not in _RECORD_KEYS},
                **values,
            )
        except (KeyError, TypeError, AttributeError, Unusable) as error:
            raise ValueError(f"not a profile: {error!r}") from error


_RECORD_KEYS = {"profile_id", "from", "declared", "values"}


def read_profile(
    table: Mapping[str, Any], *, now: datetime = _NEVER, before: Profile | None = None
) -> tuple[Profile, tuple[ConfigError, ...]]:
    """The profile of a `[profile]` table, and what could not be used; those keys hold their defaults."""
    values: dict[str, Any] = {}
    problems: list[ConfigError] = []
    for key, raw in table.items():
        if key not in KEYS:
            close = nearest(key)
            remedy = f"did you mean {close}?" if close else "take it out of the file"
            problems.append(ConfigError("The profile has no such key", f"[profile] {key}", remedy))
            continue
        try:
            values[key] = read_value(key, raw)
        except Unusable as error:
            subject = f"[profile] {key} = {str(raw)[:60]}"
            problems.append(ConfigError("A value of the profile cannot be used", subject, f"write {error}"))
    read = Profile(declared=frozenset(values), **values)
    if before is not None and before.values() == read.values() and before.declared == read.declared:
        return before, tuple(problems)
    if values or before is not None:
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # records hold milliseconds
        read = replace(read, profile_id=_id_of(read, now), since=now)
    return read, tuple(problems)


def _id_of(profile: Profile, since: datetime) -> str:
    import hashlib  # only who changes a profile needs these two
    import json

    content = json.dumps([since.isoformat(), sorted(profile.declared), profile.values()], sort_keys=True)
    return f"p{hashlib.sha256(content.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class ProfileBook:
    """Every version of the profile that is known; given in any order, kept in that of their dates."""

    versions: tuple[Profile, ...] = ()

    def __post_init__(self) -> None:
        ordered = sorted(self.versions, key=lambda version: (version.since, version.profile_id))
        object.__setattr__(self, "versions", tuple(ordered))

    @classmethod
    def of(cls, profiles: ProfileBook | Profile | Iterable[Profile]) -> ProfileBook:
        """A book of what is at hand."""
        if isinstance(profiles, ProfileBook):
            return profiles
        return cls((profiles,) if isinstance(profiles, Profile) else tuple(profiles))

    @property
    def newest(self) -> Profile:
        """The version in force today; the defaults when there is none."""
        picked = pick_snapshot(self.versions, _NEVER, "today")
        return picked.version if picked else Profile()

    def with_version(self, profile: Profile) -> ProfileBook:
        """The book with `profile` in it, once."""
        return ProfileBook((*(known for known in self.versions if known.profile_id != profile.profile_id), profile))

    def named(self, profile_id: str | None, at: datetime) -> Picked[Profile]:
        """The version that a turn names, else the one in force at `at`, marked as not exact.

        The defaults are known without being kept.
        """
        for version in self.versions:
            if version.profile_id == profile_id:
                return Picked(version, exact=True)
        if profile_id == DEFAULTS:
            return Picked(Profile(), exact=True)
        picked = pick_snapshot(self.versions, at)
        return Picked(picked.version if picked else Profile(), exact=False)

    def stating(self, key: str, picked: Picked[Profile]) -> Picked[Profile] | None:
        """`picked` if it states `key`, else the earliest version that does, marked as not exact; `None`: none does."""
        if getattr(picked.version, key) is not None:
            return picked
        versions = [version for version in self.versions if getattr(version, key) is not None]
        found = pick_snapshot(versions, _NEVER)
        return Picked(found.version, exact=False) if found else None


def midnight(day: date) -> datetime:
    """The beginning of a local day, for picking versions by day; the zone is this machine's."""
    return datetime.combine(day, time()).astimezone()
