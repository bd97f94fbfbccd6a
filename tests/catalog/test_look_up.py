"""A name is looked up: its manifest, its config, its header; kept, and told in words when it cannot be."""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from catalog.looking import NAME, NOON, Clock, catalogue, looked_up, problem_of, store
from llmhub.catalog.model_catalog import ModelCatalog
from llmhub.core.catalog import Catalog, CatalogError
from llmhub.core.gguf.limits import MAX_HEADER_BYTES
from llmhub.core.sizing.weights import weights_of
from llmhub.net import Switch, make_client
from llmhub.simulators.catalogue import GPT_OSS_20B, QWEN3_8B
from llmhub.simulators.registry import RegistrySimulator
from support.gguf_files import ARRAY, STRING, Model, Raw, header
from support.model_store import Shop, shop, tiny_model, whole_file
from support.replay import Answer, Asked, contract, replay

# -- what is told -----------------------------------------------------------------------------------


async def test_everything_of_a_model_is_told_from_its_package(tmp_path: Path) -> None:
    made = shop()

    entry = await looked_up(tmp_path, made.routes())

    model = tiny_model()
    assert (entry.name, entry.source, entry.problem) == ("tiny:latest", "registry.ollama.ai", None)
    assert (entry.quantization, entry.requires, entry.context_trained) == ("Q4_K_M", "0.12.0", 4096)
    assert (entry.fetched_at, entry.from_cache) == (NOON, False)
    assert entry.manifest is not None
    assert entry.download_bytes == entry.manifest.size_bytes == sum(layer.size_bytes for layer in entry.manifest.layers)
    assert entry.facts is not None
    assert entry.facts.tensors == model.tensors
    assert entry.facts.file_bytes == len(made.model.content)
    assert (entry.facts.vocab_size, entry.facts.architecture) == (40, "llama")
    assert entry.parameters == 256 * 40 + 256 + 4 * 256 * 128


async def test_every_request_is_one_that_a_registry_answers(tmp_path: Path) -> None:
    """Ollama's name in the user agent (412 otherwise), a range for every blob, nothing packed, no key."""
    async with store(tmp_path, shop().routes()) as (made, server):
        await made.look_up(NAME)

    blobs = [asked for asked in server.asked if "/manifests/" not in asked.path]
    assert len(blobs) == 4
    assert all(asked.headers["user-agent"].startswith("ollama/0.") for asked in server.asked)
    assert all("llmhub/" in asked.headers["user-agent"] for asked in server.asked)
    assert all(asked.headers["range"].startswith("bytes=0-") for asked in blobs)
    assert {asked.headers["accept-encoding"] for asked in server.asked} == {"identity"}
    assert all("authorization" not in asked.headers for asked in server.asked)


async def test_a_long_header_is_read_on_and_no_further_than_it_goes(tmp_path: Path) -> None:
    made = shop(tokens=60_000)

    entry = await looked_up(tmp_path, made.routes())

    length = len(header(tiny_model(60_000)))
    ranges = [asked for asked in made.model.ranges if asked is not None]
    assert length > 600_000
    assert entry.facts is not None
    assert len(entry.facts.tensors) == 6
    assert ranges[0] == (0, 256 * 1024 - 1)
    assert [start for start, _ in ranges] == [0, *(stop + 1 for _, stop in ranges[:-1])]
    assert length <= ranges[-1][1] + 1 <= 2 * length


async def test_the_keys_alone_take_the_first_bytes_only(tmp_path: Path) -> None:
    made = shop(tokens=60_000)

    entry = await looked_up(tmp_path, made.routes(), whole=False)

    assert entry.facts is not None
    assert (entry.facts.tensors, entry.facts.vocab_size, entry.context_trained) == ((), 60_000, 4096)
    assert made.model.ranges == [(0, 256 * 1024 - 1)]


