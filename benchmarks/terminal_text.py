"""The words in what an app writes to a terminal."""

from __future__ import annotations

import codecs
import re

_ESCAPE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    r"|[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    r"|[ -/]*[0-OQ-WYZ\\`-~]"  # two characters, or a charset
    r")"
)
_BLANK = re.compile(r"\s+")


def squeezed(text: str) -> str:
    """`text` without blanks and line ends: a terminal is told where words go, not what stands between them."""
    return _BLANK.sub("", text)


class Stripper:
    """Takes escape sequences out of bytes that arrive in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, data: bytes) -> str:
        """The words in `data`; what may be the start of a sequence is held back until the rest comes."""
        text = self._held + self._decoder.decode(data)
        clean = _ESCAPE.sub("", text)
        start = clean.find("\x1b")
        if start < 0:
            self._held = ""
            return clean
        self._held = clean[start:]
        return clean[:start]


class Search:
    """Looks for words in a stream of terminal bytes; blanks do not count."""

    def __init__(self, words: str) -> None:
        self._words = squeezed(words)
        self._stripper = Stripper()
        self._tail = ""

    def feed(self, data: bytes) -> bool:
        """Whether the words were complete with these bytes, or are in them."""
        text = self._tail + squeezed(self._stripper.feed(data))
        found = self._words in text
        keep = len(self._words) - 1
        self._tail = text[-keep:] if keep else ""
        return found
