"""A model host in memory: what it lists, says and refuses is what the test set; nothing here waits but for an event."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from hashlib import sha256

from llmhub.core.chat import ChatEvent, ChatRequest, Durations, Finished, Served, TextDelta, Usage
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.models import DaemonInfo, InstalledModel, LoadedModel, ModelDetails, PullEvent
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE, Place

ChatStep = ChatEvent | asyncio.Event | BackendError
"""One step of a chat script: an event to send, a gate to wait at, or a failure to raise."""
PullStep = PullEvent | asyncio.Event | BackendError
"""One step of a pull script."""

GIB = 1024**3
MODIFIED = datetime(2026, 11, 18, 20, 15, tzinfo=UTC)


def installed_model(
    name: str,
    size_bytes: int | None = 5_225_388_164,
    *,
    digest: str | None = None,
    quantization: str | None = "Q4_K_M",
    parameter_size: str | None = "8.2B",
    context_trained: int | None = 40_960,
    capabilities: frozenset[str] | None = frozenset({"completion", "tools"}),
    modified_at: datetime | None = MODIFIED,
    family: str | None = "qwen3",
    place: Place = THIS_MACHINE,
    remote_host: str | None = None,
    remote_model: str | None = None,
) -> InstalledModel:
    """An installed model with a plausible answer in every field."""
    return InstalledModel(
        name=name,
        place=place,
        size_bytes=size_bytes,
        digest=digest if digest is not None else sha256(name.encode()).hexdigest(),
        modified_at=modified_at,
        family=family,
        parameter_size=parameter_size,
        quantization=quantization,
        format="gguf",
        context_trained=context_trained,
        capabilities=capabilities,
        remote_model=remote_model,
        remote_host=remote_host,
    )


def cloud_model(name: str) -> InstalledModel:
    """A cloud stub behind the daemon: no size of its own, runs elsewhere."""
    return installed_model(
        name,
        None,
        quantization=None,
        parameter_size=None,
        place=OLLAMA_CLOUD,
        remote_host="https://ollama.com:443",
        remote_model=name.removesuffix("-cloud"),
        context_trained=131_072,
    )


def failure(
    kind: FailureKind = FailureKind.REFUSED,
    *,
    happened: str = "Ollama refused",
    subject: str = "the request",
    remedy: str = "try again",
    detail: str = "",
    status: int | None = None,
) -> BackendError:
    """A `BackendError` of the daemon's."""
    return BackendError(
        kind, backend="ollama", happened=happened, subject=subject, remedy=remedy, detail=detail, status=status
    )


def unreachable() -> BackendError:
    """What every call raises while no daemon runs."""
    return failure(
        FailureKind.UNREACHABLE,
        happened="Nothing answers",
        subject="Ollama at http://127.0.0.1:11434",
        remedy="start it: ollama serve",
    )


