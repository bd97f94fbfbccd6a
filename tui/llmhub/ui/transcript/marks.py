"""What is laid over rows when they are shown: the focused turn, a selection, what was found, the way to the end."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from llmhub.ui.transcript.rows import GUTTER

END = "transcript-end"
"""Key, in a style's meta data, that marks what a click follows to the end."""
Range = tuple[int, int, Style]
"""First character, the one after the last, and what is laid over them."""


def gutter_marked(strip: Strip, style: Style) -> Strip:
    """`strip` with the mark of the focused turn in its gutter."""
    first, *rest = strip
    return Strip([Segment("▌", style), Segment(first.text[GUTTER:], first.style), *rest], strip.cell_length)


def restyled(strip: Strip, ranges: Iterable[Range]) -> Strip:
    """`strip` with other styles over ranges of its characters."""
    for start, end, style in ranges:
        segments: list[Segment] = []
        at = 0
        for text, own, _ in strip:
            first, last = max(start - at, 0), min(end - at, len(text))
            if first < last:
                over = own + style if own is not None else style
                for part, look in ((text[:first], own), (text[first:last], over), (text[last:], own)):
                    if part:
                        segments.append(Segment(part, look))
            else:
                segments.append(Segment(text, own))
            at += len(text)
        strip = Strip(segments, strip.cell_length)
    return strip


def badged(strip: Strip, words: str, style: Style, room: int) -> Strip:
    """`strip` with `words` at the right end of its first `room` cells; a click on them goes to the end."""
    width = min(room, cell_len(words))
    badge = Strip([Segment(words, style + Style.from_meta({END: True}))], cell_len(words)).crop(0, width)
    return Strip.join([strip.crop(0, room - width), badge, strip.crop(room, strip.cell_length)])
