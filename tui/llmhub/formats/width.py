"""Columns of a terminal that a text takes."""

from __future__ import annotations

import unicodedata


def cells(text: str) -> int:
    """Columns that `text` takes in a terminal: wide signs two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(sign) for sign in text)


def fit(text: str, width: int) -> str:
    """`text` in at most `width` columns, ended by `…` where it was cut."""
    if cells(text) <= width:
        return text
    kept, room = [], width - 1
    for sign in text:
        room -= _cells_of(sign)
        if room < 0:
            break
        kept.append(sign)
    return "".join(kept) + "…" if width > 0 else ""


def _cells_of(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in {"Mn", "Me", "Cf", "Cc"}:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in {"W", "F"} else 1
