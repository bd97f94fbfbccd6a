"""Memory of machines that are not here: cards, Macs, containers, and probes that answer nonsense."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmhub.core.memory import MemoryState, MemoryTerm, Placement
from llmhub.machine.apple import Pages, free_bytes, gpu_limit_bytes, number_of, pages, text_of
from llmhub.machine.cards import Card
from llmhub.machine.cgroups import GroupLimit, memory_limit
from llmhub.machine.chips import gpu_limits
from llmhub.machine.memory import DRIVER_BYTES, Probes, Ram, memory_state
from llmhub.machine.nvidia import cards, named_by_kernel

GIB = 2**30

BARE = Probes(
    ram=lambda: Ram(32 * GIB, 20 * GIB),
    cards=tuple,
    group=lambda: None,
    apple_silicon=False,
    sysctl=lambda name: None,
)
"""A computer with 32 GiB and no card."""
MAC = replace(BARE, apple_silicon=True)


def adds_up(state: MemoryState) -> bool:
    return sum(term.bytes for term in state.terms) == state.capacity_bytes


# -- the computer's own memory ------------------------------------------------------------------


@pytest.mark.parametrize(("installed", "planned"), [(64, 64 - 6.4), (32, 32 - 3.2), (20, 18), (16, 14), (8, 6), (1, 0)])
def test_planning_leaves_a_tenth_to_the_system_and_at_least_two_gib(installed: int, planned: float) -> None:
    state = memory_state(probes=replace(BARE, ram=lambda: Ram(installed * GIB, installed * GIB)))

    assert state.capacity_bytes == pytest.approx(planned * GIB, abs=1)
    assert state.free_bytes == state.capacity_bytes
    assert state.placement is Placement.CPU


def test_without_a_card_it_is_the_computers_own_memory() -> None:
    state = memory_state(probes=BARE)

    assert (state.label, state.free_bytes, state.source) == ("RAM", 20 * GIB, "the system's memory")
    assert [term.words for term in state.terms] == ["installed memory", "left to the system"]
    assert adds_up(state)


def test_a_container_has_its_limit_and_no_more_than_the_machine_has_left() -> None:
    probes = replace(BARE, group=lambda: GroupLimit(24 * GIB, 22 * GIB))

    state = memory_state(probes=probes)

    assert (state.capacity_bytes, state.free_bytes, state.source) == (24 * GIB, 20 * GIB, "the limit of this container")
    assert state.terms == (MemoryTerm("limit of this container", 24 * GIB),)


@pytest.mark.parametrize("limit", [64 * GIB, 32 * GIB, 0, -1])
def test_a_limit_that_is_none_changes_nothing(limit: int) -> None:
    assert memory_state(probes=replace(BARE, group=lambda: GroupLimit(limit, GIB))) == memory_state(probes=BARE)


def test_a_limit_just_below_the_whole_does_not_take_the_systems_part() -> None:
    state = memory_state(probes=replace(BARE, group=lambda: GroupLimit(31 * GIB, 5 * GIB)))

    assert (state.capacity_bytes, state.free_bytes) == (memory_state(probes=BARE).capacity_bytes, 5 * GIB)


def test_in_wsl_the_words_say_that_it_is_a_part() -> None:
    kernel = "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@65c757a075e2)"

    state = memory_state(probes=replace(BARE, kernel=lambda: kernel))

    assert "WSL" in state.source
    assert state.terms[0].words == "memory of this WSL machine"


# -- cards --------------------------------------------------------------------------------------


def test_cards_are_added_up_and_each_gives_the_driver_its_part() -> None:
    two = (Card("RTX 3090", 24 * GIB, 20 * GIB), Card("RTX 3090", 24 * GIB, 23 * GIB))

    state = memory_state(probes=replace(BARE, cards=lambda: two))

    assert (state.label, state.placement, state.devices) == ("GPU", Placement.CARD, 2)
    assert (state.capacity_bytes, state.free_bytes) == (48 * GIB - 2 * DRIVER_BYTES, 43 * GIB - 2 * DRIVER_BYTES)
    assert (state.reserve_bytes, state.host_free_bytes) == (2 * GIB, 20 * GIB)
    assert state.source == "2 NVIDIA cards, as the driver says"
    assert adds_up(state)


def test_what_the_gauge_shows_as_used_is_what_the_driver_says_is_used() -> None:
    state = memory_state(probes=replace(BARE, cards=lambda: (Card("RTX 3090", 24 * GIB, 20 * GIB),)))

    assert state.used_bytes == 4 * GIB


def test_a_full_card_has_no_free_memory_and_is_still_a_card() -> None:
    state = memory_state(probes=replace(BARE, cards=lambda: (Card("RTX", 8 * GIB, 0),)))

    assert (state.label, state.capacity_bytes, state.free_bytes) == ("GPU", 8 * GIB - DRIVER_BYTES, 0)


@pytest.mark.parametrize("name", ["NVIDIA GB10", "Orin (nvgpu)"])
def test_a_card_that_shares_the_computers_memory_is_unified(name: str) -> None:
    state = memory_state(probes=replace(BARE, cards=lambda: (Card(name, None, None),)))

    assert (state.label, state.placement, state.devices) == ("unified", Placement.UNIFIED, 1)
    assert state.capacity_bytes == memory_state(probes=BARE).capacity_bytes


def test_a_chip_known_to_share_is_unified_even_if_its_driver_tells_a_size() -> None:
    state = memory_state(probes=replace(BARE, cards=lambda: (Card("NVIDIA GB10", 120 * GIB, 100 * GIB),)))

    assert (state.label, state.capacity_bytes) == ("unified", memory_state(probes=BARE).capacity_bytes)


def test_of_two_makers_cards_those_with_more_memory_count_and_the_words_say_which_do_not() -> None:
    nvidia = (Card("NVIDIA GeForce RTX 4090", 24 * GIB, 22 * GIB),)
    amd = (Card("Radeon RX 7600", 8 * GIB, 8 * GIB, "AMD"),)

    state = memory_state(probes=replace(BARE, cards=lambda: nvidia, other_cards=lambda: amd))

    assert (state.devices, state.capacity_bytes) == (1, 24 * GIB - DRIVER_BYTES)
    assert "NVIDIA GeForce RTX 4090" in state.source
    assert "not counted: Radeon RX 7600" in state.source


def test_beside_a_card_the_processors_graphics_do_not_count() -> None:
    nvidia = (Card("NVIDIA GeForce RTX 4060", 8 * GIB, 7 * GIB),)
    part = Card("Radeon 780M (Ryzen 7 7840U/HS)", 16 * GIB, 16 * GIB, "AMD", integrated=True, lent_bytes=24 * GIB)

    state = memory_state(probes=replace(BARE, cards=lambda: nvidia, other_cards=lambda: (part,)))

    assert state.capacity_bytes == 8 * GIB - DRIVER_BYTES


def test_strix_halo_has_its_carve_out_and_what_the_system_lends() -> None:
    part = Card(
        "Ryzen AI Max+ 395 (Radeon 8060S, Strix Halo)",
        GIB // 2,
        GIB // 4,
        "AMD",
        integrated=True,
        lent_bytes=16 * GIB,
        lent_used_bytes=GIB,
    )

    state = memory_state(probes=replace(BARE, other_cards=lambda: (part,)))

    assert (state.label, state.capacity_bytes) == ("unified", 16 * GIB + GIB // 2)
    assert (state.free_bytes, state.host_free_bytes) == (15 * GIB + GIB // 4, 5 * GIB)
    assert adds_up(state)


def test_small_graphics_of_a_desktop_processor_leave_models_to_the_cpu() -> None:
    part = Card("AMD graphics of the processor", GIB // 2, 0, "AMD", integrated=True, lent_bytes=16 * GIB)

    assert memory_state(probes=replace(BARE, other_cards=lambda: (part,))) == memory_state(probes=BARE)


def test_a_card_that_cannot_be_asked_has_the_size_it_is_sold_with_less_a_gib() -> None:
    state = memory_state(probes=replace(BARE, other_cards=lambda: (Card("Arc B580", None, None, "Intel"),)))

    assert (state.capacity_bytes, state.free_bytes) == (11 * GIB, 11 * GIB)
    assert state.source == "Arc B580, size from the table of chips; what is free is not told"
    assert adds_up(state)


def test_of_two_sizes_the_smaller_is_taken_for_a_card_that_cannot_be_asked() -> None:
    card = Card("NVIDIA GeForce RTX 4060 Ti", None, None, from_table=True)

    assert memory_state(probes=replace(BARE, other_cards=lambda: (card,))).capacity_bytes == 7 * GIB


def test_a_card_that_nobody_knows_is_named_with_what_to_do() -> None:
    card = Card("NVIDIA Something 1", None, None, from_table=True)

    state = memory_state(probes=replace(BARE, other_cards=lambda: (card,)))

    assert state.label == "RAM"
    assert "NVIDIA Something 1 cannot be measured: set [machine] memory" in state.source


# -- Macs ---------------------------------------------------------------------------------------


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
def test_a_mac_that_cannot_be_asked_gives_the_gpu_its_limit(
    installed: int, wired_mb: int, limit: int, words: str
) -> None:
    found, source = gpu_limit_bytes(installed, wired(wired_mb))

    assert found == limit
    assert words in source


def wired(mib: int) -> Any:
    return lambda name: mib.to_bytes(4, "little") if name == "iogpu.wired_limit_mb" else None


@pytest.mark.parametrize(
    ("installed", "limit"),
    [
        (8, 5_726_630_000),
        (16, 11_453_250_000),
        (24, 17_179_890_000),
        (36, 28_991_030_000),
        (512, 498_216_210_000),
        (96, 72 * GIB),
        (18, 12 * GIB),
    ],
)
def test_the_older_column_of_the_table_stands_in_for_metal(installed: int, limit: int) -> None:
    found, source = gpu_limit_bytes(installed * GIB, lambda name: None, known=gpu_limits())

    assert found == limit
    assert "by default" in source


def test_metals_own_figure_goes_before_all_others() -> None:
    assert gpu_limit_bytes(16 * GIB, wired(0), lambda: 12_713_115_648, gpu_limits()) == (
        12_713_115_648,
        "Metal's own limit on this Mac",
    )
    assert gpu_limit_bytes(16 * GIB, wired(13 * 1024), lambda: 13 * GIB) == (
        13 * GIB,
        "Metal's own limit on this Mac, by iogpu.wired_limit_mb",
    )


@pytest.mark.parametrize("nonsense", [None, 0, -5, 17 * GIB, 2**64 - 1])
def test_a_figure_of_metal_that_cannot_be_is_not_taken(nonsense: int | None) -> None:
    limit, source = gpu_limit_bytes(16 * GIB, wired(0), lambda: nonsense, gpu_limits())

    assert limit == 11_453_250_000
    assert "by default" in source


def test_on_a_mac_no_more_is_free_than_the_limit() -> None:
    state = memory_state(probes=replace(MAC, ram=lambda: Ram(32 * GIB, 30 * GIB)))

    assert (state.label, state.placement) == ("unified", Placement.METAL)
    assert state.capacity_bytes == state.free_bytes == 22_906_500_000
    assert adds_up(state)


def test_on_a_mac_the_kernels_pages_tell_what_is_free() -> None:
    used = Pages(16384, 400_000, 300_000, 0, 200_000, 500_000, 50_000, 150_000)

    state = memory_state(probes=replace(MAC, pages=lambda: used))

    assert state.free_bytes == 32 * GIB - 1_200_000 * 16384


def test_pages_that_make_no_sense_stay_within_what_is_installed() -> None:
    assert free_bytes(16 * GIB, Pages(16384, 10**9, 0, 0, 0, 0, 0, 0)) == 0
    assert free_bytes(16 * GIB, Pages(16384, 0, 0, 0, 0, 0, 10**9, 0)) == 16 * GIB


def kernel(**changes: Any) -> Any:
    """A stand-in for macOS' own library."""

    def statistics(host: Any, flavor: int, told: Any, count: Any) -> int:
        assert (host.value, flavor, count._obj.value) == (7, 4, 38)
        for number, name in enumerate(("active", "inactive", "speculative", "wired", "compressor"), 1):
            setattr(told._obj, name, number)
        told._obj.purgeable, told._obj.external = 6, 7
        return 0

    def page_size(host: Any, size: Any) -> int:
        size._obj.value = 16384
        return 0

    def self_port() -> int:
        return 7

    calls: dict[str, Any] = {
        "mach_host_self": self_port,
        "host_statistics64": statistics,
        "host_page_size": page_size,
    }
    return SimpleNamespace(**(calls | changes))


