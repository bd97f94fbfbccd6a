"""What the first screen says, from what was found (the first five minutes)."""

from __future__ import annotations

from llmhub.core.daemon_start import StartAdvice, StartKind
from llmhub.core.errors import FailureKind
from llmhub.core.hub import Hub
from llmhub.core.plain import one_line
from llmhub.core.session import ChatSession
from llmhub.ui.chat.first_picks import first_picks, pick_rows, room_words, trades
from llmhub.ui.widgets.welcome import Choice, WelcomeView

_WATCHES = "llmhub watches, and goes on by itself as soon as it answers."


def welcome_view(hub: Hub | None, session: ChatSession | None, advice: StartAdvice | None) -> WelcomeView:
    """The view for what is known now."""
    if hub is None or not hub.state.looked:
        return WelcomeView("connecting", "", ("Looking for Ollama …",))
    has_lanes = session is not None and bool(session.chat.lanes)
    if not hub.state.alive and not (has_lanes and _only_cloud(hub, session)):
        return _no_daemon(hub, advice)
    if session is None or not session.chat.lanes:
        return _no_models(hub)
    return _ready(session)


def _only_cloud(hub: Hub, session: ChatSession | None) -> bool:
    return session is not None and all(hub.is_cloud(setup.backend) for setup in session.chat.lanes.values())


def _ready(session: ChatSession) -> WelcomeView:
    lanes = []
    for setup in session.chat.lanes.values():
        place = session.models.place(setup)
        why = session.hub.cloud_state.known_as if session.hub.is_cloud(setup.backend) else ""
        lanes.append(f"{place.sign} {setup.model} · {place.words}" + (f" · {why}" if why else ""))
    tips = (
        "",
        "Type below, enter sends. What you ask goes to every lane.",
        "",
        "ctrl+t  add a lane, or another model here",
        "ctrl+r  earlier chats          F3  models: pull, load, delete",
        "ctrl+p  everything else        F1  the keys",
    )
    return WelcomeView("ready", "", (*lanes, *tips))


def pick_models(hub: Hub) -> tuple[str, ...]:
    """The names behind the keys 1, 2, 3 of the first start."""
    return tuple(pick.model.name for pick in first_picks(hub))


def _no_daemon(hub: Hub, advice: StartAdvice | None) -> WelcomeView:
    error = hub.state.error
    if error is not None and error.kind is not FailureKind.UNREACHABLE:
        # something answers there, so there is nothing to install or start
        found = (f"{error.happened}: {error.subject}.", "", one_line(error.remedy), "", _WATCHES)
        return WelcomeView("no_daemon", "No Ollama there", found, _meanwhile(hub))
    lines = [] if error is None else [f"{error.happened}: {error.subject}."]
    choices: tuple[Choice, ...] = ()
    if advice is not None:
        verb = {
            StartKind.INSTALL: "Ollama is not installed here. This installs it:",
            StartKind.START: "Ollama is installed here. This starts it:",
            StartKind.ELSEWHERE: "",
        }[advice.kind]
        if verb:
            lines += ["", verb]
        if advice.command:
            lines += ["", f"    {advice.command}"]
            choices = (Choice("c", "copy the command"),)
        lines += ["", advice.how] if advice.how else []
        lines += [advice.note] if advice.note else []
    lines += ["", _WATCHES]
    return WelcomeView("no_daemon", "No Ollama yet", tuple(lines), (*choices, *_meanwhile(hub)))


def _meanwhile(hub: Hub) -> tuple[Choice, ...]:
    """With a key the cloud works at once."""
    cloud = hub.services.cloud
    if cloud is None or not cloud.has_key or hub.cloud_state.offline:
        return ()
    return (Choice("o", "chat with a cloud model meanwhile"),)


def _no_models(hub: Hub) -> WelcomeView:
    found, memory = first_picks(hub), hub.memory_state
    lines = ["Ollama answers, and has no model yet."]
    if memory is not None:
        lines.append(room_words(memory, hub.advisor.chip))
    running = hub.pulls.pulls
    if running:
        lines += ["", "A model is on its way: F3 shows the pulls. A prompt typed now is sent when it is there."]
    rows = pick_rows(found)
    choices = [
        Choice(str(number), row, pick.model.words)
        for number, (row, pick) in enumerate(zip(rows, found, strict=True), 1)
    ]
    choices.append(Choice("p", "pull another one, by its name"))
    return WelcomeView("no_models", "Which model shall it be?", tuple(lines), tuple(choices), trades(found))
