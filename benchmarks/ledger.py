"""Growth of the ledger: opening to totals, and appending, at 1,000 and at 1,000,000 real-sized turns, in one run.

    python benchmarks/ledger.py [--turns 1000000] [--json FILE]

Both ledgers span the same five years, as one person's would: what differs is how much was used. Goals: opening at most
2 times, appending at most 1.5 times the smaller one. The bare write and sync of a record on the same disk is printed
beside it: trust the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from llmhub.core.chat import Durations, Usage
from llmhub.core.identity import new_id
from llmhub.core.places import THIS_MACHINE, Place, PlaceKind
from llmhub.core.turns import BilledFacts, ClientTimes, EnergyFacts, Turn, TurnBytes, TurnContext, TurnStatus
from llmhub.ledger.books import BookKeeper, local_now
from llmhub.ledger.desk import Desk
from llmhub.storage.disk import Disk
from llmhub.storage.layout import CLOSING, HEADER, record_line
from llmhub.storage.names import month_stem
from llmhub.storage.records import encode, sealed, with_checksum

DAYS = 5 * 365
MODELS = ("llama3.1:8b-instruct-q4_K_M", "qwen3:14b", "gemma3:27b")
OPENINGS = 31
APPENDS = 400
OPEN_GOAL, APPEND_GOAL = 2.0, 1.5


def a_turn(number: int, started_at: datetime) -> Turn:
    """A turn with every field that a real one fills."""
    cloud = number % 4 == 3
    return Turn(
        id=new_id(),
        started_at=started_at,
        utc_offset_min=60,
        status=TurnStatus.COMPLETE,
        reason=None,
        context=TurnContext(
            chat_id=new_id(),
            lane=number % 2,
            group_id=new_id(),
            seq=number % 50,
            backend_name="openrouter" if cloud else "ollama",
            place=Place(PlaceKind.PROVIDER, "DeepInfra") if cloud else THIS_MACHINE,
            digest=None if cloud else "sha256:" + "5f3c" * 16,
            quantization=None if cloud else "Q4_K_M",
            machine_id="m1",
            profile_id="a3",
            prefix_tokens=1536,
            gap_s="40.2",
        ),
        model=MODELS[number % 3],
        served_model=MODELS[number % 3] if cloud else None,
        provider="DeepInfra" if cloud else None,
        generation_id=f"gen-{new_id()}" if cloud else None,
        tokens=Usage(1850 + number % 900, 412 + number % 300, cached=1536, source="daemon"),
        bytes=TurnBytes(7011, 1688, 0),
        durations=Durations(9_812_345_678, 101_397_084, 830_747_910, 8_712_479_000 + number),
        client_ms=ClientTimes(940, 9830),
        num_ctx=8192,
        max_tokens=4096,
        energy=EnergyFacts()
        if cloud
        else EnergyFacts("declared", "system", window_s="9.83", idle_w="0.9", charged_mj=343_500),
        billed=BilledFacts({"cost": "0.00014", "is_byok": False}, None, "stream", 140_000_000)
        if cloud
        else BilledFacts(),
    )


def write_turns(folder: Path, count: int) -> int:
    """`count` turns spread evenly over five years, written in batches straight into their files; their mean bytes.

    Only for measuring: it takes no lock and syncs once per file.
    """
    folder.mkdir(mode=0o700, parents=True)
    first = datetime(2021, 11, 1, 9, tzinfo=UTC)
    by_month: dict[str, list[bytes]] = {}
    templates: dict[tuple[str, int], list[bytes]] = {}
    total = 0
    for number in range(count):
        moment = first + timedelta(days=number * DAYS // count)
        stem = month_stem("turns", moment.date())
        key = (moment.date().isoformat(), number % 12)
        if key not in templates:
            turn = a_turn(number, moment)
            text = encode(sealed("turn", turn.to_record(), now=moment, record_id=turn.id))
            templates[key] = text.rpartition(b',"crc"')[0].join([b"", b"}"]).split(turn.id.encode())
        document = with_checksum(new_id().encode().join(templates[key]))
        total += len(document)
        by_month.setdefault(stem, []).append(document)
        if len(by_month) > 1:
            finished = next(iter(by_month))
            _write_month(folder / f"{finished}.json", by_month.pop(finished))
    for stem, documents in by_month.items():
        _write_month(folder / f"{stem}.json", documents)
    return total // count


def _write_month(path: Path, documents: list[bytes]) -> None:
    lines = [record_line(number, document, first=number == 1) for number, document in enumerate(documents, 1)]
    path.write_bytes(b"".join([HEADER, *lines, CLOSING]))
    path.chmod(0o600)


def counted_anew(folder: Path) -> float:
    """Seconds to count everything without a cache; the cache is there afterwards."""
    began = perf_counter()
    desk = Desk(folder, Disk(), local_now)
    desk.open()
    took = perf_counter() - began
    desk.close()
    return took


def openings_ms(folders: list[Path]) -> list[dict[str, float]]:
    """Medians: to the totals of this month, and to those of every month there is; the ledgers taking turns."""
    month: list[list[float]] = [[] for _ in folders]
    everything: list[list[float]] = [[] for _ in folders]
    today = local_now().date()
    for _ in range(OPENINGS):
        for number, folder in enumerate(folders):
            began = perf_counter()
            keeper = BookKeeper(folder, poll_s=None)
            totals = keeper.start().result(60)
            totals.within(today.replace(day=1), today)
            month[number].append(perf_counter() - began)
            len(totals.buckets)
            everything[number].append(perf_counter() - began)
            keeper.close()
    return [
        {"month_ms": statistics.median(one) * 1e3, "everything_ms": statistics.median(other) * 1e3}
        for one, other in zip(month, everything, strict=True)
    ]


def appends_ms(folders: list[Path]) -> list[dict[str, float]]:
    """p50 and p99 of booking one turn until it is durable, the ledgers taking turns so that both meet the same disk."""
    keepers = [BookKeeper(folder, poll_s=None) for folder in folders]
    times: list[list[float]] = [[] for _ in keepers]
    for keeper in keepers:
        keeper.record(a_turn(0, datetime.now(UTC))).result(60)
    for number in range(APPENDS):
        for keeper, taken in zip(keepers, times, strict=True):
            turn = replace(a_turn(number, datetime.now(UTC)), id=new_id())
            began = perf_counter()
            assert keeper.record(turn).result(60)
            taken.append(perf_counter() - began)
    for keeper in keepers:
        keeper.close()
    return [
        {"p50_ms": statistics.median(taken) * 1e3, "p99_ms": statistics.quantiles(taken, n=100)[98] * 1e3}
        for taken in times
    ]


def bare_ms(folder: Path, size: int) -> float:
    """Median of one write and one sync of a record's size: what no ledger can beat."""
    fd = os.open(folder / "bare", os.O_RDWR | os.O_CREAT, 0o600)
    disk, taken = Disk(), []
    for number in range(APPENDS):
        began = perf_counter()
        disk.write(fd, b"x" * size, number * size)
        disk.sync(fd)
        taken.append(perf_counter() - began)
    os.close(fd)
    return statistics.median(taken) * 1e3


