"""The demo: the same world with loopback addresses, in a temporary home, with nobody's keys."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from llmhub.bootstrap.outside import CATALOG_FOLDER
from llmhub.bootstrap.world import World
from llmhub.core.catalog import Catalog
from llmhub.core.memory import GIB, MemoryState, MemoryTerm, Placement
from llmhub.core.models import Manifest
from llmhub.core.names import ModelName
from llmhub.core.places import THIS_MACHINE
from llmhub.core.ports import Registry
from llmhub.settings.config import read_settings
from llmhub.settings.files import write_whole
from llmhub.settings.places import Places

if TYPE_CHECKING:
    from llmhub.core.sizing.disk import ModelsFolder
    from llmhub.core.sizing.speeds import Chip
    from llmhub.simulators.demo import DemoWorld
    from llmhub.simulators.script import OllamaScript

SETTINGS = """# The demo's machine: an M1 Max with 32 GB, as the sketches of the documentation show it.
[profile]
usd_per_kwh = 0.34
price_usd = 1999
busy_w = 58
idle_w = 6
"""
PASSED_ON = ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "PATH", "HOME", "EDITOR", "VISUAL", "TMPDIR")
"""Variables the demo may see. A key, a proxy or the address of a real daemon is none of them."""


class SimulatedWorld(World):
    """A world whose daemon and registry are simulated, in the app's own loop."""

    script: OllamaScript | None = None
    """How the daemon behaves; its own manners when not given."""
    _simulated: DemoWorld | None = None

    async def __aenter__(self) -> World:
        from llmhub.simulators.demo import DemoWorld

        self._simulated = DemoWorld(self.script)
        await self._simulated.start()
        config = replace(
            self.settings.config,
            ollama_url=self._simulated.ollama_url,
            openrouter_url=self._simulated.openrouter_url,
        )
        self.settings = replace(self.settings, config=config)
        return await super().__aenter__()

    async def close(self) -> tuple[str, ...]:
        """Drain what is kept, then end the simulators; nothing of a demo is worth a farewell."""
        await super().close()
        if self._simulated is not None:
            await self._simulated.stop()
        return ()

    @cached_property
    def registry(self) -> Registry:
        """The simulated registry, whichever one a name says."""
        if self._simulated is None:
            return super().registry
        return _OnLoopback(super().registry, self._simulated.registry_url)

    @cached_property
    def catalog(self) -> Catalog:
        """What the simulated registry has; it stands for Hugging Face as well."""
        if self._simulated is None:
            return super().catalog
        from llmhub.catalog.model_catalog import ModelCatalog

        url = self._simulated.registry_url
        return ModelCatalog(self.client, self.places.cache / CATALOG_FOLDER, registry_url=url, hugging_face_url=url)

    async def memory(self) -> MemoryState | None:
        """What is left of the simulated machine's memory by the models that are loaded."""
        from llmhub.core.errors import BackendError
        from llmhub.simulators.script import MAC_32GB_BYTES

        if self.host.place != THIS_MACHINE:
            return None
        try:
            used = sum(model.size_bytes for model in await self.host.loaded())
        except BackendError:
            used = 0
        terms = (
            MemoryTerm("installed memory", 32 * GIB),
            MemoryTerm("kept by macOS: Metal's own limit on this Mac", MAC_32GB_BYTES - 32 * GIB),
        )
        free = max(0, MAC_32GB_BYTES - used)
        source = "the Metal limit of the demo's 32 GB Mac"
        return MemoryState("unified", MAC_32GB_BYTES, free, source, Placement.UNIFIED, terms=terms)

    async def chip(self) -> Chip | None:
        """The simulated machine's: its speeds are those of an M1 Max."""
        from llmhub.machine.chips import find_chip

        return await asyncio.to_thread(find_chip, "M1 Max", 32 * GIB)

    async def models_folder(self) -> ModelsFolder | None:
        """None of the person's disk is touched, so none is judged."""
        return None


class _OnLoopback:
    """Asks the simulated registry where a name asks a real one."""

    def __init__(self, registry: Registry, url: str) -> None:
        self._registry = registry
        self._host = url.partition("://")[2]

    async def manifest(self, model: str) -> Manifest | None:
        """See `llmhub.core.ports.Registry.manifest`."""
        try:
            name = ModelName.parse(model)
        except ValueError:
            return None
        return None if name.is_cloud else await self._registry.manifest(replace(name, host=self._host).short)


@contextmanager
def demo_world(flags: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Iterator[SimulatedWorld]:
    """A demo in a home that is gone afterwards.

    Args:
        flags: What the command line overrides, by setting.
        environ: Variables; of those only `PASSED_ON` are seen. The process's own when not given.
    """
    given = os.environ if environ is None else environ
    seen = {name: given[name] for name in PASSED_ON if name in given}
    with tempfile.TemporaryDirectory(prefix="llmhub-demo-", ignore_cleanup_errors=True) as home:
        places = Places.below(Path(home))
        write_whole(places.config_file, SETTINGS)
        yield SimulatedWorld(read_settings(places.config_file, seen, flags), places, seen, demo=True)
