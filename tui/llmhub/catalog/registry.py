"""Manifests of the registries that Ollama pulls from: what a pull will bring, before it begins."""

from __future__ import annotations

import hashlib
from typing import Any

from llmhub.core.models import Manifest, ManifestLayer
from llmhub.core.names import ModelName
from llmhub.core.places import is_loopback
from llmhub.net import Client, NetError, as_json

_ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"
_READ_S = 15.0
_MOST_BYTES = 4 * 1024 * 1024
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
                headers={"Accept": _ACCEPT},
                read_s=_READ_S,
                most=_MOST_BYTES,
                follow_redirects=True,
            )
        except NetError:
            return None
        return read_manifest(reply.body) if reply.status == 200 else None


def manifest_url(name: ModelName) -> str:
    """Where the manifest of `name` is. Plain HTTP only on loopback."""
    host = "huggingface.co" if name.is_hugging_face else name.host
    bare = host.rsplit(":", 1)[0]
    scheme = "http" if is_loopback(bare) else "https"
    return f"{scheme}://{host}/v2/{name.namespace}/{name.model}/manifests/{name.tag}"


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
