"""What this machine has shown of itself: loads against their predictions, speeds of turns and benches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from llmhub.core.bench import BenchBook, speed_here
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.model_use import ModelUse
from llmhub.core.names import name_key
from llmhub.core.sizing.advisor import Advisor
from llmhub.core.sizing.predictions import Basis, Prediction, PredictionBook
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
        self._checks = LoadChecks(
            predictions.of_machine(machine_id),
            machine_id=machine_id,
            sized=lambda name: advisor().sized(name),
            kv_type=lambda: advisor().kv_type,
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
        state = self._state()
        model, sized = state.model(name), self._advisor().sized(name)
        if state.info is None or model is None or sized is None or sized.shape is None:
            return 0
        basis = Basis.CPU if self._placement() in {None, Placement.CPU} else Basis.GPU
        return self.predictions.correction_bytes(
            need_bytes,
            version=state.info.version,
            basis=basis,
            digest=model.digest,
            architecture=sized.shape.architecture,
        )

    def speed(self, key: str) -> Speed | None:
        """How fast a model was here, by `names.name_key`; `None` before its first turn."""
        model = next((one for one in self._state().installed if name_key(one.name) == key), None)
        bench = self.benches.newest(self._machine_id, model.digest) if model is not None else None
        return speed_here(self._uses().get(key), bench)

    def _placement(self) -> Placement | None:
        memory = self._memory()
        return memory.placement if memory is not None else None
