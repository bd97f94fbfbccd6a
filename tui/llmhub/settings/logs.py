"""The log: a file in the state folder, small, never the terminal, never a prompt, a reply or a key."""

from __future__ import annotations

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from llmhub.settings.files import FILE_MODE

_MOST_BYTES = 1_000_000
_KEPT = 2


def start_log(path: Path, *, verbose: bool = False) -> None:
    """Send what llmhub logs to `path`, which is made with the first line. A log that cannot be written is no error."""
    handler = _Handler(path, maxBytes=_MOST_BYTES, backupCount=_KEPT, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in [present for present in root.handlers if isinstance(present, _Handler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("llmhub").setLevel(logging.DEBUG if verbose else logging.INFO)


class _Handler(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        """For its owner's eyes alone, from the first byte."""
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        return os.fdopen(handle, "a", encoding=self.encoding)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing: Python would write a traceback to the terminal, which belongs to the app."""
