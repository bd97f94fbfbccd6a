"""The machine a turn ran on, as it is kept beside the turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Machine:
    """One computer. What it cost is in the profile, not here."""

    id: str
    """The same after every restart, on this machine only; it does not tell who the machine is."""
    name: str
    chip: str | None
    memory_bytes: int | None
    os: str
    gpus: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """As finite JSON, without the ledger's envelope."""
        return {
            "id": self.id,
            "name": self.name,
            "chip": self.chip,
            "memory_bytes": self.memory_bytes,
            "os": self.os,
            "gpus": list(self.gpus),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Machine:
        """The machine of a record of this or another version; unknown fields are left out.

        Raises:
            ValueError: without an id.
        """
        identity = record.get("id")
        if not isinstance(identity, str) or not identity:
            raise ValueError("not a machine: no id")
        memory = record.get("memory_bytes")
        return cls(
            id=identity,
            name=str(record.get("name") or ""),
            chip=record.get("chip"),
            memory_bytes=memory if isinstance(memory, int) else None,
            os=str(record.get("os") or ""),
            gpus=tuple(str(gpu) for gpu in record.get("gpus") or ()),
        )
