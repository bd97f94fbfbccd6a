"""What is in the simulated daemon's memory: loads, slots, queue, eviction and expiry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from llmhub.simulators.catalogue import SimModel
from llmhub.simulators.clock import Clock
from llmhub.simulators.faults import OOM_NEW
from llmhub.simulators.orders import RELOADING, Order, Refusal
from llmhub.simulators.script import GIB, OllamaScript
from llmhub.simulators.wire import NEVER_NS

_NS = 1_000_000_000
MIN_ENGINE_CONTEXT = 256
"""A smaller context runs with this one on 0.32, although `/api/ps` shows the asked figure (ollama-api.md, 16, 5)."""
SMALL_LAYERS_BYTES = 12_000
"""What template, licence and preset of a model take beside its file, roughly."""
BUSY = "server busy, please try again.  maximum pending requests exceeded"


@dataclass(eq=False, slots=True)
class Runner:
    """One model in memory, or on its way there."""

    name: str
    model: SimModel
    digest: str
    key: tuple[Any, ...]
    context: int
    """As `/api/ps` shows it."""
    engine_context: int
    size_bytes: int
    """What it takes."""
    vram_bytes: int
    told_bytes: int
    """`size` of `/api/ps`, once the daemon has read its engine's log."""
    file_bytes: int
    """What `/api/ps` says until then."""
    keep_alive_ns: int
    slots: asyncio.Semaphore
    expires_ns: int = 0
    ready: bool = False
    ready_ns: int = 0
    """Monotonic."""
    killed: bool = False
    users: int = 0
    """Requests that run on it or wait for its slot; it is neither evicted nor loaded again meanwhile."""
    cached: str = ""
    """The text of the last prompt and answer: what the next prompt need not be read again for."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A slot of a loaded model, for one request."""

    runner: Runner
    load_ns: int


