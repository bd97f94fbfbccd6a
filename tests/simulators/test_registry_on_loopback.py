"""The registry: manifests whose hash is the daemon's digest, ranges, and a redirect to another host name."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from llmhub.simulators.catalogue import EVERYTHING, LLAMA31_70B, QWEN3_8B, SimModel
from llmhub.simulators.demo import DemoWorld
from llmhub.simulators.gguf_header import header
from llmhub.simulators.registry import Registry, RegistrySimulator
from llmhub.simulators.shapes import tensor_bytes
from simulators.talking import ask, contract, shape


async def test_the_manifest_has_the_shape_of_the_contract_and_the_hash_the_daemon_lists() -> None:
    async with DemoWorld() as world:
        manifest = await ask(world.registry_url, "GET", "/v2/library/qwen3/manifests/8b")
        models = (await ask(world.ollama_url, "GET", "/api/tags")).json["models"]

    listed = next(model for model in models if model["name"] == "qwen3:8b")
    assert hashlib.sha256(manifest.body).hexdigest() == listed["digest"]
    assert shape(manifest.json) == shape(contract("ollama-manifest.json"))
    sizes = [manifest.json["config"]["size"], *(layer["size"] for layer in manifest.json["layers"])]
    assert sum(sizes) == listed["size"] == QWEN3_8B.total_bytes
    assert manifest.headers["content-type"] == manifest.json["mediaType"]


@pytest.mark.parametrize("model", EVERYTHING, ids=lambda model: model.name)
async def test_the_layers_of_every_model_add_up_to_its_size(model: SimModel) -> None:
    found = Registry().find(model.name)

    assert found is not None
    assert found.size_bytes == model.total_bytes
    assert len({layer.digest for layer in found.layers}) == len(found.layers)


async def test_a_config_blob_tells_quantization_and_parameters() -> None:
    async with RegistrySimulator() as registry:
        manifest = (await ask(registry.url, "GET", "/v2/library/llama3.1/manifests/70b")).json
        path = f"/data/{manifest['config']['digest']}"
        config = await ask(registry.url, "GET", path)

    assert (config.json["file_type"], config.json["model_type"]) == ("Q4_K_M", LLAMA31_70B.parameter_size)
    assert hashlib.sha256(config.body).hexdigest() == manifest["config"]["digest"].removeprefix("sha256:")


async def test_a_blob_is_a_307_to_another_host_name_and_head_tells_its_size() -> None:
    async with RegistrySimulator() as registry:
        layer = (await ask(registry.url, "GET", "/v2/library/qwen3/manifests/8b")).json["layers"][0]
        path = f"/v2/library/qwen3/blobs/{layer['digest']}"
        moved, head = await ask(registry.url, "GET", path), await ask(registry.url, "HEAD", path)

    assert (moved.status, moved.headers["location"]) == (
        307,
        f"http://localhost:{registry.port}/data/{layer['digest']}",
    )
    assert (head.status, int(head.headers["content-length"])) == (200, layer["size"])


async def test_the_first_bytes_of_the_weights_are_a_gguf_header_with_true_keys() -> None:
    async with RegistrySimulator() as registry:
        layer = (await ask(registry.url, "GET", "/v2/library/qwen3/manifests/8b")).json["layers"][0]
        ranged = {"Range": "bytes=0-4095"}
        part = await ask(registry.url, "GET", f"/data/{layer['digest']}", headers=ranged)
        end = {"Range": f"bytes={layer['size'] - 10}-"}
        tail = await ask(registry.url, "GET", f"/data/{layer['digest']}", headers=end)
        beyond = await ask(
            registry.url, "GET", f"/data/{layer['digest']}", headers={"Range": f"bytes={layer['size']}-"}
        )

    magic, version, tensors, _ = struct.unpack("<4sIQQ", part.body[:24])
    assert (part.status, part.headers["content-range"]) == (206, f"bytes 0-4095/{layer['size']}")
    assert (magic, version, tensors) == (b"GGUF", 3, len(QWEN3_8B.tensors()))
    key = b"qwen3.block_count" + struct.pack("<II", 4, 36)
    assert key in part.body
    assert (tail.status, len(tail.body), beyond.status) == (206, 10, 416)


def test_header_and_tensors_fit_into_the_layer() -> None:
    for model in EVERYTHING:
        if model.shape is not None:
            found = Registry().find(model.name)
            assert found is not None
            tensors = sum(map(tensor_bytes, model.tensors()))
            assert len(header(model)) + tensors <= found.layers[0].size_bytes, model.name


async def test_an_unknown_name_is_a_404_with_a_list_of_errors() -> None:
    async with RegistrySimulator() as registry:
        manifest = await ask(registry.url, "GET", "/v2/library/nope/manifests/latest")
        blob = await ask(registry.url, "GET", "/v2/library/qwen3/blobs/sha256:" + "0" * 64)

    assert (manifest.status, manifest.json["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    assert (blob.status, blob.json["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")


async def test_hugging_face_names_have_manifests_too() -> None:
    async with RegistrySimulator() as registry:
        path = "/v2/bartowski/Qwen2.5-7B-Instruct-GGUF/manifests/Q4_K_M"
        manifest = await ask(registry.url, "GET", path)

    assert manifest.status == 200


async def test_real_files_are_served_with_their_true_digests(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.gguf"
    weights.write_bytes(b"GGUF" + bytes(range(256)) * 4000)
    registry = Registry(())
    registry.add("tiny", [("model", weights), ("template", b"{{ .Prompt }}")], {"model_format": "gguf"})

    async with RegistrySimulator(registry) as server:
        manifest = (await ask(server.url, "GET", "/v2/library/tiny/manifests/latest")).json
        whole = await ask(server.url, "GET", f"/data/{manifest['layers'][0]['digest']}")
        server.cut_after_bytes = 1000
        cut = await ask(server.url, "GET", f"/data/{manifest['layers'][0]['digest']}")

    assert whole.body == weights.read_bytes()
    assert manifest["layers"][0]["digest"] == "sha256:" + hashlib.sha256(whole.body).hexdigest()
    assert (cut.ended, cut.body) == ("early", whole.body[:1000])
