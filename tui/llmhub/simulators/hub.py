"""The listing part of Hugging Face on loopback: search, the files of a repository, and reading one of them.

Shapes as in the contract files `hf-models-search.json`, `hf-tree.json` and `hf-errors.json`. Every model whose name
begins with `hf.co/` is a file of its repository.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from llmhub.simulators import names
from llmhub.simulators.exchange import Exchange

_HOSTS = {"hf.co", "huggingface.co"}
_MODELS = "/api/models"
_DATE = "2026-10-27T17:40:55.000Z"


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository."""

    repository: str
    path: str
    size_bytes: int
    digest: str
    """`sha256:` and 64 hex."""


class Hub:
    """Answers what a registry does not.

    Args:
        found: The files there are, asked at each request.
    """

    def __init__(self, found: Callable[[], Iterable[HubFile]]) -> None:
        self._found = found

    async def handle(self, exchange: Exchange) -> bool:
        """Answer if this is a request for the Hub; says whether it was.

        A file is a redirect to the blob with its digest, as to the store behind the Hub.
        """
        path = exchange.path
        if path == _MODELS:
            await self._search(exchange)
        elif path.startswith(f"{_MODELS}/") and "/tree/" in path:
            await self._tree(exchange, path.removeprefix(f"{_MODELS}/").partition("/tree/")[0])
        elif "/resolve/" in path:
            repository, _, rest = path.strip("/").partition("/resolve/")
            await self._resolve(exchange, repository, rest.partition("/")[2])
        else:
            return False
        return True

    async def _search(self, exchange: Exchange) -> None:
        wanted = exchange.query.get("search", "").lower()
        repositories = dict.fromkeys(file.repository for file in self._found())
        hits = [_hit(name) for name in repositories if wanted in name.lower()]
        await exchange.respond(200, json.dumps(hits).encode(), "application/json")

    async def _tree(self, exchange: Exchange, repository: str) -> None:
        files = [file for file in self._found() if file.repository.lower() == repository.lower()]
        if not files:
            await _not_found(exchange)
            return
        await exchange.respond(200, json.dumps([_entry(file) for file in files]).encode(), "application/json")

    async def _resolve(self, exchange: Exchange, repository: str, path: str) -> None:
        for file in self._found():
            if (file.repository.lower(), file.path) == (repository.lower(), path):
                other = "localhost" if exchange.headers.get("host", "").startswith("127.") else "127.0.0.1"
                port = exchange.headers.get("host", "").rpartition(":")[2]
                headers = {
                    "Location": f"http://{other}:{port}/data/{file.digest}",
                    "X-Linked-Size": str(file.size_bytes),
                }
                await exchange.respond(302, b"", headers=headers)
                return
        await _not_found(exchange)


def hub_file(name: str, size_bytes: int, digest: str) -> HubFile | None:
    """The file behind a model's name; `None` when it is not pulled from Hugging Face."""
    host, namespace, model, tag = names.split(name)
    if host not in _HOSTS:
        return None
    return HubFile(f"{namespace}/{model}", f"{model.removesuffix('-GGUF')}-{tag}.gguf", size_bytes, digest)


def _entry(file: HubFile) -> dict[str, Any]:
    oid = file.digest.removeprefix("sha256:")
    return {
        "type": "file",
        "oid": hashlib.sha1(oid.encode(), usedforsecurity=False).hexdigest(),
        "size": file.size_bytes,
        "lfs": {"oid": oid, "size": file.size_bytes, "pointerSize": 135},
        "xetHash": hashlib.sha256(oid.encode()).hexdigest(),
        "path": file.path,
    }


def _hit(name: str) -> dict[str, Any]:
    return {
        "_id": hashlib.sha256(name.encode()).hexdigest()[:24],
        "id": name,
        "likes": 61,
        "downloads": 98211,
        "gated": False,
        "lastModified": _DATE,
    }


async def _not_found(exchange: Exchange) -> None:
    """As the Hub says it of what is missing and of what is private."""
    body = json.dumps({"error": "Invalid username or password."}).encode()
    await exchange.respond(401, body, "application/json", headers={"X-Error-Code": "RepoNotFound"})
