"""What this machine has shown of itself: loads against their predictions, speeds of turns and benches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from llmhub.core.bench import BenchBook, speed_here
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.model_use import ModelUse
from llmhub.core.models import InstalledModel
from llmhub.core.names import name_key
from llmhub.core.sizing.advisor import Advisor
from llmhub.core.sizing.predictions import Basis, Prediction, PredictionBook, corrected
from llmhub.core.sizing.reality import LoadChecks
from llmhub.core.sizing.speeds import Speed
from llmhub.core.watch import HostState


class Experience:
    """Learns from looks at one daemon; answers the advisor.

    Args:
        machine_id: The ledger's id of the machine the daemon runs on, or the daemon's address.
        predictions: Every prediction that was ever compared, of all machines.
        benches: Every bench that is kept.
        advisor: Tells the insides of models; asked later, not now.
        keep: Called with each new prediction.
    """

    def __init__(
        self,
        machine_id: str | None,
        predictions: PredictionBook,
        benches: BenchBook,
        *,
        state: Callable[[], HostState],
        memory: Callable[[], MemoryState | None],
        advisor: Callable[[], Advisor],
        uses: Callable[[], Mapping[str, ModelUse]],
        now: Callable[[], datetime],
        keep: Callable[[Prediction], None],
    ) -> None:
        self.benches = benches
        self._machine_id = machine_id
        self._state = state
        self._memory = memory
        self._advisor = advisor
        self._uses = uses
        self._keyed: tuple[tuple[InstalledModel, ...], dict[str, InstalledModel]] = ((), {})
        self._ratios: dict[tuple[str, Basis, str | None, str | None], float] = {}
        """What was learnt from `_ratios_of`, by who asked: every row of a long table asks."""
        self._ratios_of: PredictionBook | None = None
        self._checks = LoadChecks(
            predictions.of_machine(machine_id),
            machine_id=machine_id,
            sized=lambda name: advisor().sized(name),
            engine=lambda: advisor().engine,
            placement=self._placement,
            now=now,
            keep=keep,
        )

    @property
    def predictions(self) -> PredictionBook:
        """What was predicted and compared on this machine."""
        return self._checks.book

    def looked(self, state: HostState) -> None:
        """A look at the daemon, whether anything changed or not."""
        self._checks.looked(state)

    def correction_bytes(self, name: str, need_bytes: int) -> int:
        """What earlier loads took more than predicted, or less, for a need of an installed model."""
        state, advisor = self._state(), self._advisor()
        model, sized = advisor.model(name), advisor.sized(name)
        if state.info is None or model is None or sized is None or sized.shape is None:
            return 0
        basis = Basis.CPU if self._placement() in {None, Placement.CPU} else Basis.GPU
        if self._ratios_of is not self.predictions:
            self._ratios, self._ratios_of = {}, self.predictions
        asked = (state.info.version, basis, model.digest, sized.shape.architecture)
        ratio = self._ratios.get(asked)
        if ratio is None:
            ratio = self._ratios[asked] = self.predictions.ratio(*asked)
        return corrected(need_bytes, ratio)

    def speed(self, key: str) -> Speed | None:
        """How fast a model was here, by `names.name_key`; `None` before its first turn."""
        model = self._model_of(key)
        bench = self.benches.newest(self._machine_id, model.digest) if model is not None else None
        return speed_here(self._uses().get(key), bench)

    def _model_of(self, key: str) -> InstalledModel | None:
        """The installed model of a `names.name_key`; every row of a long table asks."""
        installed = self._state().installed
        if installed is not self._keyed[0]:
            self._keyed = installed, {name_key(model.name): model for model in reversed(installed)}
        return self._keyed[1].get(key)

    def _placement(self) -> Placement | None:
        memory = self._memory()
        return memory.placement if memory is not None else None
