"""The pane below the models: does the selected one fit, and what does it take?"""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from llmhub.ui.models.pane import Line, PaneView, pane_lines


class FitPane(Widget):
    """Set `view`. The stacked bar, its legend, the verdict; more lines where there is more height."""

    PARTS: ClassVar[tuple[str, ...]] = (
        "name",
        "dim",
        "weights",
        "state",
        "compute",
        "projector",
        "room",
        "tick",
        "fits",
        "almost",
        "not",
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"fit-pane--{part}" for part in PARTS}
    DEFAULT_CSS = """
    FitPane {
        padding: 0 1;
        border-top: solid $foreground 20%;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        & > .fit-pane--name { text-style: bold; }
        & > .fit-pane--dim { color: $foreground-muted; }
        & > .fit-pane--weights { color: $primary; }
        & > .fit-pane--state { color: $accent; }
        & > .fit-pane--compute { color: $secondary; }
        & > .fit-pane--projector { color: $foreground; }
        & > .fit-pane--room { color: $foreground 40%; }
        & > .fit-pane--tick { color: $foreground; text-style: bold; }
        & > .fit-pane--fits { color: $text-success; }
        & > .fit-pane--almost { color: $text-warning; }
        & > .fit-pane--not { color: $text-error; }
    }
    """

    view: reactive[PaneView | None] = reactive(None)

    def render(self) -> Content:
        """As many lines as there is height for."""
        if self.view is None:
            return Content("")
        lines = pane_lines(self.view, self.content_size.width, self.content_size.height)
        return Content("\n").join(self._drawn(line) for line in lines)

    def _drawn(self, line: Line) -> Content:
        return Content.assemble(
            *(
                (text, self.get_visual_style(f"fit-pane--{part}", partial=True)) if part else Content(text)
                for text, part in line
            )
        )
