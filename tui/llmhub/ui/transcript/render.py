"""Blocks into rows. The only place that knows how each kind of block looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.style import Style
from textual.content import Content

from llmhub.ui.transcript.cleaning import shown
from llmhub.ui.transcript.code import code_rows, settle
from llmhub.ui.transcript.inline import styled
from llmhub.ui.transcript.leaves import Kind, Leaf
from llmhub.ui.transcript.lines import HeaderLine, MetricsLine, NoticeLine, Text, ThoughtLine
from llmhub.ui.transcript.palette import BOLD, UNDERLINE, Palette
from llmhub.ui.transcript.rows import Row, Sheet, Work, right_aligned
from llmhub.ui.transcript.tables import table_rows
from llmhub.ui.transcript.wrap import Cut, Span, wrap

Block = Leaf | HeaderLine | ThoughtLine | MetricsLine | NoticeLine
ContentSpans = Callable[[Content, str], list[Span]]
"""Styled text of a caller's `Content`, on the ground of a role."""

TOGGLE = "transcript-toggle"
"""Key, in a style's meta data, that marks what a click opens or closes."""
_TASKS = {"[ ] ": "☐", "[x] ": "☑", "[X] ": "☑"}
_HEADINGS = {1: ("heading", BOLD | UNDERLINE), 2: ("heading", BOLD)}


def _plain_content(content: Content, role: str) -> list[Span]:
    del role
    return [(content.plain, Style.null())]


class Renderer:
    """Rows of blocks at one width in one palette. `stamp` changes when either does."""

    def __init__(
        self, width: int, palette: Palette, *, reserved: int = 0, content_spans: ContentSpans = _plain_content
    ) -> None:
        self.sheet = Sheet(width, palette, reserved)
        self.stamp = object()
        self._content_spans = content_spans

    @property
    def work(self) -> Work:
        """What has been done so far."""
        return self.sheet.work

    def rows(self, block: Block, above: Leaf | None, env: dict[str, Any], role: str = "text") -> list[Row]:
        """Every row of `block`, the empty one above it included.

        Args:
            above: The leaf before it in the same text.
            env: Link definitions of the text.
            role: What the text is drawn in where nothing else says so.
        """
        self.sheet.work.blocks += 1
        match block:
            case Leaf():
                return [*self.sheet.gap(above, block), *self._leaf(block, env, role)]
            case HeaderLine():
                return self._header(block)
            case ThoughtLine():
                return self._thought(block)
            case MetricsLine():
                return self._metrics(block)
            case NoticeLine():
                return self._notice(block)

    def settle(self, block: Block) -> None:
        """A block that was drawn is final: let go of what only a growing one needs."""
        if isinstance(block, Leaf):
            settle(block)
            block.memo.pop("table", None)

    # -- leaves -------------------------------------------------------------------------------

    def _leaf(self, leaf: Leaf, env: dict[str, Any], role: str) -> list[Row]:
        sheet = self.sheet
        match leaf.kind:
            case Kind.CODE:
                return code_rows(leaf, sheet, self.stamp)
            case Kind.TABLE:
                return table_rows(leaf, sheet, env, self.stamp)
            case Kind.PARAGRAPH:
                return self._paragraph(leaf, env, role)
            case Kind.HEADING:
                in_role, attributes = _HEADINGS.get(leaf.level, ("subheading", BOLD))
                spans = styled(leaf.text, env, sheet.palette, in_role, attributes)
                return sheet.boxed(leaf, wrap(spans, sheet.room_in(leaf)))
            case Kind.RULE:
                width = sheet.room_in(leaf)
                return sheet.boxed(leaf, [Cut([("─" * width, sheet.palette["rule"])], width, "\n")])
            case Kind.HTML:
                return self._lines(leaf, "html")
            case Kind.PLAIN:
                return self._lines(leaf, role)
            case Kind.EMPTY:
                return sheet.boxed(leaf, [Cut([], 0, "\n")])

    def _paragraph(self, leaf: Leaf, env: dict[str, Any], role: str) -> list[Row]:
        sheet = self.sheet
        text, task = leaf.text, ""
        if leaf.new and leaf.path[-1].kind != "quote" and (task := _TASKS.get(text[:4], "")):
            text = text[4:]
        if role == "text" and any(box.kind == "quote" for box in leaf.path):
            role = "quote"
        spans = styled(text, env, sheet.palette, role)
        return sheet.boxed(leaf, wrap(spans, sheet.room_in(leaf)), task)

    def _lines(self, leaf: Leaf, role: str) -> list[Row]:
        sheet = self.sheet
        style = sheet.palette[role]
        cuts: list[Cut] = []
        for index, line in enumerate(leaf.lines):
            if index in leaf.glued and cuts:
                cuts[-1] = cuts[-1]._replace(join="")
            cuts += wrap([(shown(line), style)], sheet.room_in(leaf))
        return sheet.boxed(leaf, cuts)

    # -- what stands around a text ------------------------------------------------------------

    def _header(self, line: HeaderLine) -> list[Row]:
        sheet, palette, header = self.sheet, self.sheet.palette, line.header
        spans: list[Span] = []
        if header.sign:
            spans.append((f"{shown(header.sign)} ", palette[header.side or "title"]))
        spans.append((shown(header.title), palette["title" if header.sign else "you"]))
        if header.detail:
            spans += [(" · ", palette["dim"]), (shown(header.detail), palette[header.side or "dim"])]
        if line.marker:
            spans.append((f" · {shown(line.marker)}", palette["dim"]))
        rows = sheet.boxed(_NOWHERE, wrap(spans, sheet.room))
        return [sheet.blank(), *rows] if line.gap else rows

    def _thought(self, line: ThoughtLine) -> list[Row]:
        sheet = self.sheet
        style = sheet.palette["thought"] + Style.from_meta({TOGGLE: True})
        cuts = wrap([(f"{'▾' if line.expanded else '▸'} {line.words}", style)], sheet.room)
        return sheet.boxed(_NOWHERE, cuts)

    def _metrics(self, line: MetricsLine) -> list[Row]:
        sheet = self.sheet
        lefts = wrap(self._text(line.left, "warning" if line.failed else "metrics"), sheet.room)
        rights = wrap(self._text(line.right, "metrics"), sheet.room)
        fill = sheet.palette["metrics"]
        cuts = [*lefts[:-1], *right_aligned(lefts[-1], rights[0], sheet.room, fill), *rights[1:]]
        return sheet.boxed(_NOWHERE, [cut for cut in cuts if cut.cells])

    def _notice(self, line: NoticeLine) -> list[Row]:
        sheet = self.sheet
        spans = self._text(line.text, line.role)
        rows = sheet.boxed(_NOWHERE, wrap(spans, sheet.room))
        return [sheet.blank(), *rows] if line.gap else rows

    def _text(self, text: Text, role: str) -> list[Span]:
        if isinstance(text, Content):
            return self._content_spans(text, role)
        if isinstance(text, str):
            return [(shown(text), self.sheet.palette[role])] if text else []
        return [(shown(part), self.sheet.palette[own or role]) for part, own in text if part]


_NOWHERE = Leaf(Kind.PLAIN)
"""Of what stands in no box."""
