"""The catalogue that ships: true to its sources, sized without a network, and no byte that nobody has seen."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import llmhub.catalog
from catalog.looking import catalogue
from llmhub.catalog.model_catalog import ModelCatalog
from llmhub.catalog.shipped import ShippedCatalogue
from llmhub.core.catalog import CatalogError
from llmhub.core.names import ModelName
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.need import need_of
from llmhub.core.sizing.shapes import shape_of
from llmhub.core.sizing.weights import weights_of
from llmhub.net import Switch, make_client
from llmhub.simulators.registry import RegistrySimulator

TOLD = json.loads((Path(llmhub.catalog.__file__).parent / "models.json").read_text("utf-8"))
TAGS = [(model, tag) for model in TOLD["models"] for tag in model["tags"]]
VECTORS = json.loads((Path(__file__).parents[1] / "data" / "sizing-vectors.json").read_text("utf-8"))


def weights_row(model: str) -> dict[str, Any]:
    return next(row for row in VECTORS["weights"] if row["model"] == model)


def test_it_is_dated_and_every_row_says_where_it_is_from() -> None:
    assert date.fromisoformat(TOLD["date"]) >= date(2026, 11, 20)
    assert all(model["source"] and model["tags"] for model in TOLD["models"])
    assert all(tag["source"] for _, tag in TAGS)
    assert len(TOLD["models"]) >= 35


def test_every_name_can_be_pulled_and_stands_once() -> None:
    keys = [ModelName.parse(tag["name"]).key for _, tag in TAGS]

    assert len(set(keys)) == len(keys)
    assert not any(ModelName.parse(tag["name"]).is_cloud for _, tag in TAGS)


def test_bytes_are_those_of_the_listings_that_were_quoted() -> None:
    library = {row["ollama"]: row["total_bytes"] for row in VECTORS["ollama_library"]}
    public = {
        (row["public_file"], row["quant"]): row["public_file_bytes"]
        for row in [*VECTORS["quant_ladders"], *VECTORS["weights"]]
        if row["public_file_bytes"]
    }

    for _, tag in TAGS:
        if tag["name"] in library:
            assert tag["download_bytes"] == library[tag["name"]]
        if "file_bytes" in tag:
            repository, _, quantization = tag["name"].removeprefix("hf.co/").partition(":")
            assert tag["file_bytes"] == public[repository, quantization], tag["name"]
        if "download_bytes" in tag and tag["name"] not in library:
            assert "quoted in public repositories" in tag["source"]
    assert sum("download_bytes" in tag for _, tag in TAGS) == len(library) + 3


@pytest.mark.parametrize("model", VECTORS["models"], ids=lambda model: model["id"])
def test_every_model_of_the_vectors_is_there_with_its_keys(model: dict[str, Any]) -> None:
    found = next(row for row in TOLD["models"] if row["id"] == model["id"])
    weights = weights_row(model["id"])

    assert (found["metadata"], found["parameters"]) == (model["gguf"], model["parameters"])
    assert found["stock_tensor_bytes"][weights["quant"]] == weights["tensor_bytes"]
    stock = {row["quant"]: row["tensor_bytes"] for row in VECTORS["quant_ladders"] if row["model"] == model["id"]}
    assert stock.items() <= found["stock_tensor_bytes"].items()


@pytest.mark.parametrize("entry", ShippedCatalogue().entries(), ids=lambda entry: entry.name)
def test_every_entry_is_sized_without_a_network_and_never_as_exact(entry: Any) -> None:
    weights = weights_of(entry.facts)

    assert weights is not None
    assert not weights.is_exact
    assert 0 < (weights.embedding_bytes or 1) < weights.text_bytes
    assert weights.expert_bytes < weights.text_bytes
    assert entry.context_trained
    assert entry.source == f"the catalogue that ships, of {TOLD['date']}"
    shape = shape_of(entry.facts)
    assert shape is not None
    assert need_of(shape, weights, Setup(4096)).total_bytes > weights.text_bytes


def test_groups_of_the_usual_quantization_are_those_of_the_vectors() -> None:
    for model in TOLD["models"]:
        row = weights_row(model["id"])
        for tag in model["tags"]:
            groups = tag.get("weights", {})
            if tag["quantization"] == row["quant"] and groups.get("embedding") and tag["name"] != "gpt-oss:20b":
                assert groups["embedding"] == row["token_embd_bytes"]
                assert groups.get("experts", 0) == row["expert_bytes"]


def test_no_file_is_smaller_than_its_estimate_by_more_than_a_mix_can_differ() -> None:
    """A file has a header besides, at most 14 MB; where it is larger or smaller the file's own size is the estimate."""
    for _, tag in TAGS:
        if "file_bytes" in tag:
            assert 0 <= tag["file_bytes"] - tag["weights"]["text"] <= 14_000_000, tag["name"]


