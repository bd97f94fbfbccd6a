"""A power cut: what was acknowledged is there after it. Simulated everywhere, real where a disk can be mounted."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from llmhub.ledger.desk import Desk
from llmhub.storage.disk import Disk
from support.booking import Clock, a_turn, an_intent, booked_ids, recount, stock, sums
from support.disks import CountingDisk, ForgetfulDisk, PowerCutError
from support.nursery import Acknowledged, Nursery

TURNS = 4


def work(folder: Path, disk: Disk) -> list[str]:
    """Turns booked before the power went, in order."""
    clock, durable = Clock(), []
    desk = Desk(folder, disk, clock)
    try:
        desk.open()
        desk.recover()
        for number in range(TURNS):
            if number == TURNS // 2:
                clock.move(days=20)  # another month: a new file
            turn = a_turn(number)
            desk.begin(an_intent(turn), clock())
            if desk.book(turn, clock()):
                durable.append(turn.id)
        desk.close()
    except PowerCutError:
        pass
    return durable


def lost_after(folder: Path, cut_at: int, random: Random, *, syncs: bool) -> set[str]:
    """Acknowledged turns that a restart does not find. Everything else that it finds must be right in any case."""
    before, after = folder / "before", folder / "after"
    before.mkdir(parents=True)
    disk = ForgetfulDisk(before, cut_at, syncs=syncs)
    durable = work(before, disk)
    disk.after_the_cut(after, random)
    desk = Desk(after, Disk(), Clock())
    desk.open()
    desk.recover()
    totals = desk.totals
    desk.close()
    booked = booked_ids(after)
    assert len(booked) == len(set(booked))
    assert sums(totals) == recount(after)
    for path in after.glob("*.json"):
        stock(path)
    return set(durable) - set(booked)


def calls_of_the_work(folder: Path) -> int:
    disk = CountingDisk()
    work(folder, disk)
    return len(disk.calls)


@pytest.mark.parametrize("seed", range(2))
def test_a_power_cut_at_any_call_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    calls = calls_of_the_work(tmp_path / "whole")

    for cut_at in range(1, calls + 2):
        assert not lost_after(tmp_path / str(cut_at), cut_at, random, syncs=True), f"cut at call {cut_at}"


def test_the_simulation_finds_a_ledger_that_does_not_sync(tmp_path: Path) -> None:
    random = Random(0)
    calls = calls_of_the_work(tmp_path / "whole")

    losses = sum(
        bool(lost_after(tmp_path / str(cut_at), cut_at, random, syncs=False)) for cut_at in range(calls // 2, calls + 1)
    )

    assert losses > calls // 8


# -- a real file system whose journal is not flushed ------------------------------------------

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), linux fs/ext4/ext4.h
NO_LOG_FLUSH = 2


class LoopDisk:
    """An ext4 in a file."""

    def __init__(self, folder: Path) -> None:
        self.image, self.mountpoint = folder / "image", folder / "mnt"
        self.mountpoint.mkdir()
        with self.image.open("wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True, capture_output=True)
        self.mount()

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self.image, self.mountpoint], check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.mountpoint], check=False, capture_output=True)

    def cut_the_power(self) -> None:
        fd = os.open(self.mountpoint, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)


@pytest.fixture
def loop_disk(tmp_path: Path) -> Iterator[LoopDisk]:
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("mounting an ext4 needs root and mkfs.ext4")
    try:
        disk = LoopDisk(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine mounts no loop device: {error.stderr!r}")
    yield disk
    disk.unmount()


@pytest.mark.root
@pytest.mark.slow
def test_on_a_real_file_system_nothing_acknowledged_is_lost_when_it_is_shut_down(
    loop_disk: LoopDisk, tmp_path: Path
) -> None:
    random, nursery = Random(3), Nursery()
    acknowledged = Acknowledged(tmp_path / "acknowledged")
    folder = loop_disk.mountpoint / "ledger"
    try:
        for number in range(8):
            before = len(acknowledged)
            child = nursery.start("book_for_ever", folder=str(folder), acknowledged=str(acknowledged.path))
            acknowledged.wait_for(before + 1 + random.randrange(12))
            durable = set(acknowledged.ids())
            loop_disk.cut_the_power()
            nursery.kill(child)
            loop_disk.unmount()
            loop_disk.mount()

            desk = Desk(folder, Disk(), Clock())
            desk.open()
            desk.recover()
            totals = desk.totals
            desk.close()

            booked = booked_ids(folder)
            assert len(booked) == len(set(booked))
            assert not durable - set(booked), f"round {number}"
            assert sums(totals) == recount(folder)
            assert (number + 1) <= len(durable)
    finally:
        nursery.close()


@pytest.mark.root
@pytest.mark.slow
def test_the_real_file_system_finds_a_ledger_that_does_not_sync(loop_disk: LoopDisk, tmp_path: Path) -> None:
    class Unsynced(Disk):
        def sync(self, fd: int) -> None: ...

        def sync_folder(self, folder: Path) -> None: ...

    folder = loop_disk.mountpoint / "ledger"
    durable = work(folder, Unsynced())

    loop_disk.cut_the_power()
    loop_disk.unmount()
    loop_disk.mount()

    held = booked_ids(folder) if folder.exists() else []
    assert set(durable) - set(held)
