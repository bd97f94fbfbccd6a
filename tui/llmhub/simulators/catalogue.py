"""The models of the simulated daemon, with true metadata.

Bytes, shapes and parameter counts are those of the sizing references: `sizing-vectors.json` (models, weights,
ollama_library) and the contract examples; `source` says which row. Where a library size was not recorded it is the
public file's plus the small layers, and `source` says so. Digests are made up and well-formed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmhub.simulators.shapes import Shape, Tensor, architecture_keys
from llmhub.simulators.sizes import Load

CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
LLAMA3 = (
    "{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n{{ .Content }}<|eot_id|>{{ end }}"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)
GEMMA = "{{- range .Messages }}<start_of_turn>{{ .Role }}\n{{ .Content }}<end_of_turn>\n{{ end }}<start_of_turn>model\n"
PARAMETER_COLUMN = 31
"""Keys of the preset are padded to 30 columns and a blank (ollama-show.json)."""


@dataclass(frozen=True, slots=True)
class SimModel:
    """One model that can be installed, pulled, or that lives in the cloud."""

    name: str
    family: str
    parameter_size: str
    quantization: str
    shape: Shape | None
    total_bytes: int
    """All layers and the config, as `/api/tags` says it."""
    parameter_count: int = 0
    capabilities: tuple[str, ...] = ("completion",)
    context_length: int = 0
    embedding_length: int = 0
    format: str = "gguf"
    file_type: int = 15
    """GGUF's `general.file_type`: 15 Q4_K_M, 1 F16, 4 in gptoss files of MXFP4."""
    extra_keys: Mapping[str, Any] = field(default_factory=dict)
    extra_tensors: tuple[Tensor, ...] = ()
    size_label: str = ""
    basename: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    template: str = CHATML
    license: str = "(licence text of the model)"
    modified: str = "2026-11-01T12:00:00.120118273+01:00"
    decode_per_s: float = 60.0
    """Tokens a second of the answer; what such a model does on a 32 GB M1 Max, roughly."""
    prefill_per_s: float = 600.0
    tools_in: Literal["final", "earlier"] = "earlier"
    """Where its tool calls come: in the `done` line (llama.cpp's own template) or before it (ollama-api.md, 6)."""
    think: Literal["no", "switch", "levels"] = "no"
    remote_model: str | None = None
    remote_host: str | None = None
    unlimited: bool = False
    """A benchmark's model: neither num_predict nor the context shortens it."""
    source: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether it is answered by a cloud."""
        return self.remote_host is not None

    def details(self, *, with_context: bool) -> dict[str, Any]:
        """The `details` block; since 0.30 the list of models also has the context and the embedding length."""
        families = [self.family] if self.family else None
        block: dict[str, Any] = {
            "parent_model": "",
            "format": self.format,
            "family": self.family,
            "families": families,
            "parameter_size": self.parameter_size,
            "quantization_level": self.quantization,
        }
        if with_context:
            if self.context_length:
                block["context_length"] = self.context_length
            if self.embedding_length:
                block["embedding_length"] = self.embedding_length
        return block

    def tensors(self) -> list[Tensor]:
        """Every tensor of its file."""
        return [*(self.shape.tensors() if self.shape else ()), *self.extra_tensors]

    def load(self, context: int, parallel: int = 1, *, on_gpu: bool = True) -> Load | None:
        """A load of it; `None` for what runs elsewhere."""
        if self.shape is None:
            return None
        return Load(self.model_info(), self.tensors(), context, parallel, on_gpu=on_gpu)

    def need_bytes(self, context: int, parallel: int = 1) -> int:
        """Memory a load takes."""
        load = self.load(context, parallel)
        return load.need.total_bytes if load is not None else 0

    def parameters_text(self) -> str:
        """The preset as `/api/show` prints it: one per line, keys in a column."""
        return "\n".join(f"{key:<{PARAMETER_COLUMN}}{value}" for key, value in self.parameters)

    def model_info(self) -> dict[str, Any]:
        """The GGUF keys of its file, tokenizer arrays as `None`; empty for a cloud stub."""
        if self.shape is None:
            return {}
        info: dict[str, Any] = {
            "general.architecture": self.shape.architecture,
            "general.file_type": self.file_type,
            "general.parameter_count": self.parameter_count,
            "general.quantization_version": 2,
            "general.type": "model",
            **({"general.basename": self.basename} if self.basename else {}),
            **({"general.size_label": self.size_label} if self.size_label else {}),
            **architecture_keys(self.shape, self.extra_keys),
            "tokenizer.ggml.model": "bert" if self.family == "nomic-bert" else "gpt2",
            "tokenizer.ggml.merges": None,
            "tokenizer.ggml.token_type": None,
            "tokenizer.ggml.tokens": None,
        }
        return dict(sorted(info.items()))


def _siglip() -> tuple[Tensor, ...]:
    # the vision encoder inside Ollama's gemma3 files; shapes of the public model card, recalled
    tensors: list[Tensor] = [
        ("mm.mm_input_projection.weight", "F16", [2560, 1152]),
        ("v.patch_embedding.weight", "F16", [14, 14, 3, 1152]),
        ("v.position_embedding.weight", "F16", [1152, 4096]),
    ]
    for layer in range(27):
        p = f"v.blk.{layer}."
        tensors += [(f"{p}attn_{part}.weight", "F16", [1152, 1152]) for part in ("q", "k", "v", "output")]
        tensors += [(f"{p}mlp.fc1.weight", "F16", [1152, 4304]), (f"{p}mlp.fc2.weight", "F16", [4304, 1152])]
    return tuple(tensors)


QWEN3_8B = SimModel(
    name="qwen3:8b",
    family="qwen3",
    parameter_size="8.2B",
    quantization="Q4_K_M",
    shape=Shape("qwen3", 36, 4096, 12288, 32, 8, 128, 151936, 40960, attn_v_type="F16"),
    total_bytes=5_225_388_164,
    parameter_count=8_190_735_360,
    capabilities=("completion", "tools", "thinking"),
    context_length=40960,
    embedding_length=4096,
    extra_keys={"attention.layer_norm_rms_epsilon": 1e-06, "rope.freq_base": 1000000},
    size_label="8B",
    basename="Qwen3",
    parameters=(
        ("repeat_penalty", "1"),
        ("stop", '"<|im_start|>"'),
        ("stop", '"<|im_end|>"'),
        ("temperature", "0.6"),
        ("top_k", "20"),
        ("top_p", "0.95"),
    ),
    modified="2026-11-18T21:04:37.512883641+01:00",
    decode_per_s=47.0,
    prefill_per_s=480.0,
    think="switch",
    source="sizing-vectors.json: ollama_library qwen3:8b (attn_v in F16), model qwen3-8b; ollama-show.json",
)
LLAMA32_3B = SimModel(
    name="llama3.2:3b",
    family="llama",
    parameter_size="3.2B",
    quantization="Q4_K_M",
    shape=Shape("llama", 28, 3072, 8192, 24, 8, 128, 128256, 131072, tied=True, rope_freqs=True),
    total_bytes=2_019_393_189,
    parameter_count=3_212_749_888,
    capabilities=("completion", "tools"),
    context_length=131072,
    embedding_length=3072,
    extra_keys={
        "attention.key_length": 128,
        "attention.value_length": 128,
        "attention.layer_norm_rms_epsilon": 1e-05,
        "rope.freq_base": 500000,
    },
    size_label="3B",
    basename="Llama-3.2",
    parameters=(("stop", '"<|start_header_id|>"'), ("stop", '"<|end_header_id|>"'), ("stop", '"<|eot_id|>"')),
    template=LLAMA3,
    modified="2026-11-02T08:15:09.204117552+01:00",
    decode_per_s=92.0,
    prefill_per_s=1150.0,
    tools_in="final",
    source="sizing-vectors.json: ollama_library llama3.2:3b, model llama3.2-3b; ollama-tags.json",
)
GPT_OSS_20B = SimModel(
    name="gpt-oss:20b",
    family="gptoss",
    parameter_size="20.9B",
    quantization="MXFP4",
    shape=Shape(
        "gptoss", 24, 2880, 2880, 64, 8, 64, 201088, 131072,
        experts=32, experts_used=4, window=128, window_every=2, plain_type="BF16",
    ),
    total_bytes=13_793_441_244,
    parameter_count=20_914_757_184,
    capabilities=("completion", "tools", "thinking"),
    context_length=131072,
    embedding_length=2880,
    file_type=4,
    extra_keys={"attention.layer_norm_rms_epsilon": 1e-05, "rope.freq_base": 150000},
    parameters=(("temperature", "1"),),
    modified="2026-11-12T19:31:05.77+01:00",
    decode_per_s=61.0,
    prefill_per_s=760.0,
    think="levels",
    source="sizing-vectors.json: ollama_library gpt-oss:20b (all but the experts BF16, keys spelled gptoss)",
)  # fmt: skip
GEMMA3_4B = SimModel(
    name="gemma3:4b",
    family="gemma3",
    parameter_size="4.3B",
    quantization="Q4_K_M",
    shape=Shape("gemma3", 34, 2560, 10240, 8, 4, 256, 262144, 131072, tied=True, window=1024, window_every=6),
    total_bytes=3_338_801_804,
    parameter_count=4_299_915_632,
    capabilities=("completion", "vision"),
    context_length=131072,
    embedding_length=2560,
    extra_keys={
        "attention.layer_norm_rms_epsilon": 1e-06,
        "mm.tokens_per_image": 256,
        "rope.freq_base": 1000000,
        "rope.local.freq_base": 10000,
        "vision.attention.head_count": 16,
        "vision.attention.layer_norm_epsilon": 1e-06,
        "vision.block_count": 27,
        "vision.embedding_length": 1152,
        "vision.feed_forward_length": 4304,
        "vision.image_size": 896,
        "vision.num_channels": 3,
        "vision.patch_size": 14,
    },
    extra_tensors=_siglip(),
    parameters=(("stop", '"<end_of_turn>"'), ("temperature", "1"), ("top_k", "64"), ("top_p", "0.95")),
    template=GEMMA,
    modified="2026-10-30T10:12:44.031+01:00",
    decode_per_s=74.0,
    prefill_per_s=890.0,
    source="sizing-vectors.json: ollama_library gemma3:4b, model gemma3-4b; vision keys and whole count recalled",
)
_QWEN25_7B = Shape("qwen2", 28, 3584, 18944, 28, 4, 128, 152064, 32768)
_QWEN2_KEYS = {"attention.layer_norm_rms_epsilon": 1e-06, "rope.freq_base": 1000000}
QWEN25_CODER_7B = SimModel(
    name="qwen2.5-coder:7b",
    family="qwen2",
    parameter_size="7.6B",
    quantization="Q4_K_M",
    shape=_QWEN25_7B,
    total_bytes=4_683_087_332,
    parameter_count=7_615_616_512,
    capabilities=("completion", "tools", "insert"),
    context_length=32768,
    embedding_length=3584,
    extra_keys=_QWEN2_KEYS,
    size_label="7B",
    basename="Qwen2.5-Coder",
    modified="2026-10-21T22:48:17.6+02:00",
    decode_per_s=52.0,
    prefill_per_s=540.0,
    source="sizing-vectors.json: model and ollama_library row of qwen2.5:7b, whose shape it has",
)
DEEPSEEK_R1_8B = SimModel(
    name="deepseek-r1:8b",
    family="llama",
    parameter_size="8.0B",
    quantization="Q4_K_M",
    shape=Shape("llama", 32, 4096, 14336, 32, 8, 128, 128256, 131072, rope_freqs=True),
    total_bytes=4_920_753_328,
    parameter_count=8_030_261_312,
    capabilities=("completion", "thinking"),
    context_length=131072,
    embedding_length=4096,
    extra_keys={"attention.layer_norm_rms_epsilon": 1e-05, "rope.freq_base": 500000},
    size_label="8B",
    basename="DeepSeek-R1-Distill-Llama",
    parameters=(("stop", '"<|begin_of_sentence|>"'), ("stop", '"<|end_of_sentence|>"'), ("temperature", "0.6")),
    template=LLAMA3,
    modified="2026-10-02T07:55:00.9+02:00",
    decode_per_s=46.0,
    prefill_per_s=470.0,
    think="switch",
    source="sizing-vectors.json: model llama3.1-8b (also DeepSeek-R1-Distill-Llama-8B), ollama_library llama3.1:8b",
)
NOMIC = SimModel(
    name="nomic-embed-text:latest",
    family="nomic-bert",
    parameter_size="137M",
    quantization="F16",
    shape=Shape("nomic-bert", 12, 768, 3072, 12, 12, 64, 30522, 2048),
    total_bytes=274_302_450,
    parameter_count=136_727_040,
    capabilities=("embedding",),
    context_length=2048,
    embedding_length=768,
    file_type=1,
    extra_keys={
        "attention.causal": False,
        "attention.layer_norm_epsilon": 1e-12,
        "pooling_type": 1,
        "rope.freq_base": 1000,
    },
    parameters=(("num_ctx", "8192"),),
    template="{{ .Prompt }}",
    modified="2026-09-14T10:22:31.070512+02:00",
    source="ollama-tags.json and ollama-ps.json (size, parameters, lengths); layers and heads recalled",
)
GPT_OSS_CLOUD = SimModel(
    name="gpt-oss:120b-cloud",
    family="gptoss",
    parameter_size="116.8B",
    quantization="MXFP4",
    shape=None,
    total_bytes=384,
    parameter_count=116_829_156_672,
    capabilities=("completion", "tools", "thinking"),
    context_length=131072,
    embedding_length=2880,
    format="",
    modified="2026-08-30T12:00:00.481923+02:00",
    decode_per_s=128.0,
    prefill_per_s=9000.0,
    think="levels",
    remote_model="gpt-oss:120b",
    remote_host="https://ollama.com:443",
    source="ollama-tags.json, ollama-chat-remote.ndjson; parameters of sizing-vectors.json gpt-oss-120b",
)
QWEN25_HF = SimModel(
    name="hf.co/bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M",
    family="qwen2",
    parameter_size="7.62B",
    quantization="unknown",
    shape=_QWEN25_7B,
    total_bytes=4_683_075_271,
    parameter_count=7_615_616_512,
    capabilities=("completion", "tools"),
    context_length=32768,
    embedding_length=3584,
    extra_keys=_QWEN2_KEYS,
    size_label="7B",
    basename="Qwen2.5",
    modified="2026-10-27T17:40:55.9+01:00",
    decode_per_s=52.0,
    prefill_per_s=540.0,
    tools_in="final",
    source="ollama-tags.json; sizing-vectors.json: weights qwen2.5-7b/Q4_K_M, the public file of bartowski",
)
LLAMA31_70B = SimModel(
    name="llama3.1:70b",
    family="llama",
    parameter_size="70.6B",
    quantization="Q4_K_M",
    shape=Shape("llama", 80, 8192, 28672, 64, 8, 128, 128256, 131072, rope_freqs=True, seventy=True),
    total_bytes=42_520_412_561,
    parameter_count=70_553_706_560,
    capabilities=("completion", "tools"),
    context_length=131072,
    embedding_length=8192,
    extra_keys={"attention.layer_norm_rms_epsilon": 1e-05, "rope.freq_base": 500000},
    size_label="70B",
    basename="Meta-Llama-3.1",
    parameters=(("stop", '"<|start_header_id|>"'), ("stop", '"<|end_header_id|>"'), ("stop", '"<|eot_id|>"')),
    template=LLAMA3,
    decode_per_s=6.5,
    prefill_per_s=60.0,
    tools_in="final",
    source="sizing-vectors.json: weights llama3.1-70b/Q4_K_M (public file) and small layers",
)
LLAMA31_8B = SimModel(
    name="llama3.1:8b",
    family="llama",
    parameter_size="8.0B",
    quantization="Q4_K_M",
    shape=Shape("llama", 32, 4096, 14336, 32, 8, 128, 128256, 131072, rope_freqs=True),
    total_bytes=4_920_753_328,
    parameter_count=8_030_261_312,
    capabilities=("completion", "tools"),
    context_length=131072,
    embedding_length=4096,
    extra_keys={"attention.layer_norm_rms_epsilon": 1e-05, "rope.freq_base": 500000},
    size_label="8B",
    basename="Meta-Llama-3.1",
    template=LLAMA3,
    decode_per_s=46.0,
    prefill_per_s=470.0,
    tools_in="final",
    source="sizing-vectors.json: ollama_library llama3.1:8b, model llama3.1-8b",
)
LLAMA32_1B = SimModel(
    name="llama3.2:1b",
    family="llama",
    parameter_size="1.2B",
    quantization="Q4_K_M",
    shape=Shape("llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, tied=True, rope_freqs=True),
    total_bytes=807_708_627,
    parameter_count=1_235_814_432,
    capabilities=("completion", "tools"),
    context_length=131072,
    embedding_length=2048,
    extra_keys={
        "attention.key_length": 64,
        "attention.value_length": 64,
        "attention.layer_norm_rms_epsilon": 1e-05,
        "rope.freq_base": 500000,
    },
    size_label="1B",
    basename="Llama-3.2",
    template=LLAMA3,
    decode_per_s=150.0,
    prefill_per_s=2600.0,
    tools_in="final",
    source="sizing-vectors.json: weights llama3.2-1b/Q4_K_M (public file) and small layers",
)
QWEN3_06B = SimModel(
    name="qwen3:0.6b",
    family="qwen3",
    parameter_size="596.05M",
    quantization="Q4_K_M",
    shape=Shape("qwen3", 28, 1024, 3072, 16, 8, 128, 151936, 40960, tied=True),
    total_bytes=396_719_635,
    parameter_count=596_049_920,
    capabilities=("completion", "tools", "thinking"),
    context_length=40960,
    embedding_length=1024,
    extra_keys={"attention.layer_norm_rms_epsilon": 1e-06, "rope.freq_base": 1000000},
    size_label="0.6B",
    basename="Qwen3",
    decode_per_s=190.0,
    prefill_per_s=4800.0,
    think="switch",
    source="sizing-vectors.json: weights qwen3-0.6b/Q4_K_M (public file) and small layers",
)

INSTALLED: tuple[SimModel, ...] = (
    QWEN3_8B,
    GPT_OSS_20B,
    LLAMA32_3B,
    GEMMA3_4B,
    QWEN25_HF,
    QWEN25_CODER_7B,
    DEEPSEEK_R1_8B,
    NOMIC,
    GPT_OSS_CLOUD,
)
"""What the daemon has when it starts."""
PULLABLE: tuple[SimModel, ...] = (LLAMA31_70B, LLAMA31_8B, LLAMA32_1B, QWEN3_06B)
"""What only the registry has."""
EVERYTHING: tuple[SimModel, ...] = INSTALLED + PULLABLE


def firehose(rate_per_s: float, tokens: int) -> SimModel:
    """A model that says `tokens` tokens of mixed Markdown at `rate_per_s`, whatever limits are asked for."""
    return SimModel(
        name="firehose:latest",
        family="llama",
        parameter_size="1.2B",
        quantization="Q4_K_M",
        shape=LLAMA32_1B.shape,
        total_bytes=LLAMA32_1B.total_bytes,
        parameter_count=LLAMA32_1B.parameter_count,
        context_length=131072,
        embedding_length=2048,
        decode_per_s=rate_per_s,
        prefill_per_s=1e9,
        unlimited=True,
        extra_keys={"firehose.tokens": tokens},
        source="made for benchmarks",
    )
