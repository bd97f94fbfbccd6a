"""A reply on two streams as it comes: text to stdout, thoughts to stderr."""

from __future__ import annotations

import asyncio
import contextlib

from llmhub import formats
from llmhub.cli.console import Console
from llmhub.core.chat import ChatEvent, Served, TextDelta, ThinkingDelta, ToolCallDelta, Waiting


class Printer:
    """Writes a reply as it comes: text to stdout, thoughts dim to stderr. With --json it only gathers."""

    def __init__(self, console: Console, show_thinking: bool, name: str) -> None:
        self._console = console
        self._show_thinking = show_thinking
        self._name = name
        self._text: list[str] = []
        self._thinking: list[str] = []
        self.tool_calls: list[dict[str, str]] = []
        self.place_words = ""
        self.reader_gone = False
        self._open: str | None = None

    @property
    def text(self) -> str:
        """The reply so far, exactly as it came."""
        return "".join(self._text)

    @property
    def thinking(self) -> str:
        """The thoughts so far."""
        return "".join(self._thinking)

    def show(self, event: ChatEvent) -> None:
        """Take one event of the turn. A reader that has gone stops the turn as ctrl+c does: it is booked so."""
        try:
            self._show(event)
        except BrokenPipeError:
            self.reader_gone = True
            raise asyncio.CancelledError("the reader of stdout has gone") from None

    def _show(self, event: ChatEvent) -> None:
        match event:
            case TextDelta(text=text):
                self._text.append(text)
                if not self._console.json:
                    self._switch("text")
                    self._console.stream(text)
            case ThinkingDelta(text=text):
                self._thinking.append(text)
                if self._show_thinking:
                    self._switch("thinking")
                    self._console.aside(text)
            case ToolCallDelta(call=call):
                self.tool_calls.append({"name": call.name, "arguments": call.arguments})
                if not self._console.json:
                    self._switch(None)
                    self._console.note(f"asks for the tool {call.name}: {call.arguments}", "dim")
            case Served(place=place):
                self.place_words = place.words
            case Waiting(silent_s=silent) if self._console.redraws:
                doing = "nothing came" if event.started else "loads or waits its turn"
                if self._open is None:
                    self._console.progress(f"{self._name}: {doing} for {formats.seconds(silent)} · ctrl+c stops")
            case _:
                pass

    def _switch(self, to: str | None) -> None:
        if self._open == to:
            return
        if self._open == "thinking":
            self._console.aside("\n")
        elif self._open == "text":
            self._console.stream("\n")
        self._open = to

    def end(self) -> None:
        """Close the line that is open."""
        with contextlib.suppress(BrokenPipeError):
            self._console.clear()
            if self._open == "text" and self.text.endswith("\n"):
                self._open = None
            self._switch(None)
