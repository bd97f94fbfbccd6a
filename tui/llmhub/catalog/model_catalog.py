"""The catalogue: registries, Hugging Face, what is kept of both, and what ships, behind one door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmhub.catalog import hugging_face
from llmhub.catalog.asking import Asker, RefusalError, Sleep
from llmhub.catalog.entries import (
    cloud_entry,
    cloud_problem,
    in_parts,
    no_header,
    no_variant,
    variant_of,
    with_facts,
)
from llmhub.catalog.facts_json import facts_from_json, facts_to_json
from llmhub.catalog.headers import read_facts
from llmhub.catalog.hugging_face import HuggingFace, read_hits
from llmhub.catalog.packages import Package, PackageReader
from llmhub.catalog.ranged import RangedFile
from llmhub.catalog.refusals import Asked, is_gated
from llmhub.catalog.repository import Repository, read_repository
from llmhub.catalog.shelf import Kept, Shelf
from llmhub.catalog.shipped import ShippedCatalogue
from llmhub.core.catalog import CatalogEntry, CatalogError, SearchHit, Variant
from llmhub.core.names import ModelName, cloud_form, name_key
from llmhub.core.plain import one_line
from llmhub.core.sizing.facts import ModelFacts
from llmhub.net import Client

FRESH_S = 3600.0
"""How long a manifest or a listing is taken without asking again. What a digest names never ages."""
FRESH_SEARCH_S = 600.0
AT_ONCE = 4
"""Models that are looked up at a time."""
_MOST_RECENT = 64
_PACKAGE, _FACTS, _LISTING, _SEARCH = "package", "facts", "listing", "search"


class ModelCatalog:
    """Looks models up, as `llmhub.core.catalog.Catalog`.

    What was looked up is kept on disk: it answers while it is young, and at any age when nobody else does. No key is
    ever sent. A name that does not resolve is an error; no other model is taken in its place.

    Args:
        client: The way to the network.
        folder: For what is kept; of its own, below the cache folder.
        registry_url: Asked in place of every registry (the demo's); each name's own when not given.
        hugging_face_url: Asked in place of Hugging Face.
        now: The moment, aware.
        sleep: How a busy server is waited for.
    """

    def __init__(
        self,
        client: Client,
        folder: Path,
        *,
        registry_url: str | None = None,
        hugging_face_url: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        asker = Asker(client, sleep)
        self._packages = PackageReader(asker, registry_url, hugging_face_url)
        self._hub = HuggingFace(asker, hugging_face_url or hugging_face.URL)
        self._asker = asker
        self._shelf = Shelf(folder)
        self._shipped = ShippedCatalogue()
        self._now = now
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._recent: dict[str, CatalogEntry] = {}

    async def look_up(self, name: str, *, refresh: bool = False, whole: bool = True) -> CatalogEntry:
        """See `llmhub.core.catalog.Catalog.look_up`."""
        parsed = _parsed(name)
        if parsed.is_cloud:
            return cloud_entry(parsed)
        if not refresh and (known := self._known(parsed, whole=whole)) is not None:
            return known
        async with self._gate:
            entry = await self._looked_up(parsed, refresh=refresh, whole=whole)
        if entry.problem is None and entry.fetched_at is not None:
            self._recent.pop(parsed.key, None)
            self._recent[parsed.key] = entry
            if len(self._recent) > _MOST_RECENT:
                self._recent.pop(next(iter(self._recent)))
        return entry

    async def variants(self, name: str) -> tuple[Variant, ...]:
        """See `llmhub.core.catalog.Catalog.variants`.

        Hugging Face lists its files. Ollama's registry has no list of tags, so of its models the names that ship with
        llmhub are told; with exact bytes where they stand in a listing or were looked up before.
        """
        parsed = _parsed(name)
        if parsed.is_cloud:
            raise cloud_problem(parsed)
        if parsed.is_hugging_face:
            repository, _, _ = await self._repository(parsed)
            found = tuple(variant_of(parsed, model) for model in repository.models)
        else:
            found = await asyncio.to_thread(self._shipped_variants, parsed)
            if not found:
                entry = await self.look_up(name, whole=False)
                size = entry.facts.file_bytes if entry.facts else entry.download_bytes
                found = (Variant(entry.name, entry.quantization or "", size),)
        return tuple(sorted(found, key=lambda variant: variant.file_bytes or 0, reverse=True))

    async def search(self, query: str) -> tuple[SearchHit, ...]:
        """See `llmhub.core.catalog.Catalog.search`."""
        words = one_line(query, 200)
        kept = await asyncio.to_thread(self._shelf.load, _SEARCH, words.lower())
        if kept is None or not kept.is_fresh(self._now(), FRESH_SEARCH_S):
            try:
                told = await self._hub.search(words)
            except CatalogError:
                if kept is None:
                    raise
            else:
                kept = Kept(told, self._now())
                await asyncio.to_thread(self._shelf.save, _SEARCH, words.lower(), told, kept.fetched_at)
        return read_hits(kept.body if isinstance(kept.body, list) else [])

    def shipped(self) -> tuple[CatalogEntry, ...]:
        """See `llmhub.core.catalog.Catalog.shipped`."""
        return self._shipped.entries()

    # -- one name ---------------------------------------------------------------------------------

    def _known(self, name: ModelName, *, whole: bool) -> CatalogEntry | None:
        """What this run has looked up already and is young, without reading a file."""
        entry = self._recent.get(name.key)
        if entry is None or entry.fetched_at is None or (whole and not (entry.facts and entry.facts.tensors)):
            return None
        young = 0 <= (self._now() - entry.fetched_at).total_seconds() < FRESH_S
        return replace(entry, from_cache=True) if young else None

    async def _looked_up(self, name: ModelName, *, refresh: bool, whole: bool) -> CatalogEntry:
        kept = await asyncio.to_thread(self._shelf.load, _PACKAGE, name.key)
        before = Package.from_json(kept.body) if kept else None
        if kept and before and not refresh and kept.is_fresh(self._now(), FRESH_S):
            return await self._entry(name, before, kept.fetched_at, from_cache=True, whole=whole)
        try:
            package = await self._packages.read(name)
        except CatalogError as error:
            return await self._otherwise(name, error, before, kept, whole=whole)
        fetched_at = self._now()
        await asyncio.to_thread(self._shelf.save, _PACKAGE, name.key, package.to_json(), fetched_at)
        return await self._entry(name, package, fetched_at, from_cache=False, whole=whole)

    async def _otherwise(
        self, name: ModelName, error: CatalogError, before: Package | None, kept: Kept | None, *, whole: bool
    ) -> CatalogEntry:
        """What is known all the same when the registry gave no manifest.

        Raises:
            CatalogError: nothing; `error` itself for a name that there is not.
        """
        gated = isinstance(error, RefusalError) and is_gated(error.headers.get("x-error-code"))
        # a quantization that there is not, and a model in parts, are refused alike: the list of files tells which
        listed = isinstance(error, RefusalError) and name.is_hugging_face and (gated or error.status == 400)
        if error.is_unknown and not listed:
            await asyncio.to_thread(self._shelf.forget, _PACKAGE, name.key)
            raise error
        if before is not None and kept is not None and not listed:
            entry = await self._entry(name, before, kept.fetched_at, from_cache=True, whole=whole)
            return replace(entry, problem=error)
        if name.is_hugging_face:
            try:
                return await self._from_listing(name, error, gated=gated, whole=whole)
            except CatalogError as found:
                if found.is_unknown or listed:
                    raise (found if found.is_unknown else error) from found
        shipped = await asyncio.to_thread(self._shipped.entry, name.short)
        if shipped is None:
            raise error
        return replace(shipped, problem=error)

    async def _entry(
        self, name: ModelName, package: Package, fetched_at: datetime, *, from_cache: bool, whole: bool
    ) -> CatalogEntry:
        """From a package; its header is read if it was not before."""
        layers, config = package.layers, package.config
        asked = Asked.of(name)
        entry = CatalogEntry(
            name=name.short,
            source=asked.host,
            manifest=package.manifest,
            download_bytes=package.manifest.size_bytes,
            quantization=config.quantization if config else None,
            parameters=config.parameters if config else None,
            fetched_at=fetched_at,
            from_cache=from_cache,
            problem=package.problem,
            context_trained=config.context_trained if config else None,
            adapter_bytes=layers.adapter_bytes,
            draft_bytes=layers.draft_bytes,
            requires=config.requires if config else None,
        )
        if config is not None and config.is_remote:
            return replace(entry, is_remote=True, problem=cloud_problem(name))
        if not layers.models:
            return replace(entry, problem=no_header(asked, layers.tensor_bytes))
        try:
            files = [self._packages.file(name, layer) for layer in layers.models]
        except CatalogError as error:
            return replace(entry, problem=error)
        digests = [layer.digest for layer in layers.models]
        facts, problem = await self._facts(files, digests, asked.host, whole=whole)
        if facts is None:
            facts = await asyncio.to_thread(self._shipped_facts, name, layers.weights_bytes)
        return with_facts(entry, facts, problem, layers.projector_bytes)

    async def _facts(
        self, files: list[RangedFile], digests: list[str], source: str, *, whole: bool
    ) -> tuple[ModelFacts | None, CatalogError | None]:
        """A header's facts, kept by what its digests name, or read."""
        key = "+".join(digests)
        kept = await asyncio.to_thread(self._shelf.load, _FACTS, key) if key else None
        known = facts_from_json(kept.body, source) if kept else None
        if known is not None and (known.tensors or not whole):
            return known, None
        try:
            facts, problem = await read_facts(files, whole=whole, source=source)
        except CatalogError as error:
            return known, error
        if facts is not None and key:
            await asyncio.to_thread(self._shelf.save, _FACTS, key, facts_to_json(facts), self._now())
        return facts or known, problem

    # -- Hugging Face by its files ----------------------------------------------------------------

    async def _from_listing(self, name: ModelName, error: CatalogError, *, gated: bool, whole: bool) -> CatalogEntry:
        """A model sized from the list of files, although its registry gave no manifest.

        Raises:
            CatalogError: there is no list, or the name means nothing in it.
        """
        repository, fetched_at, from_cache = await self._repository(name)
        model = repository.find(name.tag)
        if model is None:
            raise no_variant(name, repository)
        projector = repository.projector
        projector_bytes = (projector.size_bytes or 0) if projector else 0
        asked = Asked.of(name)
        size = model.size_bytes
        entry = CatalogEntry(
            name=name.short,
            source=asked.host,
            download_bytes=None if size is None else size + projector_bytes,
            quantization=model.label,
            fetched_at=fetched_at,
            from_cache=from_cache,
        )
        if gated:  # its list of files is public, the files are not
            return replace(entry, problem=error)
        files = [
            RangedFile(self._asker, asked, self._hub.file_url(name, file.path), size=file.size_bytes)
            for file in model.files
        ]
        digests = [f"sha256:{file.sha256}" for file in model.files if file.sha256]
        facts, problem = await self._facts(
            files, digests if len(digests) == len(files) else [], asked.host, whole=whole
        )
        refused = in_parts(name, model) if model.parts > 1 else error
        return replace(with_facts(entry, facts, problem, projector_bytes), problem=problem or refused)

    async def _repository(self, name: ModelName) -> tuple[Repository, datetime, bool]:
        """What is in the repository of a name, when that was asked for, and whether it is kept from earlier.

        Raises:
            CatalogError: it cannot be listed, or has no GGUF file.
        """
        key = f"{name.namespace}/{name.model}".lower()
        kept = await asyncio.to_thread(self._shelf.load, _LISTING, key)
        from_cache = kept is not None and kept.is_fresh(self._now(), FRESH_S)
        if kept is None or not from_cache:
            try:
                entries = await self._hub.files(name)
            except CatalogError as error:
                if kept is None or error.is_unknown:
                    raise
                from_cache = True
            else:
                kept = Kept(_slim(entries), self._now())
                await asyncio.to_thread(self._shelf.save, _LISTING, key, kept.body, kept.fetched_at)
        repository = read_repository(kept.body if isinstance(kept.body, list) else [])
        if not repository.models:
            raise CatalogError(
                "This repository has no GGUF file",
                name.short,
                "Ollama needs one: search for a conversion, its name often ends in -GGUF",
                is_unknown=True,
            )
        return repository, kept.fetched_at, from_cache

    # -- what ships -------------------------------------------------------------------------------

    def _shipped_variants(self, name: ModelName) -> tuple[Variant, ...]:
        """The names that ship, with the bytes of those that were looked up before. Reads files."""
        found = []
        for variant in self._shipped.variants(name.short):
            kept = self._shelf.load(_PACKAGE, name_key(variant.name))
            package = Package.from_json(kept.body) if kept else None
            if package is not None and package.layers.weights_bytes:
                told = package.config.quantization if package.config else None
                size = package.layers.weights_bytes
                variant = Variant(variant.name, told or variant.quantization, size)
            found.append(variant)
        return tuple(found)

    def _shipped_facts(self, name: ModelName, weights_bytes: int) -> ModelFacts | None:
        """The keys that ship, with the true size, for a header that could not be read. Reads a file."""
        entry = self._shipped.entry(name.short)
        if entry is None or entry.facts is None:
            return None
        groups = entry.facts.groups
        if groups is not None:
            groups = replace(groups, text_bytes=max(0, weights_bytes - groups.projector_bytes))
        return replace(entry.facts, file_bytes=weights_bytes, groups=groups)


def _parsed(name: str) -> ModelName:
    try:
        return ModelName.parse(cloud_form(name))
    except ValueError as error:
        raise CatalogError(
            "That is no model's name",
            one_line(name, 80) or "(nothing)",
            f"{one_line(str(error), 120)}; names look like qwen3:8b or hf.co/user/repository:Q4_K_M",
            is_unknown=True,
        ) from error


def _slim(entries: list[Any]) -> list[Any]:
    """A listing without what nobody asks of it later."""
    return [
        {key: entry[key] for key in ("type", "path", "size", "lfs") if key in entry}
        for entry in entries
        if isinstance(entry, dict) and str(entry.get("path", "")).lower().endswith(".gguf")
    ]
