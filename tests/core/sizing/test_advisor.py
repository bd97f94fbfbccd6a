"""The advisor: what it learns of a daemon's models, what it keeps, and when a report is made anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from llmhub.core.errors import FailureKind
from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.models import DaemonInfo, LoadedModel
from llmhub.core.places import THIS_MACHINE
from llmhub.core.sizing.advisor import Advisor, counts_its_buffers
from llmhub.core.sizing.facts import EngineSettings
from llmhub.core.sizing.families import family_of
from llmhub.core.sizing.speed import measured
from llmhub.core.sizing.speeds import Speed
from llmhub.core.sizing.verdicts import Holder, VerdictKind
from llmhub.core.watch import HostState
from llmhub.machine.chips import find_chip
from llmhub.simulators.catalogue import GPT_OSS_20B, QWEN3_8B
from support.fake_host import FakeHost, cloud_model, failure, installed_model
from support.sized_models import details_of, qwen3_32b

MAC = MemoryState("unified", 25 * GIB, 25 * GIB, "a test", Placement.UNIFIED)
M1_MAX = find_chip("M1 Max")


class Stand:
    """An advisor over a fake host; the test sets what it sees."""

    def __init__(
        self,
        host: FakeHost,
        *,
        speed: Callable[[str], Speed | None] = lambda _: None,
        correction: Callable[[str, int], int] = lambda _name, _need: 0,
    ) -> None:
        self.host = host
        self.memory: MemoryState | None = MAC
        self.state = HostState(host.name, host.url, THIS_MACHINE)
        self.changes = 0
        self._work: list[Coroutine[Any, Any, None]] = []
        self.advisor = Advisor(
            host,
            state=lambda: self.state,
            memory=lambda: self.memory,
            changed=self._changed,
            spawn=self._work.append,
            default_context=8192,
            measured=speed,
            correction=correction,
        )

    def _changed(self) -> None:
        self.changes += 1

    async def look(self) -> None:
        """As the hub does: the state first, then the advisor, then what it spawned."""
        self.state = replace(
            self.state,
            looked=True,
            info=DaemonInfo(self.host.version, is_ollama=True),
            installed=tuple(self.host.models),
            loaded=tuple(self.host.residents),
        )
        self.advisor.looked()
        while self._work:
            await self._work.pop()


def three() -> FakeHost:
    """Two models whose insides are told, and one in the cloud."""
    host = FakeHost(
        installed_model("qwen3:8b", 5_225_388_164),
        installed_model("qwen3:32b", 19_763_251_440),
        cloud_model("gpt-oss:120b-cloud"),
    )
    host.shown = {"qwen3:8b": details_of(QWEN3_8B), "qwen3:32b": qwen3_32b()}
    return host


# -- reports --------------------------------------------------------------------------------------


async def test_a_report_has_need_verdict_speed_and_the_largest_context() -> None:
    stand = Stand(three())
    stand.advisor.chip = M1_MAX
    await stand.look()

    report = stand.advisor.report("qwen3:32b")

    assert report.verdict.kind is VerdictKind.FITS
    assert report.need is not None
    assert round(report.need.total_bytes / GIB, 1) == 20.8
    assert report.setup.context == 8192
    assert report.largest_context is not None
    assert report.largest_context > 16_384
    assert report.speed.per_s is not None
    assert 7 < report.speed.per_s < 11


async def test_before_a_model_was_looked_up_it_is_unknown_with_that_reason() -> None:
    stand = Stand(three())
    await stand.look()
    stand.host.models.append(installed_model("new:1b"))
    stand.state = replace(stand.state, installed=tuple(stand.host.models))

    verdict = stand.advisor.report("new:1b").verdict

    assert (verdict.kind, verdict.why_unknown) == (VerdictKind.UNKNOWN, "it is being looked up")


async def test_reports_of_all_models_are_the_single_ones_without_the_largest_context() -> None:
    stand = Stand(three())
    await stand.look()

    together = stand.advisor.reports(4096)

    assert list(together) == ["qwen3:8b", "qwen3:32b", "gpt-oss:120b-cloud"]
    for name, report in together.items():
        assert report == replace(stand.advisor.report(name, 4096), largest_context=None)
    assert stand.advisor.report("qwen3:8b", 4096).largest_context == 40_960


async def test_what_is_not_here_and_what_runs_elsewhere_have_their_reasons() -> None:
    stand = Stand(three())
    await stand.look()

    assert stand.advisor.report("who:1b").verdict.why_unknown == "it is not installed"
    assert stand.advisor.report("gpt-oss:120b-cloud").verdict.why_unknown == (
        "it runs in Ollama cloud, not in this memory"
    )
    assert ("details", "gpt-oss:120b-cloud") not in stand.host.calls


async def test_without_a_budget_the_need_is_told_and_the_verdict_is_not() -> None:
    stand = Stand(three())
    await stand.look()
    stand.memory = None

    report = stand.advisor.report("qwen3:8b")

    assert report.need is not None
    assert report.verdict.kind is VerdictKind.UNKNOWN
    assert "memory" in report.verdict.why_unknown
    assert report.largest_context is None


@pytest.mark.parametrize(
    ("wanted", "context"), [(None, 8192), (4096, 4096), (40_960, 40_960), (131_072, 40_960)], ids=str
)
async def test_a_context_is_never_above_what_the_model_was_trained_for(wanted: int | None, context: int) -> None:
    stand = Stand(three())
    await stand.look()

    assert stand.advisor.context_of("qwen3:8b", wanted) == context
    assert stand.advisor.report("qwen3:8b", wanted).setup.context == context


async def test_a_preset_that_asks_for_more_is_what_a_chat_would_ask_for() -> None:
    host = three()
    host.shown["qwen3:8b"] = replace(details_of(QWEN3_8B), parameters="num_ctx    16384")
    stand = Stand(host)
    await stand.look()

    assert stand.advisor.context_of("qwen3:8b") == 16_384
    assert stand.advisor.context_of("qwen3:8b", 2048) == 2048


# -- what is kept -----------------------------------------------------------------------------------


async def test_a_report_is_kept_until_something_changes_that_it_was_made_of() -> None:
    speeds: dict[str, Speed] = {}
    corrections = {"qwen3:8b": 0}
    stand = Stand(three(), speed=speeds.get, correction=lambda name, _: corrections.get(name, 0))
    await stand.look()

    first = stand.advisor.report("qwen3:8b")
    assert stand.advisor.report("qwen3:8b") is first
    stand.memory = replace(MAC)
    assert stand.advisor.report("qwen3:8b") is first, "an equal look is no change"

    stand.memory = replace(MAC, free_bytes=2 * GIB)
    assert stand.advisor.report("qwen3:8b").verdict.kind is VerdictKind.FITS_IF_FREED
    stand.memory = MAC
    assert stand.advisor.report("qwen3:8b").speed.per_s is None
    speeds["registry.ollama.ai/library/qwen3:8b"] = measured(47.2, "measured here")
    assert stand.advisor.report("qwen3:8b").speed.per_s == 47.2
    corrections["qwen3:8b"] = GIB
    corrected = stand.advisor.report("qwen3:8b")
    assert corrected.need is not None
    assert first.need is not None
    assert corrected.need.total_bytes == first.need.total_bytes + GIB
    corrections["qwen3:8b"] = 0
    stand.advisor.engine = EngineSettings("q8_0")
    smaller = stand.advisor.report("qwen3:8b")
    assert smaller.need is not None
    assert smaller.need.kv_bytes < first.need.kv_bytes
    stand.advisor.engine = EngineSettings()
    stand.advisor.chip = M1_MAX
    speeds.clear()
    assert stand.advisor.report("qwen3:8b").speed.per_s is not None


async def test_a_model_that_is_loaded_changes_the_verdicts_of_the_others() -> None:
    stand = Stand(three())
    await stand.look()
    assert stand.advisor.report("qwen3:32b").verdict.kind is VerdictKind.FITS

    stand.host.residents = [LoadedModel("qwen3:8b", 6 * GIB, 6 * GIB, context_tokens=8192)]
    stand.memory = replace(MAC, free_bytes=19 * GIB)
    await stand.look()

    verdict = stand.advisor.report("qwen3:32b").verdict
    assert verdict.kind is VerdictKind.FITS_IF_FREED
    assert verdict.to_unload == (Holder("qwen3:8b", 6 * GIB),)
    own = stand.advisor.report("qwen3:8b").verdict
    assert (own.kind, own.own_bytes) == (VerdictKind.FITS, 6 * GIB)


async def test_a_loaded_model_is_never_told_to_leave_for_itself() -> None:
    host = three()
    host.residents = [
        LoadedModel("qwen3:32b", 20 * GIB, 20 * GIB, context_tokens=2048),
        LoadedModel("qwen3:8b", 4 * GIB, 4 * GIB, context_tokens=2048),
    ]
    stand = Stand(host)
    stand.memory = replace(MAC, free_bytes=GIB)
    await stand.look()

    verdict = stand.advisor.report("qwen3:32b").verdict

    assert verdict.kind is VerdictKind.FITS_IF_FREED
    assert [holder.name for holder in verdict.to_unload] == ["qwen3:8b"]
    eight = stand.advisor.report("qwen3:8b", 16_384).verdict
    assert [holder.name for holder in eight.to_unload] == ["qwen3:32b"]


async def test_a_name_in_another_spelling_is_the_same_model() -> None:
    host = FakeHost(installed_model("Qwen3:8B", 5_225_388_164))
    host.shown["Qwen3:8B"] = details_of(QWEN3_8B)
    host.residents = [LoadedModel("qwen3:8b", 6 * GIB, 6 * GIB, context_tokens=8192)]
    stand = Stand(host)
    await stand.look()

    assert stand.advisor.reports()["Qwen3:8B"].verdict.own_bytes == 6 * GIB
    assert stand.advisor.reports()["Qwen3:8B"].verdict.to_unload == ()
    assert stand.advisor.holders(besides="QWEN3:8b") == ()


# -- learning ---------------------------------------------------------------------------------------


async def test_each_model_is_looked_up_once_and_whoever_shows_it_is_told() -> None:
    stand = Stand(three())
    await stand.look()
    await stand.look()

    assert [call for call in stand.host.calls if call[0] == "details"] == [
        ("details", "qwen3:8b"),
        ("details", "qwen3:32b"),
    ]
    assert stand.changes == 2


async def test_another_model_under_the_same_name_is_looked_up_again() -> None:
    stand = Stand(three())
    await stand.look()

    stand.host.models[0] = replace(stand.host.models[0], digest="f" * 64)
    await stand.look()

    assert stand.host.calls.count(("details", "qwen3:8b")) == 2


async def test_a_look_up_that_fails_is_the_reason_and_is_tried_three_times() -> None:
    stand = Stand(three())
    stand.host.failures["details"] = failure(FailureKind.REFUSED, happened="The file is broken", subject="qwen3:8b")
    for _ in range(5):
        await stand.look()

    verdict = stand.advisor.report("qwen3:8b").verdict

    assert (verdict.kind, verdict.why_unknown) == (VerdictKind.UNKNOWN, "the file is broken")
    assert stand.host.calls.count(("details", "qwen3:8b")) == 3


async def test_a_daemon_that_tells_nothing_useful_leaves_a_reason() -> None:
    stand = Stand(FakeHost(installed_model("odd:1b")))
    await stand.look()

    assert stand.advisor.report("odd:1b").verdict.why_unknown == "the file does not name its architecture"


async def test_while_models_are_looked_up_it_says_so() -> None:
    host = three()
    host.gates["details"] = gate = asyncio.Event()
    stand = Stand(host)
    looking = asyncio.create_task(stand.look())
    await asyncio.sleep(0)
    assert stand.advisor.is_looking

    gate.set()
    await looking

    assert not stand.advisor.is_looking


async def test_nothing_is_asked_of_a_daemon_that_is_gone() -> None:
    stand = Stand(three())
    stand.state = replace(stand.state, looked=True, error=failure(FailureKind.UNREACHABLE))
    stand.advisor.looked()

    assert stand.host.calls == []


# -- what a loaded model holds ------------------------------------------------------------------------


def two_caches(version: str) -> Stand:
    host = FakeHost(installed_model("gpt-oss:20b", 13_793_441_244))
    host.version = version
    host.shown["gpt-oss:20b"] = details_of(GPT_OSS_20B)
    host.residents = [LoadedModel("gpt-oss:20b", 13 * GIB, 12 * GIB, context_tokens=8192)]
    return Stand(host)


@pytest.mark.parametrize(("version", "left_out"), [("0.32.15", 201_326_592), ("0.29.9", 0), ("dev", 0)])
async def test_of_two_caches_the_one_that_a_daemon_leaves_out_is_added(version: str, left_out: int) -> None:
    stand = two_caches(version)
    await stand.look()
    (loaded,) = stand.state.loaded

    assert stand.advisor.left_out_bytes(loaded) == left_out
    assert stand.advisor.held_bytes(loaded) == 13 * GIB + left_out
    assert stand.advisor.holders() == (Holder("gpt-oss:20b", 13 * GIB + left_out),)


async def test_on_a_card_what_lies_on_the_card_counts() -> None:
    stand = two_caches("0.29.0")
    stand.memory = replace(MAC, placement=Placement.CARD)
    await stand.look()

    assert stand.advisor.holders() == (Holder("gpt-oss:20b", 12 * GIB),)


@pytest.mark.parametrize(
    ("version", "counts"),
    [("0.30.0", True), ("v0.32.15", True), ("1.0", True), ("0.29.9", False), ("", False), ("main", False)],
)
def test_daemons_count_their_buffers_from_0_30_on(version: str, counts: bool) -> None:
    assert counts_its_buffers(version) is counts


async def test_slots_and_attention_of_the_daemon_count_but_not_for_models_that_get_one_slot() -> None:
    stand = Stand(three())
    await stand.look()
    plain = stand.advisor.report("qwen3:8b").need

    stand.advisor.engine = EngineSettings(parallel=4, flash_attention=False)
    four = stand.advisor.report("qwen3:8b").need

    assert plain is not None
    assert four is not None
    assert four.kv_bytes == 4 * plain.kv_bytes
    assert four.compute_bytes > plain.compute_bytes
    assert EngineSettings(parallel=4).setup(8192, one_slot=True).parallel == 1
    assert [family_of(name).one_slot for name in ("lfm2", "qwen35moe", "nemotron_h_moe", "qwen3", "llama")] == [
        True, True, True, False, False,
    ]  # fmt: skip