async def test_a_header_beyond_16_mib_is_given_up_in_words_and_its_keys_stand(tmp_path: Path) -> None:
    count = 17_000
    words = Raw(ARRAY, struct.pack("<IQ", STRING, count) + (struct.pack("<Q", 1000) + b"w" * 1000) * count)
    made = Shop().with_layer("model", whole_file(tiny_model(count, **{"tokenizer.ggml.tokens": words})))

    entry = await looked_up(tmp_path, made.routes())

    assert entry.problem is not None
    assert "longer than the 16 MiB" in entry.problem.happened
    assert entry.facts is not None
    assert (entry.facts.tensors, entry.facts.vocab_size) == ((), count)
    assert sum(stop - start + 1 for start, stop in filter(None, made.model.ranges)) <= MAX_HEADER_BYTES


async def test_parts_beside_the_model_are_told_apart(tmp_path: Path) -> None:
    made = shop().with_layer("projector", b"p" * 700).with_layer("adapter", b"a" * 90).with_layer("draft", b"d" * 500)

    entry = await looked_up(tmp_path, made.routes())

    assert entry.facts is not None
    assert (entry.facts.projector_bytes, entry.adapter_bytes, entry.draft_bytes) == (700, 90, 500)
    assert entry.facts.file_bytes == len(made.model.content)


async def test_a_model_in_several_layers_is_read_from_all_of_them(tmp_path: Path) -> None:
    model = tiny_model()
    parts = [
        replace(model, metadata={**model.metadata, "split.count": 2}, tensors=model.tensors[:3]),
        Model({"general.architecture": "llama", "split.count": 2}, model.tensors[3:]),
    ]
    made = Shop()
    for part in parts:
        made.with_layer("model", whole_file(part))

    entry = await looked_up(tmp_path, made.routes())

    assert entry.facts is not None
    assert entry.facts.tensors == model.tensors
    assert entry.facts.file_bytes == sum(len(blob.content) for _, blob in made.layers)


async def test_one_part_of_a_model_says_that_the_others_are_missing(tmp_path: Path) -> None:
    model = tiny_model(**{"split.count": 3})

    entry = await looked_up(tmp_path, Shop().with_layer("model", whole_file(model)).routes())

    assert entry.facts is not None
    assert entry.facts.tensors == ()
    assert entry.problem is not None
    assert "1 of the model's 3 parts" in entry.problem.happened


async def test_safetensors_have_a_size_and_no_state(tmp_path: Path) -> None:
    made = Shop(config=dict(shop().config, model_format="safetensors", file_type="nvfp4"))
    for number in range(3):
        made.with_layer("tensor", b"%d" % number * 1000)

    entry = await looked_up(tmp_path, made.routes())

    assert entry.facts is None
    assert entry.download_bytes == 3000 + len(made.config_bytes)
    assert (entry.quantization, entry.context_trained) == ("nvfp4", 2048)
    assert entry.problem is not None
    assert "safetensors" in entry.problem.happened


async def test_a_package_without_a_model_says_so(tmp_path: Path) -> None:
    entry = await looked_up(tmp_path, Shop().with_layer("license", b"MIT").routes())

    assert entry.facts is None
    assert entry.problem is not None
    assert "no model in it" in entry.problem.happened


async def test_a_cloud_model_is_never_sized_and_its_name_asks_nobody(tmp_path: Path) -> None:
    stub = Shop(config={"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"})
    stub.with_layer("license", b"MIT")

    async with store(tmp_path, stub.routes()) as (made, server):
        by_name = await made.look_up("gpt-oss:120b-cloud")
        assert server.asked == []
        by_config = await made.look_up(NAME)

    assert by_name.is_remote
    assert by_config.is_remote
    assert by_name.facts is by_config.facts is None
    assert by_name.problem is not None
    assert "cloud" in by_name.problem.happened


