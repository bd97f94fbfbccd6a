"""The Costs mode over fakes: turns of three places, and the keys a person presses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from llmhub.core.chat import Durations, Usage
from llmhub.core.costs.turn import with_energy
from llmhub.core.hub import Hub
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE, Place, PlaceKind
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.turns import PICO, BilledFacts, Turn, TurnContext, TurnStatus
from llmhub.ui.screens.costs import CostsScreen
from llmhub.ui.theming import variable_defaults
from llmhub.ui.widgets.line_table import LineTable
from support.chat_mode import DECLARED, NOW
from support.fake_host import FakeHost, installed_model
from support.fake_ledger import FakeLedger
from support.hubs import hub_of
from support.screens import drawn, until

GROQ = Place(PlaceKind.PROVIDER, "Groq")
NOVEMBER = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def local_turn(number: int = 1, at: datetime = NOVEMBER, model: str = "qwen3:8b", **changes: Any) -> Turn:
    """A turn of this machine with the energy that the declared profile gives it."""
    turn = Turn(
        id=f"t{number:06}",
        started_at=at,
        utc_offset_min=0,
        status=TurnStatus.COMPLETE,
        reason=None,
        context=TurnContext("c1", 0, f"g{number}", number, "ollama", THIS_MACHINE, profile_id="p1"),
        model=model,
        tokens=Usage(1200, 412, source="daemon"),
        durations=Durations(9_900_000_000, 0, 1_100_000_000, 8_728_813_559),
    )
    return with_energy(replace(turn, **changes), DECLARED)


def cloud_turn(number: int, at: datetime = NOVEMBER, billed: str | None = "0.000310", **changes: Any) -> Turn:
    """A turn that Groq served; its bill has come, or not."""
    facts = BilledFacts(reconciled="pending")
    if billed is not None:
        facts = BilledFacts({"cost": billed}, reconciled="stream", pico_usd=int(Decimal(billed) * PICO))
    turn = local_turn(number, at, "openai/gpt-oss-120b")
    context = replace(turn.context, backend_name="openrouter", place=GROQ, lane=1)
    made = replace(turn, context=context, energy=type(turn.energy)(), billed=facts, durations=Durations())
    return replace(made, **changes)


def ollama_cloud_turn(number: int, at: datetime = NOVEMBER) -> Turn:
    """A turn behind the daemon that ran in Ollama's cloud."""
    turn = local_turn(number, at, "gpt-oss:120b-cloud")
    return replace(turn, context=replace(turn.context, place=OLLAMA_CLOUD), energy=type(turn.energy)())


def some_turns() -> list[Turn]:
    """Two months of a little of everything, the oldest first."""
    october = datetime(2026, 10, 12, 9, 30, tzinfo=UTC)
    return [
        local_turn(1, october),
        local_turn(2, NOVEMBER - timedelta(days=9), "llama3.2:3b", status=TurnStatus.CANCELLED),
        local_turn(3, NOVEMBER - timedelta(days=1)),
        cloud_turn(4, NOVEMBER - timedelta(hours=3)),
        local_turn(5, NOVEMBER - timedelta(hours=2), status=TurnStatus.ERROR, reason="out of memory"),
        cloud_turn(6, NOVEMBER - timedelta(hours=1), billed=None),
        local_turn(7),
    ]


class Other(Screen[None]):
    """Another mode."""


class Bench(App[None]):
    """An app whose one mode is Costs."""

    MODES: ClassVar[dict[str, Any]] = {"costs": CostsScreen, "chat": Other}
    DEFAULT_MODE = "costs"
    COMMANDS: ClassVar[set[Any]] = set()
    BINDINGS: ClassVar[list[Any]] = [Binding("f1", "help", "help", show=False)]
    demo = False
    offline = False

    def get_theme_variable_defaults(self) -> dict[str, str]:
        theme = self.get_theme(self.theme)
        return variable_defaults(theme) if theme is not None else {}


@dataclass
class CostsStand:
    """Everything a test holds in its hands."""

    app: Bench
    pilot: Pilot[None]
    screen: CostsScreen
    hub: Hub
    ledger: FakeLedger

    @property
    def text(self) -> str:
        """The screen as text."""
        return drawn(self.app)

    @property
    def ids(self) -> list[str]:
        """The turns that the table holds."""
        return [booked.turn.id for booked in self.screen.turns.rows]

    @property
    def under(self) -> str:
        """The turn under the cursor."""
        row = self.screen.turns.row
        assert row is not None
        return str(row.turn.id)

    def table(self, name: str) -> LineTable:
        """One of the three tables."""
        return self.screen.query_one(f"#{name}", LineTable)

    async def until_ids(self, *wanted: str) -> None:
        """Wait until the table holds these turns."""
        await until(self.pilot, lambda: self.ids == list(wanted), f"{wanted} in the table")

    async def press(self, *keys: str) -> None:
        """Press keys, and let the app go on."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def filter(self, text: str) -> None:
        """Ask for a filter and type it, at once: a key at a time takes long."""
        await self.press("slash")
        asked = self.app.focused
        assert isinstance(asked, Input)
        asked.insert_text_at_cursor(text)
        await self.pilot.pause()


@asynccontextmanager
async def costs_mode(
    turns: Iterable[Turn] = (), size: tuple[int, int] = (120, 40), profile: Profile | None = DECLARED, **changes: Any
) -> AsyncIterator[CostsStand]:
    """The Costs mode over a ledger of `turns`."""
    ledger = FakeLedger()
    ledger.turns.extend(turns)
    host = FakeHost(installed_model("qwen3:8b"))
    host.loaded_as("qwen3:8b")
    book = ProfileBook(() if profile is None else (profile,))
    hub = hub_of(host, **({"ledger": ledger, "profiles": book, "now": lambda: NOW} | changes))
    app = Bench()
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        screen = app.screen
        assert isinstance(screen, CostsScreen)
        await hub.watch.look()
        screen.connect(hub)
        screen.turns.focus()
        expected = sum(1 for turn in ledger.turns if f"{turn.started_at:%Y-%m}" == "2026-11")
        await until(pilot, lambda: ledger.pages and len(screen.turns.rows) == min(expected, 200), "the turns")
        await until(pilot, lambda: hub.memory_state is not None, "the memory")
        yield CostsStand(app, pilot, screen, hub, ledger)
        await hub.stop()
