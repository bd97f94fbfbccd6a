"""The first cloud lane: the key is asked for there, masked, and never before; the offline switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmhub.core.errors import LLMHubError
from llmhub.ui.screens.forms import Field, FormScreen

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen

NOTE = (
    "Made at openrouter.ai/settings/keys. It is kept in this system's keyring, and goes to OpenRouter over TLS only. "
    "Instead of this, OPENROUTER_API_KEY can be set."
)


def looks_like_a_key(text: str) -> str | None:
    """What is wrong with a key before it is kept; nothing when it may be one."""
    if not text.startswith("sk-or-") or any(sign.isspace() for sign in text) or len(text) < 12:
        return "it begins with sk-or- and has no blanks"
    return None


async def ensure_key(screen: ChatScreen) -> bool:
    """Ask for a key when there is none; whether there is one now."""
    hub = screen.hub
    if hub is None or hub.services.cloud is None:
        return False
    if hub.services.find_key is not None:
        await hub.services.find_key()
    if hub.services.cloud.has_key:
        return True
    field = Field("key", "key", "", "it is not shown", looks_like_a_key, secret=True)
    answer = await screen.app.push_screen_wait(FormScreen("OpenRouter needs a key", (field,), NOTE))
    if answer is None or hub.services.save_key is None:
        return False
    try:
        await hub.services.save_key(answer["key"])
    except LLMHubError as error:
        screen.strip.show(error)
        return False
    if hub.cloud_watch is not None:
        hub.cloud_watch.switched()
        hub.spawn(hub.cloud_watch.look())
    return True


async def set_key(screen: ChatScreen) -> None:
    """Keep another key."""
    hub = screen.hub
    if hub is None or hub.services.save_key is None:
        return
    field = Field("key", "key", "", "it is not shown", looks_like_a_key, secret=True)
    answer = await screen.app.push_screen_wait(FormScreen("OpenRouter key", (field,), NOTE))
    if answer is None:
        return
    try:
        await hub.services.save_key(answer["key"])
    except LLMHubError as error:
        screen.strip.show(error)
    else:
        if hub.cloud_watch is not None:
            hub.cloud_watch.switched()
            hub.spawn(hub.cloud_watch.look())


def switch_offline(screen: ChatScreen) -> None:
    """Move the offline switch; it acts in the transport, also on what is already open for the next request."""
    hub = screen.hub
    if hub is None:
        return
    offline = not hub.services.switch.offline
    hub.set_offline(offline)
    words = "Offline: nothing leaves this machine now." if offline else "Online again."
    screen.notify(words, markup=False)
