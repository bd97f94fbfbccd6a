"""Packages of a registry: the manifest, the config beside it, and the files behind its layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmhub.catalog.asking import Asker
from llmhub.catalog.layers import Config, Layers, is_digest, is_of, read_config
from llmhub.catalog.ranged import RangedFile
from llmhub.catalog.refusals import Asked, nonsense
from llmhub.catalog.registry import (
    MOST_BYTES,
    blob_url,
    manifest_headers,
    manifest_url,
    read_manifest,
    registry_headers,
)
from llmhub.core.catalog import CatalogError
from llmhub.core.models import Manifest, ManifestLayer
from llmhub.core.names import ModelName

_MOST_CONFIG_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Package:
    """A manifest and its config, as they came."""

    manifest: Manifest
    manifest_text: str
    config: Config | None = None
    config_text: str | None = None
    problem: CatalogError | None = None
    """Why there is no config."""

    @property
    def layers(self) -> Layers:
        """Sorted by what they are."""
        return Layers.of(self.manifest)

    def to_json(self) -> dict[str, Any]:
        """As it is kept; a config that could not be read is asked for again."""
        return {"manifest": self.manifest_text, "config": self.config_text}

    @classmethod
    def from_json(cls, told: Any) -> Package | None:
        """The same again; `None` when it is not of this form."""
        if not isinstance(told, dict) or not isinstance(told.get("manifest"), str):
            return None
        manifest = read_manifest(told["manifest"].encode("utf-8", "surrogatepass"))
        config = told.get("config")
        if manifest is None or not (config is None or isinstance(config, str)):
            return None
        return cls(manifest, told["manifest"], read_config(config.encode()) if config else None, config)


class PackageReader:
    """Reads packages over one `Asker`.

    Args:
        registry_url: Asked in place of every registry but Hugging Face.
        hugging_face_url: Asked in place of Hugging Face.
    """

    def __init__(self, asker: Asker, registry_url: str | None = None, hugging_face_url: str | None = None) -> None:
        self._asker = asker
        self._registry_url = registry_url
        self._hugging_face_url = hugging_face_url

    async def read(self, name: ModelName) -> Package:
        """The manifest of a name with its config.

        Raises:
            CatalogError: there is no manifest to be had.
        """
        asked = Asked.of(name)
        url = manifest_url(name, self._base(name))
        reply = await self._asker.whole(asked, url, manifest_headers(name), MOST_BYTES)
        manifest = read_manifest(reply.body)
        if manifest is None:
            raise nonsense(asked, "something that is no manifest")
        text = reply.body.decode("utf-8", "replace")
        layer = manifest.layers[-1]
        try:
            body = await self._config(name, layer)
        except CatalogError as error:
            return Package(manifest, text, problem=error)
        return Package(manifest, text, read_config(body), body.decode("utf-8", "replace"))

    def file(self, name: ModelName, layer: ManifestLayer) -> RangedFile:
        """The file of a layer.

        Raises:
            CatalogError: the manifest names it by no digest.
        """
        asked = Asked.of(name)
        if not is_digest(layer.digest):
            raise nonsense(asked, "a manifest that names a layer by no digest")
        url = blob_url(name, layer.digest, self._base(name))
        return RangedFile(self._asker, asked, url, size=layer.size_bytes, headers=registry_headers(name))

    async def _config(self, name: ModelName, layer: ManifestLayer) -> bytes:
        asked = Asked.of(name)
        if layer.size_bytes > _MOST_CONFIG_BYTES:
            raise nonsense(asked, "a config larger than any")
        body = await self.file(name, layer).read(0, layer.size_bytes)
        if not is_of(body, layer):
            raise CatalogError(
                f"{asked.host} sent another config than the manifest names (its SHA-256 differs)",
                asked.subject,
                "try again; if it stays so, something between changes what is sent",
            )
        return body

    def _base(self, name: ModelName) -> str | None:
        return self._hugging_face_url if name.is_hugging_face else self._registry_url
