"""Choosing a model by a few letters of its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from llmhub import formats
from llmhub.core.costs.labels import Label
from llmhub.core.fuzzy import FuzzyMatch, fuzzy_rank
from llmhub.core.names import ModelName, name_key
from llmhub.core.places import Place
from llmhub.core.plain import one_line
from llmhub.core.sizing.verdicts import Verdict, VerdictKind
from llmhub.formats.sizing import verdict_column, verdict_words
from llmhub.ui.models import words
from llmhub.ui.models.fitting import INKS
from llmhub.ui.models.rows import Order, arranged, rows_of
from llmhub.ui.widgets.pull_question import begun_words

if TYPE_CHECKING:
    from llmhub.core.hub import Hub

_DEFAULT_TITLE = "Which model?"
_MOST_SHOWN = 200
_WIDE = 80
_LEAST_NAME = 16
_VERDICT_CELLS = 14
_FACTS = ("size", "quant", "context", "fits", "place", "state")
"""In the order in which they stand."""
_KEYS = "enter choose  ↑ ↓ move  esc back  a whole new name: pull it"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that can be chosen. Unknown fields are shown as `—`."""

    backend: str
    name: str
    place: Place
    size_bytes: int | None = None
    quantization: str | None = None
    context_tokens: int | None = None
    loaded: str = ""
    """In words, empty when it is not in memory."""
    verdict: Verdict | None = None
    """At the context that a chat with it would ask for; `None` for what runs elsewhere."""
    can_chat: bool = True
    prompt_usd_per_token: Decimal | None = None
    completion_usd_per_token: Decimal | None = None
    is_cloud: bool = False

    @property
    def address(self) -> str:
        """How it is answered: a bare name for the daemon's, `openrouter:author/slug` for a provider's."""
        return f"{self.backend}:{self.name}" if self.is_cloud else self.name


def candidates(hub: Hub) -> tuple[Candidate, ...]:
    """What the daemon of `hub` has, the one used last first; models that cannot chat at the end."""
    found = [
        Candidate(
            hub.state.name,
            row.name,
            row.model.place,
            row.model.size_bytes,
            row.model.quantization,
            row.model.context_trained,
            words.split(row.loaded) if row.loaded else "",
            row.fit.verdict if row.fit is not None and row.model.place.is_local else None,
            row.model.capabilities is None or "completion" in row.model.capabilities,
        )
        for row in arranged(rows_of(hub), Order.LAST_USED)
    ]
    local = sorted(found, key=lambda candidate: not candidate.can_chat)
    return (*local, *cloud_candidates(hub))


def cloud_candidates(hub: Hub) -> tuple[Candidate, ...]:
    """What the provider lists, by name; readable without a key and offline, from the cache."""
    cloud = hub.services.cloud
    if cloud is None:
        return ()
    state = "offline" if hub.cloud_state.offline else ""
    return tuple(
        Candidate(
            cloud.name,
            model.id,
            cloud.place,
            context_tokens=model.context_tokens,
            loaded=state,
            prompt_usd_per_token=model.prompt_usd_per_token,
            completion_usd_per_token=model.completion_usd_per_token,
            is_cloud=True,
        )
        for model in sorted(hub.cloud_state.listing.models, key=lambda model: model.id)
    )


