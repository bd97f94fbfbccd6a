"""How long it takes to say whether models fit: one from what is kept of it, and 300 when the context moves.

`python -m benchmarks.sizing [--quick]`

The models are those of the catalogue that ships, over and over, each understood on its own: nothing is shared but what
the app would share too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, cast

from benchmarks.command import benchmark
from benchmarks.figures import Row, at_most, context, median, percentile

from llmhub.catalog.shipped import ShippedCatalogue
from llmhub.core.memory import GIB, MemoryState, Placement
from llmhub.core.models import InstalledModel, LoadedModel, ModelDetails
from llmhub.core.places import THIS_MACHINE
from llmhub.core.ports import ModelHost
from llmhub.core.sizing.advisor import Advisor
from llmhub.core.sizing.assess import SizedModel, assess, understood
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.ladder import ladder_of, rungs_of
from llmhub.core.sizing.report import FitReport
from llmhub.core.sizing.state import state_of
from llmhub.core.watch import HostState
from llmhub.machine.chips import find_chip

GROUP = "sizing"
ROWS = 300
MAX_VERDICT_MS = 2.0
MAX_MOVE_MS = 16.0
"""One frame."""
CONTEXTS = tuple(1024 * 2**step for step in range(11))
MAC = MemoryState("unified", 25 * GIB, 19 * GIB, "a benchmark", Placement.UNIFIED)
CHIP = find_chip("M1 Max")
"""Read before anything is measured, as the app does after its first look."""


def measure(*, quick: bool) -> list[Row]:
    """One verdict, the Models table at every context, the ladder's rows at every context."""
    rounds = 2 if quick else 8
    models = _models()
    verdicts = _verdicts(models, rounds)
    table = _moved(lambda: _Table(models).at, rounds)
    ladder = _moved(lambda: _Ladder(models).at, rounds)
    return [
        at_most(GROUP, "one verdict from what is kept, p95", percentile(verdicts, 0.95), MAX_VERDICT_MS, " ms"),
        context(GROUP, "one verdict from what is kept, p50", median(verdicts), " ms"),
        at_most(GROUP, f"{ROWS} models at a moved context, p95", percentile(table, 0.95), MAX_MOVE_MS, " ms"),
        context(GROUP, f"{ROWS} models at a moved context, p50", median(table), " ms"),
        at_most(GROUP, f"{ROWS} ladder rows at a moved context, p95", percentile(ladder, 0.95), MAX_MOVE_MS, " ms"),
        context(GROUP, f"{ROWS} ladder rows at a moved context, p50", median(ladder), " ms"),
    ]


def _models() -> list[SizedModel]:
    entries = [entry for entry in ShippedCatalogue().entries() if entry.facts is not None]
    found = []
    for number in range(ROWS):
        facts = entries[number % len(entries)].facts
        if facts is not None:
            found.append(understood(facts))
    return found


def _verdicts(models: list[SizedModel], rounds: int) -> list[float]:
    """Milliseconds of each whole report, the largest context included."""
    taken = []
    for number in range(rounds):
        for model in models:
            setup = Setup(CONTEXTS[number % len(CONTEXTS)])
            began = time.perf_counter()
            assess("a model", model, setup, MAC, chip=CHIP)
            taken.append((time.perf_counter() - began) * 1000)
    return taken


def _moved(make: Callable[[], Callable[[int], object]], rounds: int) -> list[float]:
    """Milliseconds of each move; every context is a new one, so that nothing kept from it helps."""
    taken = []
    for _ in range(rounds):
        at = make()
        at(8192 - 256)
        for tokens in CONTEXTS:
            began = time.perf_counter()
            at(tokens)
            taken.append((time.perf_counter() - began) * 1000)
    return taken


class _Host:
    """A daemon as far as the advisor asks it: the insides of every model."""

    def __init__(self, models: list[SizedModel]) -> None:
        self._facts = [model.facts for model in models]

    async def details(self, name: str) -> ModelDetails:
        """The keys of a model, by its number."""
        return ModelDetails(name, model_info=dict(self._facts[int(name.partition("-")[2].partition(":")[0])].metadata))


class _Table:
    """The advisor of a daemon with all the models, one of them loaded, as the Models screen asks it."""

    def __init__(self, models: list[SizedModel]) -> None:
        installed = tuple(
            InstalledModel(f"model-{number}:latest", THIS_MACHINE, _file_bytes(model), digest=str(number))
            for number, model in enumerate(models)
        )
        loaded = (LoadedModel("model-0:latest", 6 * GIB, 6 * GIB, context_tokens=8192),)
        state = HostState(looked=True, installed=installed, loaded=loaded)
        work: list[Coroutine[Any, Any, None]] = []
        self._advisor = Advisor(
            cast("ModelHost", _Host(models)),
            state=lambda: state,
            memory=lambda: MAC,
            changed=lambda: None,
            spawn=work.append,
            default_context=8192,
        )
        self._advisor.chip = CHIP
        self._advisor.looked()
        asyncio.run(work.pop())

    def at(self, tokens: int) -> dict[str, FitReport]:
        """Every row."""
        return self._advisor.reports(tokens)


def _file_bytes(model: SizedModel) -> int | None:
    return model.facts.file_bytes or (model.weights.text_bytes if model.weights is not None else None)


class _Ladder:
    """So many models, each in the usual quantizations, that their ladders have `ROWS` rows."""

    def __init__(self, models: list[SizedModel]) -> None:
        self._models = []
        rows = 0
        for model in models:
            if rows >= ROWS or model.shape is None or model.weights is None:
                continue
            rungs = rungs_of(model.shape, (), chosen=model.facts.quantization, chosen_bytes=_file_bytes(model))
            self._models.append((model, rungs))
            rows += len(rungs)

    def at(self, tokens: int) -> int:
        """How many rows were made."""
        setup, made = Setup(tokens), 0
        for model, rungs in self._models:
            need = model.need(setup, MAC.placement)
            if need is None or model.shape is None or model.weights is None:
                continue
            state = state_of(model.shape, setup)
            made += len(
                ladder_of(rungs, model.shape, model.weights, need, MAC, context_bytes=state.kv_bytes, chip=CHIP)
            )
        return made


if __name__ == "__main__":
    benchmark(__doc__, measure)