async def test_a_config_of_another_digest_is_not_believed(tmp_path: Path) -> None:
    made = shop()
    made.config_sent = made.config_bytes.replace(b"0.12.0", b"9.99.9")

    entry = await looked_up(tmp_path, made.routes())

    assert entry.requires is None
    assert entry.problem is not None
    assert "SHA-256" in entry.problem.happened
    assert entry.facts is not None
    assert entry.quantization == "Q4_K_M", "the header says it too"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + bytes(500), "ZIP"),
        (b"GGUF\x01\x00\x00\x00" + bytes(500), "version 1"),
        (b"GGUF\x03\x00\x00\x00", "ends"),
        (whole_file(tiny_model())[:400], "ends"),
    ],
)
async def test_weights_that_are_no_gguf_say_what_they_are_and_have_a_size(
    tmp_path: Path, content: bytes, words: str
) -> None:
    made = Shop().with_layer("model", content)

    entry = await looked_up(tmp_path, made.routes())

    assert entry.facts is None
    assert entry.download_bytes == len(content) + len(made.config_bytes)
    assert entry.problem is not None
    assert words in entry.problem.happened


async def test_the_contract_manifest_gives_the_size_that_the_daemon_lists(tmp_path: Path) -> None:
    listed = json.loads(contract("ollama-tags.json"))["models"][0]
    routes = {"GET /v2/library/qwen3/manifests/8b": Answer(contract("ollama-manifest.json"), chunked=False)}

    entry = await looked_up(tmp_path, routes, "qwen3:8b")

    assert entry.manifest is not None
    assert (entry.download_bytes, entry.manifest.digest) == (listed["size"], listed["digest"])
    assert entry.facts is not None, "the keys that ship stand in for the header that is not there"
    assert (entry.facts.file_bytes, entry.problem is not None) == (5_225_374_048, True)


async def test_a_simulated_registry_gives_true_tensors(tmp_path: Path) -> None:
    async with RegistrySimulator() as registry, catalogue(tmp_path, registry.url) as made:
        qwen, gpt = await made.look_up("qwen3:8b"), await made.look_up("gpt-oss:20b")

    assert (qwen.download_bytes, gpt.download_bytes) == (QWEN3_8B.total_bytes, GPT_OSS_20B.total_bytes)
    assert qwen.facts is not None
    assert gpt.facts is not None
    assert len(qwen.facts.tensors) == len(QWEN3_8B.tensors())
    weights = weights_of(gpt.facts)
    assert weights is not None
    assert weights.text_bytes == 13_779_630_336, "as sizing-vectors.json counts it"


# -- what is kept -----------------------------------------------------------------------------------


async def test_within_an_hour_nobody_is_asked_again_not_even_by_another_run(tmp_path: Path) -> None:
    clock = Clock()
    async with store(tmp_path, shop().routes(), clock=clock) as (made, server):
        first = await made.look_up(NAME)
        asked = len(server.asked)
        clock.passes(0.9)
        again = await made.look_up(NAME)
        async with catalogue(tmp_path, server.url, clock=clock) as other:
            third = await other.look_up(NAME)

        assert len(server.asked) == asked
    assert again == third == replace(first, from_cache=True)


async def test_after_an_hour_the_manifest_is_asked_for_and_the_header_is_not(tmp_path: Path) -> None:
    clock = Clock()
    async with store(tmp_path, shop().routes(), clock=clock) as (made, server):
        await made.look_up(NAME)
        before = len(server.asked)
        clock.passes(1.1)
        again = await made.look_up(NAME)

    assert server.asked[before].path.endswith("/manifests/latest")
    assert len(server.asked) == before + 3, "the manifest, and the config through its redirect"
    assert (again.fetched_at, again.from_cache) == (clock.now, False)
    assert again.facts is not None
    assert again.facts.tensors


async def test_refreshing_asks_at_once(tmp_path: Path) -> None:
    async with store(tmp_path, shop().routes()) as (made, server):
        await made.look_up(NAME)
        before = len(server.asked)
        again = await made.look_up(NAME, refresh=True)

    assert len(server.asked) > before
    assert not again.from_cache


