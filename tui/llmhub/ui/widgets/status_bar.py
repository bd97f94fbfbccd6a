"""The top line: the modes on the left, what the machine is doing on the right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from llmhub.core.memory import MemoryState
from llmhub.core.places import THIS_MACHINE, Place

if TYPE_CHECKING:
    from llmhub.core.hub import Hub

Mode = Literal["chat", "models", "costs"]
MODES: tuple[tuple[Mode, str], ...] = (("chat", "Chat"), ("models", "Models"), ("costs", "Costs"))
_GAUGE_CELLS = 8
LABELS = {"unified": "GPU"}
"""What the gauge calls a budget: of unified memory it is the GPU's limit that counts."""


@dataclass(frozen=True, slots=True)
class Status:
    """All that the line says of the machine."""

    daemon: Literal["looking", "missing", "there"] = "looking"
    loaded: int = 0
    place: Place = THIS_MACHINE
    memory: MemoryState | None = None
    demo: bool = False
    offline: bool = False
    has_key: bool = False
    left_usd: Decimal | None = None
    """What the key may still spend; `None` when it has no cap or nobody said."""

    @classmethod
    def of(cls, hub: Hub) -> Status:
        """The status of a hub."""
        state = hub.state
        daemon: Literal["looking", "missing", "there"] = "looking"
        if state.looked:
            daemon = "there" if state.alive else "missing"
        key = hub.cloud_state.key_info
        return cls(
            daemon,
            len(state.loaded),
            state.place,
            hub.memory_state,
            hub.services.demo,
            hub.services.offline or hub.services.switch.offline,
            hub.cloud_state.has_key,
            key.remaining_usd if key is not None else None,
        )


class StatusBar(Widget):
    """` Chat  Models  Costs      ● 2 loaded · GPU ▓▓▓▓▓░░░ 14.4/25.0 GiB`.

    DEMO and offline stand beside the modes and are drawn at every width; at narrow ones the gauge gives way first.
    A click on a mode goes there.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status-bar--active",
        "status-bar--mode",
        "status-bar--mark",
        "status-bar--local",
        "status-bar--dim",
        "status-bar--missing",
    }

    DEFAULT_CSS = """
    StatusBar {
        height: 1;
        background: $panel;
        color: $foreground;
        & > .status-bar--active { color: $text-accent; text-style: bold underline; }
        & > .status-bar--mode { color: $foreground; }
        & > .status-bar--mark { color: $background; background: $text-warning; text-style: bold; }
        & > .status-bar--local { color: $cost-local; }
        & > .status-bar--dim { color: $foreground-muted; }
        & > .status-bar--missing { color: $text-warning; }
    }
    """

    status: reactive[Status] = reactive(Status())

    def __init__(self, mode: Mode, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.mode = mode
        self._tabs: list[tuple[int, int, Mode]] = []
        self._hub: Hub | None = None
        self._stop: Callable[[], None] | None = None

    def on_mount(self) -> None:
        """The marks are there from the first frame on, before there is a hub: the app knows them."""
        if self._hub is None:
            self.status = Status(
                demo=bool(getattr(self.app, "demo", False)), offline=bool(getattr(self.app, "offline", False))
            )

    def on_unmount(self) -> None:
        """Stop listening."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def connect(self, hub: Hub) -> None:
        """Follow `hub` from now on."""
        self._hub = hub
        self._stop = hub.listen(self._changed)
        self._changed()

    async def on_click(self, event: events.Click) -> None:
        """Go to the mode under the pointer."""
        for left, right, mode in self._tabs:
            if left <= event.x < right and mode != self.mode:
                await self.run_action(f"app.mode('{mode}')")

    def render(self) -> Content:
        """As much as fits, from the left: modes, marks, then what gives way."""
        left = self._left()
        for right in self._rights():
            if left.cell_length + right.cell_length + 2 <= self.size.width:
                gap = self.size.width - left.cell_length - right.cell_length - 1
                return Content.assemble(left, " " * gap, right)
        return left

    def _changed(self) -> None:
        if self._hub is not None:
            self.status = Status.of(self._hub)

    def _left(self) -> Content:
        parts: list[Content] = [Content(" ")]
        self._tabs = []
        at = 1
        for mode, name in MODES:
            style = self.get_visual_style(f"status-bar--{'active' if mode == self.mode else 'mode'}")
            parts += [Content.styled(name, style), Content("  ")]
            self._tabs.append((at, at + len(name), mode))
            at += len(name) + 2
        mark = self.get_visual_style("status-bar--mark")
        for shown, word in ((self.status.demo, " DEMO "), (self.status.offline, " offline ")):
            if shown:
                parts += [Content.styled(word, mark), Content(" ")]
        return Content("").join(parts)

    def _rights(self) -> list[Content]:
        """From everything to nothing."""
        daemon, memory = self._daemon(), self.status.memory
        if memory is None:
            return [daemon]
        from llmhub import formats  # the first frame has no figures, and need not wait for what writes them

        label = LABELS.get(memory.label, memory.label)
        figures = f"{label} {formats.of_bytes(memory.used_bytes, memory.capacity_bytes)}"
        bar = formats.bar(memory.used_bytes / memory.capacity_bytes if memory.capacity_bytes else None, _GAUGE_CELLS)
        dot = Content.styled(" · ", self.get_visual_style("status-bar--dim"))
        rest = figures.removeprefix(f"{label} ")
        return [
            Content.assemble(daemon, dot, f"{label} {bar} {rest}"),
            Content.assemble(daemon, dot, figures),
            daemon,
        ]

    def _daemon(self) -> Content:
        status = self.status
        if status.daemon == "looking":
            return Content.styled("looking for Ollama", self.get_visual_style("status-bar--dim"))
        if status.daemon == "missing":
            return Content.styled("no Ollama", self.get_visual_style("status-bar--missing"))
        left = ""
        if status.has_key and status.left_usd is not None:
            from llmhub import formats
            from llmhub.core.costs.labels import Label

            left = f" · ○ {formats.usd(status.left_usd, Label.BILLED)} left"
        elif status.has_key:
            left = " · ○ key"
        return Content.assemble(
            (f"{status.place.sign} ", self.get_visual_style("status-bar--local")), f"{status.loaded} loaded{left}"
        )
