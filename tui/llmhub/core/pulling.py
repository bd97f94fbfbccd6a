"""The way to a pull: a name is looked up and judged first, then it is queued, or the person is asked.

Screens and commands take the same way: `look_up` gives the check, `Pulling` keeps the questions of the screens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from llmhub.core.catalog import Catalog, CatalogEntry, CatalogError, Variant
from llmhub.core.errors import LLMHubError
from llmhub.core.names import name_key, says_cloud
from llmhub.core.pull_check import NOT_IN_TIME, PullCheck, PullRefusal, Surroundings, check_of
from llmhub.core.pull_queue import Pull, PullQueue

log = logging.getLogger(__name__)
LOOK_UP_S = 6.0
"""The longest that a pull waits for its verdict."""
VARIANTS_S = 2.0
"""The longest that a refusal waits for the names of smaller variants."""
ARMED_S = 0.4
"""A refusal stands so long before a key overrides it: the second half of a double press has not read it."""

LookAround = Callable[[], Awaitable[Surroundings]]
Queued = Callable[[Pull], object]


async def look_up(
    name: str, catalog: Catalog, around: LookAround, *, limit_s: float = LOOK_UP_S, variants_s: float = VARIANTS_S
) -> PullCheck:
    """Judge a pull of `name`; never longer than the limits, and never an error: what cannot be known is unknown."""
    looking = asyncio.ensure_future(_surroundings(around, limit_s))
    try:
        entry, problem, why = await _entry(name, catalog, limit_s)
        surroundings = await looking
    finally:
        looking.cancel()
    check = check_of(name, entry, surroundings, problem=problem, why_unknown=why)
    if PullRefusal.MEMORY not in check.found:
        return check
    variants = await _variants(name, catalog, variants_s)
    return check_of(name, entry, surroundings, problem=problem, why_unknown=why, variants=variants)


async def _entry(name: str, catalog: Catalog, limit_s: float) -> tuple[CatalogEntry | None, LLMHubError | None, str]:
    """What the catalogue tells, else why not. The first bytes tell the size; more is read only while there is time."""
    entry: CatalogEntry | None = None
    try:
        async with asyncio.timeout(limit_s):
            entry = await catalog.look_up(name, whole=False)
            if entry.facts is not None and not entry.facts.tensors and entry.problem is None:
                entry = await catalog.look_up(name)
    except CatalogError as error:
        return entry, None if entry is not None else error, ""
    except TimeoutError:
        return entry, None, "" if entry is not None else NOT_IN_TIME
    return entry, None, ""


async def _surroundings(around: LookAround, limit_s: float) -> Surroundings:
    try:
        async with asyncio.timeout(limit_s):
            return await around()
    except (LLMHubError, TimeoutError) as error:
        log.warning("the machine could not be looked at before a pull: %s", error)
        return Surroundings()


async def _variants(name: str, catalog: Catalog, limit_s: float) -> tuple[Variant, ...]:
    """Other quantizations; none known makes the ladder guess."""
    with suppress(CatalogError, TimeoutError):
        async with asyncio.timeout(limit_s):
            return await catalog.variants(name)
    return ()


class AskState(StrEnum):
    """Where a question stands."""

    LOOKING = "looking"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PullAsk:
    """A pull that is not queued yet."""

    name: str
    """As the person typed it."""
    origin: str
    """Where it was asked for: the same way a second time overrides a refusal."""
    key: str = ""
    """The key that asked, where it is a single one."""
    state: AskState = AskState.LOOKING
    check: PullCheck | None = None
    """Of a refused one."""


@dataclass(slots=True, eq=False)
class _Entry:
    ask: PullAsk
    queued: Queued | None
    task: asyncio.Task[Any] | None = None
    refused_at: float = 0.0


class Pulling:
    """Asks for the verdict before a pull is queued. Every method returns at once and is called on the loop.

    Args:
        queue: Where a pull goes that nothing speaks against.
        catalog: `None` where nothing is looked up: every pull is queued as it is.
        around: The machine at this moment.
        is_offline: While it is true nothing is looked up; the daemon's refusal says why.
        spawn: Runs a coroutine in the background.
        changed: Called when a pull was queued after its question.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        queue: PullQueue,
        catalog: Catalog | None,
        around: LookAround,
        *,
        is_offline: Callable[[], bool],
        spawn: Callable[[Any], asyncio.Task[Any]],
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.limit_s = LOOK_UP_S
        self._queue = queue
        self._catalog = catalog
        self._around = around
        self._is_offline = is_offline
        self._spawn = spawn
        self._changed = changed
        self._clock = clock
        self._entries: list[_Entry] = []
        self._listeners: list[Callable[[], None]] = []

    @property
    def asks(self) -> tuple[PullAsk, ...]:
        """What is being looked up or stands refused, the oldest first."""
        return tuple(entry.ask for entry in self._entries)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change of `asks`; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def ask(self, name: str, origin: str = "", *, key: str = "", queued: Queued | None = None) -> None:
        """Pull `name` if nothing speaks against it.

        What is in the queue already goes on unasked; so does everything where nothing is looked up. Asked for a second
        time the same way, a refused one is pulled all the same.

        Args:
            queued: Called with the pull once it is in the queue: at once, later, or never.
        """
        name = name.strip()
        known = self._find(name)
        if known is not None and known.ask.state is AskState.LOOKING:
            return
        if known is not None and known.ask.origin == origin:
            known.queued = queued or known.queued
            self.force(name)
            return
        if known is not None:
            self._entries.remove(known)
        if self._catalog is None or self._is_offline() or says_cloud(name) or self._queue.pull(name) is not None:
            self._queue_up(name, None, queued)
            self._notify()
            return
        entry = _Entry(PullAsk(name, origin, key), queued)
        self._entries.append(entry)
        entry.task = self._spawn(self._look(entry, self._catalog))
        self._notify()

    def force(self, name: str) -> None:
        """Pull a refused one all the same; one that was refused just now stays, nobody can have read it."""
        entry = self._find(name)
        if entry is None or entry.ask.check is None or self._clock() - entry.refused_at < ARMED_S:
            return
        self._leave(entry)
        self._queue_up(entry.ask.name, replace(entry.ask.check, forced=True), entry.queued)
        self._notify()

    def leave(self, name: str) -> None:
        """Pull it not; what is being looked up is let go."""
        entry = self._find(name)
        if entry is not None:
            self._leave(entry)
            self._notify()

    async def _look(self, entry: _Entry, catalog: Catalog) -> None:
        name = entry.ask.name
        try:
            check = await look_up(name, catalog, self._around, limit_s=self.limit_s)
        except Exception:
            # a mistake of ours must not keep anybody from pulling a model
            log.exception("a pull could not be judged")
            check = check_of(name, None, Surroundings(), why_unknown="llmhub itself failed, its log has more")
        if check.refusals:
            entry.ask = replace(entry.ask, state=AskState.REFUSED, check=check)
            entry.refused_at = self._clock()
        else:
            self._entries.remove(entry)
            self._queue_up(name, check, entry.queued)
        self._notify()

    def _queue_up(self, name: str, check: PullCheck | None, queued: Queued | None) -> None:
        pull = self._queue.add(name, check)
        self._changed()
        if queued is not None:
            queued(pull)

    def _leave(self, entry: _Entry) -> None:
        self._entries.remove(entry)
        if entry.task is not None:
            entry.task.cancel()

    def _find(self, name: str) -> _Entry | None:
        return next((entry for entry in self._entries if name_key(entry.ask.name) == name_key(name)), None)

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener()
