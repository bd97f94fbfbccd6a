"""How long a stream must be so that its last word can be told from everything before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmhub.simulators.replies import stream

_SCREEN = 4000
"""Characters looked back over: about what a screen of 120 x 40 holds when it is full of text."""
_LAST_WORD = re.compile(r"\n[A-Za-z][^\n|`*_]* ([A-Za-z]{7,}[.,:]?)$")


def ending(pieces: Sequence[str], wanted: int) -> tuple[int, str] | None:
    """The longest start of `pieces`, at most `wanted` of them, that ends with a word not seen shortly before.

    The word is one of plain prose, so that it is written in one piece: lines are wrapped between words, while a table
    or a fence may be drawn with other colours within it.

    Returns:
        How many pieces, and their last word.
    """
    text = "\n" + "".join(pieces[:wanted])
    for count in range(min(wanted, len(pieces)), 0, -1):
        found = _LAST_WORD.search(text[-_SCREEN:])
        if found and text.count("```") % 2 == 0 and found.group(1) not in text[-_SCREEN : -len(found.group(1))]:
            return count, found.group(1)
        text = text[: -len(pieces[count - 1])]
    return None


def stream_length(wanted: int) -> tuple[int, str]:
    """At most `wanted` tokens of the daemon's endless text, and the word they end with.

    Raises:
        ValueError: no start that short ends with such a word.
    """
    found = ending(list(stream(wanted)), wanted)
    if found is None:
        raise ValueError(f"no ending within {wanted} tokens")
    return found
