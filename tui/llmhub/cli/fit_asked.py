"""What was asked of `llmhub fit`, and how it is told that it cannot be meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llmhub.core.errors import LLMHubError
from llmhub.core.model_address import ModelAddress


class MisuseError(LLMHubError):
    """What was asked cannot be meant."""


@dataclass(frozen=True, slots=True)
class FitAsked:
    """What was asked for on the command line."""

    model: ModelAddress | None
    """`None` where a file alone is named."""
    context: int | None = None
    kv_type: str | None = None
    parallel: int | None = None
    batch: int | None = None
    flash_attention: bool | None = None
    quantization: str | None = None
    memory_bytes: int | None = None
    ram_bytes: int | None = None
    chip: str | None = None
    gguf: Path | None = None

    @property
    def is_imagined(self) -> bool:
        """Whether it is asked about another machine than this one."""
        return self.memory_bytes is not None or self.ram_bytes is not None or self.chip is not None