class ModelPicker(ModalScreen[str | None]):
    """Letters narrow the list, the arrows move, Enter answers with a name. Follows the daemon while it is open.

    A whole name that is not there is offered as a pull: that puts it into the queue, says so, and answers nothing.

    Args:
        title: What is chosen for.
        current: The name to stand on at first.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "model-picker--local",
        "model-picker--cloud",
        "model-picker--dim",
        "model-picker--hit",
        "model-picker--fits",
        "model-picker--almost",
        "model-picker--not",
    }

    DEFAULT_CSS = """
    ModelPicker {
        align: center middle;
        & > Vertical {
            width: 96%;
            max-width: 100;
            height: 80%;
            max-height: 30;
            padding: 1 2;
            background: $surface;
        }
        & #picker-title { height: 1; text-style: bold; }
        & Input, & Input:focus { border: none; height: 1; padding: 0; margin-bottom: 1; background: $surface; }
        & OptionList { height: 1fr; border: none; padding: 0; background: $surface; }
        & #picker-keys { height: 1; color: $foreground-muted; }
        & > .model-picker--local { color: $cost-local; }
        & > .model-picker--cloud { color: $cost-cloud; }
        & > .model-picker--dim { color: $foreground-muted; }
        & > .model-picker--hit { text-style: bold underline; }
        & > .model-picker--fits { color: $text-success; }
        & > .model-picker--almost { color: $text-warning; }
        & > .model-picker--not { color: $text-error; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="picker.back", tooltip="Choose nothing"),
    ]

    def __init__(self, hub: Hub, title: str = _DEFAULT_TITLE, *, current: str | None = None) -> None:
        super().__init__()
        self._hub = hub
        self._title = title
        self._current = current
        self._models: tuple[Candidate, ...] = ()
        self._shown: list[str] = []
        self._to_pull: str | None = None
        self._stop: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """The question, the search, the models, the keys."""
        with Vertical():
            yield Static(Content(self._title), id="picker-title", markup=False)
            yield Input(placeholder="a few letters of its name", id="picker-search")
            yield OptionList(id="picker-list", compact=True)
            yield Static(Content(_KEYS), id="picker-keys", markup=False)

    def on_mount(self) -> None:
        """Everything first, the cursor in the search."""
        self.query_one(Input).focus()
        self._stop = self._hub.listen(self._changed)
        if self._hub.cloud_watch is not None and not self._hub.cloud_state.listing.models:
            self._hub.spawn(self._hub.cloud_watch.look())
        self.call_after_refresh(self._changed)

    def on_unmount(self) -> None:
        """Stop following."""
        self._unfollow()

    def _unfollow(self) -> None:
        """A change that comes while the list is being taken away would find nothing to fill."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def dismiss(self, result: str | None = None) -> AwaitComplete:
        """Answer, and follow no longer."""
        self._unfollow()
        return super().dismiss(result)

    def _changed(self) -> None:
        if not self.is_mounted:
            return
        models = candidates(self._hub)
        self.query_one("#picker-title", Static).update(Content.assemble(self._title, (self._age(), "dim")))
        if models != self._models or not self._shown:
            self._models = models
            self._fill(self.query_one(Input).value, keep=bool(self._shown))

    def _age(self) -> str:
        """How old the provider's list is: a kept one is good for reading, its prices may have moved."""
        listing = self._hub.cloud_state.listing
        if not listing.models or listing.fetched_at is None:
            return ""
        kept = ", kept on this disk" if listing.from_cache else ""
        age = formats.ago(listing.fetched_at, self._hub.services.now())
        return f"   {len(listing.models)} cloud models, list of {age}{kept}"

    def on_resize(self) -> None:
        """The columns follow the width."""
        if self._shown:
            self.call_after_refresh(self._fill, self.query_one(Input).value, keep=True)

    def on_key(self, event: events.Key) -> None:
        """The arrows move in the list while the search has the focus."""
        moves = {"up": "cursor_up", "down": "cursor_down", "pageup": "page_up", "pagedown": "page_down"}
        if event.key in moves and isinstance(self.focused, Input):
            getattr(self.query_one(OptionList), f"action_{moves[event.key]}")()
            event.stop()
            event.prevent_default()

    @on(Input.Changed, "#picker-search")
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self._fill(event.value)

    @on(Input.Submitted, "#picker-search")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._answer(self.query_one(OptionList).highlighted)

    @on(OptionList.OptionSelected, "#picker-list")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._answer(event.option_index)

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)

    def _answer(self, at: int | None) -> None:
        if at is None:
            return
        if at < len(self._shown):
            self.dismiss(self._shown[at])
        elif self._to_pull is not None:
            app = self.app
            self._hub.ask_pull(self._to_pull, "picker", queued=lambda pull: app.notify(begun_words(pull), markup=False))
            self.dismiss(None)

    def _fill(self, query: str, *, keep: bool = False) -> None:
        choices = self.query_one(OptionList)
        before = choices.highlighted
        ranked = fuzzy_rank(query, self._models, key=lambda model: model.name)[:_MOST_SHOWN]
        self._shown = [model.address for model, _ in ranked]
        self._to_pull = self._pullable(query)
        width = max(20, choices.scrollable_content_region.width - 1)
        options = [Option(self._line(model, match, width)) for model, match in ranked]
        if self._to_pull is not None:
            options.append(Option(Content.assemble("↓ pull ", (self._to_pull, "bold"))))
        choices.clear_options()
        if options:
            choices.add_options(options)
            choices.highlighted = min(before or 0, len(options) - 1) if keep else self._first(query)
        else:
            words_of = (
                "No model has these letters." if query.strip() else "No model is here yet: type a name to pull it."
            )
            choices.add_option(Option(Content(words_of), disabled=True))

    def _first(self, query: str) -> int:
        if query.strip() or self._current is None:
            return 0
        current = name_key(self._current)
        return next((i for i, name in enumerate(self._shown) if name_key(name) == current), 0)

    def _pullable(self, query: str) -> str | None:
        """The name typed, when it could be pulled and is not here."""
        name = query.strip()
        if len(name) < 2 or " " in name:
            return None
        if any(name_key(model.name) == name_key(name) for model in self._models):
            return None
        try:
            ModelName.parse(name)
        except ValueError:
            return None
        return name

    def _line(self, model: Candidate, match: FuzzyMatch, width: int) -> Content:
        """`● qwen3:8b      4.9 GiB  Q4_K_M   40,960  ✓ fits          this machine  GPU`."""
        side = self.get_visual_style(f"model-picker--{'local' if model.place.is_local else 'cloud'}")
        dim = self.get_visual_style("model-picker--dim")
        state = model.loaded or ("" if model.can_chat else "cannot chat")
        if model.is_cloud:
            return self._cloud_line(model, match, width, side, dim)
        # what gives way first comes first
        quant, context, memory = (6, 7, 8) if width < _WIDE else (8, 9, 11)
        facts = {
            "place": formats.fit(model.place.words, 12).ljust(12),
            "context": formats.count(model.context_tokens).rjust(context),
            "quant": _padded(one_line(model.quantization or formats.UNKNOWN), quant),
            "size": formats.size(model.size_bytes).rjust(9),
            "state": _padded(state, memory),
            "fits": _padded(self._fits(model), _VERDICT_CELLS),
        }
        while len(facts) > 2 and width - 2 - sum(formats.cells(fact) + 2 for fact in facts.values()) < _LEAST_NAME:
            facts.pop(next(iter(facts)))
        room = max(8, width - 2 - sum(formats.cells(fact) + 2 for fact in facts.values()))
        name = words.fit_name(one_line(model.name), room)
        shown = Content(name + " " * (room - formats.cells(name)))
        hit = self.get_visual_style("model-picker--hit")
        shown = _highlighted(shown, match, hit, len(name)) if name == model.name else shown
        if model.verdict is not None and model.verdict.kind is VerdictKind.DOES_NOT_FIT:
            shown = shown.stylize(dim)
        parts: list[Content | tuple[str, Style]] = [Content.styled(f"{model.place.sign} ", side), shown]
        for name in _FACTS:
            if name in facts:
                style = self._ink(model.verdict) if name == "fits" and model.verdict is not None else dim
                parts.append((f"  {facts[name]}", style))
        return Content.assemble(*parts)

    @staticmethod
    def _fits(model: Candidate) -> str:
        """The verdict; in words where it does not fit, because nothing else of the line says so."""
        if model.verdict is None:
            return ""
        return (verdict_words if model.verdict.kind is VerdictKind.DOES_NOT_FIT else verdict_column)(model.verdict)

    def _ink(self, verdict: Verdict) -> Style:
        return self.get_visual_style(f"model-picker--{INKS[verdict.kind]}")

    def _cloud_line(self, model: Candidate, match: FuzzyMatch, width: int, side: Style, dim: Style) -> Content:
        """`○ openai/gpt-4o      $2.50/M in   $10.00/M out   128k  OpenRouter`."""
        label = Label.BILLED  # a list price is the provider's own figure
        facts = [
            f"{_price(model.prompt_usd_per_token, label):>9} in",
            f"{_price(model.completion_usd_per_token, label):>9} out",
            f"{formats.tokens(model.context_tokens):>5}",
            model.loaded or formats.fit(model.place.words, 12),
        ]
        room = max(8, width - 2 - sum(len(fact) + 2 for fact in facts))
        name = words.fit_name(one_line(model.name), room)
        shown = Content(name + " " * max(0, room - formats.cells(name)))
        hit = self.get_visual_style("model-picker--hit")
        shown = _highlighted(shown, match, hit, len(name)) if name == model.name else shown
        return Content.assemble((f"{model.place.sign} ", side), shown, ("  " + "  ".join(facts), dim))


def _padded(text: str, cells: int) -> str:
    """In exactly so many cells."""
    text = formats.fit(text, cells)
    return text + " " * (cells - formats.cells(text))


def _price(usd_per_token: Decimal | None, label: Label) -> str:
    """A price per token as people read it: per million."""
    return formats.per_m(None if usd_per_token is None else usd_per_token * 1_000_000, label)


def _highlighted(name: Content, match: FuzzyMatch, hit: Style, most: int) -> Content:
    for at in match.positions:
        if at < most:
            name = name.stylize(hit, at, at + 1)
    return name
