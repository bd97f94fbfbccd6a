"""A turn as it stands in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from llmhub.core.chat import Usage
from llmhub.core.turns import BilledFacts, Turn


@dataclass(frozen=True, slots=True)
class Booked:
    """A turn as it stands in the ledger, corrections included."""

    turn: Turn
    day: str
    """Local calendar day at commit, ISO."""
    at: datetime
    """Moment of commit, UTC."""
    newer: bool = False
    """A newer llmhub wrote it; some of it may not be understood."""


@dataclass(frozen=True, slots=True)
class LateBill:
    """What was learnt of a turn's bill after the turn was booked."""

    billed: BilledFacts
    tokens: Usage | None = None
    """The counts that were billed, where they were told."""

    def on(self, turn: Turn) -> Turn:
        """The turn as it stands with this bill."""
        return replace(turn, billed=self.billed, tokens=self.tokens or turn.tokens)

    def says_the_same_as(self, turn: Turn) -> bool:
        """Whether the turn stands so already: settled, and at the same total."""
        known, new = turn.billed, self.billed
        return known.reconciled == new.reconciled != "pending" and known.pico_usd == new.pico_usd
