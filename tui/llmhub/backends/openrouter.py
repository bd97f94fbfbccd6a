"""OpenRouter: models of many providers behind one address, billed by the token."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from llmhub.backends.openrouter_bodies import STRICT, Privacy, chat_body
from llmhub.backends.openrouter_failures import Failures, is_page
from llmhub.backends.openrouter_json import decoded
from llmhub.backends.openrouter_lists import endpoints_of, generation_of, key_info_of, models_of, next_page
from llmhub.backends.openrouter_replies import OPENROUTER
from llmhub.backends.openrouter_stream import ReplyStream, TryAgainError
from llmhub.core.chat import ChatEvent, ChatRequest
from llmhub.core.cloud import CloudEndpoint, CloudListing, CloudModel, Generation, KeptPages, KeyInfo
from llmhub.core.config import DEFAULT_OPENROUTER_URL
from llmhub.core.errors import BackendError, ConfigError
from llmhub.core.places import Place
from llmhub.core.ports import ListCache
from llmhub.net import SILENCE_S, Authority, Client, NetError, Reply

FRESH = timedelta(hours=1)
"""How old a list of models may be before it is asked for anew; prices change by the day, some by the hour."""
_READ_S = 30.0
_MOST_LIST_BYTES = 32 * 1024 * 1024
_MOST_PAGES = 100
_NAME = re.compile(r"~?[\w.-]+/[\w.:-]+", re.ASCII)

_T = TypeVar("_T")


class OpenRouter:
    """One account at OpenRouter, as `llmhub.core.ports.CloudHost`.

    Args:
        client: The program's client. It is told here that the key goes to the origin of `url`, and nowhere else.
        url: Where its API is; with TLS, but for simulators on loopback.
        key: Asked at each request; must not block. The key itself is put into requests by the transport alone.
        cache: Where the list of models is kept between two runs.
        privacy: What is asked of the providers: by default, that they keep no prompts.
        name: The configured entry's name.
        silence_s: Seconds without a byte after which a chat sends `Waiting`, again and again.
        give_up_s: Seconds without a byte after which a chat is given up. OpenRouter sends comments while it waits, so
            this much silence is a dead connection: a laptop that slept.
        pause_s: Between a timeout or a server's fault and the one time that the request is sent again.
        now: The moment, UTC.

    Raises:
        ConfigError: no key could go to `url` safely.
    """

    def __init__(
        self,
        client: Client,
        url: str = DEFAULT_OPENROUTER_URL,
        *,
        key: Callable[[], str | None],
        cache: ListCache | None = None,
        privacy: Privacy = STRICT,
        name: str = "openrouter",
        silence_s: float = SILENCE_S,
        give_up_s: float = 180.0,
        pause_s: float = 1.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.place: Place = OPENROUTER
        self.privacy = privacy
        self._client = client
        self._key = key
        self._authority = _authority(self.url, key)
        client.transport.authorize(self._authority)
        self._cache = cache
        self._failures = Failures(name, self.url, key)
        self._silence_s = silence_s
        self._give_up_s = give_up_s
        self._pause_s = pause_s
        self._now = now
        self._listing: CloudListing | None = None
        self._listing_one = asyncio.Lock()

    @property
    def has_key(self) -> bool:
        """Whether there is a key that may be sent."""
        return self._authority.key_to_send() is not None

    # -- chat -----------------------------------------------------------------------------------

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Stream one reply; see `llmhub.core.ports.Backend.chat`.

        A timeout and a fault of the server's before the reply began are met by asking once more; after that never,
        because what was begun may be billed.
        """
        self._need_key(request.model)
        body = chat_body(request, self.privacy, await self._known(request))
        for is_first in (True, False):
            stream = ReplyStream(
                self._client,
                f"{self.url}/chat/completions",
                body,
                self._failures,
                silence_s=self._silence_s,
                give_up_s=self._give_up_s,
                may_try_again=is_first,
            )
            try:
                async with aclosing(stream.events()) as events:
                    async for event in events:
                        yield event
            except TryAgainError:
                await asyncio.sleep(self._pause_s)
            else:
                return

    async def _known(self, request: ChatRequest) -> CloudModel | None:
        """The model as it is listed, where the answer changes what is sent; no network."""
        if request.think is not False:
            return None
        listing = self._listing or await self._kept()
        return listing.model(request.model) if listing else None

    # -- models ---------------------------------------------------------------------------------

    async def models(self, *, refresh: bool = False) -> CloudListing:
        """All models; see `llmhub.core.ports.CloudHost.models`. Needs no key."""
        async with self._listing_one:
            found = self._listing or await self._kept()
            if found is not None and not refresh and self._is_fresh(found):
                return found
            try:
                pages = await self._fetch()
            except BackendError as problem:
                if found is None:
                    raise
                return CloudListing(found.models, found.fetched_at, from_cache=True, problem=problem)
            models = await asyncio.to_thread(models_of, pages)
            if models is None:
                raise self._failures.not_openrouter(pages[-1])
            self._listing = CloudListing(models, self._now())
            await self._keep(pages, self._now())
            return self._listing

    def _is_fresh(self, listing: CloudListing) -> bool:
        # a moment to come is a clock that was set back, and says nothing about the age
        return listing.fetched_at is not None and timedelta(0) <= self._now() - listing.fetched_at < FRESH

    async def _fetch(self) -> list[bytes]:
        pages: list[bytes] = []
        url, seen = f"{self.url}/models", set[str]()
        while url not in seen and len(pages) < _MOST_PAGES:
            seen.add(url)
            reply = await self._get(url)
            pages.append(reply.body)
            following = await asyncio.to_thread(next_page, reply.body)
            if following is None:
                return pages
            url = urljoin(url, following)
            if _origin(url) != _origin(self.url):
                break
        # a list that leads elsewhere or in circles is not whole, and must not be taken for it
        raise self._failures.not_openrouter(pages[-1])

    async def _kept(self) -> CloudListing | None:
        """The list of an earlier run."""
        if self._cache is None:
            return None
        cache, url = self._cache, self.url

        def read() -> CloudListing | None:
            kept = cache.load(url)
            models = models_of(kept.pages) if kept else None
            return CloudListing(models, kept.fetched_at, from_cache=True) if kept and models else None

        self._listing = await asyncio.to_thread(read)
        return self._listing

    async def _keep(self, pages: list[bytes], fetched_at: datetime) -> None:
        if self._cache is not None:
            kept = KeptPages(tuple(page.decode("utf-8", "replace") for page in pages), fetched_at)
            await asyncio.to_thread(self._cache.save, self.url, kept)

    async def endpoints(self, model: str) -> tuple[CloudEndpoint, ...]:
        """Who serves `model`, at which price. Without a key there are no measured speeds."""
        if not _NAME.fullmatch(model) or {".", ".."} & set(model.split("/")):
            raise self._failures.no_such_name(model)
        reply = await self._get(f"{self.url}/models/{quote(model, safe='/:~')}/endpoints", model)
        return self._known_as(endpoints_of(decoded(reply.body)), reply)

    # -- the account ----------------------------------------------------------------------------

    async def key_info(self) -> KeyInfo:
        """What the key may still spend: the one balance that an ordinary key may read."""
        self._need_key()
        reply = await self._get(f"{self.url}/key")
        return self._known_as(key_info_of(decoded(reply.body)), reply)

    async def generation(self, generation_id: str) -> Generation | None:
        """What became of a request; `None` while OpenRouter does not know it yet."""
        self._need_key()
        reply = await self._get(f"{self.url}/generation?id={quote(generation_id, safe='')}", missing_is_news=True)
        if reply.status == 404:
            return None
        return self._known_as(generation_of(decoded(reply.body), generation_id), reply)

    # -- plumbing -------------------------------------------------------------------------------

    def _need_key(self, model: str = "") -> None:
        """Refuse before a byte leaves.

        Raises:
            BackendError: of the kind KEY.
        """
        if self._authority.key_to_send() is None:
            raise self._failures.no_key(model, is_set=bool((self._key() or "").strip()))

    async def _get(self, url: str, model: str = "", *, missing_is_news: bool = False) -> Reply:
        """The answer that says yes, or, where that is news, that there is nothing of the kind."""
        reply = await self._request(url, model)
        saying = None if reply.status == 200 else self._failures.saying(reply.status, reply.headers, reply.body)
        if saying is not None and saying.may_be_tried_again:
            await asyncio.sleep(self._pause_s)
            reply = await self._request(url, model)
            saying = None if reply.status == 200 else self._failures.saying(reply.status, reply.headers, reply.body)
        if reply.status == 200 or (missing_is_news and reply.status == 404 and saying is not None):
            return reply
        raise self._failures.refused(reply.status, reply.headers, reply.body, model=model)

    async def _request(self, url: str, model: str) -> Reply:
        try:
            return await self._client.request("GET", url, read_s=_READ_S, most=_MOST_LIST_BYTES)
        except NetError as error:
            failure = self._failures.net(error, model=model)
        # outside of the handler: the chain, with its frames and their values, could carry the key
        raise failure

    def _known_as(self, found: _T | None, reply: Reply) -> _T:
        if found is not None:
            return found
        answer: Any = decoded(reply.body)
        if isinstance(answer, dict) and answer.get("error"):
            raise self._failures.refused(reply.status, reply.headers, reply.body)
        if is_page(reply.headers.get("content-type", ""), reply.text[:200]):
            raise self._failures.page(status=reply.status)
        raise self._failures.not_openrouter(reply.body, status=reply.status)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _authority(url: str, key: Callable[[], str | None]) -> Authority:
    try:
        return Authority(_origin(url), key)
    except ValueError:
        raise ConfigError(
            "The key for OpenRouter cannot go to this address", f"[openrouter] url = {url}", "name an https:// address"
        ) from None
