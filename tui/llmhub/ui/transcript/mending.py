"""Marks that a growing text has opened and not closed yet, closed for the eye."""

from __future__ import annotations

import re

_OPENS = {mark: re.compile(rf"(?:^|[\s(\[{{\"'“*_~-]){re.escape(mark)}(?=\S)") for mark in ("**", "~~")}


def mended(text: str) -> str:
    """`text` as it will look once what it opened is closed: bold words are bold from their first letter on.

    Only for a paragraph that still grows; the finished one is read as it is.
    """
    if text.count("`") % 2:
        bare = text.rstrip("`")
        return bare.rstrip() if bare != text else f"{text}`"
    for mark, opens in _OPENS.items():
        if text.count(mark) % 2 == 0:
            continue
        if text.endswith(mark):
            text = text.removesuffix(mark).rstrip()
        elif opens.search(text, max(0, text.rfind(mark) - 1)):
            text = text.rstrip().removesuffix(mark[0]) + mark
    return text
