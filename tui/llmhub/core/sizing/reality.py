"""A load as the daemon reports it, held against the prediction (memory-sizing.md, a6).

From 0.30 on `/api/ps` adds up the buffers that the engine logs, by (component, device, kind): of two caches the second
one stays. When every layer is on the GPU it counts the GPU's buffers only. Before the log was read it shows the size of
the file. The weights of a vision projector are never in it, its work buffers are. Source: ollama/ollama fb30760,
llm/llama_server.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from llmhub.core.memory import Placement
from llmhub.core.models import InstalledModel, LoadedModel
from llmhub.core.sizing.advisor import counts_its_buffers
from llmhub.core.sizing.assess import SizedModel
from llmhub.core.sizing.blocks import KV_TYPES
from llmhub.core.sizing.compute import metal_extra_bytes, output_bytes
from llmhub.core.sizing.details import HEADER_ROOM_BYTES
from llmhub.core.sizing.facts import EngineSettings, Setup
from llmhub.core.sizing.predictions import Basis, Prediction, PredictionBook
from llmhub.core.sizing.shapes import ModelShape
from llmhub.core.sizing.weights import listed_bytes
from llmhub.core.watch import HostState

LEAST_ENGINE_CONTEXT = 256
"""A smaller context runs with this one, whatever `/api/ps` says (ollama-api.md, 16, 5)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a daemon should say of a load."""

    bytes: int
    left_out_bytes: int = 0
    """The cache it leaves out."""
    basis: Basis = Basis.CPU
    why: str = ""
    """For `Basis.APART`: why it cannot be counted, a clause."""


def expected(
    sized: SizedModel | None, loaded: LoadedModel, *, engine: EngineSettings, placement: Placement | None
) -> Expected | None:
    """What a daemon from 0.30 on should say of `loaded`.

    Args:
        sized: What is known of its insides.
        placement: Of the memory that models are loaded into; `None` when nobody can look.

    Returns:
        `None` when it cannot be said: unknown insides, no context told.
    """
    if sized is None or sized.shape is None or not loaded.context_tokens or engine.kv_type not in KV_TYPES:
        return None
    on_gpu = loaded.gpu_fraction
    setup = engine.setup(max(loaded.context_tokens, LEAST_ENGINE_CONTEXT), one_slot=sized.one_slot)
    known = placement if placement is not Placement.CPU else None
    where = (known or Placement.UNIFIED) if on_gpu else Placement.CPU
    need = sized.need(setup, where)
    if need is None:
        return None
    left_out = need.full_attention_bytes or 0
    total = need.weights_bytes + need.state_bytes + need.compute_bytes - left_out
    if on_gpu == 1:
        total -= _host_bytes(sized.shape, setup, where)
    why = ""
    if on_gpu is None:
        why = "the daemon's figures make no sense"
    elif need.estimated:
        why = "the prediction is an upper bound"
    elif need.projector_bytes:
        why = "the work buffers of its vision part are in the figure, and their size is not known"
    elif 0 < on_gpu < 1:
        why = "it is split between CPU and GPU"
    elif on_gpu and known is None:
        why = "it is not known what kind of GPU it is on"
    basis = Basis.APART if why else Basis.GPU if on_gpu else Basis.CPU
    return Expected(max(1, total), left_out, basis, why)


def _host_bytes(shape: ModelShape, setup: Setup, placement: Placement) -> int:
    """What a need counts and lies with the host when every layer is on the GPU: outputs, and on a Mac the inputs."""
    outputs = output_bytes(shape, setup)
    if placement is not Placement.METAL:
        return outputs
    return outputs + metal_extra_bytes(shape, replace(setup, flash_attention=False))  # without it the inputs alone


class LoadChecks:
    """Compares what is loaded with what was predicted, once a figure has settled, and keeps the result.

    A figure has settled when two looks in a row show it, and it is not the size of the file.

    Args:
        book: What was compared on this machine before.
        sized: What is known of an installed model's insides, by name; `None` while it is being looked up.
        placement: Of the memory that models are loaded into.
        keep: Called with each new prediction.
    """

    def __init__(
        self,
        book: PredictionBook,
        *,
        machine_id: str | None,
        sized: Callable[[str], SizedModel | None],
        engine: Callable[[], EngineSettings],
        placement: Callable[[], Placement | None],
        now: Callable[[], datetime],
        keep: Callable[[Prediction], None],
    ) -> None:
        self.book = book
        self._machine_id = machine_id
        self._sized = sized
        self._engine = engine
        self._placement = placement
        self._now = now
        self._keep = keep
        self._seen: dict[str, LoadedModel] = {}
        self._compared: dict[str, LoadedModel] = {}

    def looked(self, state: HostState) -> None:
        """A look at the daemon, whether anything changed or not."""
        if not state.alive or state.info is None or not counts_its_buffers(state.info.version):
            self._seen, self._compared = {}, {}
            return
        figures = {loaded.name: _figure(loaded) for loaded in state.loaded}
        for name, loaded in figures.items():
            if self._seen.get(name) == loaded and self._compared.get(name) != loaded:
                prediction = self._compare(state.model(name), loaded, state.info.version)
                if prediction is not None:
                    self._compared[name] = loaded
                    self.book = self.book.with_prediction(prediction)
                    self._keep(prediction)
        self._seen = figures
        self._compared = {name: loaded for name, loaded in self._compared.items() if name in figures}

    def _compare(self, model: InstalledModel | None, loaded: LoadedModel, version: str) -> Prediction | None:
        if model is None or not model.place.is_local or (loaded.digest or model.digest) != model.digest:
            return None
        sized = self._sized(loaded.name)
        if sized is None or is_file_size(sized, loaded.size_bytes):
            return None
        engine = self._engine()
        said = expected(sized, loaded, engine=engine, placement=self._placement())
        if said is None:
            return None
        return Prediction(
            model=model.name,
            digest=model.digest,
            architecture=sized.shape.architecture if sized.shape else None,
            daemon_version=version,
            machine_id=self._machine_id,
            context_tokens=loaded.context_tokens or 0,
            kv_type=engine.kv_type,
            predicted_bytes=said.bytes,
            measured_bytes=loaded.size_bytes,
            vram_bytes=loaded.vram_bytes,
            two_caches=bool(said.left_out_bytes),
            at=self._now().astimezone(UTC),
            left_out_bytes=said.left_out_bytes,
            basis=said.basis,
            why=said.why,
        )


def is_file_size(sized: SizedModel, size_bytes: int) -> bool:
    """Whether a figure is the size of the model's file, as the daemon says until it has read its engine's log.

    The list knows the size of all layers, which is a little more than the file; the tensors are a little less.
    """
    tensors, layers = listed_bytes(sized.facts.tensors), sized.facts.file_bytes
    if tensors is None or layers is None:
        return layers == size_bytes
    room = HEADER_ROOM_BYTES if sized.facts.projector_bytes else 0  # a projector of its own took the header with it
    return tensors <= size_bytes <= layers + room


def _figure(loaded: LoadedModel) -> LoadedModel:
    """A load without what changes while nothing is loaded anew."""
    return LoadedModel(
        loaded.name,
        loaded.size_bytes,
        loaded.vram_bytes,
        digest=loaded.digest,
        context_tokens=loaded.context_tokens,
    )
