"""What is drawn when: frames of lanes fall together, last words do not wait, figures are drawn alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from llmhub.core.chat import Finished
from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.panel import PanelRow, panel_view
from llmhub.core.profiles import ProfileBook
from llmhub.core.session import LaneRun
from llmhub.core.totals import Totals
from llmhub.ui.theming import variable_defaults
from llmhub.ui.transcript import Header, Transcript
from llmhub.ui.widgets.cost_panel import CostPanel
from llmhub.ui.widgets.lane_board import LaneBoard
from support.screens import drawn

DAY = date(2026, 11, 20)


class Coloured(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults(self.current_theme)


class Lanes(Coloured):
    CSS = "Transcript { height: 10; }"

    def compose(self) -> ComposeResult:
        yield Transcript(id="a")
        yield Transcript(id="b")


async def test_lanes_that_stream_at_once_are_drawn_in_the_same_frames() -> None:
    async with Lanes().run_test(size=(60, 24)) as pilot:
        a, b = pilot.app.query(Transcript)
        for lane in (a, b):
            lane.begin_reply("r", Header())
        await pilot.pause(0.1)
        a.feed("r", "one")
        a.flush()
        b.feed("r", "two")
        b.flush()

        a.feed("r", " more")
        b.feed("r", " more")

        assert a._frame_due is not None
        assert b._frame_due is not None
        assert a._frame_due.when() == pytest.approx(b._frame_due.when(), abs=1e-6) or abs(
            a._frame_due.when() - b._frame_due.when()
        ) == pytest.approx(1 / 25)  # a grid line may have passed between the two


async def test_the_last_words_wait_neither_for_a_frame_nor_for_the_ledger() -> None:
    flushed: list[str] = []
    view = SimpleNamespace(transcript=SimpleNamespace(flush=lambda: flushed.append("drawn")))
    board = LaneBoard()
    board._views = cast("Any", {0: view})

    board.event(cast("LaneRun", SimpleNamespace(lane=0, node="n")), Finished("stop"))

    assert flushed == ["drawn"]


def row(power: str | None) -> PanelRow:
    figure = Figure(Decimal(power), Label.DECLARED) if power else Figure(None)
    return PanelRow("turn", DAY, DAY, 1, 10, figure, figure, Figure(None), 0, "", live=True)


class Panel(Coloured):
    def compose(self) -> ComposeResult:
        yield CostPanel()


async def shown(*turns: tuple[PanelRow, ...]) -> tuple[str, set[Region]]:
    """The panel after one set of turns after the other, and what the last one had painted."""
    async with Panel().run_test(size=(50, 12)) as pilot:
        panel = pilot.app.query_one(CostPanel)
        panel.view = panel_view(Totals(), ProfileBook(()), datetime(2026, 11, 20, tzinfo=UTC).date())
        painted: set[Region] = set()
        for each in turns:
            await pilot.pause()
            panel.turns = each
            painted = set(panel._repaint_regions)
        await pilot.pause()
        return drawn(pilot.app), painted


async def test_figures_that_run_are_drawn_without_the_rest_of_the_panel() -> None:
    fresh, _ = await shown((row("0.5"), row("0.25")))

    changed, painted = await shown((row("0.1"), row("0.2")), (row("0.5"), row("0.25")))

    assert changed == fresh
    assert "$0.500" in changed
    assert painted == {Region(0, 1, 50, 2)}


async def test_another_number_of_rows_or_another_hint_draws_the_whole_panel() -> None:
    unknown = replace(row(None), power=Figure(None, missing="busy_w"))
    fresh, _ = await shown((unknown,))

    changed, painted = await shown((row("0.1"),), (unknown,))
    _, fewer = await shown((row("0.1"), row("0.2")), (row("0.1"),))

    assert changed == fresh
    assert painted == fewer == {Region(0, 0, 50, 12)}
