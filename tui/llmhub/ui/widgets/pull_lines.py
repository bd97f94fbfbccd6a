"""All pulls, one line each, in the order of the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.containers import Vertical
from textual.message import Message

from llmhub.core.pull_queue import Pull
from llmhub.ui.widgets.pull_line import PullLine


class PullLines(Vertical):
    """Give it the pulls with `show`, as often as they change; a line that stays keeps the focus."""

    DEFAULT_CSS = """
    PullLines { height: auto; max-height: 7; }
    """

    @dataclass
    class FocusLost(Message):
        """The line that had the focus is gone, and no other one has it now."""

        lines: PullLines

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._pulls: tuple[Pull, ...] = ()

    def show(self, pulls: Sequence[Pull]) -> None:
        """Bring every line up to date; lines come, go and move when the screen next has time."""
        self._pulls = tuple(pulls)
        lines = self._lines
        if [*lines] != [pull.name for pull in pulls]:
            self.call_later(self._arrange)
        for pull in pulls:
            if (line := lines.get(pull.name)) is not None:
                line.pull = pull

    @property
    def _lines(self) -> dict[str, PullLine]:
        return {line.name_of_model: line for line in self.query(PullLine)}

    async def _arrange(self) -> None:
        lines, names = self._lines, [pull.name for pull in self._pulls]
        had_focus = isinstance(self.screen.focused, PullLine)
        await self.remove_children([line for name, line in lines.items() if name not in names])
        await self.mount_all([PullLine(pull) for pull in self._pulls if pull.name not in lines])
        order = {name: at for at, name in enumerate(names)}
        self.sort_children(key=lambda line: order.get(getattr(line, "name_of_model", ""), len(order)))
        if had_focus and not isinstance(self.screen.focused, PullLine):
            self.post_message(self.FocusLost(self))
