"""Everything llmhub reaches, made when it is first asked for and joined here.

Rooms are imported where they are needed: the app's first frame waits for none of them, a command only for its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from types import TracebackType
from typing import TYPE_CHECKING, Any

from llmhub.bootstrap.outside import Outside
from llmhub.core.errors import LLMHubError
from llmhub.core.places import THIS_MACHINE
from llmhub.settings.config import Settings
from llmhub.settings.places import Places

if TYPE_CHECKING:
    from llmhub.chats.files import ChatFiles
    from llmhub.core.bench import Bench, BenchBook
    from llmhub.core.budget import BudgetGuard
    from llmhub.core.cloud import CloudListing
    from llmhub.core.hub import Services
    from llmhub.core.models import InstalledModel
    from llmhub.core.price_book import PriceBook, PriceSnapshot
    from llmhub.core.profiles import Profile, ProfileBook
    from llmhub.core.sizing.predictions import Prediction, PredictionBook
    from llmhub.core.turns import Turn
    from llmhub.ledger.books import BookKeeper
    from llmhub.ui.theming import Themes

log = logging.getLogger(__name__)
BILLS_S = 4.0
"""The longest that a command waits for bills; what has not come is asked for another time."""
UNSAVED = "{count} could not be saved: {why}. To find out more: llmhub doctor"


class World(Outside):
    """Everything llmhub reaches, made when it is first asked for; an async context manager that closes what was made.

    Args:
        settings: What the person set, and what was wrong with it.
        places: Folders on this disk.
        environ: Variables for proxies and for the key.
        demo: Whether simulators stand for the outside.
    """

    def __init__(self, settings: Settings, places: Places, environ: Mapping[str, str], *, demo: bool = False) -> None:
        super().__init__(settings, places, environ, demo=demo)
        self.problems: list[LLMHubError] = list(settings.problems)
        """What was found wrong so far; a command tells it, the app shows it once."""
        self.machine_id: str | None = None
        """Known once the ledger is open; `None` when the daemon is on another machine."""
        self.farewell: tuple[str, ...] = ()
        """What could not be saved, in words, once it is closed."""
        self.found_themes: Themes | None = None
        """Known once it is connected."""
        self._profiles: ProfileBook | None = None
        self._prices: PriceBook | None = None
        self._predictions: PredictionBook | None = None
        self._benches: BenchBook | None = None
        self._listing: CloudListing | None = None
        self._installed: Sequence[InstalledModel] = ()
        self._books: BookKeeper | None = None
        self._chats: ChatFiles | None = None

    async def __aenter__(self) -> World:
        self.problems += await asyncio.to_thread(self._prepare)
        return self

    def _prepare(self) -> list[LLMHubError]:
        """Make the folders, and a log where there is none: Python writes to the terminal what nobody takes."""
        problems: list[LLMHubError] = [*self.places.make()]
        if not logging.getLogger().handlers:
            from llmhub.settings.logs import start_log

            start_log(self.places.log_file)
        return problems

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.farewell = await self.close()

    async def close(self) -> tuple[str, ...]:
        """Drain the ledger and the chats, close connections; what could not be saved, in words for the terminal."""
        left: list[str] = []
        if self._books is not None:
            books, self._books = self._books, None
            closing = await books.aclose()
            if closing.unsaved:
                count = "1 turn" if len(closing.unsaved) == 1 else f"{len(closing.unsaved)} turns"
                left.append(UNSAVED.format(count=count, why=_why(books.problem)))
            elif not closing.in_time:
                left.append(
                    "The ledger did not finish in time; turns that were under way are settled at the next start."
                )
        if self._chats is not None:
            chats, self._chats = self._chats, None
            if lost := await chats.aclose():
                left.append(UNSAVED.format(count=f"{lost} pieces of chats", why=_why(chats.problem)))
        await self.close_outside()
        return tuple(left)

    async def connect(self) -> Services:
        """Open everything the app needs; called after its first frame.

        Raises:
            ConfigError: for a proxy or an address that cannot be used.
        """
        await self.__aenter__()
        await asyncio.to_thread(self._load)
        from llmhub.bootstrap.sizing import engine_here
        from llmhub.core.hub import Services

        self.found_themes = await asyncio.to_thread(self.themes)
        self.problems += self.found_themes.problems
        ledger = await self.ledger()
        return Services(
            host=self.host,
            registry=self.registry,
            catalog=self.catalog,
            chip=self.chip,
            engine=await engine_here(self),
            ledger=ledger,
            chats=await self.chats(),
            memory=self.memory,
            models_folder=self.models_folder,
            app_memory=await self.app_memory(),
            profiles=self.profiles,
            save_profile=self.save_profile,
            default_context=self.config.chat_context,
            default_max_tokens=self.config.chat_max_tokens,
            cloud=self.cloud,
            save_key=self.save_key,
            find_key=self.keys.find,
            kept_listing=self.kept_listing,
            prices=self.prices,
            keep_price=self.keep_price,
            predictions=self.predictions,
            keep_prediction=self.keep_prediction,
            benches=self.benches,
            switch=self.switch,
            day_budget_usd=self.config.day_budget_usd,
            month_budget_usd=self.config.month_budget_usd,
            machine_id=self.machine_id,
            demo=self.demo,
            offline=self.config.offline,
            problems=tuple(self.problems),
            notices=self.notices,
            troubles=self.troubles,
            start_advice=await self.start_advice(),
            exports=self.places.exports,
        )

    def _load(self) -> None:
        """Import what `connect` needs and make the client, in a thread: on the loop the first keys would wait 0.3 s."""
        import llmhub.chats.files
        import llmhub.core.hub
        import llmhub.ledger.books
        import llmhub.machine.identity  # noqa: F401 - each is used later, by name

        _ = self.host, self.cloud, self.registry, self.catalog.shipped()

    # -- what is kept ---------------------------------------------------------------------------

    @property
    def profiles(self) -> ProfileBook:
        """Every version of the profile; the defaults alone until the ledger is open."""
        from llmhub.core.profiles import Profile, ProfileBook

        return self._profiles or ProfileBook((Profile(),))

    @property
    def profile(self) -> Profile:
        """The profile in force."""
        return self.profiles.newest

    async def ledger(self) -> BookKeeper:
        """The ledger, open: what a killed llmhub left is settled, machine and profile are known."""
        if self._books is None:
            self._books = await asyncio.to_thread(self._make_books)
            await self._books.start()
            await self._introduce(self._books)
            self.problems += self._books.take_notices()
        return self._books

    def _make_books(self) -> BookKeeper:
        from llmhub.ledger.books import BookKeeper  # brings TinyDB

        return BookKeeper(self.places.ledger)

    async def chats(self) -> ChatFiles:
        """The conversations."""
        if self._chats is None:
            self._chats = await asyncio.to_thread(self._make_chats)
        return self._chats

    def _make_chats(self) -> ChatFiles:
        from llmhub.chats.files import ChatFiles

        return ChatFiles(self.places.chats)

    async def _introduce(self, books: BookKeeper) -> None:
        """Tell the ledger which machine this is and what its owner declared."""
        from llmhub.core import bench
        from llmhub.core.price_book import KIND, PriceBook
        from llmhub.core.profiles import ProfileBook, read_profile
        from llmhub.core.sizing import predictions

        book = ProfileBook(tuple(_versions(await books.kept("profile"))))
        before = book.newest if book.versions else None
        profile, problems = read_profile(self.config.profile, now=datetime.now(UTC), before=before)
        self.problems += problems
        self._profiles = book.with_version(profile)
        self._prices = PriceBook.from_records(await books.kept(KIND))
        self._predictions = predictions.PredictionBook.from_records(await books.kept(predictions.KIND))
        self._benches = bench.BenchBook.from_records(await books.kept(bench.KIND))
        if profile.declared or before is not None:
            await books.keep("profile", profile.to_record(), profile.profile_id)
        if self.host.place == THIS_MACHINE:
            machine = await self.machine()
            self.machine_id = machine.id
            await books.keep("machine", machine.to_record(), machine.id)

    def notices(self) -> list[LLMHubError]:
        """What was found wrong with the ledger or the chats since the last call."""
        return [notice for store in (self._books, self._chats) if store is not None for notice in store.take_notices()]

    def troubles(self) -> list[LLMHubError]:
        """Why the ledger or the chats cannot be written at present."""
        return [store.problem for store in (self._books, self._chats) if store is not None and store.problem]

    def booked(self, month: str | None = None) -> Iterator[tuple[str, Turn]]:
        """Turns with the local day they were committed on, the oldest first; `month` as `2026-11`. Reads files."""
        from llmhub.ledger.history import History

        for found in History(self.places.ledger).turns(month, oldest_first=True):
            yield found.day, found.turn

    @property
    def prices(self) -> PriceBook:
        """Every price list that turns were worked out with; none until the ledger is open."""
        from llmhub.core.price_book import PriceBook

        return self._prices or PriceBook()

    async def keep_price(self, snapshot: PriceSnapshot) -> None:
        """Keep a price list in the ledger."""
        from llmhub.core.price_book import KIND

        self._prices = self.prices.with_snapshot(snapshot)
        if self._books is not None:
            await self._books.keep(KIND, snapshot.to_record(), snapshot.id)

    @property
    def predictions(self) -> PredictionBook:
        """What was predicted for loads and what the daemon then said; nothing until the ledger is open."""
        from llmhub.core.sizing.predictions import PredictionBook

        return self._predictions or PredictionBook()

    async def keep_prediction(self, prediction: Prediction) -> None:
        """Keep a prediction that was compared with what the daemon said."""
        from llmhub.core.sizing.predictions import KIND

        self._predictions = self.predictions.with_prediction(prediction)
        if self._books is not None:
            await self._books.keep(KIND, prediction.to_record(), prediction.id)

    @property
    def benches(self) -> BenchBook:
        """What `llmhub bench` measured; nothing until the ledger is open."""
        from llmhub.core.bench import BenchBook

        return self._benches or BenchBook()

    async def keep_bench(self, bench: Bench) -> None:
        """Keep what was measured of a model's speed."""
        from llmhub.core.bench import KIND

        self._benches = self.benches.with_bench(bench)
        if self._books is not None:
            await self._books.keep(KIND, bench.to_record(), bench.id)

    @property
    def daemon_machine(self) -> str:
        """The machine that models run on, as measurements name it: its id in the ledger, or the daemon's address."""
        return self.machine_id or self.host.url

    async def note_prices(
        self, model: str, *, is_cloud: bool, listing: CloudListing, installed: Sequence[InstalledModel] = ()
    ) -> None:
        """Note today's prices of a question's model, or of what a local one is compared with, before it is sent."""
        from llmhub.core.booking import models_to_price

        self._listing, self._installed = listing, installed
        wanted = models_to_price([(model, is_cloud)], listing, self.profile, installed)
        _, new = self.prices.noting(listing, wanted, datetime.now(UTC))
        for snapshot in new:
            await self.keep_price(snapshot)

    def complete(self, turn: Turn) -> Turn:
        """Add what no backend knows: energy by the declared watts, the price list, the comparison with the cloud."""
        from llmhub.core.booking import NO_LISTING, complete

        return complete(
            turn,
            self.profiles,
            self.prices,
            self._listing or NO_LISTING,
            totals=self._books.totals if self._books else None,
            installed=self._installed,
        )

    async def guard(self) -> BudgetGuard:
        """The limits of the settings, over what was booked."""
        from llmhub.core.budget import BudgetGuard

        books = await self.ledger()
        return BudgetGuard(
            self.config.day_budget_usd,
            self.config.month_budget_usd,
            totals=lambda: books.totals,
            today=lambda: datetime.now().astimezone().date(),
        )

    async def settle_bills(self, *, waits_s: Sequence[float] = (), limit_s: float = BILLS_S) -> dict[str, Turn]:
        """Ask for bills that have not come, for a short while; the turns that have theirs now, by id.

        Nobody is asked while llmhub is offline, without a key, or when no bill is missing.
        """
        books = await self.ledger()
        missing = any(sums.pending_turns > 0 for _, sums in books.totals.buckets)
        if not missing or self.switch.offline or await self.keys.find() is None:
            return {}
        from llmhub.core.booking import with_estimate
        from llmhub.core.reconcile import Reconciler

        settled: dict[str, Turn] = {}
        reconciler = Reconciler(
            self.cloud,
            books,
            estimated=lambda turn: with_estimate(turn, self.prices),
            settled=lambda turn: settled.update({turn.id: turn}),
            waits_s=waits_s,
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await reconciler.run()
        return settled

    async def save_profile(self, values: Mapping[str, str]) -> Profile:
        """Declare keys of the profile, in the person's own settings file; an empty text takes one back.

        Raises:
            ConfigError: for a value that cannot be used, or a file that cannot be written; nothing has changed then.
        """
        from llmhub.settings.edit import set_values

        books = await self.ledger()
        profile = self.profile.setting(values, datetime.now(UTC))
        changes = {f"profile.{key}": _as_written(value) for key, value in values.items()}
        await asyncio.to_thread(set_values, self.places.config_file, changes)
        await books.keep("profile", profile.to_record(), profile.profile_id)
        self._profiles = self.profiles.with_version(profile)
        return profile


def _why(problem: LLMHubError | None) -> str:
    return problem.happened if problem else "no reason is known"


def _versions(records: list[dict[str, Any]]) -> Iterator[Profile]:
    from llmhub.core.profiles import Profile

    for record in records:
        try:
            yield Profile.from_record(record)
        except ValueError as error:
            log.warning("a profile in the ledger could not be read: %s", error)


def _as_written(text: str) -> object:
    """A declared value as the settings file holds it: a number as a number, nothing as a key taken out."""
    if not text.strip():
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite():
        return text
    return (
        int(number) if number == number.to_integral_value() and "." not in text and "e" not in text.lower() else number
    )
