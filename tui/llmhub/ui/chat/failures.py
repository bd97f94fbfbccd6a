"""What can be done about a reply that failed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from llmhub import formats
from llmhub.core.asking import turns_to_drop
from llmhub.core.errors import FailureKind
from llmhub.core.session import LaneRun
from llmhub.ui.widgets.error_strip import ErrorAction
from llmhub.ui.widgets.pull_question import begun_words

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen

Flow = Callable[["ChatScreen"], Coroutine[Any, Any, None]]


def failure_actions(screen: ChatScreen, run: LaneRun) -> list[ErrorAction]:
    """What can be done about a reply that failed."""
    session, error = screen.session, run.error
    if session is None or error is None:
        return []
    actions: list[ErrorAction] = []
    if error.kind is FailureKind.OVERFLOW:
        actions += _overflow_actions(screen, run)
    elif error.kind is FailureKind.NOT_FOUND:
        if not session.hub.is_cloud(run.setup.backend):
            actions.append(ErrorAction(f"Pull {run.setup.model}", lambda: _pull(screen, run.setup.model)))
        actions.append(ErrorAction("Another model", screen.action_lanes))
    elif error.kind is FailureKind.KEY:
        actions.append(ErrorAction("Set the key", screen.action_key))
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
    messages = session.chat.messages(run.lane, run.question)
    if error.prompt_tokens:
        limit = error.context_tokens or asked
        drop = turns_to_drop(messages, error.prompt_tokens, limit, limit // 4)
    else:  # a daemon before 0.30 does not say how long the prompt was
        drop = sum(1 for message in messages if message.role == "user") // 2
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
        screen.pull_question.ask(model, "chat", queued=lambda pull: screen.notify(begun_words(pull), markup=False))


def refusal_actions(screen: ChatScreen, text: str) -> list[ErrorAction]:
    """What can be done about a prompt that a limit stopped: ask the lanes that bill nothing."""
    session = screen.session
    if session is None or not text:
        return []
    local = [lane for lane, setup in session.chat.lanes.items() if not session.hub.is_cloud(setup.backend)]
    if not local:
        return [ErrorAction("Another model", screen.action_lanes)]

    def ask() -> None:
        screen.prompt.clear()
        session.send(text, local)

    words = ", ".join(session.chat.lanes[lane].model for lane in local)
    return [ErrorAction(f"Ask {words} on this machine only", ask)]
