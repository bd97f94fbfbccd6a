"""Keeps the cost panel true: live while replies stream, at rest this chat, today and the month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmhub import formats
from llmhub.core.asking import reply_turn
from llmhub.core.costs.labels import Figure
from llmhub.core.costs.live import LiveCost, LiveView
from llmhub.core.costs.panel import (
    PanelRow,
    PanelView,
    explain_turn_power,
    explain_turn_with_machine,
    live_row,
    panel_view,
    turn_row,
)
from llmhub.core.costs.spending import buckets_of
from llmhub.core.costs.turn import local_moment
from llmhub.core.session import ChatSession, LaneRun
from llmhub.core.turns import Turn

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen


SHORT_CELLS = 44
"""Lanes narrower than this say "machine" for "with machine", so that both figures stay on one line."""


class PanelKeeper:
    """One per chat screen. Rows of running turns are worked out at each tick, everything else when it changed."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._live: dict[str, LiveCost] = {}
        self._runs: dict[int, LaneRun] = {}
        self._chat_turns: dict[str, Turn] = {}
        self._resting: PanelView | None = None

    def opened(self, session: ChatSession) -> None:
        """Another chat is open: its turns are those of its replies."""
        turns = (reply_turn(node) for node in session.chat.nodes.values())
        self._chat_turns = {turn.id: turn for turn in turns if turn is not None}
        self._live.clear()
        self._runs.clear()
        self.rest()

    def began(self, run: LaneRun) -> None:
        """A reply is on its way."""
        hub = self._screen.hub
        if hub is None:
            return
        now = hub.services.now()
        self._live[run.node] = LiveCost(hub.profiles, run.place, started=now.time(), day=now.date())
        self._runs[run.lane] = run
        self._draw()

    def ended(self, run: LaneRun) -> None:
        """The turn as it was booked takes the place of the running figures."""
        if run.turn is not None:
            self._chat_turns[run.turn.id] = run.turn
            if (live := self._live.get(run.node)) is not None:
                live.settle(run.turn)
        self.rest()

    def words_of(self, turn: Turn | None, run: LaneRun | None) -> str:
        """The right half of a metrics line: what it costs, both ways."""
        if run is not None and run.running:
            if run.meter is None or not run.place.is_local:
                return ""
            view = self._tick(run)
            self._draw()
            return "" if view is None else cost_words(view.power, view.with_machine, short=self._narrow)
        if turn is None or self._screen.hub is None:
            return ""
        if not turn.place.is_local:
            return f"{turn.place.sign} {turn.place.words}: billed by plan" if turn.billed.raw is None else ""
        row = turn_row(turn, self._screen.hub.profiles)
        return cost_words(row.power, row.with_machine, short=self._narrow)

    def rest(self) -> None:
        """Work the sums out again and draw."""
        hub = self._screen.hub
        if hub is None:
            return
        self._resting = panel_view(
            hub.totals,
            hub.profiles,
            hub.services.now().date(),
            chat=buckets_of(self._chat_turns.values()),
            machine=hub.services.machine_id,
        )
        self._draw()

    def explained(self, turn: Turn) -> list[tuple[str, str]]:
        """How the cost of a turn was worked out, as lines."""
        hub = self._screen.hub
        if hub is None or not turn.place.is_local:
            return []
        explained = (explain_turn_power(turn, hub.profiles), explain_turn_with_machine(turn, hub.profiles))
        return [("", line) for each in explained for line in ("", *formats.explanation(each))]

    def explained_periods(self) -> list[tuple[str, str]]:
        """How the figures of this chat, today and the month were worked out, as lines."""
        if self._resting is None:
            return []
        explained = [each for row in self._resting.rows for _, each in row.explained]
        return [("", line) for each in explained for line in (*formats.explanation(each), "")]

    @property
    def _narrow(self) -> bool:
        return self._screen.lane_cells < SHORT_CELLS

    # -- inside -------------------------------------------------------------------------------

    def _tick(self, run: LaneRun) -> LiveView | None:
        live, meter = self._live.get(run.node), run.meter
        if live is None:
            return None
        return live.tick(round(meter.elapsed_s * 1000), meter.pieces) if meter is not None else live.view

    def _draw(self) -> None:
        panel, view = self._screen.panel, self._resting
        if view is None or not panel.display:
            return
        panel.turns = tuple(self._turn_rows())
        panel.view = view
        hub = self._screen.hub
        panel.unsaved = hub.totals.unsaved_turns if hub is not None else 0

    def _turn_rows(self) -> list[PanelRow]:
        hub = self._screen.hub
        if hub is None:
            return []
        today = hub.services.now().date()
        rows = []
        for _, run in sorted(self._runs.items()):
            live = self._live.get(run.node)
            if run.running and live is not None:
                rows.append(live_row(live.view, run.place, today))
            elif run.turn is not None:
                rows.append(turn_row(run.turn, hub.profiles))
        if not rows and self._chat_turns:
            last = max(self._chat_turns.values(), key=local_moment)
            rows.append(turn_row(last, hub.profiles))
        return rows


def cost_words(power: Figure, with_machine: Figure, *, short: bool = False) -> str:
    """`~$0.0000300 power ~$0.000534 with machine`; `short` for a lane of less than 44 columns."""
    return f"{formats.usd(power)} power {formats.usd(with_machine)} {'' if short else 'with '}machine"
