"""What is open while Markdown is read: boxes in one another, and the leaf that grows in the innermost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from llmhub.ui.transcript.leaves import CHUNK_LINES, TABLE_ROWS, Box, Kind, Leaf
from llmhub.ui.transcript.starts import Fence

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

PARAGRAPH_LIMIT = 4_000
"""Characters of a paragraph that are one leaf."""


@dataclass(slots=True)
class Holder:
    """An open quote, list or list item."""

    kind: str
    box: Box | None = None
    needed: int = 0
    """Of an item: columns that its next lines are indented by."""
    delimiter: str = ""
    number: int = 0
    depth: int = 0
    filled: bool = False
    drawn: bool = False


class OpenBlocks:
    """Boxes and a leaf that open, grow and close; a leaf that closed is final."""

    def __init__(self) -> None:
        self.closed: list[Leaf] = []
        """Final, in order."""
        self.env: dict[str, Any] = {}
        """What markdown-it's inline parser needs: the link definitions found so far."""
        self._inside_line = False
        self._stack: list[Holder] = []
        self._leaf: Leaf | None = None
        self._fence: Fence | None = None
        self._html_ends: Callable[[str], object] | None = None
        self._held_blanks: list[str] = []
        self._size = 0
        self._header_possible = False
        self._blank = False
        self._codes = 0

    # -- the open leaf ------------------------------------------------------------------------

    def _go_on(self, text: str) -> None:
        """The rest of a line that was too long to read at once."""
        if not text:
            return
        leaf = self._leaf
        if leaf is not None and leaf.kind in {Kind.CODE, Kind.HTML}:
            self._grow_lines(text, glued=True)
            return
        if leaf is not None:
            self._close_leaf()
        self._add(Kind.PARAGRAPH, lines=[text], before=leaf)
        self._size = len(text)
        self._header_possible = False

    def _grow_paragraph(self, word: str) -> None:
        leaf = self._leaf
        assert leaf is not None
        if self._size + len(word) > PARAGRAPH_LIMIT:
            self._close_leaf()
            self._add(Kind.PARAGRAPH, lines=[word], before=leaf)
            self._size = len(word)
            return
        leaf.lines.append(word)
        self._size += len(word) + 1

    def _grow_lines(self, line: str, *, glued: bool = False) -> None:
        leaf = self._leaf
        assert leaf is not None
        if len(leaf.lines) >= CHUNK_LINES:
            fence, ends = self._fence, self._html_ends
            self._close_leaf()
            leaf = self._add(leaf.kind, before=leaf, language=leaf.language, number=leaf.number)
            self._fence, self._html_ends = fence, ends
        if glued:
            leaf.glued.add(len(leaf.lines))
        leaf.lines.append(line)

    def _grow_table(self, row: str) -> None:
        leaf = self._leaf
        assert leaf is not None
        if len(leaf.lines) > TABLE_ROWS:
            first = leaf.before or leaf
            self._close_leaf()
            leaf = self._add(Kind.TABLE, before=first, lines=first.lines[:1], aligns=first.aligns)
        leaf.lines.append(row)

    def _add(self, kind: Kind, **facts: Any) -> Leaf:
        """Open a leaf in the boxes that are open; it takes the place of an empty one in the same box."""
        if not self._is_empty:
            self._close_leaf()
        if self._leaf is not None:
            for box in self._leaf.path[len(self._leaf.path) - self._leaf.new :]:
                next(holder for holder in self._stack if holder.box is box).drawn = False
            self._leaf = None
        if self._stack and self._stack[-1].kind == "list":
            self._stack.pop()
        holders = [holder for holder in self._stack if holder.box is not None]
        new = sum(1 for holder in holders if not holder.drawn)
        for holder in holders:
            holder.drawn = True
        if holders and kind is not Kind.EMPTY:
            holders[-1].filled = True
        path = tuple(holder.box for holder in holders if holder.box is not None)
        leaf = Leaf(kind, path, new, blank_before=self._blank, **facts)
        leaf.ordinal = leaf.before.ordinal + 1 if leaf.before is not None else 0
        self._blank = False
        if kind is Kind.CODE and leaf.before is None:
            self._codes += 1
            leaf.number = self._codes
        self._leaf = leaf
        return leaf

    def _close_leaf(self) -> None:
        leaf, self._leaf = self._leaf, None
        self._fence, self._html_ends = None, None
        if self._held_blanks:
            self._held_blanks = []
            self._blank = True
        if leaf is None:
            return
        if leaf.kind is Kind.PARAGRAPH:
            text = "\n".join(leaf.lines).strip()
            leaf.text = self._define(text) if leaf.before is None else text
            leaf.lines = []
            if not leaf.text:  # it was all definitions: what it stood in has nothing in it yet after all
                self._leaf = replace(leaf, kind=Kind.EMPTY) if leaf.new else None
                return
        self.closed.append(leaf)

    @property
    def _is_empty(self) -> bool:
        return self._leaf is not None and self._leaf.kind is Kind.EMPTY

    def _push(self, holder: Holder) -> None:
        if self._stack:
            self._stack[-1].filled = True
        if not self._is_empty:
            self._close_leaf()
        if holder.kind == "quote" and self._stack and self._stack[-1].kind == "list":
            self._stack.pop()
        self._stack.append(holder)

    def _close_down_to(self, count: int) -> None:
        if not self._is_empty:
            self._close_leaf()
        del self._stack[count:]
        if self._leaf is not None and all(holder.box is not self._leaf.path[-1] for holder in self._stack):
            self._close_leaf()

    # -- link definitions ---------------------------------------------------------------------

    def _define(self, text: str) -> str:
        """Take the link definitions off the head of a paragraph; gives what is left."""
        if not text.startswith("[") or "]:" not in text:
            return text
        from markdown_it.token import Token

        tokens: list[Token] = []
        parser = _definition_parser()
        parser.block.parse(text, parser, self.env, tokens)
        return "\n".join(token.content for token in tokens if token.type == "inline")


@cache
def _definition_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    parser.block.ruler.enableOnly(["reference", "paragraph"])
    return parser
