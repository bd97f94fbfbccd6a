"""A turn of the conversation: who speaks, what was thought, what was said, what it took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llmhub import formats
from llmhub.ui.transcript.blocks import Blocks
from llmhub.ui.transcript.leaves import Kind, Leaf
from llmhub.ui.transcript.lines import YOU, Header, HeaderLine, MetricsLine, NoticeLine, Text, ThoughtLine
from llmhub.ui.transcript.plain import Plain
from llmhub.ui.transcript.render import Renderer
from llmhub.ui.transcript.sections import Section, TextSection, Unit, metrics_block

HEAD, THOUGHTS, BODY, FOOT = range(4)
CHARACTERS_PER_TOKEN = 4
"""Only to guess how many tokens a thought had when nobody counted them; shown with its sign."""


@dataclass(frozen=True, slots=True)
class Item:
    """A turn as it is stored, for `Transcript.load`."""

    key: str
    role: str
    """user, assistant or notice."""
    text: str = ""
    thinking: str = ""
    header: Header = Header()
    left: Text = ""
    right: Text = ""
    failed: bool = False
    marker: str = ""
    thought_s: float | None = None
    thought_tokens: int | None = None


class Turn:
    """One message. Text that was given is read when it is needed: at once while it streams, else when it is seen."""

    def __init__(self, key: str, role: str, header: Header, clock: Callable[[], float]) -> None:
        self.key = key
        self.role = role
        self.first = False
        """Whether it is the first of the transcript: no empty row stands above it."""
        self.header = header
        self.marker = ""
        self.metrics = MetricsLine()
        self.notice: NoticeLine | None = None
        self.streaming = False
        self.expanded = False
        self.thought_s: float | None = None
        self.thought_tokens: int | None = None
        self._counted = 0
        self._thought_characters = 0
        self._thought_from: float | None = None
        self._thought_to: float | None = None
        self._clock = clock
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._unread = 0
        """Index of the first piece of `_text` that was not read yet."""
        self._unread_thoughts = 0
        self._characters = 0
        self._line_ends = 0
        self._stamp: object = None
        self._total: tuple[int, int] = (0, 0)
        """The width it was last laid out for, and its rows then."""
        self._body_ended = False
        self.sections: list[Section] = [
            Section(),
            TextSection(Plain(), "thought"),
            TextSection(Plain() if role == "user" else Blocks()),
            Section(),
        ]

    @classmethod
    def of(cls, item: Item, clock: Callable[[], float]) -> Turn:
        """A turn that ended earlier."""
        turn = cls(item.key, item.role, YOU if item.role == "user" else item.header, clock)
        turn.marker = item.marker
        if item.role == "notice":
            turn.notice = NoticeLine(item.text, "error" if item.failed else "dim")
        else:
            turn.feed(item.text)
        if item.thinking:
            turn._thinking.append(item.thinking)
            turn._thought_characters = len(item.thinking)
            turn.thought_s, turn.thought_tokens = item.thought_s, item.thought_tokens
        turn.metrics = MetricsLine(item.left, item.right, item.failed)
        return turn

    def same_as(self, item: Item) -> bool:
        """Whether it is `item`, so that what was drawn of it can stay."""
        return (
            self.role == item.role
            and not self.streaming
            and self.role != "notice"
            and self.text == item.text
            and self.thinking == item.thinking
        )

    # -- text ---------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What was said, as it came."""
        if len(self._text) > 1 and self._unread == len(self._text):
            self._text = ["".join(self._text)]
            self._unread = 1
        return "".join(self._text)

    @property
    def thinking(self) -> str:
        """What was thought, as it came."""
        return "".join(self._thinking)

    def feed(self, text: str) -> None:
        """Append to what is said."""
        if text:
            self._text.append(text)
            self._characters += len(text)
            self._line_ends += text.count("\n")

    def feed_thinking(self, text: str, tokens: int | None) -> None:
        """Append to what is thought."""
        if not text:
            return
        self._thinking.append(text)
        self._thought_characters += len(text)
        self._counted += tokens if tokens is not None else 0
        self._thought_to = self._clock()
        self._thought_from = self._thought_from if self._thought_from is not None else self._thought_to

    def code_block(self, number: int) -> str | None:
        """The source of code block `number`, from 1."""
        self.read(None)
        source = self.sections[BODY]
        if not isinstance(source, TextSection):
            return None
        leaves = [unit.block for unit in source.units if isinstance(unit.block, Leaf)]
        found = [leaf for leaf in leaves if leaf.kind is Kind.CODE and leaf.number == number]
        if not found:
            return None
        pieces: list[str] = []
        for leaf in found:
            for index, line in enumerate(leaf.lines):
                pieces += [line] if not pieces or index in leaf.glued else ["\n", line]
        return "".join(pieces)

    # -- layout -------------------------------------------------------------------------------

    def height(self, renderer: Renderer) -> int:
        """Rows it takes: what was measured, else a guess from its length."""
        width = renderer.sheet.width
        if self._stamp is renderer.stamp:
            self._total = (width, sum(section.heights.total for section in self.sections))
        elif self._total[0] != width:
            rows = 3 + self._line_ends + self._characters // renderer.sheet.room
            return rows + (self._thought_characters // renderer.sheet.room if self.expanded else 0)
        return self._total[1]

    def laid_out(self, renderer: Renderer) -> bool:
        """Whether it has the heights for `renderer`."""
        return self._stamp is renderer.stamp

    def lay_out(self, renderer: Renderer) -> None:
        """Be ready to be drawn by `renderer`: everything read, every unit with a height."""
        self.read(None)
        for section in self.sections:
            section.measure(renderer)
        self._stamp = renderer.stamp

    def follow(self, renderer: Renderer) -> None:
        """Take what was fed or set since."""
        self.read(renderer if self._stamp is renderer.stamp else None)

    def read(self, renderer: Renderer | None) -> None:
        """Bring every section up to date."""
        head, thoughts, body, foot = self.sections
        if self.notice is not None:
            notice = NoticeLine(self.notice.text, self.notice.role, gap=not self.first)
            head.put(0, notice, renderer)
            return
        head.put(0, HeaderLine(self.header, self.marker, gap=not self.first), renderer)
        self._read_thoughts(renderer)
        assert isinstance(body, TextSection)
        assert isinstance(thoughts, TextSection)
        ended = not self.streaming
        if self._unread < len(self._text) or ended != self._body_ended:
            body.source.feed("".join(self._text[self._unread :]))
            self._unread = len(self._text)
            if ended:
                body.source.finish()
            self._body_ended = ended
            body.follow(renderer, ended=ended)
        feet = metrics_block(self.metrics)
        if [unit.block for unit in foot.units] != feet:
            foot.replace_from(0, [Unit(block) for block in feet], renderer)

    def _read_thoughts(self, renderer: Renderer | None) -> None:
        head, thoughts, *_ = self.sections
        assert isinstance(thoughts, TextSection)
        if not self._thinking:
            return
        head.put(1, ThoughtLine(self._thought_words(), self.expanded), renderer)
        if not self.expanded:
            if thoughts.units:
                self.sections[THOUGHTS] = TextSection(Plain(), "thought")
                self._unread_thoughts = 0
            return
        over = not self.streaming or bool(self._text)
        if self._unread_thoughts < len(self._thinking):
            thoughts.source.feed("".join(self._thinking[self._unread_thoughts :]))
            self._unread_thoughts = len(self._thinking)
            thoughts.follow(renderer, ended=False)
        if over and not (thoughts.units and isinstance(thoughts.units[-1].block, NoticeLine)):
            thoughts.source.finish()
            thoughts.follow(renderer, ended=True)
            thoughts.replace_from(len(thoughts.units), [Unit(NoticeLine(""))], renderer)

    def _thought_words(self) -> str:
        seconds = self.thought_s
        if seconds is None and self._thought_from is not None and self._thought_to is not None:
            seconds = self._thought_to - self._thought_from
        if self.thought_tokens is not None:
            tokens = f"{formats.count(self.thought_tokens)} tokens"
        else:
            guess = self._counted or max(1, self._thought_characters // CHARACTERS_PER_TOKEN)
            tokens = f"~{formats.count(guess)} tokens"
        thinks = self.streaming and not self._text
        if not seconds:  # it came all at once: nothing was measured
            return f"{'thinking' if thinks else 'thought'}, {tokens}"
        return f"{'thinking' if thinks else 'thought'} for {formats.seconds(seconds)}, {tokens}"

    def toggle(self) -> bool:
        """Fold or unfold the thoughts. Gives whether there are any."""
        if not self._thinking:
            return False
        self.expanded = not self.expanded
        return True
