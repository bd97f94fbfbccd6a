"""Whether models fit, on the Models screen: the table, the pane below it, the keys that move the context."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest

from llmhub.core.errors import FailureKind
from llmhub.core.memory import MemoryState, MemoryTerm, Placement
from llmhub.core.models import LoadedModel
from llmhub.core.places import Place, PlaceKind
from llmhub.core.sizing.verdicts import VerdictKind
from llmhub.machine.chips import find_chip
from llmhub.simulators.catalogue import GPT_OSS_20B, LLAMA31_8B, LLAMA31_70B, QWEN3_8B
from support.fake_host import GIB, FakeHost, cloud_model, failure, installed_model
from support.hubs import FakeAppMemory
from support.models_mode import Stand, models_mode
from support.screens import check_golden, drawn, shows
from support.sized_models import details_of, qwen3_32b

TERMS = (MemoryTerm("installed memory", 32 * GIB), MemoryTerm("kept by macOS: Metal's own limit", -7 * GIB))
FREE = 25 * GIB


class Machine:
    """The Mac of the sketches: 25 GiB for models, what is loaded taken off."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.known = True

    async def memory(self) -> MemoryState | None:
        if not self.known:
            return None
        used = sum(model.size_bytes for model in self.host.residents)
        return MemoryState(
            "unified", FREE, FREE - used, "Metal's own limit on this Mac", Placement.UNIFIED, terms=TERMS
        )

    async def chip(self) -> object:
        return await asyncio.to_thread(find_chip, "M1 Max", 32 * GIB)


def sketch_models() -> FakeHost:
    """Those of the sketch, none loaded."""
    host = FakeHost(
        installed_model("qwen3:8b", 5_225_388_164, capabilities=frozenset({"completion", "tools", "thinking"})),
        installed_model("gpt-oss:20b", 13_793_441_244, quantization="MXFP4", parameter_size="20.9B", family="gptoss",
                        context_trained=131_072),
        installed_model("qwen3:32b", 19_763_251_440, parameter_size="32.8B",
                        capabilities=frozenset({"completion", "tools", "thinking"})),
        installed_model("llama3.1:70b", 42_520_413_916, parameter_size="70.6B", family="llama",
                        context_trained=131_072),
        cloud_model("gpt-oss:120b-cloud"),
    )  # fmt: skip
    host.shown = {
        "qwen3:8b": details_of(QWEN3_8B),
        "gpt-oss:20b": details_of(GPT_OSS_20B),
        "llama3.1:70b": details_of(LLAMA31_70B),
        "qwen3:32b": qwen3_32b(),
    }
    return host


def on_the_mac(host: FakeHost) -> dict[str, Any]:
    machine = Machine(host)
    return {"memory": machine.memory, "chip": machine.chip}


def line_of(stand: Stand, name: str) -> str:
    return next(line for line in drawn(stand.app).splitlines() if f" {name} " in line)


def pane(stand: Stand) -> list[str]:
    """The lines below the rule."""
    lines = drawn(stand.app).splitlines()
    rule = max(at for at, line in enumerate(lines) if line.startswith("────"))
    return lines[rule + 1 : -1]


# -- as it is sketched ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_sketch(size: tuple[int, int]) -> None:
    host = sketch_models()
    host.residents = [LoadedModel("qwen3:8b", 6_650_000_000, 6_650_000_000, never_expires=True, context_tokens=8192)]
    async with models_mode(host, size=size, **on_the_mac(host)) as stand:
        await stand.until(lambda: stand.hub.advisor.chip is not None)
        stand.table.cursor = "qwen3:32b"
        await stand.pilot.pause()

        check_golden(f"models-fit-{size[0]}x{size[1]}", drawn(stand.app))


# -- moving the context -----------------------------------------------------------------------------


