"""What takes more than one step on Chat: questions that are asked, and what follows from the answers."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmhub import formats
from llmhub.core.asking import reply_turn, turns_to_drop
from llmhub.core.conversations import MAX_LANES, Chat, LaneSetup
from llmhub.core.differences import difference_lines, what_was_sent
from llmhub.core.errors import ConfigError, FailureKind, LLMHubError, StorageError
from llmhub.core.hub import Hub
from llmhub.core.plain import plain
from llmhub.core.session import LaneRun
from llmhub.core.turns import Turn
from llmhub.ui.chat.prices import price_form, price_values
from llmhub.ui.metrics import details_lines
from llmhub.ui.screens.chats import ChatsAnswer, ChatsScreen
from llmhub.ui.screens.forms import FactsScreen, Field, FormScreen, MenuScreen, Row, TextScreen
from llmhub.ui.widgets.error_strip import ErrorAction
from llmhub.ui.widgets.model_picker import ModelPicker

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen

Flow = Callable[["ChatScreen"], Coroutine[Any, Any, None]]

CHARS_PER_TOKEN = 4
"""For the estimate under the prompt only; every count that is kept comes from the backend."""


def first_model(hub: Hub) -> str | None:
    """The model Chat opens on: loaded, else used last, else the first that can chat and runs here."""
    state = hub.state
    able = [
        model
        for model in state.installed
        if model.capabilities is None or "completion" in model.capabilities or not model.capabilities
    ]
    names = {model.name for model in able}
    for loaded in state.loaded:
        if loaded.name in names:
            return loaded.name
    last = hub.services.app_memory.get("model")
    if isinstance(last, str) and last in names:
        return last
    local = [model for model in able if model.place.is_local]
    return next((model.name for model in local or able), None)


# -- lanes ----------------------------------------------------------------------------------------


async def lanes(screen: ChatScreen) -> None:
    """Add a lane, change a lane's model or parameters, take one away."""
    session = screen.session
    if session is None:
        return
    rows: list[Row] = []
    if len(session.chat.lanes) < MAX_LANES:
        rows.append(Row("add", "Add a lane", "the same prompt goes to it from now on"))
    for number, (lane, setup) in enumerate(session.chat.lanes.items(), 1):
        rows.append(Row(f"model {lane}", f"Lane {number}: another model", setup.model))
        rows.append(Row(f"params {lane}", f"Lane {number}: parameters", _params_words(setup)))
        if len(session.chat.lanes) > 1:
            rows.append(Row(f"drop {lane}", f"Lane {number}: take it away", "its messages stay in the chat"))
    answer = await screen.app.push_screen_wait(MenuScreen("Lanes", rows))
    if answer is None:
        return
    act, _, number_text = answer.partition(" ")
    if act == "add":
        if (model := await _pick(screen)) is not None and len(session.chat.lanes) < MAX_LANES:
            session.add_lane(LaneSetup("ollama", model))
    elif act == "model":
        if (model := await _pick(screen)) is not None:
            setup = session.chat.lanes[int(number_text)]
            session.set_lane(int(number_text), LaneSetup("ollama", model, max_tokens=setup.max_tokens))
            screen._remember_lanes()
    elif act == "params":
        await _parameters(screen, int(number_text))
    elif act == "drop":
        session.drop_lane(int(number_text))


async def _pick(screen: ChatScreen) -> str | None:
    hub = screen.hub
    return await screen.app.push_screen_wait(ModelPicker(hub)) if hub is not None else None


def _params_words(setup: LaneSetup) -> str:
    words = [
        f"context {formats.count(setup.num_ctx)}" if setup.num_ctx else "",
        f"at most {formats.count(setup.max_tokens)} tokens" if setup.max_tokens else "",
        f"temperature {setup.temperature}" if setup.temperature is not None else "",
        f"think {setup.think}" if setup.think is not None else "",
    ]
    return ", ".join(word for word in words if word) or "the model's own"


def _whole(least: int, most: int) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        if not text:
            return None
        if not text.isdigit() or not least <= int(text) <= most:
            return f"a whole number from {least:,} to {most:,}, or nothing for the model's own"
        return None

    return check


def _temperature(text: str) -> str | None:
    try:
        fine = not text or 0 <= float(text) <= 2
    except ValueError:
        fine = False
    return None if fine else "a number from 0 to 2, or nothing for the model's own"


def _think(text: str) -> str | None:
    fine = text in {"", "yes", "no", "low", "medium", "high", "max"}
    return None if fine else "yes, no, low, medium, high, max or nothing"


