"""What a streamed reply costs and how late it is, against httpx and json alone; keys echoed meanwhile; growth.

`python -m benchmarks.stream [--quick]`
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import benchmark
from benchmarks.daemon import APP_READY, MODEL, Daemon, Handed, environment
from benchmarks.endings import stream_length
from benchmarks.figures import Row, at_most, context, interpolated, median, paired_ratio, percentile
from benchmarks.pty_app import PtyApp

GROUP = "stream"
AFTER_LAST_S = 1.5
"""Processor time is counted until this long after the last token shows: what is drawn late is not free."""
MAX_LAG_MS = 60.0
MAX_ECHO_RATIO = 3.0
MAX_GROWTH = 1.1
_NEW_CHAT = b"\x0e"  # ctrl+n
_CLEAR_LINE = b"\x15"  # ctrl+u
_PROMPT = "xyzzy"
_LETTERS = "".join(chr(number) for number in range(0x0410, 0x0450))
"""Keys that no stream of the daemon holds, so that their echo can be told from its text."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One speed: how many tokens, and how many times the floor's processor time they may take."""

    per_s: int
    tokens: int
    quick_tokens: int
    max_ratio: float | None = None
    is_prompt: bool = False
    """Whether the last token must be on the screen within `MAX_LAG_MS`."""


RATES = (
    Rate(50, 600, 470, max_ratio=7.0),
    Rate(200, 1000, 600),
    Rate(1000, 5000, 2000, max_ratio=3.0, is_prompt=True),
    Rate(5000, 20000, 5000, is_prompt=True),
)


@dataclass(frozen=True, slots=True)
class Streamed:
    """One reply as the app showed it."""

    tokens: int
    cpu_s: float
    lag_ms: float
    frames_per_s: float
    handed: Handed

    @property
    def cpu_s_per_1k(self) -> float:
        """Processor seconds for a thousand tokens."""
        return self.cpu_s * 1000 / self.tokens


def floor_s_per_1k(daemon: Daemon, home: Path) -> float:
    """What httpx and json alone take for a thousand tokens of the same stream."""
    command = [sys.executable, "-m", "benchmarks.reader", daemon.url, MODEL]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment(home))
    read = json.loads(done.stdout)
    return float(read["cpu_s"]) * 1000 / float(read["tokens"])


def send_prompt(app: PtyApp, daemon: Daemon, rate_per_s: int, tokens: int) -> None:
    """Ask in a new chat; the reply will have `tokens` tokens."""
    daemon.point(rate_per_s, tokens)
    new_chat(app)
    typed_ns = app.send(_PROMPT)
    app.wait(_PROMPT, after_ns=typed_ns)


def new_chat(app: PtyApp) -> None:
    """Begin another chat. A bound key is done after text that is typed in the same moment, so it is given a moment."""
    app.send(_NEW_CHAT)
    time.sleep(0.3)
    app.settle()


def handed_over(app: PtyApp, daemon: Daemon, sent_ns: int, tokens: int, rate_per_s: int) -> Handed:
    """Wait until the daemon has given the whole stream away; it is left in peace while it does.

    Raises:
        TimeoutError: the request never came, or its end did not.
    """
    time.sleep(tokens / rate_per_s)
    limit = time.monotonic() + 30 + tokens / rate_per_s
    while time.monotonic() < limit:
        last = daemon.last()
        if last is not None and last.first_token_ns > sent_ns and last.done_ns:
            return last
        time.sleep(0.1)
    said = f"{tokens} tokens at {rate_per_s}/s were not streamed; the daemon's last: {daemon.last()}"
    raise TimeoutError(f"{said}; on the screen: {app.tail()!r}")


def streamed(app: PtyApp, daemon: Daemon, rate_per_s: int, wanted: int) -> Streamed:
    """One reply of about `wanted` tokens in a new chat."""
    tokens, word = stream_length(wanted)
    send_prompt(app, daemon, rate_per_s, tokens)
    before = app.cpu_s()
    sent_ns = app.send("\r")
    handed = handed_over(app, daemon, sent_ns, tokens, rate_per_s)
    shown_ns = app.wait(word, after_ns=handed.last_token_ns - 5_000_000, limit_s=60)
    time.sleep(max(0.0, shown_ns / 1e9 + AFTER_LAST_S - time.monotonic()))
    cpu_s = app.cpu_s() - before
    seconds = max(handed.last_token_ns - handed.first_token_ns, 1) / 1e9
    frames = app.frames(handed.first_token_ns, handed.last_token_ns) / seconds
    lag_ms = max(0.0, (shown_ns - handed.last_token_ns) / 1e6)
    return Streamed(handed.tokens, cpu_s, lag_ms, frames, handed)


def echoes_ms(app: PtyApp, keys: int, seed: int) -> list[float]:
    """How long each of `keys` keys took to be echoed; pressed at odd moments, as a person would, never in step."""
    odd = random.Random(seed)
    taken = []
    for number in range(keys):
        letter = _LETTERS[number % len(_LETTERS)]
        if number and number % len(_LETTERS) == 0:
            app.send(_CLEAR_LINE)
            time.sleep(0.3)
        time.sleep(odd.uniform(0.05, 0.17))
        pressed_ns = app.send(letter)
        taken.append((app.wait(letter, after_ns=pressed_ns, limit_s=10) - pressed_ns) / 1e6)
    app.send(_CLEAR_LINE)
    return taken


