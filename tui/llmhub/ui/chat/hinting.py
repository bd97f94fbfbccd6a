"""The line under the prompt: what sending would mean before it is sent, or the one thing worth knowing now."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from llmhub import formats
from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.pricing import Tokens, cloud_cost
from llmhub.ui.widgets.hint_line import HintLine

if TYPE_CHECKING:
    from llmhub.core.session import ChatSession
    from llmhub.ui.screens.chat import ChatScreen

BYTES_PER_TOKEN = 4
"""For the estimate under the prompt only; every count that is kept comes from the backend."""
NEAR = Decimal("0.8")
"""From this part of a limit on it is told before sending."""


def draw_hint(screen: ChatScreen, held: str | None) -> None:
    """Tokens, places, prices; or what waits."""
    screen.query_one("#cost-hint", HintLine).parts = hint_parts(screen, held)


def hint_parts(screen: ChatScreen, held: str | None) -> tuple[str, ...]:
    """The parts of the line, the most important first."""
    session = screen.session
    if held is not None:
        return ("held: it is sent as soon as a model is there",)
    if session is None or not session.chat.lanes:
        return ()
    if session.queued is not None:
        return ("queued: it is sent when the reply is done", "esc takes it back")
    size = len(screen.prompt.text.encode())
    if not size:
        return _once_replied(session)
    tokens = max(1, -(-size // BYTES_PER_TOKEN))
    places = []
    for lane in session.chat.lanes:
        facts = screen.board.facts(lane)
        if facts is not None and facts.place.words not in places:
            places.append(facts.place.words)
    return (f"~{formats.count(tokens)} tok · {', '.join(places)}", *_prices(session, tokens), *_limits(session))


def _once_replied(session: ChatSession) -> tuple[str, ...]:
    """After the first reply: that the cloud can be asked the same. Until a cloud lane was opened once."""
    hub = session.hub
    if hub.services.cloud is None or hub.services.app_memory.get("cloud_lane_opened"):
        return ()
    if any(hub.is_cloud(setup.backend) for setup in session.chat.lanes.values()):
        return ()
    replied = any(node.status == "complete" for node in session.chat.nodes.values())
    return ("ctrl+t asks a cloud model the same.",) if replied and not session.running else ()


def _prices(session: ChatSession, typed_tokens: int) -> tuple[str, ...]:
    """What the cloud lanes of one prompt may cost: the prompt alone, up to a reply of the most tokens."""
    low = high = Decimal(0)
    asked = False
    for lane, setup in session.chat.lanes.items():
        model = session.models.cloud(setup)
        if model is None:
            continue
        if model.prompt_usd_per_token is None or model.completion_usd_per_token is None:
            return ("price unknown",)
        asked = True
        prompt = (session.context_used(lane) or 0) + typed_tokens
        low += cloud_cost(model.pricing, Tokens(prompt, 0)).total
        high += cloud_cost(model.pricing, Tokens(prompt, session.models.max_tokens(setup))).total
    if not asked:
        return ()
    least, most = (formats.usd(Figure(amount, Label.ESTIMATED)) for amount in (low, high))
    return (f"{least} to {most} at most",)


def _limits(session: ChatSession) -> tuple[str, ...]:
    """A limit of the key's that is near."""
    hub = session.hub
    key = hub.cloud_state.key_info
    if key is None or key.limit_usd is None or key.remaining_usd is None:
        return ()
    if not any(hub.is_cloud(setup.backend) for setup in session.chat.lanes.values()):
        return ()
    near = key.remaining_usd <= key.limit_usd * (1 - NEAR)
    return (f"the key may spend {formats.usd(key.remaining_usd, Label.BILLED)} more",) if near else ()
