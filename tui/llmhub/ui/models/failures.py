"""Which failures stand in the strip of the Models mode: told once when they come, taken away when they pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llmhub.core.errors import BackendError
from llmhub.core.pull_queue import PullState
from llmhub.ui.widgets.error_strip import ErrorAction, ErrorStrip

if TYPE_CHECKING:
    from llmhub.core.hub import Hub


class FailureTeller:
    """Remembers what it has told, so that a message the person closed stays closed."""

    def __init__(self) -> None:
        self._daemon: BackendError | None = None
        self._pulls: dict[str, BackendError] = {}

    def tell_daemon(self, strip: ErrorStrip, hub: Hub, copy: Callable[[str], None]) -> None:
        """The daemon's failure, while models of it are still listed; without any the placeholder says it."""
        error = hub.state.error if hub.state.installed else None
        if error is self._daemon:
            return
        if self._daemon is not None:
            strip.clear(self._daemon)
        self._daemon = error
        if error is None:
            return
        actions = [ErrorAction("look again", hub.watch.poke)]
        command = hub.services.start_advice.command if hub.services.start_advice is not None else None
        if command:
            actions.append(ErrorAction(f"copy: {command}", lambda: copy(command)))
        strip.show(error, actions)

    def tell_pulls(self, strip: ErrorStrip, hub: Hub) -> None:
        """Each failed pull, until it is tried again or left."""
        failed = {p.name: p.error for p in hub.pulls.pulls if p.state is PullState.FAILED and p.error is not None}
        for name, error in list(self._pulls.items()):
            if failed.get(name) is not error:
                strip.clear(error)
                del self._pulls[name]
        for name, error in failed.items():
            if name not in self._pulls:
                self._pulls[name] = error
                strip.show(error, _pull_actions(hub, name))


def _pull_actions(hub: Hub, name: str) -> list[ErrorAction]:
    return [
        ErrorAction("pull again", lambda: hub.pulls.resume(name)),
        ErrorAction("leave it", lambda: hub.pulls.cancel(name)),
    ]
