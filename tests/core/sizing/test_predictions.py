"""Loads against their predictions: what is compared, what is kept, what it says and what it changes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmhub.core.memory import GIB, Placement
from llmhub.core.models import DaemonInfo, InstalledModel, LoadedModel, Tensor
from llmhub.core.sizing.assess import SizedModel, understood
from llmhub.core.sizing.facts import EngineSettings, ModelFacts, Setup
from llmhub.core.sizing.predictions import Basis, Prediction, PredictionBook
from llmhub.core.sizing.reality import LoadChecks, expected
from llmhub.core.sizing.weights import Weights
from llmhub.core.watch import HostState
from llmhub.ledger.books import BookKeeper
from llmhub.simulators.catalogue import LLAMA32_3B
from support.fake_host import installed_model

DATA = Path(__file__).parents[2] / "data"
TRUTH = json.loads((DATA / "engine-truth-public.json").read_text("utf-8"))
PS_SIZES = json.loads((DATA / "recorded/ollama-0.32.15/ps-sizes.json").read_text("utf-8"))
VERSION = "0.32.15"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MIB = 2**20
LIMIT_S = 10.0


def sized_model(name: str, quant: str) -> SizedModel:
    """A model of the engine's own figures; whether its table is tied stands there too."""
    model = TRUTH["models"][name]
    weights = Weights(model["file_tensor_bytes"][quant], is_tied=model["tied_embeddings"])
    return understood(ModelFacts(model["model_info"], groups=weights))


LLAMA = sized_model("llama3.2-1b", "Q4_K_M")


def load_of(size: int, *, vram: int = 0, context: int | None = 8192, name: str = "m:1b") -> LoadedModel:
    return LoadedModel(name, size, vram, digest="d", context_tokens=context)


def prediction(**changes: Any) -> Prediction:
    facts: dict[str, Any] = {
        "model": "m:1b",
        "digest": "d",
        "architecture": "llama",
        "daemon_version": VERSION,
        "machine_id": "here",
        "context_tokens": 8192,
        "kv_type": "f16",
        "predicted_bytes": 1_000_000,
        "measured_bytes": 1_000_000,
        "vram_bytes": 0,
        "two_caches": False,
        "at": NOW,
    }
    return Prediction(**(facts | changes))


def many(*measured: int, **changes: Any) -> PredictionBook:
    """Loads at one context after the other, each later than the last."""
    return PredictionBook(
        tuple(
            prediction(context_tokens=1024 * (at + 1), measured_bytes=size, at=NOW + timedelta(minutes=at), **changes)
            for at, size in enumerate(measured)
        )
    )


# -- what a daemon should say ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [row for row in PS_SIZES["rows"] if row["parallel"] == 1 and row["flash_attention"]],
    ids=lambda row: f"{row['model']}-{row['context']}-{row['kv']}",
)
def test_every_size_that_a_real_daemon_reported_is_expected_within_a_thousandth(row: dict[str, Any]) -> None:
    sized = sized_model(row["model"], row["quant"])

    said = expected(
        sized, load_of(row["size"], context=row["context"]), engine=EngineSettings(row["kv"]), placement=Placement.CPU
    )

    assert said is not None
    assert said.basis is Basis.CPU
    assert bool(said.left_out_bytes) is row["two_caches"]
    assert abs(row["size"] / said.bytes - 1) <= 0.001


def test_with_the_forgotten_cache_gpt_oss_would_be_a_fifth_off() -> None:
    row = next(row for row in PS_SIZES["rows"] if row["model"] == "gpt-oss-20b" and row["context"] == 131072)
    sized = sized_model(row["model"], row["quant"])

    said = expected(
        sized, load_of(row["size"], context=row["context"]), engine=EngineSettings(), placement=Placement.CPU
    )

    assert said is not None
    assert said.left_out_bytes == 3 * GIB
    assert (said.bytes + said.left_out_bytes) / row["size"] > 1.2