async def test_keys_that_are_kept_are_completed_when_more_is_wanted(tmp_path: Path) -> None:
    async with store(tmp_path, shop().routes()) as (made, _):
        keys = await made.look_up(NAME, whole=False)
        whole = await made.look_up(NAME)

    assert keys.facts is not None
    assert whole.facts is not None
    assert (len(keys.facts.tensors), len(whole.facts.tensors)) == (0, 6)


@pytest.mark.parametrize(
    "answer",
    [Answer(b"", 503, None, chunked=False), Answer(b"", 429, None, chunked=False), Answer(raw=b"")],
    ids=["out of order", "asked too often", "hung up"],
)
async def test_what_is_kept_answers_at_any_age_when_nobody_else_does(tmp_path: Path, answer: Answer) -> None:
    clock = Clock()
    await looked_up(tmp_path, shop().routes())
    clock.passes(24 * 400)

    async with store(tmp_path, {shop().manifest_path: answer}, clock=clock) as (made, _):
        entry = await made.look_up(NAME)

    assert (entry.from_cache, entry.fetched_at) == (True, NOON)
    assert entry.problem is not None
    assert entry.facts is not None
    assert len(entry.facts.tensors) == 6


async def test_offline_what_is_kept_answers_and_says_why_it_is_old(tmp_path: Path) -> None:
    await looked_up(tmp_path, shop().routes())
    clock = Clock(NOON + timedelta(days=3))

    async with catalogue(tmp_path, "https://registry.ollama.ai", switch=Switch(offline=True), clock=clock) as made:
        entry = await made.look_up(NAME)

    assert (entry.from_cache, entry.fetched_at) == (True, NOON)
    assert entry.problem is not None
    assert entry.problem.happened == "llmhub is offline"


async def test_a_name_that_is_gone_is_reported_although_it_was_kept(tmp_path: Path) -> None:
    await looked_up(tmp_path, shop().routes())

    async with store(tmp_path, {}, clock=Clock(NOON + timedelta(hours=2))) as (made, _):
        with pytest.raises(CatalogError) as caught:
            await made.look_up(NAME)

    assert caught.value.is_unknown


async def test_a_broken_cache_is_as_good_as_none(tmp_path: Path) -> None:
    await looked_up(tmp_path, shop().routes())
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-20])

    entry = await looked_up(tmp_path, shop().routes())

    assert (entry.from_cache, entry.problem) == (False, None)
    assert entry.facts is not None


async def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")

    entry = await looked_up(tmp_path / "cache", shop().routes())

    assert entry.facts is not None
    assert entry.problem is None


async def test_no_vocabulary_is_kept(tmp_path: Path) -> None:
    await looked_up(tmp_path, shop(tokens=60_000).routes())

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_000


async def test_a_model_that_ships_answers_offline_and_is_marked(tmp_path: Path) -> None:
    async with catalogue(tmp_path, "https://registry.ollama.ai", switch=Switch(offline=True)) as made:
        entry = await made.look_up("qwen2.5:32b")

    assert entry.source == "the catalogue that ships, of 2026-11-20"
    assert entry.problem is not None
    assert entry.problem.happened == "llmhub is offline"
    assert entry.facts is not None
    assert entry.facts.groups is not None
    assert not entry.facts.groups.is_exact
    assert entry.fetched_at is None


async def test_offline_a_name_that_nobody_knows_is_an_error_and_no_other_model(tmp_path: Path) -> None:
    async with catalogue(tmp_path, "https://registry.ollama.ai", switch=Switch(offline=True)) as made:
        with pytest.raises(CatalogError, match="offline") as caught:
            await made.look_up("qwen2.5")  # `latest`, which the catalogue does not list

    assert not caught.value.is_unknown


