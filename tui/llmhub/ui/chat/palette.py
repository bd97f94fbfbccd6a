"""What the palette offers on Chat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("New chat", "new_chat", "Begin a new chat with the same lanes"),
    ("Chats", "chats", "List, search, rename and delete chats (ctrl+r)"),
    ("Lanes: add or change", "lanes", "Add a lane, or give one another model or other parameters (ctrl+t)"),
    ("System prompt", "system", "Say how every lane shall answer in this chat"),
    ("Rename chat", "rename", "Give this chat a title"),
    ("Cost panel", "panel", "Show or hide what it costs (ctrl+g)"),
    ("Stop", "stop", "Stop the replies; what arrived is kept (esc)"),
    ("Ask again", "again", "Another reply to the last question (r in the transcript)"),
    ("Edit in $EDITOR", "editor", "Write the prompt in your editor (F6)"),
    ("Copy the last reply", "copy_last", "Put the last reply on the clipboard"),
    ("Another version: next", "version(1)", "Show the next version of the focused message"),
    ("Another version: previous", "version(-1)", "Show the previous version of the focused message"),
    ("Electricity and machine", "prices", "Say what power and the machine cost, for the cost panel"),
    ("OpenRouter key", "key", "Keep a key in the keyring; it is masked"),
    ("Offline: on or off", "offline", "While it is on, nothing leaves this machine"),
    ("What differed", "differed", "What was really sent to each lane (= in the transcript)"),
    ("Difference", "difference", "How the last answers of two lanes differ (d in the transcript)"),
    ("Facts of the last turn", "facts", "Load, prefill, decode and every count"),
)


class ChatCommands(Provider):
    """The chat's actions, by name."""

    def _offers(self) -> Iterator[tuple[str, str, str]]:
        yield from COMMANDS

    async def discover(self) -> Hits:
        """All of them: there are few."""
        for name, action, words in self._offers():
            yield DiscoveryHit(name, self._run(action), help=words)

    async def search(self, query: str) -> Hits:
        """Those whose name matches."""
        matcher = self.matcher(query)
        for name, action, words in self._offers():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), self._run(action), help=words)

    def _run(self, action: str) -> Callable[[], object]:
        screen = cast("ChatScreen", self.screen)
        return lambda: screen.call_later(screen.run_action, action)
