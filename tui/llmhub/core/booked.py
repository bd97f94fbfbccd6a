"""A turn as it stands in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from llmhub.core.turns import Turn


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
