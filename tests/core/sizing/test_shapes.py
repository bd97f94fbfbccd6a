"""What a model keeps, from its keys, from its tensor list where arrays were left out, and where nobody knows it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.memory import Placement
from llmhub.core.models import ModelDetails, Tensor
from llmhub.core.sizing.assess import understood
from llmhub.core.sizing.blocks import BLOCK_TYPES, KV_TYPES, row_bytes, tensor_bytes
from llmhub.core.sizing.compute import compute_bytes, metal_extra_bytes
from llmhub.core.sizing.details import facts_of_details
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.need import Need
from llmhub.core.sizing.shapes import ShapeError, shape_of
from llmhub.core.sizing.state import state_of
from llmhub.core.sizing.weights import weights_of

DATA = Path(__file__).parents[2] / "data"
VECTORS = json.loads((DATA / "sizing-vectors.json").read_text("utf-8"))
MODELS = {model["id"]: model["gguf"] for model in VECTORS["models"]}
PLAIN = ("llama3.1-8b", "qwen2.5-7b", "qwen3-8b", "mixtral-8x7b")


def keys(architecture: str, **named: Any) -> dict[str, Any]:
    """Keys of a small model; `a__b` stands for `a.b`."""
    base = {"block_count": 6, "embedding_length": 512, "context_length": 32768, "attention__head_count": 8}
    base |= {
        "feed_forward_length": 1024,
        "attention__key_length": 64,
        "attention__value_length": 64,
        "vocab_size": 1000,
    }
    named = base | named
    told = {f"{architecture}.{key.replace('__', '.')}": value for key, value in named.items()}
    return {"general.architecture": architecture} | told


def attention(layer: int, *, q: int = 512, k: int = 128) -> list[Tensor]:
    """Tensors of a layer that attends."""
    rows = {"attn_q": q, "attn_k": k, "attn_v": k}
    return [Tensor(f"blk.{layer}.{name}.weight", "F16", (512, wide)) for name, wide in rows.items()]


def recurrent(layer: int, kind: str = "ssm_in") -> list[Tensor]:
    """A tensor that only recurrent layers have."""
    return [Tensor(f"blk.{layer}.{kind}.weight", "F16", (512, 1024))]


def mlp(layer: int, width: int = 1024) -> list[Tensor]:
    """A feed-forward part."""
    return [Tensor(f"blk.{layer}.ffn_up.weight", "F16", (512, width))]


SSM = {"ssm__conv_kernel": 4, "ssm__inner_size": 1024, "ssm__state_size": 64, "ssm__group_count": 1}
SSM |= {"ssm__time_step_rank": 16}
HYBRIDS: dict[str, tuple[dict[str, Any], list[list[Tensor]]]] = {
    "granitehybrid": (
        SSM | {"attention__head_count_kv": [0, 0, 2, 0, 0, 2]},
        [(attention(n) if n in {2, 5} else recurrent(n)) + mlp(n) for n in range(6)],
    ),
    "lfm2": (
        {"attention__head_count_kv": [0, 0, 2, 0, 0, 2], "shortconv__l_cache": 3},
        [(attention(n) if n in {2, 5} else recurrent(n, "shortconv.conv")) + mlp(n) for n in range(6)],
    ),
    "nemotron_h": (
        SSM | {"attention__head_count_kv": [0, 0, 2, 0, 0, 0], "feed_forward_length": [0, 1024, 0, 0, 1024, 0]},
        [recurrent(0), mlp(1), attention(2), recurrent(3), mlp(4), recurrent(5)],
    ),
    "gemma4": (
        {
            "attention__head_count_kv": [2, 2, 2, 2, 2, 1],
            "attention__key_length": 128,
            "attention__value_length": 128,
            "attention__key_length_swa": 64,
            "attention__value_length_swa": 64,
            "attention__sliding_window": 512,
            "attention__sliding_window_pattern": [True, True, True, True, True, False],
            "feed_forward_length": [1024] * 5 + [2048],
        },
        [attention(n, q=512) + mlp(n) for n in range(5)] + [attention(5, q=1024) + mlp(5, 2048)],
    ),
    "gemma3": (
        {
            "attention__head_count_kv": 2,
            "attention__sliding_window": 512,
            "attention__sliding_window_pattern": [True, True, True, True, True, False],
        },
        [attention(n) + mlp(n) for n in range(6)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("architecture", HYBRIDS)
@pytest.mark.parametrize("setup", [Setup(4096), Setup(16384, "q8_0", 2), Setup(4096, flash_attention=False)], ids=str)
def test_the_tensor_list_stands_in_for_arrays_that_were_left_out(architecture: str, setup: Setup) -> None:
    named, layers = HYBRIDS[architecture]
    whole = keys(architecture, **named)
    tensors = tuple(tensor for layer in layers for tensor in layer)
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in whole.items()}
    left_out = {key: None if isinstance(value, list) else value for key, value in whole.items()}

    from_keys = understood(ModelFacts(told, tensors)).need(setup, Placement.CPU)
    from_list = understood(ModelFacts(left_out, tensors)).need(setup, Placement.CPU)

    assert from_keys is not None
    assert from_keys == from_list
    assert from_keys.kv_bytes > 0


def test_show_is_sized_alike_verbose_and_not() -> None:
    named, layers = HYBRIDS["lfm2"]
    info = keys("lfm2", **named)
    tensors = tuple(tensor for layer in layers for tensor in layer)
    verbose = ModelDetails("m", model_info=info, tensors=tensors)
    brief = replace(
        verbose, model_info={key: None if isinstance(value, list) else value for key, value in info.items()}
    )

    needs = [
        understood(facts_of_details(details, 10**6)).need(Setup(8192), Placement.CPU) for details in (verbose, brief)
    ]

    assert needs[0] is not None
    assert needs[0] == needs[1]


def test_what_lies_far_beyond_the_tensors_is_a_projector() -> None:
    named, layers = HYBRIDS["gemma3"]
    tensors = tuple(tensor for layer in layers for tensor in layer)
    listed = sum(map(tensor_bytes, tensors))
    details = ModelDetails("m", model_info=keys("gemma3", **named), tensors=tensors)

    small = facts_of_details(details, listed + 12_000_000)
    large = facts_of_details(details, listed + 850_000_000)

    assert (small.projector_bytes, small.file_bytes) == (0, listed + 12_000_000)
    assert (large.projector_bytes, large.file_bytes) == (850_000_000, listed)


def test_latent_attention_keeps_one_narrow_row_and_no_values() -> None:
    latent = keys(
        "deepseek2",
        attention__head_count_kv=1,
        attention__kv_lora_rank=512,
        rope__dimension_count=64,
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=192,
        attention__value_length_mla=128,
    )

    state = state_of(shape_of(ModelFacts(latent)), Setup(4096))

    assert state.kv_bytes == 6 * 4096 * 576 * 2


def test_an_old_file_without_the_latent_keys_is_plain_and_far_larger() -> None:
    plain = keys(
        "deepseek2",
        attention__head_count_kv=8,
        attention__kv_lora_rank=512,
        rope__dimension_count=64,
        attention__key_length=192,
        attention__value_length=128,
    )

    state = state_of(shape_of(ModelFacts(plain)), Setup(4096))

    assert state.kv_bytes == 6 * 4096 * 8 * (192 + 128) * 2


def test_glm4moelite_is_latent_with_its_keys_the_other_way_round() -> None:
    swapped = keys(
        "glm4moelite",
        attention__head_count_kv=8,
        attention__kv_lora_rank=512,
        rope__dimension_count=64,
        attention__key_length=256,
        attention__value_length=256,
        attention__key_length_mla=576,
        attention__value_length_mla=512,
    )

    shape = shape_of(ModelFacts(swapped))

    assert shape.architecture == "deepseek2"
    assert shape.mla_key_length == 256
    assert state_of(shape, Setup(4096)).kv_bytes == 6 * 4096 * 576 * 2


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("gptoss", "gpt-oss"),
        ("olmo3", "olmo2"),
        ("qwen25vl", "qwen2vl"),
        ("glmocr", "glm4"),
        ("nemotron_h_omni", "nemotron_h"),
    ],
)
def test_a_dialect_is_sized_as_what_it_means(spelled: str, meant: str) -> None:
    named = SSM | {"attention__head_count_kv": 2, "attention__sliding_window": 128}

    ours = shape_of(ModelFacts(keys(spelled, **named)))
    theirs = shape_of(ModelFacts(keys(meant, **named)))

    assert ours == theirs
    assert ours.is_known


def test_a_gptoss_file_tells_the_width_of_its_experts_by_a_tensor() -> None:
    info = keys("gptoss", attention__head_count_kv=2, expert_count=32, expert_used_count=4)
    experts = (Tensor("blk.0.ffn_gate_exps.weight", "MXFP4", (512, 320, 32)),)

    assert shape_of(ModelFacts(info, experts)).expert_feed_forward == 320


def test_a_window_key_is_ignored_where_the_engine_ignores_it() -> None:
    with_window = keys("phi3", attention__head_count_kv=8, attention__sliding_window=2047)
    without = keys("phi3", attention__head_count_kv=8)

    sizes = {state_of(shape_of(ModelFacts(told)), Setup(16384)).kv_bytes for told in (with_window, without)}

    assert len(sizes) == 1


def test_an_unknown_architecture_gets_an_upper_bound_that_says_so() -> None:
    unknown = ModelFacts(
        keys("hyperformer", attention__head_count_kv=2, attention__sliding_window=512), file_bytes=10**9
    )

    need = understood(unknown).need(Setup(8192), Placement.CPU)

    assert need is not None
    assert need.estimated
    assert need.kv_bytes == 6 * 8192 * 2 * (64 + 64) * 2
    assert any("hyperformer" in note and "upper bound" in note for note in need.notes)


def test_missing_key_heads_are_as_many_as_query_heads() -> None:
    shape = shape_of(ModelFacts(keys("llama")))

    assert shape.kv_heads == 8


def test_draft_layers_keep_nothing_and_weigh_nothing() -> None:
    told = keys("glm4moe", block_count=7, nextn_predict_layers=1, attention__head_count_kv=2)
    tensors = tuple(tensor for n in range(7) for tensor in attention(n))

    sized = understood(ModelFacts(told, tensors))

    assert sized.shape is not None
    assert sized.weights is not None
    assert len(sized.shape.layers) == 6
    assert sized.weights.text_bytes == 6 * sum(map(tensor_bytes, attention(0)))


def test_weights_are_told_apart_by_what_becomes_of_them() -> None:
    tensors = (
        Tensor("token_embd.weight", "F16", (512, 1000)),
        Tensor("output.weight", "F16", (512, 1000)),
        Tensor("blk.0.ffn_up_exps.weight", "Q4_0", (512, 64, 8)),
        Tensor("v.blk.0.attn_q.weight", "F16", (64, 64)),
        Tensor("mm.0.weight", "F16", (64, 64)),
        Tensor("mtp.head.weight", "F16", (64, 64)),
    )
    told = keys("qwen3moe", expert_count=8, expert_used_count=2)

    weights = weights_of(ModelFacts(told, tensors))

    assert weights is not None
    assert weights.text_bytes == 2 * 1_024_000 + 64 * 8 * 512 // 32 * 18
    assert weights.embedding_bytes == 1_024_000
    assert weights.expert_bytes == 64 * 8 * 512 // 32 * 18
    assert weights.projector_bytes == 2 * 8192
    assert not weights.is_tied
    shape = shape_of(ModelFacts(told))
    assert weights.resident_bytes(shape, Placement.CARD) == weights.text_bytes - 1_024_000
    assert weights.read_bytes(shape) == weights.text_bytes - 1_024_000 - weights.expert_bytes * 3 // 4


def test_a_type_of_tomorrow_leaves_the_size_of_the_file_as_a_bound() -> None:
    tensors = (Tensor("token_embd.weight", "F16", (512, 1000)), Tensor("blk.0.attn_q.weight", "TYPE_77", (512, 512)))

    weights = weights_of(ModelFacts(keys("llama"), tensors, file_bytes=5_000_000))

    assert weights is not None
    assert weights.text_bytes == 5_000_000
    assert not weights.is_exact


@pytest.mark.parametrize("row", VECTORS["block_layouts"], ids=lambda row: row["name"])
def test_block_layouts_are_those_of_the_engine(row: dict[str, Any]) -> None:
    block = BLOCK_TYPES[row["name"].upper()]

    assert (block.id, block.weights, block.bytes) == (
        row["ggml_type_id"],
        row["weights_per_block"],
        row["bytes_per_block"],
    )


@pytest.mark.parametrize(
    ("told", "missing"),
    [({}, "architecture"), ({"general.architecture": "llama"}, "layers"), (keys("llama", block_count=10**9), "layers")],
)
def test_too_little_or_nonsense_is_told_and_never_a_crash(told: dict[str, Any], missing: str) -> None:
    with pytest.raises(ShapeError, match=missing):
        shape_of(ModelFacts(told))

    assert not understood(ModelFacts(told)).is_sized


_values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**60), st.floats(), st.text(max_size=3),
    st.lists(st.one_of(st.integers(-5, 300), st.none()), max_size=8).map(tuple),
)  # fmt: skip


@given(architecture=st.sampled_from(["llama", "gemma4", "granitehybrid", "deepseek2", "qwen35", "zz"]), data=st.data())
def test_hostile_keys_give_a_shape_or_a_reason(architecture: str, data: st.DataObject) -> None:
    told: dict[str, Any] = {k: data.draw(_values) for k in keys(architecture, **SSM, attention__head_count_kv=2)}
    told["general.architecture"] = architecture
    told[f"{architecture}.block_count"] = data.draw(st.integers(1, 64))
    told[f"{architecture}.embedding_length"] = data.draw(st.integers(1, 2**20))

    sized = understood(ModelFacts(told, file_bytes=1000))

    need = sized.need(Setup(4096), Placement.CPU)
    assert (need is None) == bool(sized.why_not)
    assert need is None or min(need.weights_bytes, need.kv_bytes, need.recurrent_bytes, need.compute_bytes) >= 0


def need_at(model: str, setup: Setup) -> Need:
    """The need of a vector's model, with weights of a gigabyte."""
    need = understood(ModelFacts(MODELS[model], file_bytes=10**9)).need(setup, Placement.CPU)
    assert need is not None
    return need


