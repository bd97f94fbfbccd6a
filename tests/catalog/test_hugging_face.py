"""Hugging Face: names are looked up, repositories are listed and searched, refusals understood."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from catalog.looking import NOON, Clock, catalogue, looked_up, problem_of, store
from llmhub.catalog.hugging_face import next_page
from llmhub.core.catalog import CatalogError, SearchHit, Variant
from llmhub.net import Switch
from llmhub.simulators.catalogue import QWEN25_HF
from llmhub.simulators.registry import RegistrySimulator
from support.gguf_files import Model
from support.model_store import Blob, Shop, moved, tiny_model, whole_file
from support.replay import Answer, Route, contract, contract_errors

REPOSITORY = "example-org/Vision-12B-it-GGUF"
NAME = f"hf.co/{REPOSITORY}"
TREE = f"GET /api/models/{REPOSITORY}/tree/main"
MANIFESTS = f"GET /v2/{REPOSITORY}/manifests"
ERRORS = contract_errors("hf-errors.json")
MISSING = ERRORS["repo missing, private, or misspelt (no token)"]
[GATED] = [answer for when, answer in ERRORS.items() if when.startswith("file of a gated repo")]
RATE = ERRORS["rate limited"]
BAD_QUANT = Answer.of(
    {"error": 'The specified tag is not a valid quantization scheme. Please use another tag or "latest"'}, 400
)
LISTING = Answer(contract("hf-tree.json"), content_type="application/json", chunked=False)


def tree(*files: tuple[str, bytes]) -> Answer:
    """A listing of these files."""
    listed = [
        {
            "type": "file",
            "path": path,
            "size": len(body),
            "lfs": {"oid": Blob(body).digest.removeprefix("sha256:"), "size": len(body), "pointerSize": 135},
        }
        for path, body in files
    ]
    return Answer.of(listed)


# -- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["hf.co", "huggingface.co"])
async def test_a_name_is_looked_up_as_any_other(tmp_path: Path, host: str) -> None:
    made = Shop(name=REPOSITORY, tag="Q4_K_M", config={"model_format": "gguf", "file_type": "unknown"})
    made.with_layer("model", whole_file(tiny_model())).with_layer("projector", b"p" * 900)

    async with store(tmp_path, made.routes()) as (found, server):
        entry = await found.look_up(f"{host}/{REPOSITORY}:Q4_K_M")

    assert (entry.source, entry.problem, entry.quantization) == ("huggingface.co", None, "Q4_K_M")
    assert entry.facts is not None
    assert (len(entry.facts.tensors), entry.facts.projector_bytes) == (6, 900)
    assert all(asked.headers["user-agent"].startswith("llmhub/") for asked in server.asked)
    assert all("authorization" not in asked.headers for asked in server.asked)


async def test_an_unknown_quantization_names_those_that_there_are(tmp_path: Path) -> None:
    problem = await problem_of(tmp_path, {f"{MANIFESTS}/Q5_K_M": BAD_QUANT, TREE: LISTING}, f"{NAME}:Q5_K_M")

    assert problem.happened == "This repository has no such quantization"
    assert problem.remedy == "it has Q4_K_M, Q8_0, BF16"
    assert problem.is_unknown


async def test_a_model_in_parts_is_sized_although_no_pull_would_take_it(tmp_path: Path) -> None:
    """The first part has the keys, each its own tensors; each is read at its own address."""
    model = tiny_model()
    parts = {
        "Q8/m-Q8_0-00001-of-00002.gguf": whole_file(_part(0, 3)),
        "Q8/m-Q8_0-00002-of-00002.gguf": whole_file(_part(3, 6)),
        "mmproj-f16.gguf": b"p" * 77,
    }
    blobs = {path: Blob(body) for path, body in parts.items()}
    routes: dict[str, Route] = {
        f"{MANIFESTS}/q8_0": Answer.of({"error": "The specified repository contains sharded GGUF."}, 400),
        TREE: tree(*parts.items()),
    }
    for path, blob in blobs.items():
        routes[f"GET /{REPOSITORY}/resolve/main/{path}"] = moved(
            f"/cdn/{path}", 302, X_Linked_Size=str(len(blob.content))
        )
        routes[f"GET /cdn/{path}"] = blob

    entry = await looked_up(tmp_path, routes, f"{NAME}:q8_0")

    assert entry.facts is not None
    assert entry.facts.tensors == model.tensors
    assert entry.facts.file_bytes == sum(len(body) for path, body in parts.items() if "Q8_0" in path)
    assert entry.download_bytes == sum(map(len, parts.values()))
    assert entry.facts.projector_bytes == 77
    assert entry.problem is not None
    assert entry.problem.happened == "Ollama does not pull a model in 2 parts from Hugging Face"
    assert all(asked is not None for blob in blobs.values() for asked in blob.ranges)
    assert blobs["mmproj-f16.gguf"].ranges == []


async def test_a_model_in_parts_is_kept_by_its_digests(tmp_path: Path) -> None:
    body = whole_file(tiny_model())
    blob = Blob(body)
    routes: dict[str, Route] = {
        f"{MANIFESTS}/Q8_0": BAD_QUANT,
        TREE: tree(("m-Q8_0.gguf", body)),
        f"GET /{REPOSITORY}/resolve/main/m-Q8_0.gguf": blob,
    }
    clock = Clock()

    async with store(tmp_path, routes, clock=clock) as (made, server):
        await made.look_up(f"{NAME}:Q8_0")
        clock.passes(48)
        before = len(blob.ranges)
        again = await made.look_up(f"{NAME}:Q8_0")
        listed = [asked.path.partition("?")[0] for asked in server.asked].count(TREE.partition(" ")[2])

    assert len(blob.ranges) == before
    assert listed == 2, "a day later the list is asked for again"
    assert again.facts is not None
    assert again.facts.tensors


async def test_a_file_whose_length_changed_on_the_way_is_refused(tmp_path: Path) -> None:
    body = whole_file(tiny_model())
    path = f"/{REPOSITORY}/resolve/main/m-Q8_0.gguf"
    routes: dict[str, Route] = {
        f"{MANIFESTS}/Q8_0": BAD_QUANT,
        TREE: tree(("m-Q8_0.gguf", body)),
        f"GET {path}": moved("/cdn", 302, X_Linked_Size=str(len(body) + 1)),
        "GET /cdn": Blob(body),
    }

    entry = await looked_up(tmp_path, routes, f"{NAME}:Q8_0")

    assert entry.facts is None
    assert entry.download_bytes == len(body)
    assert entry.problem is not None
    assert "as it is listed" in entry.problem.happened


@pytest.mark.parametrize("status", [401, 403])
async def test_a_gated_repository_has_sizes_and_says_whom_to_ask(tmp_path: Path, status: int) -> None:
    gated = GATED.but(status=status)

    entry = await looked_up(tmp_path, {f"{MANIFESTS}/Q4_K_M": gated, TREE: LISTING}, f"{NAME}:Q4_K_M")

    assert entry.download_bytes == 7_300_574_880 + 854_200_224
    assert entry.facts is None
    assert entry.problem is not None
    assert "gated" in entry.problem.happened
    assert f"https://huggingface.co/{REPOSITORY}" in entry.problem.remedy


async def test_a_gated_repository_whose_list_is_closed_too_is_an_error(tmp_path: Path) -> None:
    problem = await problem_of(tmp_path, {f"{MANIFESTS}/Q4_K_M": GATED, TREE: GATED}, f"{NAME}:Q4_K_M")

    assert "gated" in problem.happened
    assert not problem.is_unknown


async def test_missing_and_private_are_told_as_one_because_they_are_answered_as_one(tmp_path: Path) -> None:
    problem = await problem_of(tmp_path, {f"{MANIFESTS}/latest": MISSING}, NAME)

    assert "no such repository" in problem.happened
    assert "private" in problem.happened
    assert problem.is_unknown


async def test_a_rate_limit_says_when_to_come_back(tmp_path: Path) -> None:
    problem = await problem_of(tmp_path, {f"{MANIFESTS}/latest": RATE, TREE: RATE}, NAME)

    assert "asked too often" in problem.happened
    assert problem.remedy == "try again in 55 s"


async def test_a_repository_without_gguf_says_what_to_look_for(tmp_path: Path) -> None:
    routes = {f"{MANIFESTS}/latest": BAD_QUANT, TREE: tree(("model.safetensors", b"x"))}

    problem = await problem_of(tmp_path, routes, NAME)

    assert problem.happened == "This repository has no GGUF file"
    assert "-GGUF" in problem.remedy


async def test_offline_a_listing_that_is_kept_still_sizes(tmp_path: Path) -> None:
    async with store(tmp_path, {TREE: LISTING}) as (made, _):
        await made.variants(NAME)

    switch = Switch(offline=True)
    async with catalogue(
        tmp_path, "https://huggingface.co", switch=switch, clock=Clock(NOON + timedelta(days=9))
    ) as made:
        entry = await made.look_up(f"{NAME}:Q8_0")
        listed = await made.variants(NAME)

    assert entry.download_bytes == 12_509_676_064 + 854_200_224
    assert (entry.from_cache, entry.fetched_at) == (True, NOON)
    assert entry.problem is not None
    assert entry.problem.happened == "llmhub is offline"
    assert len(listed) == 3


# -- variants ---------------------------------------------------------------------------------------


async def test_variants_are_the_files_with_exact_bytes_the_largest_first(tmp_path: Path) -> None:
    async with store(tmp_path, {TREE: LISTING}) as (made, _):
        found = await made.variants(f"{NAME}:Q4_K_M")

    assert found == (
        Variant(f"{NAME}:BF16", "BF16", 14_999_992_320 + 8_539_666_176),
        Variant(f"{NAME}:Q8_0", "Q8_0", 12_509_676_064),
        Variant(f"{NAME}:Q4_K_M", "Q4_K_M", 7_300_574_880),
    )


async def test_all_pages_of_a_listing_are_read(tmp_path: Path) -> None:
    one, two = tree(("m-Q8_0.gguf", b"12")), tree(("m-Q4_0.gguf", b"1"))
    first = one.but(headers=(("Link", f'<{TREE[4:]}?recursive=true&cursor=abc>; rel="next"'),))
    routes: dict[str, Route] = {f"{TREE}?recursive=true": first, f"{TREE}?recursive=true&cursor=abc": two}

    async with store(tmp_path, routes) as (made, _):
        found = await made.variants(NAME)

    assert [variant.quantization for variant in found] == ["Q8_0", "Q4_0"]


async def test_a_listing_that_never_ends_is_left(tmp_path: Path) -> None:
    numbers = iter(range(1000))

    def page(_: object) -> Answer:
        return tree((f"m{next(numbers)}.gguf", b"1")).but(
            headers=(("Link", f'<{TREE[4:]}?cursor={next(numbers)}>; rel="next"'),)
        )

    async with store(tmp_path, {TREE: page}) as (made, server):
        found = await made.variants(NAME)

    assert len(found) == len(server.asked) == 20


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ('<https://hf.test/api?cursor=1>; rel="next"', "https://hf.test/api?cursor=1"),
        (
            '<https://hf.test/first>; rel="prev", <https://hf.test/api?cursor=2>; rel="next"',
            "https://hf.test/api?cursor=2",
        ),
        ("<https://hf.test/api?cursor=1>; rel=next", "https://hf.test/api?cursor=1"),
        ('<https://evil.test/api?cursor=1>; rel="next"', None),
        ('<http://hf.test/api?cursor=1>; rel="next"', None),
        ('<https://hf.test/api>; rel="next"', None),
        ('<http://[::1>; rel="next"', None),
        ('<https://hf.test/api?cursor=1>; rel="prev"', None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_where_the_next_page_is(link: str, target: str | None) -> None:
    assert next_page("https://hf.test/api", {"link": link}) == target


# -- search -----------------------------------------------------------------------------------------


async def test_a_search_gives_repositories_as_they_would_be_pulled(tmp_path: Path) -> None:
    search = Answer(contract("hf-models-search.json"), content_type="application/json", chunked=False)

    async with store(tmp_path, {"GET /api/models": search}) as (made, server):
        found = await made.search("vision 12b")
        again = await made.search("Vision 12B")

    assert found[0] == SearchHit(
        "hf.co/example-org/Small-7B-Instruct-GGUF", 98211, 61, datetime(2024, 9, 19, 1, 2, 3, tzinfo=UTC)
    )
    assert [hit.gated for hit in found] == [False, False, True]
    assert again == found
    [asked] = server.asked
    query = parse_qsl(urlsplit(asked.path).query)
    assert {("filter", "gguf"), ("search", "vision 12b"), ("sort", "downloads")} <= set(query)
    assert "full" not in dict(query), "it cannot be combined with expand"


@pytest.mark.parametrize("entry", [None, {}, {"id": 5}, {"id": "no-owner"}, {"id": "a/b\x1b[2J"}, {"id": "../x"}])
async def test_a_hit_without_a_sound_name_is_left_out(tmp_path: Path, entry: object) -> None:
    search = Answer.of([entry, {"id": "a/b", "downloads": -1, "likes": "x", "lastModified": "soon"}])

    async with store(tmp_path, {"GET /api/models": search}) as (made, _):
        assert await made.search("x") == (SearchHit("hf.co/a/b"),)


async def test_a_search_is_kept_for_when_nobody_answers(tmp_path: Path) -> None:
    search = Answer.of([{"id": "a/b"}])
    clock = Clock()
    async with store(tmp_path, {"GET /api/models": search}, clock=clock) as (made, _):
        await made.search("x")
    clock.passes(5)

    async with store(tmp_path, {"GET /api/models": RATE}, clock=clock) as (made, _):
        assert await made.search("x") == (SearchHit("hf.co/a/b"),)
        with pytest.raises(CatalogError, match="asked too often"):
            await made.search("y")


async def test_an_answer_that_is_no_list_is_no_search(tmp_path: Path) -> None:
    async with store(tmp_path, {"GET /api/models": Answer.of({"error": "x"})}) as (made, _):
        with pytest.raises(CatalogError, match="no list"):
            await made.search("x")


async def test_offline_nothing_is_searched(tmp_path: Path) -> None:
    async with catalogue(tmp_path, "https://huggingface.co", switch=Switch(offline=True)) as made:
        with pytest.raises(CatalogError, match="offline"):
            await made.search("x")


def test_parameters_are_not_taken_for_bytes() -> None:
    """`gguf.total` of a search counts parameters, `totalFileSize` one file: no size is ever taken from either."""
    told = json.loads(contract("hf-model-info.json"))["gguf"]

    assert told["totalFileSize"] // told["total"] == 2, "two bytes a parameter: the f16 file"
    assert not {"size_bytes", "file_bytes"} & set(SearchHit.__slots__)


async def test_the_simulated_hub_answers_as_the_real_one(tmp_path: Path) -> None:
    async with RegistrySimulator() as hub, catalogue(tmp_path, hub.url) as made:
        [hit] = await made.search("qwen")
        [variant] = await made.variants(hit.name)
        entry = await made.look_up(variant.name)

    assert variant.name == QWEN25_HF.name
    assert entry.facts is not None
    assert entry.facts.file_bytes == variant.file_bytes


def _part(start: int, stop: int) -> Model:
    """Some of the tensors; only the first part has the keys."""
    model = tiny_model(**{"split.count": 2})
    keys = model.metadata if start == 0 else {"split.count": 2}
    return Model(keys, model.tensors[start:stop])