async def test_brackets_move_the_context_of_the_table_the_bar_and_the_verdicts() -> None:
    host, kept = sketch_models(), FakeAppMemory()
    async with models_mode(host, app_memory=kept, **on_the_mac(host)) as stand:
        stand.table.cursor = "qwen3:32b"
        await stand.pilot.pause()
        assert "8k context" in drawn(stand.app)
        assert "✓ fits" in line_of(stand, "qwen3:32b")
        before = pane(stand)[1]

        await stand.press("right_square_bracket", "right_square_bracket", "right_square_bracket")

        assert "40k context" in drawn(stand.app)
        assert "✗ no" in line_of(stand, "qwen3:32b")
        assert "✓ fits" in line_of(stand, "qwen3:8b")
        after = pane(stand)[1]
        assert before.count("▒") < after.count("▒")
        assert "context 40,960, all it was trained for" in pane(stand)[3]
        assert kept.get("models_context") == 40_960

        await stand.press("left_square_bracket")

        assert "32k context" in drawn(stand.app)


async def test_the_context_is_remembered_and_stays_within_what_models_were_trained_for() -> None:
    host, kept = sketch_models(), FakeAppMemory()
    kept.set("models_context", 131_072)
    async with models_mode(host, app_memory=kept, **on_the_mac(host)) as stand:
        assert "128k context" in drawn(stand.app)

        await stand.press("right_square_bracket")
        assert "128k context" in drawn(stand.app)
        await stand.press(*["left_square_bracket"] * 20)

        assert "1k context" in drawn(stand.app)


async def test_a_click_on_the_key_moves_it_too_and_without_models_nothing_moves() -> None:
    host = sketch_models()
    async with models_mode(host, **on_the_mac(host)) as stand:
        at = drawn(stand.app).splitlines()[-1].index("[ ] context")
        await stand.pilot.click("KeyLine", offset=(at, 0))
        await stand.pilot.pause()

        assert "4k context" in drawn(stand.app)
    async with models_mode(FakeHost()) as stand:
        await stand.press("right_square_bracket")

        assert "context" not in drawn(stand.app).splitlines()[-1]


# -- what the daemon does ---------------------------------------------------------------------------


async def test_a_model_that_is_loaded_changes_the_others_to_unload_1() -> None:
    host = sketch_models()
    async with models_mode(host, **on_the_mac(host)) as stand:
        stand.table.cursor = "qwen3:32b"
        await stand.pilot.pause()
        assert "✓ fits" in line_of(stand, "qwen3:32b")

        host.residents = [LoadedModel("qwen3:8b", 6_650_000_000, 6_650_000_000, context_tokens=8192)]
        await stand.look()
        await shows(stand.pilot, "↻ unload 1")

        assert "↻ unload 1" in line_of(stand, "qwen3:32b")
        assert pane(stand)[4] == " ↻ fits if freed: needs 20.8 GiB, keeps 1.0 free; qwen3:8b holds 6.2"
        assert pane(stand)[1].count("┊") == 2
        assert "┊ 18.8 free  ┊ 25.0 limit GiB" in pane(stand)[2]
        assert "✓ fits" in line_of(stand, "qwen3:8b"), "what it holds itself counts as free"


async def test_two_caches_are_explained_before_a_load_and_both_figures_are_told_after_it() -> None:
    host = sketch_models()
    async with models_mode(host, size=(100, 40), **on_the_mac(host)) as stand:
        stand.table.cursor = "gpt-oss:20b"
        await stand.pilot.pause()
        assert "ollama ps leaves out one of this model's two caches" in drawn(stand.app)

        host.residents = [LoadedModel("gpt-oss:20b", 13_970_000_000, 13_970_000_000, context_tokens=32_768)]
        await stand.look()
        await shows(stand.pilot, "it holds")

        assert "loaded · ollama ps says 13.0 GiB and leaves out one of its two caches: it holds 13.8" in drawn(
            stand.app
        )


async def test_an_older_daemon_s_figure_is_called_an_estimate() -> None:
    host = sketch_models()
    host.version = "0.24.0"
    host.residents = [LoadedModel("gpt-oss:20b", 12 * GIB, 12 * GIB, context_tokens=8192)]
    async with models_mode(host, size=(110, 40), **on_the_mac(host)) as stand:
        assert "· ollama ps of 0.24.0 tells an estimate of its own" in drawn(stand.app)
        assert "it holds" not in drawn(stand.app)

        host.residents = []
        await stand.look()

        assert "0.24.0 tells" not in drawn(stand.app)


