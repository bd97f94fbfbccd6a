"""Keeps the cost panel true: live while replies stream, at rest this chat, today and the month."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llmhub import formats
from llmhub.core.asking import reply_turn
from llmhub.core.booking import ratios_for
from llmhub.core.costs.avoided import prefix_cache
from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.live import NO_PRICES, LiveCost, LivePrices, LiveView
from llmhub.core.costs.panel import (
    PanelRow,
    PanelView,
    explain_turn_cash,
    explain_turn_cloud,
    explain_turn_power,
    explain_turn_with_machine,
    live_row,
    panel_view,
    turn_row,
)
from llmhub.core.costs.spending import buckets_of, power_per_m
from llmhub.core.costs.turn import local_moment, turn_cost
from llmhub.core.places import PlaceKind
from llmhub.core.reference_models import LocalModel, reference_for
from llmhub.core.session import ChatSession, LaneRun
from llmhub.core.turns import Turn

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen


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
        self._live[run.node] = LiveCost(
            hub.profiles,
            run.place,
            started=now.time(),
            day=now.date(),
            prices=self._live_prices(run, now),
            at_utc=now.astimezone(UTC).time(),
        )
        self._runs[run.lane] = run
        self.draw()

    def ended(self, run: LaneRun) -> None:
        """The turn as it was booked takes the place of the running figures."""
        if run.turn is not None:
            self._chat_turns[run.turn.id] = run.turn
            if (live := self._live.get(run.node)) is not None:
                live.settle(run.turn, self._screen.hub.prices if self._screen.hub else None)
        self.rest()

    def words_of(self, turn: Turn | None, run: LaneRun | None) -> str:
        """The right half of a metrics line: what it costs, both ways."""
        if run is not None and run.running:
            if run.meter is None or run.place.kind is PlaceKind.OLLAMA_CLOUD:
                return ""
            view = self._tick(run)
            if view is None:
                return ""
            if not run.place.is_local:
                return f"{formats.usd(view.cloud)} so far" if view.cloud.known else "the bill follows"
            return cost_words(view.power, view.with_machine, view.cloud, room=self._room)
        if turn is None or self._screen.hub is None:
            return ""
        cost = turn_cost(turn, self._screen.hub.profiles, self._screen.hub.prices)
        if not turn.place.is_local:
            return cloud_words(turn, cost.cloud)
        return cost_words(cost.power, cost.with_machine, cost.cloud, room=self._room)

    def rest(self) -> None:
        """Work the sums out again and draw."""
        hub = self._screen.hub
        if hub is None:
            return
        for turn_id in self._chat_turns.keys() & hub.settled.keys():
            self._chat_turns[turn_id] = hub.settled[turn_id]
        for run in self._runs.values():
            if run.turn is not None:
                run.turn = hub.settled.get(run.turn.id, run.turn)
        self._resting = panel_view(
            hub.totals,
            hub.profiles,
            hub.services.now().date(),
            chat=buckets_of(self._chat_turns.values()),
            machine=hub.services.machine_id,
            prices=hub.prices,
        )
        self.draw()

    def explained(self, turn: Turn) -> list[tuple[str, str]]:
        """How the cost of a turn was worked out, as lines."""
        hub = self._screen.hub
        if hub is None:
            return []
        explained = []
        if turn.place.is_local:
            explained += [explain_turn_power(turn, hub.profiles), explain_turn_with_machine(turn, hub.profiles)]
        explained += [
            explain_turn_cloud(turn, hub.profiles, hub.prices),
            explain_turn_cash(turn, hub.profiles, hub.prices),
        ]
        return [("", line) for each in explained for line in ("", *formats.explanation(each))]

    def explained_periods(self) -> list[tuple[str, str]]:
        """How the figures of this chat, today and the month were worked out, as lines."""
        if self._resting is None:
            return []
        explained = [each for row in self._resting.rows for _, each in row.explained]
        return [("", line) for each in explained for line in (*formats.explanation(each), "")]

    @property
    def _room(self) -> int:
        """Columns for the right half of a metrics line."""
        return self._screen.lane_cells - 2

    def _live_prices(self, run: LaneRun, now: datetime) -> LivePrices:
        """The price list that a running reply is followed with: its own model's, or its reference's."""
        hub, session = self._screen.hub, self._screen.session
        if hub is None or session is None:
            return NO_PRICES
        sent = sum(len(message.text.encode()) for message in session.chat.messages(run.lane, run.question))
        at = now.astimezone(UTC)
        if hub.is_cloud(run.setup.backend):
            return LivePrices(hub.prices.in_force(run.setup.model, at), sent, local_usd_per_m=self._local_per_m())
        local_model = LocalModel.of(run.setup.model, hub.state.installed)
        reference = reference_for(local_model, hub.cloud_state.listing, hub.profile)
        if reference is None:
            return LivePrices(prompt_bytes=sent)
        ratios = ratios_for(reference, run.setup.model, hub.totals, now.date())
        cache = prefix_cache(session.turn_context(run), hub.profile)
        return LivePrices(hub.prices.in_force(reference.model, at), sent, ratios, cache)

    def _local_per_m(self) -> Figure:
        """Power of the local model beside a cloud lane, dollars per million tokens, from this month's turns."""
        hub, session = self._screen.hub, self._screen.session
        local = [s.model for s in session.chat.lanes.values() if not hub.is_cloud(s.backend)] if hub and session else []
        if hub is None or not local:
            return NO_PRICES.local_usd_per_m
        today = hub.services.now().date()
        return power_per_m(hub.totals.within(today.replace(day=1), today), hub.profiles, local[0])

    # -- inside -------------------------------------------------------------------------------

    def _tick(self, run: LaneRun) -> LiveView | None:
        live, meter = self._live.get(run.node), run.meter
        if live is None:
            return None
        return live.tick(round(meter.elapsed_s * 1000), meter.pieces) if meter is not None else live.view

    def draw(self) -> None:
        """Give the panel its rows; once a tick, however many lanes run."""
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
                rows.append(turn_row(run.turn, hub.profiles, hub.prices))
        if not rows and self._chat_turns:
            last = max(self._chat_turns.values(), key=local_moment)
            rows.append(turn_row(last, hub.profiles, hub.prices))
        return rows


def cost_words(power: Figure, with_machine: Figure, cloud: Figure, *, room: int) -> str:
    """`~$0.0000300 power ~$0.000534 with machine ○ ~$0.000366`; the rest as there is room."""
    both = f"{formats.usd(power)} power {formats.usd(with_machine)} "
    compared = f" ○ {formats.usd(replace(cloud, low=None, high=None))}" if cloud.known else ""
    for words in (f"{both}with machine{compared}", f"{both}with machine", f"{both}machine{compared}", f"{both}machine"):
        if formats.cells(words) <= room:
            return words
    return f"{both}machine"


def cloud_words(turn: Turn, cloud: Figure) -> str:
    """What a turn elsewhere costs: its bill, our estimate until it comes, or that a plan pays for it."""
    if turn.place.kind is PlaceKind.OLLAMA_CLOUD:
        return "billed by plan"
    if not cloud.known:
        return "the bill has not come yet" if cloud.pending else formats.UNKNOWN
    return formats.usd(cloud) + (" billed" if cloud.label is Label.BILLED else "")
