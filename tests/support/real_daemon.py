"""A real Ollama that tests may talk to, and the models of our own making that they give it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

RECITE, THINK, FOREVER = "llmhub-proof-recite", "llmhub-proof-think", "llmhub-proof-endless"
TEXT = "**Merge sort** of 日本: split a list in two, sort each half, merge them. Grüße."
THOUGHTS, ANSWER = "The user greets me; I keep it short.", "Hello! How can I help?"
ENDLESS = " ".join(f"line {number} goes on" for number in range(40)) + "."


@dataclass(frozen=True)
class Daemon:
    """A real Ollama."""

    url: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def create(self, name: str, file: Path, template: str) -> None:
        body = file.read_bytes()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        asked = {
            "model": name,
            "files": {file.name: digest},
            "template": template,
            "parameters": {"stop": ["<|im_end|>"]},
        }
        with self.client() as client:
            client.post(f"/api/blobs/{digest}", content=body).raise_for_status()
            answer = client.post("/api/create", json=asked)
        assert json.loads(answer.text.splitlines()[-1]) == {"status": "success"}, answer.text

    def delete(self, name: str) -> None:
        with self.client() as client:
            client.request("DELETE", "/api/delete", json={"model": name})

    @property
    def installed(self) -> list[str]:
        with self.client() as client:
            return [model["name"] for model in client.get("/api/tags").json()["models"]]

    @property
    def loaded(self) -> list[str]:
        with self.client() as client:
            return [model["name"] for model in client.get("/api/ps").json()["models"]]

    @property
    def process(self) -> psutil.Process:
        """The daemon's process; the test is skipped, visibly, where nobody allowed it to be touched."""
        if not os.environ.get("LLMHUB_TEST_OLLAMA_PID"):
            pytest.skip("LLMHUB_TEST_OLLAMA_PID is not set: the daemon's processes may not be killed")
        port = httpx.URL(self.url).port
        for process in psutil.process_iter():
            try:
                if any(
                    one.status == psutil.CONN_LISTEN and one.laddr.port == port
                    for one in process.net_connections(kind="tcp")
                ):
                    return process
            except (psutil.AccessDenied, psutil.NoSuchProcess):
                continue
        return psutil.Process(int(os.environ["LLMHUB_TEST_OLLAMA_PID"]))

    @property
    def engines(self) -> list[psutil.Process]:
        """The processes that hold the models."""
        return [child for child in self.process.children(recursive=True) if child.is_running()]