@dataclass(slots=True)
class Engine:
    """Loads models and lends their slots."""

    script: OllamaScript
    clock: Clock
    runners: dict[str, Runner] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)
    """Names of the models that were loaded, in order; the same name twice is a reload."""
    waiting: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def lease(self, order: Order, model: SimModel, *, name: str, digest: str) -> AsyncIterator[Lease]:
        """Load the model if needed, wait for a slot, and keep it until the block ends.

        Raises:
            Refusal: 503 when too many wait, 500 when the model is larger than the memory.
        """
        if self.waiting >= self.script.max_queue and self._must_wait(name):
            raise Refusal(503, BUSY)
        self.waiting += 1
        runner: Runner | None = None
        try:
            began = self.clock.monotonic_ns()
            runner, was_loaded = await self._loaded(order, model, name, digest)
            load_ns = self.clock.monotonic_ns() - began
            if was_loaded:
                load_ns = max(load_ns, round(self.script.warm_s * _NS))
            await runner.slots.acquire()
        except BaseException:
            if runner is not None:
                self._let_go(runner)
            raise
        finally:
            self.waiting -= 1
        try:
            yield Lease(runner, max(1, load_ns))
        finally:
            runner.slots.release()
            self._let_go(runner)

    def unload(self, name: str) -> None:
        """Free a model that nobody uses; one that is in use goes when its last request ends."""
        runner = self.runners.get(name)
        if runner is None:
            return
        runner.keep_alive_ns = 0
        if not runner.users:
            self._remove(runner)

    def kill(self, name: str) -> bool:
        """The engine process of a model dies; streams on it end with an error line. Whether there was one."""
        runner = self.runners.get(name)
        if runner is None:
            return False
        runner.killed = True
        self._remove(runner)
        return True

    def loaded(self) -> list[Runner]:
        """What `/api/ps` shows: longest remaining life first."""
        self._drop_expired()
        ready = [runner for runner in self.runners.values() if runner.ready]
        return sorted(ready, key=lambda runner: -runner.expires_ns)

    def told(self, runner: Runner) -> tuple[int, int]:
        """`size` and `size_vram` of `/api/ps`; until the engine's log was read the size of the file, for both."""
        if self.clock.monotonic_ns() - runner.ready_ns < self.script.log_read_after_s * _NS:
            return runner.file_bytes, runner.file_bytes
        on_gpu = runner.told_bytes if runner.vram_bytes >= runner.size_bytes else runner.vram_bytes
        return runner.told_bytes, min(on_gpu, runner.told_bytes)

    async def _loaded(self, order: Order, model: SimModel, name: str, digest: str) -> tuple[Runner, bool]:
        script = self.script
        asked = int(order.options.get("num_ctx") or script.default_context)
        context = min(asked, model.context_length or asked)
        key = (context, order.shift, *(order.options.get(option) for option in RELOADING[1:]))
        first_look = True
        while True:
            self._drop_expired()
            runner = self.runners.get(name)
            if runner is not None and runner.key == key:
                if runner.ready:
                    return self._taken(runner, order), first_look
            elif runner is not None and not runner.users and runner.ready:
                self._remove(runner)
                continue
            elif runner is None:
                size = model.need_bytes(context, script.parallel)
                if size > script.memory_bytes:
                    raise Refusal(500, self._too_large(size))
                if self._make_room(size):
                    runner = self._new_runner(name, model, digest, key, context, size)
                    await self._load(runner)
                    return self._taken(runner, order), False
            first_look = False
            await self._changed.wait()

    async def _load(self, runner: Runner) -> None:
        self.runners[runner.name] = runner
        self.loads.append(runner.name)
        try:
            await self.clock.sleep(self.script.load_seconds(runner.model))
        except BaseException:
            # the client left while it loaded: the daemon gives the load up
            self._remove(runner)
            raise
        runner.ready = True
        runner.ready_ns = self.clock.monotonic_ns()
        runner.expires_ns = self._expiry(runner)
        self._notify()

    def _new_runner(
        self, name: str, model: SimModel, digest: str, key: tuple[Any, ...], context: int, size: int
    ) -> Runner:
        script = self.script
        vram = size
        if script.vram_bytes is not None:
            vram = max(0, min(size, script.vram_bytes - sum(runner.vram_bytes for runner in self.runners.values())))
        load = model.load(context, script.parallel, on_gpu=vram > 0)
        return Runner(
            name=name,
            model=model,
            digest=digest,
            key=key,
            context=context,
            engine_context=max(context, MIN_ENGINE_CONTEXT) if script.modern else context,
            size_bytes=size,
            vram_bytes=vram,
            told_bytes=load.told_bytes(vram, modern=script.modern) if load is not None else size,
            file_bytes=max(model.total_bytes - SMALL_LAYERS_BYTES, load.file_bytes if load is not None else 0),
            keep_alive_ns=round(script.keep_alive_s * _NS),
            slots=asyncio.Semaphore(script.parallel),
        )

    def _make_room(self, size: int) -> bool:
        script = self.script
        while True:
            used = sum(runner.size_bytes for runner in self.runners.values())
            if used + size <= script.memory_bytes and len(self.runners) < script.max_loaded:
                return True
            idle = [runner for runner in self.runners.values() if runner.ready and not runner.users]
            if not idle:
                return False
            self._remove(min(idle, key=lambda runner: runner.expires_ns))

    def _must_wait(self, name: str) -> bool:
        runner = self.runners.get(name)
        return runner is None or not runner.ready or runner.users >= self.script.parallel

    def _taken(self, runner: Runner, order: Order) -> Runner:
        runner.users += 1
        if order.keep_alive_ns is not None:
            runner.keep_alive_ns = order.keep_alive_ns
        return runner

    def _let_go(self, runner: Runner) -> None:
        runner.users -= 1
        runner.expires_ns = self._expiry(runner)
        if not runner.users and not runner.keep_alive_ns:
            self._remove(runner)
        self._notify()

    def _expiry(self, runner: Runner) -> int:
        return self.clock.wall_ns() + min(runner.keep_alive_ns, NEVER_NS)

    def _drop_expired(self) -> None:
        now = self.clock.wall_ns()
        for runner in list(self.runners.values()):
            if runner.ready and not runner.users and runner.expires_ns <= now:
                self._remove(runner)

    def _remove(self, runner: Runner) -> None:
        if self.runners.get(runner.name) is runner:
            del self.runners[runner.name]
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _too_large(self, size: int) -> str:
        if self.script.modern:
            return OOM_NEW
        free = self.script.memory_bytes / GIB
        return f"model requires more system memory ({size / GIB:.1f} GiB) than is available ({free:.1f} GiB)"