# -- what is not known ------------------------------------------------------------------------------


async def test_unknown_memory_says_why_and_still_tells_the_need() -> None:
    host = sketch_models()
    machine = Machine(host)
    machine.known = False
    async with models_mode(host, wait=False, memory=machine.memory) as stand:
        await stand.until(lambda: stand.hub.advisor.sized("llama3.1:70b"))
        await stand.until(lambda: not stand.hub.advisor.is_looking)
        stand.table.cursor = "qwen3:8b"
        await stand.pilot.pause()

        assert line_of(stand, "qwen3:8b").split()[5:9] == ["?", "unknown", "6.2", "GiB"]
        assert "? unknown: the memory of the machine it would run on is not known" in drawn(stand.app)
        assert "needs 6.2 GiB = weights 4.9 + KV cache 1.1 + compute 0.2" in drawn(stand.app)
        assert "[machine] memory" in drawn(stand.app)


async def test_a_look_up_that_fails_leaves_its_reason() -> None:
    host = sketch_models()
    host.failures["details"] = failure(FailureKind.REFUSED, happened="The file is broken", subject="a blob")
    async with models_mode(host, **on_the_mac(host)) as stand:
        stand.table.cursor = "qwen3:8b"
        await stand.pilot.pause()

        assert "? unknown" in line_of(stand, "qwen3:8b")
        assert "? unknown: the file is broken" in drawn(stand.app)
        assert "there are 25.0 GiB, 25.0 free" in drawn(stand.app)


async def test_while_models_are_looked_up_the_rows_say_so_and_fill_by_themselves() -> None:
    host = sketch_models()
    host.gates["details"] = gate = asyncio.Event()
    async with models_mode(host, wait=False, **on_the_mac(host)) as stand:
        await stand.until(lambda: stand.table.rows)
        stand.table.cursor = "qwen3:8b"
        await shows(stand.pilot, "? unknown: it is being looked up")

        gate.set()
        await shows(stand.pilot, "✓ fits")


async def test_a_cloud_model_takes_no_memory_here_and_has_no_bar() -> None:
    host = sketch_models()
    async with models_mode(host, **on_the_mac(host)) as stand:
        stand.table.cursor = "gpt-oss:120b-cloud"
        await stand.pilot.pause()

        assert "○ cloud" in line_of(stand, "gpt-oss:120b-cloud")
        assert "what you send leaves this machine" in drawn(stand.app)
        assert not any("▓" in line or "GiB" in line for line in pane(stand))


async def test_on_a_lan_host_the_sign_is_the_host_s_and_its_memory_is_unknown() -> None:
    lan = Place(PlaceKind.LAN_HOST, "gpu-box")
    host = sketch_models()
    host.place = lan
    host.models = [replace(model, place=lan) for model in host.models[:4]]

    async def nobody() -> None:
        return None

    async with models_mode(host, wait=False, memory=nobody) as stand:
        await stand.until(lambda: stand.hub.advisor.sized("llama3.1:70b"))
        await stand.pilot.pause()

        assert line_of(stand, "qwen3:8b").lstrip("▌ ").startswith("◐")
        assert "? unknown" in line_of(stand, "qwen3:8b")


# -- details ----------------------------------------------------------------------------------------


