"""What a transcript says happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from llmhub.ui.transcript.view import Transcript


@dataclass
class _FromTranscript(Message):
    transcript: Transcript

    @property
    def control(self) -> Transcript:
        """Who says it."""
        return self.transcript


@dataclass
class TurnFocused(_FromTranscript):
    """Another turn has the mark."""

    key: str


@dataclass
class Copied(_FromTranscript):
    """The person wants `text` on the clipboard; nothing was put there yet."""

    text: str
    what: str
    """In words: "reply", "code block 2"."""


@dataclass
class NothingToCopy(_FromTranscript):
    """The person asked for something that is not there."""

    what: str


@dataclass
class EditRequested(_FromTranscript):
    """Edit the question of turn `key` and ask again."""

    key: str


@dataclass
class AgainRequested(_FromTranscript):
    """Ask for another answer to the question of turn `key`."""

    key: str


@dataclass
class ThinkingToggled(_FromTranscript):
    """The thoughts of a turn were folded or unfolded."""

    key: str
    expanded: bool


@dataclass
class LinkClicked(_FromTranscript):
    """A link was clicked. The address is a model's: show it before it is opened."""

    url: str


@dataclass
class FindRequested(_FromTranscript):
    """The person wants to type what to find."""


@dataclass
class FindMoved(_FromTranscript):
    """Another match is the current one."""

    query: str
    number: int | None
    """From 1; `None` when there is none or nobody counted."""
    count: int | None
    """`None` when counting would take too long."""


@dataclass
class BackToPrompt(_FromTranscript):
    """The person wants to write."""
