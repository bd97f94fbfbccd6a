"""Ollama: models on this machine, on another one, or in Ollama's cloud behind the daemon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Any, TypeVar

from llmhub.backends.ollama_bodies import chat_body, load_body, unload_body
from llmhub.backends.ollama_failures import Failures, is_page
from llmhub.backends.ollama_lists import installed_models, loaded_models, model_details, whole_number
from llmhub.backends.ollama_package import PackageCalls, RefusedError
from llmhub.backends.ollama_replies import ChatReader
from llmhub.backends.ollama_sayings import Doing
from llmhub.core.addresses import host_of
from llmhub.core.chat import Accepted, ChatEvent, ChatRequest, Served, Waiting
from llmhub.core.models import DaemonInfo, InstalledModel, LoadedModel, ModelDetails, PullEvent
from llmhub.core.names import name_key, registry_of, says_cloud
from llmhub.core.places import OLLAMA_CLOUD, Place, is_loopback, place_of
from llmhub.core.plain import one_line
from llmhub.net import (
    SILENCE_S,
    Client,
    LineSplitter,
    NetError,
    OfflineError,
    Opened,
    Reply,
    Silence,
    as_json,
    exchange,
)

_LIST_S = 30.0
"""Longest silence of a call that only lists. Calls that load a model, pull or chat have no limit."""
_UNLOAD_S = 60.0
_BIG_BODY_BYTES = 256 * 1024
"""From this size on JSON is read on a thread: a verbose `show` is megabytes, and would stop the screen."""
_MOST_ERROR_BYTES = 1024 * 1024

_T = TypeVar("_T")


class Ollama:
    """One Ollama daemon, as `llmhub.core.ports.ModelHost`.

    The streams and the lists are read by ourselves: the `ollama` package (0.6.3) splits lines where the daemon does
    not, takes the end of a stream for success, and drops the fields that tell a cloud model from a local one.

    Args:
        client: The program's client.
        url: Scheme, host and port, as `llmhub.core.addresses.ollama_url` makes it.
        name: The configured entry's name.
        silence_s: Seconds without a byte after which a chat sends `Waiting`, again and again.
        poll_s: First pause between two looks whether a model is unloaded; the pauses grow.
    """

    def __init__(
        self,
        client: Client,
        url: str = "http://127.0.0.1:11434",
        *,
        name: str = "ollama",
        silence_s: float = SILENCE_S,
        poll_s: float = 0.05,
    ) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.place: Place = place_of(host_of(url))
        self._client = client
        self._silence_s = silence_s
        self._poll_s = poll_s
        self._failures = Failures(name, self.url)
        self._package = PackageCalls(client, self.url)
        self._relayed: frozenset[str] = frozenset()
        """Models that the daemon lists and that run elsewhere, whatever their name."""

    # -- chat -----------------------------------------------------------------------------------

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Stream one reply; see `llmhub.core.ports.Backend.chat`."""
        self._refuse_to_relay("chat", request.model)
        reader = ChatReader(request, self._failures)
        splitter = LineSplitter()
        opened: Opened | None = None
        refusal: list[bytes] = []
        broken: NetError | None = None
        try:
            async with aclosing(
                exchange(
                    self._client,
                    "POST",
                    f"{self.url}/api/chat",
                    body=chat_body(request),
                    silence_s=self._silence_s,
                )
            ) as happenings:
                async for happening in happenings:
                    if type(happening) is list:
                        if refusal or opened is None or opened.status != 200:
                            refusal += happening
                            if sum(map(len, refusal)) > _MOST_ERROR_BYTES:
                                break
                            continue
                        for chunk in happening if len(happening) == 1 else (b"".join(happening),):
                            for event in reader.feed(splitter.feed(chunk)):
                                yield event
                        if reader.finished is not None:
                            return
                        if reader.failure is not None:
                            raise reader.failure
                    elif isinstance(happening, Silence):
                        yield Waiting(happening.seconds, happening.started)
                    elif isinstance(happening, Opened):
                        opened = happening
                        if opened.status != 200:
                            continue
                        if is_page(_type_of(opened), ""):
                            raise self._failures.page(status=200)
                        yield Accepted()
                        yield Served(OLLAMA_CLOUD if says_cloud(request.model) else self.place)
        except NetError as error:
            broken = error
        if opened is not None and opened.status != 200 and (refusal or broken is None):
            body = b"".join(refusal)
            raise self._failures.refused(opened.status, _type_of(opened), body, doing="chat", model=request.model)
        for event in reader.end(splitter.rest if broken is None else b""):
            yield event
        if reader.failure is not None:
            raise reader.failure
        if reader.finished is not None:
            return
        model, received = request.model, reader.received
        if broken is not None:
            raise self._failures.net(
                broken, doing="chat", model=model, received=received, opened=opened is not None
            ) from broken
        raise self._failures.ended(model, received, repeats=reader.repeats)

    # -- what is there --------------------------------------------------------------------------

    async def info(self) -> DaemonInfo:
        """Who answers at the address; see `llmhub.core.ports.ModelHost`."""
        root, version, status = await asyncio.gather(
            self._get("/"), self._get("/api/version"), self._get("/api/status")
        )
        told = as_json(version.body) if version.status == 200 else None
        number = told.get("version") if isinstance(told, dict) else None
        cloud = as_json(status.body) if status.status == 200 else None
        cloud = cloud.get("cloud") if isinstance(cloud, dict) else None
        disabled = cloud.get("disabled") if isinstance(cloud, dict) else None
        return DaemonInfo(
            version=one_line(number, 40) if isinstance(number, str) else "",
            is_ollama=root.status == 200 and root.text.strip() == "Ollama is running",
            cloud_disabled=disabled if isinstance(disabled, bool) else None,
        )

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Installed models, cloud stubs included."""
        reply = await self._get("/api/tags")
        found = self._known(installed_models(await self._answer(reply, "list"), host_of(self.url)), reply)
        self._relayed = frozenset(name_key(model.name) for model in found if model.place == OLLAMA_CLOUD)
        return found

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Models in memory."""
        reply = await self._get("/api/ps")
        return self._known(loaded_models(await self._answer(reply, "list")), reply)

    async def details(self, model: str, *, verbose: bool = False) -> ModelDetails:
        """What `show` tells.

        Args:
            model: Its name.
            verbose: Also the arrays of `model_info`, which some sizing needs; the daemon then sends megabytes.
        """
        self._refuse_to_relay("show", model)
        body: dict[str, Any] = {"model": model} | ({"verbose": True} if verbose else {})
        reply = await self._on_wire(
            self._client.request("POST", f"{self.url}/api/show", body=body, read_s=_LIST_S), "show", model
        )
        return self._known(model_details(await self._answer(reply, "show", model), model), reply)

    # -- load, unload, delete, copy -------------------------------------------------------------

    async def load(self, model: str, num_ctx: int, keep_alive: str | int | None = None) -> None:
        """Load `model`; returns when it is in memory. Cancelling ends the load."""
        self._refuse_to_relay("load", model)
        await self._chat_once(load_body(model, num_ctx, keep_alive), "load", model, read_s=None)

    async def unload(self, model: str) -> None:
        """Unload `model`; returns when it is gone from the list of loaded ones.

        The daemon says "unload" at once and frees the memory a moment later, or when the last reply has ended.
        """
        await self._chat_once(unload_body(model), "unload", model, read_s=_LIST_S)
        wanted, pause = name_key(model), self._poll_s
        loop = asyncio.get_running_loop()
        until = loop.time() + _UNLOAD_S
        while any(name_key(loaded.name) == wanted for loaded in await self.loaded()):
            if loop.time() > until:
                raise self._failures.still_loaded(model)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    async def delete(self, model: str) -> None:
        """Remove an installed name."""
        await self._through_package(self._package.delete(model), "delete", model)

    async def copy(self, model: str, new_name: str) -> None:
        """Give `model` a second name."""
        await self._through_package(self._package.copy(model, new_name), "copy", model)

    # -- pull -----------------------------------------------------------------------------------

    async def pull(self, model: str, *, insecure: bool = False) -> AsyncGenerator[PullEvent, None]:
        """Pull `model`; see `llmhub.core.ports.ModelHost.pull`.

        The daemon answers 200 before it asks the registry, so the status proves nothing: an error is a line, and only
        the line `success` is success. Closing the generator closes the connection, which is how a pull is paused.

        Args:
            model: Its name, of any registry.
            insecure: Let the daemon use plain HTTP, for a registry on loopback.
        """
        self._refuse_to_relay("pull", model)
        body: dict[str, Any] = {"model": model, "stream": True} | ({"insecure": True} if insecure else {})
        splitter = LineSplitter()
        opened = False
        try:
            async with self._client.stream("POST", f"{self.url}/api/pull", body=body) as streamed:
                opened = True
                kind = streamed.headers.get("content-type", "")
                if streamed.status != 200:
                    refusal = await streamed.read(_MOST_ERROR_BYTES)
                    raise self._failures.refused(streamed.status, kind, refusal, doing="pull", model=model)
                if is_page(kind, ""):
                    raise self._failures.page(status=200)
                async with aclosing(streamed.chunks()) as chunks:
                    async for chunk in chunks:
                        for line in splitter.feed(chunk):
                            if line and (event := self._pull_event(line, model)):
                                yield event
                                if event.status == "success":
                                    return
            rest = splitter.rest.strip()
            # a reply that is not streamed has no line end; anything else there is a line that was cut
            if as_json(rest) is not None and (event := self._pull_event(rest, model)):
                yield event
                if event.status == "success":
                    return
        except NetError as error:
            raise self._failures.net(error, doing="pull", model=model, opened=opened) from error
        raise self._failures.pull_ended(model)

    def _pull_event(self, line: bytes, model: str) -> PullEvent | None:
        said = as_json(line.decode("utf-8", "replace"))
        if not isinstance(said, dict):
            raise self._failures.broken_line(line, model, 0)
        if said.get("error"):
            raise self._failures.said(said["error"], doing="pull", model=model)
        status, digest = said.get("status"), said.get("digest")
        if not isinstance(status, str):
            return None
        return PullEvent(
            status=one_line(status),
            digest=one_line(digest) if isinstance(digest, str) and digest else None,
            # left out while it is zero
            total_bytes=whole_number(said.get("total")) or None,
            completed_bytes=whole_number(said.get("completed")) or 0,
        )

    def _refuse_to_relay(self, doing: Doing, model: str) -> None:
        """Offline the daemon is no way out either: what it would send to a cloud, or fetch, is not asked of it.

        Raises:
            BackendError: of the kind OFFLINE.
        """
        if not self._client.transport.offline:
            return
        if doing == "pull":
            host = registry_of(model)
            away = not is_loopback(host.rpartition(":")[0] or host)
        else:
            host, away = "ollama.com", says_cloud(model) or name_key(model) in self._relayed
        if away:
            raise self._failures.net(OfflineError(host), doing=doing, model=model)

    # -- plumbing -------------------------------------------------------------------------------

    async def _get(self, path: str) -> Reply:
        return await self._on_wire(self._client.request("GET", f"{self.url}{path}", read_s=_LIST_S), "list")

    async def _chat_once(self, body: dict[str, Any], doing: Doing, model: str, *, read_s: float | None) -> None:
        reply = await self._on_wire(
            self._client.request("POST", f"{self.url}/api/chat", body=body, read_s=read_s), doing, model
        )
        answer = await self._answer(reply, doing, model)
        if not isinstance(answer, dict) or answer.get("done") is not True:
            raise self._failures.not_ollama(reply.text, status=reply.status)

    async def _on_wire(self, call: Awaitable[Reply], doing: Doing, model: str = "") -> Reply:
        try:
            return await call
        except NetError as error:
            raise self._failures.net(error, doing=doing, model=model) from error

    async def _through_package(self, call: Awaitable[None], doing: Doing, model: str) -> None:
        try:
            await call
        except RefusedError as error:
            # the package hands over either what stood under `error`, or a body that was not JSON
            is_text = not error.body or error.body.startswith(("404 ", "405 ")) or is_page("", error.body)
            body = error.body.encode() if is_text else json.dumps({"error": error.body}).encode()
            raise self._failures.refused(error.status, "", body, doing=doing, model=model) from error
        except NetError as error:
            raise self._failures.net(error, doing=doing, model=model) from error

    async def _answer(self, reply: Reply, doing: Doing, model: str = "") -> Any:
        """The JSON of a whole reply that says yes."""
        kind = reply.headers.get("content-type", "")
        if reply.status != 200:
            raise self._failures.refused(reply.status, kind, reply.body, doing=doing, model=model)
        big = len(reply.body) > _BIG_BODY_BYTES
        answer = await asyncio.to_thread(as_json, reply.body) if big else as_json(reply.body)
        if answer is None:
            if is_page(kind, reply.text[:200]):
                raise self._failures.page(status=reply.status)
            raise self._failures.not_ollama(reply.text[:200], status=reply.status)
        if isinstance(answer, dict) and answer.get("error"):
            raise self._failures.said(answer["error"], status=reply.status, doing=doing, model=model)
        return answer

    def _known(self, found: _T | None, reply: Reply) -> _T:
        if found is None:
            raise self._failures.not_ollama(reply.text[:200], status=reply.status)
        return found


def _type_of(opened: Opened) -> str:
    return opened.headers.get("content-type", "")
