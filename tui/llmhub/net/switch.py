"""The offline switch: one for the whole program, read at every request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Switch:
    """Mutable on purpose: whoever holds it sees a change at once, also clients that were made long before."""

    offline: bool = False
