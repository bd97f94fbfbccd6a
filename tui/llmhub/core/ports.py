"""What the rest of llmhub asks of the outside world."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from llmhub.core.booked import Booked, LateBill
from llmhub.core.chat import ChatEvent, ChatRequest, Usage
from llmhub.core.cloud import CloudEndpoint, CloudListing, Generation, KeptPages, KeyInfo
from llmhub.core.conversations import Chat, ChatSummary
from llmhub.core.models import DaemonInfo, InstalledModel, LoadedModel, Manifest, ModelDetails, PullEvent
from llmhub.core.places import Place
from llmhub.core.totals import Totals
from llmhub.core.turns import BilledFacts, Intent, Turn


class Backend(Protocol):
    """Somewhere a model runs."""

    @property
    def name(self) -> str:
        """The configured entry's name: `ollama`, `openrouter`."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Stream one reply: deltas in order, then exactly one `Finished`.

        Closing the generator closes the connection, and with it the generation.

        Raises:
            BackendError: nothing else; a vendor's own exceptions stay inside.
        """


class ModelHost(Backend, Protocol):
    """A daemon that also keeps models. Every method raises `BackendError` and nothing else."""

    @property
    def url(self) -> str:
        """Its address, for messages."""

    @property
    def place(self) -> Place:
        """Where its own models run, from its address."""

    async def info(self) -> DaemonInfo:
        """Who answers at the address."""

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Installed models, cloud stubs included."""

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Models in memory."""

    async def details(self, model: str) -> ModelDetails:
        """What `show` tells."""

    async def load(self, model: str, num_ctx: int, keep_alive: str | int | None = None) -> None:
        """Load `model`; returns when it is in memory."""

    async def unload(self, model: str) -> None:
        """Unload `model`; returns when it is gone from the list of loaded ones."""

    async def delete(self, model: str) -> None:
        """Remove an installed name."""

    def pull(self, model: str, *, insecure: bool = False) -> AsyncGenerator[PullEvent, None]:
        """Pull `model`; the last event's status is `success`. Closing the generator pauses the pull.

        Raises:
            BackendError: also for an error line in the stream, and for a stream that ends without `success`.
        """


class CloudHost(Backend, Protocol):
    """A provider of models that bills by the token. Every method raises `BackendError` and nothing else."""

    @property
    def url(self) -> str:
        """Its address, for messages."""

    @property
    def place(self) -> Place:
        """Where its models run, before it is known which provider served."""

    @property
    def has_key(self) -> bool:
        """Whether there is a key to ask with; looking for one touches no network."""

    async def models(self, *, refresh: bool = False) -> CloudListing:
        """All models, from the cache while it is fresh or nothing else can be had; its age is in it."""

    async def endpoints(self, model: str) -> tuple[CloudEndpoint, ...]:
        """Who serves `model`, at which price."""

    async def key_info(self) -> KeyInfo:
        """What the key may still spend."""

    async def generation(self, generation_id: str) -> Generation | None:
        """What became of a request; `None` while the provider does not know it yet."""


class ListCache(Protocol):
    """Where a list of models is kept between two runs. Both methods read or write a file; neither raises."""

    def load(self, source: str) -> KeptPages | None:
        """What was kept of the list at address `source`; `None` when there is nothing sound."""

    def save(self, source: str, kept: KeptPages) -> None:
        """Keep a list in place of the one before."""


class OfflineSwitch(Protocol):
    """The one switch in the transport; while it is on, nothing but loopback is reached."""

    offline: bool


class Registry(Protocol):
    """Where models are pulled from."""

    async def manifest(self, model: str) -> Manifest | None:
        """What a pull of `model` will bring; `None` when that cannot be known (offline, private, another protocol)."""


class Ledger(Protocol):
    """Where turns are booked. No method raises for want of disk: what cannot be written is kept and tried again."""

    def begin(self, intent: Intent) -> Awaitable[None]:
        """Note that a turn is being sent. Queued at once; await to know it is on disk."""

    def accepted(self, turn_id: str, generation_id: str) -> Awaitable[None]:
        """Note the generation id of a turn that has begun. Queued at once."""

    def record(self, turn: Turn) -> Awaitable[bool]:
        """Book a turn and settle its intent. Queued at once; the result says whether it is durable yet."""

    @property
    def totals(self) -> Totals:
        """Sums over everything known, in memory."""

    def page(
        self, limit: int, *, skip: int = 0, month: str | None = None, keep: Callable[[Booked], bool] | None = None
    ) -> Awaitable[list[Booked]]:
        """Turns for a table, the last booked first; read in a thread.

        `month` is `2026-11`; `keep` chooses, and is called in that thread. What it raises ends the reading. Raises
        `StorageError` when awaited.
        """

    def booked(self, month: str | None = None) -> Iterator[Booked]:
        """Every turn of a month, or of all, the last booked first. Reads files and raises `StorageError`.

        Ask on any thread, go through it in one that may block.
        """

    def correct(self, booked: Booked, billed: BilledFacts, tokens: Usage | None = None) -> Awaitable[bool]:
        """Book a bill that came late, and the counts that were billed; telling it again changes nothing.

        Returns whether the turn stands so on disk; if not, nothing is kept and it may be told again.
        """

    async def pending_bills(self) -> list[Booked]:
        """Turns whose bills have not come, those of dead processes included. Raises `StorageError`."""

    async def late_bills(self) -> dict[str, LateBill]:
        """What is known now of each turn whose bill came late, by turn. Raises `StorageError`."""


class ChatStore(Protocol):
    """Conversations on disk. Every method returns quickly: reading and writing happen on a thread.

    Raises `StorageError` only from reading; what cannot be written is kept and tried again, and `unsaved` counts it.
    """

    async def list(self) -> Sequence[ChatSummary]:
        """All chats, the last used first."""

    async def open(self, chat_id: str) -> Chat:
        """One chat, whole."""

    def save(self, chat_id: str, entries: Sequence[dict[str, object]]) -> Awaitable[bool]:
        """Append entries to a chat's file (made on the first one). Queued at once, in order."""

    async def delete(self, chat_id: str) -> None:
        """Remove a chat."""

    @property
    def unsaved(self) -> int:
        """Entries that could not be written yet."""
