"""Loading, unloading and deleting, and what it frees."""

from __future__ import annotations

import asyncio

import pytest

from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.host_jobs import HostJobs, JobKind, bytes_freed
from llmhub.core.models import ModelDetails
from llmhub.core.watch import HostWatch
from support.fake_host import FakeHost, cloud_model, failure, installed_model


class Bench:
    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.watch = HostWatch(host, lambda _: None)
        self.seen: list[dict[str, JobKind]] = []
        self.jobs = HostJobs(
            host,
            state=lambda: self.watch.state,
            look=self.watch.look,
            changed=lambda: self.seen.append(dict(self.jobs.running)),
            default_context=8192,
        )


async def test_loading_is_told_while_it_lasts_and_its_outcome_is_seen_when_it_ends() -> None:
    bench = Bench(FakeHost(installed_model("a:1")))
    await bench.watch.look()

    await bench.jobs.load("a:1")

    assert bench.seen == [{"a:1": JobKind.LOADING}, {}]
    resident = bench.watch.state.resident("a:1")
    assert resident is not None
    assert resident.context_tokens == 8192


@pytest.mark.parametrize(
    ("parameters", "trained", "asked"),
    [(None, 40_960, 8192), ("num_ctx                        16384", 40_960, 16_384), (None, 2048, 2048)],
)
async def test_a_model_is_loaded_with_the_context_a_chat_would_ask_for(
    parameters: str | None, trained: int, asked: int
) -> None:
    host = FakeHost(installed_model("a:1", context_trained=trained))
    host.shown["a:1"] = ModelDetails("a:1", parameters=parameters)
    bench = Bench(host)
    await bench.watch.look()

    await bench.jobs.load("a:1")

    assert [entry.context_tokens for entry in host.residents] == [asked]


async def test_a_load_that_fails_raises_and_leaves_no_job_behind() -> None:
    host = FakeHost(installed_model("a:1"))
    host.failures["load"] = failure(FailureKind.MEMORY)
    bench = Bench(host)

    with pytest.raises(BackendError):
        await bench.jobs.load("a:1")

    assert bench.jobs.running == {}
    assert bench.seen[-1] == {}


async def test_a_load_that_is_given_up_leaves_no_job_behind() -> None:
    host = FakeHost(installed_model("a:1"))
    host.gates["load"] = asyncio.Event()
    bench = Bench(host)
    task = asyncio.create_task(bench.jobs.load("a:1"))
    while ("load", "a:1") not in host.calls:
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert bench.jobs.running == {}


async def test_unloading_takes_it_out_of_memory() -> None:
    host = FakeHost(installed_model("a:1"))
    host.loaded_as("a:1")
    bench = Bench(host)

    await bench.jobs.unload("a:1")

    assert bench.seen[0] == {"a:1": JobKind.UNLOADING}
    assert bench.watch.state.loaded == ()


async def test_a_loaded_model_is_unloaded_before_it_is_deleted() -> None:
    host = FakeHost(installed_model("a:1"))
    host.loaded_as("a:1")
    bench = Bench(host)
    await bench.watch.look()

    await bench.jobs.delete("a:1")

    assert [call for call in host.calls if call[1]] == [("unload", "a:1"), ("delete", "a:1")]
    assert bench.watch.state.installed == ()


def test_deleting_the_only_name_of_a_model_frees_its_size() -> None:
    only, other = installed_model("a:1", 5_000, digest="1"), installed_model("b:1", 7_000, digest="2")

    assert bytes_freed(only, (only, other)) == 5_000


def test_deleting_one_of_two_names_of_a_model_frees_nothing() -> None:
    one, twin = installed_model("a:1", 5_000, digest="1"), installed_model("mine:latest", 5_000, digest="1")

    assert bytes_freed(one, (one, twin)) == 0


def test_what_a_model_without_a_size_frees_is_unknown() -> None:
    stub = cloud_model("gpt-oss:120b-cloud")

    assert bytes_freed(stub, (stub,)) is None


def test_models_whose_digest_is_not_told_are_not_taken_for_one() -> None:
    one, other = installed_model("a:1", 5_000, digest=""), installed_model("b:1", 5_000, digest="")

    assert bytes_freed(one, (one, other)) == 5_000
