"""Markdown cut into leaf blocks while it arrives: each line is read once, a closed leaf is final.

The algorithm is the one of CommonMark's appendix ("A parsing strategy"), which goes line by line. That the leaves are
those of markdown-it over the whole text is what the tests compare. Two things differ, so that nothing later changes
what is final: a list is spaced as its source is, and a paragraph of more than `PARAGRAPH_LIMIT` characters is cut.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from llmhub.ui.transcript import starts
from llmhub.ui.transcript.cleaning import LineEndings
from llmhub.ui.transcript.cursor import Cursor
from llmhub.ui.transcript.leaves import Box, Kind, Leaf
from llmhub.ui.transcript.mending import mended
from llmhub.ui.transcript.opened import PARAGRAPH_LIMIT, Holder, OpenBlocks

__all__ = ["LINE_LIMIT", "PARAGRAPH_LIMIT", "Blocks"]

LINE_LIMIT = 2_000
"""Characters of one line that are read at once; the rest of a longer line is text."""
MAX_DEPTH = 24
"""Quotes, lists and items in one another; a deeper marker is text."""


class Blocks(OpenBlocks):
    """The leaves of a growing text."""

    def __init__(self) -> None:
        super().__init__()
        self._endings = LineEndings()
        self._partial = ""

    # -- text in ------------------------------------------------------------------------------

    def feed(self, chunk: str) -> None:
        """Take the next piece of the text, however it is cut."""
        text = self._partial + self._endings.feed(chunk)
        start = 0
        while (end := text.find("\n", start)) >= 0:
            self._finish_line(self._shorten(text[start:end]))
            start = end + 1
        self._partial = self._shorten(text[start:])

    def finish(self) -> None:
        """The text has ended: close everything."""
        self.feed(self._endings.finish())
        if self._partial:
            self._finish_line(self._partial)
            self._partial = ""
        self._close_down_to(0)

    def tail(self) -> list[Leaf]:
        """The leaves after `closed`, as they would be if the text ended here but for what is undecided yet."""
        if self._partial.strip() and not (self._undecided and not self._inside_line):
            look = self._copy()
            look._finish_line(self._partial)
            return [*look.closed, *look._open()]
        return self._open()

    @property
    def _undecided(self) -> bool:
        if self._leaf is not None and self._leaf.kind in {Kind.CODE, Kind.HTML}:
            return False
        return starts.UNDECIDED.match(self._partial) is not None

    def _open(self) -> list[Leaf]:
        leaf = self._leaf
        if leaf is None:
            return []
        if leaf.kind is Kind.PARAGRAPH:
            return [replace(leaf, text=mended("\n".join(leaf.lines).strip()), lines=[], memo={})]
        return [replace(leaf, lines=leaf.lines.copy())]

    def _copy(self) -> Blocks:
        other = copy(self)
        other.closed = []
        other._stack = [replace(holder) for holder in self._stack]
        if self._leaf is not None:
            other._leaf = replace(self._leaf, lines=self._leaf.lines.copy(), glued=self._leaf.glued.copy())
        other._held_blanks = self._held_blanks.copy()
        other.env = {"references": dict(self.env.get("references", {}))}
        return other

    def _shorten(self, line: str) -> str:
        while len(line) > LINE_LIMIT:
            cut = line.rfind(" ", LINE_LIMIT // 2, LINE_LIMIT) + 1 or LINE_LIMIT
            self._line(line[:cut])
            self._inside_line = True
            line = line[cut:]
        return line

    def _finish_line(self, line: str) -> None:
        self._line(line)
        self._inside_line = False

    def _line(self, line: str) -> None:
        if self._inside_line:
            self._go_on(line)
        else:
            self._take(line)

    # -- one line -----------------------------------------------------------------------------

    def _take(self, line: str) -> None:
        cursor = Cursor(line)
        matched = self._match(cursor)
        if matched == len(self._stack) and self._leaf is not None and self._feeds_leaf(cursor):
            return
        if cursor.blank:
            self._close_down_to(matched)
            self._blank = True
            return
        matched, done = self._open_blocks(cursor, matched)
        if done:
            return
        leaf = self._leaf
        if not cursor.char:
            self._add(Kind.EMPTY)
        elif leaf is not None and leaf.kind is Kind.PARAGRAPH:
            self._header_possible = matched == len(self._stack) and cursor.indent < 4
            self._grow_paragraph(cursor.word)
        elif leaf is not None and leaf.kind is Kind.TABLE and matched == len(self._stack):
            self._grow_table(cursor.word)
        else:
            self._close_down_to(matched)
            self._add(Kind.PARAGRAPH, lines=[cursor.word])
            self._size = len(cursor.word)
            self._header_possible = True

    def _match(self, cursor: Cursor) -> int:
        """How many of the open boxes the line goes on with; the cursor is moved past their marks."""
        for index, holder in enumerate(self._stack):
            if holder.kind == "quote":
                if cursor.indent > 3 or cursor.char != ">":
                    return index
                self._skip_quote(cursor)
            elif holder.kind == "item":
                if cursor.blank:
                    if not holder.filled:
                        return index
                    cursor.skip_spaces()
                elif cursor.indent >= holder.needed:
                    cursor.advance(holder.needed)
                else:
                    return index
        return len(self._stack)

    @staticmethod
    def _skip_quote(cursor: Cursor) -> None:
        cursor.skip_spaces()
        cursor.skip(1)
        if cursor.text[cursor.offset : cursor.offset + 1] in {" ", "\t"}:
            cursor.advance(1)

    def _feeds_leaf(self, cursor: Cursor) -> bool:
        """Whether the open leaf takes the whole line: code and HTML do."""
        assert self._leaf is not None
        if self._fence is not None:
            if cursor.indent <= 3 and self._fence.closed_by(cursor.word):
                self._close_leaf()
            else:
                cursor.advance(min(self._fence.indent, cursor.indent))
                self._grow_lines(cursor.rest)
            return True
        if self._leaf.kind is Kind.CODE:
            if cursor.blank:
                cursor.advance(min(4, cursor.indent))
                self._held_blanks.append(cursor.rest)
                return True
            if cursor.indent < 4:
                self._close_leaf()
                return False
            for blank in self._held_blanks:
                self._grow_lines(blank)
            self._held_blanks = []
            cursor.advance(4)
            self._grow_lines(cursor.rest)
            return True
        if self._leaf.kind is Kind.HTML:
            assert self._html_ends is not None
            if cursor.blank and self._html_ends(""):
                self._close_leaf()
                return False
            self._grow_lines(cursor.rest)
            if self._html_ends(cursor.word):
                self._close_leaf()
            return True
        return False

    def _open_blocks(self, cursor: Cursor, matched: int) -> tuple[int, bool]:
        """Open the boxes that the line begins, then a leaf if its line says which.

        Returns:
            How many boxes are open now, and whether nothing of the line is left to read.
        """
        while not cursor.blank:
            in_paragraph = self._leaf is not None and self._leaf.kind is Kind.PARAGRAPH
            directly = in_paragraph and matched == len(self._stack)
            if cursor.indent >= 4:
                if in_paragraph:
                    return matched, False
                self._close_down_to(matched)
                cursor.advance(4)
                self._add(Kind.CODE, lines=[cursor.rest])
                return matched, True
            word = cursor.word
            if directly and self._begin_table(word):
                return matched, True
            if word[0] == ">" and len(self._stack) < MAX_DEPTH:
                self._close_down_to(matched)
                self._push(Holder("quote", Box("quote")))
                self._skip_quote(cursor)
                matched = len(self._stack)
                continue
            if self._begin_leaf(cursor, matched, in_paragraph=in_paragraph, directly=directly):
                return matched, True
            if not self._begin_item(cursor, matched, directly=directly):
                return matched, False
            matched = len(self._stack)
        return matched, False

    def _begin_leaf(self, cursor: Cursor, matched: int, *, in_paragraph: bool, directly: bool) -> bool:
        word = cursor.word
        if fence := starts.fence(word, cursor.indent):
            self._close_down_to(matched)
            self._add(Kind.CODE, language=fence.language)
            self._fence = fence
            return True
        if directly and (underline := starts.SETEXT.match(word)) and self._end_as_heading(1 if underline[1] else 2):
            return True
        if starts.RULE.match(word):
            self._close_down_to(matched)
            self._add(Kind.RULE)
            self._close_leaf()
            return True
        if heading := starts.heading(word):
            self._close_down_to(matched)
            self._add(Kind.HEADING, level=heading[0], text=heading[1])
            self._close_leaf()
            return True
        if ends := starts.html_end(word, in_paragraph=in_paragraph):
            self._close_down_to(matched)
            self._add(Kind.HTML, lines=[cursor.rest])
            self._html_ends = ends
            if ends(word):
                self._close_leaf()
            return True
        return False

    def _begin_item(self, cursor: Cursor, matched: int, *, directly: bool) -> bool:
        marker = starts.marker(cursor.word)
        if marker is None or len(self._stack) >= MAX_DEPTH:
            return False
        inner = copy(cursor)
        offset = cursor.indent
        inner.skip_spaces()
        inner.skip(marker.width)
        if directly and (inner.blank or marker.number not in {None, 1}):
            return False
        padding = inner.indent if 1 <= inner.indent <= 4 and not inner.blank else 1
        self._close_down_to(matched)
        same = self._stack and self._stack[-1].kind == "list" and self._stack[-1].delimiter == marker.delimiter
        if not same:
            if self._stack and self._stack[-1].kind == "list":
                self._stack.pop()
            depth = sum(1 for holder in self._stack if holder.kind == "list" and holder.delimiter in "-+*")
            self._push(Holder("list", delimiter=marker.delimiter, number=marker.number or 0, depth=depth))
        group = self._stack[-1]
        kind = "bullet" if marker.number is None else "ordered"
        self._push(Holder("item", Box(kind, group.number, group.depth), needed=offset + marker.width + padding))
        group.number += 1
        inner.advance(padding)
        cursor.offset, cursor.column, cursor.inside_tab = inner.offset, inner.column, inner.inside_tab
        cursor.look()
        return True

    def _begin_table(self, word: str) -> bool:
        leaf = self._leaf
        assert leaf is not None
        header = leaf.lines[-1]
        if not self._header_possible or "|" not in header:
            return False
        aligns = starts.aligns(word)
        if not aligns or len(starts.cells(header)) != len(aligns):
            return False
        if len(leaf.lines) > 1:
            leaf.lines.pop()
            self._close_leaf()
            self._add(Kind.TABLE, lines=[header], aligns=aligns)
        else:
            leaf.kind, leaf.aligns = Kind.TABLE, aligns
        return True

    def _end_as_heading(self, level: int) -> bool:
        leaf = self._leaf
        assert leaf is not None
        text = self._define("\n".join(leaf.lines).strip())
        if not text:
            return False
        leaf.kind, leaf.level, leaf.text, leaf.lines = Kind.HEADING, level, text, []
        self._close_leaf()
        return True
