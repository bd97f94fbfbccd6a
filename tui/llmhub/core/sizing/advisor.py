"""Keeps what is known of the insides of a daemon's models, and sizes them whenever somebody asks.

Looking a model up takes a request; sizing it again takes none. So reports come at once from what is known, and whoever
asked is told when more is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.models import InstalledModel, LoadedModel, context_to_ask
from llmhub.core.names import name_key
from llmhub.core.ports import ModelHost
from llmhub.core.sizing.assess import SizedModel, assess, understood
from llmhub.core.sizing.details import facts_of_details
from llmhub.core.sizing.facts import EngineSettings
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speeds import Chip, Speed
from llmhub.core.sizing.verdicts import Holder
from llmhub.core.watch import HostState

log = logging.getLogger(__name__)
LOOKING = "it is being looked up"
_EACH_BATCH = (4096, 8192, 65536)
"""A context of each of the daemon's batches: what follows from a batch is worked out now, not while a table moves."""
MOST_TRIES = 3
"""After so many looks a model that the daemon tells nothing of is left alone, until it is another one."""


@dataclass(frozen=True, slots=True)
class _Known:
    sized: SizedModel | None
    preset_context: int | None = None
    why_not: str = ""
    tries: int = 0
    """How often the daemon was asked without telling anything."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A report and what it was made of."""

    basis: tuple[object, ...]
    bytes: int | None
    """The need before it was corrected."""
    correction_bytes: int
    report: FitReport


@dataclass(slots=True)
class _Moment:
    """The machine at one moment, and the reports made for it."""

    basis: tuple[object, ...] = ()
    holders: tuple[tuple[str, Holder], ...] = ()
    reports: dict[tuple[str, int, bool], _Kept] = field(default_factory=dict)
    """By name, context, and whether the largest one was looked for."""


