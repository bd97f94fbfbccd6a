"""A committed turn is never lost, whatever is killed, and whenever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import sleep

import pytest

from llmhub.ledger.desk import Desk
from llmhub.storage.disk import Disk
from llmhub.storage.layout import CLOSING
from support.booking import Clock, booked_ids, recount, stock, sums, turns_in
from support.ledger_jobs import Begun
from support.nursery import Acknowledged, Nursery


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def check(folder: Path, acknowledged: Acknowledged) -> list[str]:
    """Open the ledger as the next llmhub would: nothing acknowledged is missing, nothing is there twice or in part."""
    desk = Desk(folder, Disk(), Clock())
    totals = desk.open()
    desk.recover()
    totals = desk.totals
    desk.close()
    booked = booked_ids(folder)
    assert len(booked) == len(set(booked)), "a turn was booked twice"
    missing = set(acknowledged.ids()) - set(booked)
    assert not missing, f"{len(missing)} acknowledged turns are lost"
    if Path(f"{acknowledged.path}.begun").exists():
        unknown = set(Begun(str(acknowledged.path)).ids()) - set(booked)
        assert not unknown, f"{len(unknown)} turns that were under way are not in the ledger"
    assert sums(totals) == recount(folder)
    assert turns_in(totals) == len(booked)
    for path in folder.glob("*.json"):
        stock(path)
    return booked


def kill_rounds(nursery: Nursery, folder: Path, rounds: int, job: str, seed: int) -> Acknowledged:
    random, acknowledged = Random(seed), Acknowledged(folder.parent / "acknowledged")
    for _ in range(rounds):
        before = len(acknowledged)
        child = nursery.start(job, folder=str(folder), acknowledged=str(acknowledged.path))
        acknowledged.wait_for(before + random.randrange(4))
        sleep(random.random() * 0.01)
        nursery.kill(child)
        check(folder, acknowledged)
    return acknowledged


@pytest.mark.parametrize("job", ["book_for_ever", "book_in_the_background"])
def test_kills_at_random_instants_lose_nothing_and_double_nothing(nursery: Nursery, tmp_path: Path, job: str) -> None:
    acknowledged = kill_rounds(nursery, tmp_path / "ledger", 35, job, seed=1)

    assert len(acknowledged) >= 35


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
def test_hundreds_of_kills_lose_nothing_and_double_nothing(nursery: Nursery, tmp_path: Path, seed: int) -> None:
    kill_rounds(nursery, tmp_path / "ledger", 100, "book_for_ever", seed)


def test_kills_beside_a_live_writer_harm_neither(nursery: Nursery, tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    living, dying = Acknowledged(tmp_path / "living"), Acknowledged(tmp_path / "dying")
    survivor = nursery.start("book_for_ever", folder=str(folder), acknowledged=str(living.path))
    random = Random(7)
    for number in range(1, 11):
        child = nursery.start("book_for_ever", folder=str(folder), acknowledged=str(dying.path))
        dying.wait_for(number)
        living.wait_for(number * 2)
        sleep(random.random() * 0.005)
        nursery.kill(child)
    nursery.kill(survivor)

    booked = check(folder, living)

    assert set(dying.ids()) <= set(booked)


@pytest.mark.parametrize("prepared", ["an empty folder", "a torn end", "damage"])
def test_a_kill_on_entry_to_any_call_of_the_system_loses_nothing(
    nursery: Nursery, tmp_path: Path, prepared: str
) -> None:
    deaths = 0
    for at in range(1, 200):
        folder = tmp_path / str(at) / "ledger"
        folder.parent.mkdir()
        acknowledged = Acknowledged(tmp_path / str(at) / "acknowledged")
        prepare(folder, prepared, acknowledged)
        child = nursery.start("die_at_call", folder=str(folder), acknowledged=str(acknowledged.path), at=at)
        status = nursery.wait(child)

        booked = check(folder, acknowledged)
        if status == 0:
            assert len(acknowledged) == len(booked)
            break
        assert status == -9
        deaths += 1
    assert 20 < deaths < 199


def prepare(folder: Path, how: str, acknowledged: Acknowledged) -> None:
    """A ledger of two turns, with something wrong with it."""
    if how == "an empty folder":
        return
    from support.ledger_jobs import book_some

    book_some(str(folder), str(acknowledged.path), 2)
    (path,) = folder.glob("turns-*.json")
    data = path.read_bytes()
    if how == "a torn end":
        path.write_bytes(data.removesuffix(CLOSING) + b',"3":{"v":1,"kind":"tu')
    else:
        lines = data.splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:2], b"junk\n", *lines[2:]]))
