"""Where the insides of a model are known from: a file, the daemon that has it, the catalogue."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmhub.cli.fit_asked import FitAsked, MisuseError
from llmhub.cli.fit_machine import Daemon
from llmhub.core.catalog import CatalogEntry, CatalogError, Variant
from llmhub.core.errors import LLMHubError
from llmhub.core.models import InstalledModel, ManifestLayer
from llmhub.core.names import ModelName, name_key
from llmhub.core.plain import one_line
from llmhub.core.sizing import quantizations
from llmhub.core.sizing.assess import SizedModel, understood
from llmhub.core.sizing.entries import sized_entry
from llmhub.core.sizing.speeds import Speed

if TYPE_CHECKING:
    from llmhub.bootstrap import World

INSTALLED, TO_PULL, FILE = "installed", "to pull", "in this file"
_SAME_MODEL = 0.02
"""How far parameter counts may differ and be those of one model: vision parts are counted by some."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, as far as it is known before a setup is."""

    name: str
    sized: SizedModel | None = None
    source: str | None = None
    quantization: str | None = None
    origin: str = TO_PULL
    download_bytes: int | None = None
    context_trained: int | None = None
    preset_context: int | None = None
    variants: Sequence[Variant] | None = ()
    fetched_at: datetime | None = None
    from_cache: bool = False
    problem: LLMHubError | None = None
    why_unknown: str = ""
    notes: tuple[str, ...] = ()
    own_bytes: int = 0
    measured: Speed | None = None
    layers: tuple[ManifestLayer, ...] | None = None
    """What a pull would bring; `None` where nobody lists it, or where nothing would be pulled."""


async def subject_for(world: World, asked: FitAsked, daemon: Daemon) -> Subject:
    """The model that was asked about, as far as it is known; `problem` says why it is not.

    Raises:
        MisuseError: no model is named, or a file is asked for in another quantization than its own.
        GgufError: the file cannot be read.
    """
    if asked.gguf is not None:
        return await _of_file(asked, asked.gguf)
    if asked.model is None:
        raise MisuseError("No model is named", "llmhub fit", "name one, such as qwen3:8b, or a file: --gguf FILE")
    name = asked.model.model
    installed = await daemon.find(name)
    try:
        if asked.quantization and not quantizations.is_same(
            asked.quantization, installed.quantization if installed else None
        ):
            name = await _in_quantization(world, name, asked.quantization)
            installed = await daemon.find(name)
    except CatalogError as error:
        return _not_known(name, error)
    if installed is not None:
        found = await _of_daemon(world, daemon, installed)
        if found is not None:
            return found
    try:
        return await _of_catalogue(world, name)
    except CatalogError as error:
        return _not_known(name, error)


def _not_known(name: str, error: CatalogError) -> Subject:
    return Subject(name, variants=None, problem=error, why_unknown=_clause(error.happened))


def _clause(text: str) -> str:
    """The start of a message as a clause; what begins with a name stays as it is."""
    first = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if first.istitle() and first not in {"Ollama", "Hugging"} else text


async def _of_file(asked: FitAsked, path: Path) -> Subject:
    from llmhub.bootstrap.sizing import facts_of_gguf

    facts = await asyncio.to_thread(facts_of_gguf, path)
    if asked.quantization and not quantizations.is_same(asked.quantization, facts.quantization):
        raise MisuseError(
            f"This file is {facts.quantization or 'of no quantization that it names'}",
            f"--quant {one_line(asked.quantization, 40)}",
            "leave --quant out: a file has one quantization",
        )
    sized = await asyncio.to_thread(understood, facts)
    return Subject(
        asked.model.model if asked.model else one_line(path.name, 120),
        sized,
        facts.source,
        facts.quantization,
        FILE,
        variants=_others(facts.quantization),
    )


async def _of_daemon(world: World, daemon: Daemon, model: InstalledModel) -> Subject | None:
    """An installed model; `None` when the daemon does not tell enough of it."""
    if not model.place.is_local:
        return Subject(
            model.name,
            source=model.place.words,
            origin=INSTALLED,
            context_trained=model.context_trained,
            variants=None,
            why_unknown=f"it runs in {model.place.words}, not in this memory",
        )
    advisor = await daemon.advisor(model)
    sized = advisor.sized(model.name)
    if sized is None:
        return None
    return Subject(
        model.name,
        sized,
        f"the Ollama of {model.place.words}",
        model.quantization,
        INSTALLED,
        download_bytes=model.size_bytes,
        context_trained=model.context_trained,
        preset_context=advisor.context_of(model.name),
        variants=await _siblings(world, model, sized),
        own_bytes=await daemon.own_bytes(model.name),
        measured=await daemon.speed(model.name),
    )


