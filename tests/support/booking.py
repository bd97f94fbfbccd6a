"""Turns and intents of real size, and figures to compare: for the rooms that write records."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from llmhub.core.chat import Durations, Usage
from llmhub.core.identity import new_id
from llmhub.core.places import THIS_MACHINE, Place, PlaceKind
from llmhub.core.totals import BucketKey, Sums, Totals, key_of, sums_of
from llmhub.core.turns import ClientTimes, EnergyFacts, Intent, Turn, TurnBytes, TurnContext, TurnStatus

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CLOUD = Place(PlaceKind.PROVIDER, "DeepInfra")


def a_turn(number: int = 1, *, place: Place = THIS_MACHINE, model: str = "llama3.1:8b") -> Turn:
    """A turn with every figure of a local one, all different for another number."""
    return Turn(
        id=new_id(),
        started_at=NOON + timedelta(seconds=number),
        utc_offset_min=60,
        status=TurnStatus.COMPLETE,
        reason=None,
        context=TurnContext(
            chat_id=new_id(),
            lane=number % 4,
            group_id=new_id(),
            seq=number,
            backend_name="ollama",
            place=place,
            digest="sha256:" + "5f3c" * 16,
            quantization="Q4_K_M",
            machine_id="m1",
            profile_id="a3",
            prefix_tokens=1536,
            gap_s="40.2",
        ),
        model=model,
        tokens=Usage(1850 + number, 412 + number, cached=1536, source="daemon"),
        bytes=TurnBytes(7011, 1688, 0),
        durations=Durations(9_812_345_678, 101_397_084, 830_747_910, 8_712_479_000 + number),
        client_ms=ClientTimes(940, 9830),
        num_ctx=8192,
        max_tokens=4096,
        energy=EnergyFacts(
            method="declared",
            scope="system",
            window_s="9.83",
            idle_w="0.9",
            idle_source="profile",
            charged_mj=343_500 + number,
        ),
    )


def an_intent(turn: Turn) -> Intent:
    """What is noted when `turn` is sent."""
    return Intent(turn.id, turn.started_at, turn.utc_offset_min, turn.context, turn.model, 7011, 8192, 4096)


def sums(totals: Totals) -> dict[BucketKey, Sums]:
    """By bucket, to compare."""
    return {key: value for key, value in totals.buckets if value != Sums()}


def turns_in(totals: Totals) -> int:
    """How many turns were counted."""
    return sum(value.turns for _, value in totals.buckets)


def recount(folder: Path) -> dict[BucketKey, Sums]:
    """The totals of a folder by the simplest means there is: the standard JSON reader and one addition per turn."""
    out: dict[BucketKey, Sums] = {}
    for path in sorted(folder.glob("turns-*.json")):
        for record in stock(path).values():
            turn = Turn.from_record(record)
            key = key_of(turn, record["day"])
            out[key] = out.get(key, Sums()) + sums_of(turn)
    return out


def stock(path: Path) -> dict[str, dict[str, Any]]:
    """The records of a file as any JSON reader sees them, strictly."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"not strict JSON: {constant}")

    text = path.read_text("ascii")
    table: dict[str, dict[str, Any]] = json.loads(text, parse_constant=refuse)["_default"] if text else {}
    return table


def booked_ids(folder: Path) -> list[str]:
    """The ids of all booked turns, doubles included."""
    return [record["id"] for path in sorted(folder.glob("turns-*.json")) for record in stock(path).values()]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **parts: float) -> None:
        self.now += timedelta(**parts)


def many(count: int) -> list[Turn]:
    """Turns that differ."""
    return [replace(a_turn(number), id=new_id()) for number in range(1, count + 1)]
