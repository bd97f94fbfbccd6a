"""What sizing takes from this machine, and what it leaves alone where the daemon is elsewhere."""

from __future__ import annotations

from typing import Any, cast

import pytest

from llmhub.bootstrap.demo import demo_world
from llmhub.bootstrap.sizing import chip_here, kv_type_here, kv_type_of
from llmhub.bootstrap.world import World
from llmhub.core.machines import Machine
from llmhub.core.memory import Placement
from llmhub.core.places import THIS_MACHINE, Place, PlaceKind
from llmhub.machine import nvidia


class Elsewhere:
    """As much of a world as is asked."""

    def __init__(self, place: Place, machine: Machine | None = None) -> None:
        self.host = type("Host", (), {"place": place})
        self.demo = False
        self.environ = {"OLLAMA_KV_CACHE_TYPE": "q8_0"}
        self._machine = machine

    async def machine(self) -> Machine:
        assert self._machine is not None, "nobody asks about a machine that the daemon is not on"
        return self._machine


def world(place: Place, machine: Machine | None = None) -> World:
    return cast("World", cast("Any", Elsewhere(place, machine)))


LAN = Place(PlaceKind.LAN_HOST, "gpu-box")


async def test_nothing_is_said_of_a_machine_that_nobody_here_can_look_at() -> None:
    assert await chip_here(world(LAN)) is None
    assert await kv_type_here(world(LAN)) == "f16"


async def test_the_chip_is_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "cards", lambda: ())
    mac = Machine("m-1", "mac", "Apple M1 Max", 32 * 2**30, "macOS 26.1")

    chip = await chip_here(world(THIS_MACHINE, mac))

    assert chip is not None
    assert chip.id == "apple-m1-max"


async def test_a_processor_without_a_card_is_not_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "cards", lambda: ())

    assert await chip_here(world(THIS_MACHINE, Machine("m-1", "pc", "Some CPU 9000", 32 * 2**30, "Linux"))) is None


@pytest.mark.parametrize(
    ("told", "kv_type"), [("q8_0", "q8_0"), ("Q4_0", "q4_0"), ("", "f16"), ("q9_9", "f16"), ("[/b]", "f16")]
)
def test_a_kv_type_that_no_engine_knows_is_the_default(told: str, kv_type: str) -> None:
    assert kv_type_of({"OLLAMA_KV_CACHE_TYPE": told}) == kv_type


async def test_the_demo_is_an_m1_max_with_a_budget_whose_terms_add_up() -> None:
    with demo_world({}) as demo:
        services = await demo.connect()
        try:
            assert services.chip is not None
            chip, memory = await services.chip(), await services.memory()
        finally:
            await demo.close()

    assert chip is not None
    assert memory is not None
    assert chip.id == "apple-m1-max"
    assert memory.placement is Placement.UNIFIED
    assert sum(term.bytes for term in memory.terms) == memory.capacity_bytes
    assert services.kv_type == "f16"
