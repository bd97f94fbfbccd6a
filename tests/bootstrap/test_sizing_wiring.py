"""What sizing takes from this machine, and what it leaves alone where the daemon is elsewhere."""

from __future__ import annotations

from typing import Any, cast

import pytest

from llmhub.bootstrap.demo import demo_world
from llmhub.bootstrap.sizing import chip_here, engine_here, engine_of
from llmhub.bootstrap.world import World
from llmhub.core.machines import Machine
from llmhub.core.memory import Placement
from llmhub.core.places import THIS_MACHINE, Place, PlaceKind
from llmhub.core.sizing.facts import EngineSettings
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
    assert await engine_here(world(LAN)) == EngineSettings()


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
    assert engine_of({"OLLAMA_KV_CACHE_TYPE": told}) == EngineSettings(kv_type)


@pytest.mark.parametrize(
    ("told", "slots"), [("4", 4), ("1", 1), ("0", 1), ("", 1), ("-2", 1), ("many", 1), ("99999999", 1)]
)
def test_slots_that_no_daemon_would_have_are_one(told: str, slots: int) -> None:
    assert engine_of({"OLLAMA_NUM_PARALLEL": told}) == EngineSettings(parallel=slots)


@pytest.mark.parametrize("off", ["0", "false", "False", "f"])
def test_without_flash_attention_the_cache_is_not_quantized(off: str) -> None:
    settings = {"OLLAMA_FLASH_ATTENTION": off, "OLLAMA_KV_CACHE_TYPE": "q8_0"}

    assert engine_of(settings) == EngineSettings("f16", flash_attention=False)
    assert engine_of(settings | {"OLLAMA_FLASH_ATTENTION": "1"}) == EngineSettings("q8_0")


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
    assert services.engine == EngineSettings()
