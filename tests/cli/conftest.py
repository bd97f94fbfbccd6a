"""Commands against a simulated daemon in the same loop, with streams that can be read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from llmhub.bootstrap import World
from llmhub.cli.console import Console
from llmhub.cli.main import run
from llmhub.core.ports import Registry
from llmhub.core.turns import Turn
from llmhub.settings.config import read_settings
from llmhub.settings.places import Places
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from support.fake_ledger import FakeLedger

FAST = OllamaScript(tokens_per_s=float("inf"), prefill_per_s=float("inf"), load_s=0.0)


class Stream(io.StringIO):
    """A stream that remembers, and says what it is."""

    def __init__(self, *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal = terminal
        self._said = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._said

    def isatty(self) -> bool:
        return self._terminal


class NoRegistry:
    """Implements `core.ports.Registry`: it knows nothing."""

    async def manifest(self, model: str) -> None:
        return None


class SimWorld(World):
    """A world whose daemon is simulated, with a ledger in memory that outlives it."""

    script = FAST
    daemon: OllamaSimulator | None = None
    fake_ledger: FakeLedger

    async def __aenter__(self) -> World:
        self.daemon = OllamaSimulator(self.script)
        await self.daemon.start()
        config = replace(self.settings.config, ollama_url=self.daemon.url)
        self.settings = replace(self.settings, config=config)
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if self.daemon is not None:
            await self.daemon.stop()

    async def ledger(self) -> Any:
        return self.fake_ledger

    @cached_property
    def registry(self) -> Registry:
        return NoRegistry()

    def booked(self, month: str | None = None) -> Iterator[tuple[str, Turn]]:
        for turn in self.fake_ledger.turns:
            day = turn.started_at.date().isoformat()
            if month is None or day.startswith(month):
                yield day, turn


class DeadWorld(SimWorld):
    """A world without a daemon."""

    async def __aenter__(self) -> World:
        config = replace(self.settings.config, ollama_url="http://127.0.0.1:9")
        self.settings = replace(self.settings, config=config)
        return await World.__aenter__(self)


@dataclass
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Commands:
    """Runs commands; the ledger is the same for all of a test."""

    home: Path
    ledger: FakeLedger = field(default_factory=FakeLedger)
    world: type[SimWorld] = SimWorld
    script: OllamaScript = FAST
    terminal: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    on_world: Callable[[SimWorld], None] | None = None

    def __call__(self, *arguments: str) -> Done:
        out, err = Stream(terminal=self.terminal), Stream(terminal=self.terminal)
        code = run(arguments, open_world=self._open, console=Console(out, err, self.environ))
        return Done(code, out.getvalue(), err.getvalue())

    def write_settings(self, text: str) -> None:
        path = Places.below(self.home).config_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _open(self, flags: Mapping[str, object]) -> World:
        places = Places.below(self.home)
        world = self.world(read_settings(places.config_file, self.environ, flags), places, self.environ)
        world.script, world.fake_ledger = self.script, self.ledger
        if self.on_world is not None:
            self.on_world(world)
        return world


@pytest.fixture
def llmhub(own_home: Path) -> Commands:
    return Commands(own_home)
