"""The first five minutes on the screen: what stands there until there is a reply, and what its keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmhub.ui.chat.welcoming import pick_models, welcome_view
from llmhub.ui.widgets.pull_question import begun_words

if TYPE_CHECKING:
    from llmhub.core.pull_queue import Pull
    from llmhub.ui.screens.chat import ChatScreen


def chosen(screen: ChatScreen, key: str) -> None:
    """Do what the key of a choice stands for."""
    hub = screen.hub
    if hub is None:
        return
    if key == "c":
        advice = hub.services.start_advice
        if advice is not None and advice.command:
            screen.app.copy_to_clipboard(advice.command)
            screen.notify("Copied.", markup=False)
    elif key == "o":
        screen.run_worker(cloud_lane(screen), exclusive=True, group="flow")
    elif key == "p":
        screen.app.call_later(screen.app.run_action, "mode('models')")
    elif key.isdigit():
        names = pick_models(hub)
        if int(key) <= len(names):
            screen.pull_question.ask(names[int(key) - 1], "welcome", key=key, queued=lambda pull: _begun(screen, pull))
            draw(screen)


def _begun(screen: ChatScreen, pull: Pull) -> None:
    """The model is on its way: what is typed now waits for it."""
    screen.prompt.focus()
    draw(screen)
    if pull.check is not None and pull.check.warnings:
        screen.notify(begun_words(pull), severity="warning", markup=False)


async def cloud_lane(screen: ChatScreen) -> None:
    """Begin a chat with a model of the provider: the daemon is not needed for it."""
    from llmhub.ui.chat.lanes_flow import pick

    if (picked := await pick(screen)) is not None:
        screen.begin_with(picked)


def draw(screen: ChatScreen) -> None:
    """Show what stands where the first reply will be, or the lanes; the focus goes where typing means something."""
    session, welcome = screen.session, screen.welcome
    empty = session is None or not session.chat.nodes
    advice = screen.hub.services.start_advice if screen.hub is not None else None
    view = welcome_view(screen.hub, session, advice)
    became_ready = view.kind == "ready" and welcome.view.kind != "ready"
    welcome.view = view
    welcome.display = empty
    screen.board.display = not empty
    offers = view.kind in {"no_models", "no_daemon"}
    if empty and offers and screen.focused is screen.prompt and not screen.prompt.text:
        welcome.focus()
    elif screen.focused is None or (screen.focused is welcome and (became_ready or not empty)):
        screen.prompt.focus()
