"""What a lane's model is and what is sent to it: the daemon's models and a provider's, behind one door."""

from __future__ import annotations

from llmhub.core.asking import think_for
from llmhub.core.chat import ChatRequest, Message, SamplingParams, Think
from llmhub.core.cloud import CloudModel
from llmhub.core.conversations import LaneSetup
from llmhub.core.errors import BackendError
from llmhub.core.hub import Hub
from llmhub.core.models import InstalledModel, ModelDetails, context_to_ask
from llmhub.core.places import Place


class LaneModels:
    """Knows both sides; remembers what the daemon told of a model."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._details: dict[str, ModelDetails] = {}

    def place(self, setup: LaneSetup) -> Place:
        """Where the lane's model runs, as far as is known before it answers."""
        if self._hub.is_cloud(setup.backend):
            cloud = self._hub.services.cloud
            return cloud.place if cloud is not None else self._hub.services.host.place
        installed = self.installed(setup)
        return installed.place if installed else self._hub.services.host.place

    def installed(self, setup: LaneSetup) -> InstalledModel | None:
        """The daemon's model; `None` for a provider's and for one that is not there."""
        return None if self._hub.is_cloud(setup.backend) else self._hub.state.model(setup.model)

    def cloud(self, setup: LaneSetup) -> CloudModel | None:
        """The provider's model, where the list has it."""
        return self._hub.cloud_state.model(setup.model) if self._hub.is_cloud(setup.backend) else None

    def context(self, setup: LaneSetup) -> int:
        """The context that is asked for (local), or that the provider's model has; tokens."""
        if self._hub.is_cloud(setup.backend):
            model = self.cloud(setup)
            return (model.context_tokens if model else None) or self._hub.services.default_context
        installed = self.installed(setup)
        details = self._details.get(self._key(setup.model, installed))
        resident = self._hub.state.resident(setup.model)
        trained = installed.context_trained if installed else None
        return context_to_ask(
            wanted=setup.num_ctx,
            preset=details.preset_context if details else None,
            resident=resident.context_tokens if resident else None,
            trained=trained or (details.context_trained if details else None),
            default=self._hub.services.default_context,
        )

    def context_in_force(self, setup: LaneSetup) -> int:
        """What the daemon really allocated, else what would be asked for; tokens."""
        resident = None if self._hub.is_cloud(setup.backend) else self._hub.state.resident(setup.model)
        if resident is not None and resident.context_tokens:
            return resident.context_tokens
        return self.context(setup)

    def max_tokens(self, setup: LaneSetup) -> int:
        """The most tokens of a reply; never more than the provider's model can give."""
        asked = setup.max_tokens or self._hub.services.default_max_tokens
        model = self.cloud(setup)
        most = model.max_completion_tokens if model else None
        return min(asked, most) if most else asked

    async def request(self, setup: LaneSetup, messages: tuple[Message, ...]) -> ChatRequest:
        """The request, whole."""
        think: Think
        if self._hub.is_cloud(setup.backend):
            think = cloud_think(setup, self.cloud(setup))
        else:
            installed = self.installed(setup)
            think = think_for(setup, installed, await self._details_of(setup.model, installed))
        return ChatRequest(
            model=setup.model,
            messages=messages,
            params=SamplingParams(temperature=setup.temperature),
            think=think,
            num_ctx=self.context(setup),
            max_tokens=self.max_tokens(setup),
        )

    async def _details_of(self, model: str, installed: InstalledModel | None) -> ModelDetails | None:
        key = self._key(model, installed)
        if key not in self._details:
            try:
                self._details[key] = await self._hub.services.host.details(model)
            except BackendError:
                return None  # the request itself will say what is wrong, and be booked
        return self._details[key]

    @staticmethod
    def _key(model: str, installed: InstalledModel | None) -> str:
        return f"{model} {installed.digest if installed else ''}"


def cloud_think(setup: LaneSetup, model: CloudModel | None) -> Think:
    """What is asked of a provider's model: nothing for those without reasoning, else explicit as for local ones."""
    reasons = model is not None and (model.reasoning is not None or "reasoning" in model.supported_parameters)
    if not reasons:
        return None
    if isinstance(setup.think, bool) or setup.think in {"low", "medium", "high", "max"}:
        return setup.think  # type: ignore[return-value]
    return True