@given(model=st.sampled_from(sorted(MODELS)), context=st.integers(1, 200_000), more=st.integers(0, 50_000))
def test_a_longer_context_never_needs_less(model: str, context: int, more: int) -> None:
    assert need_at(model, Setup(context)).total_bytes <= need_at(model, Setup(context + more)).total_bytes


@given(model=st.sampled_from(sorted(MODELS)), context=st.integers(1, 100_000), slots=st.integers(1, 7))
def test_more_slots_never_need_less(model: str, context: int, slots: int) -> None:
    assert (
        need_at(model, Setup(context, parallel=slots)).state_bytes
        < need_at(model, Setup(context, parallel=slots + 1)).state_bytes
    )


@given(model=st.sampled_from(PLAIN), context=st.sampled_from([256, 1024, 4096, 8192]), slots=st.sampled_from([2, 4]))
def test_splitting_a_context_into_slots_leaves_the_state_of_a_plain_model(model: str, context: int, slots: int) -> None:
    whole = need_at(model, Setup(context * slots))

    assert need_at(model, Setup(context, parallel=slots)).state_bytes == whole.state_bytes


@pytest.mark.parametrize("model", ["gemma3-27b", "gpt-oss-20b", "qwen3-next-80b-a3b"])
def test_splitting_raises_the_state_of_windows_and_recurrence(model: str) -> None:
    assert need_at(model, Setup(8192, parallel=4)).state_bytes > need_at(model, Setup(32768)).state_bytes


