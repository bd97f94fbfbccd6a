"""Names of record files: a strict pattern. No sync tool's conflict copy is counted, and no field chooses a path."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from llmhub.core.identity import new_id
from llmhub.storage.disk import Disk

MONTH = r"[0-9]{4}-(?:0[1-9]|1[0-2])"
ULID = r"[0-9A-HJKMNP-TV-Z]{26}"
LAST_NUMBER = 9999


@dataclass(frozen=True, slots=True, order=True)
class RecordName:
    """The name of one record file."""

    stem: str
    """What the files of several processes share: `turns-2026-11`."""
    number: int
    """1 for the plain name, then 2, 3, ...; 0 for one made where locks are not supported."""
    name: str
    """As it stands in the folder."""


class Pattern:
    """The record files of one family in a folder.

    Args:
        stem: A regular expression for the stem.
    """

    def __init__(self, stem: str) -> None:
        self._name = re.compile(rf"({stem})(?:\.([2-9]|[1-9][0-9]{{1,3}}|x{ULID}))?\.json")
        self._stem = re.compile(stem)

    def parse(self, name: str) -> RecordName | None:
        """The record file called `name`; `None` when it is none of this family."""
        match = self._name.fullmatch(name)
        if match is None:
            return None
        number = match[2] or "1"
        return RecordName(match[1], 0 if number.startswith("x") else int(number), name)

    def fits(self, stem: str) -> bool:
        """Whether `stem` may be used for a file of this family."""
        return self._stem.fullmatch(stem) is not None

    def files(self, disk: Disk, folder: Path) -> list[tuple[RecordName, os.stat_result]]:
        """The family's files with their facts, in order of name and number.

        Raises:
            OSError: when the folder is there and cannot be looked into.
        """
        found = [(parsed, facts) for name, facts in disk.names(folder) if (parsed := self.parse(name))]
        return sorted(found, key=lambda file: file[0])


def month_stem(family: str, day: date) -> str:
    """The stem of a month's files."""
    return f"{family}-{day.year:04d}-{day.month:02d}"


def names_to_try(stem: str) -> Iterator[str]:
    """The names that a process may try to own, in order."""
    yield f"{stem}.json"
    for number in range(2, LAST_NUMBER + 1):
        yield f"{stem}.{number}.json"


def name_of_its_own(stem: str) -> str:
    """A name that no other process can have: for where locks are not supported."""
    return f"{stem}.x{new_id()}.json"
