"""The ledger as the rest of llmhub uses it: queued at once, never raising for want of a disk, totals at hand."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from llmhub.core.chat import Accepted, ChatEvent, ChatRequest, Finished, Message, TextDelta, Usage
from llmhub.core.errors import StorageError
from llmhub.core.ports import Ledger
from llmhub.core.run import run_turn
from llmhub.core.totals import Totals
from llmhub.core.turns import BilledFacts, Turn, TurnStatus
from llmhub.ledger.books import BookKeeper
from llmhub.storage.disk import Disk
from support.booking import CLOUD, NOON, Clock, a_turn, an_intent, booked_ids, many, recount, stock, sums, turns_in
from support.disks import CountingDisk
from support.nursery import LIMIT_S, until


class Broken(CountingDisk):
    """A disk that takes nothing while `full` is set."""

    def __init__(self) -> None:
        super().__init__(self._refuse)
        self.full = False

    def _refuse(self, name: str, _number: int) -> None:
        if self.full and name in {"write", "make_folder"}:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def disk() -> Broken:
    return Broken()


@pytest.fixture
def keeper(folder: Path, disk: Broken) -> Iterator[BookKeeper]:
    keeper = BookKeeper(folder, disk=disk, clock=Clock(), poll_s=None)
    yield keeper
    keeper.close(LIMIT_S)


def test_it_is_the_ledger_of_the_ports(keeper: BookKeeper) -> None:
    ledger: Ledger = keeper

    assert ledger.totals == Totals()


def test_making_one_touches_nothing(folder: Path) -> None:
    BookKeeper(folder).close()

    assert not folder.parent.joinpath("ledger").exists()


def test_looking_at_an_empty_ledger_makes_no_folder(keeper: BookKeeper, folder: Path) -> None:
    assert turns_in(keeper.start().result(LIMIT_S)) == 0
    assert keeper.kept("profile").result(LIMIT_S) == []

    assert not folder.exists()


async def test_a_turn_is_durable_when_its_receipt_says_so(keeper: BookKeeper, folder: Path) -> None:
    turn = a_turn(1)
    await keeper.begin(an_intent(turn))

    assert await keeper.record(turn) is True

    assert booked_ids(folder) == [turn.id]
    assert turns_in(keeper.totals) == 1
    assert keeper.totals.unsaved_turns == 0


def test_commands_use_the_same_ledger_without_a_loop(keeper: BookKeeper, folder: Path) -> None:
    turns = many(3)

    assert [keeper.record(turn).result(LIMIT_S) for turn in turns] == [True] * 3

    assert booked_ids(folder) == [turn.id for turn in turns]


async def test_turns_are_booked_in_the_order_they_were_given_even_when_nobody_waits(
    keeper: BookKeeper, folder: Path
) -> None:
    turns = many(50)
    for turn in turns:
        keeper.begin(an_intent(turn))
        keeper.record(turn)

    await keeper.poll()

    assert booked_ids(folder) == [turn.id for turn in turns]


async def test_a_cancelled_wait_still_books_the_turn(keeper: BookKeeper, folder: Path) -> None:
    turn = a_turn(1)
    task = asyncio.ensure_future(keeper.record(turn))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await keeper.poll()

    assert booked_ids(folder) == [turn.id]


class Model:
    name = "ollama"

    def __init__(self, *events: ChatEvent) -> None:
        self.events = events

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        for event in self.events:
            await asyncio.sleep(0)
            yield event


async def test_the_one_road_ends_in_the_ledger_however_the_turn_ended(keeper: BookKeeper) -> None:
    request = ChatRequest("llama3.1:8b", (Message.of("user", "hello"),))
    context = a_turn(1).context
    quick, endless = Model(TextDelta("Hi"), Finished("stop", Usage(3, 1))), Model(Accepted(), *[TextDelta("x")] * 1000)
    await run_turn(quick, request, keeper, lambda _: None, context=context)
    task = asyncio.ensure_future(run_turn(endless, request, keeper, lambda _: None, context=context))
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await keeper.poll()

    booked = await keeper.page(10)

    assert sorted(b.turn.status for b in booked) == [TurnStatus.CANCELLED, TurnStatus.COMPLETE]


# -- what cannot be written -------------------------------------------------------------------


async def test_a_turn_that_cannot_be_written_counts_is_kept_and_is_saved_later(
    keeper: BookKeeper, disk: Broken, folder: Path
) -> None:
    disk.full = True
    first, second = a_turn(1), a_turn(2)
    await keeper.begin(an_intent(first))

    assert await keeper.record(first) is False
    assert await keeper.record(second) is False
    assert (keeper.totals.unsaved_turns, turns_in(keeper.totals)) == (2, 2)
    assert [turn.id for turn in keeper.unsaved] == [first.id, second.id]
    assert keeper.problem is not None
    assert keeper.problem.happened == "The disk is full"
    assert [booked.turn.id for booked in await keeper.page(5)] == [second.id, first.id]

    disk.full = False
    third = a_turn(3)
    assert await keeper.record(third) is True
    assert (keeper.totals.unsaved_turns, turns_in(keeper.totals)) == (0, 3)
    assert booked_ids(folder) == [first.id, second.id, third.id]
    assert keeper.problem is None


async def test_what_is_wrong_is_told_once_in_three_parts(keeper: BookKeeper, disk: Broken) -> None:
    disk.full = True
    for number in range(3):
        await keeper.record(a_turn(number))

    (told,) = keeper.take_notices()

    assert isinstance(told, StorageError)
    assert (told.happened, bool(told.subject), bool(told.remedy)) == ("The disk is full", True, True)
    await keeper.record(a_turn(4))
    assert keeper.take_notices() == []


async def test_a_poll_saves_what_could_not_be_written_without_a_further_turn(
    keeper: BookKeeper, disk: Broken, folder: Path
) -> None:
    disk.full = True
    turn = a_turn(1)
    await keeper.record(turn)
    disk.full = False

    totals = await keeper.poll()

    assert totals.unsaved_turns == 0
    assert booked_ids(folder) == [turn.id]


def test_closing_names_what_could_not_be_saved(keeper: BookKeeper, disk: Broken) -> None:
    disk.full = True
    turn = a_turn(1)
    keeper.record(turn)

    closing = keeper.close(LIMIT_S)

    assert closing.in_time
    assert [unsaved.id for unsaved in closing.unsaved] == [turn.id]


def test_closing_has_a_limit(folder: Path) -> None:
    gate = threading.Event()

    class Slow(Disk):
        def write(self, fd: int, data: bytes, at: int) -> None:
            gate.wait(LIMIT_S)
            super().write(fd, data, at)

    keeper = BookKeeper(folder, disk=Slow(), poll_s=None)
    receipt = keeper.record(a_turn(1))

    closing = keeper.close(0.01)

    assert not closing.in_time
    gate.set()
    assert receipt.result(LIMIT_S)
    keeper.close(LIMIT_S)


def test_a_turn_after_closing_is_reported_unsaved_and_raises_nothing(keeper: BookKeeper) -> None:
    keeper.record(a_turn(1)).result(LIMIT_S)
    keeper.close(LIMIT_S)
    turn = a_turn(2)

    assert keeper.record(turn).result(LIMIT_S) is False
    keeper.begin(an_intent(turn)).result(LIMIT_S)
    assert keeper.unsaved == (turn,)


@pytest.mark.parametrize(
    "odd",
    [
        {"tokens": Usage(10**40, 5, source="daemon")},
        {"tokens": Usage(float("nan"), 5, source="daemon")},  # type: ignore[arg-type]
        {"billed": BilledFacts(raw={"verbatim": {"junk": "x" * 200_000}, "cost": "0.25"}, pico_usd=250_000_000_000)},
        {"billed": BilledFacts(raw={"cost": Decimal("0.25")}, pico_usd=250_000_000_000)},
        {"extra": {"deep": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["bottom"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}},
        {"reason": "\u20ac" * 100_000},
    ],
    ids=["a flood of digits", "not a number", "a flood of bytes", "another type", "a deep nest", "a flood of words"],
)
async def test_a_turn_with_absurd_facts_is_booked_without_them(
    keeper: BookKeeper, folder: Path, odd: dict[str, object]
) -> None:
    turn = replace(a_turn(1), **odd)  # type: ignore[arg-type]

    assert await keeper.record(turn) is True

    (record,) = stock(next(folder.glob("turns-*.json"))).values()
    assert record["reduced"] is True
    again = Turn.from_record(record)
    assert (again.id, again.model, again.status) == (turn.id, turn.model, turn.status)
    assert again.billed.pico_usd == turn.billed.pico_usd
    assert again.tokens.completion == turn.tokens.completion
    assert sums(keeper.totals) == recount(folder)
    assert turns_in(keeper.totals) == 1


# -- who listens ------------------------------------------------------------------------------


async def test_a_listener_on_a_loop_is_called_on_it_with_the_newest_totals(keeper: BookKeeper) -> None:
    heard: list[tuple[int, bool]] = []
    main = threading.current_thread()
    end = keeper.subscribe(lambda totals: heard.append((turns_in(totals), threading.current_thread() is main)))

    for turn in many(3):
        await keeper.record(turn)
    while not heard or heard[-1][0] < 3:
        await asyncio.sleep(0.001)

    assert heard[-1] == (3, True)
    end()
    await keeper.record(a_turn(9))
    await keeper.poll()
    assert heard[-1] == (3, True)


def test_a_listener_without_a_loop_is_called_by_the_ledgers_thread_and_its_defect_harms_nobody(
    keeper: BookKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def listener(totals: Totals) -> None:
        heard.append(threading.current_thread().name)
        raise ValueError("a defect")

    keeper.subscribe(listener)

    assert keeper.record(a_turn(1)).result(LIMIT_S)

    assert "llmhub-ledger" in heard
    assert "a listener to the totals failed" in caplog.text


def test_a_listener_whose_loop_was_closed_is_forgotten_quietly(keeper: BookKeeper) -> None:
    async def listen() -> None:
        keeper.subscribe(lambda _totals: None)

    asyncio.run(listen())

    assert keeper.record(a_turn(1)).result(LIMIT_S)


def test_totals_that_were_handed_out_never_change(keeper: BookKeeper) -> None:
    keeper.record(a_turn(1)).result(LIMIT_S)
    before = keeper.totals

    keeper.record(a_turn(2)).result(LIMIT_S)

    assert (turns_in(before), turns_in(keeper.totals)) == (1, 2)


# -- other kinds ------------------------------------------------------------------------------


def test_profiles_and_machines_are_kept_in_files_of_their_own_the_newest_of_each_id_wins(
    keeper: BookKeeper, folder: Path
) -> None:
    keeper.keep("machine", {"id": "m1", "name": "mini"}, "m1").result(LIMIT_S)
    keeper.keep("machine", {"id": "m2", "name": "pc"}, "m2").result(LIMIT_S)
    keeper.keep("machine", {"id": "m1", "name": "Mac mini"}, "m1").result(LIMIT_S)
    keeper.keep("profile", {"values": {"usd_per_kwh": "0.30"}}, "a3").result(LIMIT_S)

    kept = keeper.kept("machine").result(LIMIT_S)

    assert [(record["id"], record["name"]) for record in kept] == [("m2", "pc"), ("m1", "Mac mini")]
    assert keeper.kept("profile").result(LIMIT_S)[-1]["values"] == {"usd_per_kwh": "0.30"}
    assert sorted(path.name for path in folder.iterdir()) == ["machines.json", "profiles.json"]


def test_what_is_kept_already_is_not_written_again(keeper: BookKeeper, folder: Path) -> None:
    for _ in range(3):
        assert keeper.keep("machine", {"name": "mini"}, "m1").result(LIMIT_S)

    assert len(stock(folder / "machines.json")) == 1


def test_what_another_process_kept_is_seen(keeper: BookKeeper, folder: Path) -> None:
    keeper.keep("profile", {"values": 1}, "a1").result(LIMIT_S)
    other = BookKeeper(folder, clock=Clock(NOON.replace(hour=13)), poll_s=None)
    other.keep("profile", {"values": 2}, "a2").result(LIMIT_S)
    other.close(LIMIT_S)

    assert [record["id"] for record in keeper.kept("profile").result(LIMIT_S)] == ["a1", "a2"]


def test_a_profile_that_cannot_be_written_holds_all_the_same_and_is_saved_later(
    keeper: BookKeeper, disk: Broken, folder: Path
) -> None:
    disk.full = True
    assert keeper.keep("profile", {"values": 1}, "a1").result(LIMIT_S) is False
    assert keeper.keep("profile", {"values": 1}, "a1").result(LIMIT_S) is False
    assert [record["values"] for record in keeper.kept("profile").result(LIMIT_S)] == [1]
    assert keeper.totals.unsaved_turns == 0
    disk.full = False

    keeper.poll().result(LIMIT_S)

    assert len(stock(folder / "profiles.json")) == 1


def test_facts_that_are_no_finite_json_are_refused_by_the_receipt(keeper: BookKeeper) -> None:
    with pytest.raises(StorageError):
        keeper.keep("profile", {"values": float("inf")}, "a1").result(LIMIT_S)
    with pytest.raises(KeyError):
        keeper.keep("recipe", {}, "r1").result(LIMIT_S)


# -- corrections and reading ------------------------------------------------------------------


def test_a_late_bill_is_a_record_of_its_own_and_totals_and_history_know_it(keeper: BookKeeper, folder: Path) -> None:
    turn = replace(a_turn(1, place=CLOUD), billed=BilledFacts(reconciled="pending"))
    keeper.record(turn).result(LIMIT_S)
    (file,) = folder.glob("turns-*.json")
    before = file.read_bytes()
    (booked,) = keeper.history.turns()

    bill = BilledFacts(raw={"cost": "0.00014"}, reconciled="generation", pico_usd=140_000_000)
    keeper.correct(booked, bill).result(LIMIT_S)

    (total,) = sums(keeper.totals).values()
    assert (total.turns, total.pending_turns, total.billed_turns, total.billed_pico_usd) == (1, 0, 1, 140_000_000)
    assert file.read_bytes() == before
    (again,) = keeper.history.turns()
    assert again.turn == replace(turn, billed=bill)
    fresh = BookKeeper(folder, poll_s=None)
    assert sums(fresh.start().result(LIMIT_S)) == sums(keeper.totals)
    fresh.close()


async def test_a_page_of_turns_is_chosen_the_newest_first(keeper: BookKeeper) -> None:
    turns = [a_turn(number, model="a" if number % 2 else "b") for number in range(10)]
    for turn in turns:
        await keeper.record(turn)

    page = await keeper.page(2, skip=1, keep=lambda booked: booked.turn.model == "a")

    assert [booked.turn.id for booked in page] == [turns[7].id, turns[5].id]
    assert await keeper.page(5, month="2025-01") == []
    assert len(await keeper.page(50, month="2026-11")) == 10


def test_the_folder_is_private(keeper: BookKeeper, folder: Path) -> None:
    turn = a_turn(1)
    keeper.begin(an_intent(turn))
    keeper.record(turn).result(LIMIT_S)
    keeper.keep("profile", {}, "a1").result(LIMIT_S)
    keeper.close(LIMIT_S)

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in [folder, *folder.iterdir()]}

    assert modes.pop("ledger") == "0o700"
    assert set(modes.values()) == {"0o600"}
    assert {"totals.json", "profiles.json", "intents.json", "turns-2026-11.json"} <= modes.keys()


def test_a_ledger_nobody_closed_still_books_what_is_queued_when_the_interpreter_ends(folder: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from pathlib import Path; from llmhub.ledger.books import BookKeeper\n"
        "from support.booking import a_turn\n"
        "keeper = BookKeeper(Path(sys.argv[1]))\n"
        "for number in range(20): keeper.record(a_turn(number))\n"
    )

    subprocess.run([sys.executable, "-c", script, str(folder)], check=True, env={"PYTHONPATH": ":".join(sys.path)})

    assert len(booked_ids(folder)) == 20


def test_a_ledger_polls_by_itself(folder: Path) -> None:
    keeper, other = BookKeeper(folder, poll_s=0.01), BookKeeper(folder, poll_s=None)
    keeper.start().result(LIMIT_S)
    other.record(a_turn(1)).result(LIMIT_S)

    until(lambda: turns_in(keeper.totals) == 1)

    keeper.close()
    other.close()
