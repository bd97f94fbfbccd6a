"""A pull that is not begun yet: being looked up, or refused with the arithmetic and the keys that answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from llmhub.core.plain import one_line

if TYPE_CHECKING:
    from llmhub.core.hub import Hub
    from llmhub.core.pull_queue import Pull
    from llmhub.core.pulling import PullAsk


def begun_words(pull: Pull) -> str:
    """What is said of a pull that was queued, where its line cannot be seen; its warning with it."""
    told = f"{one_line(pull.name)} is being pulled: F3 shows how far it is."
    if pull.check is None or not pull.check.warnings:
        return told
    from llmhub.formats.pulling import warning

    return f"{told} {warning(pull.check)}"


@dataclass(frozen=True, slots=True)
class Offer:
    """One answer: the key, what it does, and the action behind it."""

    key: str
    words: str
    action: str


class OfferLine(Widget):
    """` enter pulls it anyway   esc leaves it`; each of them can be clicked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"offer-line--key", "offer-line--words"}
    DEFAULT_CSS = """
    OfferLine {
        height: 1;
        & > .offer-line--key { color: $text-accent; text-style: bold; }
        & > .offer-line--words { color: $foreground-muted; }
    }
    """

    @dataclass
    class Clicked(Message):
        """An answer was clicked."""

        action: str

    def __init__(self) -> None:
        super().__init__()
        self._offers: tuple[Offer, ...] = ()
        self._before = ""
        self._places: list[tuple[int, int, str]] = []

    def show(self, offers: tuple[Offer, ...], before: str = "") -> None:
        """Offer these; `before` says how to get here."""
        self._offers, self._before = offers, before
        self.refresh()

    def render(self) -> Content:
        """All of them; what is too long is cut at the end."""
        key, words = self.get_visual_style("offer-line--key"), self.get_visual_style("offer-line--words")
        line = Content.styled(f"  {self._before}", words)
        self._places = []
        for offer in self._offers:
            left = line.cell_length
            line = Content.assemble(line, (offer.key, key), (f" {offer.words}", words))
            self._places.append((left, line.cell_length, offer.action))
            line = Content.assemble(line, "   ")
        return line.truncate(self.size.width, ellipsis=True)

    def on_click(self, event: events.Click) -> None:
        """A click on an answer gives it."""
        for left, right, action in self._places:
            if left <= event.x < right:
                event.stop()
                self.post_message(self.Clicked(action))
                return


