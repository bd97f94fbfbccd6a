"""The list of cloud models between two runs: a file in the cache folder that may be lost, old or broken at any time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmhub.core.cloud import KeptPages
from llmhub.core.identity import new_id

logger = logging.getLogger(__name__)

FILE_NAME = "openrouter-models.json"
_VERSION = 1
_MOST_BYTES = 64 * 1024 * 1024
_STALE_S = 3600.0


class CloudModelCache:
    """Keeps the list as it came, as `llmhub.core.ports.ListCache`.

    What is not whole, not ours, or of another address is as good as nothing: the list is fetched again. Files are for
    their owner alone, and put in place at one instant, so that two llmhubs may write at once.

    Args:
        folder: The cache folder; made when it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def load(self, source: str) -> KeptPages | None:
        """What was kept of the list at address `source`; `None` when there is nothing sound. Reads a file."""
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                return None
            told = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("the kept list of cloud models cannot be read: %s", type(error).__name__)
            return None
        return _sound(told, source)

    def save(self, source: str, kept: KeptPages) -> None:
        """Keep a list in place of the one before. Writes a file; when that fails the old one stays."""
        document = {
            "v": _VERSION,
            "source": source.rstrip("/"),
            "fetched_at": kept.fetched_at.astimezone(UTC).isoformat(),
            "sha256": _checksum(kept.pages),
            "pages": list(kept.pages),
        }
        new_path = self._path.with_name(f"{FILE_NAME}.new-{new_id()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._clear()
            fd = os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "w", encoding="ascii") as file:
                json.dump(document, file)
            new_path.replace(self._path)
        except OSError as error:
            logger.warning("the list of cloud models could not be kept: %s", error.strerror or type(error).__name__)
            with suppress(OSError):
                new_path.unlink()

    def _clear(self) -> None:
        """Take away what a killed llmhub left of a save; one under way is younger."""
        before = datetime.now(UTC).timestamp() - _STALE_S
        for left in self._path.parent.glob(f"{FILE_NAME}.new-*"):
            with suppress(OSError):
                if left.stat().st_mtime < before:
                    left.unlink()


def _sound(told: Any, source: str) -> KeptPages | None:
    if not isinstance(told, dict) or told.get("v") != _VERSION or told.get("source") != source.rstrip("/"):
        return None
    pages, fetched = told.get("pages"), told.get("fetched_at")
    if not isinstance(pages, list) or not pages or not all(isinstance(page, str) for page in pages):
        return None
    if told.get("sha256") != _checksum(tuple(pages)) or not isinstance(fetched, str):
        return None
    try:
        fetched_at = datetime.fromisoformat(fetched)
        return KeptPages(tuple(pages), fetched_at.astimezone(UTC)) if fetched_at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _checksum(pages: tuple[str, ...]) -> str:
    """Of all pages and the borders between them; half a surrogate, which JSON can hold, has a sum as well."""
    whole = hashlib.sha256()
    for page in pages:
        content = page.encode("utf-8", "surrogatepass")
        whole.update(b"%d:" % len(content))
        whole.update(content)
    return whole.hexdigest()