class Advisor:
    """Sizes the models of one daemon.

    Args:
        state: The last look at the daemon.
        memory: The budget of the machine it runs on; `None` while unknown.
        changed: Called on the loop when more became known.
        spawn: Runs a coroutine in the background.
        default_context: Tokens asked for where neither person, preset nor resident load says otherwise.
        measured: The speed seen here of a model by `names.name_key`, if any.
        correction: Bytes that earlier loads took more than predicted, by model; 0 where none is known.
    """

    def __init__(
        self,
        host: ModelHost,
        *,
        state: Callable[[], HostState],
        memory: Callable[[], MemoryState | None],
        changed: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        default_context: int,
        measured: Callable[[str], Speed | None] = lambda _: None,
        correction: Callable[[str, int], int] = lambda _name, _need: 0,
    ) -> None:
        self.chip: Chip | None = None
        """What models run on, once it is known."""
        self.engine = EngineSettings()
        """How the daemon runs every model, as far as it is known."""
        self._host = host
        self._state = state
        self._memory = memory
        self._changed = changed
        self._spawn = spawn
        self._default_context = default_context
        self._measured = measured
        self._correction = correction
        self._known: dict[tuple[str, str | None], _Known] = {}
        self._wanted: list[InstalledModel] = []
        self._looking = False
        self._moment = _Moment()
        self._keys: dict[str, str] = {}
        self._named: tuple[tuple[InstalledModel, ...], dict[str, InstalledModel]] = ((), {})

    @property
    def is_looking(self) -> bool:
        """Whether models are being looked up."""
        return self._looking

    def looked(self) -> None:
        """The daemon was looked at: learn of the models that are new. Forgets those that are gone."""
        state = self._state()
        if not state.alive:
            return
        self._keys.clear()
        there = {_key(model): model for model in state.installed if model.place.is_local}
        self._known = {key: known for key, known in self._known.items() if key in there}
        self._wanted = [model for key, model in there.items() if self._is_wanted(self._known.get(key))]
        if self._wanted and not self._looking:
            self._looking = True
            self._spawn(self._look_up())

    def sized(self, name: str) -> SizedModel | None:
        """What is known of an installed model's insides."""
        return _sized(self._known_of(self.model(name)))

    def model(self, name: str) -> InstalledModel | None:
        """The installed model of that name; see `HostState.model`. Every row of a long table asks."""
        state = self._state()
        if state.installed is not self._named[0]:
            self._named = state.installed, {model.name: model for model in reversed(state.installed)}
        return self._named[1].get(name) or state.model(name)

    def context_of(self, name: str, wanted: int | None = None) -> int:
        """The context a chat with an installed model would ask for, or `wanted` within what it was trained for."""
        model = self.model(name)
        return self._context(model, self._known_of(model), wanted)

    def report(self, name: str, context: int | None = None, *, with_largest: bool = True) -> FitReport:
        """Size an installed model at `context`, or at the one a chat would ask for. Asks nobody.

        Args:
            with_largest: Whether to look for the largest context that fits, which takes longer than all the rest.
        """
        state, model = self._state(), self.model(name)
        if model is None:
            setup = self.engine.setup(self._context(None, None, context))
            return assess(name, None, setup, self._memory(), why_unknown="it is not installed")
        return self._report(self._now(), model, state.resident(name), context, with_largest=with_largest)

    def reports(self, context: int | None = None) -> dict[str, FitReport]:
        """Every installed model at `context`, by its name; without its largest context."""
        state, moment = self._state(), self._now()
        loaded = {self._key_of(entry.name): entry for entry in state.loaded}
        return {
            model.name: self._report(moment, model, loaded.get(self._key_of(model.name)), context, with_largest=False)
            for model in state.installed
        }

    def _report(
        self,
        moment: _Moment,
        model: InstalledModel,
        resident: LoadedModel | None,
        context: int | None,
        *,
        with_largest: bool,
    ) -> FitReport:
        """From what is kept, where nothing has changed that it was made of."""
        known, key = self._known_of(model), self._key_of(model.name)
        sized, measured = _sized(known), self._measured(key)
        one_slot = sized is not None and sized.one_slot
        setup = self.engine.setup(self._context(model, known, context), one_slot=one_slot)
        basis = (model, known, measured)
        kept = moment.reports.get((model.name, setup.context, with_largest))
        if kept is not None and kept.basis == basis and kept.correction_bytes == self._correction_of(model, kept.bytes):
            return kept.report
        why = known.why_not if known is not None else LOOKING
        if not model.place.is_local:
            why = f"it runs in {model.place.words}, not in this memory"

        def assessed(correction_bytes: int) -> FitReport:
            return assess(
                model.name,
                sized,
                setup,
                self._memory(),
                chip=self.chip,
                measured=measured,
                holders=[holder for of, holder in moment.holders if of != key],
                own_bytes=self.held_bytes(resident) if resident is not None else 0,
                quantization=model.quantization,
                correction_bytes=correction_bytes,
                why_unknown=why,
                with_largest=with_largest,
            )

        report = assessed(0)
        total = report.need.total_bytes if report.need is not None else None
        correction = self._correction_of(model, total)
        if correction:
            report = assessed(correction)
        moment.reports[(model.name, setup.context, with_largest)] = _Kept(basis, total, correction, report)
        return report

    def _correction_of(self, model: InstalledModel, need_bytes: int | None) -> int:
        return self._correction(model.name, need_bytes) if need_bytes is not None else 0

    def _now(self) -> _Moment:
        """The machine as it is; the reports that were made for it, none when it has changed."""
        state = self._state()
        insides = tuple(self.sized(loaded.name) for loaded in state.loaded)
        basis = (self._memory(), state.loaded, insides, state.info, self.chip, self.engine)
        if basis != self._moment.basis:
            held = tuple(
                (self._key_of(loaded.name), Holder(loaded.name, self.held_bytes(loaded))) for loaded in state.loaded
            )
            self._moment = _Moment(basis, held)
        return self._moment

    def _key_of(self, name: str) -> str:
        key = self._keys.get(name)
        if key is None:
            key = self._keys[name] = name_key(name)
        return key

    def _known_of(self, model: InstalledModel | None) -> _Known | None:
        return self._known.get(_key(model)) if model is not None else None

    def _context(self, model: InstalledModel | None, known: _Known | None, wanted: int | None) -> int:
        return context_to_ask(
            wanted=wanted,
            preset=known.preset_context if known is not None else None,
            resident=None,
            trained=_trained(model, known),
            default=self._default_context,
        )

    def holders(self, besides: str | None = None) -> tuple[Holder, ...]:
        """Loaded models and what each holds of the memory that counts."""
        mine = self._key_of(besides) if besides is not None else None
        return tuple(holder for of, holder in self._now().holders if of != mine)

    def held_bytes(self, loaded: LoadedModel) -> int:
        """What a loaded model holds: the daemon's figure, set right where it leaves out a cache.

        From 0.30 on the daemon counts one of two caches (memory-sizing.md, a6).
        """
        memory = self._memory()
        told = loaded.vram_bytes if memory is not None and memory.placement is Placement.CARD else loaded.size_bytes
        return told + self.left_out_bytes(loaded)

    def left_out_bytes(self, loaded: LoadedModel) -> int:
        """What the daemon leaves out of what it says a loaded model holds: of two caches that of full attention."""
        sized, info = self.sized(loaded.name), self._state().info
        if sized is None or sized.shape is None or not sized.shape.has_two_caches or not loaded.context_tokens:
            return 0
        if info is None or not counts_its_buffers(info.version):
            return 0
        state = sized.state(self.engine.setup(loaded.context_tokens, one_slot=sized.one_slot))
        return state.full_bytes if state is not None else 0

    @property
    def estimates_words(self) -> str:
        """Why an older daemon's figures of loaded models are others than ours, a clause; empty where they compare."""
        info = self._state().info
        if info is None or not info.version or counts_its_buffers(info.version):
            return ""
        return f"ollama ps of {info.version} tells an estimate of its own: buffers are added up from 0.30 on"

    @staticmethod
    def _is_wanted(known: _Known | None) -> bool:
        return known is None or (known.sized is None and 0 < known.tries < MOST_TRIES)

    async def _look_up(self) -> None:
        try:
            while self._wanted:
                model = self._wanted.pop(0)
                self._known[_key(model)] = await self._learn(model)
                self._changed()
        finally:
            self._looking = False

    async def _learn(self, model: InstalledModel) -> _Known:
        before = self._known.get(_key(model))
        tries = 1 + (before.tries if before is not None else 0)
        try:
            details = await self._host.details(model.name)
        except BackendError as error:
            return _Known(None, why_not=f"{error.happened[:1].lower()}{error.happened[1:]}", tries=tries)
        except LLMHubError as error:
            log.warning("the details of %s: %s", model.name, error)
            return _Known(None, why_not="the daemon did not tell its insides", tries=tries)
        sized = understood(facts_of_details(details, model.size_bytes))
        for context in _EACH_BATCH:
            sized.need(self.engine.setup(context, one_slot=sized.one_slot), Placement.CPU)
        return _Known(sized, details.preset_context)


def counts_its_buffers(version: str) -> bool:
    """Whether `/api/ps` of that daemon sums up its engine's buffers: from 0.30 on."""
    numbers = version.lstrip("v").split(".")
    if len(numbers) < 2 or not numbers[0].isdigit() or not numbers[1].isdigit():
        return False
    return (int(numbers[0]), int(numbers[1])) >= (0, 30)


def _sized(known: _Known | None) -> SizedModel | None:
    return known.sized if known is not None else None


def _trained(model: InstalledModel | None, known: _Known | None) -> int | None:
    if model is not None and model.context_trained is not None:
        return model.context_trained
    sized = _sized(known)
    return sized.shape.context_trained if sized is not None and sized.shape is not None else None


def _key(model: InstalledModel) -> tuple[str, str | None]:
    return model.name, model.digest