async def test_many_are_looked_up_at_once_and_few_at_a_time(tmp_path: Path) -> None:
    async with RegistrySimulator() as registry, catalogue(tmp_path, registry.url) as made:
        names = ["llama3.2:1b", "llama3.1:8b", "nomic-embed-text", "deepseek-r1:8b", "qwen2.5-coder:7b"]
        entries = await asyncio.gather(*(made.look_up(name, whole=False) for name in names))

    assert [entry.problem for entry in entries] == [None] * 5


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "happened", "remedy", "unknown"),
    [
        (
            Answer.of({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}, 404),
            "no such model or tag",
            "https://ollama.com/library/tiny",
            True,
        ),
        (Answer.of({"errors": [{"code": "UNAUTHORIZED"}]}, 401), "private", "key of its own", False),
        (
            Answer.of({"error": "this model requires Ollama 0.99.0"}, 412),
            "newer versions of Ollama only (this model requires Ollama 0.99.0)",
            "update Ollama",
            False,
        ),
        (Answer(b"", 429, None, chunked=False), "asked too often", "try again", False),
        (Answer(b"", 500, None, chunked=False), "out of order (500)", "try again", False),
        (Answer(b"<html>sign in", 200, "text/html"), "a web page", "proxy", False),
        (Answer(b"{}", 200), "no manifest", "proxy", False),
        (Answer(b'{"layers":', 200), "no manifest", "proxy", False),
        (Answer(b" " * 5_000_000, 200), "makes no sense", "proxy", False),
        (Answer(raw=b"NONSENSE\r\n\r\n"), "makes no sense", "proxy", False),
        (Answer(raw=b""), "cannot be reached", "check the network", False),
        (Answer.of({"error": "\x1b[31mno\x07"}, 418), "refused with 418: no", "check the name", False),
    ],
    ids=[
        "unknown", "private", "too old", "too often", "broken", "page", "no manifest", "cut json", "endless",
        "no http", "hung up", "escapes",
    ],
)  # fmt: skip
async def test_every_refusal_has_three_parts(
    tmp_path: Path, answer: Answer, happened: str, remedy: str, unknown: bool
) -> None:
    problem = await problem_of(tmp_path, {shop().manifest_path: answer})

    assert happened in problem.happened
    assert problem.subject == "tiny:latest"
    assert remedy in problem.remedy
    assert problem.is_unknown is unknown


async def test_a_registry_out_of_reach_is_told(tmp_path: Path) -> None:
    async with replay({}) as gone:
        url = gone.url

    async with catalogue(tmp_path, url) as made:
        with pytest.raises(CatalogError, match="cannot be reached"):
            await made.look_up(NAME)


@pytest.mark.parametrize("name", ["", "no spaces allowed", "a/b/c/d/e:!", "\x1b[2J", "x" * 500])
async def test_what_is_no_name_is_said_to_be_none(tmp_path: Path, name: str) -> None:
    problem = await problem_of(tmp_path, {}, name)

    assert problem.happened == "That is no model's name"
    assert problem.is_unknown
    assert "\x1b" not in str(problem)


async def test_a_name_of_another_registry_is_asked_for_there(tmp_path: Path) -> None:
    made = shop()
    async with replay(made.routes()) as server:
        client = make_client()
        host = server.url.removeprefix("http://")
        entry = await ModelCatalog(client, tmp_path).look_up(f"{host}/library/tiny")
        await client.aclose()

    assert entry.source == host
    assert entry.facts is not None


async def test_a_manifest_whose_layer_has_no_digest_is_not_followed(tmp_path: Path) -> None:
    made = shop()
    manifest = made.manifest.replace(made.model.digest.encode(), b"sha256:../../../etc/passwd")

    def never(asked: Asked) -> Answer:
        raise AssertionError(f"{asked.path} was asked for")

    routes = made.routes() | {made.manifest_path: Answer(manifest, chunked=False), "GET /etc/passwd": never}
    entry = await looked_up(tmp_path, routes)

    assert entry.facts is None
    assert entry.problem is not None
    assert "no digest" in entry.problem.happened


def test_it_is_a_catalogue(tmp_path: Path) -> None:
    made: Catalog = ModelCatalog(make_client(), tmp_path)

    assert made.shipped()
