"""From what was asked of `llmhub fit` to a report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from llmhub.cli.fit_asked import FitAsked, MisuseError
from llmhub.cli.fit_machine import Daemon, machine_for
from llmhub.cli.fit_model import INSTALLED, Subject, subject_for
from llmhub.core.errors import LLMHubError
from llmhub.core.models import context_to_ask
from llmhub.core.sizing.assess import assess, refused
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speeds import Speed
from llmhub.core.sizing.ways import Ways, ways_of

if TYPE_CHECKING:
    from llmhub.bootstrap import World

NO_CHIP = Speed(None, None, None, None, None, "not known without a chip; name it: --chip")
_ONE_SLOT = ("qwen3vl", "qwen35", "qwen3next", "lfm2", "nemotron_h", "mllama")
"""Architectures that Ollama gives one slot whatever is set (memory-sizing.md, a6)."""


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
    kv_type = asked.kv_type or machine.kv_type
    setup = Setup(1, kv_type, asked.parallel, asked.batch, asked.flash_attention)
    if (why := refused(setup)) is not None:
        raise MisuseError(
            why[:1].upper() + why[1:],
            f"--kv {kv_type} --flash-attention {'on' if asked.flash_attention else 'off'}",
            "leave --flash-attention on, or take --kv f16",
        )
    daemon = Daemon(world, machine, is_real=not asked.is_imagined)
    subject = await subject_for(world, asked, daemon)
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


def _slot_notes(report: FitReport) -> tuple[str, ...]:
    if report.setup.parallel > 1 and (report.architecture or "").startswith(_ONE_SLOT):
        return ("Ollama runs this kind of model with one slot, whatever OLLAMA_NUM_PARALLEL says",)
    return ()
