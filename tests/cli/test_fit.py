"""`llmhub fit`: where a model is known from, what is asked of whom, which machine counts, exit codes, wrong use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmhub.bootstrap import World
from llmhub.bootstrap.outside import Outside
from llmhub.core.catalog import CatalogEntry, CatalogError, Variant
from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.models import LoadedModel, Manifest, ManifestLayer, ModelDetails
from llmhub.core.places import Place, PlaceKind
from llmhub.core.sizing.disk import ModelsFolder
from llmhub.core.sizing.facts import EngineSettings
from llmhub.core.sizing.predictions import Basis, Prediction, PredictionBook
from support.booking import a_turn
from support.commands import Commands, SimWorld
from support.fake_host import FakeHost, cloud_model, failure
from support.fitting import Surroundings, daemon, details_of, facts, header_file, installed
from support.gguf_files import LLAMA_3_1_8B, QWEN_2_5_32B, YI_34B


def entry(name: str = "qwen2.5:32b", **changes: object) -> CatalogEntry:
    made = CatalogEntry(
        name,
        "registry.ollama.ai",
        facts(QWEN_2_5_32B),
        download_bytes=19_851_335_840,
        quantization="Q4_K_M",
        fetched_at=datetime.now(UTC) - timedelta(days=2),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


# -- where the model is known from ------------------------------------------------------------------


def test_an_installed_model_is_asked_of_the_daemon_and_of_nobody_else(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")

    done = llmhub("fit", "LLAMA3.1:8b", "--json")

    assert (done.code, done.err) == (0, "")
    assert (done.json["model"], done.json["source"]) == ("llama3.1:8b", "the Ollama of this machine")
    assert done.json["weights_bytes"] == LLAMA_3_1_8B.q4_k_m().tensor_bytes
    assert around.catalog.asked == []


def test_a_model_that_is_not_installed_is_looked_up(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")
    around.catalog.entries["qwen2.5:32b"] = entry()

    done = llmhub("fit", "ollama:qwen2.5:32b")

    assert done.code == 0
    assert "qwen2.5:32b  Q4_K_M  32.8 B  18.5 GiB to pull" in done.out
    assert "registry.ollama.ai, looked up 2 d ago" in done.out


def test_without_a_daemon_the_catalogue_answers(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    llmhub.host.down = True
    around.catalog.entries["qwen2.5:32b"] = entry()

    assert llmhub("fit", "qwen2.5:32b").code == 0


def test_an_installed_model_that_the_daemon_does_not_tell_of_is_looked_up(
    llmhub: Commands, around: Surroundings
) -> None:
    llmhub.host = daemon("qwen2.5:32b")
    llmhub.host.failures["details"] = failure()
    around.catalog.entries["qwen2.5:32b"] = entry()

    assert llmhub("fit", "qwen2.5:32b", "--json").json["source"] == "registry.ollama.ai"


def test_what_is_kept_from_earlier_says_so_and_why_nothing_newer_came(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    problem = CatalogError("registry.ollama.ai cannot be reached", "qwen2.5:32b", "check the network")
    around.catalog.entries["qwen2.5:32b"] = entry(from_cache=True, problem=problem)

    done = llmhub("fit", "qwen2.5:32b")

    assert done.code == 0
    assert "looked up 2 d ago, as it was kept" in done.out
    assert done.err == "! registry.ollama.ai cannot be reached · qwen2.5:32b · check the network\n"


@pytest.mark.parametrize("sparse", [False, True])
def test_a_file_needs_neither_a_name_nor_a_daemon_nor_a_network(
    llmhub: Commands, around: Surroundings, tmp_path: Path, sparse: bool
) -> None:
    llmhub.host = FakeHost()
    llmhub.host.down = True
    path = header_file(tmp_path, YI_34B, "yi.gguf")
    whole = path.stat().st_size + YI_34B.q4_k_m().tensor_bytes
    if sparse:
        with path.open("r+b") as file:
            file.truncate(whole)

    done = llmhub("fit", "--gguf", str(path), "--offline", "--json")

    assert done.json["model"] == "yi.gguf"
    assert done.json["file_bytes"] == whole
    assert done.json["weights_bytes"] == 20_657_201_152
    assert around.catalog.asked == []


def test_a_file_may_be_given_the_name_of_its_model(llmhub: Commands, around: Surroundings, tmp_path: Path) -> None:
    llmhub.host = FakeHost()

    done = llmhub("fit", "yi:34b", "--gguf", str(header_file(tmp_path, YI_34B)), "--json")

    assert done.json["model"] == "yi:34b"


@pytest.mark.parametrize("content", [b"", b"GGUF", b"<html>no model</html>" * 10])
def test_a_file_that_is_no_model_is_told_in_three_parts(
    llmhub: Commands, around: Surroundings, tmp_path: Path, content: bytes
) -> None:
    llmhub.host = FakeHost()
    path = tmp_path / "x.gguf"
    path.write_bytes(content)

    done = llmhub("fit", "--gguf", str(path))

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("✗ ")
    assert "x.gguf" in done.err


def test_the_shipped_catalogue_sizes_a_name_offline(llmhub: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    real = vars(Outside)["catalog"]
    monkeypatch.setattr(SimWorld, "catalog", property(lambda world: real.func(world)))
    llmhub.host = FakeHost()
    llmhub.host.down = True

    found = llmhub("fit", "qwen3:32b", "--offline", "--memory", "24GiB", "--json")
    without = llmhub("fit", "qwen3:8b-q8_0", "--offline", "--memory", "24GiB", "--json")

    assert (found.code, found.json["verdict"], found.json["parameters"]) == (0, "fits", 32_762_123_264)
    assert "ships" in found.json["source"]
    assert "offline" in found.err
    # its bytes stand in no listing, so its usual mix stands in
    assert without.json["weights_bytes"] == pytest.approx(8.19e9 * 8.501 / 8, rel=0.02)
    assert "usual mix" in without.json["reasons"][-1]


def test_adapters_and_draft_models_of_a_package_are_counted(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    around.catalog.entries |= {"a": entry(), "b": entry(adapter_bytes=GIB, draft_bytes=3 * GIB)}

    plain, more = llmhub("fit", "a", "--json").json, llmhub("fit", "b", "--json").json

    assert more["weights_bytes"] - plain["weights_bytes"] == 4 * GIB
    assert more["verdict"] == "tight"
    assert sum("adapters" in reason or "draft model" in reason for reason in more["reasons"]) == 2


def test_what_a_package_tells_without_a_header_is_kept(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    problem = CatalogError("This model comes as safetensors, without a GGUF header", "a", "look for a GGUF variant")
    around.catalog.entries["a"] = entry(facts=None, problem=problem, context_trained=4096)

    done = llmhub("fit", "a", "--json")

    assert (done.code, done.json["context_trained"], done.json["context"]) == (4, 4096, 4096)
    assert done.json["reasons"][-1] == "No verdict: this model comes as safetensors, without a GGUF header."
    assert "look for a GGUF variant" in done.err


# -- names that lead nowhere ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nosuch:34b", "Llama 3.1 34B"])
def test_a_name_that_does_not_resolve_is_told_and_nothing_takes_its_place(
    llmhub: Commands, around: Surroundings, name: str
) -> None:
    llmhub.host = daemon("llama3.1:8b")

    plain, data = llmhub("fit", name), llmhub("fit", name, "--json")

    assert (plain.code, data.code) == (4, 4)
    assert plain.err == f"✗ The registry has no such model · {name}\n  check the name\n"
    assert plain.out == f"{name}\n? unknown: the registry has no such model.\n"
    assert (data.json["model"], data.json["verdict"], data.json["need_bytes"]) == (name, "unknown", None)
    assert around.catalog.asked == [name, name]


def test_a_chip_that_is_not_in_the_table_is_told_and_nothing_takes_its_place(
    llmhub: Commands, around: Surroundings
) -> None:
    done = llmhub("fit", "llama3.1:8b", "--chip", "M9 Hyper", "--memory", "16GiB", "--json")

    assert (done.code, done.out) == (2, "")
    assert "M9 Hyper" in done.err


def test_a_chip_that_is_sold_with_several_sizes_of_memory_names_them(llmhub: Commands, around: Surroundings) -> None:
    done = llmhub("fit", "llama3.1:8b", "--chip", "M4 Pro")

    assert done.code == 2
    assert "--memory 24GiB" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "No model is named"),
        (("openrouter:openai/gpt-4o",), "runs in the cloud"),
        (("openruter:openai/gpt-4o",), "did you mean openrouter:openai/gpt-4o?"),
        (("a", "--memory", "16"), "write the unit too"),
        (("a", "--memory", "much"), "no amount of memory"),
        (("a", "--memory", "-16GiB"), "no amount of memory"),
        (("a", "--ctx", "0"), "--ctx"),
        (("a", "--parallel", "0"), "--parallel"),
        (("a", "--kv", "q3_k"), "--kv"),
        (("a", "--flash-attention", "maybe"), "--flash-attention"),
        (("a", "--kv", "q8_0", "--flash-attention", "off"), "needs flash attention"),
    ],
)
def test_wrong_use_is_told_with_what_to_do_instead(
    llmhub: Commands, around: Surroundings, arguments: tuple[str, ...], words: str
) -> None:
    done = llmhub("fit", *arguments)

    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert len([line for line in done.err.splitlines() if not line.startswith("Usage")]) == 2


# -- models that take no memory here ----------------------------------------------------------------


def test_a_cloud_model_is_never_sized(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost(cloud_model("gpt-oss:120b-cloud"))
    around.catalog.entries["kimi:cloud"] = CatalogEntry("kimi:cloud", "its name", is_remote=True)

    there, named = llmhub("fit", "gpt-oss:120b-cloud", "--json"), llmhub("fit", "kimi:cloud", "--json")

    for done in (there, named):
        assert (done.code, done.json["verdict"], done.json["need_bytes"]) == (4, "unknown", None)
        assert "not in this memory" in done.json["reasons"][-1]


# -- which machine ----------------------------------------------------------------------------------


def test_loaded_models_that_would_have_to_go_are_named(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("qwen2.5:32b", "llama3.1:8b")
    llmhub.host.loaded_as("llama3.1:8b", 6 * GIB)

    done = llmhub("fit", "qwen2.5:32b")

    assert done.code == 0
    assert "↻ fits if llama3.1:8b (6.0 GiB) is unloaded." in done.out


def test_what_the_model_itself_holds_counts_as_free(llmhub: Commands, around: Surroundings) -> None:
    around.memory = replace(around.memory, free_bytes=2 * GIB) if around.memory else None
    llmhub.host = daemon("qwen2.5:32b")

    before = llmhub("fit", "qwen2.5:32b", "--json")
    llmhub.host.loaded_as("qwen2.5:32b", 22 * GIB)
    loaded = llmhub("fit", "qwen2.5:32b", "--json")

    assert (before.json["verdict"], loaded.json["verdict"]) == ("fits_if_freed", "fits")
    assert loaded.json["budget"]["free_bytes"] == 24 * GIB


def test_on_an_imagined_machine_nothing_is_loaded_and_nothing_was_measured(
    llmhub: Commands, around: Surroundings
) -> None:
    around.engine = EngineSettings("q8_0")
    llmhub.host = daemon("qwen2.5:32b", "llama3.1:8b")
    llmhub.host.loaded_as("llama3.1:8b", 6 * GIB)
    llmhub.host.loaded_as("qwen2.5:32b", 22 * GIB)

    done = llmhub("fit", "qwen2.5:32b", "--memory", "24G", "--json")

    assert done.json["budget"] == {
        "capacity_bytes": 24 * GIB,
        "free_bytes": 24 * GIB,
        "reserve_bytes": GIB,
        "source": "imagined: unified memory, all of it for models",
    }
    assert (done.json["verdict"], done.json["kv_type"]) == ("fits", "f16")
    assert done.json["speed"]["estimate_per_s"] is None


def test_a_file_on_an_imagined_machine_asks_nobody(llmhub: Commands, around: Surroundings, tmp_path: Path) -> None:
    llmhub.host = daemon("llama3.1:8b")
    llmhub.host.loaded_as("llama3.1:8b", 6 * GIB)

    llmhub("fit", "--gguf", str(header_file(tmp_path, YI_34B)), "--memory", "16GiB")

    assert (llmhub.host.calls, around.catalog.asked) == ([], [])


def test_a_bare_amount_of_memory_takes_the_file_as_read_in_and_a_mac_as_mapped(
    llmhub: Commands, around: Surroundings, tmp_path: Path
) -> None:
    # families whose embedding table is held twice where the file is not mapped
    path = header_file(tmp_path, replace(LLAMA_3_1_8B, architecture="gemma3n", tied=True), "twice.gguf")

    bare, mac = (
        llmhub("fit", "--gguf", str(path), "--memory", "16GiB", "--json", *more).json["weights_bytes"]
        for more in ((), ("--chip", "M4"))
    )

    assert bare - mac == 128_256 * 4096 // 256 * 210


def test_a_billion_bytes_are_not_a_gibibyte(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")

    sizes = {
        text: llmhub("fit", "llama3.1:8b", "--memory", text, "--json").json["budget"]["capacity_bytes"]
        for text in ("16GiB", "16G", "16g", "16GB", "16384MiB")
    }

    assert sizes == {"16GiB": 2**34, "16G": 2**34, "16g": 2**34, "16GB": 16 * 10**9, "16384MiB": 2**34}


def test_host_memory_beside_a_card_counts_only_when_it_is_given(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("qwen2.5:32b")

    alone = llmhub("fit", "qwen2.5:32b", "--chip", "RTX 4080", "--json")
    beside = llmhub("fit", "qwen2.5:32b", "--chip", "RTX 4080", "--ram", "64GiB", "--json")

    assert (alone.code, alone.json["verdict"]) == (3, "does_not_fit")
    assert (beside.code, beside.json["verdict"]) == (3, "partial")


def test_memory_of_another_machine_is_unknown_until_it_is_told(llmhub: Commands, around: Surroundings) -> None:
    around.memory, around.chip = None, None
    llmhub.host = daemon("llama3.1:8b")
    llmhub.host.place = Place(PlaceKind.LAN_HOST, "studio.lan")
    llmhub.host.models = [replace(installed("llama3.1:8b"), place=llmhub.host.place)]

    unknown, told = llmhub("fit", "llama3.1:8b", "--json"), llmhub("fit", "llama3.1:8b", "--memory", "16GiB", "--json")

    assert (unknown.code, unknown.json["verdict"]) == (4, "unknown")
    assert unknown.json["need_bytes"] == told.json["need_bytes"]
    assert unknown.json["budget"]["capacity_bytes"] is None
    assert "the memory of the machine it would run on is not known" in unknown.json["reasons"][-1]
    assert told.code == 0


# -- the setup --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "arguments", "context"),
    [
        (None, (), 8192),
        ("num_ctx 32768\nstop x", (), 32_768),
        ("num_ctx 2048", (), 8192),
        ("num_ctx 999999", (), 131_072),
        ("num_ctx 32768", ("--ctx", "4096"), 4096),
    ],
)
def test_the_context_is_the_one_a_chat_would_ask_for_unless_given(
    llmhub: Commands, around: Surroundings, preset: str | None, arguments: tuple[str, ...], context: int
) -> None:
    llmhub.host = daemon("llama3.1:8b")
    llmhub.host.shown["llama3.1:8b"] = details_of("llama3.1:8b", LLAMA_3_1_8B, preset)

    assert llmhub("fit", "llama3.1:8b", "--json", *arguments).json["context"] == context


def test_a_context_beyond_the_trained_one_is_sized_as_asked_and_said(
    llmhub: Commands, around: Surroundings, tmp_path: Path
) -> None:
    path = header_file(tmp_path, YI_34B)

    done = llmhub("fit", "--gguf", str(path), "--ctx", "16384", "--memory", "64GiB")
    data = llmhub("fit", "--gguf", str(path), "--ctx", "16384", "--memory", "64GiB", "--json").json

    assert (data["context"], data["context_trained"], data["largest_context"]) == (16_384, 4096, 4096)
    assert data["state_bytes"] == 4 * 1_006_632_960
    assert "trained for 4,096 tokens" in done.out


def test_a_short_trained_context_is_the_default(llmhub: Commands, around: Surroundings, tmp_path: Path) -> None:
    assert llmhub("fit", "--gguf", str(header_file(tmp_path, YI_34B)), "--json").json["context"] == 4096


def test_every_option_reaches_the_figures(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")

    def sized(*arguments: str) -> dict[str, Any]:
        told: dict[str, Any] = llmhub("fit", "llama3.1:8b", "--json", *arguments).json
        return told

    plain = sized()
    slots, small, slow = sized("--parallel", "4"), sized("--kv", "Q8_0"), sized("--flash-attention", "off")

    assert slots["state_bytes"] == 4 * plain["state_bytes"]
    assert (small["kv_type"], small["state_bytes"]) == ("q8_0", plain["state_bytes"] * 34 // 64)
    assert slow["compute_bytes"] > plain["compute_bytes"]
    assert sized("--batch", "64")["batch"] == 64
    assert sized("--batch", "64")["compute_bytes"] < plain["compute_bytes"]


def test_what_the_daemon_runs_with_one_slot_is_sized_as_asked_and_said(
    llmhub: Commands, around: Surroundings, tmp_path: Path
) -> None:
    path = str(header_file(tmp_path, replace(YI_34B, architecture="qwen3vl"), "vl.gguf"))

    two, one = (llmhub("fit", "--gguf", path, "--json", "--parallel", slots).json for slots in ("2", "1"))

    assert two["state_bytes"] == 2 * one["state_bytes"]
    assert any("one slot" in reason for reason in two["reasons"])
    assert not any("one slot" in reason for reason in one["reasons"])


def test_the_daemons_own_cache_type_is_taken_unless_another_is_given(llmhub: Commands, around: Surroundings) -> None:
    around.engine = EngineSettings("q8_0")
    llmhub.host = daemon("llama3.1:8b")

    assert llmhub("fit", "llama3.1:8b", "--json").json["kv_type"] == "q8_0"
    assert llmhub("fit", "llama3.1:8b", "--kv", "f16", "--json").json["kv_type"] == "f16"


def test_the_daemons_own_slots_and_attention_are_taken_unless_others_are_given(
    llmhub: Commands, around: Surroundings
) -> None:
    llmhub.host = daemon("llama3.1:8b")
    plain = llmhub("fit", "llama3.1:8b", "--json").json
    around.engine = EngineSettings(parallel=4, flash_attention=False)

    four = llmhub("fit", "llama3.1:8b", "--json").json
    one = llmhub("fit", "llama3.1:8b", "--parallel", "1", "--flash-attention", "on", "--json").json

    assert (four["parallel"], four["state_bytes"]) == (4, 4 * plain["state_bytes"])
    assert four["compute_bytes"] > plain["compute_bytes"]
    assert one == plain


# -- another quantization ---------------------------------------------------------------------------


def test_another_quantization_of_an_installed_model_is_looked_up(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("qwen2.5:32b")
    around.catalog.offered["qwen2.5:32b"] = (
        Variant("qwen2.5:32b-instruct-q8_0", "Q8_0", 34_820_884_384),
        Variant("qwen2.5:32b", "Q4_K_M", 19_851_335_840),
    )
    around.catalog.entries["qwen2.5:32b-instruct-q8_0"] = entry("qwen2.5:32b-instruct-q8_0", quantization="Q8_0")

    other = llmhub("fit", "qwen2.5:32b", "--quant", "q8_0", "--json")
    same = llmhub("fit", "qwen2.5:32b", "--quant", "q4_k_m", "--json")

    assert (other.json["model"], other.json["quantization"]) == ("qwen2.5:32b-instruct-q8_0", "Q8_0")
    assert same.json["source"] == "the Ollama of this machine"


def test_a_tag_that_nobody_listed_is_tried_as_the_library_would_call_it(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    around.catalog.offered["qwen2.5:32b"] = (Variant("qwen2.5:32b", "Q4_K_M", 19_851_335_840),)
    around.catalog.entries["qwen2.5:32b-instruct-q6_K"] = entry("qwen2.5:32b-instruct-q6_K", quantization="Q6_K")

    done = llmhub("fit", "qwen2.5:32b", "--quant", "Q6_K", "--json")

    assert done.json["model"] == "qwen2.5:32b-instruct-q6_K"


def test_a_quantization_that_there_is_not_names_the_nearest(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    around.catalog.offered["qwen2.5:32b"] = (
        Variant("qwen2.5:32b-q8_0", "Q8_0", 34_820_884_384),
        Variant("qwen2.5:32b", "Q4_K_M", 19_851_335_840),
    )

    done = llmhub("fit", "qwen2.5:32b", "--quant", "Q5_K_M")

    assert done.code == 4
    assert done.err == (
        "✗ No Q5_K_M of this model is known · qwen2.5:32b --quant Q5_K_M\n"
        "  the nearest is Q4_K_M, which is smaller: llmhub fit qwen2.5:32b\n"
    )


def test_a_tag_that_cannot_be_looked_up_now_is_not_said_to_be_missing(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = FakeHost()
    around.catalog.offered["qwen2.5:32b"] = (Variant("qwen2.5:32b", "Q4_K_M", 19_851_335_840),)
    around.catalog.errors["qwen2.5:32b-q8_0"] = CatalogError("llmhub is offline", "qwen2.5:32b-q8_0", "go online")

    done = llmhub("fit", "qwen2.5:32b", "--quant", "q8_0")

    assert done.code == 4
    assert "is known (llmhub is offline)" in done.err


def test_a_file_has_one_quantization(llmhub: Commands, around: Surroundings, tmp_path: Path) -> None:
    path = str(header_file(tmp_path, YI_34B))

    assert llmhub("fit", "--gguf", path, "--quant", "Q8_0").code == 2
    assert llmhub("fit", "--gguf", path, "--quant", "Q4_K_M").code == 0


# -- the ladder -------------------------------------------------------------------------------------


def test_a_name_that_may_be_the_persons_own_is_told_to_nobody(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")
    llmhub.host.models = [replace(installed("llama3.1:8b"), name="secret-project:8b")]
    llmhub.host.shown = {"secret-project:8b": details_of("secret-project:8b", LLAMA_3_1_8B)}

    done = llmhub("fit", "secret-project:8b")

    assert around.catalog.asked == []
    assert "~7.9 GiB" in done.out


def test_an_installed_model_has_the_rungs_that_ship_for_it(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")
    around.catalog.ships = (
        CatalogEntry("qwen3:8b", "ships", parameters=8_030_261_312),
        CatalogEntry("llama3.1:70b", "ships", parameters=70_553_706_560),
        CatalogEntry("llama3.1:8b", "ships", parameters=8_030_261_312),
    )
    around.catalog.offered["llama3.1:8b"] = (
        Variant("llama3.1:8b-q8_0", "Q8_0", 8_540_775_840),
        Variant("llama3.1:8b", "Q4_K_M", 4_920_739_232),
    )

    done = llmhub("fit", "llama3.1:8b")

    assert around.catalog.asked == ["variants of llama3.1:8b"]
    assert "  Q8_0     8.0 GiB" in done.out


# -- speed ------------------------------------------------------------------------------------------


def test_what_was_measured_here_replaces_the_estimate(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")

    estimated = llmhub("fit", "llama3.1:8b", "--json").json["speed"]
    llmhub.ledger.turns.append(a_turn(model="llama3.1:8b"))
    seen = llmhub("fit", "llama3.1:8b", "--json").json["speed"]
    elsewhere = llmhub("fit", "llama3.1:8b", "--json", "--chip", "M1 Max", "--memory", "32GiB").json["speed"]

    assert estimated["basis"] == "bandwidth"
    assert estimated["low_per_s"] < estimated["estimate_per_s"] < estimated["high_per_s"] <= estimated["ceiling_per_s"]
    assert seen["basis"] == "measured"
    assert (seen["low_per_s"], seen["ceiling_per_s"]) == (None, None)
    assert elsewhere["basis"] == "bandwidth"


def test_what_earlier_loads_took_more_here_is_in_the_need_and_nowhere_else(
    llmhub: Commands, around: Surroundings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    llmhub.host = daemon("llama3.1:8b")
    llmhub.host.version = "0.32.15"
    before = llmhub("fit", "llama3.1:8b", "--json").json
    seen = Prediction(
        "llama3.1:8b",
        llmhub.host.models[0].digest,
        "llama",
        "0.32.15",
        None,
        8192,
        "f16",
        6 * GIB,
        6 * GIB * 102 // 100,
        6 * GIB,
        False,
        datetime.now(UTC),
        basis=Basis.GPU,
    )
    monkeypatch.setattr(World, "predictions", PredictionBook().with_prediction(seen))
    monkeypatch.setattr(World, "daemon_machine", None)

    after = llmhub("fit", "llama3.1:8b", "--json").json
    imagined = llmhub("fit", "llama3.1:8b", "--json", "--chip", "M1 Max", "--memory", "32GiB").json
    in_words = " ".join(llmhub("fit", "llama3.1:8b").out.split())

    assert after["need_bytes"] == pytest.approx(before["need_bytes"] * 1.02, abs=2)
    assert after["compute_bytes"] - before["compute_bytes"] == after["need_bytes"] - before["need_bytes"]
    assert imagined["need_bytes"] == before["need_bytes"]
    assert "+ seen here besides 0.1" in in_words


def test_two_caches_that_the_daemon_reports_as_one_are_told_and_count_in_full(
    llmhub: Commands, around: Surroundings
) -> None:
    gemma = replace(
        LLAMA_3_1_8B,
        architecture="gemma3",
        more={"gemma3.attention.sliding_window": 1024},
    )
    llmhub.host = daemon("qwen2.5:32b", "llama3.1:8b")
    shown = details_of("llama3.1:8b", gemma)
    llmhub.host.shown["llama3.1:8b"] = shown
    llmhub.host.residents = [LoadedModel("llama3.1:8b", 5 * GIB, 5 * GIB, context_tokens=32_768)]

    own, other = llmhub("fit", "llama3.1:8b", "--ctx", "32768"), llmhub("fit", "qwen2.5:32b")

    assert "ollama ps" in own.out
    # the full-attention cache of 5 of 32 layers, 32,768 x 2 x 1,024 x 2 bytes each: 0.6 GiB
    assert "llama3.1:8b (5.6 GiB)" in other.out


# -- text from outside ------------------------------------------------------------------------------


def test_names_and_reasons_from_outside_cannot_steer_the_terminal(llmhub: Commands, around: Surroundings) -> None:
    llmhub.terminal = True
    evil = "evil\x1b]0;x\x07\x1b[2J\nname"
    llmhub.host = FakeHost()
    around.catalog.entries["a"] = entry(
        evil, source=evil, quantization=evil, requires=evil, problem=CatalogError(evil, evil, evil)
    )
    around.memory = MemoryState("x", 64 * GIB, 64 * GIB, evil, Placement.CPU)

    done = llmhub("fit", "a")

    assert done.code == 0
    for text in (done.out, done.err):
        assert "\x1b]" not in text
        assert "\x1b[2J" not in text
        assert "\x07" not in text
    assert done.out.splitlines()[0].startswith("\x1b[1mevil name")


@pytest.mark.parametrize("no_colour", ["flag", "variable"])
def test_colours_are_for_terminals_and_can_be_switched_off(
    llmhub: Commands, around: Surroundings, no_colour: str
) -> None:
    llmhub.host = daemon("llama3.1:8b")
    llmhub.terminal = True

    coloured = llmhub("fit", "llama3.1:8b")
    if no_colour == "variable":
        llmhub.environ["NO_COLOR"] = "1"
    bare = llmhub("fit", "llama3.1:8b", *(["--no-color"] if no_colour == "flag" else []))

    assert "\x1b[32m✓ fits." in coloured.out
    assert "\x1b" not in bare.out


def test_a_model_that_the_daemon_tells_too_little_of_is_unknown(llmhub: Commands, around: Surroundings) -> None:
    llmhub.host = daemon("llama3.1:8b")
    llmhub.host.shown["llama3.1:8b"] = ModelDetails("llama3.1:8b", model_info={"general.architecture": "llama"})

    done = llmhub("fit", "llama3.1:8b", "--json")

    assert (done.code, done.json["verdict"], done.json["architecture"]) == (4, "unknown", "llama")
    assert "layers" in done.json["reasons"][-1]


# -- the disk ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "says"), [(100 * GIB, "of the disk are free"), (10 * GIB, "too few"), (None, "cannot be told")]
)
def test_room_on_the_disk_is_told_for_what_would_be_pulled_here(
    llmhub: Commands, around: Surroundings, monkeypatch: pytest.MonkeyPatch, free: int | None, says: str
) -> None:
    async def folder(_world: World) -> ModelsFolder:
        return ModelsFolder("/models", "a test", free, frozenset())

    monkeypatch.setattr(SimWorld, "models_folder", folder)
    llmhub.host = FakeHost()
    layers = (ManifestLayer("sha256:" + "a" * 64, 19 * GIB, "model"),)
    around.catalog.entries["qwen2.5:32b"] = entry(manifest=Manifest("b" * 64, layers))

    here = llmhub("fit", "qwen2.5:32b", "--json").json["reasons"]
    elsewhere = llmhub("fit", "qwen2.5:32b", "--memory", "64GiB", "--json").json["reasons"]

    assert any("19.0 GiB are to be fetched" in reason for reason in here)
    assert any(says in reason for reason in here)
    assert not any("fetched" in reason for reason in elsewhere)
