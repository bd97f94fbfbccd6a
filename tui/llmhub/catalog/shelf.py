"""What was looked up, between two runs: small files in the cache folder that may be lost, old or broken at any time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmhub.core.identity import new_id

logger = logging.getLogger(__name__)

MOST_ENTRIES = 200
"""Files that are kept; the ones used longest ago go first."""
_VERSION = 1
_MOST_BYTES = 8 * 1024 * 1024
_STALE_S = 3600.0
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that was looked up."""

    body: Any
    """JSON."""
    fetched_at: datetime
    """UTC."""

    def is_fresh(self, now: datetime, seconds: float) -> bool:
        """Whether it is younger than `seconds`; one from the future, after a clock was set back, is not."""
        return 0 <= (now - self.fetched_at).total_seconds() < seconds


class Shelf:
    """Keeps JSON by kind and key, a file each, so that two llmhubs may write at once.

    What is not whole or not ours is as good as nothing. Files are for their owner alone, and put in place at one
    instant. Everything here reads or writes files: not on the event loop.

    Args:
        folder: Of its own, below the cache folder; made when something is kept.
    """

    def __init__(self, folder: Path, most: int = MOST_ENTRIES) -> None:
        self._folder = folder
        self._most = most

    def load(self, kind: str, key: str) -> Kept | None:
        """What was kept; `None` when there is nothing sound."""
        path = self._path(kind, key)
        try:
            if path.stat().st_size > _MOST_BYTES:
                return None
            told = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("something kept of the catalogue cannot be read: %s", type(error).__name__)
            return None
        kept = _sound(told, kind, key)
        if kept is not None:
            with suppress(OSError):
                os.utime(path)  # used now, so among the last to go
        return kept

    def save(self, kind: str, key: str, body: Any, fetched_at: datetime) -> None:
        """Keep JSON in place of what was there. When it cannot be written the old one stays, and nothing is said."""
        document = {
            "v": _VERSION,
            "kind": kind,
            "key": key,
            "fetched_at": fetched_at.astimezone(UTC).isoformat(),
            "sha256": _checksum(body),
            "body": body,
        }
        path = self._path(kind, key)
        new_path = path.with_name(f"{path.name}.new-{new_id()}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "w", encoding="ascii") as file:
                json.dump(document, file, separators=(",", ":"))
            new_path.replace(path)
        except OSError as error:
            logger.warning("a look-up could not be kept: %s", error.strerror or type(error).__name__)
            with suppress(OSError):
                new_path.unlink()
        self._clear()

    def forget(self, kind: str, key: str) -> None:
        """Take away what was kept."""
        with suppress(OSError):
            self._path(kind, key).unlink()

    def _path(self, kind: str, key: str) -> Path:
        return self._folder / f"{kind}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}{_SUFFIX}"

    def _clear(self) -> None:
        """Take away what is too much, and what a killed llmhub left of a save."""
        aged: list[tuple[float, Path]] = []
        before = datetime.now(UTC).timestamp() - _STALE_S
        try:
            for path in self._folder.iterdir():
                with suppress(OSError):
                    changed = path.stat().st_mtime
                    if path.suffix == _SUFFIX:
                        aged.append((changed, path))
                    elif ".new-" in path.name and changed < before:
                        path.unlink()
        except OSError:
            return
        for _, path in sorted(aged)[: max(0, len(aged) - self._most)]:
            with suppress(OSError):
                path.unlink()


def _sound(told: Any, kind: str, key: str) -> Kept | None:
    if not isinstance(told, dict) or (told.get("v"), told.get("kind"), told.get("key")) != (_VERSION, kind, key):
        return None
    fetched = told.get("fetched_at")
    if not isinstance(fetched, str) or "body" not in told or told.get("sha256") != _checksum(told["body"]):
        return None
    try:
        fetched_at = datetime.fromisoformat(fetched)
        return Kept(told["body"], fetched_at.astimezone(UTC)) if fetched_at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _checksum(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, separators=(",", ":")).encode("ascii")).hexdigest()
