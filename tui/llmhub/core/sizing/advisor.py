"""Keeps what is known of the insides of a daemon's models, and sizes them whenever somebody asks.

Looking a model up takes a request; sizing it again takes none. So reports come at once from what is known, and whoever
asked is told when more is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.models import InstalledModel, LoadedModel, context_to_ask
from llmhub.core.names import name_key
from llmhub.core.ports import ModelHost
from llmhub.core.sizing.assess import SizedModel, assess, understood
from llmhub.core.sizing.details import facts_of_details
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.speeds import Chip, Speed
from llmhub.core.sizing.verdicts import Holder
from llmhub.core.watch import HostState

log = logging.getLogger(__name__)
LOOKING = "it is being looked up"
MOST_TRIES = 3
"""After so many looks a model that the daemon tells nothing of is left alone, until it is another one."""


@dataclass(frozen=True, slots=True)
class _Known:
    sized: SizedModel | None
    preset_context: int | None = None
    why_not: str = ""
    tries: int = 0
    """How often the daemon was asked without telling anything."""


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
        self.kv_type = "f16"
        """The daemon's `OLLAMA_KV_CACHE_TYPE`, as far as it is known."""
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

    def looked(self) -> None:
        """The daemon was looked at: learn of the models that are new. Forgets those that are gone."""
        state = self._state()
        if not state.alive:
            return
        there = {_key(model): model for model in state.installed if model.place.is_local}
        self._known = {key: known for key, known in self._known.items() if key in there}
        self._wanted = [model for key, model in there.items() if self._is_wanted(self._known.get(key))]
        if self._wanted and not self._looking:
            self._looking = True
            self._spawn(self._look_up())

    def sized(self, name: str) -> SizedModel | None:
        """What is known of an installed model's insides."""
        model = self._state().model(name)
        known = self._known.get(_key(model)) if model is not None else None
        return known.sized if known is not None else None

    def context_of(self, name: str, wanted: int | None = None) -> int:
        """The context a chat with an installed model would ask for, or `wanted` within what it was trained for."""
        model = self._state().model(name)
        known = self._known.get(_key(model)) if model is not None else None
        trained = model.context_trained if model is not None else None
        if trained is None and known is not None and known.sized is not None and known.sized.shape is not None:
            trained = known.sized.shape.context_trained
        return context_to_ask(
            wanted=wanted,
            preset=known.preset_context if known is not None else None,
            resident=None,
            trained=trained,
            default=self._default_context,
        )

    def report(self, name: str, context: int | None = None) -> FitReport:
        """Size an installed model at `context`, or at the one a chat would ask for. Asks nobody."""
        state, memory = self._state(), self._memory()
        model = state.model(name)
        known = self._known.get(_key(model)) if model is not None else None
        setup = Setup(self.context_of(name, context), self.kv_type)
        why = known.why_not if known is not None else LOOKING
        if model is None:
            why = "it is not installed"
        elif not model.place.is_local:
            why = f"it runs in {model.place.words}, not in this memory"
        resident = state.resident(name)
        sized = known.sized if known is not None else None
        need = sized.need(setup, memory.placement if memory else Placement.CPU) if sized is not None else None
        return assess(
            name,
            sized,
            setup,
            memory,
            chip=self.chip,
            measured=self._measured(name_key(name)),
            holders=self.holders(besides=name),
            own_bytes=self.held_bytes(resident) if resident is not None else 0,
            quantization=model.quantization if model is not None else None,
            correction_bytes=self._correction(name, need.total_bytes) if need is not None else 0,
            why_unknown=why,
        )

    def holders(self, besides: str | None = None) -> tuple[Holder, ...]:
        """Loaded models and what each holds of the memory that counts."""
        mine = name_key(besides) if besides is not None else None
        return tuple(
            Holder(loaded.name, self.held_bytes(loaded))
            for loaded in self._state().loaded
            if name_key(loaded.name) != mine
        )

    def held_bytes(self, loaded: LoadedModel) -> int:
        """What a loaded model holds: the daemon's figure, set right where it leaves out a cache.

        From 0.30 on the daemon counts one of two caches (memory-sizing.md, a6).
        """
        memory = self._memory()
        told = loaded.vram_bytes if memory is not None and memory.placement is Placement.CARD else loaded.size_bytes
        sized, info = self.sized(loaded.name), self._state().info
        if sized is None or sized.shape is None or not sized.shape.has_two_caches or not loaded.context_tokens:
            return told
        if info is None or not counts_its_buffers(info.version):
            return told
        state = sized.state(Setup(loaded.context_tokens, self.kv_type))
        return told + (state.full_bytes if state is not None else 0)

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
        return _Known(understood(facts_of_details(details, model.size_bytes)), details.preset_context)


def counts_its_buffers(version: str) -> bool:
    """Whether `/api/ps` of that daemon sums up its engine's buffers: from 0.30 on."""
    numbers = version.lstrip("v").split(".")
    if len(numbers) < 2 or not numbers[0].isdigit() or not numbers[1].isdigit():
        return False
    return (int(numbers[0]), int(numbers[1])) >= (0, 30)


def _key(model: InstalledModel) -> tuple[str, str | None]:
    return model.name, model.digest
