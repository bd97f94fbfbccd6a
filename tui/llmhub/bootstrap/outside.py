"""The outside and this machine: what llmhub reaches without having kept anything yet.

Rooms are imported where they are needed: the app's first frame waits for none of them, a command only for its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from llmhub.core.errors import BackendError, FailureKind, LLMHubError
from llmhub.core.places import THIS_MACHINE
from llmhub.settings.config import Settings
from llmhub.settings.places import Places

if TYPE_CHECKING:
    from textual.theme import Theme

    from llmhub.core.catalog import Catalog
    from llmhub.core.cloud import CloudListing
    from llmhub.core.config import Config
    from llmhub.core.daemon_start import StartAdvice
    from llmhub.core.machines import Machine
    from llmhub.core.memory import MemoryState
    from llmhub.core.ports import CloudHost, ModelHost, Registry
    from llmhub.core.sizing.disk import ModelsFolder
    from llmhub.core.sizing.speeds import Chip
    from llmhub.net import Client, Switch
    from llmhub.settings.app_memory import AppMemoryFile
    from llmhub.settings.secrets import KeyHolder
    from llmhub.ui.theming import Themes

CATALOG_FOLDER = "catalog"
"""Below the cache folder: manifests, headers and listings that were looked up."""


class Outside:
    """The network, the daemon, the provider, this machine and what ships; each made when it is first asked for.

    Args:
        settings: What the person set, and what was wrong with it.
        places: Folders on this disk.
        environ: Variables for proxies and for the key.
        demo: Whether simulators stand for the outside.
    """

    def __init__(self, settings: Settings, places: Places, environ: Mapping[str, str], *, demo: bool = False) -> None:
        self.settings = settings
        self.places = places
        self.environ = environ
        self.demo = demo
        self._app_memory: AppMemoryFile | None = None

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.settings.config

    async def close_outside(self) -> None:
        """Write what the app remembers, close connections."""
        if self._app_memory is not None:
            await asyncio.to_thread(self._app_memory.close)
        if "client" in self.__dict__:
            await self.client.aclose()

    # -- the outside ----------------------------------------------------------------------------

    @cached_property
    def switch(self) -> Switch:
        """The one offline switch; the transport reads it at every request."""
        from llmhub.net import Switch

        return Switch(self.config.offline)

    @cached_property
    def client(self) -> Client:
        """The one way to the network."""
        from llmhub.net import make_client

        return make_client(self.switch, proxy=self.config.proxy, ca_file=self.config.ca_file, environ=self.environ)

    @cached_property
    def host(self) -> ModelHost:
        """The Ollama daemon."""
        from llmhub.backends.ollama import Ollama

        return Ollama(self.client, self.config.ollama_url)

    @cached_property
    def cloud(self) -> CloudHost:
        """OpenRouter; its key goes to its own origin alone, and is looked for with the first call."""
        from llmhub.backends.openrouter import OpenRouter
        from llmhub.bootstrap.cloud import KeyedCloud
        from llmhub.catalog.cloud_models import CloudModelCache

        cache = CloudModelCache(self.places.cache)
        return KeyedCloud(
            OpenRouter(self.client, self.config.openrouter_url, key=self.keys.value, cache=cache), self.keys
        )

    @cached_property
    def registry(self) -> Registry:
        """Where models are pulled from."""
        from llmhub.catalog.registry import ModelRegistry

        return ModelRegistry(self.client)

    @cached_property
    def catalog(self) -> Catalog:
        """What can be pulled and what is in it."""
        from llmhub.catalog.model_catalog import ModelCatalog

        return ModelCatalog(self.client, self.places.cache / CATALOG_FOLDER)

    # -- this machine ---------------------------------------------------------------------------

    async def app_memory(self) -> AppMemoryFile:
        """What the app remembers between two runs."""
        from llmhub.settings.app_memory import AppMemoryFile

        if self._app_memory is None:
            self._app_memory = await asyncio.to_thread(AppMemoryFile, self.places.state_file)
        return self._app_memory

    async def machine(self) -> Machine:
        """The machine llmhub runs on."""
        from llmhub.machine.identity import this_machine

        memory = await self.app_memory()
        found = await asyncio.to_thread(this_machine, memory.get("machine_id"))
        memory.set("machine_id", found.id)
        return found

    async def chip(self) -> Chip | None:
        """What models run on here; see `llmhub.bootstrap.sizing.chip_here`."""
        from llmhub.bootstrap.sizing import chip_here

        return await chip_here(self)

    async def memory(self) -> MemoryState | None:
        """Memory that models can have.

        `None` when the daemon is on another machine, which nobody here can measure, unless the person told its memory;
        what is loaded there is then taken off.
        """
        if self.host.place != THIS_MACHINE:
            return None if self.config.memory_bytes is None else await self._declared_memory(self.config.memory_bytes)
        from llmhub.machine.memory import memory_state

        return await asyncio.to_thread(memory_state, self.config.memory_bytes)

    async def models_folder(self) -> ModelsFolder | None:
        """Where the daemon keeps its models and what is free there; `None` when that is another machine's disk."""
        if self.host.place != THIS_MACHINE:
            return None
        from llmhub.machine.disk import models_folder_free

        return await asyncio.to_thread(models_folder_free, self.environ)

    async def _declared_memory(self, memory_bytes: int) -> MemoryState:
        from llmhub.core.memory import declared

        try:
            used = sum(model.size_bytes for model in await self.host.loaded())
        except BackendError:
            used = 0  # a daemon that does not answer says so elsewhere
        return declared(memory_bytes, used)

    @cached_property
    def keys(self) -> KeyHolder:
        """The key for OpenRouter; nothing is looked for before it is needed."""
        from llmhub.bootstrap.cloud import DUMMY, key_for
        from llmhub.settings.secrets import KeyHolder

        if self.demo:
            return KeyHolder({}, None, fixed=DUMMY)
        return key_for(self.config.openrouter_url, self.environ)

    async def kept_listing(self) -> CloudListing:
        """The list of cloud models as it is kept on this disk, however old; nobody is asked for it."""
        from llmhub.backends.openrouter_lists import models_of
        from llmhub.catalog.cloud_models import CloudModelCache
        from llmhub.core.cloud import CloudListing

        def read() -> CloudListing:
            kept = CloudModelCache(self.places.cache).load(self.config.openrouter_url)
            models = models_of(kept.pages) if kept else None
            return CloudListing(models, kept.fetched_at, from_cache=True) if kept and models else CloudListing()

        return await asyncio.to_thread(read)

    async def save_key(self, text: str) -> None:
        """Put a key for OpenRouter into the system's keyring.

        Raises:
            ConfigError: it is no key, or there is no keyring; nothing has changed then.
        """
        await self.keys.keep(text)

    @staticmethod
    def keyring() -> tuple[bool, str]:
        """Whether the system's keyring can keep a key, and which one it is. Slow; not on the loop."""
        from llmhub.settings.secrets import keyring_state

        state = keyring_state()
        return state.usable, state.words

    async def start_advice(self) -> StartAdvice:
        """What to do when no daemon answers."""
        from llmhub.core.daemon_start import start_advice
        from llmhub.machine.daemon import daemon_facts

        return start_advice(await asyncio.to_thread(daemon_facts, self.environ), self.config.ollama_url)

    async def remedied(self, error: BackendError) -> BackendError:
        """`error` with a remedy for this machine when no daemon answers: how it is started the way it was installed.

        A registry that the daemon cannot reach is another matter, so the daemon is asked again.
        """
        if error.kind is not FailureKind.UNREACHABLE or error.backend != self.host.name:
            return error
        try:
            await self.host.info()
        except BackendError as again:
            if again.kind is not FailureKind.UNREACHABLE:
                return error
        else:
            return error
        return BackendError(
            error.kind,
            backend=error.backend,
            happened=error.happened,
            subject=error.subject,
            remedy=(await self.start_advice()).words,
            detail=error.detail,
            status=error.status,
        )

    # -- what ships -----------------------------------------------------------------------------

    def first_theme(self) -> Theme:
        """The theme that was set, else the default one. Reads one file: it is on the way to the first frame."""
        from llmhub.core.config import DEFAULT_THEME
        from llmhub.ui.theming import bundled, one

        folders = (bundled(), self.places.themes)
        found = one(self.config.theme, *folders) or one(DEFAULT_THEME, bundled())
        if found is None:
            raise LLMHubError("The themes of llmhub are missing", str(folders[0]), "install llmhub-tui again")
        return found

    def themes(self) -> Themes:
        """The themes that ship with llmhub and the person's own. Reads files."""
        from llmhub.ui.theming import bundled, gather, missing

        found = gather(bundled(), self.places.themes)
        names = [theme.name for theme in found.themes]
        if self.config.theme in names:
            return found
        return replace(found, problems=(*found.problems, missing(self.config.theme, names)))

    @staticmethod
    def missing_parts() -> list[str]:
        """Modules of ours that cannot be loaded, with the reason: a wheel that is not whole. Slow; not on the loop."""
        import pkgutil
        from importlib import import_module

        import llmhub

        broken = []
        for found in pkgutil.walk_packages(llmhub.__path__, "llmhub."):
            if found.name.endswith("__main__"):
                continue
            try:
                import_module(found.name)
            except ImportError as error:
                broken.append(f"{found.name}: {error}")
        return broken
