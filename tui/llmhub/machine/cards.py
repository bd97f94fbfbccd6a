"""One graphics card, whoever made it and however it was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """One card. Memory is `None` where the driver does not tell (it shares the computer's own)."""

    name: str
    total_bytes: int | None
    free_bytes: int | None
    """`None` where nobody tells."""
    maker: str = "NVIDIA"
    integrated: bool = False
    """Whether it is a part of the processor: its memory is set aside from the computer's."""
    lent_bytes: int = 0
    """What the computer lends an integrated one besides (GTT)."""
    lent_used_bytes: int = 0
    from_table: bool = False
    """Whether `total_bytes` is what such a card is sold with, as it cannot be asked here."""
