"""The world of `llmhub demo`: a daemon and a registry on free loopback ports, in the app's own event loop."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.registry import Registry, RegistrySimulator
from llmhub.simulators.script import OllamaScript

DUMMY_KEY = "sk-or-v1-demo-key-that-opens-nothing"
"""A key for the simulators alone; it is worth nothing anywhere else."""


class DemoWorld:
    """Everything the demo talks to; `async with DemoWorld() as world: world.ollama_url`.

    The machine is a 32 GB Mac with nine models, one of them in the cloud; four more can be pulled, one of them too
    large. Speeds are such a machine's. At rest it costs nothing: no timers, no polling.
    """

    def __init__(self, script: OllamaScript | None = None) -> None:
        registry = Registry()
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

    async def start(self) -> None:
        """Open both ports."""
        await self.registry.start()
        await self.ollama.start()

    async def stop(self) -> None:
        """Close both, ending what is under way."""
        await self.ollama.stop()
        await self.registry.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
