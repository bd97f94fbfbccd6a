"""A pull as one truthful bar: every way in which the daemon's lines mislead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.models import Manifest, ManifestLayer, PullEvent
from llmhub.core.pulls import STALL_S, PullMeter, PullPhase, PullProgress

DATA = Path(__file__).parents[1] / "data"
VERSIONS = ["0.32.15", "0.24.0"]


def event(line: str) -> PullEvent:
    """A status line as a backend hands it on: what is missing is 0."""
    fields = json.loads(line)
    return PullEvent(fields["status"], fields.get("digest"), fields.get("total"), fields.get("completed", 0))


def contract(name: str) -> list[PullEvent]:
    return [event(line) for line in (DATA / "contracts" / f"ollama-pull-{name}.ndjson").read_text().splitlines()]


def recorded(version: str, name: str) -> Iterator[tuple[float, PullEvent]]:
    """The lines of a recording with their times; what was left out and error lines are skipped."""
    for at, line in json.loads((DATA / "recorded" / f"ollama-{version}" / f"pull-{name}.json").read_text())["lines"]:
        if at is not None and "error" not in json.loads(line):
            yield at, event(line)


def manifest() -> Manifest:
    """The manifest of the contract's model, config last."""
    raw = (DATA / "contracts" / "ollama-manifest.json").read_bytes()
    fields = json.loads(raw)
    layers = [ManifestLayer(one["digest"], one["size"], one["mediaType"]) for one in fields["layers"]]
    config = fields["config"]
    return Manifest(
        sha256(raw).hexdigest(), (*layers, ManifestLayer(config["digest"], config["size"], config["mediaType"]))
    )


def played(events: list[PullEvent], known: Manifest | None, *, every_s: float = 0.5) -> list[PullProgress]:
    """A look after each line, one line each `every_s`."""
    meter = PullMeter(known, now=0.0)
    looks = []
    for number, line in enumerate(events, start=1):
        meter.observe(line, number * every_s)
        looks.append(meter.progress(number * every_s))
    return looks


LAYER = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def line(completed: int, total: int | None = 1000, digest: str = LAYER) -> PullEvent:
    return PullEvent(f"pulling {digest[7:19]}", digest, total, completed)


def small(*sizes: int) -> Manifest:
    digests = [LAYER, OTHER]
    return Manifest("f" * 64, tuple(ManifestLayer(d, s, "x") for d, s in zip(digests, sizes, strict=False)))


@pytest.mark.parametrize("name", ["ok", "cached", "resume"])
def test_the_whole_is_the_manifests_from_the_first_line_on(name: str) -> None:
    looks = played(contract(name), manifest())

    assert {look.total_bytes for look in looks} == {5_225_387_716}
    assert all(look.total_is_whole for look in looks)


@pytest.mark.parametrize("name", ["ok", "cached", "resume", "safetensors"])
@pytest.mark.parametrize("known", [True, False])
def test_what_is_shown_never_falls_and_never_passes_the_whole(name: str, known: bool) -> None:
    looks = played(contract(name), manifest() if known and name != "safetensors" else None)

    shown = [look.completed_bytes for look in looks]
    assert shown == sorted(shown)
    assert all(look.completed_bytes <= (look.total_bytes or look.completed_bytes) for look in looks)


def test_a_first_line_without_completed_is_nothing_yet() -> None:
    looks = played(contract("ok")[:2], manifest())

    assert [look.completed_bytes for look in looks] == [0, 0]
    assert [look.phase for look in looks] == [PullPhase.STARTING, PullPhase.DOWNLOADING]
    assert looks[1].fraction == 0.0


def test_a_step_back_is_not_shown_but_counts_against_the_speed() -> None:
    meter = PullMeter(small(1000, 0), now=0.0)
    meter.observe(line(0), 0.0)
    meter.observe(line(600), 1.0)
    before = meter.progress(1.0)
    meter.observe(line(300), 2.0)

    after = meter.progress(2.0)

    assert (before.completed_bytes, after.completed_bytes) == (600, 600)
    assert after.per_s == 150.0


def test_a_layer_whose_last_line_is_below_its_total_is_whole_when_the_next_one_begins() -> None:
    looks = played([line(900), line(10, 50, OTHER)], small(1000, 50))

    assert looks[1].completed_bytes == 1010


