"""Documents without a screen: rows of a text, however it was fed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.style import Style
from textual.strip import Strip

from llmhub.ui.transcript import Header, highlight
from llmhub.ui.transcript.document import Document, Spot
from llmhub.ui.transcript.palette import ROLES, Palette
from llmhub.ui.transcript.render import Renderer
from llmhub.ui.transcript.turns import Turn

for language in ("python", "py", "java", "go"):
    highlight.load(language)

COLOURED = Palette({role: Style(color=f"color({number})") for number, role in enumerate(ROLES, 1)})
"""Every role in a colour of its own, so that strips differ where roles do."""


class Paper:
    """A document of one reply at one width."""

    def __init__(self, width: int = 60, *, see_every_frame: bool = True) -> None:
        self.document = Document(Renderer(width, COLOURED), clock=lambda: 0.0)
        self.turn = Turn("reply", "assistant", Header(title="model"), lambda: 0.0)
        self.turn.streaming = True
        self.document.append(self.turn)
        self._see = see_every_frame

    def feed(self, chunks: Iterable[str]) -> Paper:
        """Each chunk is a frame, and what is on the screen is drawn after it."""
        for chunk in chunks:
            self.turn.feed(chunk)
            self.document.follow(self.turn)
            if self._see:
                self.document.draw(max(0, self.document.height - 20), self.document.height)
        return self

    def finish(self) -> Paper:
        """The reply has ended."""
        self.turn.streaming = False
        self.document.follow(self.turn)
        return self

    @property
    def strips(self) -> list[Strip]:
        """Every row."""
        out: list[Strip] = []
        for spot in self.document.spots(Spot(0, 0, 0)):
            out += [row.strip for row in self.document.rows_of(spot)]
        return out

    @property
    def text(self) -> str:
        """Every row's text, without the header."""
        return "\n".join(strip.text[1:].rstrip() for strip in self.strips[1:]) + "\n"


def page(text: str, width: int = 60) -> str:
    """What a reply of `text` reads as."""
    return Paper(width).feed([text]).finish().text
