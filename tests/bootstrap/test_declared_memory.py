"""The memory of a daemon's machine that is not this one: unknown until the person tells it."""

from __future__ import annotations

from pathlib import Path

from llmhub.bootstrap import World
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.memory import Placement
from llmhub.core.models import LoadedModel
from llmhub.core.places import place_of
from llmhub.settings.config import read_settings
from llmhub.settings.places import Places

GIB = 2**30


class There:
    """A daemon on another machine."""

    place = place_of("studio.lan")

    def __init__(self, *loaded: LoadedModel, fails: bool = False) -> None:
        self._loaded, self._fails = loaded, fails

    async def loaded(self) -> tuple[LoadedModel, ...]:
        if self._fails:
            raise BackendError(FailureKind.UNREACHABLE, backend="ollama", happened="x", subject="y", remedy="z")
        return self._loaded


def world(home: Path, daemon: There, text: str = "") -> World:
    places = Places.below(home)
    places.config.mkdir(parents=True, exist_ok=True)
    places.config_file.write_text(text)
    made = World(read_settings(places.config_file, {}), places, {})
    made.__dict__["host"] = daemon
    return made


async def test_memory_of_another_machine_is_unknown_until_it_is_told(own_home: Path) -> None:
    assert await world(own_home, There()).memory() is None


async def test_memory_that_was_told_is_taken_less_what_is_loaded_there(own_home: Path) -> None:
    daemon = There(LoadedModel("qwen3:8b", 6 * GIB, 6 * GIB), LoadedModel("gemma3:4b", 4 * GIB, 0))

    memory = await world(own_home, daemon, "[machine]\nmemory = '48 GiB'\n").memory()

    assert memory is not None
    assert (memory.capacity_bytes, memory.free_bytes) == (48 * GIB, 38 * GIB)
    assert (memory.placement, memory.source) == (Placement.UNIFIED, "set in [machine] memory")
    assert [term.words for term in memory.terms] == ["set in [machine] memory"]


async def test_more_loaded_than_was_told_leaves_nothing_free(own_home: Path) -> None:
    daemon = There(LoadedModel("llama3.1:70b", 40 * GIB, 0))

    memory = await world(own_home, daemon, "[machine]\nmemory = '16 GiB'\n").memory()

    assert memory is not None
    assert (memory.capacity_bytes, memory.free_bytes) == (16 * GIB, 0)


async def test_a_daemon_that_does_not_answer_leaves_all_that_was_told(own_home: Path) -> None:
    memory = await world(own_home, There(fails=True), "[machine]\nmemory = '16 GiB'\n").memory()

    assert memory is not None
    assert memory.free_bytes == 16 * GIB
