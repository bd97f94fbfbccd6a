"""The parts of the benchmarks that decide what a figure means."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))  # benchmarks/ is no part of the package

from benchmarks.endings import ending
from benchmarks.figures import Row, at_most, interpolated, paired_ratio, percentile, table
from benchmarks.processes import own_cpu_s, tree_cpu_s
from benchmarks.pty_app import NotShownError, PtyApp
from benchmarks.terminal_text import Search, Stripper

BUSY = "import time; end = time.process_time() + {seconds}\nwhile time.process_time() < end: pass"


@pytest.mark.parametrize(
    ("share", "value"), [(0.05, 1), (0.5, 10), (0.95, 19), (1.0, 20)], ids=["p5", "p50", "p95", "largest"]
)
def test_a_percentile_is_the_nearest_rank(share: float, value: int) -> None:
    assert percentile(range(20, 0, -1), share) == value


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 values"):
        percentile([], 0.95)


def test_a_ratio_is_that_of_rounds_so_that_a_busy_minute_does_not_count() -> None:
    theirs = [1.0, 1.0, 10.0, 10.0, 1.0]
    ours = [2.0, 2.0, 20.0, 20.0, 9.0]

    assert paired_ratio(ours, theirs) == 2.0


def test_rounds_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_ratio([1.0, 2.0], [1.0])


def test_a_value_between_two_samples_is_on_the_line() -> None:
    samples = [(0.0, 0.0), (10.0, 5.0), (20.0, 5.0)]

    assert [interpolated(samples, at) for at in (0.0, 4.0, 15.0)] == [0.0, 2.0, 5.0]
    with pytest.raises(ValueError, match="outside"):
        interpolated(samples, 20.1)


def test_a_goal_is_judged_by_the_unrounded_figure() -> None:
    row = at_most("start", "first frame", 1.351, 1.35, " x")

    assert (row.figure, row.goal, row.verdict) == ("1.35 x", "≤ 1.35 x", "MISSED")


def test_the_table_has_aligned_columns_and_no_verdict_without_a_goal() -> None:
    rows = [Row("idle", "bare", "0.06 s/min"), Row("idle", "llmhub", "0.30 s/min", "≤ 0.35 s/min", True)]

    assert table(rows).splitlines() == [
        "benchmark  measured  figure      goal          verdict",
        "---------  --------  ----------  ------------  -------",
        "idle       bare      0.06 s/min",
        "idle       llmhub    0.30 s/min  ≤ 0.35 s/min  ok",
    ]


SCREEN = (
    "\x1b[?1049h\x1b[2;1H\x1b[38;2;1;2;3mfirst\x1b[0m \x1b]8;;https://x\x1b\\wörd\x1b]8;;\x07"
    "\x1b(B\x1b=\x1bP+q\x1b\\ ⏎ end\x1b[0 q"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_escape_sequences_are_stripped_wherever_they_are_cut(size: int) -> None:
    stripper = Stripper()
    data = SCREEN.encode()

    text = "".join(stripper.feed(data[at : at + size]) for at in range(0, len(data), size))

    assert text == "first wörd ⏎ end"


def test_words_are_found_across_pieces_colours_and_blanks() -> None:
    search = Search("F1 help")

    assert [search.feed(piece) for piece in (b"F\x1b[1m1  he", b"l\x1b[", b"0mp", b" more")] == [
        False,
        False,
        True,
        False,
    ]


def test_a_stream_ends_with_a_word_of_prose_that_was_not_said_just_before() -> None:
    text = [
        "\n",
        "The ",
        "thermal ",
        "rest",
        ".\n",
        "Again ",
        "thermal",
        " and ",
        "different",
        "\n```\n",
        "x ",
        "variables",
    ]

    assert ending(text, 12) == (9, "different")
    assert ending(text, 7) is None


def test_cpu_time_of_a_process_that_works_grows_and_of_one_that_sleeps_does_not() -> None:
    code = "import sys\nsys.stdin.readline()\n" + BUSY.format(seconds=0.3) + "\nprint('done', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        busy = own_cpu_s(process.pid)
        time.sleep(0.1)
        asleep = own_cpu_s(process.pid) - busy
        process.communicate(b"\n")

    assert 0.3 <= busy < 0.9
    assert asleep < 0.05


def test_cpu_time_counts_children_that_run_and_children_that_ended() -> None:
    child = f"[sys.executable, '-c', {BUSY.format(seconds=0.2)!r}]"
    code = (
        f"import subprocess, sys\nsubprocess.run({child})\n"
        f"held = subprocess.Popen([sys.executable, '-c', {BUSY.format(seconds=0.2)!r} + '\\nprint(1, flush=True)\\n"
        "import time; time.sleep(60)'], stdout=subprocess.PIPE)\n"
        "held.stdout.readline()\nprint('done', flush=True)\ninput()\nheld.kill()\nheld.communicate()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        whole, own = tree_cpu_s(process.pid), own_cpu_s(process.pid)
        process.communicate(b"\n")

    assert whole - own >= 0.39


def test_a_process_that_is_gone_has_no_cpu_time() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    with pytest.raises(ProcessLookupError):
        own_cpu_s(process.pid)


def test_keys_reach_the_program_and_its_words_come_back_with_their_moment() -> None:
    code = (
        "import os, sys, tty\ntty.setraw(0)\nprint('size', *os.get_terminal_size(), end=' ', flush=True)\n"
        "key = sys.stdin.read(1)\nprint('\\x1b[1mgot', key, flush=True)\nsys.stdin.read(1)"
    )
    with PtyApp([sys.executable, "-c", code], {}) as app:
        ready_ns = app.wait("size 120 40")
        pressed_ns = app.send("ж")
        echoed_ns = app.wait("got ж", after_ns=pressed_ns)

        assert app.started_ns < ready_ns < pressed_ns < echoed_ns
        assert app.cpu_s() > 0
        assert app.resident_bytes() > 1_000_000


def test_words_that_never_come_are_told_with_what_came() -> None:
    with PtyApp([sys.executable, "-c", "print('something else')"], {}) as app, pytest.raises(NotShownError) as told:
        app.wait("ready")

    assert "something else" in str(told.value)
