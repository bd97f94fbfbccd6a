"""The hardware rows of the first article, answered by the command itself from header-only files of those shapes.

memory-sizing.md, part g: a 34B on a 16 GB Mac mini M2 (no Llama 3.1 of that size exists; Yi 34B stands in), Qwen2.5
32B on a 16 GB Mac mini M3 (no Mac mini has an M3), Llama 3.1 70B on an RTX 4090 without counting host memory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.commands import Commands
from support.fake_host import FakeHost
from support.fitting import Surroundings, header_file
from support.gguf_files import LLAMA_3_1_70B, QWEN_2_5_32B, YI_34B, Dense

CLAIMS: dict[str, dict[str, Any]] = {
    row["id"]: row
    for row in json.loads((Path(__file__).parents[1] / "data" / "sizing-vectors.json").read_text("utf-8"))[
        "seed_claims"
    ]
}
MAC_34B, MAC_32B, CARD_70B = "mac-mini-m2-16/34b", "mac-mini-m3-16/32b", "rtx-4090/70b"


@pytest.fixture
def sized(llmhub: Commands, around: Surroundings, tmp_path: Path) -> Any:
    """Runs `llmhub fit` on a header alone; nothing but that file is there."""
    llmhub.host = FakeHost()
    llmhub.host.down = True

    def run(dense: Dense, *arguments: str) -> Any:
        path = header_file(tmp_path, dense)
        assert path.stat().st_size < 10**6
        return llmhub("fit", "--gguf", str(path), "--offline", *arguments)

    return run


@pytest.mark.parametrize(
    ("claim", "dense", "machine"),
    [
        (MAC_34B, YI_34B, ("--memory", "16GiB")),
        (MAC_34B, YI_34B, ("--memory", "16GB")),
        (MAC_34B, YI_34B, ("--chip", "M2", "--memory", "16GiB")),
        (MAC_32B, QWEN_2_5_32B, ("--memory", "16GiB")),
        (MAC_32B, QWEN_2_5_32B, ("--chip", "M3", "--memory", "16GiB")),
        (CARD_70B, LLAMA_3_1_70B, ("--chip", "RTX 4090", "--memory", "24GiB")),
        (CARD_70B, LLAMA_3_1_70B, ("--chip", "RTX 4090")),
    ],
)
@pytest.mark.parametrize("context", ["512", "8192"])
def test_what_the_article_claims_does_not_fit(
    sized: Any, claim: str, dense: Dense, machine: tuple[str, ...], context: str
) -> None:
    row = CLAIMS[claim]

    told = sized(dense, *machine, "--ctx", context, "--json")
    text = sized(dense, *machine, "--ctx", context)

    assert (told.code, text.code, told.json["verdict"]) == (3, 3, "does_not_fit")
    # the weights alone are more than was ever installed, and far more than the article says the model took
    assert dense.q4_k_m().tensor_bytes == row["tensor_bytes"]
    assert told.json["weights_bytes"] > row["memory_bytes_installed"]
    assert told.json["weights_bytes"] > row["claimed_memory_gb"] * 10**9
    assert told.json["budget"]["capacity_bytes"] <= row["memory_bytes_installed"]
    assert any("The weights alone" in reason for reason in told.json["reasons"])
    assert "✗ does not fit" in text.out
    assert "The weights alone" in text.out
    assert told.json["largest_context"] == 0


@pytest.mark.parametrize("context", ["512", "4096", "8192"])
def test_a_70b_on_a_24_gb_card_is_partial_once_host_memory_counts(sized: Any, context: str) -> None:
    told = sized(LLAMA_3_1_70B, "--chip", "RTX 4090", "--memory", "24GiB", "--ram", "64GiB", "--ctx", context, "--json")

    assert (told.code, told.json["verdict"]) == (3, "partial")
    # an untied embedding table stays with the host
    assert told.json["weights_bytes"] == 41_921_528_064
    assert told.json["speed"]["estimate_per_s"] is None


@pytest.mark.parametrize(
    ("claim", "dense", "machine"),
    [
        (MAC_34B, YI_34B, ("--chip", "M2", "--memory", "16GiB")),
        (MAC_32B, QWEN_2_5_32B, ("--chip", "M3", "--memory", "16GiB")),
        (CARD_70B, LLAMA_3_1_70B, ("--chip", "RTX 4090")),
    ],
)
def test_the_speeds_of_the_article_are_above_what_the_memory_could_ever_give(
    sized: Any, claim: str, dense: Dense, machine: tuple[str, ...]
) -> None:
    row = CLAIMS[claim]

    speed = sized(dense, *machine, "--json").json["speed"]

    assert speed["ceiling_per_s"] == pytest.approx(row["ceiling_tok_s_if_resident"], abs=0.06)
    assert speed["ceiling_per_s"] < row["claimed_tok_s"][0]
    assert speed["estimate_per_s"] is None


@pytest.mark.parametrize("name", ["llama3.1:34b", "Llama 3.1 34B"])
def test_a_model_that_never_was_is_not_replaced_by_one_that_is(
    llmhub: Commands, around: Surroundings, name: str
) -> None:
    llmhub.host = FakeHost()

    done = llmhub("fit", name, "--memory", "16GiB", "--json")

    assert (done.code, done.json["verdict"], done.json["architecture"]) == (4, "unknown", None)
    assert name in done.err


@pytest.mark.parametrize("chip", ["Mac mini M3", "M4 Ultra", "RTX 4095"])
def test_a_machine_that_never_was_is_not_replaced_by_one_that_is(sized: Any, chip: str) -> None:
    done = sized(YI_34B, "--chip", chip, "--memory", "16GiB")

    assert (done.code, done.out) == (2, "")
    assert chip in done.err
