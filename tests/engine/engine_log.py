"""Reading what llama.cpp logs of its buffers while it loads a model. It prints MiB with two decimals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_WEIGHTS = re.compile(r"load_tensors:\s+\S+ model buffer size = +([\d.]+) MiB")
_CACHE = re.compile(r"KV buffer size = +([\d.]+) MiB")
_CACHE_TYPES = re.compile(r"llama_kv_cache: size = .* K \((\w+)\): .* V \((\w+)\):")
_RECURRENT = re.compile(r"RS buffer size = +([\d.]+) MiB")
_COMPUTE = re.compile(r"compute buffer size = +([\d.]+) MiB")
_OUTPUT = re.compile(r"output buffer size = +([\d.]+) MiB")
_OUTPUTS = re.compile(r"n_outputs_max += (\d+)")
_BATCH = re.compile(r"n_ubatch += (\d+)")


@dataclass(frozen=True)
class EngineMemory:
    """What one load took, as printed: MiB."""

    weights: Decimal
    caches: tuple[Decimal, ...]
    """One for each cache, that of full attention first."""
    recurrent: Decimal | None
    """`None` where no layer keeps such a state."""
    compute: Decimal
    output: Decimal
    cache_types: frozenset[str]
    outputs: int
    """Tokens of a batch that may return logits: 1 in the server."""
    micro_batch: int

    @property
    def total(self) -> Decimal:
        """All buffers."""
        return self.weights + sum(self.caches) + (self.recurrent or Decimal()) + self.compute + self.output


def read(log: str) -> EngineMemory:
    """Take the buffers from a log.

    Raises:
        ValueError: it does not tell one of them, with the end of the log.
    """
    found = {
        "model": _sizes(_WEIGHTS, log),
        "compute": _sizes(_COMPUTE, log),
        "output": _sizes(_OUTPUT, log),
        "n_outputs_max": _OUTPUTS.findall(log),
        "n_ubatch": _BATCH.findall(log),
    }
    missing = [name for name, values in found.items() if not values]
    if missing:
        raise ValueError(f"the engine's log does not tell {', '.join(missing)}; it ends:\n{log[-2000:]}")
    recurrent = _sizes(_RECURRENT, log)
    return EngineMemory(
        weights=sum(found["model"], Decimal()),
        caches=_sizes(_CACHE, log),
        recurrent=sum(recurrent, Decimal()) if recurrent else None,
        compute=sum(found["compute"], Decimal()),
        output=sum(found["output"], Decimal()),
        cache_types=frozenset(name for pair in _CACHE_TYPES.findall(log) for name in pair),
        outputs=int(found["n_outputs_max"][-1]),
        micro_batch=int(found["n_ubatch"][-1]),
    )


def _sizes(pattern: re.Pattern[str], log: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(size) for size in pattern.findall(log))
