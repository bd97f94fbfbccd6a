"""What a process and everything it started has used."""

from __future__ import annotations

import platform
import time

import psutil

_SCHEDULED = 2
"""CPUCLOCK_SCHED of Linux: every nanosecond on a processor, all threads, also those that have ended."""


def own_cpu_s(pid: int) -> float:
    """Processor seconds of one process, user and kernel, without what it started.

    On Linux the process's own CPU clock, which counts nanoseconds (clock_getcpuclockid(3) works the number out like
    this); `/proc/<pid>/stat` counts ticks of 10 ms, a tenth of what a fast stream takes in a second.

    Raises:
        ProcessLookupError: there is no such process.
    """
    if platform.system() == "Linux":
        try:
            return time.clock_gettime((~pid << 3) | _SCHEDULED)
        except OSError as error:
            raise ProcessLookupError(pid) from error
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(pid) from error
    return times.user + times.system


def tree_cpu_s(pid: int) -> float:
    """Processor seconds of a process and all it started; children that ended and were waited for count as well.

    Raises:
        ProcessLookupError: there is no such process.
    """
    total = own_cpu_s(pid)
    try:
        process = psutil.Process(pid)
        children = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(pid) from error
    for child in children:
        try:
            times = child.cpu_times()
            total += times.children_user + times.children_system
            if child.pid != pid:
                total += own_cpu_s(child.pid)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue  # ended between the list and the look; its parent has its time now
    return total


def resident_bytes(pid: int) -> int:
    """Memory a process and all it started hold in RAM; shared pages count for each."""
    process = psutil.Process(pid)
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
