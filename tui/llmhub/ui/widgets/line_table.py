"""A table of any length: one line each, made only where it is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmhub import formats

REST = -1
"""The width of the column that takes what is left."""
_MARK_CELLS = 3
"""What stands before the first column: the cursor's mark, the place's sign, a blank."""
_WIDE = 100
_LEAST_REST = 10
_NEAR_END = 50
"""So many lines before the last one more are asked for."""


@dataclass(frozen=True, slots=True)
class LineColumn:
    """One column."""

    title: str
    width: int
    """In cells; 0 where it is not shown."""
    wide: int
    """The same from 100 cells of the table on."""
    right: bool = False
    inked: bool = False
    """Whether its cells have the colour of the place."""
    gives_way: int = 0
    """Left out where there is no room, the highest number first; 0 stays."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is drawn. Cells come in the order of the columns; too long ones are cut."""

    key: str
    cells: tuple[str, ...]
    sign: str = " "
    local: bool = True
    dim: bool = False


class LineTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Give it rows with `show`; read `row` for the one under the cursor. Left and right are left to the screen.

    The cursor belongs to a key, not to a line: rows that come above it leave it where it is.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--header",
        "line-table--cursor",
        "line-table--mark",
        "line-table--local",
        "line-table--cloud",
        "line-table--dim",
    }
    DEFAULT_CSS = """
    LineTable {
        background: $background;
        scrollbar-size-vertical: 1;
        border-top: solid $foreground 20%;
        border-title-color: $foreground-muted;
        &:focus { border-title-color: $text-accent; border-title-style: bold; }
        & > .line-table--header { color: $foreground-muted; }
        & > .line-table--cursor { background: $panel; text-style: bold; }
        & > .line-table--mark { color: $text-accent; text-style: bold; }
        & > .line-table--local { color: $cost-local; }
        & > .line-table--cloud { color: $cost-cloud; }
        & > .line-table--dim { color: $foreground-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "explain", id="lines.choose", tooltip="How this came about", key_display="enter"),
        Binding("up,k", "move(-1)", "up", id="lines.up", tooltip="The line above", show=False),
        Binding("down,j", "move(1)", "down", id="lines.down", tooltip="The line below", show=False),
        Binding("pageup", "page(-1)", "page up", id="lines.pageup", tooltip="A page up", show=False),
        Binding("pagedown", "page(1)", "page down", id="lines.pagedown", tooltip="A page down", show=False),
        Binding("home,g", "end(-1)", "first", id="lines.first", tooltip="The first line", show=False),
        Binding("end,G", "end(1)", "last", id="lines.last", tooltip="The last line", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """Enter, or a second click, on a row."""

        table: LineTable
        row: Any

        @property
        def control(self) -> LineTable:
            """Who spoke."""
            return self.table

    @dataclass
    class NearEnd(Message):
        """The last rows are in sight, or nearly; said once for each number of rows."""

        table: LineTable

        @property
        def control(self) -> LineTable:
            """Who spoke."""
            return self.table

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns: Sequence[LineColumn] = ()
        self._rows: Sequence[Any] = ()
        self._line_of: Callable[[Any], Line] = lambda _: Line("", ())
        self._key_of: Callable[[Any], str] = str
        self._lines: dict[str, Line] = {}
        self._at = 0
        self._told_end = -1
        self._nothing = ""

    # -- giving and reading -------------------------------------------------------------------

    def show(
        self,
        rows: Sequence[Any],
        columns: Sequence[LineColumn],
        line_of: Callable[[Any], Line],
        key_of: Callable[[Any], str],
        nothing: str = "",
    ) -> None:
        """Show `rows`; each line is made by `line_of` when it comes in sight. `nothing` stands where there are none."""
        key = self._key_of(self._rows[self._at]) if self._at < len(self._rows) else None
        seen = self._at - int(self.scroll_offset.y)
        self._rows, self._columns, self._line_of, self._key_of = tuple(rows), tuple(columns), line_of, key_of
        self._lines, self._nothing, self._told_end = {}, nothing, -1
        found = next((at for at, row in enumerate(self._rows) if key_of(row) == key), None)
        moved = found is not None and found != self._at
        self._at = min(self._at, max(0, len(self._rows) - 1)) if found is None else found
        self.virtual_size = Size(0, len(self._rows) + 1)
        if moved:
            self.scroll_to(y=max(0, self._at - seen), animate=False, force=True)
        self.refresh()
        self._look_at_end()

    @property
    def rows(self) -> Sequence[Any]:
        """What is shown."""
        return self._rows

    @property
    def row(self) -> Any | None:
        """The row under the cursor."""
        return self._rows[self._at] if self._at < len(self._rows) else None

    def to_top(self) -> None:
        """The cursor on the first line."""
        self._go(0)

    # -- drawing ------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """The head on the first line, then the rows from where it is scrolled to."""
        width = self.scrollable_content_region.width
        if y == 0:
            return self._head(width)
        at = int(self.scroll_offset.y) + y - 1
        if at >= len(self._rows):
            words = f"   {self._nothing}" if not self._rows and y == 1 else ""
            return Strip([Segment(formats.fit(words, width), self._part("dim"))]).adjust_cell_length(
                width, self.rich_style
            )
        return self._drawn(self._line(self._rows[at]), at, width)

    def _line(self, row: Any) -> Line:
        key = self._key_of(row)
        if key not in self._lines:
            self._lines[key] = self._line_of(row)
        return self._lines[key]

    def _layout(self, width: int) -> list[tuple[int, LineColumn, int]]:
        """(place among the cells, column, width) of the columns that fit."""
        wide = width >= _WIDE
        shown = [(at, c, c.wide if wide else c.width) for at, c in enumerate(self._columns)]
        shown = [entry for entry in shown if entry[2]]

        def left() -> int:
            blanks = sum(1 if column.right else 2 for _, column, _ in shown[1:])
            return width - _MARK_CELLS - blanks - sum(max(0, cells) for _, _, cells in shown)

        for at, column, _ in sorted(shown, key=lambda entry: -entry[1].gives_way):
            if left() < _LEAST_REST and column.gives_way:
                shown = [entry for entry in shown if entry[0] != at]
        rest = max(0, left())
        return [(at, column, rest if cells == REST else cells) for at, column, cells in shown]

    def _head(self, width: int) -> Strip:
        style = self._part("header")
        text = " " * _MARK_CELLS
        for number, (_, column, cells) in enumerate(self._layout(width)):
            title = formats.fit(column.title, cells)
            blanks = " " * (cells - cell_len(title))
            text += " " * (0 if not number else 1 if column.right else 2)
            text += blanks + title if column.right else title + blanks
        return Strip([Segment(text, style)]).adjust_cell_length(width, self.rich_style)

    def _drawn(self, line: Line, at: int, width: int) -> Strip:
        under = at == self._at and self.has_focus
        base = self._part("cursor") if under else self.rich_style
        ink = self._ink("local" if line.local else "cloud", base)
        dim = self._ink("dim", base)
        mark = Segment("▌", self._ink("mark", base)) if under else Segment(" ", base)
        segments = [mark, Segment(f"{line.sign} ", ink)]
        for number, (cell, column, cells) in enumerate(self._layout(width)):
            text = formats.fit(line.cells[cell], cells)
            blanks = " " * (cells - cell_len(text))
            gap = " " * (0 if not number else 1 if column.right else 2)
            style = dim if line.dim or text.strip() == formats.UNKNOWN else ink if column.inked else base
            shown = blanks + text if column.right else set_cell_size(text, cells)
            segments.append(Segment(gap + shown, style))
        return Strip(segments).adjust_cell_length(width, base)

    def _part(self, name: str) -> Style:
        return self.get_visual_style(f"line-table--{name}").rich_style

    def _ink(self, name: str, base: Style) -> Style:
        """`base` in the colour of a part."""
        return base + Style(color=self._part(name).color)

    # -- moving -------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolled by wheel or bar: perhaps to the end."""
        super().watch_scroll_y(old_value, new_value)
        self._look_at_end()

    def on_focus(self) -> None:
        """The mark at the cursor says that keys come here."""
        self.refresh()

    def on_blur(self) -> None:
        """And that they do not."""
        self.refresh()

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        self._show_cursor()
        self._look_at_end()

    def action_choose(self) -> None:
        """Tell who listens which row is meant."""
        if (row := self.row) is not None:
            self.post_message(self.Chosen(self, row))

    def action_move(self, by: int) -> None:
        """Move the cursor by `by` rows."""
        self._go(self._at + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self._go(self._at + by * max(1, self._height - 1))

    def action_end(self, to: int) -> None:
        """Move the cursor to the first or the last row."""
        self._go(0 if to < 0 else len(self._rows) - 1)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, the second one chooses."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y == 0:
            return
        at = int(self.scroll_offset.y) + offset.y - 1
        if 0 <= at < len(self._rows):
            self._go(at)
            if event.chain >= 2:
                self.action_choose()

    @property
    def _height(self) -> int:
        """Lines for rows: without the head."""
        return max(0, self.scrollable_content_region.height - 1)

    def _go(self, at: int) -> None:
        self._at = max(0, min(at, len(self._rows) - 1))
        self._show_cursor()
        self.refresh()

    def _show_cursor(self) -> None:
        top, height = int(self.scroll_offset.y), self._height
        if not height or not self._rows:
            return
        if self._at < top:
            self.scroll_to(y=self._at, animate=False, force=True)
        elif self._at >= top + height:
            self.scroll_to(y=self._at - height + 1, animate=False, force=True)

    def _look_at_end(self) -> None:
        count = len(self._rows)
        if count and self._told_end != count and int(self.scroll_offset.y) + self._height >= count - _NEAR_END:
            self._told_end = count
            self.post_message(self.NearEnd(self))
