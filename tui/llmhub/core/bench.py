"""Measured speed of a local model: a warm-up and some runs of one kind of prompt, their medians, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from random import Random
from statistics import median
from typing import Any

from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.model_use import ModelUse
from llmhub.core.sizing.speed import measured
from llmhub.core.sizing.speeds import Speed
from llmhub.core.turns import Turn

KIND = "bench"
"""The ledger's word for these records."""
RUNS = 3
PROMPT_TOKENS = 512
"""About so long is the prompt of each run."""
REPLY_TOKENS = 128
FEWEST_WORDS = 8
_WORDS_PER_TOKEN = 0.75
"""Of plain English, for the first guess; the warm-up tells the truth of the model's own tokenizer."""
_WORDS = (
    "river stone morning window paper engine garden letter winter bridge music harbor number kitchen silver forest "
    "teacher market candle pocket summer branch mirror journey village blanket signal copper meadow lantern"
)
_CLOSING = "Go on with this list of words for a long time."
_CLOSING_WORDS = len(_CLOSING.split())


@dataclass(frozen=True, slots=True)
class BenchRun:
    """What one run told; `None` where the daemon did not."""

    prompt_tokens: int | None
    completion_tokens: int | None
    prefill_per_s: float | None
    """Tokens of the prompt a second, those that were cached left out."""
    decode_per_s: float | None
    first_s: float | None
    """Seconds to the first token, by llmhub's own clock."""

    @classmethod
    def of(cls, turn: Turn) -> BenchRun:
        """From the turn as it was booked: the daemon's own counts and durations."""
        prompt, done = turn.tokens.prompt, turn.tokens.completion
        fresh = None if prompt is None else max(0, prompt - (turn.tokens.cached or 0))
        prefill_ns, eval_ns = turn.durations.prompt_eval_ns, turn.durations.eval_ns
        return cls(
            prompt,
            done,
            fresh * 1e9 / prefill_ns if fresh and prefill_ns else None,
            done * 1e9 / eval_ns if done and eval_ns else None,
            None if turn.client_ms.first is None else turn.client_ms.first / 1000,
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """The medians over some runs of one model at one context on one machine."""

    model: str
    digest: str | None
    machine_id: str | None
    """The ledger's id of the machine, or the address of a daemon on another one."""
    daemon_version: str
    context_tokens: int
    runs: int
    prefill_per_s: float | None
    decode_per_s: float | None
    first_s: float | None
    load_s: float | None
    """Seconds the load took; `None` when it was loaded already."""
    prompt_tokens: int | None
    completion_tokens: int | None
    at: datetime
    """UTC."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Fields of a newer llmhub's record; they survive."""

    @property
    def id(self) -> str:
        """The same for the same model in the same surroundings: a later bench replaces an earlier one."""
        same = [self.machine_id, self.daemon_version, self.digest or self.model, self.context_tokens]
        return f"be{sha256(json.dumps(same).encode()).hexdigest()[:14]}"

    @classmethod
    def over(cls, runs: Sequence[BenchRun], **facts: Any) -> Bench:
        """The medians of `runs`, of which there is at least one; `facts` are the other fields."""
        return cls(
            runs=len(runs),
            prefill_per_s=_median(run.prefill_per_s for run in runs),
            decode_per_s=_median(run.decode_per_s for run in runs),
            first_s=_median(run.first_s for run in runs),
            prompt_tokens=_whole(_median(run.prompt_tokens for run in runs)),
            completion_tokens=_whole(_median(run.completion_tokens for run in runs)),
            **facts,
        )

    @property
    def speed(self) -> Speed | None:
        """As a verdict shows it; `None` when the daemon told no speed."""
        if self.decode_per_s is None:
            return None
        return measured(self.decode_per_s, f"measured here by llmhub bench, {_counted(self.runs, 'run')}")

    def to_record(self) -> dict[str, Any]:
        """As finite JSON. The ledger adds the moment."""
        return {
            **self.extra,
            "model": self.model,
            "digest": self.digest,
            "machine": self.machine_id,
            "daemon_version": self.daemon_version,
            "context": self.context_tokens,
            "runs": self.runs,
            "prefill_per_s": self.prefill_per_s,
            "decode_per_s": self.decode_per_s,
            "first_s": self.first_s,
            "load_s": self.load_s,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Bench:
        """The bench of a record of kind `bench`.

        Raises:
            ValueError: when it is none.
        """
        try:
            return cls(
                model=str(record["model"]),
                digest=record.get("digest") or None,
                machine_id=record.get("machine") or None,
                daemon_version=str(record["daemon_version"]),
                context_tokens=int(record["context"]),
                runs=int(record["runs"]),
                prefill_per_s=_number(record.get("prefill_per_s")),
                decode_per_s=_number(record.get("decode_per_s")),
                first_s=_number(record.get("first_s")),
                load_s=_number(record.get("load_s")),
                prompt_tokens=_whole(_number(record.get("prompt_tokens"))),
                completion_tokens=_whole(_number(record.get("completion_tokens"))),
                at=datetime.fromisoformat(record["at"]).astimezone(UTC),
                extra={key: value for key, value in record.items() if key not in _KEYS},
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"not a bench: {error!r}") from error


_KEYS = frozenset(
    """
    id model digest machine daemon_version context runs prefill_per_s decode_per_s first_s load_s prompt_tokens
    completion_tokens v kind at day crc
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class BenchBook:
    """Every bench that is kept; the newest last."""

    benches: tuple[Bench, ...] = ()

    def __post_init__(self) -> None:
        newest = {bench.id: bench for bench in sorted(self.benches, key=lambda one: one.at)}
        object.__setattr__(self, "benches", tuple(sorted(newest.values(), key=lambda one: one.at)))

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> BenchBook:
        """The book of the ledger's `bench` records; what is none is passed over."""
        read = []
        for record in records:
            try:
                read.append(Bench.from_record(record))
            except ValueError:
                continue
        return cls(tuple(read))

    def with_bench(self, bench: Bench) -> BenchBook:
        """The book with `bench` in it, in place of an earlier one in the same surroundings."""
        return BenchBook((*self.benches, bench))

    def newest(self, machine_id: str | None, digest: str | None) -> Bench | None:
        """The last one of these very weights on that machine."""
        if digest is None:
            return None
        same = (one for one in reversed(self.benches) if one.machine_id == machine_id and one.digest == digest)
        return next(same, None)


def speed_here(use: ModelUse | None, bench: Bench | None) -> Speed | None:
    """How fast a model was on this machine: a bench, unless it was used on a later day; else the turns.

    The runs of a bench are turns themselves, and turns are summed up by the day.
    """
    by_bench = bench.speed if bench is not None else None
    if use is None or not use.decode_per_s:
        return by_bench
    if bench is not None and by_bench is not None and (use.last_used is None or _local_day(bench) >= use.last_used):
        return by_bench
    return measured(use.decode_per_s, f"measured here over {_counted(use.turns, 'turn')}")


@dataclass(frozen=True, slots=True)
class Benching:
    """What a bench does next, for whoever watches."""

    run: int
    """From 1; 0 is the warm-up."""
    of: int
    last: BenchRun | None = None
    """The run before."""


async def measure(
    ask: Callable[[str], Awaitable[Turn]],
    *,
    runs: int,
    nonce: str,
    done: list[BenchRun],
    watch: Callable[[Benching], None],
    room_tokens: int,
) -> None:
    """Warm up, then run; every run is added to `done` as soon as it has ended, so that a stop keeps it.

    Args:
        ask: Sends a prompt and gives the booked turn; raises `BackendError`.
        nonce: Makes the prompts of this bench unlike those of any other, so that nothing of them is cached.
        room_tokens: The most a prompt may have, for models with a small context.
    """
    wanted = min(PROMPT_TOKENS, room_tokens)
    words = max(FEWEST_WORDS, round(wanted * _WORDS_PER_TOKEN))
    watch(Benching(0, runs))
    while True:
        try:
            warm = await ask(bench_prompt(words, f"{nonce} 0"))
            break
        except BackendError as error:
            if error.kind is not FailureKind.OVERFLOW or words <= FEWEST_WORDS:
                raise
            words = max(FEWEST_WORDS, words // 2)  # a tokenizer that makes many tokens of a word
    if warm.tokens.prompt:
        words = max(FEWEST_WORDS, round((words + _CLOSING_WORDS) * wanted / warm.tokens.prompt) - _CLOSING_WORDS)
    for number in range(1, runs + 1):
        watch(Benching(number, runs, done[-1] if done else None))
        done.append(BenchRun.of(await ask(bench_prompt(words, f"{nonce} {number}"))))


def bench_prompt(words: int, seed: str) -> str:
    """A text of so many words that differs from the first one on with every `seed`, and asks for a long answer."""
    chosen = Random(seed).choices(_WORDS.split(), k=words)  # noqa: S311 - nothing is secret
    return f"{' '.join(chosen)}\n\n{_CLOSING}"


def _local_day(bench: Bench) -> date:
    return bench.at.astimezone().date()


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
