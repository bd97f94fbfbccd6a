"""One question to one model, streamed, on the one road: `core.run_turn` and the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from llmhub import formats
from llmhub.cli.figures import derived_json
from llmhub.cli.options import Command, session
from llmhub.cli.session import DONE, FAILED
from llmhub.core.asking import think_for
from llmhub.core.chat import (
    ChatEvent,
    ChatRequest,
    Message,
    SamplingParams,
    Served,
    TextDelta,
    Think,
    ThinkingDelta,
    ToolCallDelta,
    Waiting,
)
from llmhub.core.conversations import LaneSetup
from llmhub.core.costs.turn import turn_cost
from llmhub.core.errors import BackendError
from llmhub.core.identity import new_id
from llmhub.core.model_address import ModelAddress, model_address
from llmhub.core.models import InstalledModel, ModelDetails, context_to_ask
from llmhub.core.names import name_key, says_cloud
from llmhub.core.places import OLLAMA_CLOUD
from llmhub.core.run import TurnMeter, run_turn
from llmhub.core.turns import Turn, TurnContext, TurnStatus

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console

MAX_PROMPT_BYTES = 16 * 1024 * 1024
"""More than any model reads; beyond it something else than a prompt was piped in."""

_ADVICE = {
    TurnStatus.LENGTH: "--max-tokens allows more",
    TurnStatus.CONTEXT_FULL: "--ctx asks for a larger one",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for on the command line."""

    model: ModelAddress
    prompt: str
    system: str | None = None
    ctx: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    think: bool | None = None
    show_thinking: bool = True


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
        model_address(model), _prompt(prompt), show_thinking=not hide_thinking and not console.json, **options
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
    name = question.model.model
    installed, details, resident = await _known(world, name)
    request = _request(world, question, installed, details, resident)
    if question.think and request.think is None:
        console.note(f"{name} does not think, so --think was left out")
    turn_context = TurnContext(
        chat_id=None,
        lane=0,
        group_id=new_id(),
        seq=1,
        backend_name=question.model.backend,
        place=installed.place if installed else OLLAMA_CLOUD if says_cloud(name) else world.host.place,
        digest=installed.digest if installed else None,
        quantization=installed.quantization if installed else None,
        machine_id=world.machine_id,
        profile_id=world.profile.profile_id,
        prefix_tokens=0,
    )
    meter = TurnMeter(request, turn_context)
    printer = _Printer(console, question.show_thinking, name)
    failure: BackendError | None = None
    try:
        await run_turn(
            world.host, request, ledger, printer.show, context=turn_context, meter=meter, complete=world.complete
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
    if meter.turn is not None:
        _report(world, console, meter.turn, printer, failure)
    if failure is not None:
        console.error(failure)
        return FAILED
    return DONE


async def _known(world: World, name: str) -> tuple[InstalledModel | None, ModelDetails | None, int | None]:
    """What the daemon tells of the model. When it tells nothing the request itself will say why, and be booked."""
    installed, details, resident = None, None, None
    with contextlib.suppress(BackendError):
        key = name_key(name)
        installed = next((one for one in await world.host.installed() if name_key(one.name) == key), None)
        details = await world.host.details(name)
        resident = next((one.context_tokens for one in await world.host.loaded() if name_key(one.name) == key), None)
    return installed, details, resident


def _request(
    world: World,
    question: Question,
    installed: InstalledModel | None,
    details: ModelDetails | None,
    resident: int | None,
) -> ChatRequest:
    messages = [Message.of("user", question.prompt)]
    if question.system:
        messages.insert(0, Message.of("system", question.system))
    trained = (installed.context_trained if installed else None) or (details.context_trained if details else None)
    setup = LaneSetup(question.model.backend, question.model.model, think=question.think)
    think: Think = think_for(setup, installed, details)
    return ChatRequest(
        model=installed.name if installed else question.model.model,  # as the app books it: one model, one name
        messages=tuple(messages),
        params=SamplingParams(temperature=question.temperature, seed=question.seed),
        think=think,
        num_ctx=context_to_ask(
            wanted=question.ctx,
            preset=details.preset_context if details else None,
            resident=resident,
            trained=trained,
            default=world.config.chat_context,
        ),
        max_tokens=question.max_tokens or world.config.chat_max_tokens,
    )


class _Printer:
    """Writes a reply as it comes: text to stdout, thoughts dim to stderr. With --json it only gathers."""

    def __init__(self, console: Console, show_thinking: bool, name: str) -> None:
        self._console = console
        self._show_thinking = show_thinking
        self._name = name
        self._text: list[str] = []
        self._thinking: list[str] = []
        self.tool_calls: list[dict[str, str]] = []
        self.place_words = ""
        self.reader_gone = False
        self._open: str | None = None

    @property
    def text(self) -> str:
        """The reply so far, exactly as it came."""
        return "".join(self._text)

    @property
    def thinking(self) -> str:
        """The thoughts so far."""
        return "".join(self._thinking)

    def show(self, event: ChatEvent) -> None:
        """Take one event of the turn. A reader that has gone stops the turn as ctrl+c does: it is booked so."""
        try:
            self._show(event)
        except BrokenPipeError:
            self.reader_gone = True
            raise asyncio.CancelledError("the reader of stdout has gone") from None

    def _show(self, event: ChatEvent) -> None:
        match event:
            case TextDelta(text=text):
                self._text.append(text)
                if not self._console.json:
                    self._switch("text")
                    self._console.stream(text)
            case ThinkingDelta(text=text):
                self._thinking.append(text)
                if self._show_thinking:
                    self._switch("thinking")
                    self._console.aside(text)
            case ToolCallDelta(call=call):
                self.tool_calls.append({"name": call.name, "arguments": call.arguments})
                if not self._console.json:
                    self._switch(None)
                    self._console.note(f"asks for the tool {call.name}: {call.arguments}", "dim")
            case Served(place=place):
                self.place_words = place.words
            case Waiting(silent_s=silent) if self._console.redraws:
                doing = "nothing came" if event.started else "loads or waits its turn"
                if self._open is None:
                    self._console.progress(f"{self._name}: {doing} for {formats.seconds(silent)} · ctrl+c stops")
            case _:
                pass

    def _switch(self, to: str | None) -> None:
        if self._open == to:
            return
        if self._open == "thinking":
            self._console.aside("\n")
        elif self._open == "text":
            self._console.stream("\n")
        self._open = to

    def end(self) -> None:
        """Close the line that is open."""
        with contextlib.suppress(BrokenPipeError):
            self._console.clear()
            if self._open == "text" and self.text.endswith("\n"):
                self._open = None
            self._switch(None)


def _report(world: World, console: Console, turn: Turn, printer: _Printer, failure: BackendError | None) -> None:
    """The turn as it was booked: one object, or a line of figures on stderr."""
    cost = turn_cost(turn, world.profiles)
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
