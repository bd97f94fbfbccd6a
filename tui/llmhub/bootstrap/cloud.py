"""OpenRouter with its key: looked for before it is needed, and kept out of every message."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from llmhub.core.cloud import SIMULATED_KEY
from llmhub.core.errors import BackendError
from llmhub.core.places import is_loopback
from llmhub.settings.secrets import KeyHolder, Secret, SystemKeyring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmhub.core.chat import ChatEvent, ChatRequest
    from llmhub.core.cloud import CloudEndpoint, CloudListing, Generation, KeyInfo
    from llmhub.core.places import Place
    from llmhub.core.ports import CloudHost

T = TypeVar("T")
DUMMY = Secret(SIMULATED_KEY, "the simulators")
"""The only key that ever goes over plain HTTP, and only to loopback."""


def origin_of(url: str) -> str:
    """The origin of an address: the one place where its key may go."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def key_for(url: str, environ: Mapping[str, str]) -> KeyHolder:
    """Where the key for OpenRouter at `url` comes from: a simulator on loopback gets a dummy, and nobody's own."""
    parts = urlsplit(url)
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return KeyHolder({}, None, fixed=DUMMY)
    return KeyHolder(environ, SystemKeyring())


class KeyedCloud:
    """Implements `core.ports.CloudHost` over one that takes its key from `keys`.

    The keyring is asked with the first call, never before: whoever uses no cloud model is never asked to unlock one.
    """

    def __init__(self, inner: CloudHost, keys: KeyHolder) -> None:
        self._inner = inner
        self._keys = keys

    @property
    def name(self) -> str:
        """See `Backend.name`."""
        return self._inner.name

    @property
    def url(self) -> str:
        """See `CloudHost.url`."""
        return self._inner.url

    @property
    def place(self) -> Place:
        """See `CloudHost.place`."""
        return self._inner.place

    @property
    def has_key(self) -> bool:
        """Whether a key is known by now."""
        return self._keys.secret is not None

    async def models(self, *, refresh: bool = False) -> CloudListing:
        """See `CloudHost.models`."""
        return await self._with_key(lambda: self._inner.models(refresh=refresh))

    async def endpoints(self, model: str) -> tuple[CloudEndpoint, ...]:
        """See `CloudHost.endpoints`."""
        return await self._with_key(lambda: self._inner.endpoints(model))

    async def key_info(self) -> KeyInfo:
        """See `CloudHost.key_info`."""
        return await self._with_key(self._inner.key_info)

    async def generation(self, generation_id: str) -> Generation | None:
        """See `CloudHost.generation`."""
        return await self._with_key(lambda: self._inner.generation(generation_id))

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See `Backend.chat`."""
        await self._keys.find()
        with self._unsaid():
            async with aclosing(self._inner.chat(request)) as events:
                async for event in events:
                    yield event

    async def _with_key(self, call: Callable[[], Awaitable[T]]) -> T:
        await self._keys.find()
        with self._unsaid():
            return await call()

    @contextmanager
    def _unsaid(self) -> Iterator[None]:
        """An error that repeats the key, as some servers do with a wrong one, is told without it."""
        try:
            yield
        except BackendError as error:
            clean = without_key(error, self._keys.value())
            if clean is not error:
                raise clean from None
            raise


def without_key(error: BackendError, key: str | None) -> BackendError:
    """`error`, or one like it whose words do not hold `key`."""
    words = (error.happened, error.subject, error.remedy, error.detail)
    if not key or not any(key in text for text in words):
        return error
    happened, subject, remedy, detail = (text.replace(key, "(the key)") for text in words)
    return BackendError(
        error.kind,
        backend=error.backend,
        happened=happened,
        subject=subject,
        remedy=remedy,
        detail=detail,
        status=error.status,
        prompt_tokens=error.prompt_tokens,
        context_tokens=error.context_tokens,
    )
