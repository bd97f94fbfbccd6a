"""A turn: one request and its answer on one backend, and the record that is kept of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from llmhub.core.chat import Durations, Usage
from llmhub.core.places import Place, PlaceKind

_T = TypeVar("_T")

PICO = 10**12
"""Pico-dollars in a dollar: the integer unit that totals are added up in."""


class TurnStatus(StrEnum):
    """How a turn ended."""

    COMPLETE = "complete"
    LENGTH = "length"
    CONTEXT_FULL = "context_full"
    CANCELLED = "cancelled"
    CUT = "cut"
    REPEATED = "repeated"
    ERROR = "error"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class TurnBytes:
    """UTF-8 bytes of what was sent and received; text itself is never booked."""

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class ClientTimes:
    """What llmhub's own monotonic clock saw, milliseconds from sending the request."""

    first: int | None = None
    """To the first text or thought; `None` when nothing came."""
    wall: int | None = None


@dataclass(frozen=True, slots=True)
class EnergyFacts:
    """Energy of a turn as it was measured or declared (cost-model.md, section 4). Money is derived."""

    method: str = "none"
    scope: str | None = None
    counters: tuple[dict[str, Any], ...] = ()
    window_s: str | None = None
    idle_w: str | None = None
    idle_source: str | None = None
    samples: int | None = None
    shared: bool | None = None
    on_battery: bool | None = None
    charged_mj: int | None = None
    """Millijoules charged to the turn; an integer so that totals are exact. `None` is unknown."""
    cost_pico_usd: int | None = None
    """A cache: `charged_mj` at the electricity price in force when the turn began. A day's sum cannot know the hour."""


@dataclass(frozen=True, slots=True)
class BilledFacts:
    """What a provider charged, verbatim, and an integer of it for the totals."""

    raw: dict[str, Any] | None = None
    tier: str | None = None
    reconciled: str | None = None
    """stream, generation or pending; `None` where nobody bills."""
    pico_usd: int | None = None
    estimate_pico_usd: int | None = None
    """A cache: our own arithmetic from the counts and the price list in force, also while the bill is pending."""


