"""Which files of a repository are models, which belong together, and what each is called in a pull."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmhub.catalog.repository import label_of, read_repository
from support.replay import contract


def entry(path: str, size: int = 10, **more: Any) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": size, **more}


def test_the_contract_listing_has_three_models_a_projector_and_nothing_else() -> None:
    found = read_repository(json.loads(contract("hf-tree.json")))

    assert [(model.label, model.size_bytes, model.parts) for model in found.models] == [
        ("Q4_K_M", 7_300_574_880, 1),
        ("Q8_0", 12_509_676_064, 1),
        ("BF16", 14_999_992_320 + 8_539_666_176, 2),
    ]
    assert found.projector is not None
    assert found.projector.size_bytes == 854_200_224
    assert found.models[0].files[0].sha256 == "32de5e03aae3b0dbc04cebba98902726702bf986465270b3d08b60490a7bbcda"
    assert [file.path[-10:-5] for file in found.models[2].files] == ["00002", "00002"]


@pytest.mark.parametrize(
    ("stem", "label"),
    [
        ("Qwen3-8B-Q4_K_M", "Q4_K_M"),
        ("qwen3-8b-q4_k_m", "Q4_K_M"),
        ("gemma-3-1b-it-f16", "F16"),
        ("model.fp16", "F16"),
        ("gpt-oss-20b-mxfp4", "MXFP4"),
        ("Qwen3-30B-A3B-UD-Q4_K_XL", "UD-Q4_K_XL"),
        ("Llama-3.2-1B-Instruct-IQ3_XXS", "IQ3_XXS"),
        ("Phi-4-Q8_0-then-Q5_0", "Q5_0"),
        ("DeepSeek-R1-TQ1_0", "TQ1_0"),
        ("Q2-model", "Q2"),
        ("Qwen2.5-7B-Instruct", None),
        ("Q", None),
        ("BFG16000", None),
    ],
)
def test_the_quantization_that_a_name_says(stem: str, label: str | None) -> None:
    assert label_of(stem) == label


@pytest.mark.parametrize(
    ("tag", "label"),
    [
        ("Q8_0", "Q8_0"),
        ("q8_0", "Q8_0"),
        ("latest", "Q4_K_M"),
        ("Vision-12B-it-Q8_0.gguf", "Q8_0"),
        ("vision-12b-it-bf16", "BF16"),
        ("Q5_K_M", None),
        ("mmproj-Vision-12B-it-f16.gguf", None),
        ("", None),
    ],
)
def test_what_a_tag_means(tag: str, label: str | None) -> None:
    found = read_repository(json.loads(contract("hf-tree.json"))).find(tag)

    assert (found.label if found else None) == label


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["m-Q8_0.gguf", "m-IQ4_XS.gguf", "m-Q4_0.gguf"], "IQ4_XS"),
        (["m-Q8_0.gguf", "m-Q2_K.gguf"], "Q8_0"),
        (["m-Q8_0.gguf", "m-q4_k_m.gguf"], "Q4_K_M"),
        (["whole.gguf"], "whole"),
        ([], None),
    ],
)
def test_without_a_tag_the_usual_one_is_taken(names: list[str], label: str | None) -> None:
    found = read_repository([entry(name) for name in names]).find("latest")

    assert (found.label if found else None) == label


def test_a_folder_says_the_quantization_where_the_file_does_not() -> None:
    found = read_repository([entry("BF16/model.gguf")])

    assert found.models[0].label == "BF16"


def test_a_model_that_lacks_a_part_has_no_size() -> None:
    found = read_repository([entry("m-Q8_0-00001-of-00003.gguf"), entry("m-Q8_0-00003-of-00003.gguf")])

    assert [(model.size_bytes, model.parts, len(model.files)) for model in found.models] == [(None, 3, 2)]


def test_parts_are_in_their_order_whatever_the_listing_s() -> None:
    paths = [f"m-Q8_0-0000{number}-of-00003.gguf" for number in (3, 1, 2)]

    [model] = read_repository([entry(path, size=n) for n, path in enumerate(paths)]).models

    assert [file.path for file in model.files] == sorted(paths)
    assert model.size_bytes == 3


def test_the_projector_of_sixteen_bits_goes_before_others() -> None:
    names = ["mmproj-F32.gguf", "mmproj-Q8_0.gguf", "mmproj-BF16.gguf", "mmproj-model-f16.gguf"]

    for number in range(len(names)):
        turned = names[number:] + names[:number]
        found = read_repository([entry(name) for name in turned])
        assert found.projector is not None
        assert found.projector.path == "mmproj-model-f16.gguf"


@pytest.mark.parametrize(
    "odd",
    [
        None,
        5,
        {},
        {"type": "directory", "path": "x.gguf"},
        {"type": "file"},
        entry("../../etc/x.gguf"),
        entry("/x.gguf"),
        entry("a\nb.gguf"),
        entry("a\x1b[2J.gguf"),
        entry("x" * 2000 + ".gguf"),
        {"type": "file", "path": 5},
        entry("README.md"),
        entry("m.imatrix.gguf"),
        entry("m-imatrix.gguf"),
    ],
)
def test_what_is_no_model_is_left_out(odd: Any) -> None:
    assert read_repository([odd]).models == ()


@pytest.mark.parametrize(
    "odd", [{"size": "10"}, {"size": -1}, {"size": None}, {"lfs": []}, {"lfs": {"oid": "zz"}}, {"lfs": {"size": True}}]
)
def test_an_odd_size_is_unknown_and_an_odd_digest_none(odd: dict[str, Any]) -> None:
    [model] = read_repository([{**entry("m-Q8_0.gguf"), **odd}]).models

    assert model.size_bytes == (None if "size" in odd else 10)
    assert model.files[0].sha256 is None
