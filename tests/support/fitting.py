"""Models, a daemon and a catalogue for `llmhub fit`, on a machine that the test sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from llmhub.bootstrap import World
from llmhub.core.catalog import CatalogEntry, CatalogError, SearchHit, Variant
from llmhub.core.memory import GIB, MemoryState, MemoryTerm, Placement
from llmhub.core.models import InstalledModel, ModelDetails
from llmhub.core.sizing.facts import EngineSettings, ModelFacts
from llmhub.core.sizing.speeds import Chip
from llmhub.machine.chips import find_chip
from support.commands import SimWorld
from support.fake_host import FakeHost, installed_model
from support.gguf_files import LLAMA_3_1_8B, QWEN_2_5_32B, Dense, file_bytes, write

M1_MAX = MemoryState(
    "unified",
    25 * GIB,
    19 * GIB,
    "Metal's own limit on this Mac",
    Placement.METAL,
    terms=(
        MemoryTerm("installed memory", 32 * GIB),
        MemoryTerm("kept by macOS: Metal's own limit on this Mac", -7 * GIB),
    ),
)
"""The Mac of the sketches."""
SHAPES = {"llama3.1:8b": LLAMA_3_1_8B, "qwen2.5:32b": QWEN_2_5_32B}


def details_of(name: str, dense: Dense, parameters: str | None = None) -> ModelDetails:
    """As `/api/show` tells it, arrays left out."""
    model = dense.q4_k_m()
    return ModelDetails(
        name,
        architecture=dense.architecture,
        quantization="Q4_K_M",
        context_trained=dense.context,
        parameters=parameters,
        model_info=dict(model.metadata),
        tensors=model.tensors,
    )


def installed(name: str) -> InstalledModel:
    dense = SHAPES[name]
    return installed_model(name, file_bytes(dense.q4_k_m()), context_trained=dense.context, family=dense.architecture)


def daemon(*names: str) -> FakeHost:
    """A daemon that has those models and tells everything of them."""
    host = FakeHost(*map(installed, names))
    host.shown = {name: details_of(name, SHAPES[name]) for name in names}
    return host


def facts(dense: Dense, source: str = "registry.ollama.ai") -> ModelFacts:
    """As a range-read header tells it."""
    model = dense.q4_k_m()
    return ModelFacts(
        model.metadata,
        model.tensors,
        dense.vocabulary,
        file_bytes(model),
        quantization="Q4_K_M",
        source=source,
    )


@dataclass
class ListedCatalog:
    """Implements `core.catalog.Catalog` from what a test put into it; everything else there is not."""

    entries: dict[str, CatalogEntry] = field(default_factory=dict)
    offered: dict[str, tuple[Variant, ...]] = field(default_factory=dict)
    ships: tuple[CatalogEntry, ...] = ()
    errors: dict[str, CatalogError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def look_up(self, name: str, *, refresh: bool = False, whole: bool = True) -> CatalogEntry:
        self.asked.append(name)
        if name in self.errors:
            raise self.errors[name]
        if name not in self.entries:
            raise CatalogError("The registry has no such model", name, "check the name", is_unknown=True)
        return self.entries[name]

    async def variants(self, name: str) -> tuple[Variant, ...]:
        self.asked.append(f"variants of {name}")
        if name not in self.offered:
            raise CatalogError("The registry has no such model", name, "check the name", is_unknown=True)
        return self.offered[name]

    async def search(self, query: str) -> tuple[SearchHit, ...]:
        return ()

    def shipped(self) -> tuple[CatalogEntry, ...]:
        return self.ships


@dataclass
class Surroundings:
    """What `llmhub fit` finds around it."""

    catalog: ListedCatalog
    memory: MemoryState | None = M1_MAX
    chip: Chip | None = None
    engine: EngineSettings = field(default_factory=EngineSettings)


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """The Mac of the sketches, an empty catalogue; a test changes what it wants."""
    given = Surroundings(ListedCatalog(), chip=find_chip("M1 Max", 32 * GIB))

    async def memory(_world: World) -> MemoryState | None:
        return given.memory

    async def chip(_world: World) -> Chip | None:
        return given.chip

    async def engine(_world: World) -> EngineSettings:
        return given.engine

    monkeypatch.setattr(World, "memory", memory)
    monkeypatch.setattr(SimWorld, "catalog", given.catalog)
    monkeypatch.setattr("llmhub.bootstrap.sizing.chip_here", chip)
    monkeypatch.setattr("llmhub.bootstrap.sizing.engine_here", engine)
    monkeypatch.setenv("COLUMNS", "80")
    return given


def header_file(
    folder: Path, dense: Dense, name: str | None = None, vocabulary: Mapping[str, object] | None = None
) -> Path:
    """The header of a model alone, as a file."""
    return write(folder / (name or f"{dense.name.replace(' ', '-')}.gguf"), dense.q4_k_m(vocabulary))
