"""One thread that does all reading and writing of a store, and receipts for what was asked of it."""

from __future__ import annotations

import asyncio
import atexit
import logging
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from time import monotonic
from typing import Any, Generic, TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)
EXIT_LIMIT_S = 5.0
"""How long the interpreter's exit waits for a worker that nobody closed."""


class Receipt(Generic[T]):
    """What will come of a queued job: awaited on an event loop, or waited for with `result`.

    Cancelling the task that awaits does not cancel the job. Not looking at a receipt is fine.
    """

    def __init__(self) -> None:
        self._future: Future[T] = Future()

    @property
    def done(self) -> bool:
        """Whether the job has run."""
        return self._future.done()

    def result(self, timeout_s: float | None = None) -> T:
        """The job's value, waited for. Never call it on an event loop.

        Raises:
            TimeoutError: the job has not run within `timeout_s`.
        """
        return self._future.result(timeout_s)

    def settle(self, value: T) -> None:
        """The job has run."""
        self._future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """The job has raised."""
        self._future.set_exception(error)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait on the running loop."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()

        def tell() -> None:
            if waiter.done():
                return
            error = self._future.exception()
            if error is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(self._future.result())

        def wake(_: Future[T]) -> None:
            try:
                loop.call_soon_threadsafe(tell)
            except RuntimeError:  # the loop was closed meanwhile: nobody waits any more
                logger.debug("a receipt came after its loop was closed")

        self._future.add_done_callback(wake)
        return (yield from waiter.__await__())


class Worker:
    """Runs jobs in order on a thread of its own, and `idle` about every `every_s` seconds in between.

    The thread starts with the first job. Jobs are queued without ever waiting, from any thread.

    Args:
        finish: Run once as the last job when the worker is closed.
    """

    def __init__(
        self,
        name: str,
        *,
        idle: Callable[[], None] | None = None,
        every_s: float | None = None,
        finish: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._idle = idle
        self._every_s = every_s if idle else None
        self._finish = finish
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Receipt[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.closed = False

    def submit(self, job: Callable[[], T]) -> Receipt[T]:
        """Queue `job`. What it raises is raised by the receipt.

        Raises:
            RuntimeError: the worker was closed.
        """
        if self.closed:
            raise RuntimeError(f"{self._name} is closed")
        receipt: Receipt[T] = Receipt()
        self._jobs.put((job, receipt))
        if self._thread is None:
            self._start()
        return receipt

    def close(self, limit_s: float) -> bool:
        """Run what is queued, then `finish`, then end. Blocks; never call it on an event loop.

        Returns:
            Whether all was done within the limit.
        """
        if not self.closed:
            self.closed = True
            self._jobs.put(None)
            atexit.unregister(self.close)
        if self._thread is None:
            return True
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
                atexit.register(self.close, EXIT_LIMIT_S)

    def _run(self) -> None:
        due = monotonic() + (self._every_s or 0.0)
        while True:
            try:
                item = self._jobs.get(timeout=None if self._every_s is None else max(0.0, due - monotonic()))
            except queue.Empty:
                due = self._be_idle()
                continue
            if item is None:
                break
            job, receipt = item
            try:
                receipt.settle(job())
            except BaseException as error:
                receipt.fail(error)
            del item, job, receipt
            if self._every_s is not None and monotonic() >= due:
                due = self._be_idle()
        if self._finish is not None:
            self._finish()

    def _be_idle(self) -> float:
        assert self._idle is not None
        assert self._every_s is not None
        try:
            self._idle()
        except Exception:
            # the thread must outlive a defect in what it does between jobs
            logger.exception("%s failed while idle", self._name)
        return monotonic() + self._every_s