@dataclass(frozen=True, slots=True)
class AvoidedFacts:
    """What a local turn was compared with in the cloud. The ratios are facts of their hour, the amounts a cache."""

    prompt_ratio: str = "1"
    """Cloud tokens for each local one, a decimal text."""
    completion_ratio: str = "1"
    ratio_label: str | None = None
    """How far the ratios can be trusted: measured, estimated or default."""
    label: str | None = None
    """How far the amounts can be trusted."""
    pico_usd: int | None = None
    """Without the fee on credits; `None` is unknown."""
    low_pico_usd: int | None = None
    high_pico_usd: int | None = None


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What is known about a turn before it is sent."""

    chat_id: str | None
    lane: int
    """From 0."""
    group_id: str
    """The prompt that went to one or more lanes."""
    seq: int
    """Which turn of its chat, from 1."""
    backend_name: str
    place: Place
    digest: str | None = None
    quantization: str | None = None
    machine_id: str | None = None
    profile_id: str | None = None
    prefix_tokens: int | None = None
    gap_s: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that is kept of a turn. A stored figure that we computed is only a cache of what stands beside it."""

    id: str
    started_at: datetime
    """UTC."""
    utc_offset_min: int
    status: TurnStatus
    reason: str | None
    """In words, for a status other than complete."""
    context: TurnContext
    model: str
    served_model: str | None = None
    provider: str | None = None
    generation_id: str | None = None
    tokens: Usage = Usage()
    bytes: TurnBytes = TurnBytes()
    durations: Durations = Durations()
    client_ms: ClientTimes = ClientTimes()
    num_ctx: int | None = None
    max_tokens: int | None = None
    think: bool | str | None = None
    energy: EnergyFacts = EnergyFacts()
    billed: BilledFacts = BilledFacts()
    price_snapshot: str | None = None
    ref_model: str | None = None
    ref_snapshot: str | None = None
    avoided: AvoidedFacts = AvoidedFacts()
    vote: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields a newer llmhub wrote that this one does not know; they survive."""

    @property
    def place(self) -> Place:
        """Where it ran."""
        return self.context.place

    @property
    def is_pending(self) -> bool:
        """Whether a provider's bill is still to come."""
        return self.billed.reconciled == "pending"

    @property
    def billable_tokens(self) -> int | None:
        """Prompt and completion together; `None` when both are unknown."""
        if self.tokens.prompt is None and self.tokens.completion is None:
            return None
        return (self.tokens.prompt or 0) + (self.tokens.completion or 0)

    @property
    def busy_s(self) -> Decimal | None:
        """Seconds the machine worked: load + prefill + decode, else total, else our own wall time."""
        parts = (self.durations.load_ns, self.durations.prompt_eval_ns, self.durations.eval_ns)
        if all(part is not None for part in parts):
            return Decimal(sum(part or 0 for part in parts)) / 10**9
        if self.durations.total_ns is not None:
            return Decimal(self.durations.total_ns) / 10**9
        return None if self.client_ms.wall is None else Decimal(self.client_ms.wall) / 1000

    @property
    def decode_per_s(self) -> float | None:
        """Tokens a second while decoding, measured by the daemon where it did, else by our clock."""
        count = self.tokens.completion
        if not count:
            return None
        if self.durations.eval_ns:
            return count / self.durations.eval_ns * 1e9
        first, wall = self.client_ms.first, self.client_ms.wall
        return count / (wall - first) * 1000 if first is not None and wall is not None and wall > first else None

    def to_record(self) -> dict[str, Any]:
        """As finite JSON: the facts of the turn, without the ledger's envelope."""
        context = self.context
        record: dict[str, Any] = dict(self.extra)
        record |= {
            "id": self.id,
            "chat": context.chat_id,
            "lane": context.lane,
            "group_id": context.group_id,
            "seq": context.seq,
            "started_at": iso_ms(self.started_at),
            "utc_offset_min": self.utc_offset_min,
            "status": str(self.status),
            "reason": self.reason,
            "backend_name": context.backend_name,
            "place": {"kind": str(context.place.kind), "name": context.place.name},
            "machine": context.machine_id,
            "model": self.model,
            "digest": context.digest,
            "quantization": context.quantization,
            "served_model": self.served_model,
            "provider": self.provider,
            "generation_id": self.generation_id,
            "tokens": asdict(self.tokens),
            "bytes": asdict(self.bytes),
            "prefix_tokens": context.prefix_tokens,
            "gap_s": context.gap_s,
            "num_ctx": self.num_ctx,
            "max_tokens": self.max_tokens,
            "think": self.think,
            "ns": {
                "total": self.durations.total_ns,
                "load": self.durations.load_ns,
                "prompt_eval": self.durations.prompt_eval_ns,
                "eval": self.durations.eval_ns,
            },
            "client_ms": asdict(self.client_ms),
            "energy": asdict(self.energy) | {"counters": list(self.energy.counters)},
            "billed": asdict(self.billed),
            "profile_id": context.profile_id,
            "price_snapshot": self.price_snapshot,
            "ref_model": self.ref_model,
            "ref_snapshot": self.ref_snapshot,
            "avoided": None if self.avoided == _NOT_COMPARED else asdict(self.avoided),
            "vote": self.vote,
        }
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Turn:
        """The turn of a record of this or an older schema; unknown fields are kept in `extra`.

        Raises:
            ValueError: when a field that every version has is missing or of a wrong type.
        """
        try:
            return cls._read(record)
        except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"not a turn: {error!r}") from error

    @classmethod
    def _read(cls, record: dict[str, Any]) -> Turn:
        place = record.get("place") or {}
        times = record.get("ns") or {}
        energy = record.get("energy") or {}
        return cls(
            id=str(record["id"]),
            started_at=datetime.fromisoformat(record["started_at"]),
            utc_offset_min=int(record.get("utc_offset_min") or 0),
            status=TurnStatus(record["status"]),
            reason=record.get("reason"),
            context=TurnContext(
                chat_id=record.get("chat"),
                lane=int(record.get("lane") or 0),
                group_id=str(record.get("group_id") or record["id"]),
                seq=int(record.get("seq") or 0),
                backend_name=str(record.get("backend_name") or ""),
                place=Place(PlaceKind(place.get("kind", "provider")), str(place.get("name") or "")),
                digest=record.get("digest"),
                quantization=record.get("quantization"),
                machine_id=record.get("machine"),
                profile_id=record.get("profile_id"),
                prefix_tokens=record.get("prefix_tokens"),
                gap_s=record.get("gap_s"),
            ),
            model=str(record["model"]),
            served_model=record.get("served_model"),
            provider=record.get("provider"),
            generation_id=record.get("generation_id"),
            tokens=_of(Usage, record.get("tokens")),
            bytes=_of(TurnBytes, record.get("bytes")),
            durations=Durations(times.get("total"), times.get("load"), times.get("prompt_eval"), times.get("eval")),
            client_ms=_of(ClientTimes, record.get("client_ms")),
            num_ctx=record.get("num_ctx"),
            max_tokens=record.get("max_tokens"),
            think=record.get("think"),
            energy=_of(EnergyFacts, {**energy, "counters": tuple(energy.get("counters") or ())}),
            billed=_of(BilledFacts, record.get("billed")),
            price_snapshot=record.get("price_snapshot"),
            ref_model=record.get("ref_model"),
            ref_snapshot=record.get("ref_snapshot"),
            avoided=_of(AvoidedFacts, record.get("avoided")),
            vote=record.get("vote"),
            extra={key: value for key, value in record.items() if key not in _KNOWN},
        )


@dataclass(frozen=True, slots=True)
class Intent:
    """A turn that was sent and has not been settled yet."""

    id: str
    """The id its turn will have."""
    started_at: datetime
    utc_offset_min: int
    context: TurnContext
    model: str
    prompt_bytes: int
    num_ctx: int | None = None
    max_tokens: int | None = None
    generation_id: str | None = None

    def interrupted(self, reason: str) -> Turn:
        """The turn this intent becomes when llmhub was closed or killed before it ended."""
        return Turn(
            id=self.id,
            started_at=self.started_at,
            utc_offset_min=self.utc_offset_min,
            status=TurnStatus.INTERRUPTED,
            reason=reason,
            context=self.context,
            model=self.model,
            generation_id=self.generation_id,
            bytes=TurnBytes(prompt=self.prompt_bytes),
            num_ctx=self.num_ctx,
            max_tokens=self.max_tokens,
        )


def iso_ms(moment: datetime) -> str:
    """UTC with milliseconds: `2026-11-20T09:35:24.112Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _of(cls: type[_T], values: Any) -> _T:
    """`cls` from a mapping, leaving out what it does not know."""
    if not values:
        return cls()
    names = cls.__dataclass_fields__  # type: ignore[attr-defined]
    if values.keys() <= names.keys():  # all of them, as a rule: a recount does this a million times
        return cls(**values)
    return cls(**{key: value for key, value in values.items() if key in names})


_NOT_COMPARED = AvoidedFacts()
_KNOWN = frozenset(
    """
    id chat lane group_id seq started_at utc_offset_min status reason backend_name place machine model digest
    quantization served_model provider generation_id tokens bytes prefix_tokens gap_s num_ctx max_tokens think ns
    client_ms energy billed profile_id price_snapshot ref_model ref_snapshot avoided vote
    """.split()  # noqa: SIM905
)
