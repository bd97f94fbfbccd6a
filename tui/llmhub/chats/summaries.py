"""The list of chats: what each file says in a line, kept in an index so that listing reads only what changed.

The index is a cache: wrong or missing, the files are read again. Failing to save it is no error.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from llmhub.chats.entries import Entry, from_records
from llmhub.core.conversations import ChatSummary
from llmhub.storage.append_file import AppendFile
from llmhub.storage.cache_file import read_cache, seal, write_cache
from llmhub.storage.disk import Disk
from llmhub.storage.faults import Repair
from llmhub.storage.mending import mend
from llmhub.storage.names import Pattern
from llmhub.storage.reading import Identity, Record, identity_of, read_on

logger = logging.getLogger(__name__)
CHAT_FILES = Pattern(r"[0-9A-Za-z_-]{1,64}")
INDEX = "list.index.json"
"""No chat file can have this name: what stands between the dots of theirs is a number."""
_FORMAT = 1
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Told:
    """What the entries of one file say about its chat."""

    title: str = ""
    title_at: str = ""
    updated_at: str = ""
    turns: int = 0
    lanes: dict[str, str] = field(default_factory=dict)
    """Model by lane."""

    def take(self, at: str, entry: Entry) -> None:
        """One entry more."""
        self.updated_at = max(self.updated_at, str(entry.get("at") or at))
        match entry["kind"]:
            case "title":
                self.title, self.title_at = str(entry["title"]), at
            case "lane":
                self.lanes[str(entry["lane"])] = str(entry["setup"]["model"])
            case "drop_lane":
                self.lanes.pop(str(entry["lane"]), None)
            case "node" if entry.get("role") == "assistant":
                self.turns += 1


@dataclass(frozen=True, slots=True)
class Known:
    """One chat file: how far it was read, and what it says."""

    identity: Identity
    end: int
    guard: int
    whole: bool
    """Closed and without damage."""
    told: Told


class Summaries:
    """The list. Belongs to one thread."""

    def __init__(self, folder: Path, disk: Disk, owned: Callable[[str], AppendFile | None]) -> None:
        self.repairs: list[Repair] = []
        self.unsaved_bytes = 0
        self._folder = folder
        self._disk = disk
        self._owned = owned
        self._files: dict[str, Known] | None = None

    def all(self) -> list[ChatSummary]:
        """Every chat, the last used first.

        Raises:
            OSError: the folder is there and cannot be looked into.
        """
        before = self._load() if self._files is None else self._files
        by_chat: dict[str, list[Told]] = {}
        self._files = {}
        for name, facts in CHAT_FILES.files(self._disk, self._folder):
            known = before.get(name.name)
            if known is None or known.identity != identity_of(facts) or not known.whole:
                try:
                    known = self._read(name.name, known)
                except OSError as error:
                    logger.warning("%s cannot be read: %s", name.name, error.strerror)
                    continue
            self._files[name.name] = known
            by_chat.setdefault(name.stem, []).append(known.told)
        rows = [summary_of(chat_id, told) for chat_id, told in by_chat.items()]
        return sorted(rows, key=lambda row: row.updated_at, reverse=True)

    def save(self) -> None:
        """Save the index."""
        self.unsaved_bytes = 0
        documents = [seal({"kind": "index", "v": _FORMAT})]
        documents += [seal({"file": name} | asdict(known)) for name, known in (self._files or {}).items()]
        try:
            write_cache(self._disk, self._folder / INDEX, documents)
        except OSError as error:
            logger.warning("the list of chats could not be saved: %s", error)

    def _read(self, name: str, before: Known | None) -> Known:
        path = self._folder / name
        told = replace(before.told, lanes=dict(before.told.lanes)) if before else Told()
        fresh: list[Record] = []

        def restart() -> None:
            nonlocal told
            told = Told()
            fresh.clear()

        start, guard = (before.end, before.guard) if before else (0, None)
        reading = read_on(self._disk, path, fresh.append, start=start, guard=guard, restart=restart)
        if not reading.closed or reading.junk:
            repairs = mend(self._disk, path, self._owned(name), damaged=reading.junk > 0)
            if repairs is not None:
                self.repairs += repairs
                restart()
                reading = read_on(self._disk, path, fresh.append)
        for at, entry in from_records(fresh):
            told.take(at, entry)
        self.unsaved_bytes += reading.end - (start if start <= reading.end else 0)
        return Known(reading.identity, reading.end, reading.guard, reading.closed and not reading.junk, told)

    def _load(self) -> dict[str, Known]:
        documents = [json.loads(document) for document in read_cache(self._disk, self._folder / INDEX)]
        if not documents or documents[0].get("v") != _FORMAT:
            return {}
        found: dict[str, Known] = {}
        for document in documents[1:]:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                inode, size, modified, changed = document["identity"]
                found[document["file"]] = Known(
                    (inode, size, modified, changed),
                    int(document["end"]),
                    int(document["guard"]),
                    bool(document["whole"]),
                    Told(**document["told"]),
                )
        return found


def summary_of(chat_id: str, files: list[Told]) -> ChatSummary:
    """One line for the files of one chat."""
    newest = max(files, key=lambda told: told.title_at)
    models: dict[str, None] = {}
    for told in files:
        models |= dict.fromkeys(told.lanes.values())
    try:
        updated_at = datetime.fromisoformat(max(told.updated_at for told in files))
    except ValueError:
        updated_at = _NEVER
    if updated_at.tzinfo is None:
        updated_at = updated_at.replace(tzinfo=UTC)
    return ChatSummary(chat_id, newest.title, updated_at, sum(told.turns for told in files), tuple(models))
