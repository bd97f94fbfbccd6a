"""What the app remembers between two runs: small, in one file, and never needed."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from llmhub.settings.files import write_whole

_log = logging.getLogger(__name__)


class AppMemoryFile:
    """`core.hub.AppMemory` in a JSON file, written whole by a thread of its own.

    The file is read once, here; a missing or damaged one is an empty one. What cannot be written is remembered for
    this run and logged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = _read(path)
        self._lock = threading.Lock()
        self._writer: ThreadPoolExecutor | None = None
        self._due: Future[None] | None = None

    def get(self, key: str) -> Any:
        """What was remembered, or `None`."""
        return self._values.get(key)

    def set(self, key: str, value: Any) -> None:
        """Remember JSON; returns at once and never raises. `None` forgets."""
        with self._lock:
            if self._values.get(key) == value:
                return
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
            if self._due is not None and not self._due.running() and not self._due.done():
                return  # the write that waits will take this along
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="llmhub-memory")
            self._due = self._writer.submit(self._write)

    def close(self) -> None:
        """Wait until what was set is written."""
        if self._writer is not None:
            self._writer.shutdown(wait=True)
            self._writer = None

    def _write(self) -> None:
        with self._lock:
            text = json.dumps(self._values, ensure_ascii=False, indent=1, default=str)
        try:
            write_whole(self._path, text + "\n")
        except OSError as error:
            _log.warning("not remembered: %s", error)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