def memory_mb(folder: Path | None) -> float | None:
    """Peak memory of a process that opens a ledger, books a turn and closes it, or only imports; Linux tells it."""
    work = (
        f"keeper = BookKeeper(Path({str(folder)!r})); keeper.start().result(60)\n"
        "keeper.record(a_turn(1, datetime.now(UTC))).result(60); keeper.close()\n"
    )
    script = (
        f"from {Path(__file__).stem} import *\nfrom llmhub.storage import tables\n{work if folder else ''}"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    if not Path("/proc/self/status").exists():
        return None
    env = dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    return int(done.stdout) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sizes = [1000, options.turns]
    with tempfile.TemporaryDirectory(prefix="llmhub-bench-") as place:
        folders = [Path(place) / f"{size}" for size in sizes]
        rows: list[dict[str, Any]] = []
        for size, folder in zip(sizes, folders, strict=True):
            began = perf_counter()
            record_bytes = write_turns(folder, size)
            written_s = perf_counter() - began
            row: dict[str, Any] = {"turns": size, "record_bytes": record_bytes, "written_s": written_s}
            row |= {"bytes": sum(path.stat().st_size for path in folder.glob("turns-*.json"))}
            row |= {"files": len(list(folder.glob("turns-*.json"))), "recount_s": counted_anew(folder)}
            row |= {"cache_bytes": (folder / "totals.json").stat().st_size}
            rows.append(row)
        for row, opened in zip(rows, openings_ms(folders), strict=True):
            row |= opened
        for row, appended in zip(rows, appends_ms(folders), strict=True):
            row |= appended
        floor = memory_mb(None)
        for row, folder in zip(rows, folders, strict=True):
            peak = memory_mb(folder)
            row |= {"memory_mb": None if peak is None or floor is None else peak - floor}
        bare = bare_ms(Path(place), rows[0]["record_bytes"])
    return report(rows, bare, options.json)


def report(rows: list[dict[str, Any]], bare: float, target: Path | None) -> int:
    """Print the table; 1 when a goal is missed."""
    small, large = rows
    opening = large["month_ms"] / small["month_ms"]
    p50, p99 = (large[name] / small[name] for name in ("p50_ms", "p99_ms"))
    print(f"{'':34}{small['turns']:>14,}{large['turns']:>14,}{'ratio':>9}")
    for name, label in (
        ("record_bytes", "mean record, bytes"),
        ("bytes", "record files, bytes"),
        ("cache_bytes", "cache of the totals, bytes"),
        ("recount_s", "count all anew, s"),
        ("month_ms", "open to this month's totals, ms"),
        ("everything_ms", "open to every month's totals, ms"),
        ("p50_ms", "append p50, ms"),
        ("p99_ms", "append p99, ms"),
        ("memory_mb", "memory, MB"),
    ):
        if small[name] is None:
            continue
        ratio = f"{large[name] / small[name]:9.2f}" if small[name] else ""
        figures = [f"{row[name]:>14,.3f}" if isinstance(row[name], float) else f"{row[name]:>14,}" for row in rows]
        print(f"{label:34}{''.join(figures)}{ratio}")
    print(f"{'bare write and sync p50, ms':34}{bare:>14.3f}")
    met = opening <= OPEN_GOAL and p50 <= APPEND_GOAL
    print(f"goals: open {opening:.2f} <= {OPEN_GOAL}, append p50 {p50:.2f} <= {APPEND_GOAL} (p99 {p99:.2f}): ", end="")
    print("met" if met else "MISSED")
    if target:
        target.write_text(
            json.dumps({"rows": rows, "bare_ms": bare, "open_ratio": opening, "append_ratio": p50}, indent=1)
        )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
