"""Every benchmark, one after the other, and one table of what they found.

`python -m benchmarks.run_all [--quick] [--only NAME ...]`
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import gguf_header, idle, lanes, sizing, startup, stream
from benchmarks.command import Measure
from benchmarks.figures import Row, at_most, context, table

HERE = Path(__file__).resolve().parent
MAX_OPEN_MS = 150
MAX_GROWTH = 1.1


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


def ledger(*, quick: bool) -> list[Row]:
    """`ledger.py`, a program of its own: a long history against a short one."""
    turns = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        _run("ledger.py", "--turns", str(turns), "--json", str(file))
        found = json.loads(file.read_text("utf-8"))
    against = f"{turns:,} turns / 1,000"
    return [
        at_most("ledger", f"open to this month's totals: {against}", found["open_ratio"], 2.0, " x"),
        at_most("ledger", f"append p50: {against}", found["append_ratio"], 1.5, " x"),
        context("ledger", "append p50 with the long one", found["rows"][1]["p50_ms"], " ms"),
        context("ledger", "bare write and sync of a record", found["bare_ms"], " ms"),
    ]


def transcript(*, quick: bool) -> list[Row]:
    """`transcript.py`, a program of its own: the view alone, fed without a network."""
    tokens = 6000 if quick else 20_000
    found: dict[str, Any] = json.loads(_run("transcript.py", "--tokens", str(tokens), "--json"))
    opened = found.pop("open")
    rows = [
        at_most("transcript", "chat of 1,000 messages, first screen", opened["open_ms"], MAX_OPEN_MS, " ms", 0),
        at_most("transcript", "chat of 1,000 messages, resize", opened["resize_ms"], MAX_OPEN_MS, " ms", 0),
    ]
    for shape, cost in found.items():
        what = f"{shape}: CPU per token at token {tokens:,} / at token 1,000"
        rows.append(at_most("transcript", what, cost["late_ms"] / cost["early_ms"], MAX_GROWTH, " x"))
    return rows


BENCHMARKS: dict[str, Measure] = {
    "startup": startup.measure,
    "idle": idle.measure,
    "stream": stream.measure,
    "lanes": lanes.measure,
    "transcript": transcript,
    "ledger": ledger,
    "header": gguf_header.measure,
    "sizing": sizing.measure,
}


def _run(script: str, *arguments: str) -> str:
    """Run a benchmark that is a program of its own; a goal it missed is told by its figures, not by its exit code."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments], capture_output=True, text=True, cwd=HERE.parent, check=False
    )
    if done.returncode not in (0, 1) or not (done.stdout or done.stderr):
        raise RuntimeError(f"{script} ended with {done.returncode}")
    return done.stdout


def measured(name: str, *, quick: bool) -> list[Row]:
    """One benchmark's rows; one that breaks is a row that misses its goal, so that the others are still told."""
    began = time.monotonic()
    sys.stderr.write(f"{name} ...\n")
    try:
        rows = BENCHMARKS[name](quick=quick)
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"{words}\n")
        rows = [Row(name, "ran to its end", words[:60], "yes", False)]
    sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    return rows


def main() -> None:
    """Run what was asked for; exits with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter streams: a look, not a proof")
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS), help="these alone")
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