async def _parameters(screen: ChatScreen, lane: int) -> None:
    session = screen.session
    if session is None:
        return
    setup = session.chat.lanes[lane]
    think = {True: "yes", False: "no", None: ""}[setup.think] if not isinstance(setup.think, str) else setup.think
    context, most = str(setup.num_ctx or ""), str(setup.max_tokens or "")
    temperature = "" if setup.temperature is None else str(setup.temperature)
    fields = (
        Field("num_ctx", "context, tokens", context, "a change loads the model again", _whole(256, 16_777_216)),
        Field("max_tokens", "most tokens of a reply", most, "", _whole(1, 1_048_576)),
        Field("temperature", "temperature", temperature, "0 to 2", _temperature),
        Field("think", "think", think, "yes, no, low, medium, high, max", _think),
    )
    form = FormScreen(f"Parameters of {setup.model}", fields, "Empty fields leave it to the model.")
    answer = await screen.app.push_screen_wait(form)
    if answer is None:
        return
    thinks: dict[str, bool | str | None] = {"yes": True, "no": False, "": None}
    session.set_lane(
        lane,
        replace(
            setup,
            num_ctx=int(answer["num_ctx"]) if answer["num_ctx"] else None,
            max_tokens=int(answer["max_tokens"]) if answer["max_tokens"] else None,
            temperature=float(answer["temperature"]) if answer["temperature"] else None,
            think=thinks.get(answer["think"], answer["think"]),
        ),
    )


# -- chats ----------------------------------------------------------------------------------------


async def chats(screen: ChatScreen) -> None:
    """List, open, rename, delete, begin."""
    hub = screen.hub
    if hub is None:
        return
    store = hub.services.chats
    while True:
        try:
            summaries = await store.list()
            answer: ChatsAnswer | None = await screen.app.push_screen_wait(ChatsScreen(summaries))
            if answer is None:
                return
            if answer.act == "new":
                screen.action_new_chat()
                return
            if answer.chat_id is None:
                return
            own = screen.session is not None and screen.session.chat.id == answer.chat_id
            if answer.act == "open":
                if not own:
                    if screen.session is not None:
                        await screen.session.close()
                    screen.open_chat(await store.open(answer.chat_id))
                return
            if answer.act == "rename":
                if own and screen.session is not None:
                    screen.session.rename(answer.title)
                else:
                    chat = await store.open(answer.chat_id)
                    await store.save(answer.chat_id, chat.rename(answer.title))
            elif answer.act == "delete":
                if own:
                    screen.action_new_chat()
                await store.delete(answer.chat_id)
        except StorageError as error:
            screen.strip.show(error)
            return


async def rename(screen: ChatScreen) -> None:
    """Another title for the open chat."""
    session = screen.session
    if session is None:
        return
    answer = await screen.app.push_screen_wait(
        FormScreen("Rename this chat", (Field("title", "title", session.chat.title),))
    )
    if answer and answer["title"]:
        session.rename(answer["title"])


async def system_prompt(screen: ChatScreen) -> None:
    """How every lane shall answer."""
    session = screen.session
    if session is None:
        return
    note = "Sent before everything else, to every lane of this chat, from the next question on."
    text = await screen.app.push_screen_wait(TextScreen("System prompt", session.chat.system, note))
    if text is not None:
        session.set_system(text.strip("\n"))


def edit(screen: ChatScreen, key: str) -> None:
    """Ask a question again with another text; on a reply, its question is meant."""
    session = screen.session
    node = session.chat.nodes.get(key) if session is not None else None
    if session is None or node is None or session.running:
        return
    question = node if node.role == "user" else session.chat.nodes.get(node.parent or "")
    if question is None:
        return

    async def ask() -> None:
        note = "The old version stays: the palette's “another version” goes back to it."
        text = await screen.app.push_screen_wait(TextScreen("Edit and ask again", question.content, note))
        if text and text.strip() and screen.session is session:
            session.edit(question.id, text.strip("\n"))

    screen.run_worker(ask(), exclusive=True, group="flow")


def another_version(screen: ChatScreen, step: int) -> None:
    """Show the version `step` further of the focused message, else of the last one that has several."""
    session = screen.session
    if session is None or session.running:
        return
    for transcript in screen.board.transcripts:
        lane = screen.board.lane_of(transcript)
        if lane is None:
            continue
        path = session.chat.path(lane)
        focused = transcript.focused_key
        candidates = [node for node in path if node.id == focused] or list(reversed(path))
        for node in candidates:
            versions = session.chat.siblings(node.id)
            if len(versions) > 1:
                at = [version.id for version in versions].index(node.id)
                session.select(lane, versions[(at + step) % len(versions)].id)
                screen.board.reload(lane)
                break


