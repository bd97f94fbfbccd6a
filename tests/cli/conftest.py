"""Commands in a home of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Commands
from support.fitting import around

__all__ = ["around"]


@pytest.fixture
def llmhub(own_home: Path) -> Commands:
    """Runs commands against a simulated daemon; what they book is in `llmhub.ledger`."""
    return Commands(own_home)
