"""What a model wrote, made safe to draw: everything is data, nothing is an escape, a direction or a trick of width.

Two steps. `LineEndings` runs once, on the stream; what it gives is the source that is copied and searched. `shown` runs
when a line is drawn and never reaches the source.
"""

from __future__ import annotations

import re

TAB = 4
"""Columns of a tab stop, as in Markdown."""
REPLACED = "\N{REPLACEMENT CHARACTER}"
MAX_MARKS = 3
"""Combining marks kept on one character; more climb into the lines above and below."""


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = {code: chr(0x2400 + code) for code in range(32)}
    table[0x7F] = "\N{SYMBOL FOR DELETE}"
    table |= dict.fromkeys(range(0x80, 0xA0), REPLACED)
    # Directions: U+061C, U+200E..F, U+202A..E, U+2066..9 (Unicode Standard Annex 9, "Trojan Source").
    table |= dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], REPLACED)
    table |= {0x2028: " ", 0x2029: " "}
    # Invisible, and measured in as many ways as there are terminals: a joined emoji is drawn as its parts.
    table |= dict.fromkeys([0x00AD, 0x180E, 0x200B, 0x200D, *range(0x2060, 0x2065), 0xFEFF, 0x3164, 0xFFA0])
    table |= dict.fromkeys(range(0xFE00, 0xFE10))
    table |= dict.fromkeys(range(0xE0000, 0xE01F0))
    # Half of a pair cannot be written to a terminal at all.
    table |= dict.fromkeys(range(0xD800, 0xE000), REPLACED)
    return table


_SHOWN = _table()
_ASCII_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SKIN_TONES = re.compile(r"(?<=[\u2600-\u27bf\U0001f300-\U0001faff])[\U0001f3fb-\U0001f3ff]")
_MARK = r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_TOO_MANY_MARKS = re.compile(rf"([{_MARK}]{{{MAX_MARKS}}})[{_MARK}]+")
_COPY_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def shown(text: str) -> str:
    """One line of `text` as it may be drawn: controls as pictures (`␛`), no tabs, no directions, no doubtful widths."""
    if "\t" in text:
        text = text.expandtabs(TAB)
    if text.isascii():
        return text.translate(_SHOWN) if _ASCII_CONTROL.search(text) else text
    text = text.translate(_SHOWN)
    return _TOO_MANY_MARKS.sub(r"\1", _SKIN_TONES.sub("", text))


def copied(text: str) -> str:
    """`text` as it may be put on a clipboard: without control characters, because a paste into a shell obeys them."""
    return _COPY_CONTROL.sub("", text)


class LineEndings:
    """Turns CR LF and CR of a stream into LF, also where a chunk ends between the two."""

    def __init__(self) -> None:
        self._held = False

    def feed(self, chunk: str) -> str:
        """The next chunk with one kind of line ending."""
        if self._held:
            chunk = "\r" + chunk
            self._held = False
        if "\r" not in chunk:
            return chunk
        if chunk.endswith("\r"):
            self._held = True
            chunk = chunk[:-1]
        return chunk.replace("\r\n", "\n").replace("\r", "\n")

    def finish(self) -> str:
        """What was held back at the end."""
        held, self._held = self._held, False
        return "\n" if held else ""
