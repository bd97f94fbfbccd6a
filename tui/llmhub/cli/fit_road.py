"""From what was asked of `llmhub fit` to a report: where a model's insides are known from, which memory counts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmhub.core.catalog import CatalogEntry, CatalogError, Variant
from llmhub.core.errors import LLMHubError
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.model_address import ModelAddress
from llmhub.core.model_use import model_uses
from llmhub.core.models import InstalledModel, context_to_ask
from llmhub.core.names import ModelName, name_key
from llmhub.core.plain import one_line
from llmhub.core.sizing import quantizations
from llmhub.core.sizing.advisor import Advisor
from llmhub.core.sizing.assess import SizedModel, assess, refused, understood
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.ladder import KNOWN_MIXES
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speed import measured
from llmhub.core.sizing.speeds import Chip, Speed
from llmhub.core.sizing.verdicts import Holder
from llmhub.core.sizing.ways import Ways, ways_of
from llmhub.core.watch import HostState, HostWatch

if TYPE_CHECKING:
    from llmhub.bootstrap import World

INSTALLED, TO_PULL, FILE = "installed", "to pull", "in this file"
NO_CHIP = Speed(None, None, None, None, None, "not known without a chip; name it: --chip")
_SAME_MODEL = 0.02
"""How far parameter counts may differ and be those of one model: vision parts are counted by some."""
_ONE_SLOT = ("qwen3vl", "qwen35", "qwen3next", "lfm2", "nemotron_h", "mllama")
"""Architectures that Ollama gives one slot whatever is set (memory-sizing.md, a6)."""


class MisuseError(LLMHubError):
    """What was asked cannot be meant."""


@dataclass(frozen=True, slots=True)
class FitAsked:
    """What was asked for on the command line."""

    model: ModelAddress | None
    """`None` where a file alone is named."""
    context: int | None = None
    kv_type: str | None = None
    parallel: int = 1
    batch: int | None = None
    flash_attention: bool = True
    quantization: str | None = None
    memory_bytes: int | None = None
    ram_bytes: int | None = None
    chip: str | None = None
    gguf: Path | None = None

    @property
    def is_imagined(self) -> bool:
        """Whether it is asked about another machine than this one."""
        return self.memory_bytes is not None or self.ram_bytes is not None or self.chip is not None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A report, and what goes with it."""

    report: FitReport
    origin: str = ""
    """One of the words above, for the size in the first line."""
    source_words: str = ""
    """Where the figures are from, without their age."""
    fetched_at: datetime | None = None
    """When they were asked for; `None` where that does not age."""
    from_cache: bool = False
    ways: Ways = Ways()
    problem: LLMHubError | None = None
    """Why less is known than could be."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """What models would run on."""

    memory: MemoryState | None
    chip: Chip | None
    kv_type: str
    """Of the daemon there, as far as it is known."""


@dataclass(frozen=True, slots=True)
class _Subject:
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


async def fit_for(world: World, asked: FitAsked) -> Fitted:
    """Everything that can be said of what was asked.

    Raises:
        MisuseError: a chip that is not in the table, a setup that the engine refuses.
        LLMHubError: a file that cannot be read.
    """
    machine = await _machine(world, asked)
    kv_type = asked.kv_type or machine.kv_type
    setup = Setup(1, kv_type, asked.parallel, asked.batch, asked.flash_attention)
    if (why := refused(setup)) is not None:
        raise MisuseError(
            f"The engine refuses this: {why}",
            f"--kv {kv_type} --flash-attention {'on' if asked.flash_attention else 'off'}",
            "leave --flash-attention on, or take --kv f16",
        )
    daemon = _Daemon(world, machine, is_real=not asked.is_imagined)
    subject = await _subject(world, asked, daemon)
    setup = replace(setup, context=_context(world, asked, subject))
    report = assess(
        subject.name,
        subject.sized,
        setup,
        machine.memory,
        chip=machine.chip,
        measured=subject.measured,
        holders=await daemon.holders(subject.name),
        own_bytes=subject.own_bytes,
        variants=subject.variants,
        source=subject.source,
        quantization=subject.quantization,
        download_bytes=subject.download_bytes,
        why_unknown=subject.why_unknown,
    )
    if machine.chip is None and asked.is_imagined and report.speed.per_s is None and report.need is not None:
        report = replace(report, speed=NO_CHIP)
    if report.context_trained is None:
        report = replace(report, context_trained=subject.context_trained)
    notes = (*report.notes, *subject.notes, *_slot_notes(report))
    return Fitted(
        replace(report, notes=notes),
        subject.origin,
        subject.source or "",
        subject.fetched_at,
        subject.from_cache,
        ways_of(report, subject.sized),
        subject.problem,
    )


# -- the machine ----------------------------------------------------------------------------------


async def _machine(world: World, asked: FitAsked) -> _Machine:
    from llmhub.bootstrap.sizing import DEFAULT_KV_TYPE, chip_here, imagined_here, kv_type_here

    if not asked.is_imagined:
        return _Machine(await world.memory(), await chip_here(world), await kv_type_here(world))
    try:
        memory, chip = await imagined_here(asked.memory_bytes, asked.chip, asked.ram_bytes)
    except LLMHubError as error:
        raise MisuseError(error.happened, error.subject, error.remedy) from error
    if chip is None and memory.placement is Placement.UNIFIED:
        # nobody said how a file is loaded there: read in, as the daemon does without a GPU, is never less than mapped
        memory = replace(memory, placement=Placement.CPU)
    return _Machine(memory, chip, DEFAULT_KV_TYPE)


class _Daemon:
    """What the daemon has, looked at once and only when it is asked about."""

    def __init__(self, world: World, machine: _Machine, *, is_real: bool) -> None:
        self._world = world
        self._machine = machine
        self._is_real = is_real
        self._state: HostState | None = None
        self._advisor: Advisor | None = None

    async def state(self) -> HostState:
        """One look; one that failed has nothing in it."""
        if self._state is None:
            self._state = await HostWatch(self._world.host, lambda _: None).look()
        return self._state

    async def find(self, name: str) -> InstalledModel | None:
        """The installed model of that name."""
        key = name_key(name)
        return next((model for model in (await self.state()).installed if name_key(model.name) == key), None)

    async def advisor(self, *wanted: InstalledModel) -> Advisor:
        """Knows the insides of `wanted` and of what is loaded."""
        state = await self.state()
        loaded = {name_key(model.name) for model in state.loaded}
        known = [model for model in state.installed if model in wanted or name_key(model.name) in loaded]
        looks: list[Coroutine[Any, Any, None]] = []
        advisor = Advisor(
            self._world.host,
            state=lambda: replace(state, installed=tuple(known)),
            memory=lambda: self._machine.memory,
            changed=lambda: None,
            spawn=looks.append,
            default_context=self._world.config.chat_context,
        )
        advisor.kv_type = self._machine.kv_type
        advisor.looked()
        await asyncio.gather(*looks)
        self._advisor = advisor
        return advisor

    async def holders(self, besides: str) -> tuple[Holder, ...]:
        """What else is loaded; nothing on a machine that is imagined."""
        if not self._is_real or self._machine.memory is None or not (await self.state()).loaded:
            return ()
        return (self._advisor or await self.advisor()).holders(besides)

    async def own_bytes(self, name: str) -> int:
        """What the model holds already."""
        resident = (await self.state()).resident(name) if self._is_real else None
        return self._advisor.held_bytes(resident) if resident is not None and self._advisor is not None else 0

    async def speed(self, name: str) -> Speed | None:
        """What was measured of an installed model here, if anything was."""
        if not self._is_real:
            return None
        with contextlib.suppress(LLMHubError):
            use = model_uses((await self._world.ledger()).totals, self._world.host.name).get(name_key(name))
            return measured(use.decode_per_s, "measured here") if use is not None and use.decode_per_s else None
        return None


# -- the model ------------------------------------------------------------------------------------


async def _subject(world: World, asked: FitAsked, daemon: _Daemon) -> _Subject:
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


def _not_known(name: str, error: CatalogError) -> _Subject:
    return _Subject(name, variants=None, problem=error, why_unknown=_clause(error.happened))


def _clause(text: str) -> str:
    """The start of a message as a clause; what begins with a name stays as it is."""
    first = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if first.istitle() and first not in {"Ollama", "Hugging"} else text


async def _of_file(asked: FitAsked, path: Path) -> _Subject:
    from llmhub.bootstrap.sizing import facts_of_gguf

    facts = await asyncio.to_thread(facts_of_gguf, path)
    if asked.quantization and not quantizations.is_same(asked.quantization, facts.quantization):
        raise MisuseError(
            f"This file is {facts.quantization or 'of no quantization that it names'}",
            f"--quant {one_line(asked.quantization, 40)}",
            "leave --quant out: a file has one quantization",
        )
    sized = await asyncio.to_thread(understood, facts)
    return _Subject(
        asked.model.model if asked.model else one_line(path.name, 120),
        sized,
        facts.source,
        facts.quantization,
        FILE,
        variants=_others(facts.quantization),
    )


async def _of_daemon(world: World, daemon: _Daemon, model: InstalledModel) -> _Subject | None:
    """An installed model; `None` when the daemon does not tell enough of it."""
    if not model.place.is_local:
        return _Subject(
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
    return _Subject(
        model.name,
        sized,
        f"the Ollama of {model.place.words}" if model.place.words != "this machine" else "the Ollama of this machine",
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


async def _of_catalogue(world: World, name: str) -> _Subject:
    """Raises `CatalogError`."""
    entry = await world.catalog.look_up(name)
    if entry.is_remote:
        return _Subject(
            entry.name,
            source=entry.source,
            context_trained=entry.context_trained,
            variants=None,
            problem=None,
            why_unknown="it runs in Ollama's cloud, not in this memory",
        )
    sized = await asyncio.to_thread(understood, entry.facts) if entry.facts is not None else None
    why = ""
    if sized is None:
        why = _clause(entry.problem.happened) if entry.problem else "its insides are not known"
    return _Subject(
        entry.name,
        _with_adapters(sized, entry),
        entry.source,
        entry.quantization,
        TO_PULL,
        entry.download_bytes,
        context_trained=entry.context_trained,
        variants=await _variants(world, entry.name, entry.quantization),
        fetched_at=entry.fetched_at,
        from_cache=entry.from_cache,
        problem=entry.problem,
        why_unknown=why,
        notes=_entry_notes(entry),
    )


def _with_adapters(sized: SizedModel | None, entry: CatalogEntry) -> SizedModel | None:
    """With what a package holds beside the model's own weights."""
    beside = entry.adapter_bytes + entry.draft_bytes
    if sized is None or sized.weights is None or not beside:
        return sized
    return replace(sized, weights=replace(sized.weights, text_bytes=sized.weights.text_bytes + beside))


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
        found = await world.catalog.variants(name)
        if len(found) > 1:
            return found
    return _others(chosen)


