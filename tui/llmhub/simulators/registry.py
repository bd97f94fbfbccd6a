"""A registry on loopback: manifests, config blobs, and weights that can be read in ranges; the Hub's lists too.

A blob is answered by 307 to another host name, as registry.ollama.ai does it; a real daemon follows a redirect to the
same host itself and then fails (ollama-api.md, section 16, 13). With `add` it also serves real files to a real daemon.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from llmhub.simulators import names
from llmhub.simulators.catalogue import EVERYTHING, SimModel
from llmhub.simulators.exchange import Exchange, Record
from llmhub.simulators.gguf_header import header
from llmhub.simulators.http import HttpServer
from llmhub.simulators.hub import Hub, HubFile, hub_file

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_IMAGE = "application/vnd.ollama.image."
_ROUTE = re.compile(r"^/v2/(?P<name>.+)/(?P<what>manifests|blobs)/(?P<which>[^/]+)$")
_RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")
_CHUNK = 256 * 1024


class Blob:
    """The bytes of one layer."""

    def __init__(self, media_type: str, content: bytes | Path | SimModel, *, size_bytes: int | None = None) -> None:
        self.media_type = media_type
        self._content = content
        self._size_bytes = size_bytes

    @cached_property
    def size_bytes(self) -> int:
        """Its length."""
        if self._size_bytes is not None:
            return self._size_bytes
        return self._content.stat().st_size if isinstance(self._content, Path) else len(self._whole)

    @cached_property
    def digest(self) -> str:
        """`sha256:` and 64 hex; made up, from the name, for weights that do not exist."""
        if isinstance(self._content, SimModel):
            return "sha256:" + hashlib.sha256(f"weights of {self._content.name}".encode()).hexdigest()
        if isinstance(self._content, Path):
            with self._content.open("rb") as file:
                return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        return "sha256:" + hashlib.sha256(self._content).hexdigest()

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, in pieces; what is not known of weights is zeros."""
        if isinstance(self._content, Path):
            with self._content.open("rb") as file:
                file.seek(start)
                while start < end and (piece := file.read(min(_CHUNK, end - start))):
                    start += len(piece)
                    yield piece
            return
        while start < end:
            stop = min(end, start + _CHUNK)
            known = self._whole[start:stop]
            yield known + bytes(stop - start - len(known))
            start = stop

    @cached_property
    def _whole(self) -> bytes:
        return header(self._content) if isinstance(self._content, SimModel) else bytes(self._content)


@dataclass(frozen=True, slots=True)
class Package:
    """One name of the registry."""

    manifest: bytes
    digest: str
    """SHA-256 of the manifest, 64 hex: the `digest` that the daemon lists."""
    layers: tuple[Blob, ...]
    """In the order of a pull: the layers of the manifest, the config last."""
    model: SimModel | None = None

    @property
    def size_bytes(self) -> int:
        """All layers and the config."""
        return sum(layer.size_bytes for layer in self.layers)


def package(layers: Sequence[Blob], config: Blob, model: SimModel | None = None) -> Package:
    """Join layers into a manifest."""
    body = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _entry(config),
        "layers": [_entry(layer) for layer in layers],
    }
    manifest = json.dumps(body, separators=(",", ":")).encode()
    return Package(manifest, hashlib.sha256(manifest).hexdigest(), (*layers, config), model)


def package_of(model: SimModel) -> Package:
    """The layers of a model of the catalogue; their sum is the true size."""
    config: dict[str, Any] = {
        "model_format": model.format,
        "model_family": model.family,
        "model_families": [model.family],
        "model_type": model.parameter_size,
        "file_type": model.quantization,
    }
    if model.is_remote:
        blob = Blob(CONFIG_TYPE, json.dumps({**config, "remote_model": model.remote_model}).ljust(384).encode()[:384])
        return package((), blob, model)
    small = [Blob(_IMAGE + "template", model.template.encode()), Blob(_IMAGE + "license", model.license.encode())]
    if model.parameters:
        params: dict[str, Any] = {}
        for key, value in model.parameters:
            if key == "stop":
                params.setdefault("stop", []).append(value.strip('"'))
            else:
                params[key] = json.loads(value)
        small.append(Blob(_IMAGE + "params", json.dumps(params).encode()))
    last = Blob(CONFIG_TYPE, json.dumps({**config, "architecture": "amd64", "os": "linux"}).encode())
    rest = model.total_bytes - sum(blob.size_bytes for blob in (*small, last))
    return package((Blob(_IMAGE + "model", model, size_bytes=rest), *small), last, model)


