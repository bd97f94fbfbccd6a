"""When a lane may start: two models on one daemon run one after the other unless both are in memory."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

Residents = Callable[[], Awaitable[frozenset[str]]]


@dataclass(slots=True)
class _Daemon:
    running: dict[str, int]
    changed: asyncio.Condition
    waiting: list[object]


class LaneGate:
    """Lets turns through to daemons in a planned order.

    The same model may always run beside itself. Another model waits, in the order of asking, until the running ones
    are done, unless the daemon lists both as loaded (design.md, section 9). Cloud backends have no gate.
    """

    def __init__(self) -> None:
        self._daemons: dict[str, _Daemon] = defaultdict(lambda: _Daemon({}, asyncio.Condition(), []))
        self._waking: set[asyncio.Task[None]] = set()

    def busy_with(self, daemon: str, model: str) -> str | None:
        """The model that a turn of `model` would have to wait for; `None` when nothing runs."""
        running = self._daemons[daemon].running
        return next((other for other in running if other != model), None)

    @asynccontextmanager
    async def turn(self, daemon: str, model: str, residents: Residents) -> AsyncGenerator[None, None]:
        """Wait until `model` may run on `daemon`, and hold the place while the block runs.

        Args:
            residents: Asks the daemon which models are loaded; called only when another model runs.
        """
        state = self._daemons[daemon]
        ticket = object()
        state.waiting.append(ticket)
        try:
            async with state.changed:
                while not await self._may_run(state, ticket, model, residents):
                    await state.changed.wait()
                state.running[model] = state.running.get(model, 0) + 1
        finally:
            state.waiting.remove(ticket)
            self._wake(state)
        try:
            yield
        finally:
            state.running[model] -= 1
            if not state.running[model]:
                del state.running[model]
            self._wake(state)

    def _wake(self, state: _Daemon) -> None:
        """Let the others look again; a task of its own, because a turn that was stopped must not wait here."""

        async def notify() -> None:
            async with state.changed:
                state.changed.notify_all()

        task = asyncio.get_running_loop().create_task(notify())
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    @staticmethod
    async def _may_run(state: _Daemon, ticket: object, model: str, residents: Residents) -> bool:
        others = [other for other in state.running if other != model]
        if not others:
            return bool(state.running) or state.waiting[0] is ticket
        loaded = await residents()
        return model in loaded and all(other in loaded for other in others)
