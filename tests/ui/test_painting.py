"""What is painted with the covered left out is what Textual paints."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from llmhub.ui.painting import FrontCompositor, without

REGIONS = st.builds(Region, st.integers(0, 6), st.integers(0, 6), st.integers(1, 6), st.integers(1, 6))


def cells(region: Region) -> Iterator[tuple[int, int]]:
    return ((x, y) for y in region.line_range for x in range(region.x, region.right))


@settings(max_examples=300, deadline=None)
@given(REGIONS, REGIONS)
def test_what_is_not_covered_is_every_other_cell_once(region: Region, cover: Region) -> None:
    rest = [cell for piece in without(region, cover) for cell in cells(piece)]

    assert sorted(rest) == sorted(set(cells(region)) - set(cells(cover)))


class Square(Widget):
    """A letter, everywhere; counts the rows it was asked for."""

    def __init__(self, letter: str, name: str) -> None:
        super().__init__(id=name)
        self.letter = letter
        self.asked = 0

    def render_line(self, y: int) -> Strip:
        self.asked += 1
        return Strip([Segment(self.letter * self.size.width)], self.size.width)


class Layered(Screen[None]):
    def __init__(self, *, front: bool) -> None:
        super().__init__()
        if front:
            self._compositor = FrontCompositor()

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical():
                yield Square("l", "left")
            yield Square("r", "right")
        yield Square("o", "over")


class LayeredApp(App[None]):
    CSS = """
    Layered { layers: below above; }
    #left { width: 1fr; } #right { width: 10; border-left: solid red; }
    #over { layer: above; width: 8; height: 3; offset: 4 2; }
    Square { height: 1fr; }
    Horizontal { height: 1fr; padding: 0 1; } Vertical { height: 1fr; }
    """

    def __init__(self, *, front: bool) -> None:
        super().__init__()
        self._front = front

    def get_default_screen(self) -> Screen[None]:
        return Layered(front=self._front)


CHANGES: list[list[tuple[str, Region | None]]] = [
    [("left", None)],
    [("left", Region(3, 1, 5, 2))],
    [("over", None)],
    [("left", Region(0, 0, 20, 1)), ("right", Region(2, 8, 3, 1))],
    [("right", None), ("over", Region(1, 1, 2, 1))],
]


def on_screen(sequences: str) -> dict[tuple[int, int], str]:
    """The cells that the terminal would have changed."""
    out: dict[tuple[int, int], str] = {}
    for row, column, text in re.findall(r"\x1b\[(\d+);(\d+)H([^\n]*?)(?=\x1b\[\d+;\d+H|\n|$)", sequences):
        clean = re.sub(r"\x1b\[[\d;]*m", "", text)
        out |= {(int(column) + at, int(row)): letter for at, letter in enumerate(clean)}
    return out


async def _painted(
    changes: list[tuple[str, Region | None]], *, front: bool
) -> tuple[dict[tuple[int, int], str], dict[str, int]]:
    app = LayeredApp(front=front)
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        screen = app.screen
        for name, region in changes:
            square = screen.query_one(f"#{name}", Square)
            square.letter = square.letter.upper()
            square.refresh(*([region] if region is not None else []))
        screen._compositor.update_widgets({screen.query_one(f"#{name}") for name, _ in changes})
        asked = {square.id or "": -square.asked for square in screen.query(Square)}
        update = screen._compositor.render_update(screen_stack=[screen])
        asked = {square.id or "": square.asked + asked[square.id or ""] for square in screen.query(Square)}
        assert isinstance(update, ChopsUpdate)
        return on_screen(update.render_segments(app.console)), asked


@pytest.mark.parametrize("changes", CHANGES, ids=["all", "a part", "in front", "two apart", "one on another"])
async def test_a_partial_update_is_the_same_as_textuals(changes: list[tuple[str, Region | None]]) -> None:
    ours, _ = await _painted(changes, front=True)
    theirs, _ = await _painted(changes, front=False)

    assert ours == theirs
    assert ours


async def test_nothing_that_is_covered_is_rendered() -> None:
    _, asked = await _painted([("over", None)], front=True)
    _, theirs = await _painted([("over", None)], front=False)

    assert asked["over"] == theirs["over"] > 0
    assert (asked["left"], asked["right"]) == (0, 0)
