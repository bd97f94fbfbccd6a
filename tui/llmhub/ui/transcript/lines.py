"""What stands around the text of a turn: values that the screen gives and the renderer draws."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from llmhub.core.places import Place

Text = str | Content | tuple[tuple[str, str], ...]
"""Words for a line: plain, a `Content`, or parts with a role of the palette each (`("~$0.00003", "local")`).

Parts follow a change of theme by themselves; a `Content` does where its styles are names of variables.
"""


@dataclass(frozen=True, slots=True)
class Header:
    """Who speaks: `● qwen3:8b · this machine`."""

    sign: str = ""
    side: str = ""
    """local, cloud, or nothing: while a comparison is blind, or for the person."""
    title: str = ""
    detail: str = ""
    """The place in words."""

    @classmethod
    def of(cls, title: str, place: Place) -> Header:
        """The header of a reply that `title` gave at `place`."""
        return cls(place.sign, "local" if place.is_local else "cloud", title, place.words)


YOU = Header(title="you")


@dataclass(frozen=True, slots=True)
class HeaderLine:
    """The first row of a turn."""

    header: Header
    marker: str = ""
    """Which of its siblings a message is: `2/3`."""
    gap: bool = False
    """Whether an empty row stands above it."""


@dataclass(frozen=True, slots=True)
class ThoughtLine:
    """What a model's thinking is folded into."""

    words: str
    expanded: bool = False


@dataclass(frozen=True, slots=True)
class MetricsLine:
    """The row under a reply: what it took and how it ended, and at the right what it cost."""

    left: Text = ""
    right: Text = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A line of ours between the turns."""

    text: Text
    role: str = "dim"
    gap: bool = False
