"""Pulls on the Models mode: one truthful line each, and the keys that hold or leave them."""

from __future__ import annotations

import asyncio

import pytest

from llmhub.core.errors import FailureKind
from llmhub.core.models import Manifest, ManifestLayer, PullEvent
from llmhub.core.pull_queue import Pull, PullState
from llmhub.core.pulls import PullPhase, PullProgress
from llmhub.ui.widgets.pull_line import PullLine, told_words
from support.fake_host import GIB, FakeHost, failure, installed_model
from support.hubs import FakeAppMemory, FakeRegistry
from support.models_mode import Stand, models_mode
from support.screens import drawn, shows

LAYER = "sha256:" + "a" * 64
BEGIN, VERIFY, SUCCESS = PullEvent("pulling manifest"), PullEvent("verifying sha256 digest"), PullEvent("success")
WHOLE = 13_793_441_244


def line(completed: int, total: int = WHOLE) -> PullEvent:
    return PullEvent("pulling aaaaaaaaaaaa", LAYER, total, completed)


def registry(**names: int) -> FakeRegistry:
    made = FakeRegistry()
    for name, size in names.items():
        made.manifests[name.replace("__", ":")] = Manifest("f" * 64, (ManifestLayer(LAYER, size, "model"),))
    return made


def progress(
    phase: PullPhase = PullPhase.DOWNLOADING,
    completed: int = 8_375_186_227,
    total: int | None = WHOLE,
    *,
    whole: bool = True,
    per_s: float | None = 42 * 2**20,
    left_s: float | None = 129.0,
    stalled_s: float | None = None,
) -> PullProgress:
    return PullProgress(phase, completed, total, whole, per_s, left_s, stalled_s)


PULLING = PullState.PULLING


@pytest.mark.parametrize(
    ("pull", "told"),
    [
        (Pull("a", PULLING, progress()), "7.8 of 12.8 GiB  42 MiB/s  2 m left"),
        (Pull("a", PULLING, progress(per_s=None, left_s=None)), "7.8 of 12.8 GiB"),
        (Pull("a", PULLING, progress(whole=False, left_s=None)), "7.8 of at least 12.8 GiB  42 MiB/s"),
        (
            Pull("a", PULLING, progress(per_s=None, left_s=None, stalled_s=72.0)),
            "7.8 of 12.8 GiB  stands still for 1 m",
        ),
        (Pull("a", PULLING, None), "asking the registry"),
        (Pull("a", PULLING, progress(PullPhase.STARTING, 0, None)), "asking the registry"),
        (Pull("a", PULLING, progress(PullPhase.VERIFYING)), "verifying what came"),
        (Pull("a", PULLING, progress(PullPhase.FINISHING)), "finishing"),
        (Pull("a", PullState.WAITING, position=1), "waiting, next"),
        (Pull("a", PullState.WAITING, position=2), "waiting, 2nd"),
        (Pull("a", PullState.WAITING, position=13), "waiting, 13th"),
        (Pull("a", PullState.WAITING, progress(), position=3), "waiting, 3rd  7.8 of 12.8 GiB"),
        (Pull("a", PullState.PAUSED, progress(per_s=None, left_s=None)), "paused  7.8 of 12.8 GiB"),
        (Pull("a", PullState.PAUSED), "paused"),
        (Pull("a", PullState.FAILED, progress(), failure(happened="Disk full")), "Disk full  7.8 of 12.8 GiB"),
        (Pull("a", PullState.DONE, progress()), "done"),
    ],
)  # fmt: skip
def test_a_pull_in_words(pull: Pull, told: str) -> None:
    assert told_words(pull)[0] == told


def lines(stand: Stand) -> list[str]:
    return [row for row in drawn(stand.app).splitlines() if row[:2] in {" ↓", " ‖", " ✗", " ✓"} and row.endswith("  x")]


async def begin(stand: Stand, name: str, *steps: PullEvent | asyncio.Event) -> asyncio.Event:
    """Let `name` be pulled and stand at a gate after `steps`."""
    gate = asyncio.Event()
    stand.host.will_pull(name, *steps, gate, VERIFY, SUCCESS)
    stand.hub.pulls.add(name)
    return gate


async def test_a_pull_has_a_bar_over_the_whole_model_until_its_row_is_there() -> None:
    async with models_mode(registry=registry(new__1=2 * WHOLE)) as stand:
        gate = await begin(stand, "new:1", BEGIN, line(WHOLE))
        await shows(stand.pilot, "50 %")
        assert "12.8 of 25.7 GiB" in lines(stand)[0]
        assert "▓" in lines(stand)[0]
        assert lines(stand)[0].endswith("space  x")

        gate.set()
        await stand.until(lambda: "new:1" in stand.names)

        await stand.until(lambda: not lines(stand))


