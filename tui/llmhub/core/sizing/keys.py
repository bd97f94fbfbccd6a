"""Reading GGUF keys of one architecture: numbers that may be arrays, arrays that may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_LAYERS = 4096
"""Far above any model; what says more is nonsense."""


class Keys:
    """The keys `{arch}.{name}` of one file. What is absent or no sane number is `None`."""

    def __init__(self, metadata: Mapping[str, Any], prefix: str) -> None:
        self._metadata = metadata
        self._prefix = prefix

    def raw(self, name: str) -> Any:
        """Whatever stands there."""
        return self._metadata.get(f"{self._prefix}.{name}")

    def has(self, name: str) -> bool:
        """Whether the key is there at all, an array left out included."""
        return f"{self._prefix}.{name}" in self._metadata

    def number(self, name: str) -> int | None:
        """A whole number; the largest of an array."""
        value = self.raw(name)
        if isinstance(value, list | tuple):
            numbers = [entry for entry in map(_whole, value) if entry is not None]
            return max(numbers, default=None)
        return _whole(value)

    def per_layer(self, name: str, layers: int) -> tuple[int, ...] | None:
        """One number a layer; `None` where the key is absent or an array that was left out."""
        value = self.raw(name)
        if isinstance(value, list | tuple):
            numbers = [_whole(entry) for entry in value]
            if len(numbers) < layers or any(number is None for number in numbers):
                return None
            return tuple(number for number in numbers[:layers] if number is not None)
        one = _whole(value)
        return None if one is None else (one,) * layers

    def flags(self, name: str, layers: int) -> tuple[bool, ...] | None:
        """One truth a layer, from an array of booleans (or 0 and 1)."""
        value = self.raw(name)
        if isinstance(value, list | tuple) and len(value) >= layers:
            return tuple(bool(entry) for entry in value[:layers])
        return None


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**48 else None
