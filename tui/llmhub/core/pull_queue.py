"""Pulls, one at a time: a queue that can be paused, gone on with, reordered and left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Any

from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.names import ModelName, name_key
from llmhub.core.places import is_loopback
from llmhub.core.ports import ModelHost, Registry
from llmhub.core.pulls import PullMeter, PullProgress

if TYPE_CHECKING:
    from llmhub.core.pull_check import PullCheck

TICK_S = 0.25
"""Seconds between two reports of a running pull. The daemon's lines come every 60 ms, too often to draw."""


class PullState(StrEnum):
    """Where a pull stands."""

    WAITING = "waiting"
    PULLING = "pulling"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"
    """Only until the daemon's list has been read again; then the pull leaves the queue."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One look at a pull in the queue."""

    name: str
    """As the person typed it."""
    state: PullState
    progress: PullProgress | None = None
    """`None` before it began; of a paused or failed one, how far it came."""
    error: BackendError | None = None
    position: int | None = None
    """Of a waiting one: 1 is next."""
    check: PullCheck | None = None
    """The verdict it began with; `None` for one that was there at the start, or where nothing was looked up."""


def asks_loopback_registry(name: str) -> bool:
    """Whether a pull of `name` goes to a registry on this machine, which speaks plain HTTP."""
    try:
        host = ModelName.parse(name).host
    except ValueError:
        return False
    bare, colon, port = host.rpartition(":")
    return is_loopback(bare if colon and port.isdigit() else host)


@dataclass(slots=True, eq=False)
class _Entry:
    name: str
    state: PullState = PullState.WAITING
    meter: PullMeter | None = None
    last: PullProgress | None = None
    error: BackendError | None = None
    check: PullCheck | None = None
    waiters: list[asyncio.Future[bool]] = field(default_factory=list)


