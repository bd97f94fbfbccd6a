"""What the engine does with each architecture: which layers slide, recur or share, and what its work buffers hold.

Sources: memory-sizing.md b2, d6 and engine-memory.md 1, 2, measured on ggml-org/llama.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto


class Mixer(Enum):
    """Which layers are recurrent."""

    ATTENTION = auto()
    """None."""
    INTERVAL = auto()
    """All but every n-th (`full_attention_interval`)."""
    WHERE_NO_HEADS = auto()
    """Those without heads for K and V."""
    WHERE_NO_HEADS_NOR_FEED_FORWARD = auto()
    """Those without either; what is left has only a feed-forward part."""
    BOTH = auto()
    """All, and all attend as well."""
    RECURRENT = auto()
    """All, and none attends."""


class Quirk(Enum):
    """Terms of the work buffer that only one architecture has (engine-memory.md, 2)."""

    NONE = auto()
    GEMMA = auto()
    GEMMA3N = auto()
    GEMMA4 = auto()
    DEEPSTACK = auto()
    COHERE2 = auto()
    DELTA_NET = auto()
    MAMBA2 = auto()
    SHORT_CONV = auto()


@dataclass(frozen=True, slots=True)
class Family:
    """The rules of one architecture."""

    architecture: str
    is_known: bool = True
    window_every: int | None = None
    """Layer i slides unless i % n == n - 1 (`dense_first`: unless i % n == 0). `None`: a window key is ignored."""
    window_by_flags: bool = False
    """Whether only an array of booleans says which layers slide."""
    window_default: int | None = None
    window_fixed: int | None = None
    dense_first: bool = False
    owners: int | None = None
    """Layers from the first on that own a cache, where no key says it."""
    mixer: Mixer = Mixer.ATTENTION
    attention_interval: int = 4
    takes_most_heads: bool = False
    plain_mlp: bool = False
    """Whether the feed-forward part has no gate."""
    has_fused_blocks: bool = False
    """Whether query, key and value are one tensor, and gate and up another."""
    quirk: Quirk = Quirk.NONE
    dense_beside_experts: bool = False
    shared_experts: int = 0
    """Shared experts where no key counts them."""
    peak_is_dense: bool = False
    """Whether the peak of the work buffer is the dense block, which a quantized KV cache changes."""
    doubles_unmapped_embedding: bool = False
    """Whether the embedding table is held twice when the file is not mapped."""
    swaps_mla: bool = False

    @property
    def is_encoder(self) -> bool:
        """Whether it only embeds."""
        return self.architecture.startswith(_ENCODERS)

    @property
    def one_slot(self) -> bool:
        """Whether the daemon gives it one slot, whatever `OLLAMA_NUM_PARALLEL` says."""
        return self.architecture.startswith(_ONE_SLOT)


_FAMILIES = {
    family.architecture: family
    for family in (
        *(Family(name, peak_is_dense=True) for name in ("llama", "mistral3", "qwen2", "qwen3", "granite")),
        Family("starcoder2", plain_mlp=True, peak_is_dense=True),
        Family("gemma2", window_every=2, window_default=4096, quirk=Quirk.GEMMA, peak_is_dense=True),
        Family("gemma3", window_every=6, quirk=Quirk.GEMMA, peak_is_dense=True),
        Family("gemma3n", window_every=5, owners=20, quirk=Quirk.GEMMA3N, doubles_unmapped_embedding=True),
        Family(
            "gemma4",
            window_by_flags=True,
            quirk=Quirk.GEMMA4,
            dense_beside_experts=True,
            doubles_unmapped_embedding=True,
        ),
        Family("gpt-oss", window_every=2, window_default=128),
        Family("cohere2", window_every=4, quirk=Quirk.COHERE2),
        Family("llama4", window_every=4, window_fixed=8192, shared_experts=1, peak_is_dense=True),
        Family("exaone4", window_every=4, window_default=4096),
        Family("olmo2", window_every=4),
        Family("smallthinker", window_every=4, window_default=4096, dense_first=True),
        Family("qwen2vl"),
        Family("qwen3vl", quirk=Quirk.DEEPSTACK),
        Family("qwen3vlmoe", quirk=Quirk.DEEPSTACK),
        Family("qwen2moe"),
        Family("qwen3moe"),
        Family("phi2"),
        Family("phi3", has_fused_blocks=True),
        Family("phimoe"),
        Family("glm4"),
        Family("glm4moe"),
        Family("chatglm"),
        Family("command-r"),
        Family("gemma"),
        Family("granitemoe"),
        Family("internlm2"),
        Family("olmo"),
        Family("olmoe"),
        Family("stablelm"),
        Family("deepseek"),
        Family("deepseek2"),
        Family("deepseek2-ocr"),
        Family("ernie4_5"),
        Family("ernie4_5-moe"),
        Family("hunyuan-dense"),
        Family("hunyuan-moe"),
        Family("minicpm"),
        Family("seed_oss"),
        Family("smollm3"),
        Family("falcon"),
        Family("qwen3next", mixer=Mixer.INTERVAL, takes_most_heads=True, quirk=Quirk.DELTA_NET),
        Family("qwen35", mixer=Mixer.INTERVAL, takes_most_heads=True, quirk=Quirk.DELTA_NET),
        Family("qwen35moe", mixer=Mixer.INTERVAL, takes_most_heads=True, quirk=Quirk.DELTA_NET),
        Family("granitehybrid", mixer=Mixer.WHERE_NO_HEADS, quirk=Quirk.MAMBA2),
        Family("jamba", mixer=Mixer.WHERE_NO_HEADS, quirk=Quirk.MAMBA2),
        Family("plamo2", mixer=Mixer.WHERE_NO_HEADS, quirk=Quirk.MAMBA2),
        Family("lfm2", mixer=Mixer.WHERE_NO_HEADS, quirk=Quirk.SHORT_CONV),
        Family("lfm2moe", mixer=Mixer.WHERE_NO_HEADS, quirk=Quirk.SHORT_CONV),
        Family("nemotron_h", mixer=Mixer.WHERE_NO_HEADS_NOR_FEED_FORWARD, plain_mlp=True, quirk=Quirk.MAMBA2),
        Family("nemotron_h_moe", mixer=Mixer.WHERE_NO_HEADS_NOR_FEED_FORWARD, plain_mlp=True, quirk=Quirk.MAMBA2),
        Family("falcon-h1", mixer=Mixer.BOTH, quirk=Quirk.MAMBA2),
        Family("mamba", mixer=Mixer.RECURRENT, quirk=Quirk.MAMBA2),
        Family("mamba2", mixer=Mixer.RECURRENT, quirk=Quirk.MAMBA2),
        Family("rwkv6", mixer=Mixer.RECURRENT),
        Family("rwkv7", mixer=Mixer.RECURRENT),
    )
}
_ENCODERS = ("bert", "nomic-bert", "jina-bert", "modern-bert", "neo-bert", "gemma-embedding", "t5encoder")
"""What only embeds, by how its name begins: it decodes nothing."""
_ONE_SLOT = ("qwen3vl", "qwen35", "qwen3next", "lfm2", "nemotron_h", "mllama")
"""What the daemon gives one slot whatever is set, by how its name begins (memory-sizing.md, a6)."""
_DIALECT = {
    "gptoss": "gpt-oss",
    "olmo3": "olmo2",
    "qwen25vl": "qwen2vl",
    "deepseekocr": "deepseek2-ocr",
    "glmocr": "glm4",
    "mllama": "llama",
}
"""How Ollama's older library files spell an architecture (memory-sizing.md, d6)."""


def family_of(spelled: str, *, has_experts: bool = False) -> Family:
    """The rules of an architecture as a file spells it; those of an upper bound where it is not known.

    Args:
        has_experts: Whether the file names experts: `nemotron_h_omni` is one of two architectures by that.
    """
    if spelled == "nemotron_h_omni":
        return _FAMILIES["nemotron_h_moe" if has_experts else "nemotron_h"]
    if spelled == "glm4moelite":
        return replace(_FAMILIES["deepseek2"], swaps_mla=True)
    return _FAMILIES.get(_DIALECT.get(spelled, spelled)) or Family(spelled, is_known=False)
