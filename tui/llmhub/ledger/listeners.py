"""Who wants to hear of new totals, and on which thread each is told."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from llmhub.core.totals import Totals

logger = logging.getLogger(__name__)
Listener = Callable[[Totals], None]


class Listeners:
    """Tells listeners of new totals.

    One that subscribed on an event loop is called on that loop, with the newest totals and at most once for all that
    changed before its turn came. Any other is called on the thread that made the change and must not block.
    """

    def __init__(self, newest: Callable[[], Totals]) -> None:
        self._newest = newest
        self._told: list[Callable[[], None]] = []
        self._guard = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` from now on; the function that is returned ends it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            tell = self._directly(listener)
        else:
            tell = self._on(loop, listener)
        with self._guard:
            self._told = [*self._told, tell]

        def unsubscribe() -> None:
            with self._guard:
                self._told = [other for other in self._told if other is not tell]

        return unsubscribe

    def tell(self) -> None:
        """Something changed."""
        for tell in self._told:
            tell()

    def _directly(self, listener: Listener) -> Callable[[], None]:
        def tell() -> None:
            try:
                listener(self._newest())
            except Exception:
                # a listener's defect must not keep a turn from being booked
                logger.exception("a listener to the totals failed")

        return tell

    def _on(self, loop: asyncio.AbstractEventLoop, listener: Listener) -> Callable[[], None]:
        waiting = threading.Event()

        def deliver() -> None:
            waiting.clear()
            listener(self._newest())

        def tell() -> None:
            if waiting.is_set():
                return
            waiting.set()
            try:
                loop.call_soon_threadsafe(deliver)
            except RuntimeError:  # the loop was closed: nobody listens any more
                logger.debug("totals changed after the loop of a listener was closed")

        return tell
