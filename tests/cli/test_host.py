"""Models, loaded models, loading, unloading, pulling: what Ollama's own commands do, in the grammar of the screens."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from llmhub.cli.console import Console
from llmhub.cli.main import run
from llmhub.cli.pull import progress_line
from llmhub.core.catalog import Variant
from llmhub.core.errors import FailureKind
from llmhub.core.models import Manifest, ManifestLayer, PullEvent
from llmhub.core.names import name_key
from llmhub.core.pulls import PullPhase, PullProgress
from llmhub.core.sizing.disk import ModelsFolder
from support.commands import Commands, DeadWorld, Stream
from support.fake_catalog import FakeCatalog, entry_of, no_such
from support.fake_host import GIB, FakeHost, cloud_model, failure, installed_model


@pytest.fixture
def host(llmhub: Commands) -> FakeHost:
    llmhub.host = FakeHost(
        installed_model("qwen3:8b", 5 * GIB), installed_model("twin:8b", 5 * GIB), cloud_model("gpt-oss:120b-cloud")
    )
    llmhub.host.models[1] = replace(llmhub.host.models[1], digest=llmhub.host.models[0].digest)
    return llmhub.host


def test_installed_models_are_a_table_with_the_place_of_each(llmhub: Commands, host: FakeHost) -> None:
    host.loaded_as("qwen3:8b", 6 * GIB, 3 * GIB)

    done = llmhub("models")

    assert done.code == 0
    assert done.out == (
        "  model                  size  quant   context  can    loaded\n"
        "● qwen3:8b            5.0 GiB  Q4_K_M   40,960  tools  50 % GPU, never\n"
        "● twin:8b             5.0 GiB  Q4_K_M   40,960  tools\n"
        "○ gpt-oss:120b-cloud        —  —       131,072  tools  Ollama cloud\n"
    )
    assert done.err == "3 models, 5.0 GiB on disk\n"


def test_the_table_as_json_has_exact_figures_and_null_for_unknown(llmhub: Commands, host: FakeHost) -> None:
    local, _, cloud = llmhub("--json", "models").json

    assert local["size_bytes"] == 5 * GIB
    assert local["place"] == {"kind": "this_machine", "name": ""}
    assert (cloud["size_bytes"], cloud["place"]["kind"], cloud["loaded"]) == (None, "ollama_cloud", None)


def test_without_models_or_loaded_ones_the_way_to_some_is_named(llmhub: Commands) -> None:
    llmhub.host = FakeHost()

    models, ps = llmhub("models"), llmhub("ps")

    assert (models.code, models.out, ps.code, ps.out) == (0, "", 0, "")
    assert "llmhub pull" in models.err
    assert "llmhub load" in ps.err
    assert (llmhub("models", "--json").json, llmhub("ps", "--json").json) == ([], [])


def test_loaded_models_say_where_they_are_and_until_when(llmhub: Commands, host: FakeHost) -> None:
    host.loaded_as("qwen3:8b", 6 * GIB)
    host.loaded_as("twin:8b", 6 * GIB, 0)

    done = llmhub("ps")

    assert done.out == (
        "  model      memory  where  context  until\n"
        "● qwen3:8b  6.0 GiB  GPU      8,192  never\n"
        "● twin:8b   6.0 GiB  CPU      8,192  never\n"
    )
    assert [row["vram_bytes"] for row in llmhub("ps", "--json").json] == [6 * GIB, 0]


def test_loading_speaks_the_daemons_protocol(llmhub: Commands) -> None:
    loaded = llmhub("load", "qwen3:8b", "--ctx", "2048", "--json")

    assert loaded.json["context"] == 2048


def test_a_model_that_is_not_loaded_is_no_failure_to_unload(llmhub: Commands) -> None:
    unloaded = llmhub("unload", "qwen3:8b")

    assert (unloaded.code, unloaded.err) == (0, "qwen3:8b was not loaded\n")


def test_unloading_says_what_came_free(llmhub: Commands, host: FakeHost) -> None:
    host.loaded_as("qwen3:8b", 6 * GIB)

    done = llmhub("unload", "qwen3:8b")

    assert (done.code, done.err) == (0, "✓ qwen3:8b: 6.0 GiB freed\n")
    assert host.residents == []


@pytest.mark.parametrize("command", ["load", "unload", "pull"])
def test_an_unknown_model_is_told_with_a_remedy(llmhub: Commands, command: str) -> None:
    done = llmhub(command, "nosuch:1b")

    assert (done.code, done.out) == (1, "")
    assert "nosuch:1b" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("arguments", [("models",), ("ps",), ("load", "a"), ("unload", "a"), ("pull", "a")])
def test_without_a_daemon_three_parts_are_told(llmhub: Commands, arguments: tuple[str, ...]) -> None:
    llmhub.world = DeadWorld

    done = llmhub(*arguments)

    assert (done.code, done.out) == (1, "")
    assert "✗ " in done.err
    assert "127.0.0.1:9" in done.err


def test_a_daemon_that_does_not_answer_is_started_the_way_it_was_installed(llmhub: Commands, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    llmhub.world = DeadWorld
    llmhub.environ |= {"PATH": str(program.parent), "OLLAMA_MODELS": "/big/models"}

    listed, asked = llmhub("models"), llmhub("ask", "qwen3:8b", "hi", "--json")

    for remedy in (listed.err, asked.json["error"]["remedy"]):
        assert "OLLAMA_HOST=http://127.0.0.1:9 ollama serve" in remedy or "systemctl" in remedy
        assert "/big/models" in remedy or "systemctl" in remedy


def test_a_registry_that_the_daemon_cannot_reach_is_not_mended_by_starting_the_daemon(
    llmhub: Commands, host: FakeHost
) -> None:
    host.will_pull("new:1b", failure(FailureKind.UNREACHABLE, happened="No registry", remedy="look at the network"))

    done = llmhub("pull", "new:1b")

    assert done.err.endswith("✗ No registry · the request\n  look at the network\n")


def test_what_the_daemon_said_itself_is_told_beside_our_words(llmhub: Commands, host: FakeHost) -> None:
    host.failures["installed"] = failure(detail="model runner\x1b[2J has gone")

    done = llmhub("models")

    assert done.err == "✗ Ollama refused · the request\n  it said: model runner has gone\n  try again\n"


def test_names_from_a_daemon_cannot_steer_the_terminal(llmhub: Commands) -> None:
    llmhub.host = FakeHost(installed_model("evil\x1b]0;x\x07\x1b[31m\nname"))
    llmhub.terminal = True

    done = llmhub("models")

    assert "\x1b]" not in done.out
    assert "\x1b[31m" not in done.out
    assert "● evil name" in done.out


# -- pulls --------------------------------------------------------------------------------------


def test_a_pull_reports_in_lines_where_nothing_can_be_drawn_again(llmhub: Commands, host: FakeHost) -> None:
    layer = "sha256:" + "a" * 64
    host.will_pull(
        "new:1b",
        PullEvent("pulling manifest"),
        PullEvent("pulling", layer, 4 * GIB, 1 * GIB),
        PullEvent("pulling", layer, 4 * GIB, 4 * GIB),
        PullEvent("verifying sha256 digest"),
        PullEvent("success"),
    )

    done = llmhub("pull", "new:1b")

    assert (done.code, done.out) == (0, "")
    assert "✓ new:1b: " in done.err
    assert "\r" not in done.err
    assert "\x1b" not in done.err


def test_a_pull_as_json_is_its_verdict_first_and_what_came_last(llmhub: Commands, host: FakeHost) -> None:
    llmhub.catalog = FakeCatalog(entry_of("new:1b", GIB))
    llmhub.write_settings('[machine]\nmemory = "25GiB"\n')

    done = llmhub("--json", "pull", "new:1b")

    verdict, last = map(json.loads, done.out.splitlines())
    assert (verdict["event"], verdict["model"], verdict["refused"]) == ("verdict", "new:1b", False)
    assert verdict["context"] == 8192
    assert verdict["download_bytes"] == GIB
    assert verdict["capacity_bytes"] == 25 * GIB
    assert verdict["reasons"][0].startswith("It needs ")
    assert (last["event"], last["model"], last["status"]) == ("pulled", "new:1b", "success")
    assert last["digest"] == host.models[-1].digest


def test_what_does_not_fit_is_refused_with_the_arithmetic_and_nothing_is_pulled(
    llmhub: Commands, host: FakeHost
) -> None:
    llmhub.catalog = FakeCatalog()
    llmhub.catalog.know_large("llama3.1:70b")
    llmhub.catalog.offers[name_key("llama3.1:70b")] = (Variant("llama3.1:70b-q2_K", "Q2_K", 10 * GIB),)
    llmhub.write_settings('[machine]\nmemory = "25GiB"\n')

    done, told = llmhub("pull", "llama3.1:70b"), llmhub("--json", "pull", "llama3.1:70b")

    assert (done.code, done.out, told.code) == (3, "", 3)
    assert done.err.startswith("✗ It does not fit into the memory · llama3.1:70b: needs ")
    assert "weights 39.6 + KV cache 2.5 + compute" in done.err
    assert "there are 25.0 GiB" in done.err
    assert "GiB too much\n" in done.err
    assert "\n  take llama3.1:70b-q2_K, 10.0 GiB: it fits" in done.err
    assert done.err.endswith("; --force pulls it all the same\n")
    assert (told.json["verdict"], told.json["refused"], told.json["forced"]) == ("does_not_fit", True, False)
    assert told.json["smaller"]["model"] == "llama3.1:70b-q2_K"
    assert all(method != "pull" for method, _ in host.calls)


def test_force_pulls_it_all_the_same_and_says_what_it_was_warned_of(llmhub: Commands, host: FakeHost) -> None:
    llmhub.catalog = FakeCatalog()
    llmhub.catalog.know_large("llama3.1:70b")
    llmhub.write_settings('[machine]\nmemory = "25GiB"\n')

    done = llmhub("pull", "llama3.1:70b", "--force")

    assert done.code == 0
    assert done.err.startswith("! It does not fit into the memory · llama3.1:70b: needs ")
    assert "pulled all the same, as --force says" in done.err
    assert ("pull", "llama3.1:70b") in host.calls


def test_a_disk_too_small_is_refused_and_says_what_is_missing(llmhub: Commands, host: FakeHost) -> None:
    llmhub.catalog = FakeCatalog(entry_of("new:1b", 4 * GIB))
    llmhub.folder = ModelsFolder("/models", "yours", free_bytes=2 * GIB, present=frozenset())
    llmhub.write_settings('[machine]\nmemory = "25GiB"\n')

    done, told = llmhub("pull", "new:1b"), llmhub("--json", "pull", "new:1b")

    assert (done.code, told.code) == (3, 3)
    assert "✗ It does not fit onto the disk · new:1b: 4.0 GiB to fetch" in done.err
    assert "make room for 3.0 GiB" in done.err
    assert (told.json["to_fetch_bytes"], told.json["disk_missing_bytes"]) == (4 * GIB, 3 * GIB)
    assert all(method != "pull" for method, _ in host.calls)


@pytest.mark.parametrize(
    ("catalog", "told"),
    [(FakeCatalog(entry_of("new:8b", 4 * GIB)), "! ≈ tight: needs "), (FakeCatalog(), "! ? unknown: registry.example")],
)
def test_tight_and_unknown_warn_and_go_on(llmhub: Commands, host: FakeHost, catalog: FakeCatalog, told: str) -> None:
    llmhub.catalog = catalog
    llmhub.write_settings('[machine]\nmemory = "5.8GiB"\n')

    done = llmhub("pull", "new:8b")

    assert done.code == 0
    assert done.err.startswith(told)
    assert done.err.splitlines()[0].endswith("· new:8b · it is pulled all the same")
    assert ("pull", "new:8b") in host.calls


def test_a_tag_that_there_is_not_fails_at_once_with_the_registrys_words(llmhub: Commands, host: FakeHost) -> None:
    llmhub.catalog = FakeCatalog()
    llmhub.catalog.errors["qwen3:9b"] = no_such("qwen3:9b")

    done, forced = llmhub("pull", "qwen3:9b"), llmhub("pull", "--force", "qwen3:9b")

    assert (done.code, forced.code) == (1, 0)
    assert done.err == (
        "✗ There is no such model or tag · qwen3:9b\n  its page lists its tags; --force asks Ollama all the same\n"
    )
    assert [name for method, name in host.calls if method == "pull"] == ["qwen3:9b"]


def test_offline_nothing_is_looked_up_and_the_switch_refuses_as_ever(llmhub: Commands) -> None:
    llmhub.catalog = FakeCatalog(entry_of("new:1b", GIB))

    done = llmhub("pull", "new:1b", "--offline")

    assert done.code == 1
    assert "llmhub is offline" in done.err
    assert llmhub.catalog.asked == []


def test_the_name_of_a_model_cannot_steer_the_terminal(llmhub: Commands, host: FakeHost) -> None:
    name = "evil\x1b]0;x\x07\x1b[31m\nname"
    llmhub.catalog = FakeCatalog(entry_of(name, 42 * GIB, layers=80, width=8192))
    llmhub.write_settings('[machine]\nmemory = "8GiB"\n')
    llmhub.terminal = True

    done = llmhub("pull", name)

    assert done.code == 3
    assert "\x1b]" not in done.err
    assert "\x1b[31m\n" not in done.err
    assert "evil name: needs " in done.err


def test_a_pull_that_breaks_off_fails_with_the_daemons_reason(llmhub: Commands, host: FakeHost) -> None:
    host.will_pull(
        "new:1b",
        PullEvent("pulling manifest"),
        failure(FailureKind.DISK, happened="No room for the model", subject="new:1b", remedy="delete one"),
    )

    done = llmhub("pull", "new:1b")

    assert done.code == 1
    assert "✗ No room for the model · new:1b\n  delete one" in done.err


class Watched(Stream):
    """A terminal that lets the pull go on once a line was drawn on it."""

    def __init__(self, seen: asyncio.Event) -> None:
        super().__init__(terminal=True)
        self._seen = seen

    def write(self, text: str) -> int:
        if "25 %" in text:
            self._seen.set()
        return super().write(text)


def test_on_a_terminal_the_line_is_drawn_again_and_taken_away(llmhub: Commands, host: FakeHost) -> None:
    layer, seen = "sha256:" + "a" * 64, asyncio.Event()
    manifest = Manifest("b" * 64, (ManifestLayer(layer, 4 * GIB, "model"),))
    llmhub.catalog = FakeCatalog(replace(entry_of("new:1b", 4 * GIB), manifest=manifest))
    llmhub.write_settings('[machine]\nmemory = "25GiB"\n')
    host.will_pull("new:1b", PullEvent("pulling", layer, 4 * GIB, GIB), seen, PullEvent("success"))
    err = Watched(seen)

    code = run(("pull", "new:1b"), open_world=llmhub.open, console=Console(Stream(), err, {}))

    _, looking, verdict, *_, last = err.getvalue().split("\r\x1b[2K")
    assert code == 0
    assert looking == "looking up new:1b …"
    assert verdict.startswith("new:1b: 4.0 GiB to fetch · ")
    assert verdict.endswith("\n")
    assert "25 %  1.0 of 4.0 GiB" in err.getvalue()
    assert last.startswith("✓ new:1b")


def test_a_pull_from_a_loopback_registry_may_go_without_tls(llmhub: Commands, host: FakeHost) -> None:
    llmhub("pull", "127.0.0.1:5000/me/new:1b")
    llmhub("pull", "registry.example/me/new:1b")

    assert host.insecure_pulls == ["127.0.0.1:5000/me/new:1b"]


def progress(**changes: object) -> PullProgress:
    whole = PullProgress(PullPhase.DOWNLOADING, 3 * GIB, 12 * GIB, True, 42 * 2**20, 130.0, None)
    return replace(whole, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (progress(), "↓ m  ▓▓▓▓▓░░░░░░░░░░░░░░░  25 %  3.0 of 12.0 GiB  42 MiB/s  2 m 10 s left  ctrl+c stops"),
        (progress(total_is_whole=False, left_s=None), "↓ m  3.0 of ≥12.0 GiB  42 MiB/s  ctrl+c stops"),
        (
            progress(per_s=None, left_s=None, stalled_s=31.0),
            "↓ m  ▓▓▓▓▓░░░░░░░░░░░░░░░  25 %  3.0 of 12.0 GiB  nothing came for 31 s  ctrl+c stops",
        ),
        (progress(completed_bytes=12 * GIB - 1, left_s=None, per_s=None), "99 %"),
    ],
)
def test_a_pull_on_one_line_says_only_what_is_known(look: PullProgress, words: str) -> None:
    assert words in progress_line("m", look)
