"""The shape of a model as the engine would build it: what each layer keeps, and the widths the work buffers follow.

Rules per architecture: memory-sizing.md b2 and d6, engine-memory.md 1 and 2 (both measured on ggml-org/llama.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from llmhub.core.sizing.facts import ModelFacts
from llmhub.core.sizing.families import Family, Mixer, family_of
from llmhub.core.sizing.keys import MOST_LAYERS, Keys
from llmhub.core.sizing.tensor_shapes import TensorShapes


class ShapeError(ValueError):
    """The keys do not say what a model needs; the message names what is missing, as a clause."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer keeps between tokens."""

    k_width: int = 0
    """Elements of one K row; 0 where the layer owns no cache."""
    v_width: int = 0
    windowed: bool = False
    recurrent_floats: int = 0
    """32-bit floats of state a sequence, whatever the context."""
    k_length: int = 0
    """Elements of one head's key."""

    @property
    def owns_cache(self) -> bool:
        """Whether it keeps keys."""
        return self.k_width > 0


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A text model, its dialect understood. Widths in elements."""

    architecture: str
    """As llama.cpp spells it."""
    family: Family
    layers: tuple[Layer, ...]
    """Those that answer; draft layers are left out."""
    embedding: int
    heads: int
    key_length: int
    value_length: int
    kv_heads: int
    feed_forward: int
    vocab: int
    context_trained: int | None
    window: int | None = None
    experts: int = 0
    experts_used: int = 0
    expert_feed_forward: int = 0
    shared_feed_forward: int = 0
    has_dense_blocks: bool = True
    kv_rank: int | None = None
    """`kv_lora_rank` of a model with latent attention whose cache is K only; `None` for all others."""
    rope: int = 0
    mla_key_length: int = 0
    inner: int = 0
    """`ssm.inner_size`; 0 without recurrent layers of that kind."""
    state: int = 0
    groups: int = 0
    time_steps: int = 0
    per_layer_embedding: int = 0
    parameters: int | None = None
    kept: dict[tuple[object, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What follows from the shape whatever the context, by who worked it out: one model is sized at many contexts."""

    @property
    def is_known(self) -> bool:
        """Whether the architecture is one whose rules were measured; otherwise all is an upper bound."""
        return self.family.is_known

    @property
    def has_two_caches(self) -> bool:
        """Whether some layers slide and some do not: the engine keeps two caches then."""
        return len(self.cache_kinds) == 2

    @property
    def cache_kinds(self) -> tuple[bool, ...]:
        """Whether each of its caches slides: those that do not first; nothing where no layer keeps keys."""
        kinds: tuple[bool, ...] | None = self.kept.get(("kinds",))
        if kinds is None:
            kinds = tuple(sorted({layer.windowed for layer in self.layers if layer.owns_cache}))
            self.kept[("kinds",)] = kinds
        return kinds


def shape_of(facts: ModelFacts) -> ModelShape:
    """Understand a model's keys; where arrays were left out, its tensor list.

    Raises:
        ShapeError: too little is known to say what it keeps.
    """
    spelled = facts.architecture
    if spelled is None:
        raise ShapeError("the file does not name its architecture")
    keys, tensors = Keys(facts.metadata, spelled), TensorShapes(facts.tensors)
    blocks = keys.number("block_count")
    embedding = keys.number("embedding_length")
    if not blocks or not embedding or blocks > MOST_LAYERS:
        raise ShapeError(f"{spelled}: its keys do not give the layers and their width")
    has_experts = bool(keys.number("expert_count"))
    family = family_of(spelled, has_experts=has_experts)
    layer_count = blocks - min(keys.number("nextn_predict_layers") or 0, blocks - 1)
    heads = keys.number("attention.head_count") or 0
    default_length = embedding // heads if heads else 0
    key_length = keys.number("attention.key_length") or default_length
    kv_heads = keys.number("attention.head_count_kv")
    if kv_heads is None:
        rows = tensors.cache_rows(layer_count) if keys.has("attention.head_count_kv") else None
        kv_heads = rows // key_length if rows and key_length else heads
    value_length = keys.number("attention.value_length") or default_length
    rank, rope = keys.number("attention.kv_lora_rank"), keys.number("rope.dimension_count") or 0
    mla_key, mla_value = keys.number("attention.key_length_mla"), keys.number("attention.value_length_mla")
    if family.swaps_mla and rank:  # Ollama's spelling has plain and *_mla keys the other way round
        mla_key, mla_value = mla_key or key_length, mla_value or value_length
        if mla_key == rank + rope:
            mla_key, mla_value = key_length, value_length
        key_length, value_length, kv_heads = rank + rope, rank, 1
    is_latent = bool(rank and mla_key and mla_value)
    expert_width = keys.number("expert_feed_forward_length") or tensors.expert_width
    if has_experts and not expert_width:
        expert_width = keys.number("feed_forward_length")
    shared = keys.number("expert_shared_feed_forward_length")
    if shared is None:
        shared = (keys.number("expert_shared_count") or family.shared_experts) * (expert_width or 0)
    shape = ModelShape(
        architecture=family.architecture,
        family=family,
        layers=(),
        embedding=embedding,
        heads=heads,
        key_length=key_length,
        value_length=value_length,
        kv_heads=kv_heads,
        feed_forward=_feed_forward(keys, tensors, layer_count),
        vocab=facts.vocab_size or keys.number("vocab_size") or tensors.vocab or 0,
        context_trained=keys.number("context_length"),
        window=_window(keys, family),
        experts=keys.number("expert_count") or 0,
        experts_used=keys.number("expert_used_count") or 0,
        expert_feed_forward=expert_width or 0,
        shared_feed_forward=shared if has_experts else 0,
        has_dense_blocks=_has_dense_blocks(keys, family, has_experts=has_experts),
        kv_rank=rank if is_latent else None,
        rope=rope,
        mla_key_length=(mla_key or 0) if is_latent else 0,
        inner=keys.number("ssm.inner_size") or 0,
        state=keys.number("ssm.state_size") or 0,
        groups=keys.number("ssm.group_count") or 0,
        time_steps=keys.number("ssm.time_step_rank") or 0,
        per_layer_embedding=(keys.number("embedding_length_per_layer_input") or 0) * layer_count,
        parameters=_parameters(facts, tensors),
    )
    return replace(shape, layers=_layers(shape, keys, tensors, layer_count))


