"""A place in one line of Markdown source, where a tab is as wide as its column makes it."""

from __future__ import annotations

from llmhub.ui.transcript.cleaning import TAB


class Cursor:
    """Walks a line by characters and by columns, as block structure needs it (CommonMark 0.31, section 2.2)."""

    __slots__ = ("blank", "column", "indent", "inside_tab", "next", "next_column", "offset", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.column = 0
        self.inside_tab = False
        """Whether part of the tab at `offset` has been used up."""
        self.look()

    def look(self) -> None:
        """Find the next character that is no space, the indent up to it, and whether none is left."""
        text, at, column = self.text, self.offset, self.column
        length = len(text)
        while at < length:
            if text[at] == " ":
                column += 1
            elif text[at] == "\t":
                column += TAB - column % TAB
            else:
                break
            at += 1
        self.next, self.next_column = at, column
        self.indent = column - self.column
        self.blank = at >= length

    def advance(self, columns: int) -> None:
        """Move on by `columns`, which may end inside a tab."""
        text, length = self.text, len(self.text)
        while columns > 0 and self.offset < length:
            if text[self.offset] == "\t":
                to_stop = TAB - self.column % TAB
                self.inside_tab = to_stop > columns
                step = min(columns, to_stop)
                self.column += step
                columns -= step
                if not self.inside_tab:
                    self.offset += 1
            else:
                self.inside_tab = False
                self.offset += 1
                self.column += 1
                columns -= 1
        self.look()

    def skip(self, characters: int) -> None:
        """Move on by `characters`, none of which is a tab."""
        self.offset += characters
        self.column += characters
        self.inside_tab = False
        self.look()

    def skip_spaces(self) -> None:
        """Move to the next character that is no space."""
        self.offset, self.column, self.inside_tab = self.next, self.next_column, False
        self.look()

    @property
    def rest(self) -> str:
        """What is left of the line, spaces before it included; of a tab partly used, the rest as spaces."""
        if self.inside_tab:
            return " " * (TAB - self.column % TAB) + self.text[self.offset + 1 :]
        return self.text[self.offset :]

    @property
    def word(self) -> str:
        """What is left of the line from its next character that is no space."""
        return self.text[self.next :]

    @property
    def char(self) -> str:
        """The next character that is no space, or nothing."""
        return self.text[self.next] if not self.blank else ""