class PullQueue:
    """The pulls of one host. Every method but `finished` returns at once and is called on the loop.

    A pull is paused and left by closing its stream: the daemon keeps the parts and goes on from them at the next pull
    (ollama-api.md, section 4). An unfinished queue is remembered by name and comes back paused.

    Args:
        spawn: Runs a coroutine in the background and holds its task.
        settle: Called when a pull has succeeded, before it leaves the queue: reads the daemon's list again.
        remember: Called with the unfinished names whenever they change.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        host: ModelHost,
        registry: Registry,
        *,
        spawn: Callable[[Any], asyncio.Task[Any]],
        settle: Callable[[str], Awaitable[object]] | None = None,
        remember: Callable[[tuple[str, ...]], None] | None = None,
        clock: Callable[[], float] = monotonic,
        tick_s: float = TICK_S,
    ) -> None:
        self._host = host
        self._registry = registry
        self._spawn = spawn
        self._settle = settle
        self._remember = remember
        self._clock = clock
        self._tick_s = tick_s
        self._entries: list[_Entry] = []
        self._listeners: list[Callable[[], None]] = []
        self._task: asyncio.Task[Any] | None = None
        self._remembered: tuple[str, ...] = ()
        self._closed = False

    # -- reading ------------------------------------------------------------------------------

    @property
    def pulls(self) -> tuple[Pull, ...]:
        """All of them, in order."""
        out: list[Pull] = []
        ahead = 0
        now = self._clock()
        for entry in self._entries:
            position = None
            if entry.state is PullState.WAITING:
                ahead += 1
                position = ahead
            pulling = entry.state is PullState.PULLING and entry.meter is not None
            progress = entry.meter.progress(now) if pulling and entry.meter else entry.last
            out.append(Pull(entry.name, entry.state, progress, entry.error, position, entry.check))
        return tuple(out)

    def pull(self, name: str) -> Pull | None:
        """The pull of that name."""
        return next((pull for pull in self.pulls if name_key(pull.name) == name_key(name)), None)

    @property
    def active(self) -> Pull | None:
        """The one that is being pulled now."""
        return next((pull for pull in self.pulls if pull.state is PullState.PULLING), None)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change and a few times a second while one runs; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def finished(self, name: str) -> bool:
        """Wait for the pull of `name`: true when it is there, false when it was left or is not in the queue.

        Raises:
            BackendError: when it fails.
        """
        entry = self._find(name)
        if entry is None or entry.state is PullState.DONE:
            return entry is not None
        if entry.state is PullState.FAILED and entry.error is not None:
            raise entry.error
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry.waiters.append(waiter)
        return await waiter

    # -- changing -----------------------------------------------------------------------------

    def add(self, name: str, check: PullCheck | None = None) -> Pull:
        """Put `name` at the end; one that is paused or failed goes on instead.

        Nothing is judged here: who asks for a pull goes through `llmhub.core.pulling`.

        Args:
            check: The verdict it begins with.
        """
        name = name.strip()
        if self._find(name) is None:
            self._entries.append(_Entry(name, check=check))
            self._go_on()
        else:
            self.resume(name)
        found = self.pull(name)
        assert found is not None
        return found

    def restore(self, names: Iterable[str]) -> None:
        """Bring back what was unfinished when llmhub was closed; all paused, nothing is asked for."""
        for name in names:
            if self._find(name) is None:
                self._entries.append(_Entry(name, PullState.PAUSED))
        self._changed()

    def pause(self, name: str) -> None:
        """Close the stream of a running pull, or hold a waiting one back."""
        entry = self._find(name)
        if entry is not None and entry.state in {PullState.PULLING, PullState.WAITING}:
            self._close(entry, PullState.PAUSED)
            self._go_on()

    def resume(self, name: str) -> None:
        """Let a paused or failed pull wait for its turn again."""
        entry = self._find(name)
        if entry is not None and entry.state in {PullState.PAUSED, PullState.FAILED}:
            if entry.state is PullState.FAILED:
                # the daemon may have thrown away what it had (a wrong digest): the bar begins anew
                entry.meter = entry.last = None
            entry.state, entry.error = PullState.WAITING, None
            self._go_on()

    def toggle(self, name: str) -> None:
        """Pause what runs or waits, else go on."""
        entry = self._find(name)
        if entry is not None and entry.state in {PullState.PULLING, PullState.WAITING}:
            self.pause(name)
        else:
            self.resume(name)

    def cancel(self, name: str) -> None:
        """Take a pull out of the queue. Its parts stay with the daemon until it clears them."""
        entry = self._find(name)
        if entry is None or entry.state is PullState.DONE:
            return
        self._close(entry, PullState.PAUSED)
        self._entries.remove(entry)
        self._tell(entry, False)
        self._go_on()

    def put_first(self, name: str) -> None:
        """Make a waiting pull the next one."""
        entry = self._find(name)
        if entry is not None:
            self._entries.remove(entry)
            running = next((i for i, other in enumerate(self._entries) if other.state is PullState.PULLING), -1)
            self._entries.insert(running + 1, entry)
            self._changed()

    # -- inside -------------------------------------------------------------------------------

    def _find(self, name: str) -> _Entry | None:
        return next((entry for entry in self._entries if name_key(entry.name) == name_key(name)), None)

    def _close(self, entry: _Entry, state: PullState) -> None:
        """Leave PULLING or WAITING. The task sees its cancellation and closes the stream."""
        if entry.state is PullState.PULLING:
            self._freeze(entry)
            if self._task is not None:
                self._task.cancel()
        entry.state = state

    def _freeze(self, entry: _Entry) -> None:
        if entry.meter is not None:
            last = entry.meter.progress(self._clock())
            entry.last = replace(last, per_s=None, left_s=None, stalled_s=None)

    def _go_on(self) -> None:
        """Begin the next waiting pull, if none runs and none is still closing its stream."""
        if self._task is None and not self._closed:
            entry = next((entry for entry in self._entries if entry.state is PullState.WAITING), None)
            if entry is not None:
                entry.state = PullState.PULLING
                task = self._spawn(self._run(entry))
                self._task = task
                # not in a `finally` of the coroutine: one that is cancelled before its first step never gets there
                task.add_done_callback(lambda done: self._ended(entry, closing=done.cancelled()))
        self._changed()

    async def _run(self, entry: _Entry) -> None:
        now = self._clock()
        if entry.meter is None:
            entry.meter = PullMeter(None, now=now)
        else:
            entry.meter.resumed(now)
        helpers = (self._spawn(self._ask_registry(entry.name, entry.meter)), self._spawn(self._report()))
        try:
            await self._stream(entry, entry.meter)
        except BackendError as error:
            self._freeze(entry)
            if entry.state is PullState.PULLING:
                entry.state, entry.error = PullState.FAILED, error
            return
        finally:
            for helper in helpers:
                helper.cancel()
        self._freeze(entry)
        entry.state = PullState.DONE
        self._changed()
        if self._settle is not None:
            await self._settle(entry.name)

    def _ended(self, entry: _Entry, *, closing: bool) -> None:
        self._task = None
        if entry.state is PullState.DONE:
            self._entries = [other for other in self._entries if other is not entry]
            self._tell(entry, True)
        elif entry.error is not None:
            self._tell(entry, entry.error)
        elif closing and entry.state is PullState.PULLING:
            # nobody paused it: llmhub is being closed, and nothing new may begin
            entry.state, self._closed = PullState.PAUSED, True
        self._go_on()

    async def _stream(self, entry: _Entry, meter: PullMeter) -> None:
        succeeded = False
        insecure = asks_loopback_registry(entry.name)
        async with aclosing(self._host.pull(entry.name, insecure=insecure)) as events:
            async for event in events:
                before = meter.phase
                meter.observe(event, self._clock())
                succeeded = succeeded or event.status == "success"
                if meter.phase is not before:
                    self._changed()
        if not succeeded:
            raise BackendError(
                FailureKind.CUT,
                backend=self._host.name,
                happened="The pull broke off",
                subject=entry.name,
                remedy="go on with it: what came is kept",
            )

    async def _ask_registry(self, name: str, meter: PullMeter) -> None:
        """The whole total, beside the pull and not before it: it may take long, and may never come."""
        with suppress(BackendError):
            manifest = await self._registry.manifest(name)
            if manifest is not None:
                meter.learn(manifest)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            self._notify()

    def _tell(self, entry: _Entry, outcome: bool | BackendError) -> None:
        for waiter in entry.waiters:
            if waiter.done():
                continue
            if isinstance(outcome, BackendError):
                waiter.set_exception(outcome)
            else:
                waiter.set_result(outcome)
        entry.waiters.clear()

    def _changed(self) -> None:
        unfinished = tuple(entry.name for entry in self._entries if entry.state is not PullState.DONE)
        if self._remember is not None and unfinished != self._remembered:
            self._remembered = unfinished
            self._remember(unfinished)
        self._notify()

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener()
