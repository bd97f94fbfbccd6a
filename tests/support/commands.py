"""Commands against a simulated daemon in the same loop, with streams that can be read."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from llmhub.bootstrap import World
from llmhub.bootstrap.cloud import KeyedCloud
from llmhub.cli.console import Console
from llmhub.cli.main import run
from llmhub.core.catalog import Catalog
from llmhub.core.models import Manifest
from llmhub.core.ports import CloudHost, ModelHost, Registry
from llmhub.core.sizing.disk import ModelsFolder
from llmhub.core.turns import Turn
from llmhub.settings.config import read_settings
from llmhub.settings.places import Places
from llmhub.settings.secrets import KeyHolder
from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.script import OllamaScript
from support.fake_catalog import FakeCatalog
from support.fake_cloud import FakeCloud
from support.fake_host import FakeHost
from support.fake_ledger import FakeLedger
from support.vaults import FakeVault

FAST = OllamaScript().at_once()


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


class OneRegistry:
    """Implements `core.ports.Registry`: one answer for every name."""

    def __init__(self, answer: Manifest | None) -> None:
        self._answer = answer

    async def manifest(self, model: str) -> Manifest | None:
        return self._answer


class SimWorld(World):
    """A world whose daemon is simulated, with a ledger in memory that outlives it."""

    script = FAST
    answer: Manifest | None = None
    """What the registry says of every model."""
    daemon: OllamaSimulator | None = None
    vault: FakeVault | None = None
    """Stands for the system's keyring: a test must not see the person's."""
    fake_ledger: FakeLedger | None = None
    """`None` opens the real one, in the test's home."""

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

    fake_cloud: FakeCloud | None = None
    """`None` is the real backend: for loopback, or to see that nothing is reached."""

    @cached_property
    def keys(self) -> KeyHolder:
        return KeyHolder(self.environ, self.vault or FakeVault())

    @cached_property
    def cloud(self) -> CloudHost:
        return super().cloud if self.fake_cloud is None else KeyedCloud(self.fake_cloud, self.keys)

    async def ledger(self) -> Any:
        return self.fake_ledger or await super().ledger()

    fake_catalog: FakeCatalog | None = None
    """`None`: one that knows nothing and reaches nobody."""
    folder: ModelsFolder | None = None
    """The disk of the test's machine says nothing."""

    @cached_property
    def catalog(self) -> Catalog:
        return self.fake_catalog or FakeCatalog()

    async def models_folder(self) -> ModelsFolder | None:
        return self.folder

    @cached_property
    def registry(self) -> Registry:
        return OneRegistry(self.answer)

    def booked(self, month: str | None = None) -> Iterator[tuple[str, Turn]]:
        if self.fake_ledger is None:
            yield from super().booked(month)
            return
        for turn in self.fake_ledger.turns:
            day = turn.started_at.date().isoformat()
            if month is None or day.startswith(month):
                yield day, turn


class HostWorld(SimWorld):
    """A world whose daemon is a scripted host in memory, set by `Commands.host`."""

    fake_host: FakeHost

    async def __aenter__(self) -> World:
        return await World.__aenter__(self)

    @cached_property
    def host(self) -> ModelHost:
        return self.fake_host


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
    real_ledger: bool = False
    world: type[SimWorld] = SimWorld
    script: OllamaScript = FAST
    terminal: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    host: FakeHost | None = None
    manifest: Manifest | None = None
    vault: FakeVault = field(default_factory=FakeVault)
    cloud: FakeCloud | None = None
    catalog: FakeCatalog | None = None
    folder: ModelsFolder | None = None

    def __call__(self, *arguments: str) -> Done:
        out, err = Stream(terminal=self.terminal), Stream(terminal=self.terminal)
        code = run(arguments, open_world=self.open, console=Console(out, err, self.environ))
        return Done(code, out.getvalue(), err.getvalue())

    def write_settings(self, text: str) -> None:
        path = Places.below(self.home).config_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def open(self, flags: Mapping[str, object]) -> World:
        places = Places.below(self.home)
        kind = HostWorld if self.host is not None else self.world
        world = kind(read_settings(places.config_file, self.environ, flags), places, self.environ)
        world.script, world.fake_ledger = self.script, None if self.real_ledger else self.ledger
        world.answer, world.vault, world.fake_cloud = self.manifest, self.vault, self.cloud
        world.fake_catalog, world.folder = self.catalog, self.folder
        if isinstance(world, HostWorld) and self.host is not None:
            world.fake_host = self.host
        return world
