"""What is being done to models of a daemon: loading, unloading, deleting. One thing at a time to one model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

from llmhub.core.models import InstalledModel, context_to_ask
from llmhub.core.ports import ModelHost
from llmhub.core.watch import HostState


class JobKind(StrEnum):
    """What is being done, as a row says it."""

    LOADING = "loading"
    UNLOADING = "unloading"
    DELETING = "deleting"


class HostJobs:
    """Does things to a daemon's models and says what is being done meanwhile.

    Args:
        state: The last look at the daemon.
        look: Looks again; awaited after each job, so that its outcome is seen when the job ends.
        changed: Called when a job begins or ends.
        default_context: Tokens asked for where neither preset nor model says otherwise.
    """

    def __init__(
        self,
        host: ModelHost,
        *,
        state: Callable[[], HostState],
        look: Callable[[], Awaitable[object]],
        changed: Callable[[], None],
        default_context: int,
    ) -> None:
        self._host = host
        self._state = state
        self._look = look
        self._changed = changed
        self._default_context = default_context
        self.running: dict[str, JobKind] = {}
        """By the model's name."""

    async def load(self, model: str) -> None:
        """Load `model` with the context that a chat would ask for, so that a first question finds it ready.

        Raises:
            BackendError: as `ModelHost.load` and `ModelHost.details`.
        """
        async with self._doing(model, JobKind.LOADING):
            details = await self._host.details(model)
            installed = self._state().model(model)
            trained = details.context_trained or (installed.context_trained if installed else None)
            context = context_to_ask(
                wanted=None,
                preset=details.preset_context,
                resident=None,
                trained=trained,
                default=self._default_context,
            )
            await self._host.load(model, context)

    async def unload(self, model: str) -> None:
        """Unload `model`.

        Raises:
            BackendError: as `ModelHost.unload`.
        """
        async with self._doing(model, JobKind.UNLOADING):
            await self._host.unload(model)

    async def delete(self, model: str) -> None:
        """Remove the name `model`; it is unloaded first, which a daemon does not do by itself.

        Raises:
            BackendError: as `ModelHost.delete`.
        """
        async with self._doing(model, JobKind.DELETING):
            if self._state().resident(model) is not None:
                await self._host.unload(model)
            await self._host.delete(model)

    @asynccontextmanager
    async def _doing(self, model: str, kind: JobKind) -> AsyncGenerator[None, None]:
        self.running[model] = kind
        self._changed()
        try:
            yield
            await self._look()
        finally:
            self.running.pop(model, None)
            self._changed()


def bytes_freed(model: InstalledModel, installed: tuple[InstalledModel, ...]) -> int | None:
    """Bytes on disk that deleting the name `model` frees, at most; `None` where its size is unknown.

    Names with one digest are one model: while another one is left, nothing is freed. Layers can also be shared by
    models of different digests (one set of weights, two presets); a daemon's list does not say so, hence "at most".
    """
    twin = any(other.name != model.name and other.digest == model.digest for other in installed)
    return 0 if model.digest and twin else model.size_bytes
