"""The real engine, and the table of what it took beside what was predicted."""

from __future__ import annotations

import pytest

from engine.comparing import Comparison
from engine.real_engine import RealEngine, installed_engine

COMPARISONS = pytest.StashKey[dict[str, Comparison]]()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealEngine:
    """A real llama.cpp; skips where it is not installed."""
    return installed_engine(tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="session")
def comparisons(pytestconfig: pytest.Config) -> dict[str, Comparison]:
    """Where a test puts a row for the table at the end."""
    return pytestconfig.stash.setdefault(COMPARISONS, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Every row, and by name what makes one differ by more than is allowed."""
    rows = config.stash.get(COMPARISONS, {})
    if not rows:
        return
    version = next(iter(rows.values())).version
    terminalreporter.section(f"predicted and taken by xllamacpp {version}")
    for row in rows.values():
        terminalreporter.write_line(row.line)
