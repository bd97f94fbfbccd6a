"""Measuring how fast local models read and write here; what was measured is kept for the verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from llmhub import formats
from llmhub.cli.checking import Looks
from llmhub.cli.options import Command, session
from llmhub.cli.roads import Question, road_for
from llmhub.cli.session import DONE, FAILED
from llmhub.cli.table import table
from llmhub.core.bench import REPLY_TOKENS, RUNS, Bench, Benching, BenchRun, measure
from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.identity import new_id
from llmhub.core.model_address import BACKENDS, OLLAMA, ModelAddress, model_address
from llmhub.core.models import InstalledModel, ModelDetails
from llmhub.core.names import name_key, says_cloud
from llmhub.core.run import TurnMeter, run_turn
from llmhub.core.turns import Turn

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console

_MARGIN_TOKENS = 64
"""Room beside prompt and answer for what a template adds."""
_SMALLEST_CONTEXT = 64


@dataclass(frozen=True, slots=True)
class _Asked:
    runs: int
    tokens: int
    ctx: int | None


@dataclass(slots=True)
class _Subject:
    """A model while it is measured."""

    address: ModelAddress
    model: InstalledModel
    details: ModelDetails
    context: int = 0
    load_s: float | None = None
    runs: list[BenchRun] = field(default_factory=list)


@click.command(cls=Command)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--runs", type=click.IntRange(1, 100), default=RUNS, show_default=True, help="Runs after the warm-up.")
@click.option(
    "--tokens",
    type=click.IntRange(8, 4096),
    default=REPLY_TOKENS,
    show_default=True,
    metavar="TOKENS",
    help="The most an answer may have.",
)
@click.option("--ctx", type=click.IntRange(_SMALLEST_CONTEXT), metavar="TOKENS", help="Context to ask for.")
@click.pass_context
def bench(context: click.Context, models: tuple[str, ...], runs: int, tokens: int, ctx: int | None) -> None:
    """Measure how fast each MODEL reads and writes on this machine; kept for the verdicts.

    Loading is timed apart. A warm-up comes first, then runs with prompts of about 512 tokens that share nothing.
    Every run is booked like any other turn. Local models only: a cloud model would cost money.
    """
    console = session(context).console
    addresses = [_local(model_address(name, BACKENDS)) for name in dict.fromkeys(models)]
    asked = _Asked(runs, tokens, ctx)
    context.exit(session(context).run(lambda world: _bench(world, console, addresses, asked)))


def _local(address: ModelAddress) -> ModelAddress:
    if address.backend != OLLAMA or says_cloud(address.model):
        raise _costs_money(str(address))
    return address


def _costs_money(subject: str) -> LLMHubError:
    return LLMHubError(
        "A bench of a cloud model would cost money", subject, "name a model of your own; llmhub models lists them"
    )


async def _bench(world: World, console: Console, addresses: Sequence[ModelAddress], asked: _Asked) -> int:
    await world.ledger()
    version = (await world.host.info()).version
    subjects = [
        await _subject(world, address) for address in addresses
    ]  # nothing is begun with a wrong name among them
    found: list[Bench] = []
    looks = Looks(world)
    code = DONE
    try:
        for subject in subjects:
            try:
                await _measure(world, console, subject, asked, looks)
            except BackendError as error:
                console.error(await world.remedied(error))
                code = FAILED
            finally:
                console.clear()
                if subject.runs:  # also when it was stopped
                    found.append(await _keep(world, subject, version))
    except asyncio.CancelledError:
        console.note("Stopped; what was measured is kept" if found else "Stopped before the first run had ended")
        if found:
            _show(console, found, world.host.place.sign)
        raise
    _show(console, found, world.host.place.sign)
    return code


async def _subject(world: World, address: ModelAddress) -> _Subject:
    """The model, if it is one that can be measured.

    Raises:
        BackendError: it is not installed.
        LLMHubError: it runs elsewhere, or writes no text.
    """
    details = await world.host.details(address.model)
    key = name_key(address.model)
    model = next((one for one in await world.host.installed() if name_key(one.name) == key), None)
    if model is None:
        raise LLMHubError("Ollama does not list this model", address.model, "look which there are: llmhub models")
    if not model.place.is_local:
        raise _costs_money(model.name)
    if details.capabilities is not None and "completion" not in details.capabilities:
        raise LLMHubError("This model writes no text, so it has no such speed", model.name, "name one that chats")
    return _Subject(ModelAddress(OLLAMA, model.name), model, details)


async def _measure(world: World, console: Console, subject: _Subject, asked: _Asked, looks: Looks) -> None:
    name, nonce = subject.model.name, new_id()
    # what a preset says first would be cached, and counted as if it had been read
    system = f"Bench {nonce}" if subject.details.system else None

    async def ask(prompt: str) -> Turn:
        road = await road_for(
            world,
            Question(
                subject.address,
                prompt,
                system=system,
                ctx=subject.context or asked.ctx,
                max_tokens=_most(asked, subject.context),
                temperature=0.0,
                seed=1,
            ),
        )
        meter = TurnMeter(road.request, road.context)
        await run_turn(
            road.backend, road.request, await world.ledger(), _unheard, context=road.context, meter=meter,
            complete=world.complete,
        )  # fmt: skip
        assert meter.turn is not None  # run_turn has booked it
        return meter.turn

    probe = await road_for(world, Question(subject.address, "", ctx=asked.ctx))
    subject.context = probe.request.num_ctx
    loaded = {name_key(one.name): one for one in await world.host.loaded()}
    resident = loaded.get(name_key(name))
    if resident is None or resident.context_tokens != subject.context:
        console.progress(f"{name}: loading with a context of {formats.count(subject.context)} …")
        began = monotonic()
        await world.host.load(name, subject.context)
        subject.load_s = monotonic() - began
    await looks.look(name)
    room = subject.context - _most(asked, subject.context) - _MARGIN_TOKENS
    await measure(
        ask,
        runs=asked.runs,
        nonce=nonce,
        done=subject.runs,
        watch=lambda at: console.progress(_progress(name, at)),
        room_tokens=max(1, room),
    )
    await looks.look(name)


def _most(asked: _Asked, context: int) -> int:
    """Tokens of an answer, less where the context is small."""
    return min(asked.tokens, context // 4) if context else asked.tokens


def _unheard(_event: object) -> None:
    """Nobody reads what a bench says."""


async def _keep(world: World, subject: _Subject, version: str) -> Bench:
    bench = Bench.over(
        subject.runs,
        model=subject.model.name,
        digest=subject.model.digest,
        machine_id=world.daemon_machine,
        daemon_version=version,
        context_tokens=subject.context,
        load_s=subject.load_s,
        at=datetime.now(UTC),
    )
    await world.keep_bench(bench)
    return bench


def _progress(name: str, at: Benching) -> str:
    doing = "warming up" if at.run == 0 else f"run {at.run} of {at.of}"
    if at.last is not None:
        doing += f" · {formats.rate(at.last.decode_per_s)}"
    return f"{name}: {doing} · ctrl+c stops"


def _show(console: Console, found: Sequence[Bench], sign: str) -> None:
    if console.json:
        console.data([bench_json(one) for one in found])
        return
    if not found:
        return
    heads = ("  model", "context", "load", "reads", "writes", "first token", "runs")
    rows = [
        (
            f"{sign} {one.model}",
            formats.count(one.context_tokens),
            "was loaded" if one.load_s is None else formats.seconds(one.load_s),
            formats.rate(one.prefill_per_s),
            formats.rate(one.decode_per_s),
            formats.seconds(one.first_s),
            formats.count(one.runs),
        )
        for one in found
    ]
    for at, line in enumerate(table(heads, ("<", ">", ">", ">", ">", ">", ">"), rows)):
        console.print(line, "dim" if at == 0 else None)
    console.note("medians; kept for the verdicts of this machine", "dim")


def bench_json(bench: Bench) -> dict[str, Any]:
    """One model's medians, as `bench --json` tells them; unknown is null."""
    return {
        "model": bench.model,
        "digest": bench.digest,
        "machine": bench.machine_id,
        "daemon_version": bench.daemon_version,
        "context": bench.context_tokens,
        "runs": bench.runs,
        "load_s": bench.load_s,
        "prefill_per_s": bench.prefill_per_s,
        "decode_per_s": bench.decode_per_s,
        "first_token_s": bench.first_s,
        "prompt_tokens": bench.prompt_tokens,
        "completion_tokens": bench.completion_tokens,
        "at": bench.at,
    }
