"""The flat form of a Markdown document: leaf blocks, each with the quotes and list items it stands in.

A list of five thousand items is five thousand leaves, so that a finished item is never looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CHUNK_LINES = 40
"""Lines of code in one leaf; a longer block goes on in the next leaf."""
TABLE_ROWS = 30
"""Rows of a table in one leaf. The first leaf of a table decides the widths of its columns."""


class Kind(StrEnum):
    """What a leaf is."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    CODE = "code"
    HTML = "html"
    TABLE = "table"
    RULE = "rule"
    EMPTY = "empty"
    """A list item or a quote with nothing in it yet."""
    PLAIN = "plain"
    """Text that is not Markdown: what the person wrote, thoughts."""


@dataclass(eq=False, slots=True)
class Box:
    """A quote or a list item around leaves; its identity says which leaves stand in the same one."""

    kind: str
    """quote, bullet or ordered."""
    number: int = 0
    """Of an ordered item, counted from the list's start."""
    depth: int = 0
    """Of a bullet: how many bullets are around it."""


@dataclass(eq=False, slots=True)
class Leaf:
    """One leaf block. What is drawn of it depends on nothing outside it but its reply's link definitions."""

    kind: Kind
    path: tuple[Box, ...] = ()
    new: int = 0
    """How many of the innermost boxes begin with this leaf; their markers are drawn on its first row."""
    blank_before: bool = False
    """Whether a blank line stands before it in the source."""
    text: str = ""
    """Of a paragraph or heading, for the inline parser."""
    level: int = 0
    """Of a heading, 1 to 6."""
    lines: list[str] = field(default_factory=list)
    """Of code, HTML and plain text; of a table its rows as they were written, the header first."""
    language: str = ""
    number: int = 0
    """Of a code block: which of its reply, from 1."""
    aligns: tuple[str, ...] = ()
    """Of a table: left, center, right or nothing, for each column."""
    before: Leaf | None = None
    """The leaf of which this is the continuation; of a table its first leaf."""
    ordinal: int = 0
    """Which continuation it is; 0 is the first leaf of its block."""
    glued: set[int] = field(default_factory=set)
    """Which of `lines` go on where the line before them was cut for its length."""
    memo: dict[str, Any] = field(default_factory=dict)
    """What the renderer keeps between frames; shared by the copies of one leaf."""
