"""A bench: prompts that share nothing, medians of what the daemon told, and what is kept of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmhub.core.bench import (
    FEWEST_WORDS,
    PROMPT_TOKENS,
    Bench,
    BenchBook,
    Benching,
    BenchRun,
    bench_prompt,
    measure,
)
from llmhub.core.chat import Durations, Usage
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.turns import ClientTimes, Turn
from llmhub.ledger.books import BookKeeper
from support.booking import a_turn
from support.fake_host import failure

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def bench(**changes: Any) -> Bench:
    facts: dict[str, Any] = {
        "model": "m:1b",
        "digest": "d",
        "machine_id": "here",
        "daemon_version": "0.32.15",
        "context_tokens": 8192,
        "load_s": 1.5,
        "at": NOW,
    }
    runs = [
        BenchRun(512, 128, 900.0, 47.5, 0.6),
        BenchRun(510, 128, None, 45.0, 0.5),
        BenchRun(511, 64, 800.0, 48.0, 9),
    ]
    return replace(Bench.over(runs, **facts), **changes)


class Tokenizer:
    """Stands for a daemon whose model makes so many tokens of a word."""

    def __init__(self, per_word: float, *, context: int = 8192) -> None:
        self.per_word = per_word
        self.context = context
        self.prompts: list[str] = []
        self.counts: list[int] = []

    async def ask(self, prompt: str) -> Turn:
        tokens = round(len(prompt.split()) * self.per_word)
        if tokens > self.context:
            raise failure(FailureKind.OVERFLOW)
        self.prompts.append(prompt)
        self.counts.append(tokens)
        turn = a_turn()
        return replace(
            turn,
            tokens=Usage(tokens, 100, source="daemon"),
            durations=Durations(None, None, 10**9, 2 * 10**9),
            client_ms=ClientTimes(250, 3000),
        )


async def benched(tokenizer: Tokenizer, runs: int = 3, nonce: str = "n") -> tuple[list[BenchRun], list[Benching]]:
    done: list[BenchRun] = []
    seen: list[Benching] = []
    await measure(tokenizer.ask, runs=runs, nonce=nonce, done=done, watch=seen.append, room_tokens=tokenizer.context)
    return done, seen


@pytest.mark.parametrize("per_word", [0.9, 1.3, 6.0])
async def test_the_warm_up_teaches_how_long_a_prompt_of_512_tokens_is(per_word: float) -> None:
    tokenizer = Tokenizer(per_word)

    done, _ = await benched(tokenizer)

    assert len(tokenizer.prompts) == 4
    assert all(abs(count - PROMPT_TOKENS) <= max(2, per_word) for count in tokenizer.counts[1:])
    assert [run.prompt_tokens for run in done] == tokenizer.counts[1:]


async def test_no_two_prompts_begin_alike_in_one_bench_or_in_two() -> None:
    first, second = Tokenizer(1.3), Tokenizer(1.3)

    await benched(first, runs=5, nonce="a")
    await benched(second, runs=5, nonce="b")

    beginnings = [prompt.split()[:4] for prompt in (*first.prompts, *second.prompts)]
    assert len({tuple(words) for words in beginnings}) == 12
    assert bench_prompt(50, "a 1") == bench_prompt(50, "a 1")


async def test_a_run_is_worked_out_from_the_daemons_own_counts_and_durations() -> None:
    done, seen = await benched(Tokenizer(1.0), runs=2)

    run = done[0]
    assert run == BenchRun(512, 100, 512.0, 50.0, 0.25)
    assert seen == [Benching(0, 2), Benching(1, 2), Benching(2, 2, run)]


def test_cached_tokens_are_not_read_and_what_was_not_told_is_unknown() -> None:
    turn = replace(a_turn(), tokens=Usage(600, 100, cached=100), durations=Durations(None, None, 10**9, None))
    silent = replace(turn, tokens=Usage(), durations=Durations(), client_ms=ClientTimes())

    assert BenchRun.of(turn).prefill_per_s == 500.0
    assert BenchRun.of(turn).decode_per_s is None
    assert BenchRun.of(silent) == BenchRun(None, None, None, None, None)


async def test_a_small_context_gets_a_prompt_that_fits() -> None:
    tokenizer = Tokenizer(4.0, context=200)

    done, _ = await benched(tokenizer)

    assert max(tokenizer.counts) <= 200
    assert all(150 <= count <= 204 for count in tokenizer.counts[1:])
    assert len(done) == 3


async def test_what_does_not_fit_however_short_and_every_other_failure_ends_the_bench() -> None:
    tokenizer = Tokenizer(10.0, context=FEWEST_WORDS)

    with pytest.raises(BackendError) as caught:
        await benched(tokenizer)

    assert caught.value.kind is FailureKind.OVERFLOW


async def test_what_was_measured_before_a_failure_is_kept() -> None:
    tokenizer = Tokenizer(1.0)
    done: list[BenchRun] = []

    async def ask(prompt: str) -> Turn:
        if len(tokenizer.prompts) == 3:
            raise failure(FailureKind.MEMORY)
        return await tokenizer.ask(prompt)

    with pytest.raises(BackendError):
        await measure(ask, runs=5, nonce="n", done=done, watch=lambda _: None, room_tokens=1000)

    assert len(done) == 2


def test_a_bench_is_the_medians_of_its_runs() -> None:
    found = bench()

    assert (found.runs, found.prefill_per_s, found.decode_per_s, found.first_s) == (3, 850.0, 47.5, 0.6)
    assert (found.prompt_tokens, found.completion_tokens) == (511, 128)
    assert found.speed is not None
    assert found.speed.words == "measured here by llmhub bench, 3 runs"
    assert bench(decode_per_s=None).speed is None


def test_a_record_gives_the_bench_again_through_the_ledger(tmp_path: Path) -> None:
    first, again, other = bench(), bench(decode_per_s=50.0), bench(context_tokens=4096)
    keeper = BookKeeper(tmp_path, clock=lambda: NOW, poll_s=None)
    for one in (first, again, other):
        assert keeper.keep("bench", one.to_record(), one.id).result(10)
    keeper.close()

    reader = BookKeeper(tmp_path, poll_s=None)
    records = reader.kept("bench").result(10)
    reader.close()

    assert set(BenchBook.from_records(records).benches) == {again, other}


def test_the_newest_bench_of_the_same_weights_on_the_same_machine_counts() -> None:
    later = bench(context_tokens=4096, at=NOW + timedelta(days=1), decode_per_s=40.0)
    book = BenchBook((later, bench(), bench(machine_id="there", at=NOW + timedelta(days=2))))

    assert book.newest("here", "d") == later
    assert book.newest("here", "another") is None
    assert book.newest("here", None) is None
    assert book.with_bench(replace(later, decode_per_s=41.0)).benches.count(later) == 0


@pytest.mark.parametrize(
    "record", [{}, bench().to_record(), bench().to_record() | {"at": NOW.isoformat(), "runs": None}]
)
def test_what_is_no_bench_is_passed_over(record: dict[str, Any]) -> None:
    assert BenchBook.from_records([record]).benches == ()
