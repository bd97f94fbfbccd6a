"""The list of chats: search by title, open, rename, delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from llmhub import formats
from llmhub.core.conversations import ChatSummary
from llmhub.core.fuzzy import fuzzy_rank
from llmhub.core.plain import one_line
from llmhub.ui.widgets.cost_panel import turns_words


@dataclass(frozen=True, slots=True)
class ChatsAnswer:
    """What the person chose."""

    act: Literal["open", "new", "rename", "delete"]
    chat_id: str | None = None
    title: str = ""


class ChatsScreen(ModalScreen[ChatsAnswer | None]):
    """All chats, the last used first; typing searches their titles."""

    DEFAULT_CSS = """
    ChatsScreen {
        align: center middle;
        & > Vertical {
            width: 90%;
            max-width: 96;
            height: 80%;
            background: $surface;
            padding: 1 2;
        }
        & Input { border: none; height: 1; padding: 0; background: $surface; &:focus { border: none; } }
        & OptionList {
            height: 1fr; border: none; background: $surface; padding: 0; margin-top: 1;
            &:focus { border: none; }
        }
        & #chats-keys { height: 1; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="chats.back", tooltip="Back to the chat"),
        Binding("ctrl+n", "new", "new chat", id="chats.new", tooltip="Begin a new chat"),
        Binding("f7", "rename", "rename", id="chats.rename", tooltip="Give the chat another title"),
        Binding("f8", "delete", "delete", id="chats.delete", tooltip="Delete the chat", priority=True),
    ]

    def __init__(self, chats: Sequence[ChatSummary]) -> None:
        super().__init__()
        self._chats = list(chats)
        self._shown: list[ChatSummary] = []
        self._renaming: ChatSummary | None = None
        self._sure: str | None = None

    def compose(self) -> ComposeResult:
        """Search above, chats below, keys at the foot."""
        with Vertical():
            yield Input(placeholder="Search the titles", id="chats-search")
            yield OptionList(id="chats-list")
            yield Static("enter open  ctrl+n new  f7 rename  f8 delete  esc back", id="chats-keys", markup=False)

    def on_mount(self) -> None:
        """Everything first."""
        self._fill("")

    @on(Input.Changed, "#chats-search")
    def _searched(self, event: Input.Changed) -> None:
        self._sure = None
        if self._renaming is None:
            self._fill(event.value)

    @on(Input.Submitted, "#chats-search")
    def _submitted(self, event: Input.Submitted) -> None:
        if self._renaming is not None:
            title = event.value.strip()
            if title:
                self.dismiss(ChatsAnswer("rename", self._renaming.id, title))
            return
        self._choose()

    @on(OptionList.OptionSelected, "#chats-list")
    def _selected(self) -> None:
        self._choose()

    def on_key(self, event: events.Key) -> None:
        """Up and down move in the list while the search has the focus."""
        if event.key in {"up", "down", "pageup", "pagedown"} and self._renaming is None:
            chats = self.query_one(OptionList)
            move = {"up": "cursor_up", "down": "cursor_down", "pageup": "page_up", "pagedown": "page_down"}[event.key]
            getattr(chats, f"action_{move}")()
            event.stop()

    def action_leave(self) -> None:
        """Back; a rename is given up first."""
        if self._renaming is not None:
            self._renaming = None
            search = self.query_one(Input)
            search.value = ""
            search.placeholder = "Search the titles"
            return
        self.dismiss(None)

    def action_new(self) -> None:
        """A new chat."""
        self.dismiss(ChatsAnswer("new"))

    def action_rename(self) -> None:
        """Ask for another title in the search line."""
        if (chat := self._highlighted) is not None:
            self._renaming = chat
            search = self.query_one(Input)
            search.placeholder = "New title, enter keeps it"
            search.value = chat.title
            search.cursor_position = len(chat.title)
            search.focus()

    def action_delete(self) -> None:
        """Delete at the second press; the first one asks."""
        if (chat := self._highlighted) is None or self._renaming is not None:
            return
        if self._sure == chat.id:
            self.dismiss(ChatsAnswer("delete", chat.id))
            return
        self._sure = chat.id
        title = one_line(chat.title, 120) or "this chat"
        self.query_one("#chats-keys", Static).update(
            Content(f"delete “{title}”? f8 again does it, its turns stay booked")
        )

    @property
    def _highlighted(self) -> ChatSummary | None:
        at = self.query_one(OptionList).highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def _choose(self) -> None:
        if (chat := self._highlighted) is not None:
            self.dismiss(ChatsAnswer("open", chat.id))
        elif not self._shown:
            self.dismiss(ChatsAnswer("new"))

    def _fill(self, query: str) -> None:
        found = fuzzy_rank(query, self._chats, key=lambda chat: chat.title) if query else []
        self._shown = [chat for chat, _ in found] if query else self._chats
        chats = self.query_one(OptionList)
        chats.clear_options()
        for chat in self._shown:
            when = formats.ago(chat.updated_at)
            models = ", ".join(chat.models[:2])
            title = one_line(chat.title, 120) or "(no title)"
            chats.add_option(
                Option(Content.assemble(title, (f"   {when} · {turns_words(chat.turns)} · {models}", "dim")))
            )
        if self._shown:
            chats.highlighted = 0
        elif not query:
            chats.add_option(Option(Content("No chat yet: enter or ctrl+n begins one"), disabled=True))
