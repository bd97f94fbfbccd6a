"""A simulated daemon on a loop of its own, for programs in processes of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript


@contextmanager
def simulated_ollama(script: OllamaScript) -> Iterator[OllamaSimulator]:
    """The daemon, serving from a thread until the block is left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulated daemon", daemon=True)
    thread.start()
    daemon = OllamaSimulator(script)
    try:
        asyncio.run_coroutine_threadsafe(daemon.start(), loop).result(10)
        yield daemon
    finally:
        asyncio.run_coroutine_threadsafe(daemon.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
