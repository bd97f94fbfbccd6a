"""What ends the app from outside: a `kill`, or a terminal that is closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmhub.ui.app import LLMHubApp


def leave_on_signals(app: LLMHubApp) -> None:
    """End llmhub on SIGTERM and SIGHUP as its own key does: replies are booked, the ledger is drained."""
    loop = asyncio.get_running_loop()
    leaving: set[asyncio.Task[None]] = set()

    def leave(number: int) -> None:
        leaving.add(loop.create_task(_leave(app, number)))

    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            # not on Windows
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, leave, int(number))


async def _leave(app: LLMHubApp, number: int) -> None:
    gone = not _has_terminal()
    if gone:
        _write_nowhere()
        app.batch_update().__enter__()  # nothing is drawn any more
    await app.leave()
    if gone:
        # Textual (8.2.8) would wait for ever: the thread that writes to the terminal ended when it could not, and
        # nobody empties its queue. Everything of ours is closed by now.
        logging.shutdown()
        os._exit(128 + number)


def _has_terminal() -> bool:
    """Whether somebody still looks at what is drawn. A terminal that was closed answers every question with EIO."""
    import termios

    try:
        termios.tcgetattr(sys.__stderr__.fileno() if sys.__stderr__ else 2)
    except (termios.error, OSError, ValueError):
        return False
    return True


def _write_nowhere() -> None:
    """Let everything that is still written succeed."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.dup2(nowhere, descriptor)