async def test_details_show_the_arithmetic_and_every_term_of_the_budget() -> None:
    host = sketch_models()
    host.residents = [LoadedModel("qwen3:8b", 6_650_000_000, 6_650_000_000, context_tokens=8192)]
    async with models_mode(host, **on_the_mac(host)) as stand:
        await stand.until(lambda: stand.hub.advisor.chip is not None)
        stand.table.cursor = "qwen3:32b"
        await stand.press("i")
        await stand.until(lambda: "as the daemon tells it" in getattr(stand.app.screen, "text", ""))
        await stand.press("y")

    (text,) = stand.app.copied
    for line in (
        "will it fit, at 8,192 tokens of context",
        "↻ fits if freed: needs 20.8 GiB, keeps 1.0 free; qwen3:8b holds 6.2",
        "It fits when qwen3:8b (6.2 GiB) is unloaded.",
        "KV cache  2.0 GiB (2,147,483,648 bytes)",
        "installed memory                  32.0 GiB (34,359,738,368 bytes)",
        "kept by macOS: Metal's own limit  −7.0 GiB (−7,516,192,768 bytes)",
        "qwen3:8b holds                    6.2 GiB (6,650,000,000 bytes)",
        "micro-batch       1,024 tokens",
    ):
        assert line in text
    assert "from the memory bandwidth of Apple M1 Max" in text


async def test_details_of_a_model_that_runs_elsewhere_have_no_arithmetic() -> None:
    host = sketch_models()
    async with models_mode(host, **on_the_mac(host)) as stand:
        stand.table.cursor = "gpt-oss:120b-cloud"
        await stand.press("i")
        await stand.until(lambda: "runs at" in getattr(stand.app.screen, "text", ""))

        assert "will it fit" not in stand.app.screen.text  # type: ignore[attr-defined]


# -- many, and hostile ------------------------------------------------------------------------------


def many(count: int) -> FakeHost:
    host = FakeHost(*(installed_model(f"llama3.1:8b-{number}", 4_920_753_328) for number in range(count)))
    for model in host.models:
        host.shown[model.name] = details_of(LLAMA31_8B, model.name)
    return host


async def test_sixteen_models_scroll_and_keep_every_column() -> None:
    host = many(16)
    async with models_mode(host, **on_the_mac(host)) as stand:
        await stand.press("end")

        rows = [line for line in drawn(stand.app).splitlines() if "llama3.1:8b-" in line and "GiB" in line]
        assert len(rows) > 10
        assert all("✓ fits" in line and line.count("GiB") == 2 for line in rows)
        assert "llama3.1:8b-9" in pane(stand)[0]


async def test_three_hundred_models_move_at_once() -> None:
    host = many(300)
    async with models_mode(host, **on_the_mac(host)) as stand:
        taken = []
        for key in ["right_square_bracket", "left_square_bracket"] * 4:
            began = perf_counter()
            stand.screen.action_context(1 if key.startswith("right") else -1)
            taken.append(perf_counter() - began)

        assert stand.table.rows[0].fit is not None
        assert stand.table.rows[0].fit.verdict.kind is VerdictKind.FITS
        assert min(taken) < 0.05, "generous: the benchmark holds it to a frame"


async def test_names_full_of_markup_and_escapes_are_only_text_in_the_pane() -> None:
    evil = "[red]evil[/]\x1b[31m:1"
    host = FakeHost(installed_model(evil, 5_225_388_164, quantization="\x1b]0;x\x07Q4"), installed_model("ok:1"))
    host.shown[evil] = details_of(QWEN3_8B, evil)
    host.shown["ok:1"] = details_of(QWEN3_8B, "ok:1")
    host.residents = [LoadedModel(evil, 20 * GIB, 20 * GIB, context_tokens=8192)]
    async with models_mode(host, **on_the_mac(host)) as stand:
        screen = drawn(stand.app)
        assert "[red]evil[/]" in pane(stand)[0]
        assert "\x1b" not in screen

        stand.table.cursor = "ok:1"
        await stand.pilot.pause()

        assert "[red]evil[/]:1 holds 20.0" in pane(stand)[4]
        assert "\x1b" not in drawn(stand.app)
        stand.table.cursor = evil
        await stand.press("i")
        await stand.until(lambda: "as the daemon tells it" in getattr(stand.app.screen, "text", ""))
        assert "\x1b" not in drawn(stand.app)


async def test_a_short_terminal_has_no_pane() -> None:
    host = sketch_models()
    async with models_mode(host, size=(80, 14), **on_the_mac(host)) as stand:
        assert "weights" not in drawn(stand.app)
        assert "✓ fits" in drawn(stand.app)
