"""A real daemon with models of our own making, and a home for llmhub to work in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.homes import Home
from support.real_daemon import ANSWER, ENDLESS, FOREVER, RECITE, TEXT, THINK, THOUGHTS, Daemon


@pytest.fixture(scope="session")
def made_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Three models, made in the daemon and removed again."""
    url = os.environ.get("LLMHUB_TEST_OLLAMA")
    if not url:
        yield
        return
    from support.tiny_gguf import TEMPLATE, THINKING_TEMPLATE, write

    folder = tmp_path_factory.mktemp("models")
    daemon = Daemon(url)
    for name, text, endless, template in (
        (RECITE, TEXT, False, TEMPLATE),
        (THINK, f"<think>\n{THOUGHTS}\n</think>\n\n{ANSWER}", False, THINKING_TEMPLATE),
        (FOREVER, ENDLESS, True, TEMPLATE),
    ):
        write(folder / f"{name}.gguf", text, endless=endless)
        daemon.create(name, folder / f"{name}.gguf", template)
    yield
    with contextlib.suppress(httpx.TransportError):  # a daemon that a test killed and that did not come again
        for name in (RECITE, THINK, FOREVER):
            daemon.delete(name)


@pytest.fixture
def daemon(real_ollama: str, made_models: None) -> Daemon:
    return Daemon(real_ollama)


@pytest.fixture
def home(tmp_path: Path, daemon: Daemon) -> Home:
    return Home(tmp_path / "home", daemon.url)
