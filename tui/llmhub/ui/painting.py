"""Painting only what can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


class FrontCompositor(Compositor):
    """Asks no widget for rows that are covered by others or that need no painting.

    Textual's own (8.2.8) renders every widget under the rectangle around all that changed, down to the screen itself,
    and takes the front one of each column. Under a transcript lie four containers as large as it is: rendering and
    cutting their blank rows is most of what a frame of a streaming reply costs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed: tuple[Region, ...] = ()

    def render_partial_update(self) -> ChopsUpdate | None:
        """Paint what changed; see `Compositor.render_partial_update`."""
        self._changed = tuple(self._dirty_regions)
        try:
            update = super().render_partial_update()
        finally:
            self._changed = ()
        if isinstance(update, ChopsUpdate):
            # What begins where a span ends is not in it, yet the terminal would be sent there to write nothing.
            for y, _, end in update.spans:
                line = cast("dict[int, Strip | None]", update.chops[y])
                if end in line:
                    line[end] = None
        return update

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """The widgets from the front to the back, as far as something of them shows where something changed."""
        open_regions = list(self._changed) or [crop if crop is not None else self.size.region]
        for widget, (region, clip) in self.visible_widgets.items():
            visible = region.intersection(clip)
            seen = [shared for one in open_regions if (shared := visible.intersection(one))]
            if not seen:
                continue
            top, bottom = min(one.y for one in seen), max(one.bottom for one in seen)
            rows = Region(visible.x, top, visible.width, bottom - top)
            yield rows, clip, widget.render_lines(rows.translate(-region.offset))
            open_regions = [rest for one in open_regions for rest in without(one, visible)]
            if not open_regions:
                return


def without(region: Region, cover: Region) -> Iterator[Region]:
    """What of `region` is not under `cover`: up to four regions that do not overlap."""
    shared = region.intersection(cover)
    if not shared:
        yield region
        return
    x, y, width, _ = region
    for piece in (
        Region(x, y, width, shared.y - y),
        Region(x, shared.bottom, width, region.bottom - shared.bottom),
        Region(x, shared.y, shared.x - x, shared.height),
        Region(shared.right, shared.y, region.right - shared.right, shared.height),
    ):
        if piece:
            yield piece
