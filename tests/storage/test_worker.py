"""One thread that does the work, and receipts for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from llmhub.storage.worker import Receipt, Worker

LIMIT_S = 10.0


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("test-worker")
    yield worker
    worker.close(LIMIT_S)


def refuse() -> None:
    raise ValueError("no")


async def test_jobs_run_in_order_on_one_thread_that_is_not_the_loops(worker: Worker) -> None:
    seen: list[tuple[int, str]] = []
    receipts = [worker.submit(lambda n=n: seen.append((n, threading.current_thread().name))) for n in range(50)]  # type: ignore[misc]

    await asyncio.gather(*receipts)

    assert seen == [(n, "test-worker") for n in range(50)]


async def test_a_receipt_gives_the_value_or_the_error_on_a_loop_and_without_one(worker: Worker) -> None:
    assert await worker.submit(lambda: 7) == 7
    with pytest.raises(ValueError, match="no"):
        await worker.submit(refuse)
    assert await asyncio.to_thread(worker.submit(lambda: 8).result, LIMIT_S) == 8
    done = worker.submit(lambda: 9)
    await done
    assert done.done
    assert await done == 9


async def test_a_cancelled_wait_does_not_cancel_the_job(worker: Worker) -> None:
    gate, ran = threading.Event(), threading.Event()
    worker.submit(lambda: gate.wait(LIMIT_S))
    task = asyncio.ensure_future(worker.submit(ran.set))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    gate.set()

    await worker.submit(lambda: None)
    assert ran.is_set()


def test_a_receipt_that_comes_after_its_loop_was_closed_harms_nobody(worker: Worker) -> None:
    gate = threading.Event()
    receipt = worker.submit(lambda: gate.wait(LIMIT_S))

    async def look() -> None:
        task = asyncio.ensure_future(receipt)
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(look())
    gate.set()

    assert receipt.result(LIMIT_S) is True


def test_closing_runs_what_is_queued_then_the_last_job_and_takes_nothing_more() -> None:
    seen: list[str] = []
    worker = Worker("test-worker", finish=lambda: seen.append("finish"))
    gate = threading.Event()
    worker.submit(lambda: gate.wait(LIMIT_S))
    worker.submit(lambda: seen.append("queued"))

    assert worker.close(0.01) is False
    gate.set()
    assert worker.close(LIMIT_S) is True

    assert seen == ["queued", "finish"]
    with pytest.raises(RuntimeError):
        worker.submit(lambda: None)


def test_closing_a_worker_that_never_worked_is_nothing() -> None:
    assert Worker("test-worker").close(0.0) is True


def test_it_does_something_else_between_jobs_and_a_defect_there_does_not_end_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    idled = threading.Semaphore(0)

    def idle() -> None:
        idled.release()
        raise ValueError("a defect")

    worker = Worker("test-worker", idle=idle, every_s=0.001)
    worker.submit(lambda: None)

    assert all(idled.acquire(timeout=LIMIT_S) for _ in range(3))
    assert worker.submit(lambda: 7).result(LIMIT_S) == 7
    worker.close(LIMIT_S)
    assert "failed while idle" in caplog.text


def test_between_many_jobs_it_still_does_the_other_thing() -> None:
    idled = threading.Event()
    worker = Worker("test-worker", idle=idled.set, every_s=0.01)
    while not idled.is_set():
        worker.submit(lambda: None).result(LIMIT_S)

    worker.close(LIMIT_S)


def test_many_threads_may_submit_at_once(worker: Worker) -> None:
    seen: list[int] = []
    threads = [
        threading.Thread(target=lambda: [worker.submit(lambda: seen.append(1)) for _ in range(100)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)

    worker.submit(lambda: None).result(LIMIT_S)

    assert len(seen) == 800
    assert [t.name for t in threading.enumerate()].count("test-worker") == 1


def test_a_receipt_can_be_settled_by_hand() -> None:
    receipt: Receipt[bool] = Receipt()
    receipt.settle(False)

    assert receipt.result(0) is False
