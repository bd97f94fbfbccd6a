"""The command line that every benchmark has."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Protocol

from benchmarks.figures import Row, table


class Measure(Protocol):
    """Measures and tells; `quick` takes fewer rounds and shorter streams."""

    def __call__(self, *, quick: bool) -> list[Row]:
        """The lines of the table."""
        ...


def benchmark(about: str | None, measure: Measure, *, show: Callable[[str], None] = print) -> None:
    """Run one benchmark as a command; exits with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter streams: a look, not a proof")
    rows = measure(quick=parser.parse_args().quick)
    show(table(rows))
    sys.exit(any(row.holds is False for row in rows))
