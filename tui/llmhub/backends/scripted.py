"""A model host that plays what it is given: for tests of everything above a backend, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from llmhub.core.chat import (
    Accepted,
    ChatEvent,
    ChatRequest,
    Durations,
    Finished,
    Served,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.models import DaemonInfo, InstalledModel, LoadedModel, ModelDetails, PullEvent
from llmhub.core.names import name_key
from llmhub.core.places import THIS_MACHINE, Place


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this long before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Wait until the test sets `event`: a pause of no fixed length."""

    event: asyncio.Event


ChatStep = ChatEvent | Pause | Gate | BackendError
PullStep = PullEvent | Pause | Gate | BackendError
Script = Iterable[ChatStep]


def reply(
    text: str, *, thinking: str = "", prompt: int = 10, place: Place = THIS_MACHINE, delay_s: float = 0.0
) -> tuple[ChatStep, ...]:
    """The steps of an ordinary reply: a delta for each word of `thinking` and `text`, then its proper end.

    Counts are true for words, durations are a millisecond a word.
    """
    thoughts, words = thinking.split(" ") if thinking else [], text.split(" ") if text else []
    steps: list[ChatStep] = [Accepted(), Served(place)]
    for kind, parts in ((ThinkingDelta, thoughts), (TextDelta, words)):
        for number, part in enumerate(parts):
            if delay_s:
                steps.append(Pause(delay_s))
            steps.append(kind(part if number == 0 else f" {part}"))
    count = len(thoughts) + len(words)
    spans = Durations(total_ns=(count + 2) * 10**6, load_ns=10**6, prompt_eval_ns=10**6, eval_ns=count * 10**6)
    return (*steps, Finished("stop", Usage(prompt=prompt, completion=count, source="daemon"), spans))


class Scripted:
    """A `ModelHost` without a daemon.

    Args:
        script: What each `chat` plays: the steps themselves, or what makes them from the request.
        pulls: What `pull` plays for a model's name; a name that is not there is not found.

    Attributes:
        requests: Every `ChatRequest`, in order.
        pulled: Every model that was pulled, and whether plain HTTP was allowed.
        closed: How many chats were closed before their end.
    """

    def __init__(
        self,
        script: Sequence[ChatStep] | Callable[[ChatRequest], Script] = (),
        *,
        name: str = "ollama",
        url: str = "http://127.0.0.1:11434",
        place: Place = THIS_MACHINE,
        installed: Iterable[InstalledModel] = (),
        details: Iterable[ModelDetails] = (),
        pulls: dict[str, Sequence[PullStep]] | None = None,
        info: DaemonInfo | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self.place = place
        self.requests: list[ChatRequest] = []
        self.pulled: list[tuple[str, bool]] = []
        self.closed = 0
        self._script = script
        self._installed = list(installed)
        self._details = {name_key(found.name): found for found in details}
        self._pulls = {name_key(model): steps for model, steps in (pulls or {}).items()}
        self._info = info or DaemonInfo("0.32.15", is_ollama=True, cloud_disabled=False)
        self._loaded: dict[str, LoadedModel] = {}

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Play the script; see `llmhub.core.ports.Backend.chat`."""
        self.requests.append(request)
        steps = self._script(request) if callable(self._script) else self._script
        at_end = False
        try:
            for step in steps:
                if isinstance(step, Pause | Gate | BackendError):
                    await _hold(step)
                else:
                    yield step
            at_end = True
        except BackendError:
            at_end = True
            raise
        finally:
            self.closed += not at_end

    async def info(self) -> DaemonInfo:
        """What the test said."""
        return self._info

    async def installed(self) -> tuple[InstalledModel, ...]:
        """What was given and not deleted."""
        return tuple(self._installed)

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """What was loaded and not unloaded."""
        return tuple(self._loaded.values())

    async def details(self, model: str) -> ModelDetails:
        """What was given; for an installed model without details, what its list entry says."""
        found = self._find(model)
        return self._details.get(name_key(model)) or ModelDetails(
            found.name,
            parameter_size=found.parameter_size,
            quantization=found.quantization,
            family=found.family,
            context_trained=found.context_trained,
            capabilities=found.capabilities,
            remote_model=found.remote_model,
            remote_host=found.remote_host,
        )

    async def load(self, model: str, num_ctx: int, keep_alive: str | int | None = None) -> None:
        """List it as loaded, wholly on the GPU."""
        found = self._find(model)
        size = found.size_bytes or 0
        self._loaded[name_key(model)] = LoadedModel(
            found.name, size, size, digest=found.digest, never_expires=keep_alive == -1, context_tokens=num_ctx
        )

    async def unload(self, model: str) -> None:
        """Take it from the list of loaded ones."""
        self._find(model)
        self._loaded.pop(name_key(model), None)

    async def delete(self, model: str) -> None:
        """Take it from the list of installed ones."""
        self._installed.remove(self._find(model))

    async def copy(self, model: str, new_name: str) -> None:
        """List it a second time."""
        self._installed.append(replace(self._find(model), name=new_name))

    async def pull(self, model: str, *, insecure: bool = False) -> AsyncGenerator[PullEvent, None]:
        """Play the pull's script; see `llmhub.core.ports.ModelHost.pull`."""
        self.pulled.append((model, insecure))
        steps = self._pulls.get(name_key(model))
        if steps is None:
            raise self._missing(model)
        for step in steps:
            if isinstance(step, Pause | Gate | BackendError):
                await _hold(step)
            else:
                yield step

    def _find(self, model: str) -> InstalledModel:
        wanted = name_key(model)
        for found in self._installed:
            if name_key(found.name) == wanted:
                return found
        raise self._missing(model)

    def _missing(self, model: str) -> BackendError:
        return BackendError(
            FailureKind.NOT_FOUND,
            backend=self.name,
            happened="The model is not installed",
            subject=model,
            remedy=f"pull it first: llmhub pull {model}",
            status=404,
        )


async def _hold(step: Pause | Gate | BackendError) -> None:
    match step:
        case Pause():
            await asyncio.sleep(step.seconds)
        case Gate():
            await step.event.wait()
        case BackendError():
            raise step