def test_all_on_a_card_the_table_stays_with_the_host_unless_it_is_the_output_too() -> None:
    shape = ModelFacts(TRUTH["models"]["llama3.2-1b"]["model_info"])
    need = LLAMA.need(Setup(8192), Placement.CPU)
    assert need is not None
    outputs = 4 * 128256
    said = {
        tied: expected(
            understood(replace(shape, groups=Weights(800 * MIB, 200 * MIB, is_tied=tied))),
            load_of(GIB, vram=GIB),
            engine=EngineSettings(),
            placement=Placement.CARD,
        )
        for tied in (True, False)
    }
    rest = need.state_bytes + need.compute_bytes - outputs

    assert [one and (one.bytes, one.basis) for one in said.values()] == [
        (800 * MIB + rest, Basis.GPU),
        (600 * MIB + rest, Basis.GPU),
    ]


@pytest.mark.parametrize(
    ("sized", "loaded", "placement", "why"),
    [
        (LLAMA, load_of(GIB, vram=GIB // 2), Placement.CARD, "it is split between CPU and GPU"),
        (LLAMA, load_of(GIB, vram=GIB), None, "it is not known what kind of GPU it is on"),
        (LLAMA, load_of(GIB, vram=2 * GIB), Placement.CARD, "the daemon's figures make no sense"),
        (
            understood(ModelFacts(LLAMA.facts.metadata, groups=Weights(GIB, projector_bytes=MIB))),
            load_of(GIB),
            Placement.CPU,
            "the work buffers of its vision part are in the figure, and their size is not known",
        ),
        (
            understood(
                ModelFacts(
                    {"general.architecture": "new", "new.block_count": 4, "new.embedding_length": 256},
                    groups=Weights(GIB),
                )
            ),
            load_of(GIB),
            Placement.CPU,
            "the prediction is an upper bound",
        ),
    ],
)
def test_what_cannot_be_compared_exactly_is_kept_apart_with_its_reason(
    sized: SizedModel, loaded: LoadedModel, placement: Placement | None, why: str
) -> None:
    said = expected(sized, loaded, engine=EngineSettings(), placement=placement)

    assert said is not None
    assert (said.basis, said.why) == (Basis.APART, why)


@pytest.mark.parametrize(
    ("sized", "loaded", "kv_type"),
    [
        (None, load_of(GIB), "f16"),
        (LLAMA, load_of(GIB, context=None), "f16"),
        (LLAMA, load_of(GIB), "q9_9"),
        (understood(ModelFacts({})), load_of(GIB), "f16"),
    ],
)
def test_without_insides_context_or_cache_type_nothing_is_expected(
    sized: SizedModel | None, loaded: LoadedModel, kv_type: str
) -> None:
    assert expected(sized, loaded, engine=EngineSettings(kv_type), placement=Placement.CPU) is None


def test_a_context_below_the_engines_least_is_sized_as_the_engine_runs_it() -> None:
    said = [
        expected(LLAMA, load_of(GIB, context=context), engine=EngineSettings(), placement=Placement.CPU)
        for context in (64, 256)
    ]

    assert said[0] == said[1] is not None


# -- when it is compared --------------------------------------------------------------------------


class Daemon:
    """States of a daemon, looked at one after the other."""

    def __init__(self, version: str = VERSION, book: PredictionBook | None = None, sized: SizedModel = LLAMA) -> None:
        self.model = InstalledModel("m:1b", installed_model("m:1b").place, 807 * 10**6, digest="d")
        self.sized: SizedModel | None = sized
        self.version = version
        self.kept: list[Prediction] = []
        self.checks = LoadChecks(
            book or PredictionBook(),
            machine_id="here",
            sized=lambda _: self.sized,
            engine=EngineSettings,
            placement=lambda: Placement.CPU,
            now=lambda: NOW,
            keep=self.kept.append,
        )

    def look(self, *loaded: LoadedModel) -> None:
        info = DaemonInfo(self.version, is_ollama=True)
        self.checks.looked(HostState(looked=True, info=info, installed=(self.model,), loaded=loaded))


def test_a_load_is_compared_at_the_second_look_that_shows_the_same_and_only_once() -> None:
    daemon = Daemon()
    size = LLAMA.need(Setup(8192), Placement.CPU)
    assert size is not None
    counts = []

    for _ in range(4):
        daemon.look(load_of(size.total_bytes))
        counts.append(len(daemon.kept))

    assert counts == [0, 1, 1, 1]
    [kept] = daemon.kept
    assert (kept.predicted_bytes, kept.measured_bytes, kept.error) == (size.total_bytes, size.total_bytes, 0)
    assert (kept.machine_id, kept.architecture, kept.context_tokens, kept.at) == ("here", "llama", 8192, NOW)
    assert daemon.checks.book.predictions == (kept,)


def test_another_size_or_context_is_another_load_and_an_expiry_is_not() -> None:
    daemon = Daemon()
    later = replace(load_of(GIB), expires_at=NOW)

    for loaded in (load_of(GIB), load_of(GIB), later, later, load_of(2 * GIB), load_of(2 * GIB)):
        daemon.look(loaded)
    for _ in range(2):
        daemon.look(load_of(GIB, context=4096))

    assert [(one.measured_bytes, one.context_tokens) for one in daemon.kept] == [
        (GIB, 8192),
        (2 * GIB, 8192),
        (GIB, 4096),
    ]
    # the second look at the same load replaced the first
    assert [one.measured_bytes for one in daemon.checks.book.predictions] == [2 * GIB, GIB]


def test_the_size_of_the_file_is_no_measurement_however_long_it_stands_there() -> None:
    tensors, info = LLAMA32_3B.tensors(), LLAMA32_3B.model_info()
    facts = ModelFacts(
        info, tuple(Tensor(name, kind, tuple(shape)) for name, kind, shape in tensors), file_bytes=2_019_393_189
    )
    daemon = Daemon(sized=understood(facts))

    for size in (2_019_380_000, 2_019_380_000, 2_019_380_000, 3 * GIB, 3 * GIB):
        daemon.look(load_of(size))

    assert [one.measured_bytes for one in daemon.kept] == [3 * GIB]


def test_a_model_whose_insides_come_late_is_compared_then() -> None:
    daemon = Daemon()
    daemon.sized = None
    daemon.look(load_of(GIB))
    daemon.look(load_of(GIB))
    before = list(daemon.kept)

    daemon.sized = LLAMA
    daemon.look(load_of(GIB))

    assert (before, len(daemon.kept)) == ([], 1)


@pytest.mark.parametrize("version", ["0.24.0", "0.29.9", "", "dev"])
def test_daemons_before_0_30_are_not_compared(version: str) -> None:
    daemon = Daemon(version)

    for _ in range(3):
        daemon.look(load_of(GIB))

    assert daemon.kept == []


def test_a_model_that_was_replaced_under_its_name_is_not_held_against_the_old_load() -> None:
    daemon = Daemon()
    daemon.model = replace(daemon.model, digest="another")

    for _ in range(3):
        daemon.look(load_of(GIB))

    assert daemon.kept == []


# -- what is kept ---------------------------------------------------------------------------------


def test_a_record_gives_the_prediction_again_through_the_ledger(tmp_path: Path) -> None:
    first = prediction(two_caches=True, left_out_bytes=77, basis=Basis.GPU, extra={"new": [1]})
    again = prediction(two_caches=True, left_out_bytes=77, basis=Basis.GPU, measured_bytes=1_010_000)
    other = prediction(context_tokens=4096, basis=Basis.APART, why="split")
    keeper = BookKeeper(tmp_path, clock=lambda: NOW, poll_s=None)
    for one in (first, again, other, other):
        assert keeper.keep("prediction", one.to_record(), one.id).result(LIMIT_S)
    keeper.close()

    reader = BookKeeper(tmp_path, poll_s=None)
    records = reader.kept("prediction").result(LIMIT_S)
    reader.close()

    assert PredictionBook.from_records(records).predictions == (again, other)
    assert first.id == again.id != other.id
    assert Prediction.from_record(first.to_record() | {"at": NOW.isoformat()}).extra == {"new": [1]}


def test_other_weights_another_context_or_version_are_records_of_their_own_and_a_second_name_is_not() -> None:
    first = prediction()
    others = (
        prediction(digest="e"),
        prediction(context_tokens=1),
        prediction(kv_type="q8_0"),
        prediction(daemon_version="0.33.0"),
        prediction(machine_id="there"),
    )

    assert len({first.id, *(one.id for one in others)}) == 6
    assert prediction(model="copy:latest").id == first.id


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"model": "m"},
        prediction().to_record(),
        prediction(predicted_bytes=0).to_record() | {"at": NOW.isoformat()},
        prediction().to_record() | {"at": NOW.isoformat(), "context": "many"},
    ],
)
def test_what_is_no_prediction_is_passed_over(record: dict[str, Any]) -> None:
    assert PredictionBook.from_records([record]).predictions == ()


