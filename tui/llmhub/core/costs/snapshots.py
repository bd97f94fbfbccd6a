"""Which version of a price list or a profile holds for a turn (cost-model.md, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar


class Dated(Protocol):
    """Something that holds from a moment on."""

    @property
    def since(self) -> datetime:
        """From when it holds; aware."""


_S = TypeVar("_S", bound=Dated)


@dataclass(frozen=True, slots=True)
class Picked(Generic[_S]):
    """The version that was picked."""

    version: _S
    exact: bool
    """Whether it was in force at the time; false for the earliest one, used for what came before it."""


def pick_snapshot(versions: Sequence[_S], at: datetime, mode: Literal["then", "today"] = "then") -> Picked[_S] | None:
    """The version in force at `at`, or today's; `None` when there is none at all.

    `then` takes the latest that began at or before `at`, else the earliest, marked as not exact; `today` the newest.
    """
    ordered = sorted(versions, key=lambda version: version.since)
    if not ordered:
        return None
    if mode == "today":
        return Picked(ordered[-1], exact=True)
    before = [version for version in ordered if version.since <= at]
    return Picked(before[-1], exact=True) if before else Picked(ordered[0], exact=False)
