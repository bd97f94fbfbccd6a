"""Rules every test lives under."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SCANNED = [
    "llmhub.core",
    "llmhub.backends",
    "llmhub.net",
    "llmhub.ledger",
    "llmhub.chats",
    "llmhub.storage",
    "llmhub.ui",
]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that leaves this machine fails the test, whichever library opens it."""
    connect = socket.socket.connect

    def refuse(sock: socket.socket, address: object) -> None:
        if (
            sock.family in {socket.AF_INET, socket.AF_INET6}
            and isinstance(address, tuple)
            and address[0] not in LOOPBACK
        ):
            raise AssertionError(f"a test tried to reach {address}")
        connect(sock, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has its own places on disk, and no one's keys, proxies or daemon."""
    home = tmp_path / "llmhub-home"
    monkeypatch.setenv("LLMHUB_HOME", str(home))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    for name in (
        "OPENROUTER_API_KEY",
        "OLLAMA_HOST",
        "OLLAMA_API_KEY",
        "NO_COLOR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return home


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """Our code may not stop the event loop: no sleep, no file, no fsync."""
    with blockbuster_ctx(scanned_modules=SCANNED):
        yield


@pytest.fixture
def real_ollama() -> str:
    """The address of a real daemon; the test is skipped, visibly, where there is none."""
    url = os.environ.get("LLMHUB_TEST_OLLAMA")
    if not url:
        pytest.skip("LLMHUB_TEST_OLLAMA is not set: no real Ollama to test against")
    return url
