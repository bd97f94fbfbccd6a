"""A home of llmhub against one daemon: the app and the commands in it, and what they have kept there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from llmhub.chats.files import ChatFiles
from llmhub.core.conversations import Chat
from llmhub.core.turns import Turn, TurnStatus
from llmhub.ledger.history import History
from support.processes import run_llmhub
from support.terminal import Terminal, llmhub

READY = "Type below"


@dataclass(frozen=True)
class Home:
    """Where llmhub keeps what it keeps, and the daemon it talks to."""

    folder: Path
    url: str

    @property
    def variables(self) -> dict[str, str]:
        return {"LLMHUB_HOME": str(self.folder), "OLLAMA_HOST": self.url}

    @contextmanager
    def app(self, size: tuple[int, int] = (80, 24), **more: str) -> Iterator[Terminal]:
        """The app in a terminal, ready for a question; keywords are variables."""
        with Terminal(llmhub(), size=size, more=self.variables | more) as terminal:
            terminal.shows(READY)
            yield terminal

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        return run_llmhub(*arguments, stdin=stdin, more=self.variables)

    @property
    def turns(self) -> list[Turn]:
        """What is booked, the oldest first."""
        folder = self.folder / "data" / "ledger"
        return [found.turn for found in History(folder).turns(oldest_first=True)]

    @property
    def statuses(self) -> list[TurnStatus]:
        """How the turns ended."""
        return [turn.status for turn in self.turns]

    @property
    def chats(self) -> list[Chat]:
        """The conversations, the last used first."""
        files = ChatFiles(self.folder / "data" / "chats")
        try:
            return [files.read(summary.id).result(10) for summary in files.summaries().result(10)]
        finally:
            files.close()

    @property
    def replies(self) -> list[str]:
        """What the models said, as it is kept in the chats."""
        return [node.content for chat in self.chats for node in chat.nodes.values() if node.role == "assistant"]

    @property
    def log(self) -> str:
        """Everything that was logged."""
        return "".join(path.read_text() for path in self.folder.rglob("*.log"))
