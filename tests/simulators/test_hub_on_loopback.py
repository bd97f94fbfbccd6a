"""The simulated registry answers for Hugging Face too: lists and files in the shapes of the contract files."""

from __future__ import annotations

from llmhub.simulators.catalogue import QWEN25_HF
from llmhub.simulators.registry import RegistrySimulator
from simulators.talking import ask, contract, shape

REPOSITORY = "bartowski/Qwen2.5-7B-Instruct-GGUF"


async def test_a_listing_has_the_shape_of_the_contract() -> None:
    async with RegistrySimulator() as server:
        tree = await ask(server.url, "GET", f"/api/models/{REPOSITORY}/tree/main?recursive=true")

    large = [entry for entry in contract("hf-tree.json") if "lfs" in entry]
    assert [shape(entry) for entry in tree.json] == [shape(large[0])]
    assert tree.json[0]["path"] == "Qwen2.5-7B-Instruct-Q4_K_M.gguf"
    assert tree.json[0]["size"] == tree.json[0]["lfs"]["size"]


async def test_a_search_finds_repositories_by_their_names() -> None:
    async with RegistrySimulator() as server:
        found = await ask(server.url, "GET", "/api/models?filter=gguf&search=QWEN2.5")
        none = await ask(server.url, "GET", "/api/models?filter=gguf&search=mistral")

    wanted = contract("hf-models-search.json")[0]
    assert [hit["id"] for hit in found.json] == [REPOSITORY]
    assert found.json[0].keys() <= wanted.keys()
    assert none.json == []


async def test_a_file_is_a_redirect_to_the_blob_of_the_manifest() -> None:
    async with RegistrySimulator() as server:
        manifest = (await ask(server.url, "GET", f"/v2/{REPOSITORY}/manifests/Q4_K_M")).json
        moved = await ask(server.url, "GET", f"/{REPOSITORY}/resolve/main/Qwen2.5-7B-Instruct-Q4_K_M.gguf")

    weights = manifest["layers"][0]
    assert moved.status == 302
    assert moved.headers["location"] == f"http://localhost:{server.port}/data/{weights['digest']}"
    assert int(moved.headers["x-linked-size"]) == weights["size"]
    assert weights["size"] < QWEN25_HF.total_bytes


async def test_what_is_not_there_is_refused_as_if_it_were_private() -> None:
    async with RegistrySimulator() as server:
        answers = [
            await ask(server.url, "GET", "/api/models/no/body/tree/main"),
            await ask(server.url, "GET", f"/{REPOSITORY}/resolve/main/none.gguf"),
        ]

    refused = next(entry for entry in contract("hf-errors.json") if entry["status"] == 401)
    for answer in answers:
        assert (answer.status, answer.json) == (401, refused["body"])
        assert answer.headers["x-error-code"] == refused["headers"]["X-Error-Code"]
