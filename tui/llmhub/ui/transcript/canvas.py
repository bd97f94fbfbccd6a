"""What is painted: a scrolling view that draws only what changed on the screen.

Text is fed as it comes and joined into frames. A frame reads the new text, draws the block that still grows, compares
the rows on the screen with those shown before and repaints the ones that differ; nothing in it depends on how long the
reply or the conversation is. The size of the scrollable area is set without a layout of the screen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.widget import Widget

from llmhub.ui.transcript import highlight, inline, look
from llmhub.ui.transcript.document import Document, Placed, Spot
from llmhub.ui.transcript.finding import Finder
from llmhub.ui.transcript.leaves import Leaf
from llmhub.ui.transcript.marks import Range, badged, gutter_marked, restyled
from llmhub.ui.transcript.palette import Palette
from llmhub.ui.transcript.render import Renderer
from llmhub.ui.transcript.rows import Work
from llmhub.ui.transcript.selecting import row_name, selected_range, selected_text
from llmhub.ui.transcript.thumb import thumb
from llmhub.ui.transcript.turns import Turn
from llmhub.ui.transcript.wrap import Span

FRAME_S = 1 / 25
"""Least time between two frames. What is shown last does not wait for it: see `flush`."""
THUMB_S = 0.5
"""Least time between two moves of the thumb while a reply streams and the end is in view."""
_NOT_YET_S = 0.01
"""How long to wait before it is looked again whether the parser is there."""
_SETTLE = 30
"""Most passes until the rows on the screen have their exact heights; two are usual."""


class Canvas(ScrollView):
    """A document and the part of it that is on the screen."""

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._document = Document(Renderer(80, Palette.plain()), clock)
        self._fed: dict[str, Turn] = {}
        self._frame_due: asyncio.TimerHandle | None = None
        self._last_frame = 0.0
        self._following = True
        self._focused: str | None = None
        self._finder: Finder | None = None
        self._placed: list[Placed] = []
        self._top = 0
        """The row that `_placed` begins at."""
        self._shown: list[Strip] = []
        self._fitted: object = None
        self._style_stale = True
        self._thumb: tuple[int, int] | None = None
        self._thumb_moved = 0.0
        self._importing: set[str] = set()
        self._prepared = False

    @property
    def work(self) -> Work:
        """How much was drawn so far at this width and in this theme."""
        return self._document.renderer.work

    @property
    def is_following(self) -> bool:
        """Whether the end stays in view while it grows: until the person scrolls away from it."""
        return self._following

    # -- frames -------------------------------------------------------------------------------

    def _touch(self, turn: Turn) -> None:
        self._fed[turn.key] = turn
        if self._frame_due is None and self.is_attached:
            loop = asyncio.get_running_loop()
            # On a grid that all lanes share, so that lanes which stream at once are painted at once.
            due = (self._last_frame // FRAME_S + 1) * FRAME_S
            self._frame_due = loop.call_at(due, self._frame_is_due)

    def _frame_is_due(self) -> None:
        self._frame_due = None
        self.call_later(self.flush)

    def flush(self) -> None:
        """Draw what was fed. Frames do it by themselves."""
        if self._frame_due is not None:
            self._frame_due.cancel()
            self._frame_due = None
        if not self._fed:
            return
        loop = asyncio.get_running_loop()
        if inline.is_preparing():
            self._frame_due = loop.call_later(_NOT_YET_S, self._frame_is_due)
            return
        self._last_frame = loop.time()
        fed, self._fed = list(self._fed.values()), {}
        for turn in fed:
            self._document.follow(turn)
        self._update()

    def on_mount(self) -> None:
        """Text may have come before there was a screen."""
        if self._fed:
            self._touch(next(iter(self._fed.values())))

    def on_unmount(self) -> None:
        """No frame after the end."""
        if self._frame_due is not None:
            self._frame_due.cancel()
            self._frame_due = None

    # -- where we are -------------------------------------------------------------------------

    @property
    def _view_height(self) -> int:
        return self.container_size.height

    def _anchor(self, top: int) -> tuple[Spot, int] | None:
        """What of the last screen is on the next, which begins at row `top`, and where: it must not move."""
        shift = top - self._top
        for y, placed in enumerate(self._placed):
            if 0 <= y - shift < self._view_height:
                return placed.spot, y - shift - placed.line
        return None

    def _update(self, *, repaint: bool = True) -> None:
        """Bring heights, scroll position, scrollbar and rows up to date."""
        height = self._view_height
        if not height or not self.is_attached:
            return
        top = self._settle(height)
        size = Size(self.size.width, self._document.height)
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)  # the reactive would lay out the whole screen
        if top != self.scroll_y:
            self.set_reactive(Widget.scroll_y, float(top))
            self.set_reactive(Widget.scroll_target_y, float(top))
        self._move_thumb(top, height)
        self._placed, self._top = self._document.window(top, height), top
        self._show(self._strips(height), repaint=repaint)
        self._load_languages()

    def _settle(self, height: int) -> int:
        """Draw what is on the screen; gives the row it begins at."""
        document = self._document
        anchor: tuple[Spot, int] | None = None
        top = round(self.scroll_y)
        if not self._following and (anchor := self._anchor(top)) is None and (place := document.at(top)):
            anchor = place[0], -place[1]
        for _ in range(_SETTLE):
            if anchor is not None:
                top = document.top(anchor[0]) - anchor[1]
            end = document.height - height
            top = max(0, end if self._following else min(top, end))
            if not document.draw(top, top + height):
                break
        return max(0, min(top, document.height - height))

    def _move_thumb(self, top: int, height: int) -> None:
        """Move the scrollbar's thumb when it would look different; drawing it costs as much as a frame of text."""
        total = self._document.height
        if (moved := thumb(height, total, top)) == self._thumb:
            return
        streams = self._following and any(turn.streaming for turn in self._document.turns[-1:])
        now = asyncio.get_running_loop().time()
        if streams and self._thumb is not None and now - self._thumb_moved < THUMB_S:
            return  # a later frame moves it, at the latest the one that follows the end
        self._thumb, self._thumb_moved = moved, now
        bar = self.vertical_scrollbar
        bar.window_virtual_size, bar.window_size, bar.position = total, height, top

    def _show(self, strips: list[Strip], *, repaint: bool) -> None:
        old, self._shown = self._shown, strips
        if not repaint:
            return
        if len(old) != len(strips):
            self.refresh()
            return
        # The scrollbar's column is left out: with it the compositor would draw the whole bar again.
        width = self.size.width - self.styles.scrollbar_size_vertical
        regions: list[Region] = []
        for y, (before, now) in enumerate(zip(old, strips, strict=True)):
            if before is now or before == now:
                continue
            if regions and regions[-1].bottom == y:  # few tall regions: each costs something at every step after this
                regions[-1] = regions[-1].grow((0, 0, 1, 0))
            else:
                regions.append(Region(0, y, width, 1))
        if regions:
            self.refresh(*regions)

    # -- colours of code ----------------------------------------------------------------------

    def _load_languages(self) -> None:
        """Import the rules of a language in a thread when code in it is first shown; until then it has no colours."""
        for placed in self._placed:
            unit = self._document.unit(placed.spot)
            if unit is None or not isinstance(unit.block, Leaf) or highlight.known(unit.block.language):
                continue
            if (language := unit.block.language) not in self._importing:
                self._importing.add(language)
                self.run_worker(self._import(language), group="languages")

    def _prepare(self) -> None:
        """Import what Markdown needs in a thread, once there is going to be some."""
        if not self._prepared and self.is_attached:
            self._prepared = True
            self.run_worker(asyncio.to_thread(inline.prepare), group="languages")

    async def _import(self, language: str) -> None:
        await asyncio.to_thread(highlight.load, language)
        self._document.recolour(language)
        self._update()

    # -- size and theme -----------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """The stylesheet or the theme changed."""
        super().notify_style_update()
        self._style_stale = True

    def _fit(self) -> None:
        """Follow the size and the theme before anything is painted with them."""
        width = self.size.width
        if not width or not self._view_height:
            return
        state = (self.size, self.has_focus)
        if not self._style_stale and state == self._fitted:
            return
        self._fitted = state
        document = self._document
        sheet = document.renderer.sheet
        palette = sheet.palette
        if self._style_stale:
            palette = look.palette_of(self)
            self._style_stale = False
        if width != sheet.width or palette != sheet.palette:
            reserved = self.styles.scrollbar_size_vertical
            document.use(Renderer(width, palette, reserved=reserved, content_spans=self._content_spans))
            if width != sheet.width:
                self.call_later(self._drop_selection)
        self._update(repaint=False)

    def _content_spans(self, content: Content, role: str) -> list[Span]:
        """Styled words of the screen's own; styles named by variables follow the theme."""
        ground = VisualStyle.from_rich_style(self._document.renderer.sheet.palette[role])
        parse = self.app.stylesheet.parse_style
        return [(text, style.rich_style) for text, style in content.render(ground, end="", parse_style=parse) if text]

    def on_resize(self) -> None:
        """Another size; the rows were made when the screen was painted, or are made now."""
        self._fit()

    # -- painting -----------------------------------------------------------------------------

    def _strips(self, height: int) -> list[Strip]:
        """What is on the screen, marks and all."""
        renderer = self._document.renderer
        palette = renderer.sheet.palette
        focused = self._document.number(self._focused) if self._focused and self.has_focus else None
        selection = self.text_selection
        found = self._found()
        out: list[Strip] = []
        for placed in self._placed:
            strip = placed.row.strip
            ranges: list[Range] = list(found.get((placed.spot, placed.line), ()))
            if selection is not None and (span := selected_range(selection, placed)) is not None:
                ranges.append((*span, self.screen.get_component_rich_style("screen--selection")))
            if ranges:
                strip = restyled(strip, ranges)
            if placed.spot.turn == focused and not placed.is_gap:
                strip = gutter_marked(strip, palette["focus"])
            out.append(strip)
        out += [renderer.sheet.blank().strip] * (height - len(out))
        if not self._following:
            room = renderer.sheet.width - self.styles.scrollbar_size_vertical
            more = any(turn.streaming for turn in self._document.turns[-1:])
            words = " ↓ End: more is coming " if more else " ↓ End "
            out[-1] = badged(out[-1], words, palette["badge"], room)
        return out

    def _found(self) -> dict[tuple[Spot, int], list[Range]]:
        finder = self._finder
        out: dict[tuple[Spot, int], list[Range]] = {}
        if finder is None:
            return out
        palette = self._document.renderer.sheet.palette
        for spot in dict.fromkeys(placed.spot for placed in self._placed):
            for number, touched in enumerate(finder.ranges(self._document.rows_of(spot))):
                role = "match-current" if finder.current == (spot, number) else "match"
                for line, start, end in touched:
                    out.setdefault((spot, line), []).append((start, end, palette[role]))
        return out

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips as they are kept, without the copies that padding, borders and caches of a widget make of each."""
        self._fit()
        if self.opacity != 1.0 or self.styles.gutter != (0, 0, 0, 0):
            return super().render_lines(crop)
        blank = Strip.blank(self.size.width, self._document.renderer.sheet.palette["text"])
        strips = [self._shown[y] if y < len(self._shown) else blank for y in crop.line_range]
        if filters := self.get_line_filters():
            background = self.background_colors[1]
            for line_filter in filters:
                strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """A row with the positions of its characters: this is how Textual asks what the mouse is over."""
        self._fit()
        if y >= len(self._shown):
            return Strip.blank(self.size.width, self._document.renderer.sheet.palette["text"])
        strip = self._shown[y]
        if y < len(self._placed):
            placed = self._placed[y]
            strip = strip.apply_offsets(0, row_name(placed.spot, placed.line))
        return strip

    # -- selection ----------------------------------------------------------------------------

    def selection_updated(self, selection: Selection | None) -> None:
        """Rows that gained or lost the selection are drawn again."""
        del selection
        self._update()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What is selected, as it is read on the screen."""
        text = selected_text(self._document, selection, self._placed)
        return (text, "\n") if text else None

    def _drop_selection(self) -> None:
        if self.is_attached and self in self.screen.selections:
            self.screen.clear_selection()

    # -- scrolling ----------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The person scrolled; our own moves do not come here."""
        if round(old_value) != round(new_value):
            self._following = new_value >= self.max_scroll_y
            self._update()

    def _scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> bool:
        """Scroll at once: an animation aims at a row that moves while heights become exact."""
        options["animate"] = False
        return super()._scroll_to(x, y, **options)

    def scroll_to_row(self, top: int) -> None:
        """Put row `top` at the head of the screen."""
        self.set_reactive(Widget.scroll_y, float(top))
        self.set_reactive(Widget.scroll_target_y, float(top))

    def scroll_end(self, **options: Any) -> None:
        """Go to the end and stay there while it grows."""
        del options
        self._following = True
        self._update()
