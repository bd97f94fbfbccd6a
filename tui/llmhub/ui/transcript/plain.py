"""Text that is not Markdown, in leaves of a bounded size: what the person wrote, what a model thought."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from llmhub.ui.transcript.blocks import LINE_LIMIT
from llmhub.ui.transcript.cleaning import LineEndings
from llmhub.ui.transcript.leaves import CHUNK_LINES, Kind, Leaf


class Source(Protocol):
    """A growing text that knows its leaves."""

    closed: list[Leaf]

    def feed(self, chunk: str) -> None:
        """Take the next piece."""
        ...

    def finish(self) -> None:
        """There is no more."""
        ...

    def tail(self) -> list[Leaf]:
        """The leaves after `closed` as the text stands now."""
        ...


class Plain:
    """Lines as they come; blank lines at the beginning and the end are not kept."""

    def __init__(self) -> None:
        self.closed: list[Leaf] = []
        self._endings = LineEndings()
        self._partial = ""
        self._leaf: Leaf | None = None
        self._blanks = 0
        self._glued = False

    def feed(self, chunk: str) -> None:
        """Take the next piece."""
        text = self._partial + self._endings.feed(chunk)
        start = 0
        while (end := text.find("\n", start)) >= 0:
            self._add(self._shorten(text[start:end]))
            self._glued = False
            start = end + 1
        self._partial = self._shorten(text[start:])

    def finish(self) -> None:
        """There is no more."""
        if self._partial:
            self._add(self._partial)
            self._partial = ""
        if self._leaf is not None:
            self.closed.append(self._leaf)
            self._leaf = None

    def tail(self) -> list[Leaf]:
        """The leaves after `closed` as the text stands now."""
        if not self._partial.strip():
            return [replace(self._leaf, lines=self._leaf.lines.copy())] if self._leaf else []
        look = Plain()
        look._leaf = (
            replace(self._leaf, lines=self._leaf.lines.copy(), glued=self._leaf.glued.copy()) if self._leaf else None
        )
        look._blanks, look._glued = self._blanks, self._glued
        look._add(self._partial)
        return [*look.closed, *([look._leaf] if look._leaf else [])]

    def _shorten(self, line: str) -> str:
        while len(line) > LINE_LIMIT:
            cut = line.rfind(" ", LINE_LIMIT // 2, LINE_LIMIT) + 1 or LINE_LIMIT
            self._add(line[:cut])
            self._glued = True
            line = line[cut:]
        return line

    def _add(self, line: str) -> None:
        if not line.strip() and not self._glued:
            self._blanks += self._leaf is not None or bool(self.closed)
            return
        for blank in [""] * self._blanks:
            self._put(blank)
        self._blanks = 0
        self._put(line)

    def _put(self, line: str) -> None:
        if self._leaf is None or len(self._leaf.lines) >= CHUNK_LINES:
            before = self._leaf
            if before is not None:
                self.closed.append(before)
            self._leaf = Leaf(Kind.PLAIN, before=before, ordinal=before.ordinal + 1 if before else 0)
        if self._glued:
            self._leaf.glued.add(len(self._leaf.lines))
        self._leaf.lines.append(line)
