"""Memory of machines that are not here: cards, Macs, containers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmhub.core.memory import MemoryState
from llmhub.machine.apple import gpu_limit_bytes, number_of, text_of
from llmhub.machine.cgroups import GroupLimit, memory_limit
from llmhub.machine.memory import Probes, Ram, memory_state
from llmhub.machine.nvidia import Card, cards

GIB = 2**30


def nothing() -> Sequence[Card]:
    return ()


BARE = Probes(
    ram=lambda: Ram(32 * GIB, 20 * GIB),
    cards=nothing,
    group=lambda: None,
    apple_silicon=False,
    sysctl=lambda name: None,
)


def test_without_a_card_it_is_the_computers_own_memory() -> None:
    assert memory_state(probes=BARE) == MemoryState("RAM", 32 * GIB, 20 * GIB, "the system's memory")


def test_cards_are_added_up() -> None:
    two = (Card("RTX 3090", 24 * GIB, 20 * GIB), Card("RTX 3090", 24 * GIB, 23 * GIB))

    state = memory_state(probes=replace(BARE, cards=lambda: two))

    assert (state.label, state.capacity_bytes, state.free_bytes) == ("GPU", 48 * GIB, 43 * GIB)
    assert state.source == "2 NVIDIA cards, as the driver says"


def test_a_full_card_has_no_free_memory_and_is_still_a_card() -> None:
    state = memory_state(probes=replace(BARE, cards=lambda: (Card("RTX", 8 * GIB, 0),)))

    assert (state.label, state.capacity_bytes, state.free_bytes) == ("GPU", 8 * GIB, 0)


def test_a_card_that_shares_the_computers_memory_is_unified() -> None:
    state = memory_state(probes=replace(BARE, cards=lambda: (Card("NVIDIA GB10", None, None),)))

    assert (state.label, state.capacity_bytes) == ("unified", 32 * GIB)


@pytest.mark.parametrize(
    ("installed", "wired_mb", "limit", "words"),
    [
        (16 * GIB, 0, 16 * GIB * 2 // 3, "by default"),
        (32 * GIB, 0, 32 * GIB * 2 // 3, "by default"),
        (64 * GIB, 0, 48 * GIB, "by default"),
        (32 * GIB, 28 * 1024, 28 * GIB, "iogpu.wired_limit_mb"),
        (16 * GIB, 64 * 1024, 16 * GIB, "iogpu.wired_limit_mb"),
    ],
)
def test_a_mac_gives_the_gpu_its_limit(installed: int, wired_mb: int, limit: int, words: str) -> None:
    def read(name: str) -> bytes | None:
        return wired_mb.to_bytes(4, "little") if name == "iogpu.wired_limit_mb" else None

    found, source = gpu_limit_bytes(installed, read)

    assert found == limit
    assert words in source


def test_on_a_mac_no_more_is_free_than_the_limit() -> None:
    probes = replace(BARE, apple_silicon=True, ram=lambda: Ram(32 * GIB, 30 * GIB))

    state = memory_state(probes=probes)

    assert state.label == "unified"
    assert state.capacity_bytes == state.free_bytes == 32 * GIB * 2 // 3


def test_a_container_has_its_limit_and_no_more_than_the_machine_has_left() -> None:
    probes = replace(BARE, group=lambda: GroupLimit(24 * GIB, 22 * GIB))

    state = memory_state(probes=probes)

    assert (state.capacity_bytes, state.free_bytes, state.source) == (24 * GIB, 20 * GIB, "the limit of this container")


def test_a_limit_above_what_the_machine_has_is_none() -> None:
    probes = replace(BARE, group=lambda: GroupLimit(64 * GIB, 60 * GIB))

    assert memory_state(probes=probes).capacity_bytes == 32 * GIB


def test_the_persons_own_figure_replaces_the_capacity() -> None:
    state = memory_state(8 * GIB, BARE)

    assert state == MemoryState("RAM", 8 * GIB, 8 * GIB, "set in [machine] memory")


def test_this_machine_can_be_looked_at() -> None:
    state = memory_state()

    assert 0 <= state.free_bytes <= state.capacity_bytes
    assert state.label in {"GPU", "RAM", "unified"}


# -- control groups -----------------------------------------------------------------------------


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_version_two_counts_unused_file_cache_as_free_and_asks_every_group_above(tmp_path: Path) -> None:
    root = put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/outer/inner\n",
            "sys/fs/cgroup/outer/memory.max": str(8 * GIB),
            "sys/fs/cgroup/outer/memory.current": str(6 * GIB),
            "sys/fs/cgroup/outer/memory.stat": f"anon 1\ninactive_file {2 * GIB}\n",
            "sys/fs/cgroup/outer/inner/memory.max": "max\n",
            "sys/fs/cgroup/outer/inner/memory.current": "5\n",
        },
    )

    assert memory_limit(root) == GroupLimit(8 * GIB, 4 * GIB)


def test_in_a_container_the_mounted_group_is_asked_when_its_path_is_the_hosts(tmp_path: Path) -> None:
    root = put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/docker/abc\n",
            "sys/fs/cgroup/memory.max": str(2 * GIB),
            "sys/fs/cgroup/memory.current": str(GIB),
        },
    )

    assert memory_limit(root) == GroupLimit(2 * GIB, GIB)


def test_version_one_is_read_too(tmp_path: Path) -> None:
    root = put(
        tmp_path,
        {
            "proc/self/cgroup": "7:cpu,cpuacct:/x\n5:memory:/x\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
            "sys/fs/cgroup/memory/x/memory.limit_in_bytes": str(4 * GIB),
            "sys/fs/cgroup/memory/x/memory.usage_in_bytes": str(5 * GIB),
        },
    )

    assert memory_limit(root) == GroupLimit(4 * GIB, 0)


def test_without_limits_or_files_there_is_none(tmp_path: Path) -> None:
    no_limit = put(tmp_path / "a", {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max"})

    assert memory_limit(no_limit) is None
    assert memory_limit(tmp_path / "b") is None


# -- NVIDIA -------------------------------------------------------------------------------------


class NVMLError(Exception):
    pass


def driver(**changes: Any) -> SimpleNamespace:
    def memory(handle: int) -> SimpleNamespace:
        if handle == 1:
            raise NVMLError("not supported")
        return SimpleNamespace(total=24 * GIB, free=3 * GIB)

    calls: dict[str, Any] = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetName": lambda handle: b"Card A" if handle == 0 else "Card B",
        "nvmlDeviceGetMemoryInfo": memory,
    }
    return SimpleNamespace(**(calls | changes))


def test_a_driver_lists_its_cards_and_one_that_tells_no_memory_is_kept() -> None:
    assert cards(driver()) == (Card("Card A", 24 * GIB, 3 * GIB), Card("Card B", None, None))


def test_without_a_driver_there_are_no_cards() -> None:
    def refuse() -> None:
        raise NVMLError("driver not loaded")

    assert cards(driver(nvmlInit=refuse)) == ()


def test_a_driver_that_breaks_off_has_no_cards_and_is_closed() -> None:
    closed = []

    def refuse() -> int:
        raise NVMLError("lost")

    found = cards(driver(nvmlDeviceGetCount=refuse, nvmlShutdown=lambda: closed.append(True)))

    assert (found, closed) == ((), [True])


def test_kernel_variables_are_text_or_numbers() -> None:
    assert text_of(b"Apple M4 Max\0") == "Apple M4 Max"
    assert text_of(None) is None
    assert number_of((5).to_bytes(8, "little")) == 5
    assert number_of(b"abc") is None
