"""What the Costs mode does that takes a while: the profile's form, an export."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llmhub.core.errors import LLMHubError, StorageError
from llmhub.ui.costs.exporting import Costing, export_name, export_turns
from llmhub.ui.costs.profile_form import ProfileScreen
from llmhub.ui.costs.reading import matches
from llmhub.ui.widgets.cost_panel import turns_words
from llmhub.ui.widgets.error_strip import ErrorAction

if TYPE_CHECKING:
    from llmhub.core.hub import Hub
    from llmhub.ui.screens.costs import CostsScreen


async def edit_profile(screen: CostsScreen, hub: Hub) -> None:
    """Ask for the profile and keep what was changed; past turns keep the one they ran under."""
    changes = await screen.app.push_screen_wait(ProfileScreen(hub.profile))
    if not changes:
        return
    try:
        await hub.set_profile(dict(changes))
    except LLMHubError as error:
        screen.strip.show(error, [ErrorAction("open the profile", screen.action_profile)])
        return
    screen.app.notify("The profile is kept.", markup=False)


async def export_shown(screen: CostsScreen, hub: Hub, month: str, query: str) -> None:
    """Write the turns of a month that the filter leaves to files, and tell where they are."""
    folder = hub.services.exports
    if folder is None:
        told = LLMHubError("Nothing can be exported", "no folder for exports is known", "use llmhub export turns")
        screen.strip.show(told)
        return
    found = hub.services.ledger.booked(month)
    chosen = (booked for booked in found if matches(booked.turn, query))
    name = export_name(month, query, hub.services.now())
    costing = Costing(hub.profiles, hub.prices)
    try:
        done = await asyncio.to_thread(export_turns, folder, name, chosen, costing, left=lambda: screen.is_left)
    except StorageError as error:
        screen.strip.show(error, [ErrorAction("export again", screen.action_export)])
        return
    if done is not None:
        words = f"{turns_words(done.turns)} in {done.csv} and {done.jsonl.name}"
        screen.app.notify(words, title="Exported", timeout=10, markup=False)
