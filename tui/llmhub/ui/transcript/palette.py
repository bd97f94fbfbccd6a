"""The styles a transcript is drawn with, worked out once per theme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.style import Style

BOLD, ITALIC, STRIKE, UNDERLINE = 1, 2, 4, 8

ROLES = (
    "text",
    "dim",
    "you",
    "title",
    "local",
    "cloud",
    "heading",
    "subheading",
    "inline-code",
    "link",
    "quote",
    "marker",
    "rule",
    "html",
    "thought",
    "metrics",
    "error",
    "warning",
    "code",
    "code-label",
    "code-keyword",
    "code-name",
    "code-string",
    "code-number",
    "code-comment",
    "focus",
    "match",
    "match-current",
    "badge",
)
"""Each is a component class `transcript--<role>`."""


class Palette:
    """A style for each role, ground included, and their mixtures with bold, italic, strike and underline."""

    def __init__(self, styles: Mapping[str, Style]) -> None:
        self._styles = dict(styles)
        self._mixed: dict[tuple[str, int], Style] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Palette) and other._styles == self._styles

    def __hash__(self) -> int:
        return hash(tuple(self._styles.values()))

    def __getitem__(self, role: str) -> Style:
        return self._styles[role]

    def mixed(self, role: str, attributes: int) -> Style:
        """The style of `role` with `attributes` added."""
        if not attributes:
            return self._styles[role]
        key = (role, attributes)
        if (style := self._mixed.get(key)) is None:
            extra: dict[str, Any] = {}
            for bit, name in ((BOLD, "bold"), (ITALIC, "italic"), (STRIKE, "strike"), (UNDERLINE, "underline")):
                if attributes & bit:
                    extra[name] = True
            style = self._mixed[key] = self._styles[role] + Style(**extra)
        return style

    @classmethod
    def plain(cls) -> Palette:
        """No colours: for rows that are only measured or read."""
        return cls(dict.fromkeys(ROLES, Style.null()))