def test_the_kernels_count_is_read_in_the_kernels_layout() -> None:
    assert pages(kernel) == Pages(16384, 1, 2, 3, 4, 5, 6, 7)


def test_a_kernel_that_does_not_tell_has_no_pages() -> None:
    def missing() -> Any:
        raise OSError("no such library")

    assert pages(lambda: kernel(host_statistics64=lambda *_: 5)) is None
    assert pages(lambda: kernel(host_page_size=lambda *_: 5)) is None
    assert pages(SimpleNamespace) is None
    assert pages(missing) is None


# -- the person's own figure ---------------------------------------------------------------------


def test_the_persons_own_figure_replaces_the_capacity() -> None:
    state = memory_state(8 * GIB, BARE)

    assert (state.label, state.capacity_bytes, state.free_bytes) == ("RAM", 8 * GIB, 8 * GIB)
    assert state.source == "set in [machine] memory"
    assert state.terms == (MemoryTerm("set in [machine] memory", 8 * GIB),)


def test_a_figure_above_the_default_frees_what_the_default_kept_back() -> None:
    mac = replace(MAC, ram=lambda: Ram(32 * GIB, 30 * GIB))

    state = memory_state(28 * GIB, mac)

    assert (state.capacity_bytes, state.free_bytes, state.placement) == (28 * GIB, 28 * GIB, Placement.METAL)


