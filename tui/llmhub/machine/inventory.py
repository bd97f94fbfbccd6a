"""Every card of this machine, found in whatever way there is."""

from __future__ import annotations

import sys

from llmhub.machine import graphics, nvidia, processor, windows
from llmhub.machine.cards import Card


def other_cards() -> tuple[Card, ...]:
    """Of AMD and Intel, and NVIDIA's where its library is not installed."""
    if sys.platform == "win32":
        found = windows.cards()
    elif sys.platform == "linux":
        found = (*graphics.cards(processor=processor.chip_name()), *nvidia.named_by_kernel())
    else:
        return ()
    if any(card.maker == "NVIDIA" for card in found) and nvidia.cards():
        return tuple(card for card in found if card.maker != "NVIDIA")
    return found


def card_names() -> tuple[str, ...]:
    """Of all that are no part of the processor; NVIDIA's first."""
    found = (*nvidia.cards(), *other_cards())
    return tuple(card.name for card in found if not card.integrated)
