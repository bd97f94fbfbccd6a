"""What the transcript costs: CPU per token early and late in a reply, lag, opening and resizing a long chat.

    python benchmarks/transcript.py [--rate 1000] [--tokens 20000] [--size 120x40]

The transcript runs in a program of its own on a pseudo-terminal whose output is read and thrown away. Read the ratios;
the absolute figures belong to this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import itertools
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tui"))

PROSE = (
    "Merge sort splits the list in two, **sorts** each half by the same rule, and merges them; `merge` takes the "
    "smaller of the two heads until both are empty, so *n* items need about n log n steps.\n\n"
    "1. A list of one element is sorted.\n2. Otherwise cut it in the middle and sort both halves.\n3. Merge.\n\n"
    "```python\ndef merge_sort(xs: list[int]) -> list[int]:\n    if len(xs) < 2:\n        return xs\n"
    "    mid = len(xs) // 2\n    return merge(merge_sort(xs[:mid]), merge_sort(xs[mid:]))\n```\n\n"
    "| method | time | memory |\n|---|---|---|\n| merge | n log n | n |\n| heap | n log n | 1 |\n\n"
)
SHAPES = {
    "mixed": PROSE,
    "list": "- an item of a list that never ends, with `code` in it\n",
    "code": "    value = compute(first, second)  # a line of a fence that never ends\n",
    "paragraph": "words and *more* words without a single empty line between them, and on it goes, ",
}


def tokens(shape: str, count: int) -> list[str]:
    """`count` pieces of four characters of a text of that shape."""
    text = "```python\n" if shape == "code" else ""
    while len(text) < count * 4:
        text += SHAPES[shape]
    return [text[at * 4 : at * 4 + 4] for at in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=int, default=1_000, help="tokens a second")
    parser.add_argument("--tokens", type=int, default=20_000)
    parser.add_argument("--shapes", default="mixed,list,code,paragraph")
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--turns", type=int, default=1_000, help="messages of the chat that is opened")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(json.loads(options.child))
        return
    columns, rows = map(int, options.size.split("x"))
    found: dict[str, Any] = {"open": measured({"job": "open", "turns": options.turns}, columns, rows)}
    for shape in options.shapes.split(","):
        job = {"job": "stream", "shape": shape, "rate": options.rate, "tokens": options.tokens}
        found[shape] = measured(job, columns, rows)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    opened = found.pop("open")
    print(f"open {options.turns} messages {opened['open_ms']:.0f} ms, resize {opened['resize_ms']:.0f} ms")
    print(f"idle {opened['idle_cpu_s_per_min']:.2f} s of CPU a minute")
    print(f"{'shape':<10} {'first 1k':>9} {'last 1k':>9} {'ratio':>6}   ms of CPU per token at {options.rate} tok/s")
    for shape, cost in found.items():
        print(
            f"{shape:<10} {cost['early_ms']:>9.3f} {cost['late_ms']:>9.3f} {cost['late_ms'] / cost['early_ms']:>6.2f}"
        )


def measured(job: dict[str, Any], columns: int, rows: int) -> dict[str, Any]:
    """Run a job in a child on a terminal of that size."""
    with tempfile.TemporaryDirectory() as folder:
        job["out"] = str(Path(folder) / "out.json")
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
        command = [sys.executable, __file__, "--child", json.dumps(job)]
        process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=environment)
        os.close(follower)
        tail = b""
        while process.poll() is None:
            if select.select([leader], [], [], 0.2)[0]:
                with contextlib.suppress(OSError):
                    tail = (tail + os.read(leader, 1 << 16))[-4_000:]
        os.close(leader)
        out = Path(job["out"])
        if not out.exists():
            raise SystemExit(f"the child gave nothing; its terminal ended with {tail!r}")
        result: dict[str, Any] = json.loads(out.read_text())
        return result


def child(job: dict[str, Any]) -> None:
    """One job, on the terminal this process has."""
    from textual.app import App, ComposeResult

    from llmhub.core.places import THIS_MACHINE
    from llmhub.ui.transcript import Header, Item, Transcript

    class Bench(App[dict[str, Any]]):
        CSS = "Transcript { height: 1fr; }"

        def get_theme_variable_defaults(self) -> dict[str, str]:
            return {"cost-local": "#00aa00", "cost-cloud": "#aaaa00"}

        def compose(self) -> ComposeResult:
            yield Transcript()

        def on_ready(self) -> None:
            self.run_worker(self.opened() if job["job"] == "open" else self.streamed())

        async def opened(self) -> None:
            header = Header.of("model", THIS_MACHINE)
            items: list[Item] = []
            for number in range(job["turns"] // 2):
                items.append(Item(f"u{number}", "user", "And what about the next one?"))
                items.append(Item(f"a{number}", "assistant", PROSE, header=header, left="47 tok/s"))
            view = self.query_one(Transcript)
            view.load(items[:2])
            await asyncio.sleep(1.0)  # the lexers are imported once
            started = time.perf_counter()
            view.load(items)
            await self.painted()
            open_ms = (time.perf_counter() - started) * 1e3
            view.styles.width = self.size.width - 20
            started = time.perf_counter()
            await self.painted()
            resize_ms = (time.perf_counter() - started) * 1e3
            await asyncio.sleep(1.0)
            busy = time.process_time()
            await asyncio.sleep(5)
            idle = (time.process_time() - busy) * 12
            self.exit({"open_ms": open_ms, "resize_ms": resize_ms, "idle_cpu_s_per_min": idle})

        async def painted(self) -> None:
            done = asyncio.Event()
            self.call_after_refresh(done.set)
            await done.wait()

        async def streamed(self) -> None:
            view = self.query_one(Transcript)
            view.add_user("u", "Go on.")
            view.begin_reply("a", Header.of("model", THIS_MACHINE))
            await asyncio.sleep(0.5)
            pieces = tokens(job["shape"], job["tokens"])
            marks: list[float] = []
            per_wake = max(1, round(job["rate"] / 100))
            started = time.perf_counter()
            for at in range(0, len(pieces), per_wake):
                if at % 1_000 < per_wake:
                    marks.append(time.process_time())
                for piece in pieces[at : at + per_wake]:
                    view.feed("a", piece)
                due = started + (at + per_wake) / job["rate"]
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            marks.append(time.process_time())
            steps = [after - before for before, after in itertools.pairwise(marks)]
            late = steps[-3:]
            early = steps[1:4] or steps
            self.exit({"early_ms": sum(early) / len(early), "late_ms": sum(late) / len(late), "steps_ms": steps})

    result = Bench().run()
    Path(job["out"]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
