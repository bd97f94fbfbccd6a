"""Tool calls that come in fragments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmhub.backends.openrouter_json import as_text, dict_of, text_of
from llmhub.core.chat import ToolCallDelta, ToolCallPart
from llmhub.core.plain import whole


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ToolCalls:
    """Joins the fragments of each call: `index` tells calls apart, id and name come once, arguments bit by bit."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._last = 0

    def take(self, fragments: Any) -> None:
        """Fragments of one chunk, or calls that are whole already."""
        if not isinstance(fragments, list):
            return
        for number, fragment in enumerate(fragments):
            told = dict_of(fragment)
            function = dict_of(told.get("function"))
            index = told.get("index")
            if type(index) is not int:
                index = self._index_of(text_of(told.get("id")), number)
            call = self._calls.setdefault(index, _Call())
            self._last = index
            call.id = call.id or text_of(told.get("id"))
            call.name = call.name or text_of(function.get("name"))
            arguments = function.get("arguments")
            if isinstance(arguments, str):
                call.arguments.append(arguments)
            elif isinstance(arguments, dict):
                call.arguments.append(as_text(arguments))

    def whole(self) -> list[ToolCallDelta]:
        """The calls, joined, in order; ours count from 0 without holes."""
        ordered = [call for _, call in sorted(self._calls.items()) if call.name or call.arguments]
        return [
            ToolCallDelta(
                number,
                ToolCallPart(whole(call.id) or f"call_{number}", whole(call.name), whole("".join(call.arguments))),
            )
            for number, call in enumerate(ordered)
        ]

    def _index_of(self, own_id: str, number: int) -> int:
        """Without an index: a new id begins a call, no id goes on with the last one."""
        for index, call in self._calls.items():
            if own_id and call.id == own_id:
                return index
        if own_id:
            return max(self._calls, default=-1) + 1
        return self._last if self._calls and number == 0 else max(self._last, number)
