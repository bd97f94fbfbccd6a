"""Everything the screens share that is not a screen: the daemon and its state, pulls, the ledger, the profile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from llmhub.core import booking
from llmhub.core.bench import BenchBook
from llmhub.core.budget import BudgetGuard
from llmhub.core.catalog import Catalog
from llmhub.core.cloud import CloudListing
from llmhub.core.cloud_watch import CloudState, CloudWatch
from llmhub.core.daemon_start import StartAdvice
from llmhub.core.errors import LLMHubError
from llmhub.core.experience import Experience
from llmhub.core.first_models import FirstModels
from llmhub.core.host_jobs import HostJobs
from llmhub.core.lanes import LaneGate
from llmhub.core.memory import MemoryState
from llmhub.core.model_use import ModelUse, model_uses
from llmhub.core.names import name_key
from llmhub.core.ports import Backend, ChatStore, CloudHost, Ledger, ModelHost, OfflineSwitch, Registry
from llmhub.core.price_book import PriceBook, PriceSnapshot
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.pull_check import Surroundings
from llmhub.core.pull_queue import Pull, PullQueue
from llmhub.core.pulling import Pulling
from llmhub.core.reconcile import Reconciler
from llmhub.core.sizing.advisor import Advisor
from llmhub.core.sizing.disk import ModelsFolder
from llmhub.core.sizing.facts import EngineSettings
from llmhub.core.sizing.predictions import Prediction, PredictionBook
from llmhub.core.sizing.speeds import Chip
from llmhub.core.totals import Totals
from llmhub.core.turns import Turn
from llmhub.core.watch import HostState, HostWatch

log = logging.getLogger(__name__)


def local_now() -> datetime:
    """The moment, aware, in this machine's zone."""
    return datetime.now().astimezone()


class AppMemory(Protocol):
    """What the app remembers between two runs (the model used last, the cost panel): small, and never needed."""

    def get(self, key: str) -> Any:
        """What was remembered, or `None`."""

    def set(self, key: str, value: Any) -> None:
        """Remember; returns at once and never raises."""


@dataclass(slots=True)
class _NoSwitch:
    """A switch that moves nothing, for services that reach nobody."""

    offline: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """What bootstrap made, ready to be used."""

    host: ModelHost
    registry: Registry
    ledger: Ledger
    chats: ChatStore
    memory: Callable[[], Awaitable[MemoryState | None]]
    app_memory: AppMemory
    profiles: ProfileBook
    """Every version of the assumption profile so far; the newest is in force."""
    save_profile: Callable[[dict[str, str]], Awaitable[Profile]]
    """Set some keys of the profile; returns the new version. Raises `ConfigError`."""
    default_context: int
    default_max_tokens: int
    catalog: Catalog | None = None
    """What can be pulled and what is in it; `None` where nothing is looked up."""
    chip: Callable[[], Awaitable[Chip | None]] | None = None
    """What models run on here, from the table of chips; `None` where nobody can say. Asked once."""
    engine: EngineSettings = field(default_factory=EngineSettings)
    """Type of the daemon's KV cache, as far as its settings can be seen from here."""
    models_folder: Callable[[], Awaitable[ModelsFolder | None]] | None = None
    """Where the daemon keeps its models; `None` where nothing of its disk can be seen from here."""
    cloud: CloudHost | None = None
    """The provider that bills by the token; `None` where nothing but the local daemon is wanted."""
    save_key: Callable[[str], Awaitable[None]] | None = None
    """Keep a key in the keyring. Raises `ConfigError`."""
    kept_listing: Callable[[], Awaitable[CloudListing]] | None = None
    """The provider's list as it is kept on this disk; asks nobody."""
    find_key: Callable[[], Awaitable[object]] | None = None
    """Look for the key where nobody has done so yet; `cloud.has_key` is true then when there is one. Raises nothing."""
    prices: PriceBook = field(default_factory=PriceBook)
    """Every price list that turns were worked out with so far."""
    keep_price: Callable[[PriceSnapshot], Awaitable[None]] | None = None
    """Keep a price list in the ledger."""
    predictions: PredictionBook = field(default_factory=PredictionBook)
    """What was predicted for loads and what the daemon then said, of every machine."""
    keep_prediction: Callable[[Prediction], Awaitable[None]] | None = None
    """Keep a prediction in the ledger."""
    benches: BenchBook = field(default_factory=BenchBook)
    """What `llmhub bench` measured, on every machine."""
    switch: OfflineSwitch = field(default_factory=_NoSwitch)
    """The one offline switch; the transport reads it at every request."""
    day_budget_usd: Decimal | None = None
    month_budget_usd: Decimal | None = None
    machine_id: str | None = None
    demo: bool = False
    offline: bool = False
    problems: tuple[LLMHubError, ...] = ()
    """What was found wrong at the start (config, themes, data folder), to be told once."""
    notices: Callable[[], Sequence[LLMHubError]] = tuple
    """What was found wrong with the ledger or the chats since it was asked last, to be told once."""
    troubles: Callable[[], Sequence[LLMHubError]] = tuple
    """Why the ledger or the chats cannot be written at present; nothing when all is well."""
    start_advice: StartAdvice | None = None
    """How a daemon that does not answer is installed or started here."""
    clock: Callable[[], float] = monotonic
    """Monotonic seconds."""
    now: Callable[[], datetime] = local_now
    """The moment, aware, in the person's zone."""
    exports: Path | None = None
    """Folder for files the person asks for."""


