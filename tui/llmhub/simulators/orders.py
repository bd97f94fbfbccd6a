"""What a request to `/api/chat` or `/api/generate` asks for, read as strictly as the daemon reads it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from llmhub.simulators.wire import NEVER_NS

_NS = 1_000_000_000
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": _NS, "m": 60 * _NS, "h": 3600 * _NS}
_LEVELS = {"low", "medium", "high", "max"}
_OPTIONS: dict[str, str] = {
    **dict.fromkeys(
        ("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "seed", "num_predict", "top_k",
         "repeat_last_n", "draft_num_predict"), "integer",
    ),
    **dict.fromkeys(
        ("top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty"),
        "float32",
    ),
    "use_mmap": "boolean",
    "stop": "array",
}  # fmt: skip
RELOADING = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict")
"""Options whose change loads the model again (ollama-api.md, section 8)."""


class Refusal(Exception):  # noqa: N818  it is an answer, not a mistake
    """The daemon says no before the first line.

    Args:
        status: The HTTP status.
        text: The `error` of the body.
        extra: Further keys of the body.
        nested: Whether it is the engine's own refusal, which the daemon passes on chunked and without a charset.
    """

    def __init__(self, status: int, text: str, *, extra: dict[str, Any] | None = None, nested: bool = False) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.extra = extra or {}
        self.nested = nested


@dataclass(frozen=True, slots=True)
class Order:
    """One request, checked."""

    kind: Literal["chat", "generate"]
    model: str
    """As it was typed; every answer repeats it."""
    messages: tuple[dict[str, Any], ...]
    """Of a generate request: its system and its prompt as messages."""
    stream: bool
    think: bool | str | None
    tools: tuple[dict[str, Any], ...]
    options: dict[str, Any]
    keep_alive_ns: int | None
    truncate: bool
    shift: bool
    images: int = 0
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Nothing to answer: a load, or with keep_alive 0 an unload."""
        return not self.messages

    @property
    def last_user(self) -> str:
        """What the person said last."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return str(message.get("content") or "")
        return str(self.messages[-1].get("content") or "") if self.messages else ""

    @property
    def system(self) -> str:
        """The system prompts, joined."""
        return "\n".join(str(m.get("content") or "") for m in self.messages if m.get("role") == "system")


def body_of(data: bytes) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        Refusal: 400, in the words of Go's decoder.
    """
    if not data.strip():
        raise Refusal(400, "missing request body")
    try:
        value = json.loads(data)
    except UnicodeDecodeError as error:
        raise Refusal(400, "invalid character in string literal") from error
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc):
            raise Refusal(400, "unexpected EOF") from error
        found = error.doc[error.pos]
        raise Refusal(400, f"invalid character {found!r} looking for beginning of value") from error
    if not isinstance(value, dict):
        raise Refusal(400, f"json: cannot unmarshal {_go_kind(value)} into Go value of type api.Request")
    return value


def parse(kind: Literal["chat", "generate"], data: bytes) -> Order:
    """Read a chat or a generate request; options are looked at later, by `check_options`.

    Raises:
        Refusal: 400 where the daemon's decoder refuses.
    """
    body = body_of(data)
    struct = "ChatRequest" if kind == "chat" else "GenerateRequest"
    model = _typed(body, "model", str, "", struct, "string")
    messages: list[dict[str, Any]] = []
    images = 0
    if kind == "chat":
        for message in _typed(body, "messages", list, [], struct, "[]api.Message"):
            if not isinstance(message, dict):
                text = f"json: cannot unmarshal {_go_kind(message)} into Go struct field {struct}.messages"
                raise Refusal(400, f"{text} of type api.Message")
            _typed(message, "role", str, "", "Message", "string")
            _typed(message, "content", str, "", "Message", "string")
            images += len(message.get("images") or [])
            messages.append(message)
    else:
        prompt = _typed(body, "prompt", str, "", struct, "string")
        system = _typed(body, "system", str, "", struct, "string")
        images = len(body.get("images") or [])
        if prompt and system:
            messages.append({"role": "system", "content": system})
        if prompt:
            messages.append({"role": "user", "content": prompt})
    return Order(
        kind=kind,
        model=model,
        messages=tuple(messages),
        stream=_typed(body, "stream", bool, True, struct, "bool"),
        think=_think(body.get("think")),
        tools=tuple(_typed(body, "tools", list, [], struct, "api.Tools")),
        options=_typed(body, "options", dict, {}, struct, "map[string]interface {}"),
        keep_alive_ns=keep_alive_ns(body.get("keep_alive")),
        truncate=_typed(body, "truncate", bool, True, struct, "bool"),
        shift=_typed(body, "shift", bool, True, struct, "bool"),
        images=images,
        raw=body,
    )


def check_options(options: dict[str, Any]) -> None:
    """Refuse an option of a wrong type; an unknown one is ignored, as the daemon does.

    Raises:
        Refusal: 500, in the daemon's words.
    """
    for name, value in options.items():
        kind = _OPTIONS.get(name)
        if kind is None or value is None:
            continue
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = {
            "integer": is_number,
            "float32": is_number,
            "boolean": isinstance(value, bool),
            "array": isinstance(value, list),
        }[kind]
        if not fits:
            raise Refusal(500, f'option "{name}" must be of type {kind}')


def keep_alive_ns(value: Any) -> int | None:
    """Nanoseconds of a keep_alive; below zero means for ever; `None` is the server's default.

    Raises:
        Refusal: 400 for a text without a unit.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Refusal(400, f"Unsupported type: '{_go_kind(value)}'")
    if isinstance(value, (int, float)):
        return NEVER_NS if value < 0 else int(value * _NS)
    return _go_duration(value)


def _go_duration(text: str) -> int:
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        problem = "missing unit in duration" if re.fullmatch(r"[\d.]+", rest) else "invalid duration"
        raise Refusal(400, f'time: {problem} "{text}"')
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return NEVER_NS if sign < 0 else int(total)


def _think(value: Any) -> bool | str | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _LEVELS:
        return value
    shown = json.dumps(value) if isinstance(value, str) else _go_kind(value)
    raise Refusal(400, f'invalid think value: {shown} (must be "high", "medium", "low", "max", true, or false)')


def _typed(body: dict[str, Any], name: str, kind: type, default: Any, struct: str, go_type: str) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        text = f"json: cannot unmarshal {_go_kind(value)} into Go struct field {struct}.{name} of type {go_type}"
        raise Refusal(400, text)
    return value


def _go_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    kinds: dict[type, str] = {int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
