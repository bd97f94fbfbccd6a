"""The catalogue against the sizing references (sizing-vectors.json and ps-sizes.json of 2026-11-20 and -21)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from llmhub.simulators.catalogue import (
    DEEPSEEK_R1_8B,
    EVERYTHING,
    GEMMA3_4B,
    GPT_OSS_20B,
    INSTALLED,
    LLAMA31_70B,
    LLAMA32_1B,
    LLAMA32_3B,
    QWEN3_06B,
    QWEN3_8B,
    QWEN25_CODER_7B,
    SimModel,
)
from llmhub.simulators.script import MAC_32GB_BYTES

assert QWEN3_8B.shape is not None
STOCK_QWEN3_8B = replace(QWEN3_8B, shape=replace(QWEN3_8B.shape, attn_v_type=None))
STOCK_GEMMA3_4B = replace(GEMMA3_4B, extra_tensors=())


@pytest.mark.parametrize(
    ("model", "tensor_bytes"),
    [
        (LLAMA32_3B, 2_011_539_712),
        (LLAMA32_1B, 799_862_912),
        (DEEPSEEK_R1_8B, 4_912_898_304),
        (LLAMA31_70B, 42_512_531_712),
        (QWEN25_CODER_7B, 4_677_120_000),
        (QWEN3_06B, 390_753_280),
        (GEMMA3_4B, 2_483_218_432),
        (GPT_OSS_20B, 13_779_630_336),
        (QWEN3_8B, 5_021_827_072 + 197_591_040),
    ],
    ids=lambda value: value.name if isinstance(value, SimModel) else None,
)
def test_the_tensors_add_up_to_the_quantizers_bytes(model: SimModel, tensor_bytes: int) -> None:
    assert model.shape is not None
    assert model.shape.tensor_bytes() == tensor_bytes


@pytest.mark.parametrize(
    "model", [LLAMA32_3B, LLAMA31_70B, QWEN3_8B, QWEN25_CODER_7B, GPT_OSS_20B], ids=lambda model: model.name
)
def test_the_tensors_hold_as_many_weights_as_the_model_has_parameters(model: SimModel) -> None:
    assert model.shape is not None
    assert sum(math.prod(shape) for _, _, shape in model.shape.tensors()) == model.parameter_count


@pytest.mark.parametrize(
    ("model", "context", "reported"),
    [
        (STOCK_QWEN3_8B, 8192, 6_465_299_414),
        (LLAMA32_1B, 4096, 1_005_909_441),
        (LLAMA32_1B, 16384, 1_505_042_103),
        (LLAMA32_1B, 40960, 2_578_815_384),
        (LLAMA32_1B, 131072, 5_900_704_152),
        (STOCK_GEMMA3_4B, 4096, 2_755_343_154),
        (STOCK_GEMMA3_4B, 16384, 2_931_000_606),
    ],
)
def test_memory_is_what_a_running_daemon_reported(model: SimModel, context: int, reported: int) -> None:
    load = model.load(context, on_gpu=False)

    assert load is not None
    assert load.told_bytes(0, modern=True) == pytest.approx(reported, rel=2e-5)


def test_of_two_caches_a_new_daemon_counts_one_and_an_old_one_both() -> None:
    load = GPT_OSS_20B.load(8192, on_gpu=False)

    assert load is not None
    need = load.need
    assert need.full_attention_bytes == 12 * 8192 * 2 * 2 * 8 * 64
    assert load.told_bytes(0, modern=True) == need.total_bytes - need.full_attention_bytes
    assert load.told_bytes(0, modern=False) == need.total_bytes - need.compute_bytes


def test_eight_models_and_more_of_every_kind_are_installed() -> None:
    capabilities = {capability for model in INSTALLED for capability in model.capabilities}

    assert len(INSTALLED) >= 8
    assert capabilities == {"completion", "tools", "thinking", "vision", "insert", "embedding"}
    assert any(model.is_remote for model in INSTALLED)
    assert any(model.quantization == "unknown" for model in INSTALLED)
    assert all(model.source for model in EVERYTHING)


def test_one_model_that_can_be_pulled_is_too_large_for_the_machine() -> None:
    assert LLAMA31_70B not in INSTALLED
    assert LLAMA31_70B.need_bytes(4096) > MAC_32GB_BYTES
    assert all(model.need_bytes(8192) < MAC_32GB_BYTES for model in INSTALLED)
