"""Small models behind a registry of a test's own making: true headers, answered in ranges, well or badly."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmhub.core.models import Tensor
from support.gguf_files import Model, data_bytes, header, tokenizer
from support.replay import Answer, Asked, Route

IMAGE = "application/vnd.ollama.image."
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
CONFIG_BODY = {
    "model_format": "gguf",
    "model_family": "llama",
    "model_families": ["llama"],
    "model_type": "1.5M",
    "file_type": "Q4_K_M",
    "context_length": 2048,
    "requires": "0.12.0",
}
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def tiny_model(tokens: int = 40, **keys: Any) -> Model:
    """A model of two layers with a vocabulary of `tokens`."""
    tensors = [Tensor("token_embd.weight", "F16", (256, tokens)), Tensor("output_norm.weight", "F32", (256,))]
    for layer in range(2):
        tensors += [
            Tensor(f"blk.{layer}.attn_k.weight", "Q4_K", (256, 128)),
            Tensor(f"blk.{layer}.attn_v.weight", "Q6_K", (256, 128)),
        ]
    metadata = {
        "general.architecture": "llama",
        "general.file_type": 15,
        "llama.block_count": 2,
        "llama.context_length": 4096,
        "llama.embedding_length": 256,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.feed_forward_length": 512,
        **tokenizer(tokens),
        **keys,
    }
    return Model(metadata, tuple(tensors))


def whole_file(model: Model) -> bytes:
    """The file with its data, which is zeros."""
    padded = (-(-data_bytes(tensor) // model.alignment) * model.alignment for tensor in model.tensors)
    return header(model) + bytes(sum(padded))


@dataclass
class Blob:
    """A file that is answered in ranges; a route of `support.replay`.

    Attributes:
        ranges: What was asked for, in order; `None` for a request without a range.
        spoil: Changes a right answer to a wrong one.
    """

    content: bytes
    spoil: Callable[[Answer, Asked], Answer] | None = None
    ranges: list[tuple[int, int] | None] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        found = _RANGE.fullmatch(asked.headers.get("range", ""))
        self.ranges.append((int(found[1]), int(found[2])) if found else None)
        answer = self._answer(found)
        return self.spoil(answer, asked) if self.spoil else answer

    def _answer(self, found: re.Match[str] | None) -> Answer:
        kind, total = "application/octet-stream", len(self.content)
        if found is None:
            return Answer(self.content, content_type=kind, chunked=False)
        start, stop = int(found[1]), min(total, int(found[2]) + 1)
        if start >= total:
            return Answer(b"", 416, None, chunked=False, headers=(("Content-Range", f"bytes */{total}"),))
        told = (("Content-Range", f"bytes {start}-{stop - 1}/{total}"),)
        return Answer(self.content[start:stop], 206, kind, chunked=False, headers=told)

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(self.content).hexdigest()


def moved(location: str, status: int = 307, **headers: str) -> Answer:
    """A redirect."""
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(b"", status, None, chunked=False, headers=(("Location", location), *more))


@dataclass
class Shop:
    """Routes of a registry that has one model under `name` (`library/tiny`) and `tag`.

    Blobs are redirected to `/data/...` of another host name, as registry.ollama.ai does it.
    """

    name: str = "library/tiny"
    tag: str = "latest"
    layers: list[tuple[str, Blob]] = field(default_factory=list)
    config: Mapping[str, Any] = field(default_factory=lambda: dict(CONFIG_BODY))
    config_sent: bytes | None = None
    """Sent in place of the config that the manifest names."""

    def with_layer(self, kind: str, content: bytes) -> Shop:
        self.layers.append((kind, Blob(content)))
        return self

    @property
    def model(self) -> Blob:
        """The first layer's file."""
        return self.layers[0][1]

    @property
    def config_bytes(self) -> bytes:
        return json.dumps(self.config).encode()

    @property
    def manifest(self) -> bytes:
        config = Blob(self.config_bytes)
        body = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config.digest, "size": len(config.content)},
            "layers": [
                {"mediaType": IMAGE + kind, "digest": blob.digest, "size": len(blob.content)}
                for kind, blob in self.layers
            ],
        }
        return json.dumps(body).encode()

    @property
    def manifest_path(self) -> str:
        return f"GET /v2/{self.name}/manifests/{self.tag}"

    def routes(self) -> dict[str, Route]:
        """To be served."""
        config = Blob(self.config_bytes)
        sent = config if self.config_sent is None else Blob(self.config_sent)
        routes: dict[str, Route] = {self.manifest_path: Answer(self.manifest, content_type=MANIFEST, chunked=False)}
        for blob, served in [(config, sent), *((blob, blob) for _, blob in self.layers)]:
            routes[f"GET /v2/{self.name}/blobs/{blob.digest}"] = _elsewhere(f"/data/{blob.digest}")
            routes[f"GET /data/{blob.digest}"] = served
        return routes


def _elsewhere(path: str) -> Callable[[Asked], Answer]:
    def send(asked: Asked) -> Answer:
        host, _, port = asked.headers["host"].rpartition(":")
        other = "localhost" if host == "127.0.0.1" else "127.0.0.1"
        return moved(f"http://{other}:{port}{path}")

    return send


def shop(tokens: int = 40) -> Shop:
    """One with a tiny model and the small layers around it."""
    made = Shop().with_layer("model", whole_file(tiny_model(tokens)))
    return made.with_layer("template", b"{{ .Prompt }}").with_layer("license", b"MIT")