async def what_differed(screen: ChatScreen) -> None:
    """What was really sent to each lane for the last question, what differs first."""
    session = screen.session
    if session is None:
        return
    turns = [turn for lane in session.chat.lanes if (turn := _last_turn(session.chat, lane)) is not None]
    if not turns:
        return
    lines: list[tuple[str, str]] = []
    for fact in what_was_sent(turns):
        sign = "≠ " if fact.differs else "  "
        lines.append((sign + fact.name, "  │  ".join(formats.UNKNOWN if v is None else v for v in fact.values)))
    if len(turns) == 1:
        lines.append(("", "One lane: nothing to compare it with. ctrl+t adds another."))
    await screen.app.push_screen_wait(FactsScreen("What differed", lines))


async def difference(screen: ChatScreen) -> None:
    """How the last answers of the first two lanes differ, line by line."""
    session = screen.session
    lanes = list(session.chat.lanes)[:2] if session is not None else []
    if session is None or len(lanes) < 2:
        screen.notify("Two lanes are needed for a difference: ctrl+t adds one.", markup=False)
        return
    replies = [next((n for n in reversed(session.chat.path(lane)) if n.role == "assistant"), None) for lane in lanes]
    first, second = (reply.content if reply is not None else "" for reply in replies)
    rows = await asyncio.to_thread(difference_lines, first, second)
    title = f"- {session.chat.lanes[lanes[0]].model}   + {session.chat.lanes[lanes[1]].model}"
    await screen.app.push_screen_wait(FactsScreen(title, [(sign, plain(line)) for sign, line in rows]))


def _last_turn(chat: Chat, lane: int) -> Turn | None:
    replies = (node for node in reversed(chat.path(lane)) if node.role == "assistant")
    return next((turn for node in replies if (turn := reply_turn(node)) is not None), None)


# -- money ----------------------------------------------------------------------------------------


async def prices(screen: ChatScreen) -> None:
    """What power and the machine cost: the few keys of the profile that the first figures need."""
    hub = screen.hub
    if hub is None:
        return
    values = price_values(hub.profile, await screen.app.push_screen_wait(price_form(hub.profile)))
    try:
        if values:
            await hub.set_profile(values)
    except ConfigError as error:
        screen.strip.show(error)


async def facts(screen: ChatScreen) -> None:
    """Every fact of the last turn, and how its cost was worked out."""
    turn = screen.last_turn()
    if turn is None:
        return
    installed = screen.hub.state.model(turn.model) if screen.hub is not None else None
    resident = screen.hub.state.resident(turn.model) if screen.hub is not None else None
    context = [
        ("context trained for", formats.count(installed.context_trained if installed else None)),
        ("context in force", formats.count(resident.context_tokens if resident else None)),
    ]
    lines = details_lines(turn) + context + screen.costs.explained(turn)
    await screen.app.push_screen_wait(FactsScreen("The last turn", lines))


async def explain_costs(screen: ChatScreen) -> None:
    """How the figures of the panel came about."""
    hub = screen.hub
    if hub is None:
        return
    lines: list[tuple[str, str]] = []
    if (turn := screen.last_turn()) is not None:
        lines += screen.costs.explained(turn)
    lines += screen.costs.explained_periods()
    await screen.app.push_screen_wait(FactsScreen("What it costs", lines))


async def follow_link(screen: ChatScreen, url: str) -> None:
    """Show a model's link whole before it is opened: it is the model's text, not ours."""
    from llmhub.ui.screens.confirm import Confirm

    if await screen.app.push_screen_wait(Confirm("Open this address?", url, "open it in the browser", careful=True)):
        screen.app.open_url(url)


# -- failures -------------------------------------------------------------------------------------


def failure_actions(screen: ChatScreen, run: LaneRun) -> list[ErrorAction]:
    """What can be done about a reply that failed."""
    session, error = screen.session, run.error
    if session is None or error is None:
        return []
    actions: list[ErrorAction] = []
    if error.kind is FailureKind.OVERFLOW:
        actions += _overflow_actions(screen, run)
    elif error.kind is FailureKind.NOT_FOUND:
        actions.append(ErrorAction(f"Pull {run.setup.model}", lambda: _pull(screen, run.setup.model)))
        actions.append(ErrorAction("Another model", screen.action_lanes))
    else:
        actions.append(ErrorAction("Ask again", lambda: _again(screen, run)))
    if error.kind is FailureKind.UNREACHABLE and screen.hub is not None:
        advice = screen.hub.services.start_advice
        if advice is not None and advice.command:
            command = advice.command
            actions.append(ErrorAction(f"Copy: {command}", lambda: screen.app.copy_to_clipboard(command)))
    return actions