def test_layers_without_a_line_are_whole_when_verifying_begins() -> None:
    looks = played(contract("ok"), manifest())

    verifying = next(look for look in looks if look.phase is PullPhase.VERIFYING)
    assert verifying.completed_bytes == verifying.total_bytes == 5_225_387_716


def test_only_success_is_done() -> None:
    looks = played(contract("ok"), manifest())

    assert [look.phase for look in looks[-3:]] == [PullPhase.VERIFYING, PullPhase.FINISHING, PullPhase.DONE]
    assert looks[-1].fraction == 1.0


def test_removing_old_layers_is_part_of_finishing() -> None:
    looks = played(contract("resume"), manifest())

    assert [look.phase for look in looks[-3:]] == [PullPhase.FINISHING, PullPhase.FINISHING, PullPhase.DONE]


def test_a_failure_to_remove_old_layers_is_no_failure() -> None:
    looks = played([line(1000), PullEvent("couldn't remove unused layers: busy"), PullEvent("success")], small(1000))

    assert [look.phase for look in looks] == [PullPhase.DOWNLOADING, PullPhase.FINISHING, PullPhase.DONE]


def test_without_a_manifest_there_is_no_percentage_only_the_layers_seen() -> None:
    looks = played([line(500), line(10, 50, OTHER)], None)

    assert [(look.completed_bytes, look.total_bytes, look.fraction) for look in looks] == [
        (500, 1000, None),
        (1010, 1050, None),
    ]
    assert all(look.left_s is None for look in looks)


def test_a_manifest_that_comes_late_makes_the_total_whole() -> None:
    meter = PullMeter(None, now=0.0)
    meter.observe(line(500), 0.5)
    before = meter.progress(0.5)

    meter.learn(small(1000, 1000))

    assert (before.fraction, meter.progress(0.5).fraction) == (None, 0.25)


def test_safetensors_count_all_files_under_one_digest_and_are_not_counted_twice() -> None:
    files = Manifest("f" * 64, tuple(ManifestLayer(f"sha256:{n:064x}", 2**30, "tensor") for n in range(16)))

    looks = played(contract("safetensors"), files)

    assert [look.completed_bytes for look in looks] == [0, 0, 1610612736, 9663676416, 2**34, 2**34, 2**34]
    assert looks[-1].phase is PullPhase.DONE


def test_a_total_that_is_absent_is_taken_from_the_manifest() -> None:
    looks = played([line(900, None), line(1, None, OTHER)], small(1000, 50))

    assert looks[1].completed_bytes == 1001


def test_what_was_there_before_is_progress_but_not_speed() -> None:
    meter = PullMeter(small(2000, 0), now=0.0)
    meter.observe(line(1000, 2000), 1.0)
    first = meter.progress(1.0)
    meter.observe(line(1100, 2000), 2.0)

    second = meter.progress(2.0)

    assert (first.completed_bytes, first.per_s) == (1000, None)
    assert (second.completed_bytes, second.per_s) == (1100, 50.0)


def test_layers_on_disk_already_are_one_whole_line_each_without_speed() -> None:
    looks = played(contract("cached"), manifest())

    assert all(look.per_s is None for look in looks)
    assert looks[5].fraction == 1.0


def test_the_time_left_follows_from_the_speed() -> None:
    meter = PullMeter(small(1000), now=0.0)
    meter.observe(line(0), 0.0)
    meter.observe(line(200), 2.0)

    look = meter.progress(2.0)

    assert (look.per_s, look.left_s) == (100.0, 8.0)


def test_the_speed_is_that_of_the_last_seconds_not_of_the_whole_pull() -> None:
    meter = PullMeter(small(100_000), now=0.0)
    for second in range(1, 21):
        meter.observe(line(1000 * second, 100_000), float(second))
    for second in range(21, 41):
        meter.observe(line(20_000 + 100 * (second - 20), 100_000), float(second))

    assert meter.progress(40.0).per_s == pytest.approx(100.0)


def test_the_same_figure_again_and_again_is_a_stall_whatever_the_lines_do() -> None:
    meter = PullMeter(small(1000), now=0.0)
    meter.observe(line(100), 1.0)
    for tick in range(1, 200):
        meter.observe(line(100), 1.0 + tick * 0.06)

    look = meter.progress(13.0)

    assert look.stalled_s == 12.0
    assert (look.per_s, look.left_s) == (None, None)


def test_just_before_the_limit_nothing_is_called_stalled() -> None:
    meter = PullMeter(small(1000), now=0.0)
    meter.observe(line(100), 1.0)

    assert meter.progress(1.0 + STALL_S - 0.01).stalled_s is None
    assert meter.progress(1.0 + STALL_S).stalled_s == STALL_S


