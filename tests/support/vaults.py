"""Keyrings for tests: one in memory, and one in a file for processes of their own. No test may see the person's."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from llmhub.core.errors import ConfigError

FILE_VARIABLE = "LLMHUB_TEST_VAULT"


class FakeVault:
    """Implements `settings.secrets.Vault` in memory; `problem` is raised by every method until it is taken away."""

    def __init__(self, key: str | None = None, problem: ConfigError | None = None) -> None:
        self.key = key
        self.problem = problem
        self.reads = 0

    def _enter(self) -> None:
        if self.problem is not None:
            raise self.problem

    def read(self) -> str | None:
        self.reads += 1
        self._enter()
        return self.key

    def write(self, value: str) -> None:
        self._enter()
        self.key = value

    def delete(self) -> bool:
        self._enter()
        there, self.key = self.key is not None, None
        return there


class FileKeyring(KeyringBackend):
    """A keyring for `PYTHON_KEYRING_BACKEND=support.vaults.FileKeyring`, in the file that `LLMHUB_TEST_VAULT` names."""

    priority = 1.0

    def _read(self) -> dict[str, str]:
        path = Path(os.environ[FILE_VARIABLE])
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        Path(os.environ[FILE_VARIABLE]).write_text(json.dumps(self._read() | {f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        kept = self._read()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("not there")
        Path(os.environ[FILE_VARIABLE]).write_text(json.dumps(kept))
