"""What one call of a command has: its global options, its console, and a way into the world."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmhub.cli.console import Console
from llmhub.core.errors import BackendError, LLMHubError

if TYPE_CHECKING:
    from llmhub.bootstrap import World

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

Work = Callable[["World"], Awaitable[int]]
OpenWorld = Callable[[Mapping[str, object]], "World"]
"""Makes the world from flags by the setting they override; nothing is opened yet."""


class ReaderGone(Exception):  # noqa: N818 - not an error of anybody's
    """Who read our output has gone: stop, and say nothing."""


@dataclass(slots=True)
class Session:
    """One call."""

    open_world: OpenWorld
    console: Console = field(default_factory=Console)
    offline: bool = False

    @property
    def flags(self) -> dict[str, object]:
        """Settings that this call overrides."""
        return {"offline": True} if self.offline else {}

    def run(self, work: Work, *, quiet: bool = False) -> int:
        """Open the world, do `work` in it, close it; the exit code.

        Ctrl-C, SIGTERM and SIGHUP cancel `work`, so that a turn in progress is booked as stopped and what is open is
        closed. Every expected failure becomes a message of three parts.

        Args:
            work: Gives the exit code.
            quiet: Do not tell what is wrong with settings and folders; the command does it itself.
        """
        stopped: list[int] = []
        try:
            return asyncio.run(self._inside(work, stopped, quiet=quiet))
        except KeyboardInterrupt:
            return INTERRUPTED
        except asyncio.CancelledError:
            return 128 + stopped[0] if stopped else INTERRUPTED
        except (BrokenPipeError, ReaderGone):
            return FAILED
        except LLMHubError as error:
            self.console.error(error)
            return FAILED

    async def _inside(self, work: Work, stopped: list[int], *, quiet: bool) -> int:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def stop(number: int) -> None:
            stopped.append(number)
            if task is not None:
                task.cancel()

        for name in ("SIGTERM", "SIGHUP"):
            if (number := getattr(signal, name, None)) is not None:
                # not on Windows, and not off the main thread: there a kill is just a kill
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.add_signal_handler(number, stop, int(number))
        world = self.open_world(self.flags)
        try:
            async with world:
                for problem in () if quiet else world.problems:
                    self.console.warning(problem)
                try:
                    return await work(world)
                except BackendError as error:
                    raise await world.remedied(error) from error
        finally:
            for words in world.farewell:
                self.console.note(words)
