"""The totals file: how far each record file was counted and what that came to. A cache: when in doubt, count again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llmhub.core.places import PlaceKind
from llmhub.ledger.counting import SUM_FIELDS, FileCount, FileRows, packed_text
from llmhub.storage.cache_file import read_cache, seal, write_cache
from llmhub.storage.disk import Disk
from llmhub.storage.records import decode

NAME = "totals.json"
_FORMAT = {"kind": "totals", "v": 4, "fields": list(SUM_FIELDS), "places": [str(kind) for kind in PlaceKind]}
"""What the file begins with. Other sums or other kinds of place make the file worthless, and all is counted again."""


def load(disk: Disk, folder: Path) -> dict[str, FileCount]:
    """What was counted by name of file; nothing when the cache is missing, damaged or of another llmhub."""
    documents = read_cache(disk, folder / NAME)
    first = decode(documents[0]) if documents else None
    if first is None or {key: first.get(key) for key in _FORMAT} != _FORMAT:
        return {}
    counts: dict[str, FileCount] = {}
    for state, packed in zip(documents[1::2], documents[2::2], strict=False):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            facts = json.loads(state)
            if not packed.startswith(b'{"rows_of":%s,' % json.dumps(facts["file"]).encode("ascii")):
                return {}  # a line is missing: what stands where cannot be told any more
            counts[facts["file"]] = _count(facts, packed)
    return counts


def save(disk: Disk, folder: Path, counts: Iterable[FileCount]) -> None:
    """Put the cache in place at one instant.

    Raises:
        OSError: the old one is still there. No harm done.
    """
    documents = [seal(_FORMAT)]
    for count in counts:
        documents += [seal(_facts(count)), _packed(count)]
    write_cache(disk, folder / NAME, documents)


def _facts(count: FileCount) -> dict[str, Any]:
    return {
        "file": count.name,
        "identity": list(count.identity),
        "end": count.end,
        "guard": count.guard,
        "closed": count.closed,
        "junk": count.junk,
        "unsound": count.unsound,
        "newer": count.newer,
        "strange": count.strange,
        "months": sorted(count.months),
    }


def _count(facts: dict[str, Any], packed: bytes) -> FileCount:
    inode, size, modified, changed = (int(part) for part in facts["identity"])
    return FileCount(
        name=str(facts["file"]),
        identity=(inode, size, modified, changed),
        end=int(facts["end"]),
        guard=int(facts["guard"]),
        closed=bool(facts["closed"]),
        junk=int(facts["junk"]),
        unsound=int(facts["unsound"]),
        newer=int(facts["newer"]),
        strange=int(facts["strange"]),
        months=frozenset(str(month) for month in facts["months"]),
        rows=FileRows(packed=packed),
    )


def _packed(count: FileCount) -> bytes:
    if count.rows.packed:
        return count.rows.packed
    return seal({"rows_of": count.name, "packed": packed_text(count.rows.rows)})
