"""The transcript of a lane: what a person does with it. They walk its turns, copy, fold, find, click and scroll."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.content import Content
from textual.geometry import Offset
from textual.selection import Selection

from llmhub.ui.transcript import look, messages
from llmhub.ui.transcript.cleaning import copied, shown
from llmhub.ui.transcript.code import COPY
from llmhub.ui.transcript.conversation import Conversation
from llmhub.ui.transcript.document import Spot
from llmhub.ui.transcript.finding import Finder
from llmhub.ui.transcript.inline import LINK
from llmhub.ui.transcript.marks import END
from llmhub.ui.transcript.render import TOGGLE
from llmhub.ui.transcript.selecting import row_name, word_around

_BEGINNING = Spot(0, 0, 0)


class Transcript(Conversation, can_focus=True):
    """A conversation on the screen.

    Give it turns (`load`, `add_user`, `begin_reply`, `feed`, `finish`) and its messages say what the person wants;
    it copies nothing, opens no link and asks nobody by itself.
    """

    BINDINGS = look.BINDINGS
    COMPONENT_CLASSES: ClassVar[set[str]] = look.COMPONENTS
    DEFAULT_CSS = look.CSS

    TurnFocused = messages.TurnFocused
    Copied = messages.Copied
    NothingToCopy = messages.NothingToCopy
    EditRequested = messages.EditRequested
    AgainRequested = messages.AgainRequested
    ThinkingToggled = messages.ThinkingToggled
    LinkClicked = messages.LinkClicked
    FindRequested = messages.FindRequested
    FindMoved = messages.FindMoved
    BackToPrompt = messages.BackToPrompt

    _hovered: str | None = None
    """The address under the mouse."""

    # -- turns --------------------------------------------------------------------------------

    @property
    def focused_key(self) -> str | None:
        """The turn that has the mark; keys act on it."""
        return self._focused

    @property
    def key_at_top(self) -> str | None:
        """The turn that the first row on the screen belongs to."""
        return self._document.turns[self._placed[0].spot.turn].key if self._placed else None

    def focus_turn(self, step: int) -> None:
        """Move the mark by `step` turns and bring the turn into view. Without a mark it comes to the last turn."""
        turns = self._document.turns
        if not turns:
            return
        number = self._document.number(self._focused) if self._focused else None
        self._mark(len(turns) - 1 if number is None else max(0, min(len(turns) - 1, number + step)))

    def _mark(self, number: int, *, scroll: bool = True) -> None:
        key = self._document.turns[number].key
        changed, self._focused = key != self._focused, key
        if scroll:
            self._bring(number)
        self._update()
        if changed:
            self.post_message(self.TurnFocused(self, key))

    def _bring(self, number: int) -> None:
        """Scroll as little as shows turn `number`, its beginning first."""
        document, height = self._document, self._view_height
        document.draw(document.turn_top(number), document.turn_top(number) + height)
        first, last = document.turn_top(number), document.turn_top(number + 1)
        top = round(self.scroll_y)
        if first < top or last - first > height:
            self._go(first)
        elif last > top + height:
            self._go(last - height)

    def _go(self, top: int) -> None:
        """Put row `top` at the head of the screen, as far as there are rows below it."""
        end = max(0, self._document.height - self._view_height)
        self._following = top >= end
        self.scroll_to_row(max(0, min(top, end)))

    def _target(self) -> str | None:
        """The turn that keys act on: the marked one, else the last."""
        if self._focused is not None:
            return self._focused
        return self._document.turns[-1].key if self._document.turns else None

    def on_focus(self) -> None:
        """The mark shows; left on a turn that is out of sight it comes to the last one on the screen."""
        seen = {placed.spot.turn for placed in self._placed}
        number = self._document.number(self._focused) if self._focused else None
        if self._document.turns and number not in seen:
            self._mark(max(seen, default=len(self._document.turns) - 1), scroll=False)
        self._update()

    def on_blur(self) -> None:
        """The mark goes; the turn is remembered."""
        self._update()

    # -- copy ---------------------------------------------------------------------------------

    def copy_reply(self, key: str) -> str:
        """The source of a turn, without control characters; nothing for an unknown key."""
        turn = self._document.turn(key)
        return copied(turn.text) if turn is not None else ""

    def code_block(self, key: str, number: int) -> str | None:
        """The source of code block `number` (from 1) of a turn, as it was written."""
        turn = self._document.turn(key)
        block = turn.code_block(number) if turn is not None else None
        return None if block is None else copied(block)

    def _offer(self, text: str | None, what: str) -> None:
        self.post_message(self.Copied(self, text, what) if text else self.NothingToCopy(self, what))

    # -- find ---------------------------------------------------------------------------------

    def find(self, query: str) -> int | None:
        """Mark every place that reads `query` and go to the first from the top of the screen on.

        Returns:
            How many there are; `None` when counting would take too long. An empty query ends the search.
        """
        if not query.strip():
            self._finder = None
            self._update()
            return 0
        self._finder = Finder(self._document, query)
        start = self._placed[0].spot if self._placed else _BEGINNING
        return self._step_find(1, start)

    def find_next(self) -> None:
        """Go to the next match, after the last to the first."""
        self._step_find(1)

    def find_previous(self) -> None:
        """Go to the match before, from the first to the last."""
        self._step_find(-1)

    def _step_find(self, direction: int, start: Spot = _BEGINNING) -> int | None:
        finder = self._finder
        if finder is None:
            return 0
        match = finder.step(direction, start)
        count = finder.count()
        if match is not None:
            line = finder.ranges(self._document.rows_of(match.spot))[match.number][0][0]
            row = self._document.top(match.spot) + line
            top = round(self.scroll_y)
            if not top <= row < top + self._view_height - 1:
                self._go(row - self._view_height // 3)
        self._update()
        self.post_message(self.FindMoved(self, finder.query, finder.number() if match else None, count))
        return count

    # -- keys ---------------------------------------------------------------------------------

    def action_turn(self, step: int) -> None:
        """Move the mark."""
        self.focus_turn(step)

    def action_copy_reply(self) -> None:
        """Offer the marked turn for the clipboard."""
        key = self._target()
        self._offer(self.copy_reply(key) if key else None, "reply")

    def action_copy_code(self, number: int) -> None:
        """Offer a code block of the marked turn for the clipboard."""
        key = self._target()
        self._offer(self.code_block(key, number) if key else None, f"code block {number}")

    def action_edit(self) -> None:
        """Ask for the question to be edited."""
        if key := self._target():
            self.post_message(self.EditRequested(self, key))

    def action_again(self) -> None:
        """Ask for another answer."""
        if key := self._target():
            self.post_message(self.AgainRequested(self, key))

    def action_thinking(self) -> None:
        """Fold or unfold the thoughts of the marked turn."""
        if key := self._target():
            self.toggle_thinking(key)

    def toggle_thinking(self, key: str) -> None:
        """Fold or unfold the thoughts of a turn."""
        turn = self._document.turn(key)
        if turn is None:
            return
        if turn.toggle():
            self._document.follow(turn)
            self._update()
            self.post_message(self.ThinkingToggled(self, key, turn.expanded))

    def action_find(self) -> None:
        """Ask for a query."""
        self.post_message(self.FindRequested(self))

    def action_find_step(self, direction: int) -> None:
        """Go to another match."""
        self._step_find(direction)

    def action_prompt(self) -> None:
        """Back to writing."""
        self.post_message(self.BackToPrompt(self))

    # -- mouse --------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """A click follows what it hits and marks the turn; two select a word, three a block."""
        event.prevent_default()  # Textual's own would select everything there is
        y = event.y
        if event.chain > 1:
            self._select_around(event)
            return
        meta = event.style.meta if event.style else {}
        key = self._document.turns[self._placed[y].spot.turn].key if 0 <= y < len(self._placed) else None
        if meta.get(END):
            self.scroll_end()
        elif LINK in meta:
            self.post_message(self.LinkClicked(self, meta[LINK]))
        elif key is not None and meta.get(TOGGLE):
            self.toggle_thinking(key)
        elif key is not None and COPY in meta:
            self._offer(self.code_block(key, meta[COPY]), f"code block {meta[COPY]}")
        elif key is not None and (number := self._document.number(key)) is not None:
            self._mark(number, scroll=False)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """A link tells where it leads before it is clicked: its words are the model's."""
        address = event.style.meta.get(LINK) if event.style else None
        if address != self._hovered:
            self._hovered = address
            self.tooltip = Content(shown(address)) if address else None

    def _select_around(self, event: events.Click) -> None:
        _, offset = self.screen.get_widget_and_offset_at(event.screen_x, event.screen_y)
        if offset is None or not 0 <= event.y < len(self._placed):
            return
        placed = self._placed[event.y]
        name = row_name(placed.spot, placed.line)
        if event.chain == 2:
            start, end = word_around(placed.row, offset.x)
            first, last = Offset(start, name), Offset(end, name)
        else:
            rows = self._document.rows_of(placed.spot)
            bottom = len(rows) - 1
            first = Offset(0, row_name(placed.spot, 0))
            last = Offset(len(rows[bottom].strip.text), row_name(placed.spot, bottom))
        self.screen.selections = {self: Selection(first, last)}