def test_it_is_read_without_anything_being_asked(tmp_path: Path) -> None:
    entries = ModelCatalog(make_client(Switch(offline=True)), tmp_path).shipped()

    assert len(entries) == len(TOLD["models"])
    assert list(tmp_path.iterdir()) == []


async def test_variants_of_a_model_that_ships_are_its_names_the_largest_first(tmp_path: Path) -> None:
    async with catalogue(tmp_path, "https://registry.ollama.ai", switch=Switch(offline=True)) as made:
        found = await made.variants("llama3.1:8b")

    sizes = [variant.file_bytes or 0 for variant in found]
    assert sizes == sorted(sizes, reverse=True)
    by_name = {variant.name: variant for variant in found}
    exact = by_name["hf.co/bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q6_K"]
    assert (exact.file_bytes, exact.is_exact) == (6_596_011_424, True)
    guess = by_name["llama3.1:8b-instruct-q8_0"]
    assert (guess.file_bytes, guess.is_exact) == (8_532_934_912, False)


async def test_a_variant_that_was_looked_up_has_its_exact_bytes(tmp_path: Path) -> None:
    async with RegistrySimulator() as registry, catalogue(tmp_path, registry.url) as made:
        before = {variant.name: variant for variant in await made.variants("qwen3:0.6b")}
        entry = await made.look_up("qwen3:0.6b")
        after = {variant.name: variant for variant in await made.variants("qwen3:0.6b")}

    assert not before["qwen3:0.6b"].is_exact
    assert entry.facts is not None
    assert after["qwen3:0.6b"].is_exact
    assert after["qwen3:0.6b"].file_bytes == entry.facts.file_bytes


async def test_a_model_that_does_not_ship_has_the_one_variant_that_was_named(tmp_path: Path) -> None:
    async with RegistrySimulator() as registry, catalogue(tmp_path, registry.url) as made:
        found = await made.variants("nomic-embed-text")
        with pytest.raises(CatalogError, match="no such model"):
            await made.variants("nope")
        with pytest.raises(CatalogError, match="cloud"):
            await made.variants("gpt-oss:120b-cloud")

    assert [(variant.name, variant.quantization, variant.is_exact) for variant in found] == [
        ("nomic-embed-text:latest", "F16", True)
    ]


@pytest.mark.parametrize("name", ["llama3.1", "llama3.1:8b-instruct", "qwen3:99b", "8b", ""])
def test_no_other_name_is_taken_in_place_of_one_that_is_not_listed(name: str) -> None:
    assert ShippedCatalogue().entry(name) is None
    assert ShippedCatalogue().variants(name) == ()


def test_both_hosts_of_hugging_face_are_one() -> None:
    name = "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:q6_k"
    entries = [ShippedCatalogue().entry(f"{host}/{name}") for host in ("hf.co", "huggingface.co")]

    assert entries[0] is not None
    assert entries[0] == entries[1]
    assert entries[0].download_bytes == 6_596_011_424
