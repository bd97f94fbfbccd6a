"""One line to type into, with its own two keys on the key line."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

_CSS = """
    {name} {{
        display: none;
        &, &:focus {{ border: none; height: 1; padding: 0 1; background: $boost; }}
        &.-asked {{ display: block; }}
    }}
"""


class FilterLine(Input):
    """Letters of the names to show."""

    DEFAULT_CSS = _CSS.format(name="FilterLine")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep it", id="filter.keep", tooltip="Go into the list", key_display="enter"),
        Binding("escape", "screen.back", "show all", id="filter.clear", tooltip="Show every model", key_display="esc"),
    ]


class PullNameLine(Input):
    """The name of a model to pull."""

    DEFAULT_CSS = _CSS.format(name="PullNameLine")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "pull it", id="pull_name.pull", tooltip="Pull this model", key_display="enter"),
        Binding(
            "right",
            "cursor_right",
            "complete",
            id="pull_name.complete",
            tooltip="Take the name that is shown dim",
            key_display="→",
        ),
        Binding("escape", "screen.back", "leave it", id="pull_name.leave", tooltip="Pull nothing", key_display="esc"),
    ]


class TurnFilterLine(Input):
    """Words of the turns to show."""

    DEFAULT_CSS = _CSS.format(name="TurnFilterLine")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep it", id="turns.keep", tooltip="Go into the turns", key_display="enter"),
        Binding("escape", "screen.back", "show all", id="turns.clear", tooltip="Show every turn", key_display="esc"),
    ]
