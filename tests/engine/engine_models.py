"""Small models without weights that a real llama.cpp loads: all keys, names, shapes and types, and a hole for the data.

Each is of a public architecture, narrow but of ordinary depth, so that weights, caches and work buffer have about the
shares that they have in models people run. A vocabulary is there because a server refuses a file without one.

What each architecture must have: ggml-org/llama.cpp src/models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from llmhub.core.models import Tensor
from support.gguf_files import Model, tokenizer

VOCABULARY = 2048
TRAINED = 131072
Value = bool | int | float | str | Sequence[bool] | Sequence[int]


@dataclass
class Made:
    """A model being made: keys and tensors in the order they are written."""

    architecture: str
    embedding: int
    keys: dict[str, Value] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)

    def set(self, **keys: Value) -> None:
        """Keys of the architecture; `__` stands for the dot."""
        self.keys |= {f"{self.architecture}.{name.replace('__', '.')}": value for name, value in keys.items()}

    def add(self, name: str, *shape: int, type_name: str | None = None) -> None:
        """A tensor: Q8_0 where it is a matrix, else F32, as converters write them."""
        chosen = type_name or ("Q8_0" if len(shape) > 1 and name.endswith(".weight") else "F32")
        self.tensors.append(Tensor(name, chosen, shape))

    def ends(self, *, tied: bool, norm: str = "output_norm") -> None:
        """Embedding table, last norm, and the output table where it is not the embedding's."""
        self.add("token_embd.weight", self.embedding, VOCABULARY)
        self.add(f"{norm}.weight", self.embedding)
        if not tied:
            self.add("output.weight", self.embedding, VOCABULARY)

    def gated(self, block: str, width: int) -> None:
        """A feed-forward part with a gate."""
        self.add(f"{block}.ffn_norm.weight", self.embedding)
        self.add(f"{block}.ffn_gate.weight", self.embedding, width)
        self.add(f"{block}.ffn_up.weight", self.embedding, width)
        self.add(f"{block}.ffn_down.weight", width, self.embedding)

    def attention(self, block: str, *, heads: int, kv_heads: int, length: int, gate: bool = False) -> None:
        """Q, K, V and the way out; `gate` doubles Q, as gated attention does."""
        self.add(f"{block}.attn_q.weight", self.embedding, (2 if gate else 1) * heads * length)
        self.add(f"{block}.attn_k.weight", self.embedding, kv_heads * length)
        self.add(f"{block}.attn_v.weight", self.embedding, kv_heads * length)
        self.add(f"{block}.attn_output.weight", heads * length, self.embedding)

    def norms_of_heads(self, block: str, length: int) -> None:
        """Norms of queries and keys."""
        self.add(f"{block}.attn_q_norm.weight", length)
        self.add(f"{block}.attn_k_norm.weight", length)

    @property
    def model(self) -> Model:
        """As it is written."""
        keys = {"general.architecture": self.architecture, "general.name": "made for a test", **self.keys}
        return Model({**keys, **tokenizer(VOCABULARY, merges=1)}, tuple(self.tensors))


def _begun(architecture: str, *, layers: int, embedding: int, feed_forward: int, heads: int, length: int) -> Made:
    made = Made(architecture, embedding)
    made.set(
        block_count=layers,
        context_length=TRAINED,
        embedding_length=embedding,
        feed_forward_length=feed_forward,
        attention__head_count=heads,
        attention__key_length=length,
        attention__value_length=length,
        attention__layer_norm_rms_epsilon=1e-5,
        rope__dimension_count=length,
        rope__freq_base=500000.0,
    )
    return made


def llama() -> Model:
    """Dense, one cache, an output table of its own."""
    layers, heads, kv_heads, length, feed_forward = 24, 6, 2, 64, 1024
    made = _begun("llama", layers=layers, embedding=384, feed_forward=feed_forward, heads=heads, length=length)
    made.set(attention__head_count_kv=kv_heads, vocab_size=VOCABULARY)
    made.ends(tied=False)
    for number in range(layers):
        block = f"blk.{number}"
        made.add(f"{block}.attn_norm.weight", made.embedding)
        made.attention(block, heads=heads, kv_heads=kv_heads, length=length)
        made.gated(block, feed_forward)
    return made.model


