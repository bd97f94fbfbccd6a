"""What a pull will bring is read from the registry, or not known."""

from __future__ import annotations

import hashlib
import json

import pytest

from llmhub.catalog.registry import ModelRegistry, manifest_url, read_manifest
from llmhub.core.models import Manifest, ManifestLayer
from llmhub.core.names import ModelName
from llmhub.net import Switch, make_client
from support.replay import Answer, Route, contract, replay

KIND = "application/vnd.docker.distribution.manifest.v2+json"
PATH = "/v2/library/qwen3/manifests/8b"


async def ask(route: Route, model: str = "{host}/library/qwen3:8b", *, offline: bool = False) -> Manifest | None:
    async with replay({f"GET {PATH}": route}) as server:
        client = make_client(Switch(offline))
        try:
            return await ModelRegistry(client).manifest(model.format(host=server.url.removeprefix("http://")))
        finally:
            await client.aclose()


async def test_digest_and_size_are_those_that_the_daemon_will_list() -> None:
    listed = json.loads(contract("ollama-tags.json"))["models"][0]

    manifest = await ask(Answer(contract("ollama-manifest.json"), content_type=KIND, chunked=False))

    assert manifest is not None
    assert (manifest.digest, manifest.size_bytes) == (listed["digest"], listed["size"])
    assert manifest.layers[0].media_type == "application/vnd.ollama.image.model"
    assert manifest.layers[-1] == ManifestLayer(
        "sha256:ecc3e8c69e87e858545bc1c54add8f9156336393261f89dac696aeda3b3965ab",
        487,
        "application/vnd.docker.container.image.v1+json",
    )
    assert len(manifest.layers) == 5


def test_the_digest_is_that_of_the_exact_bytes() -> None:
    body = contract("ollama-manifest.json")
    other = json.dumps(json.loads(body), indent=1).encode()

    first, second = read_manifest(body), read_manifest(other)

    assert first is not None
    assert second is not None
    assert first.digest == hashlib.sha256(body).hexdigest() != second.digest
    assert first.layers == second.layers


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("qwen3:8b", "https://registry.ollama.ai/v2/library/qwen3/manifests/8b"),
        ("llama3.2", "https://registry.ollama.ai/v2/library/llama3.2/manifests/latest"),
        ("user/model:x", "https://registry.ollama.ai/v2/user/model/manifests/x"),
        ("hf.co/bartowski/Q-GGUF:Q4_K_M", "https://huggingface.co/v2/bartowski/Q-GGUF/manifests/Q4_K_M"),
        ("huggingface.co/u/r", "https://huggingface.co/v2/u/r/manifests/latest"),
        ("registry.example:5000/a/b:c", "https://registry.example:5000/v2/a/b/manifests/c"),
        ("localhost:5000/library/x", "http://localhost:5000/v2/library/x/manifests/latest"),
        ("127.0.0.1:5000/library/x", "http://127.0.0.1:5000/v2/library/x/manifests/latest"),
        ("localhost.evil.example/library/x", "https://localhost.evil.example/v2/library/x/manifests/latest"),
    ],
)
def test_where_a_manifest_is(model: str, url: str) -> None:
    assert manifest_url(ModelName.parse(model)) == url


@pytest.mark.parametrize(
    "answer",
    [
        Answer.of({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, 404),
        Answer.of({"errors": [{"code": "UNAUTHORIZED"}]}, 401),
        Answer(b"<html>", 200, "text/html"),
        Answer(b'{"layers":'),
        Answer.of({"layers": "none"}),
        Answer.of({"layers": [{"digest": "sha256:a", "size": "12"}], "config": {"digest": "sha256:b", "size": 1}}),
        Answer.of({"layers": [{"digest": "sha256:a", "size": 12}]}),
        Answer(raw=b""),
        Answer(contract("ollama-manifest.json"), until=100, end="vanish"),
        Answer(b" " * 5_000_000),
    ],
    ids=["unknown", "private", "page", "cut json", "no list", "odd size", "no config", "hung up", "cut", "endless"],
)
async def test_what_is_no_manifest_is_not_known(answer: Answer) -> None:
    assert await ask(answer) is None


@pytest.mark.parametrize("model", ["no spaces allowed!!", "", "gpt-oss:120b-cloud", "glm-5:cloud"])
async def test_a_name_that_has_no_manifest_is_not_asked_for(model: str) -> None:
    assert await ask(Answer(raw=b""), model) is None


async def test_offline_a_public_registry_is_not_asked() -> None:
    assert await ask(Answer(raw=b""), "qwen3:8b", offline=True) is None


async def test_a_manifest_that_moved_is_followed() -> None:
    body = contract("ollama-manifest.json")
    moved = Answer(b"", 307, None, chunked=False, headers=(("Location", "/elsewhere"),))

    async with replay({f"GET {PATH}": moved, "GET /elsewhere": Answer(body, content_type=KIND)}) as server:
        client = make_client()
        host = server.url.removeprefix("http://")
        manifest = await ModelRegistry(client).manifest(f"{host}/library/qwen3:8b")
        await client.aclose()

    assert manifest == read_manifest(body)
    assert server.asked[0].headers["accept"] == KIND