@given(model=st.sampled_from(sorted(MODELS)), context=st.integers(1, 100_000))
def test_fewer_bits_in_the_cache_never_take_more(model: str, context: int) -> None:
    by_bits = sorted(KV_TYPES, key=lambda kind: row_bytes(kind, 256))
    sizes = [need_at(model, Setup(context, kind)).kv_bytes for kind in by_bits]

    assert sizes == sorted(sizes)


def test_a_mac_takes_copies_of_keys_and_values_at_long_contexts() -> None:
    """501.0 and 1336.7 MiB, with 24.0 on the host at 8,192: a public log of Qwen3.5 9B (engine-memory.md, 3)."""
    nine = {
        "general.architecture": "qwen35",
        "qwen35.block_count": 32,
        "qwen35.embedding_length": 4096,
        "qwen35.feed_forward_length": 12288,
        "qwen35.attention.head_count": 16,
        "qwen35.attention.head_count_kv": 4,
        "qwen35.attention.key_length": 256,
        "qwen35.attention.value_length": 256,
        "qwen35.full_attention_interval": 4,
        "qwen35.vocab_size": 248320,
    }
    shape = shape_of(ModelFacts(nine))
    at = {context: metal_extra_bytes(shape, Setup(context, batch=512)) for context in (8192, 262144)}

    host = 8 * 512 * 4096 + 2 * 512 * 8192
    assert round(host / 2**20, 1) == 24.0
    assert at[8192] == host
    gpu = compute_bytes(shape, Setup(262144, batch=512)) + at[262144] - (8 * 512 * 4096 + 2 * 512 * 262144)
    assert gpu / 2**20 == pytest.approx(1336.7, abs=1)