def _others(chosen: str | None) -> Sequence[Variant] | None:
    """Nothing known, so that the usual ones are estimated; none at all for a mix that is like no other (MXFP4)."""
    return () if chosen is None or quantizations.plain_name(chosen) in KNOWN_MIXES else None


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
    shown = one_line(wanted, 40)
    near = quantizations.nearest(variants, wanted, name)
    remedy = (
        "leave --quant out"
        if near is None
        else f"the nearest is {near.quantization}, {_side(near, wanted)}: {near.name}"
    )
    raise CatalogError(
        f"No {shown} of this model is known{unsure}", f"{name} --quant {shown}", remedy, is_unknown=not unsure
    )


def _side(near: Variant, wanted: str) -> str:
    mixes = [quantizations.plain_name(text) for text in (near.quantization, wanted)]
    if any(mix not in KNOWN_MIXES for mix in mixes):
        return "the largest that is offered"
    return "the next larger" if KNOWN_MIXES.index(mixes[0]) < KNOWN_MIXES.index(mixes[1]) else "the next smaller"


# -- the setup ------------------------------------------------------------------------------------


def _context(world: World, asked: FitAsked, subject: _Subject) -> int:
    """The context that is sized: what was asked, even beyond the trained one (a note says what becomes of it)."""
    if asked.context is not None:
        return asked.context
    shape = subject.sized.shape if subject.sized else None
    return context_to_ask(
        wanted=None,
        preset=subject.preset_context,
        resident=None,
        trained=(shape.context_trained if shape else None) or subject.context_trained,
        default=world.config.chat_context,
    )


def _slot_notes(report: FitReport) -> tuple[str, ...]:
    if report.setup.parallel > 1 and (report.architecture or "").startswith(_ONE_SLOT):
        return ("Ollama runs this kind of model with one slot, whatever OLLAMA_NUM_PARALLEL says",)
    return ()
