"""How a simulated Ollama is to behave, as one value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from llmhub.simulators.catalogue import EVERYTHING, INSTALLED, SimModel

GIB = 2**30
MAC_32GB_BYTES = 26_800_600_000
"""What Metal gives to a 32 GB Mac on a recent system, 24.96 GiB (memory-sizing.md, part a1)."""


@dataclass(frozen=True, slots=True)
class PullScript:
    """How a pull goes. Fractions are of the largest layer; seconds are the simulator's clock."""

    bytes_per_s: float = 60e6
    tick_s: float = 0.06
    """Progress lines come this often, whatever happens (ollama-api.md, section 16, 12)."""
    first_byte_s: float = 0.1
    """Before it the figure is 0, and a line has no `completed`."""
    verify_bytes_per_s: float = 2e9
    step_back_at: float | None = None
    """Once past this fraction a part fails and its bytes are taken back: the figure falls."""
    step_back: float = 0.02
    stall_at: float | None = None
    stall_s: float = 20.0
    fail_at: float | None = None
    fail_text: str = "max retries exceeded: unexpected EOF"
    corrupt: bool = False
    """The digest is wrong at the very end, and nothing of the layer is kept."""
    disk_free_bytes: int | None = None
    """Below the layer's size: `no space left on device` at once."""
    removes_old_layers: bool = False
    error: str | None = None
    """What stands after `pulling manifest` instead of a download, such as an unauthorized registry's words."""


@dataclass(frozen=True, slots=True)
class OllamaScript:
    """A daemon, its machine and its manners.

    Attributes:
        version: What it says it is; from 0.30 on it behaves as 0.32.15 did, below as 0.24.0 (ollama-api.md, 16).
        installed: What it has when it starts.
        registry: What it can pull.
    """

    version: str = "0.32.15"
    installed: tuple[SimModel, ...] = INSTALLED
    registry: tuple[SimModel, ...] = EVERYTHING
    memory_bytes: int = MAC_32GB_BYTES
    """What loaded models may take together."""
    vram_bytes: int | None = None
    """How much of it is on the GPU; `None`: all of it."""
    parallel: int = 1
    """`OLLAMA_NUM_PARALLEL`."""
    max_loaded: int = 3
    max_queue: int = 512
    """`OLLAMA_MAX_QUEUE`: requests that may wait; the next one is refused with 503."""
    default_context: int = 4096
    keep_alive_s: float = 300.0
    load_s: float | None = None
    """Seconds a load takes; `None`: 0.4 s and the file at `load_bytes_per_s`."""
    load_bytes_per_s: float = 2.2e9
    log_read_after_s: float = 0.0
    """Seconds after a load in which `/api/ps` shows the size of the file: the engine's log is not read yet."""
    warm_s: float = 0.002
    """What `load_duration` says when nothing had to be loaded."""
    tokens_per_s: float | None = None
    """Decode speed of every model; `None`: each its own; `inf`: as fast as it goes."""
    prefill_per_s: float | None = None
    write_every_s: float = 0.005
    """Tokens that fall due within this time are written together; each remains a chunk of its own."""
    cloud_latency_s: float = 0.4
    signed_in: bool = True
    cloud_disabled: bool = False
    omits_cached_prompt_count: bool = False
    """Old daemons leave `prompt_eval_count` out when the whole prompt was cached."""
    verbose_vocabulary: int | None = 4096
    """Entries of the vocabulary in a verbose show; `None`: all of them, which takes megabytes."""
    splits: bool = False
    """Every answer arrives in pieces of 1 to 37 bytes, cut inside characters."""
    checks_host: bool = True
    utc_offset_min: int = 60
    """Offset in `modified_at` and `expires_at`, which the daemon writes in its local time."""
    pull: PullScript = PullScript()
    pulls: Mapping[str, PullScript] = field(default_factory=dict)
    """Pulls that go differently, by the model's name."""
    firehose_rate_per_s: float = 1000.0
    firehose_tokens: int = 5000
    has_firehose: bool = False
    """Whether `firehose:latest` is installed; `firehose:<rate>x<tokens>` then works as well."""

    @property
    def modern(self) -> bool:
        """Whether it behaves as daemons from 0.30 on, with llama-server as their engine."""
        numbers = self.version.split("-")[0].split(".")
        return tuple(int(part) for part in numbers[:2] if part.isdigit()) >= (0, 30)

    def rate_of(self, model: SimModel) -> float:
        """Tokens a second of the answer."""
        if model.unlimited:
            return model.decode_per_s
        return self.tokens_per_s if self.tokens_per_s is not None else model.decode_per_s

    def prefill_of(self, model: SimModel) -> float:
        """Tokens a second of the prompt."""
        return self.prefill_per_s if self.prefill_per_s is not None else model.prefill_per_s

    def load_seconds(self, model: SimModel) -> float:
        """How long a load of `model` takes."""
        return self.load_s if self.load_s is not None else 0.4 + model.total_bytes / self.load_bytes_per_s

    def pull_of(self, name: str) -> PullScript:
        """How a pull of `name` goes."""
        return self.pulls.get(name, self.pull)

    def at_once(self) -> OllamaScript:
        """The same without any waiting, for tests that are not about time."""
        return replace(
            self,
            load_s=0.0,
            tokens_per_s=math.inf,
            prefill_per_s=math.inf,
            cloud_latency_s=0.0,
            pull=replace(self.pull, bytes_per_s=math.inf, first_byte_s=0.0, verify_bytes_per_s=math.inf),
        )