async def _siblings(world: World, model: InstalledModel, sized: SizedModel) -> Sequence[Variant] | None:
    """Other quantizations of an installed model. Nobody is asked about a name that may be the person's own."""
    try:
        name = ModelName.parse(model.name)
    except ValueError:
        return _others(model.quantization)
    if name.is_hugging_face:
        return await _variants(world, model.name, model.quantization)
    count = sized.shape.parameters if sized.shape else None
    for entry in await asyncio.to_thread(world.catalog.shipped):
        same_name = name_key(entry.name).partition(":")[0] == name.key.partition(":")[0]
        if same_name and count and entry.parameters and abs(count / entry.parameters - 1) <= _SAME_MODEL:
            return await _variants(world, entry.name, model.quantization)
    return _others(model.quantization)


async def _of_catalogue(world: World, name: str) -> Subject:
    """Raises `CatalogError`."""
    entry = await world.catalog.look_up(name)
    if entry.is_remote:
        return Subject(
            entry.name,
            source=entry.source,
            context_trained=entry.context_trained,
            variants=None,
            problem=None,
            why_unknown="it runs in Ollama's cloud, not in this memory",
        )
    sized = await asyncio.to_thread(sized_entry, entry)
    why = ""
    if sized is None:
        why = _clause(entry.problem.happened) if entry.problem else "its insides are not known"
    return Subject(
        entry.name,
        sized,
        entry.source,
        entry.quantization,
        TO_PULL,
        entry.download_bytes,
        context_trained=entry.context_trained,
        variants=await _variants(world, entry.name, entry.quantization),
        fetched_at=entry.fetched_at,
        from_cache=entry.from_cache,
        problem=entry.problem,
        layers=entry.manifest.layers if entry.manifest is not None else None,
        why_unknown=why,
        notes=_entry_notes(entry),
    )


def _entry_notes(entry: CatalogEntry) -> tuple[str, ...]:
    notes = []
    if entry.adapter_bytes:
        notes.append("the weights of its LoRA adapters are counted")
    if entry.draft_bytes:
        notes.append("the weights of its draft model are counted; what that keeps while it drafts comes on top")
    if entry.requires:
        notes.append(f"it needs Ollama {one_line(entry.requires, 20)} or newer")
    return tuple(notes)


async def _variants(world: World, name: str, chosen: str | None) -> Sequence[Variant] | None:
    """What is offered of the same model; where that is one alone, the usual quantizations by their mix."""
    with contextlib.suppress(CatalogError):
        found = tuple(variant for variant in await world.catalog.variants(name) if variant.quantization)
        if len({quantizations.plain_name(variant.quantization) for variant in found}) > 1:
            return found
    return _others(chosen)


def _others(chosen: str | None) -> Sequence[Variant] | None:
    """Nothing known, so that the usual ones are estimated; none at all for a mix that is like no other (MXFP4)."""
    return () if chosen is None or quantizations.bits_of(chosen) is not None else None


async def _in_quantization(world: World, name: str, wanted: str) -> str:
    """The name under which a model is offered in a quantization.

    Raises:
        CatalogError: it is not offered so, as far as can be seen; the nearest one is named.
    """
    if quantizations.is_same(quantizations.of_tag(name.rpartition(":")[2]), wanted):
        return name
    variants = await world.catalog.variants(name)
    if (found := quantizations.pick(variants, wanted, name)) is not None:
        return found.name
    unsure = ""
    for possible in quantizations.possible_names(name, wanted):
        try:
            return (await world.catalog.look_up(possible)).name
        except CatalogError as error:
            if not error.is_unknown:
                unsure = f" ({_clause(error.happened)})"
                break
    shown, remedy = one_line(wanted, 40), "leave --quant out"
    if (near := quantizations.nearest(variants, wanted, name)) is not None:
        side = "larger" if quantizations.is_larger(near.quantization, wanted) else "smaller"
        remedy = f"the nearest is {one_line(near.quantization, 24)}, which is {side}: llmhub fit {near.name}"
    elif offered := ", ".join(dict.fromkeys(one_line(variant.quantization, 24) for variant in variants[:24])):
        remedy = f"there are {offered}"
    raise CatalogError(
        f"No {shown} of this model is known{unsure}", f"{name} --quant {shown}", remedy, is_unknown=not unsure
    )
