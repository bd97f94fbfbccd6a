"""The turns of a transcript: given by key, fed while they stream, finished, loaded again."""

from __future__ import annotations

from collections.abc import Iterable

from llmhub.ui.transcript.canvas import Canvas
from llmhub.ui.transcript.lines import YOU, Header, MetricsLine, NoticeLine, Text
from llmhub.ui.transcript.turns import Item, Turn


class Conversation(Canvas):
    """A canvas with turns on it.

    Keys are the caller's (a node of the chat). Of a key that is not there nothing happens: a reply whose lane has moved
    on to another path goes on without being drawn.
    """

    @property
    def keys(self) -> list[str]:
        """Keys of the turns, in order."""
        return [turn.key for turn in self._document.turns]

    def load(self, items: Iterable[Item]) -> None:
        """Show other turns. What is drawn of a turn that stays the same is kept; the end is shown."""
        old = {turn.key: turn for turn in self._document.turns}
        turns: list[Turn] = []
        for item in items:
            turn = old.get(item.key)
            if turn is None or not turn.same_as(item):
                turn = Turn.of(item, self._document.clock)
            turn.marker = item.marker
            turn.metrics = MetricsLine(item.left, item.right, item.failed)
            if item.role == "assistant":
                turn.header = item.header
            turns.append(turn)
        self._fed.clear()
        self._document.replace(turns)
        for turn in turns:
            if turn.laid_out(self._document.renderer):
                self._document.follow(turn)
        if self._focused not in self._document:
            self._focused = None
        self._finder = None
        self._following = True
        self._placed = []
        self._drop_selection()
        self._update()

    def clear(self) -> None:
        """Show nothing."""
        self.load([])

    def add_user(self, key: str, text: str, marker: str = "") -> None:
        """Append what the person asked, and go to the end."""
        turn = Turn(key, "user", YOU, self._document.clock)
        turn.marker = marker
        turn.feed(text)
        self._following = True
        self._append(turn)

    def add_notice(self, key: str, text: Text, *, failed: bool = False) -> None:
        """Append a line of ours."""
        turn = Turn(key, "notice", Header(), self._document.clock)
        turn.notice = NoticeLine(text, "error" if failed else "dim")
        self._append(turn)

    def begin_reply(self, key: str, header: Header, marker: str = "") -> None:
        """Append an empty reply that `feed` fills. A reply that is there already goes on."""
        self._prepare()
        turn = self._document.turn(key)
        if turn is None:
            turn = Turn(key, "assistant", header, self._document.clock)
            turn.marker = marker
            turn.streaming = True
            self._append(turn)
            return
        turn.header, turn.streaming = header, True
        self._touch(turn)

    def feed(self, key: str, text: str) -> None:
        """Append text of a reply; it shows with the next frame."""
        if (turn := self._document.turn(key)) is not None:
            turn.feed(text)
            self._touch(turn)

    def feed_thinking(self, key: str, text: str, tokens: int | None = None) -> None:
        """Append thoughts of a reply.

        Args:
            tokens: How many the text is, as far as anybody counted; without it the number shown is a guess.
        """
        if (turn := self._document.turn(key)) is not None:
            turn.feed_thinking(text, tokens)
            self._touch(turn)

    def finish(
        self,
        key: str,
        left: Text = "",
        right: Text = "",
        *,
        failed: bool = False,
        thought_s: float | None = None,
        thought_tokens: int | None = None,
    ) -> None:
        """The reply has ended.

        Args:
            left: What it took, and in words how it ended when it was not complete.
            right: What it cost.
            failed: Whether the left words are a warning.
            thought_s: Seconds it thought, when somebody measured them better than we did.
            thought_tokens: Tokens it thought, when they were counted.
        """
        if (turn := self._document.turn(key)) is None:
            return
        turn.streaming = False
        turn.thought_s = thought_s if thought_s is not None else turn.thought_s
        turn.thought_tokens = thought_tokens if thought_tokens is not None else turn.thought_tokens
        turn.metrics = MetricsLine(left, right, failed)
        self._touch(turn)

    def set_metrics(self, key: str, left: Text = "", right: Text = "", *, failed: bool = False) -> None:
        """Change the line under a reply."""
        turn = self._document.turn(key)
        if turn is not None and turn.metrics != (line := MetricsLine(left, right, failed)):
            turn.metrics = line
            self._touch(turn)

    def set_header(self, key: str, header: Header) -> None:
        """Change who spoke: the place is known better once the reply is there."""
        turn = self._document.turn(key)
        if turn is not None and turn.header != header:
            turn.header = header
            self._touch(turn)

    def set_marker(self, key: str, marker: str) -> None:
        """Change which version a turn is: `2/3`, or nothing."""
        turn = self._document.turn(key)
        if turn is not None and turn.marker != marker:
            turn.marker = marker
            self._touch(turn)

    def _append(self, turn: Turn) -> None:
        if turn.key not in self._document:
            self._document.append(turn)
        self._touch(turn)
