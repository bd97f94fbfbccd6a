"""Hugging Face: searching it, and listing what is in a repository."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from llmhub.catalog.asking import Asker
from llmhub.catalog.refusals import HUGGING_FACE, Asked, nonsense
from llmhub.core.catalog import SearchHit
from llmhub.core.names import ModelName
from llmhub.net import as_json

URL = f"https://{HUGGING_FACE}"
REVISION = "main"
MOST_HITS = 50
_MOST_PAGES = 20
"""Of a listing; a page has a thousand files."""
_MOST_PAGE_BYTES = 8 * 1024 * 1024
_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}")
_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;[^,]*\brel="?next\b')
_EXPANDED = ("downloads", "likes", "gated", "lastModified")


class HuggingFace:
    """Asks the Hub's own API; no key is ever sent.

    Args:
        url: Its address, which a simulator may stand for.
    """

    def __init__(self, asker: Asker, url: str = URL) -> None:
        self._asker = asker
        self._url = url.rstrip("/")

    async def search(self, query: str) -> list[Any]:
        """The first repositories with GGUF files whose names have `query` in them, by downloads, as they are told.

        Raises:
            CatalogError: in three parts.
        """
        asked = Asked(f"search for {query}", HUGGING_FACE, f"{URL}/models")
        wanted = [("filter", "gguf"), ("search", query), ("sort", "downloads"), ("limit", str(MOST_HITS))]
        wanted += [("expand[]", name) for name in _EXPANDED]
        reply = await self._asker.whole(asked, f"{self._url}/api/models?{urlencode(wanted)}", {}, _MOST_PAGE_BYTES)
        return _listed(asked, reply.body)

    async def files(self, name: ModelName) -> list[Any]:
        """The listing of the repository that `name` is in, all pages of it.

        Raises:
            CatalogError: in three parts.
        """
        asked = Asked.of(name)
        url: str | None = f"{self._url}/api/models/{name.namespace}/{name.model}/tree/{REVISION}?recursive=true"
        entries: list[Any] = []
        for _ in range(_MOST_PAGES):
            if url is None:
                break
            reply = await self._asker.whole(asked, url, {}, _MOST_PAGE_BYTES)
            entries += _listed(asked, reply.body)
            url = next_page(url, reply.headers)
        return entries

    def file_url(self, name: ModelName, path: str) -> str:
        """Where a file of the repository is read."""
        return f"{self._url}/{name.namespace}/{name.model}/resolve/{REVISION}/{quote(path)}"


def next_page(url: str, headers: Mapping[str, str]) -> str | None:
    """Where the next page is, from the `Link` header; only at the same origin, and `None` after the last one."""
    found = _NEXT.search(headers.get("link", ""))
    if found is None:
        return None
    try:
        target = urljoin(url, found[1])
        here, there = urlsplit(url), urlsplit(target)
    except ValueError:
        return None
    return target if (here.scheme, here.netloc) == (there.scheme, there.netloc) and target != url else None


def read_hits(told: list[Any]) -> tuple[SearchHit, ...]:
    """Search results; entries without a sound name are left out."""
    return tuple(hit for entry in told if (hit := _hit(entry)) is not None)


def _hit(entry: Any) -> SearchHit | None:
    name = entry.get("id") if isinstance(entry, Mapping) else None
    if not isinstance(name, str) or not _REPOSITORY.fullmatch(name):
        return None
    return SearchHit(
        name=f"hf.co/{name}",
        downloads=_count(entry.get("downloads")),
        likes=_count(entry.get("likes")),
        updated_at=_moment(entry.get("lastModified")),
        gated=bool(entry.get("gated")),
    )


def _listed(asked: Asked, body: bytes) -> list[Any]:
    told = as_json(body)
    if not isinstance(told, list):
        raise nonsense(asked, "no list in place of one")
    return told


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None
