"""The offline switch: one for the whole program, read at every request."""

from __future__ import annotations

from collections.abc import Callable


class Switch:
    """Mutable on purpose: whoever holds it sees a change at once, also clients that were made long before.

    Args:
        offline: Where it stands at first.
    """

    def __init__(self, offline: bool = False) -> None:
        self._offline = offline
        self._watchers: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        """Where it stands."""
        return f"Switch(offline={self._offline})"

    @property
    def offline(self) -> bool:
        """Whether nothing but loopback may be reached."""
        return self._offline

    @offline.setter
    def offline(self, offline: bool) -> None:
        before, self._offline = self._offline, offline
        if offline and not before:
            for watcher in tuple(self._watchers):
                watcher()

    def when_offline(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` each time the switch is turned to offline."""
        self._watchers.append(watcher)
