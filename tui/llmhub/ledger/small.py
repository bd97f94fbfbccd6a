"""Small kinds of record that are not counted: profiles, machines, prices, measurements. Each has files of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.faults import Repair, failure
from llmhub.storage.mending import read_and_mend
from llmhub.storage.names import Pattern
from llmhub.storage.reading import Identity, Record, identity_of

FAMILIES = {
    "profile": "profiles",
    "machine": "machines",
    "price": "prices",
    "vote": "votes",
    "prediction": "predictions",
    "bench": "benches",
}
"""Each kind, and the stem of its files."""
_ENVELOPE = {"at", "day", "crc", "v"}


class SmallKinds:
    """What is on disk of them, read again only when a file changed. Belongs to one thread."""

    def __init__(self, folder: Path, disk: Disk, owned: Callable[[str], AppendFile | None]) -> None:
        self.repairs: list[Repair] = []
        self._folder = folder
        self._disk = disk
        self._owned = owned
        self._read: dict[str, tuple[list[tuple[str, Identity]], list[Record]]] = {}

    def newest(self, kind: str, unsaved: Iterable[Record]) -> dict[str, Record]:
        """The newest record of each id, the last written last; `unsaved` ones are newer than all on disk.

        Raises:
            StorageError: the files cannot be read.
            KeyError: there is no such kind.
        """
        found: dict[str, Record] = {}
        for record in [*self._on_disk(FAMILIES[kind]), *(record for record in unsaved if record["kind"] == kind)]:
            found.pop(str(record.get("id")), None)
            found[str(record.get("id"))] = record
        return found

    def _on_disk(self, family: str) -> list[Record]:
        try:
            files = Pattern(family).files(self._disk, self._folder)
            seen = [(name.name, identity_of(facts)) for name, facts in files]
            before, records = self._read.get(family, ([], []))
            if seen == before:
                return records
            records = []
            for name, _ in seen:
                found, repairs = read_and_mend(self._disk, self._folder / name, self._owned(name))
                records += found
                self.repairs += repairs
        except OSError as error:
            raise failure(error, self._folder / f"{family}.json") from error
        records.sort(key=lambda record: str(record.get("at")))
        self._read[family] = (seen, records)
        return records


def says_the_same(known: Record, record: Record) -> bool:
    """Whether two records differ in their envelopes only."""
    return _facts(known) == _facts(record)


def _facts(record: Record) -> Record:
    return {key: value for key, value in record.items() if key not in _ENVELOPE}
