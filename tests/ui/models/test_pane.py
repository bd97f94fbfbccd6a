"""The lines of the pane below the models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmhub import formats
from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.models import LoadedModel
from llmhub.core.sizing.assess import SizedModel, assess, understood
from llmhub.core.sizing.details import facts_of_details
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speed import measured
from llmhub.core.sizing.verdicts import Holder
from llmhub.simulators.catalogue import GEMMA3_4B, QWEN3_8B
from llmhub.ui.models import fitting
from llmhub.ui.models.pane import ROOMY, Line, PaneView, legend, pane_lines
from llmhub.ui.models.rows import ModelRow
from support.fake_host import cloud_model, installed_model
from support.models_mode import NOW
from support.sized_models import details_of, qwen3_32b

MAC = MemoryState("unified", 25 * GIB, 19 * GIB, "Metal's own limit on this Mac", Placement.UNIFIED)
QWEN3_32B = understood(facts_of_details(qwen3_32b()))
HYBRID = understood(
    ModelFacts(
        {
            "general.architecture": "granitehybrid",
            "granitehybrid.block_count": 4,
            "granitehybrid.embedding_length": 1536,
            "granitehybrid.feed_forward_length": 4096,
            "granitehybrid.attention.head_count": 12,
            "granitehybrid.attention.head_count_kv": (0, 0, 0, 4),
            "granitehybrid.ssm.conv_kernel": 4,
            "granitehybrid.ssm.state_size": 128,
            "granitehybrid.ssm.group_count": 1,
            "granitehybrid.ssm.inner_size": 3072,
            "granitehybrid.ssm.time_step_rank": 48,
            "granitehybrid.vocab_size": 100_352,
        },
        file_bytes=2 * GIB,
    )
)


def report_of(sized: SizedModel | None = QWEN3_32B, memory: MemoryState | None = MAC, **more: object) -> FitReport:
    return assess("a:1", sized, Setup(8192), memory, **more)  # type: ignore[arg-type]


def lines_of(report: FitReport | None, *, width: int = 78, height: int = 6, row: ModelRow | None = None) -> list[str]:
    view = PaneView(row or ModelRow(installed_model("a:1"), fit=report), report, (), NOW)
    return [text(line) for line in pane_lines(view, width, height)]


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


def test_six_lines_where_it_is_small() -> None:
    lines = lines_of(report_of(holders=[Holder("b:1", 6 * GIB)]))

    assert lines[0] == "a:1   8.2B Q4_K_M · qwen3 · trained 40,960 · tools"
    assert (len(lines[1]), lines[1].count("┊"), lines[1][0]) == (78, 2, "▓")
    assert lines[2] == "▓ weights 18.4  ▒ KV cache 2.0  ░ compute 0.4  ┊ 19.0 free  ┊ 25.0 limit GiB"
    assert lines[3] == "context 8,192   KV f16   largest 22,016"
    assert lines[4] == "↻ fits if freed: needs 20.8 GiB, keeps 1.0 free; b:1 holds 6.0"
    assert lines[5].startswith("not loaded · this machine · 4.9 GiB on disk")


@pytest.mark.parametrize("width", [30, 60, 78, 100, 160])
def test_the_bar_is_as_wide_as_the_pane_and_the_legend_is_cut_short_before_it_is_wider(width: int) -> None:
    report = report_of()
    lines = lines_of(report, width=width)

    assert formats.cells(lines[1]) == width
    if width >= 70:
        assert formats.cells(lines[2]) <= width
    for figure in ("18.4", "2.0", "0.4", "19.0 free", "25.0 limit"):
        assert figure in lines[2]


def test_where_there_is_room_speed_notes_and_disk_have_lines_of_their_own() -> None:
    gemma = understood(facts_of_details(details_of(GEMMA3_4B)))

    lines = lines_of(report_of(gemma, measured=measured(47.2, "measured here")), height=10)

    assert "47.2 tok/s, measured here" in lines
    assert any(line.startswith("· encoding an image takes") for line in lines)
    assert any(line.startswith("· ollama ps leaves out") for line in lines)
    assert lines[-1].startswith("4.9 GiB on disk")
    assert len(lines) >= ROOMY


def test_a_projector_and_a_recurrent_state_have_their_names() -> None:
    gemma = legend(report_of(understood(facts_of_details(details_of(GEMMA3_4B)))).verdict, 100)
    hybrid = legend(report_of(HYBRID).verdict, 100)

    assert "▚ projector 0.8" in text(gemma)
    assert "▒ KV and recurrent state <0.1" in text(hybrid)


def test_what_a_loaded_model_holds_itself_counts_as_free_for_it() -> None:
    tight = replace(MAC, free_bytes=4 * GIB)

    assert "┊ 24.0 free for it   ┊ 25.0 limit GiB" in text(
        legend(report_of(memory=tight, own_bytes=20 * GIB).verdict, 100)
    )


def test_a_loaded_model_says_where_it_is_instead() -> None:
    entry = LoadedModel("a:1", 6 * GIB, 6 * GIB, never_expires=True, context_tokens=4096)
    report = report_of()

    lines = lines_of(report, row=ModelRow(installed_model("a:1"), entry, fit=report))

    assert lines[5] == "loaded · 6.0 GiB, all on the GPU · context 4,096 · stays"


def test_what_fits_at_no_context_says_so_and_the_limit_lies_inside_the_bar() -> None:
    lines = lines_of(report_of(memory=replace(MAC, capacity_bytes=12 * GIB, free_bytes=12 * GIB)))

    assert lines[3].endswith("largest none fits")
    assert lines[4].startswith("✗ does not fit: needs 20.8 GiB, there are 12.0")
    assert lines[1].index("┊") < 60
    assert "·" not in lines[1]


def test_without_a_budget_the_sum_stands_where_the_bar_would_be() -> None:
    lines = lines_of(report_of(memory=None))

    assert lines[1] == "needs 20.8 GiB = weights 18.4 + KV cache 2.0 + compute 0.4"
    assert "[machine] memory" in lines[2]
    assert lines[4].startswith("? unknown: ")


def test_without_insides_what_there_is_stands_there() -> None:
    lines = lines_of(report_of(None, why_unknown="it is being looked up"))

    assert lines[2] == "there are 25.0 GiB, 19.0 free · Metal's own limit on this Mac"
    assert lines[4] == "? unknown: it is being looked up"
    assert "largest" not in lines[3]


def test_a_model_that_runs_elsewhere_has_no_arithmetic() -> None:
    lines = lines_of(report_of(None), row=ModelRow(cloud_model("big:cloud")))

    assert lines[2] == "runs in Ollama cloud as big:cloud: what you send leaves this machine"
    assert lines_of(None)[2] == "not loaded · this machine"


@pytest.mark.parametrize(
    ("n_bytes", "estimated", "said"),
    [
        (6 * GIB, False, "6.0 GiB"),
        (6 * GIB, True, "~6.0 GiB"),
        (376_400_000, True, "~359 MiB"),
        (10**8, False, "95.4 MiB"),
    ],
)
def test_a_need_in_a_column_is_at_most_nine_cells(n_bytes: int, estimated: bool, said: str) -> None:
    report = report_of()
    assert report.need is not None
    need = replace(report.need, weights_bytes=n_bytes, kv_bytes=0, compute_bytes=0, estimated=estimated)
    fit = replace(report, verdict=replace(report.verdict, need=need))

    assert fitting.needs(ModelRow(installed_model("a:1"), fit=fit)) == said
    assert len(said) <= 9


def test_nothing_is_said_of_a_row_that_was_not_sized() -> None:
    row = ModelRow(installed_model("a:1"))

    assert (fitting.verdict(row), fitting.ink(row), fitting.needs(row), fitting.speed(row)) == ("—", "dim", "—", "—")


def test_qwen_at_rest_is_known_whole() -> None:
    sized = understood(facts_of_details(details_of(QWEN3_8B), QWEN3_8B.total_bytes))

    assert fitting.ink(ModelRow(installed_model("a:1"), fit=report_of(sized))) == "fits"