def test_a_basis_of_a_newer_llmhub_is_passed_over_not_counted() -> None:
    record = prediction().to_record() | {"at": NOW.isoformat(), "basis": "moon"}

    assert PredictionBook.from_records([record]).words(VERSION) == ""


# -- what it says ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ((), ""),
        ((1_000_000,), "last prediction within 0.1 %"),
        ((1_000_000, 999_100), "last 2 predictions within 0.1 %"),
        ((1_001_000,), "last prediction within 0.1 %"),
        ((1_001_001,), "last prediction within 0.2 %"),
        ((1_000_000,) * 14, "last 12 predictions within 0.1 %"),
        ((1_500_000, *((1_000_020,) * 12)), "last 12 predictions within 0.1 %"),
        ((1_500_000, *((1_000_020,) * 11)), "last 12 predictions within 50 %"),
        ((880_100,), "last prediction within 12 %"),
        ((1_090_000,), "last prediction within 9.0 %"),
    ],
)
def test_the_words_name_the_largest_error_of_the_last_twelve_rounded_up(measured: tuple[int, ...], words: str) -> None:
    assert many(*measured).words(VERSION) == words


def test_a_new_version_of_the_daemon_starts_afresh() -> None:
    book = many(1_090_000, 1_090_000)

    newer = book.with_prediction(prediction(daemon_version="0.33.0", at=NOW + timedelta(days=1)))

    assert newer.words("0.33.0") == "last prediction within 0.1 %"
    assert newer.words(VERSION) == "last 2 predictions within 9.0 %"
    assert newer.words("0.34.0") == ""
    assert newer.correction_bytes(10**9, version="0.33.0", basis=Basis.CPU, digest="d", architecture="llama") == 0


