"""The installed models as a table: one line each, drawn only where it is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmhub import formats
from llmhub.ui.models import contexts, words
from llmhub.ui.models.columns import SIGN_CELLS, VERDICT, columns_at
from llmhub.ui.models.rows import ModelRow, Order


class ModelTable(ScrollView, can_focus=True):
    """Set `rows`, and read `row` for the one under the cursor.

    The cursor belongs to a name, not to a line, and the columns follow the width: neither can be had of a `DataTable`
    without rebuilding it at every look at the daemon. New rows leave cursor and scroll position where they are.

    Args:
        now: The moment that expiries are told from, aware.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "model-table--header",
        "model-table--sorted",
        "model-table--cursor",
        "model-table--mark",
        "model-table--hover",
        "model-table--local",
        "model-table--cloud",
        "model-table--dim",
        "model-table--job",
        "model-table--fits",
        "model-table--almost",
        "model-table--not",
    }

    DEFAULT_CSS = """
    ModelTable {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
        & > .model-table--header { color: $foreground-muted; }
        & > .model-table--sorted { color: $foreground-muted; text-style: underline; }
        & > .model-table--cursor { background: $panel; text-style: bold; }
        & > .model-table--mark { color: $text-accent; text-style: bold; }
        & > .model-table--hover { background: $surface; }
        & > .model-table--local { color: $cost-local; }
        & > .model-table--cloud { color: $cost-cloud; }
        & > .model-table--dim { color: $foreground-muted; }
        & > .model-table--job { color: $text-accent; }
        & > .model-table--fits { color: $text-success; }
        & > .model-table--almost { color: $text-warning; }
        & > .model-table--not { color: $text-error; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", id="table.up", tooltip="The model above", show=False),
        Binding("down,j", "move(1)", "down", id="table.down", tooltip="The model below", show=False),
        Binding("pageup", "page(-1)", "page up", id="table.pageup", tooltip="A page up", show=False),
        Binding("pagedown", "page(1)", "page down", id="table.pagedown", tooltip="A page down", show=False),
        Binding("home,g", "end(-1)", "first", id="table.first", tooltip="The first model", show=False),
        Binding("end,G", "end(1)", "last", id="table.last", tooltip="The last model", show=False),
    ]

    rows: reactive[tuple[ModelRow, ...]] = reactive((), repaint=False)
    cursor: reactive[str | None] = reactive(None, repaint=False)
    """The name under the cursor."""
    order: reactive[Order] = reactive(Order.LAST_USED)
    context: reactive[int] = reactive(0)
    """Tokens that the rows are sized for; the head says it."""

    @dataclass
    class Highlighted(Message):
        """The cursor is on another row, or its row has changed."""

        table: ModelTable
        row: ModelRow | None

    @dataclass
    class Chosen(Message):
        """A row was clicked twice."""

        table: ModelTable
        row: ModelRow

    @dataclass
    class OrderWanted(Message):
        """The head of a column was clicked."""

        table: ModelTable
        order: Order

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._now = now
        self._hovered: int | None = None

    # -- reading ------------------------------------------------------------------------------

    @property
    def row(self) -> ModelRow | None:
        """The row under the cursor."""
        at = self._cursor_at
        return None if at is None else self.rows[at]

    @property
    def _cursor_at(self) -> int | None:
        return next((i for i, row in enumerate(self.rows) if row.name == self.cursor), None)

    # -- drawing ------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """The head on the first line, then the rows from where it is scrolled to."""
        width = self.scrollable_content_region.width
        if y == 0:
            return self._head(width)
        at = int(self.scroll_offset.y) + y - 1
        if at >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        return self._line(self.rows[at], at, width)

    def _head(self, width: int) -> Strip:
        plain_style = self._part("header")
        sorted_style = self._part("sorted")
        segments = [Segment(" " * SIGN_CELLS, self.rich_style)]
        for column, cells, blanks in columns_at(width):
            segments.append(Segment(" " * blanks, self.rich_style))
            title = contexts.head(self.context, cells) if column.title == VERDICT else column.title
            title = title[:cells]
            blank = " " * (cells - len(title))
            style = sorted_style if column.order is self.order else plain_style
            named = Segment(title, style)
            filler = Segment(blank, self.rich_style)
            segments += [filler, named] if column.right else [named, filler]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _line(self, row: ModelRow, at: int, width: int) -> Strip:
        base = self.rich_style
        if row.name == self.cursor:
            base = self._part("cursor")
        elif at == self._hovered:
            base = self._part("hover")
        marked = row.name == self.cursor and self.has_focus  # not by colour alone
        now = self._now()
        local = row.model.place.is_local
        segments = [
            Segment("▌", self._ink("mark", base)) if marked else Segment(" ", base),
            Segment(f"{row.model.place.sign} ", self._ink("local" if local else "cloud", base)),
        ]
        for column, cells, blanks in columns_at(width):
            segments.append(Segment(" " * blanks, base))
            text = formats.fit(column.text(row, now, cells), cells)
            text = " " * (cells - cell_len(text)) + text if column.right else set_cell_size(text, cells)
            part = "dim" if text.strip() == words.UNKNOWN else column.ink(row)
            style = self._ink(part, base) if part else base
            segments.append(Segment(text, style))
        return Strip(segments).adjust_cell_length(width, base)

    def _part(self, name: str) -> Style:
        return self.get_visual_style(f"model-table--{name}").rich_style

    def _ink(self, name: str, base: Style) -> Style:
        """`base` in the colour of a part."""
        return base + Style(color=self._part(name).color)

    # -- changing -----------------------------------------------------------------------------

    def watch_rows(self, old: tuple[ModelRow, ...], rows: tuple[ModelRow, ...]) -> None:
        """Keep the cursor on its name; where that is gone, on the same line."""
        was_at = next((i for i, row in enumerate(old) if row.name == self.cursor), None)
        was_seen = was_at is not None and self._is_seen(was_at)
        self.virtual_size = Size(0, len(rows) + 1)
        if self._cursor_at is None:
            self.cursor = rows[min(was_at or 0, len(rows) - 1)].name if rows else None
        elif was_at is None or old[was_at] != self.row:
            self.post_message(self.Highlighted(self, self.row))
        if was_seen or was_at is None:
            self._show_cursor()
        self.refresh()

    def watch_cursor(self) -> None:
        """Say which row it is on."""
        self.refresh()
        self.post_message(self.Highlighted(self, self.row))

    def on_focus(self) -> None:
        """The mark at the cursor says that keys come here."""
        self.refresh()

    def on_blur(self) -> None:
        """And that they do not."""
        self.refresh()

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        self._show_cursor()

    def action_move(self, by: int) -> None:
        """Move the cursor by `by` rows."""
        at = self._cursor_at
        self._go(0 if at is None else at + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self.action_move(by * max(1, self.size.height - 2))

    def action_end(self, to: int) -> None:
        """Move the cursor to the first or the last row."""
        self._go(0 if to < 0 else len(self.rows) - 1)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, the second one chooses; on the head it sorts."""
        if event.y == 0:
            order = self._order_at(event.x)
            if order is not None:
                self.post_message(self.OrderWanted(self, order))
            return
        at = int(self.scroll_offset.y) + event.y - 1
        if 0 <= at < len(self.rows):
            self._go(at)
            if event.chain >= 2:
                self.post_message(self.Chosen(self, self.rows[at]))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show which row a click would take."""
        at = int(self.scroll_offset.y) + event.y - 1 if event.y > 0 else None
        if at != self._hovered:
            self._hovered = at
            self.refresh()

    def on_leave(self) -> None:
        """Nothing is under the pointer."""
        self._hovered = None
        self.refresh()

    def _order_at(self, x: int) -> Order | None:
        left = SIGN_CELLS
        for column, cells, blanks in columns_at(self.scrollable_content_region.width):
            if left + blanks <= x < left + blanks + cells:
                return column.order
            left += blanks + cells
        return None

    def _go(self, at: int) -> None:
        if self.rows:
            self.cursor = self.rows[max(0, min(at, len(self.rows) - 1))].name
            self._show_cursor()

    def _is_seen(self, at: int) -> bool:
        top = int(self.scroll_offset.y)
        return top <= at < top + max(1, self.size.height - 1)

    def _show_cursor(self) -> None:
        at = self._cursor_at
        if at is None or self.size.height < 2:
            return
        top, height = int(self.scroll_offset.y), self.size.height - 1
        if at < top:
            self.scroll_to(y=at, animate=False, force=True)
        elif at >= top + height:
            self.scroll_to(y=at - height + 1, animate=False, force=True)
