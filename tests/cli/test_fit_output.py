"""What `llmhub fit` writes: its public JSON, and the text at 80 columns for every verdict (tests/cli/goldens)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmhub import formats
from llmhub.cli.console import Console
from llmhub.cli.fit_road import Fitted
from llmhub.cli.fit_text import fit_lines
from llmhub.core.catalog import CatalogEntry, Variant
from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.need import Need
from llmhub.core.sizing.report import FitReport, LadderRow
from llmhub.core.sizing.speed import measured
from llmhub.core.sizing.speeds import Speed
from llmhub.core.sizing.verdicts import judge
from llmhub.formats import fit_words, sizing
from llmhub.formats.fit_json import fit_json
from support.commands import Commands, Stream
from support.fake_host import FakeHost
from support.fitting import M1_MAX, Surroundings, daemon, facts, header_file
from support.gguf_files import LLAMA_3_1_8B, LLAMA_3_1_70B, QWEN_2_5_32B, file_bytes
from support.screens import check_golden

GOLDENS = Path(__file__).parent / "goldens"
FIELDS = (
    *("model", "source", "quantization", "architecture", "parameters", "file_bytes", "weights_bytes", "state_bytes"),
    *("compute_bytes", "projector_bytes", "need_bytes", "context", "context_trained", "largest_context", "kv_type"),
    *("parallel", "batch", "budget", "verdict", "reasons", "speed"),
)
"""design.md, section 4, in its order."""


# -- JSON -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("llama3.1:8b",), ("nosuch:1b",), ("llama3.1:8b", "--chip", "4090")])
def test_the_object_has_the_public_fields_in_their_order(
    llmhub: Commands, around: Surroundings, arguments: tuple[str, ...]
) -> None:
    llmhub.host = daemon("llama3.1:8b")

    told = llmhub("fit", *arguments, "--json").json

    assert tuple(told) == FIELDS
    assert tuple(told["budget"]) == ("capacity_bytes", "free_bytes", "reserve_bytes", "source")
    assert tuple(told["speed"]) == ("estimate_per_s", "low_per_s", "high_per_s", "ceiling_per_s", "basis")


def test_the_terms_add_up_and_every_figure_is_exact(llmhub: Commands, around: Surroundings) -> None:
    around.memory = replace(M1_MAX, placement=Placement.CPU)
    llmhub.host = daemon("llama3.1:8b")

    done = llmhub("--json", "fit", "llama3.1:8b", "--ctx", "32768", "--batch", "512")

    told = done.json
    assert done.code == 0
    assert done.out.count("\n") == 1
    assert told["need_bytes"] == sum(told[f"{term}_bytes"] for term in ("weights", "state", "compute", "projector"))
    assert (told["weights_bytes"], told["state_bytes"]) == (4_912_898_304, 4_294_967_296)
    assert told["compute_bytes"] == pytest.approx(155_201_568 + 128_256 * 4, rel=0.01)
    assert told["file_bytes"] == file_bytes(LLAMA_3_1_8B.q4_k_m())
    assert (told["architecture"], told["parameters"]) == ("llama", 8_030_261_312)
    assert (told["context"], told["context_trained"], told["batch"]) == (32_768, 131_072, 512)
    assert told["budget"] == {
        "capacity_bytes": 25 * GIB,
        "free_bytes": 19 * GIB,
        "reserve_bytes": GIB,
        "source": "Metal's own limit on this Mac",
    }
    assert told["reasons"][0].startswith("It needs 8.7 GiB = weights 4.6 + KV cache 4.0 + compute 0.1")
    assert all(isinstance(told[name], int) for name in FIELDS if name.endswith("_bytes"))


def test_unknown_is_null(llmhub: Commands, around: Surroundings) -> None:
    around.memory = None
    llmhub.host = FakeHost()

    told = llmhub("fit", "nosuch:1b", "--json").json

    known = {"model", "context", "kv_type", "parallel", "batch", "budget", "verdict", "reasons", "speed"}
    assert {name for name, value in told.items() if value is not None} == known
    assert set(told["budget"].values()) == {None}
    assert set(told["speed"].values()) == {None}
    assert told["verdict"] == "unknown"
    assert told["reasons"] == ["No verdict: the registry has no such model."]


def test_what_earlier_loads_taught_counts_with_the_work_buffer() -> None:
    need = Need(4 * GIB, GIB, 0, GIB, GIB // 2, correction_bytes=-1000)

    told = fit_json(FitReport("a", Setup(8192), judge(need, None), largest_context=0))

    assert told["compute_bytes"] == GIB - 1000
    assert told["need_bytes"] == sum(told[f"{term}_bytes"] for term in ("weights", "state", "compute", "projector"))
    assert told["largest_context"] == 0


def test_what_a_reader_should_know_of_the_figures_is_among_the_reasons() -> None:
    report = FitReport("a", Setup(8192), judge(Need(GIB, 0, 0, 0), None), notes=("it needs Ollama 0.12.0 or newer",))

    assert fit_json(report)["reasons"][-1] == "It needs Ollama 0.12.0 or newer."


# -- text -------------------------------------------------------------------------------------------


LADDER = (
    Variant("qwen2.5:32b-q8_0", "Q8_0", 34_820_884_384),
    Variant("qwen2.5:32b-q5_K_M", "Q5_K_M", 23_262_157_216),
    Variant("qwen2.5:32b", "Q4_K_M", 19_851_335_840),
    Variant("qwen2.5:32b-q3_K_M", "Q3_K_M", None),
    Variant("qwen2.5:32b-q2_K", "Q2_K", 12_313_098_272),
)


def looked_up(around: Surroundings) -> None:
    around.catalog.entries["qwen2.5:32b"] = CatalogEntry(
        "qwen2.5:32b",
        "registry.ollama.ai",
        facts(QWEN_2_5_32B),
        download_bytes=19_851_349_390,
        quantization="Q4_K_M",
        requires="0.5.0",
    )
    around.catalog.offered["qwen2.5:32b"] = LADDER


def golden(llmhub: Commands, name: str, code: int, *arguments: str) -> None:
    done = llmhub("fit", *arguments)

    assert done.code == code, done.err
    check_golden(f"fit-{name}-80x40", done.err + done.out, GOLDENS)


def test_text_of_what_fits(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")

    golden(llmhub, "fits", 0, "llama3.1:8b")


def test_text_of_what_fits_once_a_model_is_unloaded(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")
    llmhub.host.loaded_as("llama3.1:8b", 6 * GIB)
    looked_up(around)

    golden(llmhub, "fits-if-freed", 0, "qwen2.5:32b")


def test_text_of_what_is_tight(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")

    golden(llmhub, "tight", 3, "llama3.1:8b", "--chip", "M2", "--memory", "8GiB", "--ctx", "4096")


def test_text_of_what_goes_partly_onto_the_cpu(llmhub: Commands, around: Surroundings, tmp_path: Path) -> None:
    llmhub.host = FakeHost()
    path = header_file(tmp_path, LLAMA_3_1_70B)

    golden(llmhub, "partial", 3, "--gguf", str(path), "--chip", "RTX 4090", "--ram", "64GiB")


def test_text_of_what_does_not_fit(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    looked_up(around)

    golden(llmhub, "does-not-fit", 3, "qwen2.5:32b", "--chip", "M3", "--memory", "16GiB")


def test_text_of_what_would_fit_with_less(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    looked_up(around)

    golden(llmhub, "ways-out", 3, "qwen2.5:32b", "--memory", "22GiB", "--ctx", "16384")


def test_text_of_what_is_unknown(llmhub: Commands, around: Surroundings) -> None:
    around.memory, around.chip = None, None
    llmhub.host = FakeHost()
    looked_up(around)

    golden(llmhub, "unknown", 4, "qwen2.5:32b")


def test_text_of_a_name_that_does_not_resolve(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()

    golden(llmhub, "no-such-model", 4, "llama3.1:34b")


@pytest.mark.parametrize("width", [40, 61, 80, 200])
def test_no_line_is_wider_than_the_terminal_nor_than_80_columns(width: int) -> None:
    need = Need(18 * GIB, 2 * GIB, GIB // 3, GIB // 2, GIB, estimated=True)
    memory = MemoryState("GPU", 16 * GIB, 16 * GIB, "資料 " * 30, Placement.CARD, host_free_bytes=64 * GIB, terms=())
    verdict = judge(need, memory)
    row = LadderRow("超長い名前の量子化" * 3, None, 18 * GIB, False, 20 * GIB, verdict, is_chosen=True)
    report = FitReport(
        "とても長い名前" * 20 + "x" * 200,
        Setup(32_768, parallel=3),
        verdict,
        quantization="Q" * 50,
        parameters=10**12,
        download_bytes=18 * GIB,
        context_trained=131_072,
        largest_context=4096,
        speed=Speed(None, None, None, 24.0, None, "w" * 300),
        ladder=(row, row),
        notes=("n" * 300, "b " * 200),
    )

    lines = fit_lines(Fitted(report, "to pull", "s " * 90), width)

    assert max(formats.cells(line.text) for line in lines) <= min(80, width)
    assert len(lines) > 12


def test_lines_are_broken_between_words_and_say_everything() -> None:
    words = " ".join(f"word{number}" for number in range(45))
    report = FitReport("a", Setup(8192), judge(Need(GIB, 0, 0, 0), None), notes=(words,))

    text = " ".join(line.text.strip() for line in fit_lines(Fitted(report), 50))

    assert words in text


def test_a_long_ladder_shows_the_rungs_around_the_chosen_and_the_default_one() -> None:
    verdict = judge(Need(GIB, 0, 0, 0), MemoryState("", 4 * GIB, 4 * GIB, ""))
    ladder = tuple(
        LadderRow(
            f"R{number}", None, (60 - number) * GIB, True, GIB, verdict, is_chosen=number == 40, is_default=number == 5
        )
        for number in range(60)
    )

    lines = [line.text for line in fit_lines(Fitted(FitReport("a", Setup(8192), verdict, ladder=ladder)))]

    rungs = [line for line in lines if line.startswith(("  R", "› R"))]
    assert len(rungs) == 16
    assert any(line.startswith("› R40") for line in rungs)
    assert any(line.endswith("◂") for line in rungs)
    assert any("44 more are offered" in line for line in lines)


def test_a_terminal_without_these_signs_still_shows_the_parts_of_the_bar() -> None:
    out = Stream(encoding="ascii")
    bar = sizing.stacked_bar(judge(Need(4 * GIB, GIB, 0, GIB, GIB), MemoryState("", 9 * GIB, 8 * GIB, "")), 20)
    assert bar is not None

    Console(out, Stream(), {}).print(bar.text)

    assert out.getvalue() == "#########==..%%%--||\n"


# -- words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (32_762_123_264, "32.8 B"),
        (8_030_261_312, "8.0 B"),
        (999_999_999, "1.0 B"),
        (596_049_920, "596 M"),
        (2_400_000, "2.4 M"),
        (1_026_408_232_448, "1.0 T"),
        (512, "512"),
        (None, "—"),
    ],
)
def test_how_many_weights_a_model_has(number: int | None, words: str) -> None:
    assert fit_words.parameters(number) == words


def test_a_step_up_costs_bytes_and_speed_as_far_as_both_are_known() -> None:
    verdict = judge(Need(GIB, 0, 0, 0), None)
    row = LadderRow("Q4_K_M", None, 5 * GIB, True, 6 * GIB, verdict, measured(30.0, "here"))
    above = replace(row, need_bytes=8 * GIB + GIB // 2, speed=measured(20.0, "here"))

    assert fit_words.step_up_words(row, above) == "+2.5 GiB, 1.5 x slower"
    assert fit_words.step_up_words(row, replace(above, speed=measured(29.5, "here"))) == "+2.5 GiB"
    assert fit_words.step_up_words(row, replace(above, need_bytes=6 * GIB + 2**20)) == "+1.0 MiB, 1.5 x slower"
    assert fit_words.step_up_words(row, replace(above, need_bytes=None)) == "—"
    assert fit_words.step_up_words(row, None) == "—"


@pytest.mark.parametrize(
    ("clause", "sentence"),
    [
        ("it needs Ollama 0.12.0", "It needs Ollama 0.12.0."),
        ("ollama ps will show less", "ollama ps will show less."),
        ("qwen99 is not an architecture", "qwen99 is not an architecture."),
        ("Done.", "Done."),
        ("evil\x1b[2J\nline", "Evil line."),
    ],
)
def test_a_clause_becomes_a_sentence(clause: str, sentence: str) -> None:
    assert sizing.sentence(clause) == sentence
