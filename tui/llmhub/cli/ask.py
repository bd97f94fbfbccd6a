"""One question to one model, streamed, on the one road: `core.run_turn` and the ledger."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from llmhub import formats
from llmhub.cli.figures import derived_json
from llmhub.cli.options import Command, session
from llmhub.cli.printer import Printer
from llmhub.cli.roads import Question, road_for
from llmhub.cli.session import DONE, FAILED
from llmhub.core.costs.turn import turn_cost
from llmhub.core.errors import BackendError
from llmhub.core.model_address import BACKENDS, model_address
from llmhub.core.places import PlaceKind
from llmhub.core.run import TurnMeter, run_turn
from llmhub.core.turns import Turn, TurnStatus

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console

MAX_PROMPT_BYTES = 16 * 1024 * 1024
"""More than any model reads; beyond it something else than a prompt was piped in."""

_ADVICE = {
    TurnStatus.LENGTH: "--max-tokens allows more",
    TurnStatus.CONTEXT_FULL: "--ctx asks for a larger one",
}


@click.command(cls=Command)
@click.argument("model")
@click.argument("prompt", required=False)
@click.option("--system", metavar="TEXT", help="System prompt.")
@click.option("--ctx", type=click.IntRange(1), metavar="TOKENS", help="Context to ask for.")
@click.option("--max-tokens", type=click.IntRange(1), metavar="TOKENS", help="The most a reply may have.")
@click.option("--temperature", type=click.FloatRange(0), help="Sampling temperature.")
@click.option("--seed", type=int, help="Seed of the sampling.")
@click.option("--think/--no-think", default=None, help="Let the model think first, or not.")
@click.option("--hide-thinking", is_flag=True, help="Do not write the thoughts to stderr.")
@click.pass_context
def ask(context: click.Context, /, model: str, prompt: str | None, hide_thinking: bool, **options: Any) -> None:
    """Ask MODEL once. Without PROMPT (or with -) the prompt is read from stdin."""
    console = session(context).console
    question = Question(
        model_address(model, BACKENDS), _prompt(prompt), show_thinking=not hide_thinking and not console.json, **options
    )
    context.exit(session(context).run(lambda world: _ask(world, console, question)))


def _prompt(given: str | None) -> str:
    if given not in {None, "-"}:
        text = given or ""
    elif sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("Missing argument 'PROMPT': write one, or pipe one in.")
    else:
        data = sys.stdin.buffer.read(MAX_PROMPT_BYTES + 1)
        if len(data) > MAX_PROMPT_BYTES:
            raise click.UsageError(f"The prompt is larger than {formats.size(MAX_PROMPT_BYTES)}.")
        text = data.decode("utf-8", "replace").removesuffix("\n")
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    return text


async def _ask(world: World, console: Console, question: Question) -> int:
    ledger = await world.ledger()
    road = await road_for(world, question)
    request, name = road.request, question.model.model
    if question.think and request.think is None:
        console.note(f"{name} does not think, so --think was left out")
    if road.estimate is not None:
        (await world.guard()).check(road.estimate)
    meter = TurnMeter(request, road.context)
    printer = Printer(console, question.show_thinking, name)
    failure: BackendError | None = None
    try:
        await run_turn(
            road.backend, request, ledger, printer.show, context=road.context, meter=meter, complete=world.complete
        )
    except BackendError as error:
        failure = await world.remedied(error)
    except asyncio.CancelledError:
        if printer.reader_gone:
            return FAILED
        printer.end()
        if meter.turn is not None:
            _report(world, console, meter.turn, printer, None)
        raise
    printer.end()
    turn = meter.turn
    if turn is not None and console.json:
        turn = await _with_bill(world, turn) or turn
    if turn is not None:
        _report(world, console, turn, printer, failure)
    if failure is not None:
        console.error(failure)
    if turn is not None and not console.json and (settled := await _with_bill(world, turn)) is not None:
        billed = turn_cost(settled, world.profiles, world.prices).cloud
        console.note(f"the bill has come: {formats.usd(billed)}", "dim")
    return DONE if failure is None else FAILED


async def _with_bill(world: World, turn: Turn) -> Turn | None:
    """The turn with the bill that it waited for, once it has come; bills of earlier turns are asked for on the way."""
    if turn.place.kind is not PlaceKind.PROVIDER:
        return None
    waits_s = (0.5, 1.0) if turn.billed.reconciled == "pending" else ()
    return (await world.settle_bills(waits_s=waits_s)).get(turn.id)


def _report(world: World, console: Console, turn: Turn, printer: Printer, failure: BackendError | None) -> None:
    """The turn as it was booked: one object, or a line of figures on stderr."""
    cost = turn_cost(turn, world.profiles, world.prices)
    if console.json:
        found: dict[str, Any] = turn.to_record()
        found |= {"text": printer.text, "thinking": printer.thinking, "tool_calls": printer.tool_calls}
        found["derived"] = derived_json(turn, cost)
        if failure is not None:
            found["error"] = {
                "kind": str(failure.kind),
                "happened": failure.happened,
                "subject": failure.subject,
                "remedy": failure.remedy,
            }
        console.data(found)
        return
    if failure is not None and turn.client_ms.first is None:
        return  # nothing came, so the error says it all
    words = [f"{turn.place.sign} {turn.place.words}"]
    if (rate := turn.decode_per_s) is not None:
        words.append(formats.rate(rate, measured=bool(turn.durations.eval_ns)))
    if turn.client_ms.first is not None:
        words.append(f"first {formats.seconds(turn.client_ms.first / 1000)}")
    if turn.tokens.completion is not None:
        words.append(("~" if turn.tokens.source == "estimate" else "") + f"{formats.count(turn.tokens.completion)} tok")
    if turn.place.is_local:
        words.append(f"{formats.usd(cost.power)} power")
        words.append(f"{formats.usd(cost.with_machine)} with the machine")
    else:
        words.append(formats.usd(cost.cloud))
    if turn.status is TurnStatus.CANCELLED:
        words.insert(0, "stopped")
    elif turn.reason and failure is None:
        words.insert(0, turn.reason + (f" ({_ADVICE[turn.status]})" if turn.status in _ADVICE else ""))
    console.note(" · ".join(words), "dim")
