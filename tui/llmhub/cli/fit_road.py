"""From what was asked of `llmhub fit` to a report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from llmhub.cli.fit_asked import FitAsked, MisuseError
from llmhub.cli.fit_machine import Daemon, Machine, machine_for
from llmhub.cli.fit_model import INSTALLED, Subject, subject_for
from llmhub.core.errors import LLMHubError
from llmhub.core.models import context_to_ask
from llmhub.core.sizing.assess import assess, refused
from llmhub.core.sizing.blocks import QUANTIZED_KV
from llmhub.core.sizing.disk import disk_verdict
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.families import family_of
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speeds import Speed
from llmhub.core.sizing.ways import Ways, ways_of

if TYPE_CHECKING:
    from llmhub.bootstrap import World

NO_CHIP = Speed(None, None, None, None, None, "not known without a chip; name it: --chip")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A report, and what goes with it."""

    report: FitReport
    origin: str = ""
    """`installed`, `to pull`, `in this file`: goes with the size in the first line."""
    source_words: str = ""
    """Where the figures are from, without their age."""
    fetched_at: datetime | None = None
    """When they were asked for; `None` where that does not age."""
    from_cache: bool = False
    ways: Ways = Ways()
    problem: LLMHubError | None = None
    """Why less is known than could be."""


async def fit_for(world: World, asked: FitAsked) -> Fitted:
    """Everything that can be said of what was asked.

    Raises:
        MisuseError: a chip that is not in the table, a setup that the engine refuses.
        LLMHubError: a file that cannot be read.
    """
    machine = await machine_for(world, asked)
    setup = _setup(asked, machine)
    if (why := refused(setup)) is not None:
        raise MisuseError(
            why[:1].upper() + why[1:],
            f"--kv {setup.kv_type} --flash-attention {'on' if setup.flash_attention else 'off'}",
            "leave --flash-attention on, or take --kv f16",
        )
    daemon = Daemon(world, machine, is_real=not asked.is_imagined)
    subject = await subject_for(world, asked, daemon)
    if asked.parallel is None and subject.sized is not None and subject.sized.one_slot:
        setup = replace(setup, parallel=1)
    setup = replace(setup, context=_context(world, asked, subject))
    correction = 0
    if subject.origin == INSTALLED:
        correction = await daemon.correction_bytes(subject.name, subject.sized, setup)
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
        correction_bytes=correction,
        why_unknown=subject.why_unknown,
    )
    nowhere = asked.is_imagined or machine.memory is None
    if machine.chip is None and nowhere and report.speed.per_s is None and report.need is not None:
        report = replace(report, speed=NO_CHIP)
    if report.context_trained is None:
        report = replace(report, context_trained=subject.context_trained)
    notes = (*report.notes, *subject.notes, *_slot_notes(report), *await _disk_notes(world, asked, subject))
    return Fitted(
        replace(report, notes=notes),
        subject.origin,
        subject.source or "",
        subject.fetched_at,
        subject.from_cache,
        ways_of(report, subject.sized),
        subject.problem,
    )


def _setup(asked: FitAsked, machine: Machine) -> Setup:
    """As the daemon would run it, but for what was asked; the context comes with the model."""
    engine = machine.engine
    flash = engine.flash_attention if asked.flash_attention is None else asked.flash_attention
    kv_type = asked.kv_type or engine.kv_type
    if asked.kv_type is None and kv_type in QUANTIZED_KV and not flash:
        kv_type = "f16"  # as the daemon does
    return Setup(1, kv_type, asked.parallel or engine.parallel, asked.batch, flash)


def _context(world: World, asked: FitAsked, subject: Subject) -> int:
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


async def _disk_notes(world: World, asked: FitAsked, subject: Subject) -> tuple[str, ...]:
    """Whether there is room on the disk for a pull, where it would be pulled to this machine."""
    if asked.is_imagined or subject.layers is None:
        return ()
    folder = await world.models_folder()
    if folder is None:
        return ()
    told = disk_verdict(subject.layers, folder.present, folder.free_bytes)
    return tuple(f"{reason[:1].lower()}{reason[1:]}".removesuffix(".") for reason in told.reasons)


def _slot_notes(report: FitReport) -> tuple[str, ...]:
    if report.setup.parallel > 1 and family_of(report.architecture or "").one_slot:
        return ("Ollama runs this kind of model with one slot, whatever OLLAMA_NUM_PARALLEL says",)
    return ()
