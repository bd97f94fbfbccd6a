"""Where a scrollbar's thumb is drawn."""

from __future__ import annotations

from math import ceil

_STEPS = 8
"""Parts of a cell that a thumb's end can be drawn at (Textual 8.2 `scrollbar.ScrollBarRender`)."""


def thumb(window: int, total: int, top: int) -> tuple[int, int]:
    """First and last eighth of a cell of the thumb, in a bar as high as its window; zeros when all is in view."""
    if total <= window or not window:
        return 0, 0
    size = max(1.0, window * window / total)
    start = int((window - size) * top / (total - window) * _STEPS)
    return start, start + ceil(size * _STEPS)
