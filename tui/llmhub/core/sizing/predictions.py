"""What was predicted for loads, and what the daemon then said they take: kept, summed up, used for later verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from math import ceil
from statistics import median
from typing import Any

KIND = "prediction"
"""The ledger's word for these records."""
LAST = 12
"""So many of the newest predictions are summed up in words."""
OWN_ARCHITECTURE_RECORDS = 3
"""So many loads of an architecture correct a model of it that was never loaded itself."""
LEAST_RATIO, MOST_RATIO = 0.97, 1.05
"""A correction stays within these: what lies beyond is a setting of the daemon that cannot be seen from here."""
NOT_WORTH_IT = 0.0005
"""Share below which nothing is corrected: the daemon reads its engine's figures with two decimals."""


class Basis(StrEnum):
    """Where the buffers of a load lie; predictions of one kind are summed up together."""

    CPU = "cpu"
    """All in the computer's own memory: the formula was measured there, within 0.002 %."""
    GPU = "gpu"
    """All on the GPU: the formula follows the source of daemon and engine, and was not measured."""
    APART = "apart"
    """What the daemon's figure contains is not known exactly: kept, never summed up and never used. `why` says it."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One load: what `/api/ps` was expected to say, and what it said. Bytes."""

    model: str
    digest: str | None
    architecture: str | None
    daemon_version: str
    machine_id: str | None
    """The ledger's id of the machine, or the address of a daemon on another one."""
    context_tokens: int
    kv_type: str
    predicted_bytes: int
    """What the daemon was expected to say; where it leaves out a cache, without that cache."""
    measured_bytes: int
    """`size` of `/api/ps`."""
    vram_bytes: int
    two_caches: bool
    """Whether the daemon leaves one of two caches out (memory-sizing.md, a6)."""
    at: datetime
    """When the two were compared, UTC."""
    left_out_bytes: int = 0
    """The cache that the daemon leaves out."""
    basis: Basis = Basis.CPU
    why: str = ""
    """For `Basis.APART`: why it is not counted, a clause."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Fields of a newer llmhub's record; they survive."""

    @property
    def id(self) -> str:
        """The same for the same load: a later look replaces an earlier one."""
        same = [self.machine_id, self.daemon_version, self.digest or self.model, self.context_tokens, self.kv_type]
        return f"pd{sha256(json.dumps(same).encode()).hexdigest()[:14]}"

    @property
    def ratio(self) -> float:
        """Measured over predicted; 1 is exact."""
        return self.measured_bytes / self.predicted_bytes

    @property
    def error(self) -> float:
        """How far it was off, a share of what was predicted, never below 0."""
        return abs(self.ratio - 1)

    @property
    def counts(self) -> bool:
        """Whether it is summed up and used for later verdicts."""
        return self.basis is not Basis.APART

    def to_record(self) -> dict[str, Any]:
        """As finite JSON. The ledger adds the moment."""
        return {
            **self.extra,
            "model": self.model,
            "digest": self.digest,
            "architecture": self.architecture,
            "daemon_version": self.daemon_version,
            "machine": self.machine_id,
            "context": self.context_tokens,
            "kv_type": self.kv_type,
            "predicted_bytes": self.predicted_bytes,
            "measured_bytes": self.measured_bytes,
            "vram_bytes": self.vram_bytes,
            "two_caches": self.two_caches,
            "left_out_bytes": self.left_out_bytes,
            "basis": str(self.basis),
            "why": self.why,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Prediction:
        """The prediction of a record of kind `prediction`.

        Raises:
            ValueError: when it is none.
        """
        try:
            found = cls(
                model=str(record["model"]),
                digest=_text(record.get("digest")),
                architecture=_text(record.get("architecture")),
                daemon_version=str(record["daemon_version"]),
                machine_id=_text(record.get("machine")),
                context_tokens=int(record["context"]),
                kv_type=str(record["kv_type"]),
                predicted_bytes=int(record["predicted_bytes"]),
                measured_bytes=int(record["measured_bytes"]),
                vram_bytes=int(record.get("vram_bytes") or 0),
                two_caches=bool(record.get("two_caches")),
                at=datetime.fromisoformat(record["at"]).astimezone(UTC),
                left_out_bytes=int(record.get("left_out_bytes") or 0),
                basis=Basis(record.get("basis") or Basis.APART),
                why=str(record.get("why") or ""),
                extra={key: value for key, value in record.items() if key not in _KEYS},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"not a prediction: {error!r}") from error
        if found.predicted_bytes <= 0 or found.measured_bytes <= 0:
            raise ValueError("not a prediction: without bytes")
        return found


_KEYS = frozenset(
    """
    id model digest architecture daemon_version machine context kv_type predicted_bytes measured_bytes vram_bytes
    two_caches left_out_bytes basis why v kind at day crc
    """.split()  # noqa: SIM905
)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class PredictionBook:
    """Every prediction that was compared; the newest last."""

    predictions: tuple[Prediction, ...] = ()

    def __post_init__(self) -> None:
        newest: dict[str, Prediction] = {}
        for prediction in sorted(self.predictions, key=lambda one: one.at):
            newest.pop(prediction.id, None)
            newest[prediction.id] = prediction
        object.__setattr__(self, "predictions", tuple(newest.values()))

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> PredictionBook:
        """The book of the ledger's `prediction` records; what is none is passed over."""
        read = []
        for record in records:
            try:
                read.append(Prediction.from_record(record))
            except ValueError:
                continue
        return cls(tuple(read))

    def with_prediction(self, prediction: Prediction) -> PredictionBook:
        """The book with `prediction` in it, in place of an earlier look at the same load."""
        return PredictionBook((*self.predictions, prediction))

    def of_machine(self, machine_id: str | None) -> PredictionBook:
        """Those of one machine."""
        return PredictionBook(tuple(one for one in self.predictions if one.machine_id == machine_id))

    def for_version(self, version: str) -> tuple[Prediction, ...]:
        """Those of one version of the daemon, the newest last: another version may count otherwise."""
        return tuple(one for one in self.predictions if one.daemon_version == version)

    def last(self, version: str) -> tuple[Prediction, ...]:
        """Those that are summed up: the newest of one version and one basis, at most `LAST`."""
        counted = [one for one in self.for_version(version) if one.counts]
        return tuple([one for one in counted if one.basis is counted[-1].basis][-LAST:]) if counted else ()

    def words(self, version: str) -> str:
        """How well a daemon's figures were predicted: `last 12 predictions within 0.1 %`; empty before the first."""
        last = self.last(version)
        if not last:
            return ""
        how_many = "last prediction" if len(last) == 1 else f"last {len(last)} predictions"
        where = " on the GPU" if last[-1].basis is Basis.GPU else ""
        return f"{how_many}{where} within {_share(max(one.error for one in last))}"

    def correction_bytes(
        self, need_bytes: int, *, version: str, basis: Basis, digest: str | None, architecture: str | None
    ) -> int:
        """What earlier loads took more than was predicted, for a need of `need_bytes`; below 0 where it was less."""
        return corrected(need_bytes, self.ratio(version, basis, digest, architecture))

    def ratio(self, version: str, basis: Basis, digest: str | None, architecture: str | None) -> float:
        """Measured over predicted of earlier loads, within `LEAST_RATIO` and `MOST_RATIO`; 1 where nothing is learnt.

        The model's own loads count first, then those of its architecture; the median of their ratios.
        """
        same = [one for one in self.for_version(version) if one.basis is basis and one.counts]
        own = [one.ratio for one in same if digest is not None and one.digest == digest]
        kin = [one.ratio for one in same if architecture is not None and one.architecture == architecture]
        ratios = own or (kin if len(kin) >= OWN_ARCHITECTURE_RECORDS else [])
        if not ratios or abs(median(ratios) - 1) < NOT_WORTH_IT:
            return 1.0
        return min(max(median(ratios), LEAST_RATIO), MOST_RATIO)


def corrected(need_bytes: int, ratio: float) -> int:
    """What a need takes more, by a ratio that was learnt; below 0 where it is less."""
    return ceil(need_bytes * (ratio - 1)) if ratio != 1.0 else 0


def _share(error: float) -> str:
    """An upper bound in per cent, one decimal below 10: `0.1 %`, `12 %`."""
    per_cent = round(error * 100, 6)
    if per_cent > 10:
        return f"{ceil(per_cent)} %"
    return f"{max(1, ceil(round(per_cent * 10, 5))) / 10:.1f} %"