def test_loads_on_the_gpu_are_summed_up_for_themselves_and_those_kept_apart_not_at_all() -> None:
    gpu = prediction(basis=Basis.GPU, measured_bytes=1_020_000, context_tokens=1, at=NOW + timedelta(hours=1))
    apart = prediction(basis=Basis.APART, measured_bytes=9_000_000, context_tokens=2, at=NOW + timedelta(hours=2))

    book = many(1_000_000, 1_000_000).with_prediction(gpu).with_prediction(apart)

    assert book.words(VERSION) == "last prediction on the GPU within 2.0 %"


def test_machines_are_kept_apart() -> None:
    book = many(1_090_000, machine_id="there").with_prediction(prediction())

    assert book.of_machine("here").words(VERSION) == "last prediction within 0.1 %"
    assert book.of_machine("there").words(VERSION) == "last prediction within 9.0 %"


# -- what it changes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "per_million"),
    [
        ((1_020_000,), 20_000),
        ((1_020_000, 1_030_000, 1_010_000), 20_000),
        ((1_090_000,), 50_000),
        ((700_000,), -30_000),
        ((990_000,), -10_000),
        ((1_000_400,), 0),
        ((999_600,), 0),
        ((1_000_600,), 600),
    ],
)
def test_the_median_ratio_of_a_models_own_loads_corrects_its_need_within_bounds(
    measured: tuple[int, ...], per_million: int
) -> None:
    got = many(*measured).correction_bytes(10**6, version=VERSION, basis=Basis.CPU, digest="d", architecture="llama")

    assert got == pytest.approx(per_million, abs=1)


@pytest.mark.parametrize(("loads", "corrected"), [(2, 0), (3, 20_000)])
def test_another_model_of_the_architecture_is_corrected_after_three_loads(loads: int, corrected: int) -> None:
    book = many(*(1_020_000,) * loads)

    def bytes_of(architecture: str | None) -> int:
        return book.correction_bytes(10**6, version=VERSION, basis=Basis.CPU, digest="x", architecture=architecture)

    assert bytes_of("llama") == pytest.approx(corrected, abs=1)
    assert (bytes_of("qwen3"), bytes_of(None)) == (0, 0)


def test_loads_elsewhere_than_the_verdict_is_for_correct_nothing() -> None:
    book = many(1_020_000, basis=Basis.APART).with_prediction(
        prediction(context_tokens=1, basis=Basis.GPU, measured_bytes=1_020_000)
    )

    assert book.correction_bytes(10**6, version=VERSION, basis=Basis.CPU, digest="d", architecture="llama") == 0