def growth(app: PtyApp, daemon: Daemon) -> float:
    """Processor time per token around token 20,000 by that around token 1,800, of one reply.

    The daemon's text comes round after some three thousand tokens. Both windows hold one whole round, so that the
    same text is compared: tokens 200 and on, and the same six rounds later.
    """
    cycle, start, rounds_later, rate = _cycle(), 200, 6, 1000
    tokens = start + (rounds_later + 1) * cycle + 200
    send_prompt(app, daemon, rate, tokens)
    samples: list[tuple[float, float]] = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(0.1):
            samples.append((time.monotonic_ns(), app.cpu_s()))

    sampler = threading.Thread(target=sample, daemon=True)
    sent_ns = app.send("\r")
    sampler.start()
    handed = handed_over(app, daemon, sent_ns, tokens, rate)
    time.sleep(AFTER_LAST_S)
    stop.set()
    sampler.join()
    spacing_ns = (handed.last_token_ns - handed.first_token_ns) / (handed.tokens - 1)

    def used_s(first_token: int) -> float:
        begin, end = (handed.first_token_ns + spacing_ns * token for token in (first_token, first_token + cycle))
        return interpolated(samples, end) - interpolated(samples, begin)

    return used_s(start + rounds_later * cycle) / used_s(start)


def _cycle() -> int:
    """After how many tokens the daemon's text begins again."""
    from llmhub.simulators.replies import stream

    pieces = list(stream(20_000))
    head = pieces[:50]
    return next(at for at in range(1, len(pieces)) if pieces[at : at + 50] == head)


def measure(*, quick: bool) -> list[Row]:
    """Every speed in turn, the floor before each; then keys; then one long reply."""
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        home = Path(folder)
        daemon.point(1000, 100)
        daemon.load()
        with daemon.app() as app:
            app.wait(APP_READY)
            app.wait(MODEL)
            app.settle()
            streamed(app, daemon, 1000, 1000)  # what is imported and opened for the first turn of a run
            rows = []
            for rate in RATES:
                rows += _at_rate(app, daemon, home, rate, rounds=rounds, quick=quick)
            rows += _keys(app, daemon, rounds=rounds, quick=quick)
            rows += _growth(app, daemon, rounds=rounds)
    return rows


def _at_rate(app: PtyApp, daemon: Daemon, home: Path, rate: Rate, *, rounds: int, quick: bool) -> list[Row]:
    floors: list[float] = []
    replies: list[Streamed] = []
    wanted = rate.quick_tokens if quick else rate.tokens
    for _ in range(rounds):
        daemon.point(rate.per_s, stream_length(wanted)[0])
        floors.append(floor_s_per_1k(daemon, home))
        replies.append(streamed(app, daemon, rate.per_s, wanted))
    costs = [reply.cpu_s_per_1k for reply in replies]
    ratio, lag = paired_ratio(costs, floors), median(reply.lag_ms for reply in replies)
    speed = f"{rate.per_s:,} tok/s"
    rows = [
        context(GROUP, f"{speed}: httpx and json alone, CPU per 1k tokens", median(floors), " s", 3),
        context(GROUP, f"{speed}: llmhub, CPU per 1k tokens", median(costs), " s", 3),
        context(GROUP, f"{speed}: frames a second", median(reply.frames_per_s for reply in replies), "", 0),
    ]
    what = f"{speed}: llmhub / httpx and json alone"
    if rate.max_ratio is not None:
        rows.append(at_most(GROUP, what, ratio, rate.max_ratio, " x"))
    else:
        rows.append(context(GROUP, what, ratio, " x"))
    what = f"{speed}: last token on screen after"
    rows.append(
        at_most(GROUP, what, lag, MAX_LAG_MS, " ms", 0) if rate.is_prompt else context(GROUP, what, lag, " ms", 0)
    )
    return rows


def _keys(app: PtyApp, daemon: Daemon, *, rounds: int, quick: bool) -> list[Row]:
    keys = 30 if quick else 60
    at_rest: list[float] = []
    streaming: list[float] = []
    for number in range(rounds):
        new_chat(app)
        at_rest += echoes_ms(app, keys, seed=number)
        tokens, _ = stream_length(round(keys * 0.2 * 1000) + 2000)
        send_prompt(app, daemon, 1000, tokens)
        sent_ns = app.send("\r")
        time.sleep(1)
        streaming += echoes_ms(app, keys, seed=number)
        handed_over(app, daemon, sent_ns, 1, 1)
        app.settle()
    rest, busy = percentile(at_rest, 0.95), percentile(streaming, 0.95)
    return [
        context(GROUP, "key echo at rest, p50", percentile(at_rest, 0.5), " ms", 1),
        context(GROUP, "key echo at rest, p95", rest, " ms", 1),
        context(GROUP, "key echo at 1,000 tok/s, p50", percentile(streaming, 0.5), " ms", 1),
        context(GROUP, "key echo at 1,000 tok/s, p95", busy, " ms", 1),
        at_most(GROUP, "key echo p95: at 1,000 tok/s / at rest", busy / rest, MAX_ECHO_RATIO, " x"),
    ]


def _growth(app: PtyApp, daemon: Daemon, *, rounds: int) -> list[Row]:
    ratios: Sequence[float] = [growth(app, daemon) for _ in range(rounds)]
    return [at_most(GROUP, "CPU per token at token 20,000 / at token 1,000", median(ratios), MAX_GROWTH, " x")]


if __name__ == "__main__":
    benchmark(__doc__, measure)
