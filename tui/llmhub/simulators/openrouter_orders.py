"""What a request to `/chat/completions` asks for."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmhub.simulators.openrouter_faults import REFUSALS, CloudRefusal, plain
from llmhub.simulators.orders import Order

_EFFORTS = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
_TO_VOICE = {"xhigh": "max", "minimal": "low"}
_BYTES_PER_TOKEN = {"GPT": 4.2, "Claude": 3.6, "Qwen3": 4.0, "Llama3": 4.1, "Gemini": 4.3, "DeepSeek": 3.9}
"""Vocabularies differ, so the same prompt is billed differently; the figures are made up."""
_MESSAGE_TOKENS = 4
_IMAGE_TOKENS = 256


@dataclass(frozen=True, slots=True)
class CloudOrder:
    """One request, checked."""

    models: tuple[str, ...]
    """The asked model and its fallbacks, as they were typed."""
    messages: tuple[dict[str, Any], ...]
    stream: bool = False
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    effort: str | None = None
    """`None`: not said; "none": off."""
    thought_tokens: int | None = None
    """The most tokens of reasoning."""
    shows_thoughts: bool = True
    tools: tuple[dict[str, Any], ...] = ()
    wishes: Mapping[str, Any] = field(default_factory=dict)
    """The `provider` object."""
    tier: str | None = None
    session_id: str | None = None
    asks_for: frozenset[str] = frozenset()
    """Parameters that are in the request, for `require_parameters`."""
    images: int = 0
    wants_cache: bool = False
    """Whether some part has a `cache_control`."""

    @property
    def spoken(self) -> Order:
        """The same in the form in which the simulated voices read it."""
        messages = tuple(
            {"role": message.get("role"), "content": text_of(message), "tool_name": message.get("name")}
            for message in self.messages
        )
        effort = _TO_VOICE.get(self.effort or "", self.effort)
        return Order(
            "chat", self.models[0], messages, stream=self.stream, think=effort, tools=self.tools, options={},
            keep_alive_ns=None, truncate=False, shift=False,
        )  # fmt: skip

    def native_tokens(self, tokenizer: str) -> list[int]:
        """Tokens of the tools and of each message, as this model's vocabulary counts them."""
        size = _BYTES_PER_TOKEN.get(tokenizer, 4.0)
        tools = math.ceil(len(json.dumps(self.tools)) / size) if self.tools else 0
        return [tools, *(_MESSAGE_TOKENS + _tokens_of(message, size) for message in self.messages)]

    def beginnings(self) -> list[bytes]:
        """A digest of everything up to and with each message, tools first: what a cache of prompts compares."""
        digest = hashlib.sha256(json.dumps(self.tools, sort_keys=True).encode())
        found = [digest.digest()]
        for message in self.messages:
            digest.update(json.dumps([message.get("role"), text_of(message)]).encode())
            found.append(digest.copy().digest())
        return found


def parse(data: bytes) -> CloudOrder:
    """Read a request.

    Raises:
        CloudRefusal: 400 where something is of a wrong kind or out of its range.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _bad("the body is no JSON") from error
    if not isinstance(body, dict):
        raise _bad("the body is no object")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(_is_message(message) for message in messages):
        raise _bad("messages")
    named = body.get("model", "openrouter/auto")
    fallbacks = body.get("models") or []
    if not isinstance(named, str) or not isinstance(fallbacks, list) or not all(isinstance(m, str) for m in fallbacks):
        raise _bad("model")
    effort, thought_tokens, shown = _reasoning(body.get("reasoning"))
    wishes, tools = body.get("provider") or {}, body.get("tools") or []
    if not isinstance(tools, list) or not all(_is_tool(tool) for tool in tools):
        raise _bad("tools")
    _check_wishes(wishes)
    _check_numbers(body)
    return CloudOrder(
        models=tuple(dict.fromkeys([named, *fallbacks])),
        messages=tuple(messages),
        stream=body.get("stream") is True,
        max_tokens=body.get("max_tokens") or body.get("max_completion_tokens"),
        stops=_stops(body.get("stop")),
        effort=effort,
        thought_tokens=thought_tokens,
        shows_thoughts=shown,
        tools=tuple(tools),
        wishes=wishes,
        tier=body.get("service_tier"),
        session_id=body.get("session_id") if isinstance(body.get("session_id"), str) else None,
        asks_for=frozenset(body) - {"model", "models", "messages", "stream", "provider", "session_id", "user"},
        images=sum(_images(message) for message in messages),
        wants_cache=any("cache_control" in part for message in messages for part in _parts(message)),
    )


def text_of(message: Mapping[str, Any]) -> str:
    """Everything of a message that a model reads as text."""
    content = message.get("content")
    said = content if isinstance(content, str) else "".join(str(part.get("text") or "") for part in _parts(message))
    calls = json.dumps(message["tool_calls"]) if message.get("tool_calls") else ""
    return said + calls


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _tokens_of(message: Mapping[str, Any], bytes_per_token: float) -> int:
    images = _images(message)
    return math.ceil(len(text_of(message).encode("utf-8", "replace")) / bytes_per_token) + images * _IMAGE_TOKENS


def _images(message: Mapping[str, Any]) -> int:
    return len([part for part in _parts(message) if part.get("type") == "image_url"])


def _is_message(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("role") in ("system", "developer", "user", "assistant", "tool")
        and isinstance(message.get("content"), (str, list, type(None)))
    )


def _is_tool(tool: Any) -> bool:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return False
    schema = function.get("parameters") or {}
    if not isinstance(schema, dict):
        return False
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    return (
        isinstance(properties, dict)
        and all(isinstance(kind, dict) and isinstance(kind.get("enum", []), list) for kind in properties.values())
        and isinstance(required, list)
        and all(isinstance(name, str) for name in required)
    )


def _check_wishes(wishes: Any) -> None:
    if not isinstance(wishes, dict):
        raise _bad("provider")
    for name in ("order", "only", "ignore", "quantizations"):
        names = wishes.get(name) or []
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise _bad(f"provider.{name}")
    if not isinstance(wishes.get("max_price") or {}, dict) or not isinstance(wishes.get("sort") or "", (str, dict)):
        raise _bad("provider.max_price or provider.sort")


def _reasoning(value: Any) -> tuple[str | None, int | None, bool]:
    if value is None:
        return None, None, True
    if not isinstance(value, dict):
        raise _bad("reasoning")
    effort, budget = value.get("effort"), value.get("max_tokens")
    if (effort is not None and effort not in _EFFORTS) or (effort is not None and budget is not None):
        raise _bad("reasoning.effort")
    if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool) or budget < 1):
        raise _bad("reasoning.max_tokens")
    if effort is None and value.get("enabled") is False:
        effort = "none"
    elif effort is None and (value.get("enabled") is True or budget is not None):
        effort = "medium"
    return effort, budget, value.get("exclude") is not True


def _stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(stop, str) and stop for stop in stops):
        raise _bad("stop")
    return tuple(stops)


def _check_numbers(body: Mapping[str, Any]) -> None:
    for name in ("max_tokens", "max_completion_tokens", "seed", "top_k"):
        value = body.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise _bad(name)
        if name.startswith("max") and value is not None and value < 1:
            raise _bad(name)
    for name, highest in (("temperature", 2), ("top_p", 1)):
        value = body.get(name)
        if value is not None and (not isinstance(value, (int, float)) or not 0 <= value <= highest):
            raise _bad(name)


def _bad(what: str) -> CloudRefusal:
    return plain(400, f"{REFUSALS['parameters'].body['error']['message']}: {what}")
