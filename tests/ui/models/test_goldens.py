"""The Models mode as text, at the two sizes it is made for."""

from __future__ import annotations

import asyncio

import pytest

from llmhub.core.errors import FailureKind
from llmhub.core.models import Manifest, ManifestLayer, PullEvent
from llmhub.core.places import PlaceKind
from llmhub.core.totals import BucketKey, Sums, Totals
from support.fake_host import FakeHost, failure
from support.hubs import FakeRegistry
from support.models_mode import NOW, models_mode
from support.screens import check_golden, drawn, shows, until

SIZES = [(80, 24), (120, 40)]
LAYER = "sha256:" + "a" * 64
WHOLE = 13_793_441_244


class PastTurns:
    """A ledger that knows two models."""

    def __init__(self) -> None:
        day = NOW.astimezone().date().isoformat()
        self.totals = Totals(
            tuple(
                (
                    BucketKey(day, PlaceKind.THIS_MACHINE, "", "ollama", model, None, "none"),
                    Sums(turns=3, eval_tokens=tokens, eval_ms=10_000),
                )
                for model, tokens in (("qwen3:8b", 472), ("gpt-oss:20b", 1042))
            )
        )


@pytest.mark.parametrize("size", SIZES)
async def test_models_with_two_pulls(size: tuple[int, int]) -> None:
    registry = FakeRegistry()
    registry.manifests["gpt-oss:120b"] = Manifest("f" * 64, (ManifestLayer(LAYER, WHOLE, "model"),))
    async with models_mode(size=size, ledger=PastTurns(), registry=registry) as stand:
        stand.host.will_pull(
            "gpt-oss:120b",
            PullEvent("pulling manifest"),
            PullEvent("pulling aaaaaaaaaaaa", LAYER, WHOLE, WHOLE * 61 // 100),
            asyncio.Event(),
        )
        for name in ("gpt-oss:120b", "qwen3:14b", "mistral:7b"):
            stand.hub.pulls.add(name)
        await shows(stand.pilot, "61 %")
        await shows(stand.pilot, "waiting, 2nd")
        await stand.press("down")

        check_golden(f"models-{size[0]}x{size[1]}", drawn(stand.app))


@pytest.mark.parametrize("size", SIZES[:1])
async def test_no_daemon(size: tuple[int, int]) -> None:
    host = FakeHost()
    host.down = True
    async with models_mode(host, size=size) as stand:
        check_golden(f"models-no-daemon-{size[0]}x{size[1]}", drawn(stand.app))


@pytest.mark.parametrize("size", SIZES[:1])
async def test_no_models(size: tuple[int, int]) -> None:
    async with models_mode(FakeHost(), size=size) as stand:
        check_golden(f"models-none-{size[0]}x{size[1]}", drawn(stand.app))


@pytest.mark.parametrize("size", SIZES)
async def test_a_failure_opened_in_a_demo_offline(size: tuple[int, int]) -> None:
    async with models_mode(size=size, demo=True, offline=True) as stand:
        stand.host.failures["load"] = failure(
            FailureKind.MEMORY,
            happened="The model could not be loaded",
            subject="gpt-oss:20b needs more memory than there is",
            remedy="unload another one",
            detail="model requires more system memory (40.3 GiB) than is available (22.9 GiB)",
        )
        await stand.press("down", "down", "down", "o")
        await stand.until(lambda: stand.strip.error)
        stand.strip.focus()
        await stand.press("enter")

        check_golden(f"models-failure-{size[0]}x{size[1]}", drawn(stand.app))


@pytest.mark.parametrize("size", SIZES[:1])
async def test_asking_before_a_deletion(size: tuple[int, int]) -> None:
    async with models_mode(size=size) as stand:
        await stand.press("d")
        await shows(stand.pilot, "Delete qwen3:32b?")

        check_golden(f"models-delete-{size[0]}x{size[1]}", drawn(stand.app))


@pytest.mark.parametrize("size", SIZES)
async def test_choosing_a_model(size: tuple[int, int]) -> None:
    from textual.widgets import Input, OptionList

    from llmhub.ui.widgets.model_picker import ModelPicker

    async with models_mode(size=size) as stand:
        stand.app.push_screen(ModelPicker(stand.hub, "Which model for the second lane?"))
        await until(stand.pilot, lambda: isinstance(stand.app.screen, ModelPicker))
        stand.app.screen.query_one(Input).cursor_blink = False
        stand.app.screen.query_one(Input).value = "qwen"
        await until(stand.pilot, lambda: stand.app.screen.query_one(OptionList).option_count == 3)

        check_golden(f"model-picker-{size[0]}x{size[1]}", drawn(stand.app))


@pytest.mark.parametrize("size", SIZES[:1])
async def test_details(size: tuple[int, int]) -> None:
    from llmhub.core.models import ModelDetails

    async with models_mode(size=size) as stand:
        stand.host.shown["qwen3:32b"] = ModelDetails(
            "qwen3:32b",
            architecture="qwen3",
            parameter_count=32_762_123_264,
            parameter_size="32.8B",
            quantization="Q4_K_M",
            context_trained=40_960,
            capabilities=frozenset({"completion", "tools", "thinking"}),
            parameters="num_ctx                        16384\nstop                           \"<|im_end|>\"",
            template="{{ .Prompt }}",
            license="Apache License\nVersion 2.0",
            model_info={"qwen3.block_count": 64, "tokenizer.ggml.tokens": None, "qwen3.rope.freq_base": 1000000.0},
        )  # fmt: skip
        await stand.press("i")
        await stand.until(lambda: "preset context" in getattr(stand.app.screen, "text", ""))

        check_golden(f"model-details-{size[0]}x{size[1]}", drawn(stand.app))