def _parameters(facts: ModelFacts, tensors: TensorShapes) -> int | None:
    told = facts.metadata.get("general.parameter_count")
    return told if isinstance(told, int) and not isinstance(told, bool) and told > 0 else tensors.parameters


def _window(keys: Keys, family: Family) -> int | None:
    if family.window_every is None and not family.window_by_flags:
        return None
    if family.window_fixed is not None:
        return family.window_fixed
    return keys.number("attention.sliding_window") or family.window_default


def _feed_forward(keys: Keys, tensors: TensorShapes, layers: int) -> int:
    told = keys.number("feed_forward_length")
    if told is None and keys.has("feed_forward_length"):
        told = tensors.feed_forward(layers)  # an array that was left out
    return told or 0


def _has_dense_blocks(keys: Keys, family: Family, *, has_experts: bool) -> bool:
    if not has_experts or family.dense_beside_experts:
        return True
    return bool(keys.number("leading_dense_block_count")) or (keys.number("interleave_moe_layer_step") or 1) > 1


def _windowed(shape: ModelShape, keys: Keys, tensors: TensorShapes, count: int) -> tuple[bool, ...]:
    family = shape.family
    if shape.window is None:
        return (False,) * count
    pattern = keys.flags("attention.sliding_window_pattern", count)
    if pattern is not None:
        return pattern
    if family.window_by_flags and (seen := tensors.windowed(count)) is not None:
        return seen
    every = keys.number("attention.sliding_window_pattern") or family.window_every
    if not every:
        return (False,) * count
    first = 0 if family.dense_first else every - 1
    return tuple(number % every != first for number in range(count))


def _layers(shape: ModelShape, keys: Keys, tensors: TensorShapes, count: int) -> tuple[Layer, ...]:
    family = shape.family
    windowed = _windowed(shape, keys, tensors, count)
    kv_heads = keys.per_layer("attention.head_count_kv", count)
    told = kv_heads is not None or not keys.has("attention.head_count_kv")
    feed_forward = keys.per_layer("feed_forward_length", count)
    key_swa = keys.number("attention.key_length_swa") or shape.key_length
    value_swa = keys.number("attention.value_length_swa") or shape.value_length
    shared = keys.number("attention.shared_kv_layers") or 0
    owners = count - shared if shared else min(family.owners or count, count)
    interval = keys.number("full_attention_interval") or family.attention_interval
    recurrent = _recurrent_floats(shape, keys)
    layers = []
    for number in range(count):
        k_length = key_swa if windowed[number] else shape.key_length
        v_length = value_swa if windowed[number] else shape.value_length
        heads = kv_heads[number] if kv_heads is not None else shape.kv_heads
        width = tensors.cache_width(number, shape.heads, shape.key_length) if not told else None
        if family.takes_most_heads and heads == 0:
            heads = shape.kv_heads  # zeros stand on the recurrent layers of such a file
        k_width, v_width = heads * k_length, heads * v_length
        if width is not None:
            k_width, v_width = width
        keeps_state = False
        match family.mixer:
            case Mixer.ATTENTION:
                pass
            case Mixer.INTERVAL:
                keeps_state = bool(interval) and (number + 1) % interval != 0
            case Mixer.WHERE_NO_HEADS:
                keeps_state = tensors.is_recurrent(number) if not told else heads == 0
            case Mixer.WHERE_NO_HEADS_NOR_FEED_FORWARD:
                no_mlp = feed_forward is not None and feed_forward[number] == 0
                keeps_state = tensors.is_recurrent(number) if not told else heads == 0 and no_mlp
            case Mixer.BOTH:
                keeps_state = True
            case Mixer.RECURRENT:
                keeps_state = True
        if (keeps_state and family.mixer is not Mixer.BOTH) or number >= owners:
            k_width = v_width = 0
        if shape.kv_rank is not None and k_width:
            k_width, v_width = shape.kv_rank + shape.rope, 0
        layers.append(
            Layer(
                k_width,
                v_width if k_width else 0,
                windowed[number] and k_width > 0,
                recurrent if keeps_state else 0,
                k_length if k_width else 0,
            )
        )
    return tuple(layers)


def _recurrent_floats(shape: ModelShape, keys: Keys) -> int:
    """State of one recurrent layer and one sequence, 32-bit floats."""
    cache = keys.number("shortconv.l_cache")
    if cache:
        return shape.embedding * (cache - 1)
    kernel = keys.number("ssm.conv_kernel") or 0
    head_size = keys.number("wkv.head_size")
    if head_size:  # rwkv: one matrix a head and two shifted rows
        return shape.embedding * (head_size + 2)
    return max(0, kernel - 1) * (shape.inner + 2 * shape.groups * shape.state) + shape.state * shape.inner
