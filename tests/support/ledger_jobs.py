"""What children of the nursery do to a ledger before they are killed."""

from __future__ import annotations

import os
import resource
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmhub.chats.files import ChatFiles
from llmhub.core.identity import new_id
from llmhub.core.turns import Turn
from llmhub.ledger.books import BookKeeper, local_now
from llmhub.ledger.desk import Desk
from llmhub.storage import tables  # so that a child that gives up its rights has tinydb already
from llmhub.storage.disk import Disk
from support.booking import CLOUD, a_turn, an_intent
from support.nursery import LIMIT_S, Acknowledged

assert tables
NOBODY = 65_534


def warm_up() -> None:
    """Nothing: importing this was it."""


class Begun(Acknowledged):
    """Turns whose intent is on disk: after a kill each is in the ledger, settled or interrupted."""

    def __init__(self, acknowledged: str) -> None:
        super().__init__(Path(f"{acknowledged}.begun"))

    def add_begun(self, desk: Desk, turn: Turn) -> None:
        """Write the intent, then say so."""
        desk.begin(an_intent(turn), local_now())
        self.add(turn.id)


def a_desk(folder: str, disk: Disk | None = None) -> Desk:
    desk = Desk(Path(folder), disk or Disk(), local_now)
    desk.open()
    desk.recover()
    return desk


def book_for_ever(folder: str, acknowledged: str, limit: int = 5000) -> None:
    """Intents and turns one after the other, each acknowledged when it is said to be durable."""
    desk, told, begun = a_desk(folder), Acknowledged(Path(acknowledged)), Begun(acknowledged)
    for number in range(limit):
        turn = a_turn(number, place=CLOUD) if number % 3 else a_turn(number)
        begun.add_begun(desk, turn)
        if number % 3:
            desk.accepted(turn.id, f"gen-{number}", local_now())
        if desk.book(turn, local_now()):
            told.add(turn.id)


def book_in_the_background(folder: str, acknowledged: str, limit: int = 500) -> None:
    """The same through the public ledger and its thread."""
    keeper, told = BookKeeper(Path(folder), poll_s=0.01), Acknowledged(Path(acknowledged))
    for number in range(limit):
        turn = a_turn(number)
        keeper.begin(an_intent(turn))
        if keeper.record(turn).result(LIMIT_S):
            told.add(turn.id)
    keeper.close()


def chat_for_ever(folder: str, acknowledged: str, limit: int = 5000) -> None:
    """One chat that grows, one piece of text for each acknowledgement."""
    files, told = ChatFiles(Path(folder), retry_s=None), Acknowledged(Path(acknowledged))
    files.save("chat", [{"kind": "node", "id": "n", "role": "assistant"}]).result(LIMIT_S)
    for _ in range(limit):
        piece = new_id()
        if files.save("chat", [{"kind": "more", "id": "n", "text": piece}]).result(LIMIT_S):
            told.add(piece)


def book_some(folder: str, acknowledged: str, count: int) -> None:
    """`count` turns, then an orderly end."""
    desk, told = a_desk(folder), Acknowledged(Path(acknowledged))
    for number in range(count):
        turn = a_turn(number)
        if desk.book(turn, local_now()):
            told.add(turn.id)
    desk.close()


def book_in_threads(folder: str, acknowledged: str, threads: int, count: int) -> None:
    """Several ledgers in one process, and several threads at each."""
    told, guard = Acknowledged(Path(acknowledged)), threading.Lock()
    keepers = [BookKeeper(Path(folder), poll_s=0.01) for _ in range(2)]

    def work(keeper: BookKeeper) -> None:
        for number in range(count):
            turn = a_turn(number)
            assert keeper.record(turn).result(LIMIT_S)
            with guard:
                told.add(turn.id)

    working = [threading.Thread(target=work, args=(keepers[number % 2],)) for number in range(threads)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    for keeper in keepers:
        keeper.close()


def begin_and_stay(folder: str, acknowledged: str, cloud: bool) -> None:
    """One intent, then nothing more: a turn that streams for ever."""
    desk, told = a_desk(folder), Acknowledged(Path(acknowledged))
    turn = a_turn(1, place=CLOUD) if cloud else a_turn(1)
    desk.begin(an_intent(turn), local_now())
    if cloud:
        desk.accepted(turn.id, "gen-1", local_now())
    told.add(turn.id)
    signal.pause()


def die_at_call(folder: str, acknowledged: str, at: int, stop: bool = False) -> None:
    """A few turns; killed, or stopped as by Ctrl-Z, on entry to the `at`-th call of those that change something."""
    _die_at(at, signal.SIGSTOP if stop else signal.SIGKILL)
    desk, told, begun = a_desk(folder), Acknowledged(Path(acknowledged)), Begun(acknowledged)
    for number in range(3):
        turn = a_turn(number)
        begun.add_begun(desk, turn)
        if desk.book(turn, local_now()):
            told.add(turn.id)
    desk.close()


def _die_at(at: int, how: int) -> None:
    """Put a trap into every call to the system that writes, syncs, renames, truncates, locks, makes or removes."""
    import fcntl

    calls = 0

    def trapped(call: Any) -> Any:
        def instead(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at:
                os.kill(os.getpid(), how)
            return call(*arguments, **named)

        return instead

    for name in ("pwrite", "fdatasync", "fsync", "ftruncate", "replace", "rename", "unlink", "open", "mkdir", "fchmod"):
        setattr(os, name, trapped(getattr(os, name)))
    fcntl.flock = trapped(fcntl.flock)


def book_under_a_size_limit(folder: str, acknowledged: str, room: int) -> None:
    """Turns until a file may not grow any more, then the limit is lifted and all is tried again."""
    told = Acknowledged(Path(acknowledged))
    desk = a_desk(folder)
    first = a_turn(0)
    assert desk.book(first, local_now())
    told.add(first.id)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    (file,) = Path(folder).glob("turns-*.json")
    limit = file.stat().st_size + room
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    turns = [replace(a_turn(number), id=new_id()) for number in range(1, 6)]
    durable = [desk.book(turn, local_now()) for turn in turns]
    assert not all(durable)
    assert desk.totals.unsaved_turns == durable.count(False)
    assert sum(sums.turns for _, sums in desk.totals.buckets) == 6
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    desk.poll()
    assert desk.totals.unsaved_turns == 0
    for turn in turns:
        told.add(turn.id)
    desk.close()


def without_rights(folder: str, acknowledged: str, report: str) -> None:
    """As an ordinary user, in a folder that may only be read: the turn is kept, told, and saved when it may be."""
    told = Acknowledged(Path(acknowledged))
    out = os.open(report, os.O_WRONLY)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # before the ledger's thread is there to take it
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    keeper = BookKeeper(Path(folder), poll_s=None)
    turn = a_turn(1)
    durable = keeper.record(turn).result(LIMIT_S)
    words = "; ".join(str(notice) for notice in keeper.take_notices())
    os.write(out, f"{durable}|{keeper.totals.unsaved_turns}|{words}\n".encode())
    told.add(turn.id)
    signal.sigwait({signal.SIGUSR1})
    keeper.poll().result(LIMIT_S)
    os.write(out, f"{keeper.totals.unsaved_turns}|{keeper.problem}\n".encode())
    keeper.close()
