"""A catalogue in memory: what it knows is what the test told it; nothing here waits but for an event."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from llmhub.core.catalog import CatalogEntry, CatalogError, SearchHit, Variant
from llmhub.core.models import Manifest, ManifestLayer
from llmhub.core.names import name_key
from llmhub.core.sizing.facts import ModelFacts

GIB = 1024**3


def llama_facts(
    file_bytes: int, *, layers: int = 32, width: int = 4096, trained: int = 131_072, quantization: str = "Q4_K_M"
) -> ModelFacts:
    """A dense Llama of that many layers in a file of that size, known by its keys alone."""
    return ModelFacts(
        metadata={
            "general.architecture": "llama",
            "general.parameter_count": file_bytes * 8 * 100 // 484,
            "llama.block_count": layers,
            "llama.context_length": trained,
            "llama.embedding_length": width,
            "llama.feed_forward_length": width * 7 // 2,
            "llama.attention.head_count": width // 128,
            "llama.attention.head_count_kv": 8,
            "llama.vocab_size": 128_256,
        },
        vocab_size=128_256,
        file_bytes=file_bytes,
        quantization=quantization,
        source="a test",
    )


def entry_of(
    name: str, file_bytes: int, *, layers: int = 32, width: int = 4096, trained: int = 131_072
) -> CatalogEntry:
    """A model whose package has one layer of weights."""
    layer = ManifestLayer("sha256:" + name_key(name).encode().hex().ljust(64, "0")[:64], file_bytes, "model")
    return CatalogEntry(
        name,
        "a test",
        facts=llama_facts(file_bytes, layers=layers, width=width, trained=trained),
        manifest=Manifest("f" * 64, (layer,)),
        download_bytes=file_bytes,
        quantization="Q4_K_M",
        context_trained=trained,
    )


def no_such(name: str) -> CatalogError:
    """What a registry says of a tag that there is not."""
    return CatalogError("There is no such model or tag", name, "its page lists its tags", is_unknown=True)


class FakeCatalog:
    """Implements `core.catalog.Catalog`.

    Attributes that a test sets: `entries` and `offers` (by `name_key`), `errors`, `gates` (waited for before an
    answer), `breaks` (raised as it is). What it tells: `asked`, `given_up`.
    """

    def __init__(self, *entries: CatalogEntry) -> None:
        self.entries = {name_key(entry.name): entry for entry in entries}
        self.offers: dict[str, tuple[Variant, ...]] = {}
        self.errors: dict[str, CatalogError] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.breaks: Exception | None = None
        self.asked: list[str] = []
        self.given_up: list[str] = []

    def know(self, name: str, file_bytes: int, *, layers: int = 32, width: int = 4096, trained: int = 131_072) -> None:
        """Have a model of that size."""
        self.entries[name_key(name)] = entry_of(name, file_bytes, layers=layers, width=width, trained=trained)

    def know_large(self, name: str) -> None:
        """Have a model that no machine of a test holds: 70 B in 40 GiB."""
        self.know(name, 42_520_395_616, layers=80, width=8192)

    async def look_up(self, name: str, *, refresh: bool = False, whole: bool = True) -> CatalogEntry:
        """See `Catalog.look_up`."""
        self.asked.append(name)
        if (gate := self.gates.get(name)) is not None:
            try:
                await gate.wait()
            except asyncio.CancelledError:
                self.given_up.append(name)
                raise
        if self.breaks is not None:
            raise self.breaks
        if (error := self.errors.get(name)) is not None:
            raise error
        found = self.entries.get(name_key(name))
        if found is None:
            raise CatalogError("registry.example cannot be reached: it is a test", name, "check the network")
        return replace(found, name=name)

    async def variants(self, name: str) -> tuple[Variant, ...]:
        """See `Catalog.variants`."""
        if (gate := self.gates.get(f"variants of {name}")) is not None:
            await gate.wait()
        return self.offers.get(name_key(name), ())

    async def search(self, query: str) -> tuple[SearchHit, ...]:
        """See `Catalog.search`."""
        return ()

    def shipped(self) -> tuple[CatalogEntry, ...]:
        """See `Catalog.shipped`."""
        return ()