def gemma3() -> Model:
    """Two caches: five of six layers slide over a window of 512. Tied."""
    layers, heads, kv_heads, length, feed_forward = 26, 2, 1, 128, 1536
    made = _begun("gemma3", layers=layers, embedding=320, feed_forward=feed_forward, heads=heads, length=length)
    made.set(attention__head_count_kv=kv_heads, attention__sliding_window=512)
    made.ends(tied=True)
    for number in range(layers):
        block = f"blk.{number}"
        made.add(f"{block}.attn_norm.weight", made.embedding)
        made.attention(block, heads=heads, kv_heads=kv_heads, length=length)
        made.norms_of_heads(block, length)
        made.add(f"{block}.post_attention_norm.weight", made.embedding)
        made.gated(block, feed_forward)
        made.add(f"{block}.post_ffw_norm.weight", made.embedding)
    return made.model


def gpt_oss() -> Model:
    """Two caches and experts: every other layer slides over a window of 128, with sinks."""
    layers, heads, kv_heads, length, experts, width = 12, 8, 2, 64, 8, 256
    made = _begun("gpt-oss", layers=layers, embedding=256, feed_forward=width, heads=heads, length=length)
    made.set(
        attention__head_count_kv=kv_heads,
        attention__sliding_window=128,
        expert_count=experts,
        expert_used_count=2,
        expert_feed_forward_length=width,
        rope__scaling__type="yarn",
        rope__scaling__factor=32.0,
        rope__scaling__original_context_length=4096,
    )
    made.ends(tied=False)
    wide = heads * length
    for number in range(layers):
        block = f"blk.{number}"
        made.add(f"{block}.attn_norm.weight", made.embedding)
        made.add(f"{block}.post_attention_norm.weight", made.embedding)
        made.attention(block, heads=heads, kv_heads=kv_heads, length=length)
        for name, count in (("q", wide), ("k", kv_heads * length), ("v", kv_heads * length)):
            made.add(f"{block}.attn_{name}.bias", count)
        made.add(f"{block}.attn_output.bias", made.embedding)
        made.add(f"{block}.attn_sinks.weight", heads)
        made.add(f"{block}.ffn_gate_inp.weight", made.embedding, experts, type_name="F32")
        made.add(f"{block}.ffn_gate_inp.bias", experts)
        for name, rows, columns in (("gate", width, made.embedding), ("up", width, made.embedding)):
            made.add(f"{block}.ffn_{name}_exps.weight", columns, rows, experts)
            made.add(f"{block}.ffn_{name}_exps.bias", rows, experts)
        made.add(f"{block}.ffn_down_exps.weight", width, made.embedding, experts)
        made.add(f"{block}.ffn_down_exps.bias", made.embedding, experts)
    return made.model


def lfm2() -> Model:
    """Hybrid: most layers are short convolutions, whose state does not grow; some attend."""
    layers, attending, heads, kv_heads, length, feed_forward = 16, (2, 5, 8, 10, 12, 14), 6, 3, 64, 1536
    made = _begun("lfm2", layers=layers, embedding=384, feed_forward=feed_forward, heads=heads, length=length)
    made.set(
        attention__head_count_kv=[kv_heads if number in attending else 0 for number in range(layers)],
        shortconv__l_cache=3,
        vocab_size=VOCABULARY,
    )
    made.ends(tied=True, norm="token_embd_norm")
    for number in range(layers):
        block = f"blk.{number}"
        made.add(f"{block}.attn_norm.weight", made.embedding)
        if number in attending:
            made.attention(block, heads=heads, kv_heads=kv_heads, length=length)
            made.norms_of_heads(block, length)
        else:
            made.add(f"{block}.shortconv.conv.weight", 3, made.embedding, type_name="F32")
            made.add(f"{block}.shortconv.in_proj.weight", made.embedding, 3 * made.embedding)
            made.add(f"{block}.shortconv.out_proj.weight", made.embedding, made.embedding)
        made.gated(block, feed_forward)
    return made.model