def test_one_new_figure_ends_a_stall() -> None:
    meter = PullMeter(small(1000), now=0.0)
    meter.observe(line(100), 1.0)
    meter.observe(line(101), 30.0)

    assert meter.progress(30.5).stalled_s is None


def test_verifying_may_take_long_and_is_no_stall() -> None:
    meter = PullMeter(small(1000), now=0.0)
    meter.observe(line(1000), 1.0)
    meter.observe(PullEvent("verifying sha256 digest"), 2.0)

    look = meter.progress(120.0)

    assert (look.phase, look.stalled_s, look.per_s) == (PullPhase.VERIFYING, None, None)


def test_a_pull_that_goes_on_does_not_fall_back_and_its_old_speed_is_forgotten() -> None:
    meter = PullMeter(small(2000), now=0.0)
    meter.observe(line(0, 2000), 0.0)
    meter.observe(line(1000, 2000), 10.0)
    meter.resumed(100.0)
    waiting = meter.progress(100.1)
    meter.observe(line(950, 2000), 101.0)
    meter.observe(line(1150, 2000), 103.0)

    going = meter.progress(103.0)

    assert (waiting.completed_bytes, waiting.phase, waiting.stalled_s) == (1000, PullPhase.STARTING, None)
    assert going.completed_bytes == 1150
    assert going.per_s == pytest.approx(200 / 3)


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_a_transfer_that_stands_still_is_called_stalled(version: str) -> None:
    meter = PullMeter(None, now=0.0)
    for at, told in recorded(version, "stalled"):
        meter.observe(told, at)
    for tick in range(1, 1167):  # the recording says that equal lines were left out, one each 60 ms
        meter.observe(told, at + tick * 0.06)

    look = meter.progress(at + 1167 * 0.06)

    assert look.completed_bytes == 6_029_312
    assert look.stalled_s == pytest.approx(70, abs=0.1)


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_a_pull_closed_and_asked_for_again_goes_on_where_it_was(version: str) -> None:
    meter = PullMeter(None, now=0.0)
    for at, told in recorded(version, "cancelled"):
        meter.observe(told, at)
    paused = meter.progress(at)
    meter.resumed(100.0)
    shown = []
    for later, told in recorded(version, "resumed"):
        meter.observe(told, 100.0 + later)
        shown.append(meter.progress(100.0 + later))

    assert paused.completed_bytes > 10_000_000
    assert [look.completed_bytes for look in shown] == sorted(look.completed_bytes for look in shown)
    assert shown[0].completed_bytes == paused.completed_bytes
    assert shown[-1].phase is PullPhase.DONE
    # about 7.6 MB a second was what the registry sent; what lay on disk did not make it faster
    rates = [look.per_s for look in shown if look.per_s is not None]
    assert max(rates) < 20_000_000


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_a_small_pull_ends_whole(version: str) -> None:
    meter = PullMeter(None, now=0.0)
    for at, told in recorded(version, "ok"):
        meter.observe(told, at)

    look = meter.progress(at)

    assert (look.phase, look.completed_bytes) == (PullPhase.DONE, look.total_bytes)


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_a_transfer_cut_again_and_again_ends_where_it_stood(version: str) -> None:
    meter = PullMeter(None, now=0.0)
    shown = []
    for at, told in recorded(version, "connection-cut"):
        meter.observe(told, at)
        shown.append(meter.progress(at))

    assert [look.completed_bytes for look in shown] == sorted(look.completed_bytes for look in shown)
    assert shown[-1].completed_bytes == 24_117_248
    assert shown[-1].phase is PullPhase.DOWNLOADING


@given(st.lists(st.tuples(st.sampled_from([LAYER, OTHER]), st.integers(0, 3000)), max_size=40), st.booleans())
def test_whatever_the_lines_say_the_bar_only_grows_and_stays_within_its_whole(
    lines: list[tuple[str, int]], known: bool
) -> None:
    looks = played([line(done, 1000, digest) for digest, done in lines], small(1000, 1000) if known else None)

    shown = [look.completed_bytes for look in looks]
    assert shown == sorted(shown)
    assert all(look.fraction is None or 0.0 <= look.fraction <= 1.0 for look in looks)
    assert all(look.per_s is None or look.per_s > 0 for look in looks)