async def test_without_a_manifest_there_is_no_bar_and_no_percentage() -> None:
    async with models_mode() as stand:
        await begin(stand, "new:1", BEGIN, line(WHOLE // 2))
        await shows(stand.pilot, "of at least 12.8 GiB")

        assert "%" not in lines(stand)[0]
        assert "▓" not in lines(stand)[0]


async def test_space_pauses_and_goes_on_and_x_takes_it_away() -> None:
    async with models_mode() as stand:
        await begin(stand, "new:1", BEGIN, line(WHOLE // 2))
        await shows(stand.pilot, "6.4 of at least")

        await stand.press("space")
        await shows(stand.pilot, "paused  6.4 of at least 12.8 GiB")
        await stand.until(lambda: stand.host.closed_early == ["new:1"])
        await begin(stand, "new:1", BEGIN)
        await shows(stand.pilot, "asking the registry")
        await stand.press("x")
        await stand.until(lambda: not lines(stand))

        assert stand.hub.pulls.pulls == ()
        assert stand.host.closed_early == ["new:1", "new:1"]


async def test_the_keys_at_the_end_of_the_line_can_be_clicked() -> None:
    async with models_mode() as stand:
        await begin(stand, "new:1", BEGIN)
        await stand.until(lambda: lines(stand))
        row = lines(stand)[0]

        await stand.pilot.click("PullLine", offset=(row.index("space"), 0))
        await shows(stand.pilot, "space: go on")
        await stand.pilot.click("PullLine", offset=(77, 0))
        await stand.until(lambda: not lines(stand))


async def test_tab_reaches_a_line_and_its_keys_are_about_that_pull() -> None:
    async with models_mode() as stand:
        gate = await begin(stand, "a:1", BEGIN)
        for name in ("b:1", "c:1"):
            stand.hub.pulls.add(name)
        await stand.until(lambda: len(lines(stand)) == 3)
        assert "waiting, next" in lines(stand)[1]
        assert "waiting, 2nd" in lines(stand)[2]

        stand.screen.query(PullLine).last().focus()
        await stand.press("enter")
        await stand.until(lambda: "c:1" in lines(stand)[1])
        assert isinstance(stand.app.focused, PullLine)
        await stand.press("x")
        await stand.until(lambda: len(lines(stand)) == 2)

        assert isinstance(stand.app.focused, PullLine)
        assert stand.app.chats == []
        gate.set()
        await stand.until(lambda: not lines(stand))
        await stand.until(lambda: stand.app.focused is stand.table)
        assert {"a:1", "b:1"} <= set(stand.names)


async def test_a_pull_that_fails_is_told_in_the_strip_and_can_be_tried_again_from_there() -> None:
    async with models_mode() as stand:
        error = failure(FailureKind.DISK, happened="The disk is full", subject="new:1", remedy="make room")
        stand.host.will_pull("new:1", BEGIN, line(WHOLE // 2), error)
        stand.hub.pulls.add("new:1")
        await stand.until(lambda: stand.strip.error is error)
        assert "The disk is full" in lines(stand)[0]

        stand.strip.focus()
        await stand.press("enter", "enter")
        await stand.until(lambda: "new:1" in stand.names)

        assert stand.strip.error is None


async def test_what_was_unfinished_comes_back_paused_with_the_key_that_goes_on() -> None:
    memory = FakeAppMemory()
    memory.set("pulls", ["old:1"])
    async with models_mode(FakeHost(installed_model("a:1")), app_memory=memory) as stand:
        stand.hub.start()
        await shows(stand.pilot, "old:1  paused")

        await stand.press("space")
        await stand.until(lambda: "old:1" in stand.names)

        assert memory.get("pulls") == []


async def test_a_name_longer_than_the_line_leaves_room_for_what_matters() -> None:
    name = "hf.co/a-very-long-author-name/A-Very-Long-Model-Name-Instruct-GGUF:Q4_K_M"
    async with models_mode(registry=registry(**{name.replace(":", "__"): 2 * GIB})) as stand:
        await begin(stand, name, BEGIN, line(GIB, 2 * GIB))
        await shows(stand.pilot, "50 %")

        assert lines(stand)[0].endswith("50 %  1.0 of 2.0 GiB  space  x")
        assert lines(stand)[0].startswith(" ↓ hf.co/a-very…ame-Instruct-GGUF:Q4_K_M  ▓▓▓░░░ 50 %")
        assert len(lines(stand)[0]) <= 80