def qwen35() -> Model:
    """Hybrid: gated delta nets, and every fourth layer attends."""
    layers, heads, kv_heads, length, feed_forward = 32, 2, 1, 128, 1024
    groups, states, state = 2, 4, 64
    made = _begun("qwen35", layers=layers, embedding=256, feed_forward=feed_forward, heads=heads, length=length)
    keys, inner = groups * state, states * state
    made.set(
        attention__head_count_kv=kv_heads,
        rope__dimension_sections=[11, 11, 10, 0],
        rope__dimension_count=64,
        ssm__conv_kernel=4,
        ssm__inner_size=inner,
        ssm__state_size=state,
        ssm__time_step_rank=states,
        ssm__group_count=groups,
        full_attention_interval=4,
    )
    made.ends(tied=False)
    for number in range(layers):
        block = f"blk.{number}"
        made.add(f"{block}.attn_norm.weight", made.embedding)
        made.add(f"{block}.post_attention_norm.weight", made.embedding)
        if (number + 1) % 4 == 0:
            made.attention(block, heads=heads, kv_heads=kv_heads, length=length, gate=True)
            made.norms_of_heads(block, length)
        else:
            made.add(f"{block}.attn_qkv.weight", made.embedding, 2 * keys + inner)
            made.add(f"{block}.attn_gate.weight", made.embedding, inner)
            made.add(f"{block}.ssm_conv1d.weight", 4, 2 * keys + inner, type_name="F32")
            made.add(f"{block}.ssm_dt.bias", states)
            made.add(f"{block}.ssm_a", states)
            made.add(f"{block}.ssm_beta.weight", made.embedding, states)
            made.add(f"{block}.ssm_alpha.weight", made.embedding, states)
            made.add(f"{block}.ssm_norm.weight", state)
            made.add(f"{block}.ssm_out.weight", inner, made.embedding)
        made.add(f"{block}.ffn_gate.weight", made.embedding, feed_forward)
        made.add(f"{block}.ffn_up.weight", made.embedding, feed_forward)
        made.add(f"{block}.ffn_down.weight", feed_forward, made.embedding)
    return made.model


def granite_hybrid() -> Model:
    """Hybrid: Mamba 2, and a few layers attend. Tied."""
    layers, attending, heads, kv_heads, length, feed_forward = 40, (5, 15, 25, 35), 4, 2, 64, 768
    made = _begun("granitehybrid", layers=layers, embedding=256, feed_forward=feed_forward, heads=heads, length=length)
    inner, state, groups, steps = 2 * made.embedding, 64, 1, 8
    made.set(
        attention__head_count_kv=[kv_heads if number in attending else 0 for number in range(layers)],
        attention__scale=0.125,
        ssm__conv_kernel=4,
        ssm__inner_size=inner,
        ssm__state_size=state,
        ssm__time_step_rank=steps,
        ssm__group_count=groups,
        rope__scaling__finetuned=False,
        logit_scale=6.0,
        residual_scale=0.22,
        embedding_scale=12.0,
        vocab_size=VOCABULARY,
    )
    made.ends(tied=True)
    for number in range(layers):
        block = f"blk.{number}"
        made.add(f"{block}.attn_norm.weight", made.embedding)
        if number in attending:
            made.attention(block, heads=heads, kv_heads=kv_heads, length=length)
        else:
            convolved = inner + 2 * groups * state
            made.add(f"{block}.ssm_in.weight", made.embedding, inner + convolved + steps)
            made.add(f"{block}.ssm_conv1d.weight", 4, convolved, type_name="F32")
            made.add(f"{block}.ssm_conv1d.bias", convolved)
            made.add(f"{block}.ssm_dt.bias", steps)
            made.add(f"{block}.ssm_a", 1, steps)
            made.add(f"{block}.ssm_d", 1, steps)
            made.add(f"{block}.ssm_norm.weight", inner // groups, groups, type_name="F32")
            made.add(f"{block}.ssm_out.weight", inner, made.embedding)
        made.gated(block, feed_forward)
    return made.model


MODELS: dict[str, Callable[[], Model]] = {
    "llama": llama,
    "gemma3": gemma3,
    "gpt-oss": gpt_oss,
    "lfm2": lfm2,
    "qwen35": qwen35,
    "granitehybrid": granite_hybrid,
}
