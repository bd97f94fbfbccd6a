"""Thoughts that come as `<think>` tags inside the text: old versions, old model files, and `think: false` ignored."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class ThinkTags:
    """Takes a leading `<think>...</think>` out of a text that comes in pieces.

    Only at the very beginning: a tag later on is the model's own writing. White space after either tag goes, as it does
    when the daemon takes them out itself (seen on 0.24.0 and 0.32.15).

    Attributes:
        settled: No more tags are expected; what follows is text as it stands.
    """

    def __init__(self) -> None:
        self.settled = False
        self._held = ""
        self._inside = False
        self._begun = False
        self._closed = False

    def feed(self, piece: str) -> tuple[str, str]:
        """Thoughts and text that `piece` makes certain."""
        self._held += piece
        if self._closed:
            return "", self._after()
        if self._inside:
            return self._within()
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self._inside = True
            self._held = start[len(OPEN) :]
            return self._within()
        return ("", "") if OPEN.startswith(start) else ("", self._settle())

    def end(self) -> tuple[str, str]:
        """What was held back when nothing follows."""
        held, self._held, self.settled = self._held, "", True
        if self._closed:
            return "", ""
        return (held, "") if self._inside else ("", held)

    def _within(self) -> tuple[str, str]:
        if not self._begun:
            self._held = self._held.lstrip()
        thoughts, closed, rest = self._held.partition(CLOSE)
        if closed:
            self._closed = True
            self._held = rest
            return thoughts, self._after()
        keep = next((n for n in range(len(CLOSE) - 1, 0, -1) if thoughts.endswith(CLOSE[:n])), 0)
        certain = thoughts[: len(thoughts) - keep]
        self._held = thoughts[len(certain) :]
        self._begun = self._begun or bool(certain)
        return certain, ""

    def _after(self) -> str:
        self._held = self._held.lstrip()
        return self._settle() if self._held else ""

    def _settle(self) -> str:
        held, self._held, self.settled = self._held, "", True
        return held