def test_a_figure_does_not_make_free_what_is_taken() -> None:
    assert memory_state(28 * GIB, BARE).free_bytes == 20 * GIB


# -- probes that answer nonsense -----------------------------------------------------------------


HOSTILE = [
    replace(BARE, ram=lambda: Ram(0, 0)),
    replace(BARE, ram=lambda: Ram(-1, 10 * GIB)),
    replace(BARE, ram=lambda: Ram(8 * GIB, 900 * GIB)),
    replace(BARE, ram=lambda: Ram(8 * GIB, -900 * GIB)),
    replace(BARE, group=lambda: GroupLimit(4 * GIB, -5)),
    replace(BARE, cards=lambda: (Card("RTX 3090", 0, 0),)),
    replace(BARE, cards=lambda: (Card("RTX 3090", -5, 3),)),
    replace(BARE, cards=lambda: (Card("RTX 3090", 24 * GIB, 99 * GIB),)),
    replace(BARE, cards=lambda: (Card("RTX 3090", 24 * GIB, -GIB),)),
    replace(BARE, cards=lambda: (Card("RTX 3090", 1, 1),)),
    replace(BARE, cards=lambda: (Card("", None, 5),)),
    replace(BARE, other_cards=lambda: (Card("x", 5 * GIB, 9 * GIB, "AMD", True, -3, -9),)),
    replace(BARE, other_cards=lambda: (Card("Arc A770", None, None, "Intel"), Card("\x1b[2J", 3, None, "?"))),
    replace(MAC, ram=lambda: Ram(0, 0)),
    replace(MAC, metal=lambda: -1),
    replace(MAC, sysctl=lambda name: b"\xff" * 8),
    replace(MAC, sysctl=lambda name: b"garbage"),
    replace(MAC, pages=lambda: Pages(0, 1, 1, 1, 1, 1, 99, 99)),
]


