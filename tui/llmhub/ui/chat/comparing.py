"""Two lanes beside each other: what was really sent to each, and how their answers differ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from llmhub import formats
from llmhub.core.asking import reply_turn
from llmhub.core.conversations import Chat
from llmhub.core.differences import difference_lines, what_was_sent
from llmhub.core.plain import plain
from llmhub.core.turns import Turn
from llmhub.ui.screens.forms import FactsScreen

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen

Flow = Callable[["ChatScreen"], Coroutine[Any, Any, None]]


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
