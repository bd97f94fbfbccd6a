"""One lane on the screen: a header, and the transcript of what its model said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from llmhub import formats
from llmhub.core.places import Place
from llmhub.ui.transcript import Transcript


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """What a lane's header says."""

    model: str
    place: Place
    quantization: str | None = None
    used_tokens: int | None = None
    context_tokens: int | None = None
    trained_tokens: int | None = None
    note: str = ""
    """What it is doing, in words ("loading", "waits for qwen3:8b")."""


class LaneHeader(Static):
    """`● qwen3:8b Q4_K_M · this machine · context used 1.2k of 32k`."""

    DEFAULT_CSS = """
    LaneHeader {
        height: 1;
        padding: 0 1;
        & > .lane-header--local { color: $cost-local; }
        & > .lane-header--cloud { color: $cost-cloud; }
        & > .lane-header--dim { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"lane-header--local", "lane-header--cloud", "lane-header--dim"}

    facts: reactive[LaneFacts | None] = reactive(None, layout=False)

    @dataclass
    class Clicked(Message):
        """The person wants another model in this lane."""

        header: LaneHeader | None

    def render(self) -> Content:
        """The facts, as many as the width holds; the place is never among those that give way."""
        facts = self.facts
        if facts is None:
            return Content("")
        side = "local" if facts.place.is_local else "cloud"
        colour = self.get_visual_style(f"lane-header--{side}")
        dim = self.get_visual_style("lane-header--dim")
        whole = header_parts(facts, self.size.width)
        name, rest = whole
        return Content.assemble((f"{facts.place.sign} ", colour), (name, "bold"), (rest, dim))

    def on_click(self) -> None:
        """A click asks for another model."""
        self.post_message(self.Clicked(self))


def header_parts(facts: LaneFacts, width: int) -> tuple[str, str]:
    """The model's name and what follows it, cut to `width` columns from the least important on."""
    place = f" · {facts.place.words}"
    quant = f" {facts.quantization}" if facts.quantization else ""
    note = f" · {facts.note}" if facts.note else ""
    context = ""
    if facts.context_tokens:
        used = formats.context_used(facts.used_tokens, facts.context_tokens)
        context = f" · context used {used}"
    for extra in (quant + place + note + context, place + note + context, place + note, place):
        if len(facts.model) + 2 + len(extra) <= width:
            return facts.model, extra
    room = max(4, width - 2 - len(place))
    name = facts.model if len(facts.model) <= room else facts.model[: room - 1] + "…"
    return name, place


class LaneView(Vertical):
    """A header and a transcript."""

    DEFAULT_CSS = """
    LaneView {
        width: 1fr;
        height: 1fr;
        & > LaneHeader { display: none; }
        &.-many > LaneHeader { display: block; }
        & > Transcript { height: 1fr; }
    }
    """

    def __init__(self, lane: int) -> None:
        super().__init__(id=f"lane-{lane}")
        self.lane = lane
        self.header = LaneHeader()
        self.transcript = Transcript(id=f"transcript-{lane}")

    def compose(self) -> ComposeResult:
        """Header first."""
        yield self.header
        yield self.transcript
