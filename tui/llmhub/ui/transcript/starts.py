"""How the lines that begin Markdown blocks look (CommonMark 0.31, section 4; GitHub's tables)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

SETEXT = re.compile(r"(?:(=+)|-+)[ \t]*$")
RULE = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_HEADING_END = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
_FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
_LANGUAGE = re.compile(r"[\w+#.-]+")
_MARKER = re.compile(r"(?:([-+*])|(\d{1,9})([.)]))(?=[ \t]|$)")
_DELIMITERS = re.compile(r"[-:|][-:|][-:| \t]*$|[:|][ \t][-:| \t]*$")
_ALIGN = re.compile(r"(:?)-+(:?)$")
UNDECIDED = re.compile(r"[ \t>]*(?:[-=*_+#`~<: \t]{0,8}|\|[-:| \t]*|\d{1,9}[.)]?[ \t]*)$")
"""What a line may begin with before it says what it is. It is not drawn before, lest text flash as a heading."""


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence."""

    char: str
    length: int
    indent: int
    language: str

    def closed_by(self, word: str) -> bool:
        """Whether a line that reads `word` after its indent ends it."""
        bare = word.rstrip(" \t")
        return len(bare) >= self.length and bare == self.char * len(bare)


@dataclass(frozen=True, slots=True)
class Marker:
    """A list marker."""

    width: int
    delimiter: str
    """The bullet, or what stands behind the number; another one begins another list."""
    number: int | None


def heading(word: str) -> tuple[int, str] | None:
    """Level and text of a `#` heading."""
    if not (found := _HEADING.match(word)):
        return None
    return len(found[1]), _HEADING_END.sub("", word[found.end() :]).strip()


def fence(word: str, indent: int) -> Fence | None:
    """A fence that `word` opens."""
    if not (found := _FENCE.match(word)):
        return None
    marker, info = (found[1], found[2]) if found[1] else (found[3], found[4])
    language = _LANGUAGE.search(info)
    return Fence(marker[0], len(marker), indent, language[0].lower() if language else "")


def marker(word: str) -> Marker | None:
    """A list marker that `word` begins with."""
    if not (found := _MARKER.match(word)):
        return None
    if found[1]:
        return Marker(1, found[1], None)
    return Marker(found.end(), found[3], int(found[2]))


def html_end(word: str, *, in_paragraph: bool) -> Callable[[str], object] | None:
    """The test for the last line of the HTML block that `word` begins; if it accepts "", a blank line ends it."""
    if not word.startswith("<"):
        return None
    for begins, ends, interrupts in _html_sequences():
        if begins.search(word):
            return ends.search if interrupts or not in_paragraph else None
    return None


@cache
def _html_sequences() -> list[tuple[re.Pattern[str], re.Pattern[str], bool]]:
    from markdown_it.rules_block.html_block import HTML_SEQUENCES

    return HTML_SEQUENCES


def aligns(word: str) -> tuple[str, ...] | None:
    """The alignment of each column, when `word` is the line under a table's header."""
    if not _DELIMITERS.match(word):
        return None
    cells = word.split("|")
    found: list[str] = []
    for index, cell in enumerate(cells):
        if not (cell := cell.strip()):
            if index in {0, len(cells) - 1}:
                continue
            return None
        if not (sides := _ALIGN.match(cell)):
            return None
        found.append(
            {(True, True): "center", (True, False): "left", (False, True): "right"}.get(
                (bool(sides[1]), bool(sides[2])), ""
            )
        )
    return tuple(found)


def cells(row: str) -> list[str]:
    """The cells of a table's row; an escaped bar is no border."""
    out: list[str] = []
    current = ""
    start = 0
    row = row.strip()
    for at, char in enumerate(row):
        if char != "|":
            continue
        if at and row[at - 1] == "\\":
            current += row[start : at - 1]
            start = at
        else:
            out.append(current + row[start:at])
            current, start = "", at + 1
    out.append(current + row[start:])
    if out and not out[0]:
        out.pop(0)
    if out and not out[-1]:
        out.pop()
    return [cell.strip() for cell in out]
