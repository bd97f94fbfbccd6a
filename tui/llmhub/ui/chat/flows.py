"""What takes more than one step on Chat: questions that are asked, and what follows from the answers."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmhub import formats
from llmhub.core.errors import ConfigError, LLMHubError, StorageError
from llmhub.ui.chat.prices import price_form, price_values
from llmhub.ui.metrics import details_lines
from llmhub.ui.screens.chats import ChatsAnswer, ChatsScreen
from llmhub.ui.screens.forms import FactsScreen, Field, FormScreen, TextScreen

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen

Flow = Callable[["ChatScreen"], Coroutine[Any, Any, None]]


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
                    await screen.open_chat(await store.open(answer.chat_id))
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
