"""Turns, profiles and months to test with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from llmhub.core.chat import Durations, Usage
from llmhub.core.costs.spending import buckets_of
from llmhub.core.costs.turn import with_energy
from llmhub.core.places import THIS_MACHINE, Place, PlaceKind
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.totals import Totals
from llmhub.core.turns import BilledFacts, ClientTimes, Turn, TurnContext, TurnStatus

D = Decimal
LAN = Place(PlaceKind.LAN_HOST, "gpu-box")
GROQ = Place(PlaceKind.PROVIDER, "Groq")
NOV_1 = datetime(2026, 11, 1, tzinfo=UTC)
NOV_20 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def profile(*, since: datetime = NOV_1, **values: Any) -> Profile:
    """A profile with these keys declared."""
    return Profile.from_config(values, now=since)


def turn(
    *,
    busy_s: str | None = "20",
    prompt: int | None = 1200,
    completion: int | None = 350,
    place: Place = THIS_MACHINE,
    at: datetime = NOV_20,
    model: str = "qwen3:8b",
    billed: str | None = None,
    profile_id: str | None = None,
    name: str = "t1",
    offset_min: int = 0,
) -> Turn:
    """A turn as the meter makes it: no energy yet."""
    ns = None if busy_s is None else int(D(busy_s) * 10**9)
    durations = Durations() if ns is None else Durations(ns, ns // 10, ns // 5, ns - ns // 10 - ns // 5)
    facts = BilledFacts() if billed is None else BilledFacts(reconciled="stream", pico_usd=int(D(billed) * 10**12))
    return Turn(
        id=name,
        started_at=at,
        utc_offset_min=offset_min,
        status=TurnStatus.COMPLETE,
        reason=None,
        context=TurnContext("c1", 0, name, 1, "ollama", place, profile_id=profile_id),
        model=model,
        tokens=Usage(prompt=prompt, completion=completion, source="daemon"),
        durations=durations,
        client_ms=ClientTimes(200, None if busy_s is None else int(D(busy_s) * 1000) + 40),
        billed=facts,
    )


def booked(assumed: Profile, **values: Any) -> Turn:
    """A turn as it is booked under a profile."""
    return with_energy(turn(**values), assumed)


def totals(*turns: Turn) -> Totals:
    """The totals of these turns, each on the day it began."""
    return Totals(buckets_of(turns))


amounts = st.decimals(min_value=0, max_value=10_000, places=12, allow_nan=False, allow_infinity=False)
"""Dollars."""
fractions = st.decimals(min_value=0, max_value=1, places=4, allow_nan=False, allow_infinity=False)
small = st.decimals(min_value="0.01", max_value=1000, places=3, allow_nan=False, allow_infinity=False)
"""Watts, seconds, prices: something above nothing."""

versions = st.builds(
    lambda day, values: profile(since=NOV_1 + timedelta(days=day), **values),
    st.integers(0, 19),
    st.fixed_dictionaries(
        {},
        optional={
            "busy_w": small,
            "idle_w": small,
            "price_usd": small,
            "usd_per_kwh": fractions,
            "share": fractions,
            "purchased": st.dates(date(2022, 1, 1), date(2026, 11, 1)),
        },
    ),
)


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[ProfileBook, list[Turn]]:
    """Turns of a month, each booked under the version that held when it ran."""
    book = ProfileBook(tuple({p.profile_id: p for p in draw(st.lists(versions, min_size=1, max_size=3))}.values()))
    turns = []
    for number in range(draw(st.integers(0, 8))):
        at = NOV_1 + timedelta(minutes=draw(st.integers(0, 19 * 1440)))
        place = draw(st.sampled_from([THIS_MACHINE, LAN, GROQ]))
        made = turn(
            name=f"t{number}",
            at=at,
            place=place,
            model=draw(st.sampled_from(["a", "b"])),
            busy_s=draw(st.one_of(st.none(), small.map(str))),
            prompt=draw(st.integers(0, 9000)),
            billed="0.000310" if place is GROQ else None,
        )
        turns.append(with_energy(made, book.named(None, at).version))
    return book, turns