class FakeHost:
    """Implements `core.ports.ModelHost` in memory.

    Attributes that a test sets: `models`, `residents`, `shown`, `chat_scripts`, `pull_scripts`, `pulled`, `failures`
    (by method name, raised until taken away), `gates` (by method name, waited for), `down`.
    What it tells: `calls`, `requests`, `open_chats`, `open_pulls`, `closed_early`.
    """

    def __init__(self, *models: InstalledModel, name: str = "ollama", url: str = "http://127.0.0.1:11434") -> None:
        self.name = name
        self.url = url
        self.place = THIS_MACHINE
        self.version = "0.32.15"
        self.models: list[InstalledModel] = list(models)
        self.residents: list[LoadedModel] = []
        self.shown: dict[str, ModelDetails] = {}
        self.chat_scripts: dict[str, deque[list[ChatStep]]] = defaultdict(deque)
        self.pull_scripts: dict[str, deque[list[PullStep]]] = defaultdict(deque)
        self.pulled: dict[str, InstalledModel] = {}
        """What is installed once a pull of that name has succeeded; a plausible model when not named here."""
        self.failures: dict[str, BackendError] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.down = False
        self.calls: list[tuple[str, str]] = []
        self.requests: list[ChatRequest] = []
        self.open_chats = 0
        self.open_pulls = 0
        self.closed_early: list[str] = []
        """Models whose chat or pull was closed before its proper end."""
        self.insecure_pulls: list[str] = []

    # -- setting ------------------------------------------------------------------------------

    def will_say(self, model: str, *steps: ChatStep) -> None:
        """The next chat with `model` goes through `steps`; several calls make a queue."""
        self.chat_scripts[model].append(list(steps))

    def will_pull(self, model: str, *steps: PullStep) -> None:
        """The next pull of `model` goes through `steps`; several calls make a queue."""
        self.pull_scripts[model].append(list(steps))

    def loaded_as(self, model: str, size_bytes: int = 6 * GIB, vram_bytes: int | None = None) -> LoadedModel:
        """Put `model` into memory, all on the GPU unless `vram_bytes` says otherwise."""
        entry = LoadedModel(
            model, size_bytes, size_bytes if vram_bytes is None else vram_bytes, never_expires=True, context_tokens=8192
        )
        self.residents.append(entry)
        return entry

    # -- the port -----------------------------------------------------------------------------

    async def info(self) -> DaemonInfo:
        """See `ModelHost.info`."""
        await self._enter("info")
        return DaemonInfo(self.version, is_ollama=True, cloud_disabled=False)

    async def installed(self) -> tuple[InstalledModel, ...]:
        """See `ModelHost.installed`."""
        await self._enter("installed")
        return tuple(self.models)

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """See `ModelHost.loaded`."""
        await self._enter("loaded")
        return tuple(self.residents)

    async def details(self, model: str) -> ModelDetails:
        """See `ModelHost.details`."""
        await self._enter("details", model)
        known = self._find(model)
        return self.shown.get(model) or ModelDetails(
            known.name,
            architecture=known.family,
            parameter_size=known.parameter_size,
            quantization=known.quantization,
            family=known.family,
            context_trained=known.context_trained,
            capabilities=known.capabilities,
            remote_host=known.remote_host,
            remote_model=known.remote_model,
        )

    async def load(self, model: str, num_ctx: int, keep_alive: str | int | None = None) -> None:
        """See `ModelHost.load`."""
        await self._enter("load", model)
        known = self._find(model)
        if all(entry.name != known.name for entry in self.residents):
            size = known.size_bytes or GIB
            self.residents.append(
                LoadedModel(
                    known.name, size, size, digest=known.digest, never_expires=keep_alive == -1, context_tokens=num_ctx
                )
            )

    async def unload(self, model: str) -> None:
        """See `ModelHost.unload`."""
        await self._enter("unload", model)
        self.residents = [entry for entry in self.residents if entry.name != model]

    async def delete(self, model: str) -> None:
        """See `ModelHost.delete`."""
        await self._enter("delete", model)
        self.models.remove(self._find(model))

    async def pull(self, model: str, *, insecure: bool = False) -> AsyncGenerator[PullEvent, None]:
        """See `ModelHost.pull`."""
        await self._enter("pull", model)
        if insecure:
            self.insecure_pulls.append(model)
        script = self.pull_scripts[model]
        steps: list[PullStep] = script.popleft() if script else [PullEvent("pulling manifest"), PullEvent("success")]
        ended = False
        self.open_pulls += 1
        try:
            for step in steps:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, BackendError):
                    ended = True
                    raise step
                else:
                    if step.status == "success":
                        self._install(model)
                        ended = True
                    yield step
            if not ended:
                ended = True
                raise failure(FailureKind.CUT, happened="The pull broke off", subject=model, remedy="pull it again")
        finally:
            self.open_pulls -= 1
            if not ended:
                self.closed_early.append(model)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See `Backend.chat`. Without a script: a short answer and its counts."""
        self.requests.append(request)
        await self._enter("chat", request.model)
        script = self.chat_scripts[request.model]
        steps = script.popleft() if script else self._answer(request)
        ended = False
        self.open_chats += 1
        try:
            for step in steps:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, BackendError):
                    ended = True
                    raise step
                else:
                    ended = isinstance(step, Finished)
                    yield step
            ended = True
        finally:
            self.open_chats -= 1
            if not ended:
                self.closed_early.append(request.model)

    # -- inside -------------------------------------------------------------------------------

    async def _enter(self, method: str, subject: str = "") -> None:
        self.calls.append((method, subject))
        if gate := self.gates.get(method):
            await gate.wait()
        if self.down:
            raise unreachable()
        if told := self.failures.get(method):
            raise told

    def _find(self, model: str) -> InstalledModel:
        for known in self.models:
            if known.name in {model, f"{model}:latest"}:
                return known
        raise failure(
            FailureKind.NOT_FOUND,
            happened="Ollama does not have this model",
            subject=model,
            remedy=f"pull it first: llmhub pull {model}",
            status=404,
        )

    def _install(self, model: str) -> None:
        new = self.pulled.get(model) or installed_model(model if ":" in model.rsplit("/", 1)[-1] else f"{model}:latest")
        self.models = [known for known in self.models if known.name != new.name]
        self.models.append(new)

    def _answer(self, request: ChatRequest) -> list[ChatStep]:
        known = next((m for m in self.models if m.name == request.model), None)
        return [
            Served(known.place if known else self.place, request.model),
            TextDelta(f"Hello from {request.model}.", pieces=5),
            Finished(
                "stop",
                Usage(prompt=12, completion=5, source="daemon"),
                Durations(total_ns=400_000_000, load_ns=0, prompt_eval_ns=100_000_000, eval_ns=250_000_000),
            ),
        ]