class Registry:
    """What can be pulled, by name."""

    def __init__(self, models: Iterable[SimModel] = EVERYTHING) -> None:
        self._models = {names.key(model.name): model for model in models}
        self._packages: dict[str, Package] = {}
        self._blobs: dict[str, Blob] = {}

    def add(self, name: str, layers: Sequence[tuple[str, bytes | Path]], config: dict[str, Any]) -> Package:
        """Serve real files under `name`.

        Args:
            name: As it will be pulled; its host may be left out.
            layers: Kind (`model`, `template`, `params`, ...) and content of each layer.
            config: The config blob.
        """
        blobs = [Blob(_IMAGE + kind, content) for kind, content in layers]
        made = package(blobs, Blob(CONFIG_TYPE, json.dumps(config).encode()))
        self._keep(names.key(name), made)
        return made

    def find(self, name: str) -> Package | None:
        """The package of a name, whichever host it names, if it has one."""
        _, namespace, model, tag = names.split(name)
        for key in (
            names.key(name),
            names.key(f"{namespace}/{model}:{tag}"),
            names.key(f"hf.co/{namespace}/{model}:{tag}"),
        ):
            if key in self._packages:
                return self._packages[key]
            if key in self._models:
                return self._keep(key, package_of(self._models[key]))
        return None

    def blob(self, digest: str) -> Blob | None:
        """A layer of a package that was asked for before."""
        return self._blobs.get(digest.replace("sha256-", "sha256:"))

    def hub_files(self) -> Iterator[HubFile]:
        """The weights of every model of Hugging Face, as files of its repository."""
        for model in self._models.values():
            found = self.find(model.name)
            if found is not None and found.layers and (file := _hub_file(model.name, found.layers[0])) is not None:
                yield file

    def _keep(self, key: str, made: Package) -> Package:
        self._packages[key] = made
        self._blobs.update({layer.digest: layer for layer in made.layers})
        return made


class RegistrySimulator:
    """The registry as a server on loopback.

    Attributes:
        cut_after_bytes: A blob's transfer is cut after so many bytes.
        bytes_per_s: How fast blobs are sent; `None`: as fast as it goes.
    """

    def __init__(self, registry: Registry | None = None, *, port: int = 0) -> None:
        self.registry = registry or Registry()
        self.cut_after_bytes: int | None = None
        self.bytes_per_s: float | None = None
        self._hub = Hub(self.registry.hub_files)
        self._server = HttpServer(self._handle, port=port)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return self._server.url

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    @property
    def requests(self) -> list[Record]:
        """Everything that was asked."""
        return list(self._server.records)

    async def start(self) -> None:
        """Begin to listen."""
        await self._server.start()

    async def stop(self) -> None:
        """Stop, ending every transfer."""
        await self._server.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _handle(self, exchange: Exchange) -> None:
        if exchange.path in ("/v2", "/v2/"):
            await exchange.respond(200, b"{}", "application/json")
            return
        if exchange.path.startswith("/data/"):
            await self._send_blob(exchange, exchange.path.removeprefix("/data/"))
            return
        if await self._hub.handle(exchange):
            return
        match = _ROUTE.match(exchange.path)
        if match is None:
            await exchange.respond(404, b"404 page not found", "text/plain")
        elif match["what"] == "manifests":
            await self._send_manifest(exchange, f"{match['name']}:{match['which']}")
        else:
            await self._redirect(exchange, match["name"], match["which"])

    async def _send_manifest(self, exchange: Exchange, name: str) -> None:
        found = self.registry.find(name)
        if found is None:
            await _unknown(exchange, "MANIFEST_UNKNOWN", "manifest unknown")
            return
        digest = {"Docker-Content-Digest": f"sha256:{found.digest}"}
        await exchange.respond(200, found.manifest, MANIFEST_TYPE, headers=digest, chunked=False)

    async def _redirect(self, exchange: Exchange, name: str, digest: str) -> None:
        blob = self.registry.blob(digest)
        if blob is None and self.registry.find(name) is not None:
            blob = self.registry.blob(digest)
        if blob is None:
            await _unknown(exchange, "BLOB_UNKNOWN", "blob unknown to registry")
            return
        if exchange.method == "HEAD":
            await exchange.respond_long(200, blob.size_bytes, "application/octet-stream")
            return
        other = "localhost" if exchange.headers.get("host", "").startswith("127.") else "127.0.0.1"
        location = f"http://{other}:{self.port}/data/{blob.digest}"
        await exchange.respond(307, b"", headers={"Location": location})

    async def _send_blob(self, exchange: Exchange, digest: str) -> None:
        blob = self.registry.blob(digest)
        if blob is None:
            await _unknown(exchange, "BLOB_UNKNOWN", "blob unknown to registry")
            return
        start, end, status = 0, blob.size_bytes, 200
        extra = {"Accept-Ranges": "bytes"}
        if asked := _RANGE.match(exchange.headers.get("range", "")):
            start = int(asked[1])
            end = min(end, int(asked[2]) + 1) if asked[2] else end
            if start >= end:
                await exchange.respond(416, headers={"Content-Range": f"bytes */{blob.size_bytes}"})
                return
            status = 206
            extra["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size_bytes}"
        await exchange.respond_long(status, end - start, "application/octet-stream", extra)
        if exchange.method == "HEAD":
            return
        sent = 0
        for piece in blob.read(start, end):
            if self.cut_after_bytes is not None and sent + len(piece) > self.cut_after_bytes:
                await exchange.write(piece[: self.cut_after_bytes - sent])
                exchange.cut()
            await exchange.write(piece)
            sent += len(piece)
            if self.bytes_per_s:
                await asyncio.sleep(len(piece) / self.bytes_per_s)


def _hub_file(name: str, weights: Blob) -> HubFile | None:
    return hub_file(name, weights.size_bytes, weights.digest)


def _entry(blob: Blob) -> dict[str, Any]:
    return {"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size_bytes}


async def _unknown(exchange: Exchange, code: str, message: str) -> None:
    body = {"errors": [{"code": code, "message": message, "detail": {}}]}
    await exchange.respond(404, json.dumps(body).encode(), "application/json")