class PullQuestion(Vertical, can_focus=True):
    """What `Hub.pulling` asks, the newest one; hidden while it asks nothing.

    While it has the focus Enter, or the key that asked, pulls a refused one all the same, and Escape leaves it. Nothing
    takes the focus by itself: `ask` does, because the person has just pressed a key.

    Args:
        passes_text: Whether text that is typed here belongs to a prompt: it is posted as `Typed`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"pull-question--sign", "pull-question--dim"}
    DEFAULT_CSS = """
    PullQuestion {
        height: auto;
        max-height: 9;
        padding: 0 1;
        display: none;
        &.-asked { display: block; }
        &.-refused { background: $error-muted; }
        &:focus > #question-words { text-style: bold; }
        & > #question-words { height: auto; max-height: 7; }
        & > OfferLine { display: none; }
        &.-refused > OfferLine { display: block; }
        & > .pull-question--sign { color: $text-error; text-style: bold; }
        & > .pull-question--dim { color: $foreground-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "force",
            "pull it anyway",
            id="question.force",
            tooltip="Pull it anyway",
            key_display="enter",
        ),
        Binding("s", "smaller", "the smaller one", id="question.smaller", tooltip="Pull the smaller one that fits"),
        Binding("escape", "leave", "leave it", id="question.leave", tooltip="Do not pull it", key_display="esc"),
    ]

    @dataclass
    class Closed(Message):
        """The question that had the focus is answered."""

        question: PullQuestion

    @dataclass
    class Typed(Message):
        """Text was typed that answers nothing."""

        text: str

    def __init__(self, *, passes_text: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._hub: Hub | None = None
        self._passes_text = passes_text
        self._stop: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """The words, and the keys below them."""
        yield Static(id="question-words", markup=False)
        yield OfferLine()

    def connect(self, hub: Hub) -> None:
        """Follow its questions; called once."""
        self._hub = hub
        self._stop = hub.pulling.listen(self._changed)
        self._changed()

    def on_unmount(self) -> None:
        """Stop following."""
        if self._stop is not None:
            self._stop()

    @property
    def shown(self) -> PullAsk | None:
        """The question that is shown."""
        asks = self._hub.pulling.asks if self._hub is not None else ()
        return asks[-1] if asks else None

    @property
    def is_refused(self) -> bool:
        """Whether it waits for an answer."""
        ask = self.shown
        return ask is not None and ask.check is not None

    def ask(self, name: str, origin: str, *, key: str = "", queued: Callable[[Any], object] | None = None) -> None:
        """Pull `name` if nothing speaks against it; until that is known the focus is here."""
        if self._hub is None:
            return
        self._hub.ask_pull(name, origin, key=key, queued=queued)
        if self.shown is not None:
            self.focus()

    # -- answers ------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what can be answered now is offered."""
        if action == "force":
            return self.is_refused
        return self._smaller() is not None if action == "smaller" else True

    def action_force(self) -> None:
        """Pull it all the same."""
        if self._hub is not None and (ask := self.shown) is not None:
            self._hub.pulling.force(ask.name)

    def action_leave(self) -> None:
        """Do not pull it."""
        if self._hub is not None and (ask := self.shown) is not None:
            self._hub.pulling.leave(ask.name)

    def action_smaller(self) -> None:
        """Pull the smaller one that fits in its place."""
        smaller, ask = self._smaller(), self.shown
        if self._hub is not None and smaller is not None and ask is not None:
            self._hub.pulling.leave(ask.name)
            self.ask(smaller, ask.origin, key=ask.key)

    def on_key(self, event: events.Key) -> None:
        """The key that asked answers, too; other text goes to the prompt where there is one."""
        ask = self.shown
        if ask is not None and ask.key and event.character == ask.key:
            event.stop()
            event.prevent_default()
            self.action_force()
        elif self._passes_text and event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            self.post_message(self.Typed(event.character))

    def on_click(self) -> None:
        """A click comes here."""
        self.focus()

    @on(OfferLine.Clicked)
    def _offer_clicked(self, event: OfferLine.Clicked) -> None:
        event.stop()
        getattr(self, f"action_{event.action}")()

    # -- drawing ------------------------------------------------------------------------------

    def watch_has_focus(self, has_focus: bool) -> None:
        """The keys work now, or no longer."""
        super().watch_has_focus(has_focus)
        self._draw()

    def _changed(self) -> None:
        if not self.is_attached:
            return
        ask, had_focus = self.shown, self.screen.focused is self
        self.set_class(ask is not None, "-asked")
        self.set_class(self.is_refused, "-refused")
        self._draw()
        if ask is None and had_focus:
            self.post_message(self.Closed(self))
        self.refresh_bindings()

    def _draw(self) -> None:
        ask = self.shown
        if ask is None or self._hub is None or not self.query("#question-words"):
            return
        more = len(self._hub.pulling.asks) - 1
        dim = self.get_visual_style("pull-question--dim")
        tail = (f" · {more} more", dim) if more else ""
        if ask.check is None:
            words = Content.assemble(
                ("? ", dim), one_line(ask.name, 60), ("  looking up whether it fits …  esc leaves it", dim), tail
            )
        else:
            from llmhub.formats.pulling import refusal  # not before the first frame: it brings all of sizing

            error = refusal(ask.check)
            words = Content.assemble(
                ("✗ ", self.get_visual_style("pull-question--sign")),
                f"{one_line(error.happened)} · {one_line(error.subject)}",
                tail,
                (f"\n  {one_line(error.remedy)}", dim),
            )
        self.query_one("#question-words", Static).update(words)
        way = "enter in the empty prompt comes here: " if self._passes_text else "tab comes here: "
        self.query_one(OfferLine).show(self._offers(ask), "" if self.has_focus else way)

    def _offers(self, ask: PullAsk) -> tuple[Offer, ...]:
        from llmhub.core.pull_check import PullRefusal

        again = f"enter or {ask.key}" if ask.key else "enter"
        is_unknown = ask.check is not None and PullRefusal.NAME in ask.check.found
        offers = [Offer(again, "asks Ollama anyway" if is_unknown else "pulls it anyway", "force")]
        if self._smaller() is not None:
            offers.append(Offer("s", "pulls that one", "smaller"))  # the line above names it
        return (*offers, Offer("esc", "leaves it", "leave"))

    def _smaller(self) -> str | None:
        """The name of one that fits; where text is for a prompt no letter is a key."""
        ask = self.shown
        smaller = ask.check.smaller if ask is not None and ask.check is not None else None
        return smaller.name if smaller is not None and not self._passes_text else None