Listener = Callable[[], None]


class Hub:
    """Owns the state that outlives screens; calls listeners when it changes."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.gate = LaneGate()
        self.state = HostState(services.host.name, services.host.url, services.host.place)
        self.memory_state: MemoryState | None = None
        self.profiles = services.profiles
        self.prices = services.prices
        self.experience = Experience(
            services.machine_id or services.host.url,
            services.predictions,
            services.benches,
            state=lambda: self.state,
            memory=lambda: self.memory_state,
            advisor=lambda: self.advisor,
            uses=lambda: self.uses,
            now=services.now,
            keep=self._compared,
        )
        self.watch = HostWatch(services.host, self._looked, self.experience.looked)
        self.cloud_watch = (
            CloudWatch(services.cloud, services.switch, self._cloud_looked) if services.cloud is not None else None
        )
        self.budget = BudgetGuard(
            services.day_budget_usd,
            services.month_budget_usd,
            totals=lambda: self.totals,
            today=lambda: services.now().date(),
        )
        self.settled: dict[str, Turn] = {}
        """Turns whose late bills have come since the start, by id: what shows them takes these."""
        self._reconciler = (
            Reconciler(
                services.cloud,
                services.ledger,
                estimated=lambda turn: booking.with_estimate(turn, self.prices),
                settled=self._bill_came,
            )
            if services.cloud is not None
            else None
        )
        self.advisor = Advisor(
            services.host,
            state=lambda: self.state,
            memory=lambda: self.memory_state,
            changed=self.changed,
            spawn=self.spawn,
            default_context=services.default_context,
            measured=self.experience.speed,
            correction=self.experience.correction_bytes,
        )
        self.advisor.engine = services.engine
        self.first_models = FirstModels(services.catalog.shipped if services.catalog is not None else None)
        """What is offered where the daemon has no model."""
        self._chip_wanted = True
        self._uses: tuple[Totals, dict[str, ModelUse]] | None = None
        self._listeners: list[Listener] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self.pulls = PullQueue(
            services.host,
            services.registry,
            spawn=self.spawn,
            settle=self._pulled,
            remember=lambda names: services.app_memory.set("pulls", list(names)),
        )
        self.pulling = Pulling(
            self.pulls,
            services.catalog,
            self._surroundings,
            is_offline=lambda: services.switch.offline,
            spawn=self.spawn,
            changed=self.changed,
            clock=services.clock,
        )
        self.jobs = HostJobs(
            services.host,
            state=lambda: self.state,
            look=self.watch.look,
            changed=self.changed,
            default_context=services.default_context,
        )

    @property
    def cloud_state(self) -> CloudState:
        """What is known of the provider."""
        if self.cloud_watch is None:
            return CloudState(offline=self.services.switch.offline)
        return self.cloud_watch.state

    def backend(self, name: str) -> Backend:
        """The backend of a lane; the local daemon for a name that nobody has."""
        cloud = self.services.cloud
        return cloud if cloud is not None and name == cloud.name else self.services.host

    def is_cloud(self, name: str) -> bool:
        """Whether a lane's backend bills by the token."""
        return self.services.cloud is not None and name == self.services.cloud.name

    def turn_ended(self, backend: str) -> None:
        """A reply of that backend has ended: what it changed is looked at."""
        if self.is_cloud(backend):
            if self.cloud_watch is not None:
                self.spawn(self.cloud_watch.look_at_key())
            self.ask_for_bills()
        else:
            self.watch.poke()

    def ask_for_bills(self) -> None:
        """Ask for the bills that have not come, in the background; a bill nobody knows yet stays pending."""
        if self._reconciler is not None and not self.services.switch.offline:
            self.spawn(self._reconciler.run())

    def set_offline(self, offline: bool) -> None:
        """Move the offline switch; it acts in the transport, at once."""
        self.services.switch.offline = offline
        if self.cloud_watch is not None:
            self.cloud_watch.switched()
        self.changed()

    @property
    def profile(self) -> Profile:
        """The version of the profile that is in force."""
        return self.profiles.newest

    @property
    def totals(self) -> Totals:
        """Sums over all turns."""
        return self.services.ledger.totals

    @property
    def uses(self) -> dict[str, ModelUse]:
        """What the ledger knows of each model of the daemon, by `names.name_key`; worked out once for each totals."""
        totals = self.totals
        if self._uses is None or self._uses[0] is not totals:
            self._uses = (totals, model_uses(totals, self.state.name))
        return self._uses[1]

    @property
    def predictions(self) -> PredictionBook:
        """What was predicted for loads on this machine, and what the daemon then said."""
        return self.experience.predictions

    def _compared(self, prediction: Prediction) -> None:
        if self.services.keep_prediction is not None:
            self.spawn(self.services.keep_prediction(prediction))
        self.changed()

    def ask_pull(
        self, name: str, origin: str = "", *, key: str = "", queued: Callable[[Pull], object] | None = None
    ) -> None:
        """Pull `name`, its verdict first; see `Pulling.ask`. Every way to a pull on a screen leads through here."""
        self.pulling.ask(name, origin, key=key, queued=queued)

    async def _surroundings(self) -> Surroundings:
        services = self.services
        memory = self.memory_state if self.memory_state is not None else await services.memory()
        return Surroundings(
            memory,
            self.advisor.holders(),
            frozenset(name_key(model.name) for model in self.state.installed),
            await services.models_folder() if services.models_folder is not None else None,
            self.advisor.engine,
            services.default_context,
        )

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each change; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def changed(self) -> None:
        """Tell everybody. A listener that fails is logged: it ends neither the watch that told it nor the others."""
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                log.exception("a listener failed")

    def note_prices(self, models: Iterable[tuple[str, bool]]) -> None:
        """Note today's prices of what a prompt goes to, and of what its local models are compared with.

        Args:
            models: The lanes' models, each with whether it is a provider's.
        """
        listing = self.cloud_state.listing
        wanted = booking.models_to_price(models, listing, self.profile, self.state.installed)
        self.prices, new = self.prices.noting(listing, wanted, self.services.now().astimezone(UTC))
        if self.services.keep_price is not None:
            for snapshot in new:
                self.spawn(self.services.keep_price(snapshot))

    def complete(self, turn: Turn) -> Turn:
        """Add what no backend knows: energy by the declared watts, the price list, the comparison with the cloud."""
        return booking.complete(
            turn,
            self.profiles,
            self.prices,
            self.cloud_state.listing,
            totals=self.totals,
            installed=self.state.installed,
        )

    def start(self) -> None:
        """Begin to watch the daemon; pulls that were unfinished when llmhub was closed are there again, paused."""
        left = self.services.app_memory.get("pulls")
        if isinstance(left, list):
            self.pulls.restore(str(name) for name in left if name)
        self.spawn(self.watch.run())
        if self.services.cloud is not None:
            self.spawn(self._meet_cloud())

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine in the background, held until it ends; the loop's handler is told of a failure."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Stop what runs in the background."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def set_profile(self, values: dict[str, str]) -> None:
        """Declare keys of the profile; what was booked before keeps its own version."""
        self.profiles = self.profiles.with_version(await self.services.save_profile(values))
        self.changed()

    async def _pulled(self, _name: str) -> None:
        await self.watch.look()

    async def _meet_cloud(self) -> None:
        """With a key: what it may spend, the price list, and bills that an earlier run left open. Without: nothing."""
        if self.cloud_watch is None:
            return
        if self.services.kept_listing is not None:
            self.cloud_watch.remember(await self.services.kept_listing())
        if self.services.find_key is not None and self._cloud_was_used:
            await self.services.find_key()  # the keyring may ask its owner something: not where nobody uses the cloud
        self.cloud_watch.switched()
        if self.cloud_state.has_key and not self.cloud_state.offline:
            self.ask_for_bills()
            await self.cloud_watch.look()

    @property
    def _cloud_was_used(self) -> bool:
        """Whether a cloud lane was ever opened here, or a bill is missing."""
        if self.services.app_memory.get("cloud_lane_opened"):
            return True
        return any(sums.pending_turns for _, sums in self.totals.buckets)

    def _bill_came(self, turn: Turn) -> None:
        self.settled[turn.id] = turn
        self.changed()

    def _cloud_looked(self, _state: CloudState) -> None:
        self.changed()

    def _looked(self, state: HostState) -> None:
        self.state = state
        self.advisor.looked()
        self.spawn(self._measure())
        self.changed()

    async def _measure(self) -> None:
        self.memory_state = await self.services.memory()
        if self._chip_wanted and self.services.chip is not None:
            self._chip_wanted = False
            self.advisor.chip = await self.services.chip()
        self.changed()
