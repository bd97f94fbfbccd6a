"""Every benchmark, one after the other, and one table of what they found.

`python -m benchmarks.run_all [--quick] [--only NAME ...]`
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
import time
from importlib.metadata import version
from typing import cast

from benchmarks.command import Measure
from benchmarks.figures import Row, table

NAMES = ("startup", "idle", "stream", "transcript", "ledger")


def heading(*, quick: bool) -> str:
    """What the table was made with: the figures without a ratio mean nothing elsewhere."""
    parts = [
        f"llmhub {version('llmhub-tui')}",
        f"Textual {version('textual')}",
        f"Python {platform.python_version()}",
        f"{platform.system()} {platform.machine()}",
        time.strftime("%Y-%m-%d", time.gmtime()),
    ]
    return " · ".join([*parts, "quick" if quick else "full"])


def measured(name: str, *, quick: bool) -> list[Row]:
    """One benchmark's rows; one that breaks is a row that misses its goal, so that the others are still told."""
    began = time.monotonic()
    sys.stderr.write(f"{name} ...\n")
    try:
        measure = cast("Measure", importlib.import_module(f"benchmarks.{name}").measure)
        rows = measure(quick=quick)
    except Exception as error:
        rows = [Row(name, "ran to its end", f"{type(error).__name__}: {error}".splitlines()[0][:80], "yes", False)]
    sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    return rows


def main() -> None:
    """Run what was asked for; exits with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter streams: a look, not a proof")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="these alone")
    options = parser.parse_args()
    rows = [row for name in options.only for row in measured(name, quick=options.quick)]
    missed = sum(row.holds is False for row in rows)
    judged = sum(row.holds is not None for row in rows)
    print(heading(quick=options.quick))
    print()
    print(table(rows))
    print()
    print(f"{judged - missed} of {judged} goals met")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
