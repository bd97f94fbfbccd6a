"""A hub over fakes, and a listener that remembers."""

from __future__ import annotations

from typing import Any

from llmhub.core.chat import ChatEvent
from llmhub.core.errors import ConfigError, LLMHubError
from llmhub.core.hub import Hub, Services
from llmhub.core.memory import MemoryState
from llmhub.core.models import Manifest
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.session import LaneRun
from support.fake_host import FakeHost
from support.fake_ledger import FakeChats, FakeLedger

GIB = 1024**3


class FakeRegistry:
    """Knows the manifests that a test gives it."""

    def __init__(self) -> None:
        self.manifests: dict[str, Manifest] = {}

    async def manifest(self, model: str) -> Manifest | None:
        return self.manifests.get(model)


class FakeAppMemory:
    """Remembers in memory."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value


def services(host: FakeHost, **changes: Any) -> Services:
    """Services over fakes; keywords replace single ones."""

    async def memory() -> MemoryState | None:
        return MemoryState("GPU", 25 * GIB, 19 * GIB, "a test")

    async def save_profile(values: dict[str, str]) -> Profile:
        if not values:
            raise ConfigError("Nothing was set", "the profile", "give a value")
        return Profile()

    parts: dict[str, Any] = {
        "host": host,
        "registry": FakeRegistry(),
        "ledger": FakeLedger(),
        "chats": FakeChats(),
        "memory": memory,
        "app_memory": FakeAppMemory(),
        "profiles": ProfileBook(),
        "save_profile": save_profile,
        "default_context": 8192,
        "default_max_tokens": 4096,
    }
    return Services(**(parts | changes))


def hub_of(host: FakeHost, **changes: Any) -> Hub:
    """A hub over fakes; it does not watch until it is started."""
    return Hub(services(host, **changes))


class Watcher:
    """A session's listener that keeps what it heard, as short words."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.events: list[ChatEvent] = []

    def run_began(self, run: LaneRun) -> None:
        self.heard.append(f"began {run.lane}")

    def run_event(self, run: LaneRun, event: ChatEvent) -> None:
        self.events.append(event)
        self.heard.append(f"{type(event).__name__} {run.lane}")

    def run_ended(self, run: LaneRun) -> None:
        self.heard.append(f"ended {run.lane}")

    def refused(self, error: LLMHubError, text: str) -> None:
        self.heard.append(f"refused {text}: {error}")

    def chat_changed(self) -> None:
        self.heard.append("changed")