@pytest.mark.parametrize("probes", HOSTILE)
@pytest.mark.parametrize("set_bytes", [None, 6 * GIB])
def test_no_probe_makes_more_free_than_there_is_or_less_than_nothing(probes: Probes, set_bytes: int | None) -> None:
    state = memory_state(set_bytes, probes)

    assert 0 <= state.free_bytes <= state.capacity_bytes
    assert state.used_bytes >= 0
    assert state.host_free_bytes is None or state.host_free_bytes >= 0


def test_this_machine_can_be_looked_at() -> None:
    state = memory_state()

    assert 0 <= state.free_bytes <= state.capacity_bytes
    assert state.label in {"GPU", "RAM", "unified"}
    assert state.terms


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


def test_a_card_that_does_not_answer_is_left_out() -> None:
    def handle(number: int) -> int:
        if number == 0:
            raise NVMLError("the card has fallen off the bus")
        return number

    assert cards(driver(nvmlDeviceGetHandleByIndex=handle)) == (Card("Card B", None, None),)


def test_a_driver_that_tells_text_for_a_size_tells_none() -> None:
    told = SimpleNamespace(total="lots", free=None)

    found = cards(driver(nvmlDeviceGetCount=lambda: 1, nvmlDeviceGetMemoryInfo=lambda handle: told))

    assert found == (Card("Card A", None, None),)


def test_the_name_of_a_card_never_carries_a_terminals_escape() -> None:
    [card] = cards(driver(nvmlDeviceGetCount=lambda: 1, nvmlDeviceGetName=lambda handle: b"RTX\x1b[2J\n4090\xff"))

    assert card.name.isprintable()
    assert card.name.startswith("RTX")


def test_without_its_library_the_drivers_files_name_the_cards(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ:   139\n",
            "proc/driver/nvidia/gpus/0000:02:00.0/information": "nothing here",
        },
    )

    assert named_by_kernel(tmp_path) == (Card("NVIDIA GeForce RTX 4090", None, None, from_table=True),)


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