def _overflow_actions(screen: ChatScreen, run: LaneRun) -> list[ErrorAction]:
    session, error = screen.session, run.error
    if session is None or error is None:
        return []
    asked = run.num_ctx or 0
    needed = (error.prompt_tokens or asked) + 1024
    installed = session.hub.state.model(run.setup.model)
    trained = installed.context_trained if installed else None
    larger = max(asked * 2, 1 << (needed - 1).bit_length())
    larger = min(larger, trained) if trained else larger
    actions = []
    if larger > asked:
        actions.append(
            ErrorAction(f"Larger context: {formats.count(larger)} tokens", lambda: _again(screen, run, num_ctx=larger))
        )
    if error.prompt_tokens:
        limit = error.context_tokens or asked
        drop = turns_to_drop(session.chat.messages(run.lane, run.question), error.prompt_tokens, limit, limit // 4)
        if drop:
            words = "the oldest turn" if drop == 1 else f"the {drop} oldest turns"
            actions.append(ErrorAction(f"Leave out {words}, this once", lambda: _again(screen, run, drop_turns=drop)))
    return actions


def _again(screen: ChatScreen, run: LaneRun, *, num_ctx: int | None = None, drop_turns: int = 0) -> None:
    screen.strip.clear()
    if screen.session is not None:
        screen.session.again(run.lane, run.node, num_ctx=num_ctx, drop_turns=drop_turns)


def _pull(screen: ChatScreen, model: str) -> None:
    screen.strip.clear()
    if screen.hub is not None:
        screen.hub.pulls.add(model)
        screen.notify(f"Pulling {model}; F3 shows it.", markup=False)


# -- $EDITOR, lines of words ----------------------------------------------------------------------


def edit_outside(screen: ChatScreen) -> None:
    """Write the prompt in $VISUAL or $EDITOR; what is saved there is in the prompt afterwards."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    with tempfile.TemporaryDirectory(prefix="llmhub-") as folder:
        path = Path(folder) / "prompt.md"
        path.write_text(screen.prompt.text, encoding="utf-8")
        try:
            with screen.app.suspend():
                done = subprocess.run([*shlex.split(editor), str(path)], check=False)  # noqa: S603 - the person's own editor
        except (OSError, ValueError) as error:
            screen.strip.show(
                LLMHubError("The editor did not start", editor, f"set $EDITOR to one that does ({error})")
            )
            return
        if done.returncode == 0:
            screen.prompt.put(path.read_text(encoding="utf-8", errors="replace").rstrip("\n"))


def draw_title(screen: ChatScreen) -> None:
    """Title of the chat at the left, the facts of a single lane at the right."""
    from llmhub.ui.widgets.chat_title import ChatTitle

    title = screen.query_one("#title", ChatTitle)
    session = screen.session
    if session is None:
        title.words, title.facts = "", None
        return
    title.words = session.chat.title or "New chat"
    only = next(iter(session.chat.lanes), None)
    title.facts = screen.board.facts(only) if only is not None and len(session.chat.lanes) == 1 else None
    title.lanes = len(session.chat.lanes)


def draw_hint(screen: ChatScreen, held: str | None) -> None:
    """What sending would mean: tokens, places; or what waits."""
    from llmhub.ui.widgets.hint_line import HintLine

    line = screen.query_one("#cost-hint", HintLine)
    session = screen.session
    if held is not None:
        line.parts = ("held: it is sent as soon as a model is there",)
        return
    if session is None or not session.chat.lanes:
        line.parts = ()
        return
    if session.queued is not None:
        line.parts = ("queued: it is sent when the reply is done", "esc takes it back")
        return
    size = len(screen.prompt.text.encode())
    if not size:
        line.parts = ()
        return
    tokens = formats.count(max(1, -(-size // CHARS_PER_TOKEN)))
    places = []
    for lane in session.chat.lanes:
        facts = screen.board.facts(lane)
        if facts is not None and facts.place.words not in places:
            places.append(facts.place.words)
    line.parts = (f"~{tokens} tok · {', '.join(places)}",)
