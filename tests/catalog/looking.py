"""A catalogue over servers on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmhub.catalog.model_catalog import ModelCatalog
from llmhub.core.catalog import CatalogEntry, CatalogError
from llmhub.net import Switch, make_client
from support.replay import Replay, Route, replay

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAME = "tiny"


@dataclass
class Clock:
    """What time it is."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, hours: float) -> None:
        self.now += timedelta(hours=hours)


async def no_sleep(seconds: float) -> None:
    """A busy server is not waited for."""


@asynccontextmanager
async def catalogue(
    folder: Path, url: str, *, switch: Switch | None = None, clock: Clock | None = None
) -> AsyncIterator[ModelCatalog]:
    """A catalogue that asks the registry at `url`, whatever a name says."""
    client = make_client(switch)
    try:
        yield ModelCatalog(client, folder, registry_url=url, hugging_face_url=url, now=clock or Clock(), sleep=no_sleep)
    finally:
        await client.aclose()


@asynccontextmanager
async def store(
    folder: Path, routes: Mapping[str, Route], *, clock: Clock | None = None
) -> AsyncIterator[tuple[ModelCatalog, Replay]]:
    """The same over a server with these routes."""
    async with replay(routes) as server, catalogue(folder, server.url, clock=clock) as made:
        yield made, server


async def looked_up(folder: Path, routes: Mapping[str, Route], name: str = NAME, **options: Any) -> CatalogEntry:
    async with store(folder, routes) as (made, _):
        return await made.look_up(name, **options)


async def problem_of(folder: Path, routes: Mapping[str, Route], name: str = NAME) -> CatalogError:
    with pytest.raises(CatalogError) as caught:
        await looked_up(folder, routes, name)
    return caught.value
