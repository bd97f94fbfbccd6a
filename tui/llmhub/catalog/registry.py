"""Manifests of the registries that Ollama pulls from: what a pull will bring, before it begins."""

from __future__ import annotations

import hashlib
from typing import Any

from llmhub import __version__
from llmhub.core.models import Manifest, ManifestLayer
from llmhub.core.names import ModelName
from llmhub.core.places import is_loopback
from llmhub.net import Client, NetError, as_json

OLLAMA_VERSION = "0.33.0"
"""The version whose manifests are understood here."""
_ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"
_USER_AGENT = f"ollama/{OLLAMA_VERSION} (compatible; llmhub/{__version__})"
_READ_S = 15.0
MOST_BYTES = 4 * 1024 * 1024
"""Far above any manifest: a safetensors model lists some hundred layers of 200 bytes."""


class ModelRegistry:
    """Reads manifests, as `llmhub.core.ports.Registry`.

    registry.ollama.ai, Hugging Face, and any host that a name says answer in the same way (ollama/ollama
    server/images.go). Public models need no key, so none is ever sent; what needs one is left to the daemon, which has
    its own.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def manifest(self, model: str) -> Manifest | None:
        """What a pull of `model` will bring.

        Returns:
            `None` when that cannot be known: offline, private, unknown, a cloud model, or an answer of another kind.
        """
        try:
            name = ModelName.parse(model)
        except ValueError:
            return None
        if name.is_cloud:
            return None
        try:
            reply = await self._client.request(
                "GET",
                manifest_url(name),
                headers=manifest_headers(name),
                read_s=_READ_S,
                most=MOST_BYTES,
                follow_redirects=True,
            )
        except NetError:
            return None
        return read_manifest(reply.body) if reply.status == 200 else None


def registry_url(name: ModelName) -> str:
    """The address of the registry that `name` is in. Plain HTTP only on loopback."""
    host = "huggingface.co" if name.is_hugging_face else name.host
    bare = host.rsplit(":", 1)[0]
    scheme = "http" if is_loopback(bare) else "https"
    return f"{scheme}://{host}"


def manifest_url(name: ModelName, base: str | None = None) -> str:
    """Where the manifest of `name` is, in its own registry or in the one at `base`."""
    return f"{base or registry_url(name)}/v2/{name.namespace}/{name.model}/manifests/{name.tag}"


def blob_url(name: ModelName, digest: str, base: str | None = None) -> str:
    """Where a layer of `name` is."""
    return f"{base or registry_url(name)}/v2/{name.namespace}/{name.model}/blobs/{digest}"


def registry_headers(name: ModelName) -> dict[str, str]:
    """What every request to the registry of `name` says.

    Some newer models answer 412 to programs that do not call themselves Ollama (gpustack/gguf-parser-go).
    """
    return {} if name.is_hugging_face else {"User-Agent": _USER_AGENT}


def manifest_headers(name: ModelName) -> dict[str, str]:
    """What a request for a manifest says."""
    return {"Accept": _ACCEPT, **registry_headers(name)}


def read_manifest(body: bytes) -> Manifest | None:
    """A manifest from its bytes, whose SHA-256 is the digest that the daemon will list; `None` when it is none.

    The config stands in a place of its own and is fetched last, so it is the last layer here.
    """
    told = as_json(body)
    if not isinstance(told, dict) or not isinstance(told.get("layers"), list):
        return None
    layers = [_layer(entry) for entry in (*told["layers"], told.get("config"))]
    known = tuple(layer for layer in layers if layer is not None)
    # a total that leaves out a layer would be wrong without showing it
    return Manifest(hashlib.sha256(body).hexdigest(), known) if len(known) == len(layers) else None


def _layer(entry: Any) -> ManifestLayer | None:
    if not isinstance(entry, dict):
        return None
    digest, size, kind = entry.get("digest"), entry.get("size"), entry.get("mediaType")
    if not isinstance(digest, str) or type(size) is not int or size < 0:
        return None
    return ManifestLayer(digest, size, kind if isinstance(kind, str) else "")
