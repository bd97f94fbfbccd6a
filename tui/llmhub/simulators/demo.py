"""The world of `llmhub demo`: a daemon, a registry and a provider on free loopback ports, in the app's own loop."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_script import DUMMY_KEY, OpenRouterScript
from llmhub.simulators.registry import Registry, RegistrySimulator
from llmhub.simulators.script import OllamaScript

__all__ = ["DUMMY_KEY", "DemoWorld"]


class DemoWorld:
    """Everything the demo talks to; `async with DemoWorld() as world: world.ollama_url`.

    The machine is a 32 GB Mac with nine models, one of them in the cloud; four more can be pulled, one of them too
    large. Speeds are such a machine's. The provider has some 400 models and takes `DUMMY_KEY`; it answers after 0.4 to
    0.7 s with 70 to 300 tokens a second. At rest it costs nothing: no timers, no polling.
    """

    def __init__(self, script: OllamaScript | None = None, openrouter: OpenRouterScript | None = None) -> None:
        registry = Registry()
        self.openrouter = OpenRouterSimulator(openrouter or OpenRouterScript())
        self.ollama = OllamaSimulator(script or OllamaScript(), registry=registry)
        self.registry = RegistrySimulator(registry)

    @property
    def ollama_url(self) -> str:
        """Where the daemon listens."""
        return self.ollama.url

    @property
    def registry_url(self) -> str:
        """Where the registry listens, in place of registry.ollama.ai."""
        return self.registry.url

    @property
    def openrouter_url(self) -> str:
        """Where the provider answers, with `/api/v1`, as the setting wants it."""
        return self.openrouter.url

    async def start(self) -> None:
        """Open the ports."""
        await self.registry.start()
        await self.ollama.start()
        await self.openrouter.start()

    async def stop(self) -> None:
        """Close them, ending what is under way."""
        await self.openrouter.stop()
        await self.ollama.stop()
        await self.registry.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
