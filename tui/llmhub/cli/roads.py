"""What a question from the command line becomes: the backend that is asked, the request, and what is known before."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llmhub.core.asking import think_for
from llmhub.core.booking import NO_LISTING
from llmhub.core.chat import ChatRequest, Message, SamplingParams, Think
from llmhub.core.conversations import LaneSetup
from llmhub.core.costs.estimate import SendEstimate, send_estimate
from llmhub.core.errors import BackendError
from llmhub.core.identity import new_id
from llmhub.core.lane_models import cloud_think
from llmhub.core.model_address import OPENROUTER, ModelAddress
from llmhub.core.models import InstalledModel, ModelDetails, context_to_ask
from llmhub.core.names import name_key, says_cloud
from llmhub.core.places import OLLAMA_CLOUD
from llmhub.core.ports import Backend
from llmhub.core.turns import TurnContext

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.core.cloud import CloudListing


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for on the command line."""

    model: ModelAddress
    prompt: str
    system: str | None = None
    ctx: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    think: bool | None = None
    show_thinking: bool = True

    @property
    def messages(self) -> tuple[Message, ...]:
        """The system prompt, where there is one, and the question."""
        system = (Message.of("system", self.system),) if self.system else ()
        return (*system, Message.of("user", self.prompt))

    @property
    def setup(self) -> LaneSetup:
        """As a lane of the app would hold it."""
        return LaneSetup(self.model.backend, self.model.model, think=self.think)


@dataclass(frozen=True, slots=True)
class Road:
    """A question, ready to be sent."""

    backend: Backend
    request: ChatRequest
    context: TurnContext
    estimate: SendEstimate | None = None
    """What sending it may cost; `None` where nobody bills."""


async def road_for(world: World, question: Question) -> Road:
    """The road to the model that was named."""
    if question.model.backend == OPENROUTER:
        return await _to_the_cloud(world, question)
    return await _to_the_daemon(world, question)


async def _to_the_daemon(world: World, question: Question) -> Road:
    name = question.model.model
    listed, details, resident = await _known(world, name)
    key = name_key(name)
    installed = next((one for one in listed if name_key(one.name) == key), None)
    trained = (installed.context_trained if installed else None) or (details.context_trained if details else None)
    request = _request(
        world,
        question,
        installed.name if installed else name,  # as the app books it: one model, one name
        think_for(question.setup, installed, details),
        num_ctx=context_to_ask(
            wanted=question.ctx,
            preset=details.preset_context if details else None,
            resident=resident,
            trained=trained,
            default=world.config.chat_context,
        ),
    )
    await world.note_prices(request.model, is_cloud=False, listing=await world.kept_listing(), installed=listed)
    context = TurnContext(
        chat_id=None,
        lane=0,
        group_id=new_id(),
        seq=1,
        backend_name=question.model.backend,
        place=installed.place if installed else OLLAMA_CLOUD if says_cloud(name) else world.host.place,
        digest=installed.digest if installed else None,
        quantization=installed.quantization if installed else None,
        machine_id=world.machine_id,
        profile_id=world.profile.profile_id,
        prefix_tokens=0,
    )
    return Road(world.host, request, context)


async def _to_the_cloud(world: World, question: Question) -> Road:
    name = question.model.model
    listing = await _listing(world)
    model = listing.model(name)
    await world.note_prices(name, is_cloud=True, listing=listing)
    most = model.max_completion_tokens if model else None
    asked = question.max_tokens or world.config.chat_max_tokens
    window = (model.context_tokens if model else None) or world.config.chat_context
    request = _request(
        world,
        question,
        name,
        cloud_think(question.setup, model),
        num_ctx=min(question.ctx, window) if question.ctx else window,
        max_tokens=min(asked, most) if most else asked,
    )
    context = TurnContext(
        chat_id=None,
        lane=0,
        group_id=new_id(),
        seq=1,
        backend_name=question.model.backend,
        place=world.cloud.place,
        machine_id=world.machine_id,
        profile_id=world.profile.profile_id,
        prefix_tokens=0,
    )
    estimate = send_estimate(
        name,
        model.pricing if model else None,
        prompt_bytes=request.prompt_bytes,
        max_tokens=request.max_tokens,
        messages=len(request.messages),
        at=datetime.now(UTC),
    )
    return Road(world.cloud, request, context, estimate)


async def _listing(world: World) -> CloudListing:
    """What the provider lists; when it cannot be had the request itself will say why."""
    with contextlib.suppress(BackendError):
        return await world.cloud.models()
    return NO_LISTING


async def _known(world: World, name: str) -> tuple[Sequence[InstalledModel], ModelDetails | None, int | None]:
    """What the daemon tells: its models, this one's details, the context it is loaded with.

    When it tells nothing the request itself will say why, and be booked.
    """
    installed: Sequence[InstalledModel] = ()
    details, resident = None, None
    with contextlib.suppress(BackendError):
        key = name_key(name)
        installed = await world.host.installed()
        details = await world.host.details(name)
        resident = next((one.context_tokens for one in await world.host.loaded() if name_key(one.name) == key), None)
    return installed, details, resident


def _request(
    world: World, question: Question, model: str, think: Think, *, num_ctx: int, max_tokens: int | None = None
) -> ChatRequest:
    return ChatRequest(
        model=model,
        messages=question.messages,
        params=SamplingParams(temperature=question.temperature, seed=question.seed),
        think=think,
        num_ctx=num_ctx,
        max_tokens=max_tokens or question.max_tokens or world.config.chat_max_tokens,
    )
